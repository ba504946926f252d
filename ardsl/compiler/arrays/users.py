"""Users' arrays, of any library, as flat values; and flat values in the form of users' arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.common.wording import number, plural, shown
from ardsl.compiler.arrays.labels import coded
from ardsl.compiler.arrays.values import Values, data_type, value_type
from ardsl.errors import ArdslError
from ardsl.families.domains import Domain
from ardsl.model.model import Variable

_EXACT = (torch.float64, torch.int64, torch.int32)
"""Types with numbers that float32 does not hold."""


def by_name(data: object, variables: Sequence[Variable], what: str) -> dict[str, object]:
    """Data for several variables as a dict: a bare array stands for the only variable there is, and a data frame has
    them in its columns."""
    names = [v.name for v in variables]
    if isinstance(data, Tensor) and len(names) == 1:
        return {names[0]: data}
    if isinstance(data, dict) and list(data) == names:
        return data
    columns = _columns(data)
    if columns:
        data = _of_columns(data, columns, variables)
    if isinstance(data, Mapping):
        missing = [n for n in names if n not in data]
        unknown = [str(n) for n in data if n not in names]
        if missing or unknown:
            problems = {"missing": missing, "unknown": unknown}
            detail = "; ".join(f"{which}: {', '.join(some)}" for which, some in problems.items() if some)
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
    arrays: dict[str, Any] = {}
    for variable in variables:
        elements = [f.name for f in variable.fields or ()] or [variable.element_name(e) for e in range(variable.size)]
        if variable.name in columns:
            arrays[variable.name] = frame[variable.name]
        elif variable.shape and set(elements) <= set(columns):
            arrays[variable.name] = _side_by_side(frame, elements, variable)
    if not arrays and len(variables) == 1 and len(columns) == variables[0].size:
        return _side_by_side(frame, columns, variables[0])
    return arrays


def _side_by_side(frame: Any, columns: Sequence[str], variable: Variable) -> np.ndarray:
    """Columns of a data frame as one array [batch, *shape]: of objects, where one of them has text."""
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
    values = {v.name: flat(named[v.name], v, like) for v in variables}
    if len(values) > 1 and len({len(value) for value in values.values()}) > 1:
        counts = ", ".join(f"{name} {len(value)}" for name, value in values.items())
        raise ArdslError("the variables have different numbers of examples: " + counts)
    return values


def flat(value: object, variable: Variable, like: Tensor) -> Tensor:
    """One variable's array [batch, *shape] as [batch, elements]; conditioning may be one example's, [*shape]. It
    keeps the digits that centering needs. Text in it stands for labels."""
    if (
        isinstance(value, Tensor)
        and value.dtype == like.dtype == torch.float32
        and value.layout == torch.strided
        and value.device == like.device
        and value.ndim == 1 + len(variable.shape)
        and value.shape[1:] == variable.shape
        and not variable.varies
        and value_type(variable, like) == like.dtype
    ):  # as training gives it: nothing is left to convert
        return value if value.ndim == 2 else value.reshape(value.shape[0], variable.size)
    tensor = numbers(coded(value, variable), f"`{variable.name}`", like.device)
    if variable.kind == "given" and tuple(tensor.shape) == variable.shape:
        tensor = tensor[None]  # one example's, for every sample
    dtype = data_type(variable, like) if tensor.dtype in _EXACT else value_type(variable, like)
    tensor = _typed(tensor, variable, dtype)
    if tuple(tensor.shape) == (0,) != variable.shape:  # an empty list: no examples
        tensor = tensor.reshape(0, *variable.shape)
    if variable.varies and tensor.ndim > 0 and tensor.shape[2:] == variable.shape[1:]:
        tensor = _padded(tensor, variable.shape[0])
    if tuple(tensor.shape[1:]) != variable.shape or tensor.ndim == 0:
        if variable.shape == () and tensor.ndim == 2 and tensor.shape[1] == 1:
            return tensor
        shape = ", ".join(map(str, ("batch", *variable.shape)))
        raise ArdslError(f"`{variable.name}` must have the shape [{shape}], not {list(tensor.shape)}")
    return tensor.reshape(len(tensor), variable.size)


def batch_by_name(batch: object, variables: Sequence[Variable]) -> dict[str, object]:
    """A training batch by the names of some variables, as :func:`by_name` has it; what else is in it is left out."""
    if isinstance(batch, Mapping):
        batch = {v.name: batch[v.name] for v in variables if v.name in batch}
    return by_name(batch, variables, "the batch")


def examples_by_name(examples: object, variables: Mapping[str, Variable]) -> dict[str, Tensor]:
    """Examples of some variables, [examples, *shape] by name, as they are: a bare array stands for the only observed
    variable. What is shorter than a variable of varying length can be has NaN for the rest."""
    observed = [variable for variable in variables.values() if variable.kind == "observed"]
    named = examples if isinstance(examples, Mapping) else by_name(examples, observed, "the examples")
    checked = {}
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
        checked[name] = tensor
    return checked


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
    typed = tensor.to(dtype)
    if dtype in (torch.float16, torch.bfloat16) and any(domain.discrete for domain in _domains(variable)):
        other = (typed.double() != tensor.double()) & ~tensor.isnan()
        if bool(other.any()):
            strange = _first(tensor[other])
            raise ArdslError(
                f"`{variable.name}` has {strange}, which {dtype} rounds to another value: use the model in "
                "float32, `model.float()`"
            )
    return typed


def _first(values: Tensor) -> str:
    """Writes the first of some values."""
    first = values.flatten()[0]
    return number(np.float32(first.item()) if first.dtype == torch.float32 else first.item())


def _domains(variable: Variable) -> list[Domain]:
    return [f.domain for f in variable.fields] if variable.fields else [variable.element_domain(0)]


def _padded(tensor: Tensor, length: int) -> Tensor:
    """Examples [batch, up to length, …] with NaN for the rest."""
    room = length - tensor.shape[1] if tensor.ndim > 1 else 0
    if room <= 0:
        return tensor
    floating = tensor if tensor.is_floating_point() else tensor.double()
    return torch.cat([floating, floating.new_full((len(tensor), room, *tensor.shape[2:]), torch.nan)], 1)


def conditioning(given: object, variables: Sequence[Variable], like: Tensor, *, check: bool = True) -> Values:
    """Flat values of given variables, [1, elements] for one example, or [batch, elements]. Values outside their domain
    are refused with ``check``: a network would take them for others."""
    named, values = by_name(given, variables, "`given`"), {}
    for variable in variables:
        value = values[variable.name] = flat(named[variable.name], variable, like)
        if check:
            value = value.to(value_type(variable, like))
            check_domain(value[~value.isnan()] if variable.varies else value, variable)
    return values


def check_domain(value: Tensor, variable: Variable) -> None:
    """Refuses values of elements that have one domain where they lie outside it."""
    domain = variable.element_domain(0)
    inside = domain.inside(value)
    if not bool(inside.all()):
        strange = _first(value[~inside])
        raise ArdslError(f"`{variable.name}` takes values of {domain}, not {strange}")


def require_values(values: Values, variables: Sequence[Variable], may_miss: Sequence[Variable]) -> None:
    """Refuses NaN where a value has to be."""
    for variable in variables:
        if not variable.varies and variable not in may_miss and bool(values[variable.name].isnan().any()):
            help = "`marginal` gives log p of the others, and says how exact that is; `complete` draws what is missing"
            raise ArdslError(f"`{variable.name}` has missing values (NaN): {help}")


def require_inside(
    examples: Mapping[str, Tensor], variables: Mapping[str, Variable], may_miss: Sequence[Variable]
) -> None:
    """Refuses examples, [examples, *shape] by name, with values outside their domains, and NaN where a value has to
    be."""
    for name, value in examples.items():
        variable = variables[name]
        rows = value.reshape(len(value), variable.size)
        for domain, first, last in variable.domain_runs(range(variable.size)):
            part = rows[:, first:last]
            outside = ~domain.inside(part)
            if variable.varies or variable in may_miss:
                outside &= ~part.isnan()
            if bool(outside.any()):
                example, element = outside.nonzero()[0].tolist()
                strange, where = part[example, element], variable.element_name(first + element)
                takes = f"`{where}` takes {domain.words} ({domain.name})"
                raise ArdslError(f"{takes}, not {_first(strange)}, as example {example} has it")


def expand_given(values: Values, count: int) -> Values:
    """Conditioning for ``count`` examples: one example's is repeated."""
    expanded = {}
    for name, value in values.items():
        if len(value) not in (1, count):
            raise ArdslError(f"`{name}` has {plural(len(value), 'example')} where {count:,} are needed")
        expanded[name] = value if len(value) == count else value.expand(count, -1)
    return expanded


def shaped(value: Tensor, variable: Variable) -> Tensor:
    """A variable's values in the form data has: [batch, *shape], integers where its domain is discrete."""
    if not variable.is_record and variable.element_domain(0).whole:
        value = value.round().long()
    return value.reshape(len(value), *variable.shape)
