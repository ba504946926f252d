"""Between the user's arrays and the compiler's: one flat [batch, elements] tensor for each variable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.common.wording import shown
from ardsl.compiler.labels import coded
from ardsl.errors import ArdslError
from ardsl.families.distributions import is_inside
from ardsl.families.domains import Domain, Integer, MuLaw
from ardsl.families.encoding import encode_features, mulaw_encode
from ardsl.model.model import Variable
from ardsl.networks.group import Group, SourceBlock

Values = dict[str, Tensor]
"""By variable, [batch, elements], in the model's dtype; data that is not in the model's units yet may be float64."""


_EXACT = (torch.float64, torch.int64, torch.int32)
"""Types with numbers that float32 does not hold."""


def data_type(variable: Variable, like: Tensor) -> torch.dtype:
    """The type that a variable's data keeps its digits in before it is in the model's units: float64 where an element
    is continuous, which is to be centered, and where the device has it."""
    continuous = variable.is_record or not variable.element_domain(0).discrete
    return torch.float64 if continuous and like.device.type != "mps" else like.dtype


def by_name(data: object, variables: Sequence[Variable], what: str) -> dict[str, object]:
    """Data for several variables as a dict: a bare array stands for the only variable there is, and a data frame has
    them in its columns."""
    names = [v.name for v in variables]
    columns = _columns(data)
    if columns:
        data = _of_columns(data, columns, variables)
    if isinstance(data, Mapping):
        missing = [n for n in names if n not in data]
        unknown = [str(n) for n in data if n not in names]
        if missing or unknown:
            problems = {"missing": missing, "unknown": unknown}
            detail = "; ".join(f"{which}: {', '.join(map(shown, some))}" for which, some in problems.items() if some)
            raise ArdslError(f"{what} needs exactly the variables {', '.join(names) or '(none)'}; {detail}")
        return {n: data[n] for n in names}
    if data is None and not names:
        return {}
    if data is None or len(names) != 1:
        raise ArdslError(f"{what} needs a dict with the variables {', '.join(names)}")
    return {names[0]: data}


def _columns(data: object) -> list[str]:
    """The names of a data frame's columns, of pandas, polars or pyarrow; none of anything else."""
    if isinstance(data, Mapping | Tensor | np.ndarray) or not hasattr(data, "__getitem__"):
        return []
    columns = getattr(data, "column_names", None) or getattr(data, "columns", None)
    return [] if columns is None or callable(columns) else list(map(str, columns))


def _of_columns(frame: Any, columns: Sequence[str], variables: Sequence[Variable]) -> object:
    """The variables that a data frame's columns are named after, and those whose elements (``x[0]``) or fields they
    are, as arrays by name; the only variable's, without such names, as the columns stand. Other columns are left out.
    """
    found: dict[str, Any] = {}
    for variable in variables:
        elements = [f.name for f in variable.fields or ()] or [variable.element_name(e) for e in range(variable.size)]
        if variable.name in columns:
            found[variable.name] = frame[variable.name]
        elif variable.shape and set(elements) <= set(columns):
            found[variable.name] = _side_by_side(frame, elements, variable)
    if not found and len(variables) == 1 and len(columns) == variables[0].size:
        return _side_by_side(frame, columns, variables[0])
    return found


def _side_by_side(frame: Any, columns: Sequence[str], variable: Variable) -> np.ndarray:
    """Columns of a data frame as one array [batch, *shape]: of objects, where text stands in one of them."""
    try:
        arrays = [np.asarray(frame[name]) for name in columns]
    except (TypeError, ValueError):  # a cell that is an array itself, say
        arrays = [np.array(None)]
    if any(array.ndim != 1 or len(array) != len(arrays[0]) for array in arrays):
        raise ArdslError(f"the columns for `{variable.name}` must have one number for each example")
    if any(array.dtype.kind not in "biuf" for array in arrays):
        arrays = [array.astype(object) for array in arrays]
    return np.stack(arrays, 1).reshape(-1, *variable.shape)


def observed_values(data: object, variables: Sequence[Variable], like: Tensor) -> Values:
    """The user's arrays, checked for their shapes and for as many examples of each."""
    named = by_name(data, variables, "the data")
    found = {v.name: flat(named[v.name], v, like) for v in variables}
    if len({len(value) for value in found.values()}) > 1:
        told = ", ".join(f"{name} {len(value)}" for name, value in found.items())
        raise ArdslError("the variables have different numbers of examples: " + told)
    return found


