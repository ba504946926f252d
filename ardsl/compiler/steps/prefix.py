"""What sampling begins with: what is given, how long samples are, and the first moments of a series to go on with."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ardsl.arguments import checked_count
from ardsl.compiler.arrays.labels import coded, is_text
from ardsl.compiler.arrays.lengths import checked_lengths, cut, lengths_by_name
from ardsl.compiler.arrays.users import check_domain, conditioning, expand_given, numbers
from ardsl.compiler.arrays.values import Values, blank, data_type
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.series import series
from ardsl.errors import ArdslError
from ardsl.families.domains import MuLaw
from ardsl.families.encoding import mulaw_decode, mulaw_encode
from ardsl.model.model import Variable


def along_time(density: Density, what: str) -> Variable:
    """The only variable of a density, where its network runs along time; without one, an error of ``what``."""
    found = series(density)
    if found is None:
        raise ArdslError(f"{what} is of one variable along time, as `wavenet` draws it, first time step first")
    return found


def start(density: Density, count: int, given: Any, lengths: Any, begin: Any) -> tuple[Values, int]:
    """The values that ``count`` samples start from, in the model's units, and how many elements of the only variable
    are known already."""
    like = density.like
    values = {v.name: blank(v, count, like.to(data_type(v, like))) for v in density.spec.model.observed}
    values |= conditions(density, count, given)
    known = 0
    if begin is not None:
        variable = along_time(density, "a prefix")
        first = beginning(begin, variable, count, density.like)
        known = first.shape[1]
        values[variable.name][:, :known] = first
    values = cut(values, lengths, tuple(density.spec.variables.values()), drawn=True)
    if known and bool(values[variable.name][:, :known].isnan().any()):
        raise _too_short(variable)
    return density.units.standardized(values), known


def conditions(density: Density, count: int, given: Any) -> Values:
    """What is given, checked, for ``count`` samples."""
    return expand_given(conditioning(given, density.spec.model.given, density.like), count)


def moments_of(variable: Variable, length: int | None, known: int) -> int:
    """How many moments a series is to have that begins with so many ``known`` elements; ``length`` where one is asked
    for."""
    if length is None:
        return variable.shape[0]
    checked_count(length, "time steps")
    varying = [variable] if variable.varies else []
    checked_lengths([*lengths_by_name([length], varying).values()][0], 1, variable, drawn=True)
    if length < known // (variable.size // variable.shape[0]):
        raise _too_short(variable)
    return length


def _too_short(variable: Variable) -> ArdslError:
    return ArdslError(f"`{variable.name}` is to be shorter than what it begins with")


def beginning(value: Any, variable: Variable, count: int, like: Tensor) -> Tensor:
    """The first moments of each sample, flat [count, elements], from one's [moments, …] or from [count, moments, …]; of
    audio, the values of its codes; of a text, from its characters or those of each sample."""
    found = numbers(coded(value, variable), f"the prefix of `{variable.name}`", like.device)
    found = found.to(data_type(variable, like))
    if found.ndim == len(variable.shape):
        found = found[None]
    fits = found.ndim == 1 + len(variable.shape) and found.shape[2:] == variable.shape[1:]
    if fits and len(found) not in (1, count):
        raise ArdslError(f"there are {len(found)} prefixes of `{variable.name}` for {count} samples")
    if not fits or found.shape[1] > variable.shape[0]:
        most = ", ".join(map(str, (f"up to {variable.shape[0]}", *variable.shape[1:])))
        raise ArdslError(f"the prefix of `{variable.name}` must have the shape [{most}], not {list(found.shape[1:])}")
    if is_text(variable) and bool(found.isnan().any()):
        raise ArdslError(f"the prefixes of `{variable.name}` are of one length, and these differ")
    check_domain(found, variable)
    domain, end = variable.element_domain(0), variable.end
    if isinstance(domain, MuLaw):
        found = mulaw_decode(mulaw_encode(found, domain.count), domain.count, found.dtype)
    if end is not None and bool(((found == end).cummax(1).values & (found != end)).any()):
        raise ArdslError(f"the prefix of `{variable.name}` goes on after its end")
    return found.flatten(1).expand(count, -1)
