"""Lengths of examples: values that lie beyond an example's end are NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ardsl.compiler.arrays.users import numbers
from ardsl.compiler.arrays.values import Values, blank
from ardsl.errors import ArdslError
from ardsl.model.model import Variable


def with_nan_beyond_ends(
    values: Values, lengths: object, variables: Sequence[Variable], *, drawn: bool = False
) -> Values:
    """The values of variables of varying length, with NaN for what lies beyond each example's end.

    ``lengths`` are integers [batch], by variable where several vary; None leaves them as long as they are. ``drawn``:
    observed values are still to be drawn.
    """
    varying = [v for v in variables if v.varies and v.name in values]
    if lengths is None and not varying:
        return values
    given = lengths_by_name(lengths, varying)
    ended_values = dict(values)
    for variable in varying:
        value = values[variable.name].unflatten(1, (variable.shape[0], -1))
        if variable.name in given:
            value = _nan_from_lengths_on(
                value, checked_lengths(given[variable.name], len(value), variable, drawn=drawn), variable
            )
        if variable.end is not None and not drawn:
            value = ended(value, variable.end)
        beyond = value.isnan()
        if not torch.equal(beyond, beyond.cummax(1).values) or not torch.equal(beyond.any(2), beyond.all(2)):
            raise ArdslError(f"`{variable.name}` has gaps before its end")
        ended_values[variable.name] = value.flatten(1)
    return ended_values


def lengths_by_name(lengths: object, varying: Sequence[Variable]) -> Mapping[str, object]:
    """Lengths by name; a bare array stands for the only observed variable whose length varies, or the only one."""
    names = [v.name for v in varying]
    if lengths is None:
        return {}
    if isinstance(lengths, Mapping):
        unknown = [str(name) for name in lengths if name not in names]
        if not unknown:
            return lengths
        raise ArdslError(f"the length of `{unknown[0]}` does not vary; of {', '.join(names) or 'no variable'} it does")
    chosen = [v.name for v in varying if v.kind == "observed"] or names
    if len(chosen) != 1:
        expected = f"a dict of them by name: {', '.join(names)}" if names else "no lengths: that of no variable varies"
        raise ArdslError(f"this model needs {expected}")
    return {chosen[0]: lengths}


def checked_lengths(lengths: object, count: int, variable: Variable, *, drawn: bool) -> Tensor:
    """Lengths that so many examples of a variable can have, int64 [count]."""
    checked = numbers(lengths, f"the lengths of `{variable.name}`")
    if checked.shape != (count,) or checked.is_floating_point() or checked.dtype == torch.bool:
        raise ArdslError(f"the lengths of `{variable.name}` are {count} integers, one for each example")
    if bool(((checked < 0) | (checked > variable.shape[0])).any()):
        raise ArdslError(f"the lengths of `{variable.name}` are from 0 to {variable.shape[0]:,}")
    if drawn and variable.end is not None:
        raise ArdslError(f"the length of `{variable.name}` is drawn with it: it ends with its `end`")
    return checked


def _nan_from_lengths_on(value: Tensor, lengths: Tensor, variable: Variable) -> Tensor:
    """NaN from each example's length on: [batch, length, …] of a variable."""
    beyond = torch.arange(variable.shape[0], device=value.device) >= lengths.to(value.device)[:, None]
    if bool((value.isnan() & ~beyond[..., None]).any()):
        raise ArdslError(f"a length of `{variable.name}` goes beyond what its array has")
    return value.masked_fill(beyond[..., None], torch.nan)


def ended(value: Tensor, end: int) -> Tensor:
    """NaN after the first ``end`` of each example, [batch, length, 1]; and ``end`` where it stops short of one."""
    over = (value == end).cumsum(1)
    ending = value.masked_fill((over - (value == end).long()) > 0, torch.nan)
    beyond = ending.isnan()
    # The first place that is not there, of an example in which no end was seen.
    first = beyond & ~torch.cat([torch.zeros_like(beyond[:, :1]), beyond[:, :-1]], 1) & (over[:, -1:] == 0)
    return ending.masked_fill(first, float(end))


def padded(value: Tensor, variable: Variable) -> Tensor:
    """Values [batch, elements] with the ``end``, or else a legal value, for what lies beyond each example's end."""
    if not variable.varies:
        return value
    padding = blank(variable, len(value), value) if variable.end is None else float(variable.end)
    return torch.where(value.isnan(), padding, value)


def lengths_of(value: Tensor, variable: Variable) -> Tensor:
    """The length of each example [batch, elements] along the first axis: int64 [batch]."""
    if not variable.varies:
        return torch.full((len(value),), variable.shape[0], device=value.device)
    return (~value.unflatten(1, (variable.shape[0], -1))[..., 0].isnan()).sum(1)


def longest(value: Tensor, variable: Variable) -> int:
    """The length of the longest of some examples along the first axis, at least 1."""
    return max(1, int(lengths_of(value, variable).max())) if len(value) else 1