def flat(value: object, variable: Variable, like: Tensor) -> Tensor:
    """One variable's array [batch, *shape] as [batch, elements]; conditioning may be one example's, [*shape]. It
    keeps the digits that centering needs. Text in it stands for labels."""
    tensor = numbers(coded(value, variable), f"`{variable.name}`", like.device)
    if variable.kind == "given" and tuple(tensor.shape) == variable.shape:
        tensor = tensor[None]  # one example's, for every sample
    tensor = _typed(tensor, variable, data_type(variable, like) if tensor.dtype in _EXACT else like.dtype)
    if variable.varies and tensor.ndim > 0 and tensor.shape[2:] == variable.shape[1:]:
        tensor = _padded(tensor, variable.shape[0])
    if tuple(tensor.shape[1:]) != variable.shape or tensor.ndim == 0:
        if variable.shape == () and tensor.ndim == 2 and tensor.shape[1] == 1:
            return tensor
        shape = ", ".join(map(str, ("batch", *variable.shape)))
        raise ArdslError(f"`{variable.name}` must have the shape [{shape}], not {list(tensor.shape)}")
    return tensor.reshape(len(tensor), variable.size)


def examples_by_name(examples: object, variables: Mapping[str, Variable]) -> dict[str, Tensor]:
    """Examples of some variables, [examples, *shape] by name, as they are: a bare array stands for the only observed
    variable. What is shorter than a variable of varying length can be has NaN for the rest."""
    observed = [variable for variable in variables.values() if variable.kind == "observed"]
    named = examples if isinstance(examples, Mapping) else by_name(examples, observed, "the examples")
    found = {}
    for name, value in named.items():
        if name not in variables:
            raise ArdslError(f"there is no variable `{name}`: there is {', '.join(variables)}")
        variable = variables[name]
        tensor = numbers(coded(value, variable), f"`{name}`")
        if variable.shape == () and tensor.ndim == 2 and tensor.shape[1] == 1:
            tensor = tensor[:, 0]
        if variable.varies and tensor.ndim > 1 and tensor.shape[2:] == variable.shape[1:]:
            tensor = _padded(tensor, variable.shape[0])
        if tensor.ndim == 0 or tuple(tensor.shape[1:]) != variable.shape or not len(tensor):
            shape = ", ".join(map(str, ("examples", *variable.shape)))
            raise ArdslError(f"`{name}` must have the shape [{shape}], not {list(tensor.shape)}")
        found[name] = tensor
    return found


def numbers(value: object, what: str, device: torch.device | None = None) -> Tensor:
    """Anybody's array as a tensor of real numbers: of numpy, of a data frame, of lists. Raises ``ArdslError`` where it
    is none."""
    try:
        if not isinstance(value, Tensor):
            array = np.asarray(value)
            kind = array.dtype.newbyteorder("=")
            fits = array.flags.writeable and array.flags.c_contiguous and array.dtype == kind
            value = torch.from_numpy(array if fits else np.array(array, kind, order="C"))
        tensor = value.to(device) if device is not None else value
    except (TypeError, ValueError, RuntimeError, OverflowError):
        raise ArdslError(f"{what} must be an array of numbers, not {shown(value)}") from None
    if tensor.is_complex() or tensor.is_quantized or tensor.layout != torch.strided:
        kind_of = "complex numbers" if tensor.is_complex() else f"a tensor of another layout ({tensor.layout})"
        raise ArdslError(f"{what} must be a dense array of real numbers, not {kind_of}")
    return tensor


def _typed(tensor: Tensor, variable: Variable, dtype: torch.dtype) -> Tensor:
    """Values in a dtype. Codes that half precision would take for others are refused."""
    found = tensor.to(dtype)
    if dtype in (torch.float16, torch.bfloat16) and any(domain.discrete for domain in _domains(variable)):
        other = (found.double() != tensor.double()) & ~tensor.isnan()
        if bool(other.any()):
            strange = tensor[other].flatten()[0].item()
            raise ArdslError(
                f"`{variable.name}` has {strange:g}, which {dtype} rounds to another value: use the model in "
                "float32, `model.float()`"
            )
    return found


def _domains(variable: Variable) -> list[Domain]:
    return [f.domain for f in variable.fields] if variable.fields else [variable.element_domain(0)]


def _padded(tensor: Tensor, length: int) -> Tensor:
    """Examples [batch, up to length, …] with NaN for the rest."""
    room = length - tensor.shape[1] if tensor.ndim > 1 else 0
    if room <= 0:
        return tensor
    return torch.cat([tensor, tensor.new_full((len(tensor), room, *tensor.shape[2:]), torch.nan)], 1)


