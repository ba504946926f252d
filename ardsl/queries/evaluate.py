"""Exact likelihoods of data: every example counts once, whatever the batches."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_count, checked_name
from ardsl.common.wording import plural
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.base import CompiledModel, Rows
from ardsl.compiler.compile import Compiled
from ardsl.compiler.guards import at_once, evaluating
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import by_pattern
from ardsl.compiler.model import AutoregressiveModel
from ardsl.data.splits import Examples, count, load_split, take
from ardsl.data.values import Unknown
from ardsl.diagnostics.rules.data import NO_SUCH_KEY
from ardsl.errors import ArdslError, DataError
from ardsl.model.model import Variable
from ardsl.system.processes import Processes


@dataclass(frozen=True)
class SomeOrders:
    """The first ``count`` orders of a mixture: the mean of their own negative log-likelihoods, ``nll`` ±
    ``standard_error`` over orders (NaN of one), in nats per example; and by number of orders, 1, 2, 4 and so on, that
    of the mixture of the first of them."""

    count: int
    nll: float
    standard_error: float
    mixtures: Mapping[int, float]


@dataclass(frozen=True)
class Evaluation:
    """The mean negative log-likelihood of a data set: ``nll`` ± ``standard_error`` in nats per example.

    ``bits_per_dim`` is nll / (elements · ln 2), of those elements that the examples have. ``seconds`` is the time the
    likelihoods took. With latent variables ``nll`` is that of the importance-weighted bound with so many ``samples``,
    an upper bound on the true one; ``elbo`` is the mean lower bound of one sample, and ``kl`` the mean divergence of
    each variable that the guide draws, in nats.

    Under ``any(…)`` ``nll`` is that of the mixture over the orders; where it was asked for, of the first so many
    ``orders``, which say how near these are to each other. ``estimated``: by one question for each example, of networks
    asked with a mask, as training validates.
    """

    nll: float
    standard_error: float
    bits_per_dim: float
    examples: int
    seconds: float
    samples: int | None = None
    elbo: float | None = None
    kl: Mapping[str, float] = field(default_factory=dict)
    orders: SomeOrders | None = None
    estimated: bool = field(default=False, repr=False)


def evaluate(
    model: Compiled,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    samples: int = 100,
    orders: int | None = None,
    examples: int | None = None,
) -> Evaluation:
    """Measures how likely the model finds ``data`` (any form that ``fit`` takes; by default the spec's own ``split``).

    ``batch`` examples are in work at once; by default as many as fit a modest memory. Under ``any(orders = K)`` the
    likelihood is the mixture's, or that of the first so many ``orders``. ``samples`` draws of the guide for each
    example bound it, where there are latent variables. So many ``examples``, drawn from all, stand for them.
    """
    samples, batch = checked_count(samples, "samples", 1), checked_batch(batch)
    every = _examples(model, data, split, data_dir)
    orders = None if orders is None else _checked_orders(model, orders)
    if examples is not None and checked_count(examples, "examples", 1) < count(every):
        chosen = np.random.default_rng(0).choice(count(every), examples, replace=False)
        every = take(every, torch.from_numpy(np.sort(chosen)))
    return evaluate_examples(model, every, batch, samples=samples, orders=orders)


def score(
    model: Compiled,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    samples: int = 100,
    unknown: str = "missing",
) -> np.ndarray:
    """log p of what each example has, float64 [examples], in nats and in the data's order; with latent variables the
    bound of so many ``samples``, and NaN where values are missing.

    Of incomplete rows it is the marginal, exact or estimated as :meth:`AutoregressiveModel.marginal` gives it, also
    where the spec refuses them, or leaves them out, as training data. Values outside their domains, and columns that
    are not there, are missing ones where there may be any, with a warning; ``unknown = "error"`` refuses them.
    """
    return scores(model, data, batch, split=split, data_dir=data_dir, samples=samples, unknown=unknown).log_prob


@dataclass(frozen=True)
class Scores:
    """log p of each example, ``log_prob`` [examples] in nats, and the ``standard_error`` of those that are estimated,
    [examples]: 0 of exact ones. ``bounded``: they are lower bounds, since a guide draws latent variables."""

    log_prob: np.ndarray
    standard_error: np.ndarray
    bounded: bool = False


def scores(
    model: Compiled,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    samples: int = 100,
    unknown: str = "missing",
) -> Scores:
    """:func:`score`, and how exact each is."""
    samples, batch = checked_count(samples, "samples", 1), checked_batch(batch)
    require_model(model)
    examples = load_counting(model, data, split, data_dir, unknown, missing="keep")
    incomplete = _incomplete(model, examples, model.spec.model.observed)
    unconditioned = _incomplete(model, examples, model.spec.model.given)
    whole = torch.from_numpy(np.flatnonzero(~(incomplete | unconditioned)))
    log_probs = torch.full((count(examples),), math.nan, dtype=torch.float64)
    errors = torch.zeros_like(log_probs)
    with torch.no_grad():
        for first, values in values_in_batches(model, take(examples, whole), batch or default_batch(model)):
            log_prob, _ = _measured(model, values, samples, first)
            log_probs[whole[first : first + len(log_prob)]] = log_prob
    gaps = torch.from_numpy(np.flatnonzero(incomplete & ~unconditioned))
    if len(gaps) and isinstance(model, AutoregressiveModel) and not any(v.varies for v in model.spec.model.observed):
        given = [v.name for v in model.spec.model.given]
        own = take(examples, gaps)
        conditioning = {name: own.pop(name) for name in given} or None
        answer = model.marginal(own, conditioning, seed=0)
        log_probs[gaps] = torch.as_tensor(answer.value)
        errors[gaps] = torch.as_tensor(0.0 if answer.standard_error is None else answer.standard_error).double()
    return Scores(log_probs.numpy(), errors.numpy(), bool(model.spec.guide))


def _incomplete(model: Compiled, examples: Examples, variables: Sequence[Variable]) -> np.ndarray:
    """The examples that lack values of some variables without which they have no likelihood: bool [examples]."""
    lacking = np.zeros(count(examples), dtype=bool)
    marginalized = model.spec.model.may_miss
    for variable in variables:
        value = examples[variable.name]
        if variable not in marginalized and not variable.varies and value.is_floating_point():
            lacking |= value.reshape(len(lacking), -1).isnan().any(1).cpu().numpy()
    return lacking


def evaluate_examples(
    model: Compiled,
    examples: Examples,
    batch: int | None = None,
    processes: Processes | None = None,
    samples: int = 1,
    exact: bool = True,
    orders: int | None = None,
) -> Evaluation:
    """:func:`evaluate` for checked examples in memory; of several ``processes`` each has its own, which count together,
    and the figures are the same in all. Where it is not to be ``exact``, networks asked with a mask are asked once for
    each example, the same question each time."""
    started = time.perf_counter()
    moments, batch = _Moments(), batch or default_batch(model)
    rank, world = (0, 1) if processes is None else (processes.rank, processes.world)
    estimated = model.asks and not exact
    if estimated:  # however many processes share the examples, the same rows are asked at once
        batch = max(1, min(batch, _ASKED_AT_ONCE) // world)
    with torch.no_grad():
        for first, values in values_in_batches(model, examples, batch):
            if estimated:
                rows = Rows(world * len(next(iter(values.values()))), slice(rank, None, world))
                log_probs, sums = _measured(model, values, samples, world * first, exact=False, rows=rows)
            elif orders is None:
                log_probs, sums = _measured(model, values, samples, first)
            else:
                log_probs, sums = _under_orders(model, values, orders)
            new = float(log_probs.mean())
            own = _Moments(len(log_probs), new, float(((log_probs - new) ** 2).sum()), _elements(model, values), sums)
            moments = moments.merged(own)
    if processes is not None:
        moments = reduce(_Moments.merged, processes.gather(moments))
    n, mean = moments.count, moments.mean
    error = math.sqrt(moments.squares / (n - 1) / n) if n > 1 else math.nan
    bits = -mean * n / (max(moments.elements, 1) * math.log(2))
    bound: dict[str, Any] = {"estimated": estimated}
    means = {name: total / max(n, 1) for name, total in moments.sums.items()}
    if orders is not None:
        each = -np.array([means[f"order {k}"] for k in range(orders)])
        spread = float(each.std(ddof=1)) / math.sqrt(orders) if orders > 1 else math.nan
        mixtures = {k: -means[f"mixture of {k}"] for k in _doubled(orders)}
        bound |= {"orders": SomeOrders(orders, float(each.mean()), spread, mixtures)}
    elif _ELBO in moments.sums:
        bound |= {"samples": samples, "elbo": means.pop(_ELBO), "kl": means}
    return Evaluation(-mean, error, bits, n, time.perf_counter() - started, **bound)


_ASKED_AT_ONCE = 840
"""The most examples that are asked at once, shared evenly by up to eight processes."""
_ELBO = ""
"""The name under which its sum is kept beside those of the variables."""


def _measured(
    model: Compiled, values: Values, samples: int, first: int, exact: bool = True, rows: Rows | None = None
) -> tuple[Tensor, Mapping[str, float]]:
    """log p of each example, float64 on the CPU, or a bound on it, and sums over the examples: of the lower bound with
    one sample and of the divergences. The same for the same batch, whose first example is the ``first``."""
    likelihood = model.likelihood(values, samples, seed=first, exact=exact, rows=rows)
    sums = {name: float(divergence.double().sum()) for name, divergence in likelihood.divergences.items()}
    if likelihood.elbo is not None:
        sums[_ELBO] = float(likelihood.elbo.double().sum())
    return likelihood.log_prob.double().cpu(), sums


def _under_orders(model: Compiled, values: Values, orders: int) -> tuple[Tensor, Mapping[str, float]]:
    """log p of each example under the mixture of the first so many orders, float64 on the CPU; and sums over the
    examples, under each order and under the mixtures of fewer."""
    assert isinstance(model, Density)  # see _checked_orders
    patterns, _ = by_pattern(values, model.may_miss, model.spec.variables)
    by_variable = [under.double().cpu() for under in model.order_log_probs(patterns, range(orders)).values()]
    each = sum(by_variable[1:], start=by_variable[0]).expand(orders, -1).sum(1).tolist()
    sums = {f"order {k}": total for k, total in enumerate(each)}
    for k in _doubled(orders):
        first = [under[:k] for under in by_variable]
        mixture = torch.stack([under.logsumexp(0) - math.log(len(under)) for under in first]).sum(0)
        sums[f"mixture of {k}"] = float(mixture.sum())
    return mixture, sums


def _doubled(most: int) -> list[int]:
    """1, 2, 4 and so on up to a number, and the number."""
    return [*(1 << power for power in range((most - 1).bit_length())), most]


def _checked_orders(model: Compiled, orders: object) -> int:
    """Checks a number of orders to evaluate. Raises ``ArdslError`` where the model has not as many."""
    number = checked_count(orders, "orders", 1)
    mixed = [v for v in model.spec.model.observed if v.orders.mixed]
    if not isinstance(model, Density) or not mixed:
        raise ArdslError("the model is not the mixture of several orders, as `any(orders = 8)` declares it")
    for variable in mixed:
        if number > len(variable.orders):
            raise ArdslError(f"`{variable.name}` has {plural(len(variable.orders), 'order')}, not {number:,}")
    return number


def _elements(model: Compiled, values: Values) -> int:
    """The observed elements of all examples: of varying length, those before each one's end."""
    observed = [values[v.name] for v in model.spec.model.observed]
    varying = [values[v.name] for v in model.spec.model.observed if v.varies]
    return sum(value.numel() for value in observed) - sum(int(value.isnan().sum()) for value in varying)


@dataclass(frozen=True)
class _Moments:
    """A count, a mean, and the sum of the squared deviations from it; of how many elements; and other sums."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    elements: int = 0
    sums: Mapping[str, float] = field(default_factory=dict)

    def merged(self, other: _Moments) -> _Moments:
        """Merges those of both, which keeps the digits that a plain sum of squares would lose."""
        n, size = self.count, other.count
        if size == 0:
            return self
        apart = other.mean - self.mean
        squares = self.squares + (other.squares + apart**2 * n * size / (n + size))
        elements = self.elements + other.elements
        sums = {name: self.sums.get(name, 0.0) + value for name, value in other.sums.items()}
        return _Moments(n + size, self.mean + apart * size / (n + size), squares, elements, sums)


def values_in_batches(model: Compiled, examples: Examples, batch: int) -> Iterator[tuple[int, Values]]:
    """The examples in order and standardized, each batch with the number of its first; the model is in
    evaluation mode meanwhile."""
    given = [v.name for v in model.spec.model.given]
    with evaluating(model):
        for first in range(0, count(examples), batch):
            batch_examples = take(examples, slice(first, first + batch))
            conditioning = {name: batch_examples.pop(name) for name in given} or None
            yield first, model.values(batch_examples, conditioning, check=False)


def default_batch(model: Compiled) -> int:
    """Counts the examples whose activations fit a modest memory, and never very many."""
    return at_once(model.spec.plan, model.like.device)


def checked_batch(batch: object) -> int | None:
    """Checks the number of examples that are in work at once, where it is given. Raises ``ArdslError`` where it is no
    such number."""
    return None if batch is None else checked_count(batch, "examples at once", 1)


def load_counting(
    model: CompiledModel, data: Any, split: str, data_dir: str | Path | None, unknown: str, **options: Any
) -> Examples:
    """Examples of data in which values outside their domains, and columns that are not there, are missing ones, with a
    warning; with ``unknown = "error"`` these are refused."""
    checked_name(unknown, "unknown", ("missing", "error"))
    counted = Unknown() if unknown == "missing" else None
    directory = data_dir or model.data_directory
    examples = load_split(
        model.spec, data, split, data_dir=directory, dtype=model.like.dtype, unknown=counted, **options
    )
    for note in counted.notes if counted is not None else ():
        warnings.warn(note, stacklevel=3)
    return examples


def require_model(model: object) -> None:
    """Refuses what is no model."""
    if not isinstance(model, CompiledModel):
        help = "restore one with `ardsl.restore(DIR)`, or take a run's `.model`"
        raise ArdslError(f"this takes a model, not {type(model).__name__}: {help}")


def _examples(model: Compiled, data: Any, split: str, data_dir: str | Path | None) -> Examples:
    require_model(model)
    directory, dtype = data_dir or model.data_directory, model.like.dtype
    try:
        return load_split(model.spec, data, split, data_dir=directory, dtype=dtype)
    except DataError as error:
        misspelt = error.problem.endswith("?")
        if error.code == NO_SUCH_KEY.code and not misspelt and _only_columns_lack(model, data, split, directory):
            raise DataError(error.code, f"{error.problem}; `score` takes it as missing in every row") from None
        raise


def _only_columns_lack(model: Compiled, data: Any, split: str, directory: str | Path | None) -> bool:
    """Says whether data could be scored with the columns that it lacks as missing ones."""
    counted = Unknown()
    try:
        load_split(model.spec, data, split, data_dir=directory, missing="keep", unknown=counted)
    except DataError:
        return False
    return bool(counted.columns)
