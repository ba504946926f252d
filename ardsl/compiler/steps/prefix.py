"""Sampling's first values: those given, lengths, and the prefix of a series that samples continue."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ardsl.arguments import checked_count
from ardsl.compiler.arrays.labels import coded, is_text
from ardsl.compiler.arrays.lengths import checked_lengths, lengths_by_name, with_nan_beyond_ends
from ardsl.compiler.arrays.users import check_domain, conditioning, expand_given, numbers
from ardsl.compiler.arrays.values import Values, blank, data_type
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.series import series
from ardsl.errors import ArdslError
from ardsl.model.model import Variable


def require_series(density: Density, asked_for: str) -> Variable:
    """The only variable of a density whose network runs along time. Raises ``ArdslError`` where there is none, which
    says that ``asked_for`` needs one."""
    variable = series(density)
    if variable is None:
        raise ArdslError(f"{asked_for} is of one variable along time, as `wavenet` draws it, first time step first")
    return variable


def initial_values(density: Density, count: int, given: Any, lengths: Any, prefix: Any) -> tuple[Values, int]:
    """The standardized values that ``count`` samples start from, and the number of elements that a prefix gives: NaN
    beyond the end of each sample, legal values where something is to be drawn."""
    like = density.like
    values = {v.name: blank(v, count, like.to(data_type(v, like))) for v in density.spec.model.observed}
    values |= given_values(density, count, given)
    known = 0
    if prefix is not None:
        variable = require_series(density, "a prefix")
        first = checked_prefix(prefix, variable, count, density.like)
        known = first.shape[1]
        values[variable.name][:, :known] = first
    values = with_nan_beyond_ends(values, lengths, tuple(density.spec.variables.values()), drawn=True)
    if known and bool(values[variable.name][:, :known].isnan().any()):
        raise _too_short(variable)
    return density.units.standardized(values), known


def given_values(density: Density, count: int, given: Any) -> Values:
    """Values of the given variables for ``count`` samples, [count, elements], checked for their domains."""
    return expand_given(conditioning(given, density.spec.model.given, density.like), count)


def series_length(variable: Variable, length: int | None, known: int) -> int:
    """The number of time steps of a series whose first ``known`` elements are a prefix: the ``length`` asked for, or
    all that the variable can have."""
    if length is None:
        return variable.shape[0]
    checked_count(length, "time steps")
    varying = [variable] if variable.varies else []
    checked_lengths([*lengths_by_name([length], varying).values()][0], 1, variable, drawn=True)
    if length < known // (variable.size // variable.shape[0]):
        raise _too_short(variable)
    return length


def _too_short(variable: Variable) -> ArdslError:
    return ArdslError(f"`{variable.name}` is to be shorter than its prefix")


def checked_prefix(prefix: Any, variable: Variable, count: int, like: Tensor) -> Tensor:
    """The prefix of each sample as flat values, [count, elements]: from one for all, [steps, …], or [count, steps, …].

    A prefix of audio has the values of its codes; one of a text is a string, or one for each sample. Raises
    ``ArdslError`` for shapes and values that the variable cannot have.
    """
    value = numbers(coded(prefix, variable), f"the prefix of `{variable.name}`", like.device)
    value = value.to(data_type(variable, like))
    if value.ndim == len(variable.shape):
        value = value[None]
    fits = value.ndim == 1 + len(variable.shape) and value.shape[2:] == variable.shape[1:]
    if fits and len(value) not in (1, count):
        raise ArdslError(f"there are {len(value)} prefixes of `{variable.name}` for {count} samples")
    if not fits or value.shape[1] > variable.shape[0]:
        most = ", ".join(map(str, (f"up to {variable.shape[0]}", *variable.shape[1:])))
        raise ArdslError(f"the prefix of `{variable.name}` must have the shape [{most}], not {list(value.shape[1:])}")
    if is_text(variable) and bool(value.isnan().any()):
        raise ArdslError(f"the prefixes of `{variable.name}` are of one length, and these differ")
    check_domain(value, variable)
    domain, end = variable.element_domain(0), variable.end
    value = domain.quantized(value)
    if end is not None and bool(((value == end).cummax(1).values & (value != end)).any()):
        raise ArdslError(f"the prefix of `{variable.name}` continues after its end")
    return value.flatten(1).expand(count, -1)