def cut(values: Values, lengths: object, variables: Sequence[Variable], *, drawn: bool = False) -> Values:
    """The values of variables of varying length, with NaN for what lies beyond each example's end.

    ``lengths`` are integers [batch], by variable where several vary; None leaves them as long as they are. ``drawn``:
    observed values are still to be drawn.
    """
    varying = [v for v in variables if v.varies and v.name in values]
    if lengths is None and not varying:
        return values
    given = lengths_by_name(lengths, varying)
    found = dict(values)
    for variable in varying:
        value = values[variable.name].unflatten(1, (variable.shape[0], -1))
        if variable.name in given:
            value = _cut(value, checked_lengths(given[variable.name], len(value), variable, drawn=drawn), variable)
        if variable.end is not None and not drawn:
            value = ended(value, variable.end)
        gone = value.isnan()
        if not torch.equal(gone, gone.cummax(1).values) or not torch.equal(gone.any(2), gone.all(2)):
            raise ArdslError(f"`{variable.name}` has gaps before its end")
        found[variable.name] = value.flatten(1)
    return found


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
        told = f"a dict of them by name: {', '.join(names)}" if names else "no lengths: that of no variable varies"
        raise ArdslError(f"this model needs {told}")
    return {chosen[0]: lengths}


def checked_lengths(lengths: object, count: int, variable: Variable, *, drawn: bool) -> Tensor:
    """Lengths that so many examples of a variable can have, int64 [count]."""
    wanted = numbers(lengths, f"the lengths of `{variable.name}`")
    if wanted.shape != (count,) or wanted.is_floating_point() or wanted.dtype == torch.bool:
        raise ArdslError(f"the lengths of `{variable.name}` are {count} integers, one for each example")
    if bool(((wanted < 0) | (wanted > variable.shape[0])).any()):
        raise ArdslError(f"the lengths of `{variable.name}` are from 0 to {variable.shape[0]:,}")
    if drawn and variable.end is not None:
        raise ArdslError(f"the length of `{variable.name}` is drawn with it: it ends with its `end`")
    return wanted


def _cut(value: Tensor, lengths: Tensor, variable: Variable) -> Tensor:
    """NaN from each example's length on: [batch, length, …] of a variable."""
    beyond = torch.arange(variable.shape[0], device=value.device) >= lengths.to(value.device)[:, None]
    if bool((value.isnan() & ~beyond[..., None]).any()):
        raise ArdslError(f"a length of `{variable.name}` goes beyond what its array has")
    return value.masked_fill(beyond[..., None], torch.nan)


def ended(value: Tensor, end: int) -> Tensor:
    """NaN after the first ``end`` of each example, [batch, length, 1]; and ``end`` where it stops short of one."""
    over = (value == end).cumsum(1)
    found = value.masked_fill((over - (value == end).long()) > 0, torch.nan)
    gone = found.isnan()
    # The first place that is not there, of an example in which no end was seen.
    first = gone & ~torch.cat([torch.zeros_like(gone[:, :1]), gone[:, :-1]], 1) & (over[:, -1:] == 0)
    return found.masked_fill(first, float(end))


def whole(value: Tensor, variable: Variable) -> Tensor:
    """Values [batch, elements] with the ``end``, or else a legal value, for what lies beyond each example's end."""
    if not variable.varies:
        return value
    padding = blank(variable, len(value), value) if variable.end is None else float(variable.end)
    return torch.where(value.isnan(), padding, value)


def lengths_of(value: Tensor, variable: Variable) -> Tensor:
    """How many places along the first axis each example [batch, elements] has, int64 [batch]."""
    if not variable.varies:
        return torch.full((len(value),), variable.shape[0], device=value.device)
    return (~value.unflatten(1, (variable.shape[0], -1))[..., 0].isnan()).sum(1)


def longest(value: Tensor, variable: Variable) -> int:
    """How many places along the first axis the longest of some examples has; at least 1."""
    return max(1, int(lengths_of(value, variable).max())) if len(value) else 1


def blank(variable: Variable, count: int, like: Tensor) -> Tensor:
    """Legal values for what is not drawn yet, [count, elements]: a mask times a feature that is not finite (the
    logarithm of a positive 0) would not be 0."""
    every = range(variable.size) if variable.is_record else range(min(1, variable.size))
    row = torch.tensor([legal(variable.element_domain(e)) for e in every], dtype=like.dtype, device=like.device)
    return row.expand(count, variable.size).clone()


def legal(domain: Domain) -> float:
    """A value inside a domain: 0 where that is one."""
    if isinstance(domain, Integer):
        return float(min(max(domain.low, 0), domain.high))
    return {"positive": 1.0, "unit_interval": 0.5}.get(domain.name, 0.0)


