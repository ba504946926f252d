"""The search of a sweep: every combination of some values, or what optuna proposes after the trials so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import product
from typing import Any

import numpy as np

from ardsl.common.wording import listed
from ardsl.diagnostics import Sink, Source
from ardsl.diagnostics.rules.data import UNUSABLE_OPTION
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import DataError, SpecError, data_error
from ardsl.language import parse
from ardsl.language.syntax import ParamStatement
from ardsl.model.scope import Scope
from ardsl.model.values import check_params, describe, fitted, kind_of
from ardsl.spec import diagnose

MOST = 10_000
"""Combinations of a grid: each spec is checked before the first is trained."""
_DIGITS = 4
"""Significant digits of a number that is drawn from a range: run folders are named by it."""


@dataclass(frozen=True)
class Range:
    """The numbers from ``low`` to ``high``, both included; integers where the parameter is one."""

    low: float
    high: float

    @property
    def log(self) -> bool:
        """Says whether factors matter, not differences: both ends are positive and far apart."""
        return 0 < 10 * self.low < self.high

    @property
    def integer(self) -> bool:
        return isinstance(self.low, int)


Space = dict[str, tuple[Any, ...] | Range]
"""The values to try for each parameter, in the order in which the spec declares them."""


def parameters(source: Source, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a spec with their values. Raises ``SpecError`` where they are not known."""
    sink = Sink(source)
    scope = Scope(source, sink)
    check_params([s for s in parse(source, sink).statements if isinstance(s, ParamStatement)], overrides, scope)
    if sink.errors:
        raise SpecError(diagnose(source, overrides)[0])
    return dict(scope.params)


def make_space(declared: Mapping[str, Any], over: Mapping[str, Any]) -> Space:
    """The values to try, each as its parameter's type."""
    if not over:
        raise _unusable("a sweep needs a parameter to sweep over")
    for name in over:
        if name not in declared:
            known = f"the parameters are {listed(declared)}" if declared else "the spec has no parameters"
            raise _unusable(
                f"there is no parameter `{name}` to sweep over: {did_you_mean(str(name), declared) or known}"
            )
    return {name: _values(name, value, over[name]) for name, value in declared.items() if name in over}


def _values(name: str, declared: Any, given: Any) -> tuple[Any, ...] | Range:
    if isinstance(given, Range):
        if not isinstance(declared, int | float) or isinstance(declared, bool):
            raise _unusable(f"`{name}` is {kind_of(declared)}, and takes no range")
        low, high = (_fitted(name, declared, end) for end in (given.low, given.high))
        if not low < high:
            raise _unusable(f"the range {low}..{high} of `{name}` is empty")
        return Range(low, high)
    if isinstance(given, str) or not isinstance(given, Sequence | np.ndarray):
        raise _unusable(f"`{name}` takes a list of values to try, or a range")
    values = tuple(dict.fromkeys(_fitted(name, declared, value) for value in given))
    if not values:
        raise _unusable(f"there are no values of `{name}` to try")
    return values


def _fitted(name: str, declared: Any, value: Any) -> Any:
    fitted_value = fitted(declared, value.item() if isinstance(value, np.generic) else value)
    if fitted_value is None:
        raise _unusable(f"`{name}` is {kind_of(declared)} and cannot be set to {describe(value)}")
    return fitted_value


def grid(space: Space) -> Iterator[dict[str, Any]]:
    """Every combination; of a range its ends. Too many are refused."""
    choices = [(v.low, v.high) if isinstance(v, Range) else v for v in space.values()]
    size = math.prod(map(len, choices))
    if size > MOST:
        raise _unusable(f"{size:,} combinations are more than {MOST:,}: give fewer values")
    return (dict(zip(space, values, strict=True)) for values in product(*choices))


def check_search(space: Space, trials: int | None) -> None:
    """Refuses a range without a number of trials, and trials without optuna."""
    name = next((name for name, values in space.items() if isinstance(values, Range)), None)
    if trials is None and name is None:
        return
    install = "" if find_spec("optuna") else ", and optuna: `pip install 'ardsl[sweep]'`"
    if trials is None:
        raise _unusable(f"the range of `{name}` needs a number of trials, --trials N{install}")
    if trials < 1:
        raise _unusable(f"`trials` must be at least 1, not {trials}")
    if install:
        raise _unusable("`trials` needs optuna: `pip install 'ardsl[sweep]'`")


def holds(space: Space, params: Mapping[str, Any]) -> bool:
    """Says whether these are values of the space."""
    return all(v.low <= params[n] <= v.high if isinstance(v, Range) else params[n] in v for n, v in space.items())


def size(space: Space) -> float:
    """Counts the combinations."""
    counts = (
        len(v) if not isinstance(v, Range) else v.high - v.low + 1 if v.integer else math.inf for v in space.values()
    )
    return math.prod(counts)


def propose(space: Space, trials: Sequence[tuple[Mapping[str, Any], float]], seed: Sequence[int]) -> dict[str, Any]:
    """Proposes what to try after these trials, each with its loss: a function of the arguments.

    So a search that was cut short resumes as if it had not been. The sampler is TPE (Bergstra et al. 2011).
    """
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        number = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=number))
        # Categories go by their number: lists are none of optuna's, and names need not be unique to it.
        kinds: dict[str, Any] = {
            name: optuna.distributions.CategoricalDistribution(range(len(values)))
            if not isinstance(values, Range)
            else optuna.distributions.IntDistribution(int(values.low), int(values.high), log=values.log)
            if values.integer
            else optuna.distributions.FloatDistribution(values.low, values.high, log=values.log)
            for name, values in space.items()
        }
        for params, loss in trials:
            numbers = {n: params[n] if isinstance(v, Range) else v.index(params[n]) for n, v in space.items()}
            study.add_trial(optuna.trial.create_trial(params=numbers, distributions=kinds, value=loss))
        drawn = study.ask(fixed_distributions=kinds).params
    finally:
        optuna.logging.set_verbosity(before)
    return {n: _short(v, drawn[n]) if isinstance(v, Range) else v[drawn[n]] for n, v in space.items()}


def _short(values: Range, drawn: float) -> float:
    """A number of few digits near the drawn one, in the range."""
    if values.integer:
        return drawn
    return min(max(float(f"{drawn:.{_DIGITS}g}"), values.low), values.high)


def _unusable(problem: str) -> DataError:
    return data_error(UNUSABLE_OPTION, problem=problem)