def conditioning(given: object, variables: Sequence[Variable], like: Tensor, *, check: bool = True) -> Values:
    """What is given, for one example or for each. What lies outside its domain is refused, unless that has been
    checked: a network would take it for something else."""
    named, found = by_name(given, variables, "`given`"), {}
    for variable in variables:
        value = found[variable.name] = flat(named[variable.name], variable, like)
        if check:
            value = value.to(like.dtype)
            check_domain(value[~value.isnan()] if variable.varies else value, variable)
    return found


def check_domain(value: Tensor, variable: Variable) -> None:
    """Refuses values of elements that have one domain where they lie outside it."""
    domain = variable.element_domain(0)
    inside = _inside(domain, value)
    if not bool(inside.all()):
        strange = value[~inside].flatten()[0].item()
        raise ArdslError(f"`{variable.name}` takes values of {domain}, not {strange:g}")


def _inside(domain: Domain, value: Tensor) -> Tensor:
    """Which values, in the data's own form, are in the domain; a NaN is not."""
    if isinstance(domain, MuLaw):
        return value.abs() <= 1
    return is_inside(domain, value - domain.low if isinstance(domain, Integer) else value)


def require_values(values: Values, variables: Sequence[Variable], may_miss: Sequence[Variable]) -> None:
    """Refuses NaN where a value has to be."""
    for variable in variables:
        if not variable.varies and variable not in may_miss and bool(values[variable.name].isnan().any()):
            help = '`complete` draws them; only under `any(…, train = "all")` has the rest a density of its own'
            raise ArdslError(f"`{variable.name}` has missing values (NaN): {help}")


def expand_given(values: Values, count: int) -> Values:
    """Conditioning for ``count`` examples: one example's is repeated."""
    found = {}
    for name, value in values.items():
        if len(value) not in (1, count):
            raise ArdslError(f"`{name}` has {len(value)} examples where {count} are needed")
        found[name] = value.expand(count, -1)
    return found


def encode(group: Group, values: Values, reads: str, columns: range | None = None, *, validate: bool = False) -> Tensor:
    """The inputs of a group, [batch, columns]: features, or codes where the network reads those.

    ``columns`` limits them to some consecutive source elements. With ``validate`` a legal value is read for one outside
    its domain: what is drawn given that has a probability, though the value itself has none.
    """
    parts: list[Tensor] = []
    start = 0
    wanted = columns if columns is not None else range(group.elements)
    batch: Tensor | None = None
    for source in group.sources:
        low, high = max(wanted.start - start, 0), min(wanted.stop - start, len(source.elements))
        start += len(source.elements)
        batch = values[source.variable.name]
        if low < high:
            parts += _encoded(source, batch, reads, low, high, validate)
    if not parts:
        some = batch if batch is not None else next(iter(values.values()))
        return some.new_zeros(some.shape[0], 0)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def encode_source(source: SourceBlock, value: Tensor, reads: str) -> Tensor:
    """The inputs that a group reads of one variable, [batch, columns]: features, or codes."""
    parts = list(_encoded(source, value, reads, 0, len(source.elements), False))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


def _encoded(source: SourceBlock, values: Tensor, reads: str, low: int, high: int, validate: bool) -> Iterator[Tensor]:
    """Some of what is read of a variable, one domain after another."""
    for domain, first, last in source.runs:
        first, last = max(first, low), min(last, high)
        if first >= last:
            continue
        elements = source.elements[first:last]
        part = slice(elements.start, elements.stop) if isinstance(elements, range) else list(elements)
        value = values if len(elements) == values.shape[1] else values[:, part]
        beyond = value.isnan() if source.variable.varies else None
        if beyond is not None:
            value = value.masked_fill(beyond, legal(domain))
        if validate:
            value = torch.where(_inside(domain, value), value, legal(domain))
        if reads == "codes":
            yield _codes(domain, value)
            continue
        features = encode_features(domain, value)
        if beyond is not None:  # what does not exist has no features
            features = features.masked_fill(beyond[..., None], 0.0)
        yield features.flatten(1)


def _codes(domain: Domain, value: Tensor) -> Tensor:
    """0-based codes of a discrete domain."""
    if isinstance(domain, Integer):
        return value - domain.low
    if isinstance(domain, MuLaw):
        return mulaw_encode(value, domain.count).to(value.dtype)
    return value


def shaped(value: Tensor, variable: Variable) -> Tensor:
    """A variable's values in the form data has: [batch, *shape], integers where its domain is discrete."""
    whole = not variable.is_record and variable.domain is not None and variable.domain.discrete
    if whole and not isinstance(variable.domain, MuLaw):
        value = value.round().long()
    return value.reshape(len(value), *variable.shape)
