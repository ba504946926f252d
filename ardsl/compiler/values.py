"""Between the user's arrays and the compiler's: one flat [batch, elements] tensor for each variable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ardsl.errors import ArdslError
from ardsl.families.domains import Domain, Integer, MuLaw
from ardsl.families.encoding import encode_features, mulaw_encode
from ardsl.model.model import Variable
from ardsl.networks.group import Group

Values = dict[str, Tensor]
"""By variable, [batch, elements], in the model's dtype."""


def by_name(data: object, variables: Sequence[Variable], what: str) -> dict[str, object]:
    """Data for several variables as a dict: a bare array stands for the only variable there is."""
    names = [v.name for v in variables]
    if isinstance(data, Mapping):
        missing = [n for n in names if n not in data]
        unknown = [str(n) for n in data if n not in names]
        if missing or unknown:
            told = {"missing": missing, "unknown": unknown}
            detail = "; ".join(f"{what}: {', '.join(each)}" for what, each in told.items() if each)
            raise ArdslError(f"{what} needs exactly the variables {', '.join(names) or '(none)'}; {detail}")
        return {n: data[n] for n in names}
    if data is None and not names:
        return {}
    if data is None or len(names) != 1:
        raise ArdslError(f"{what} needs a dict with the variables {', '.join(names)}")
    return {names[0]: data}


def flat(value: object, variable: Variable, like: Tensor) -> Tensor:
    """One variable's array [batch, *shape] as [batch, elements]; conditioning may be one example's, [*shape]."""
    try:
        tensor = torch.as_tensor(value, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ArdslError(f"`{variable.name}` must be numbers: {error}") from None
    if variable.kind == "given" and tuple(tensor.shape) == variable.shape:
        tensor = tensor[None]  # one example's, for every sample
    tensor = tensor if tensor.dtype == like.dtype else tensor.to(like.dtype)
    if tuple(tensor.shape[1:]) != variable.shape or tensor.ndim == 0:
        if variable.shape == () and tensor.ndim == 2 and tensor.shape[1] == 1:
            return tensor
        shape = ", ".join(map(str, ("batch", *variable.shape)))
        raise ArdslError(f"`{variable.name}` must have the shape [{shape}], not {list(tensor.shape)}")
    return tensor.reshape(len(tensor), variable.size)


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


def expand_given(values: Values, count: int) -> Values:
    """Conditioning for ``count`` examples: one example's is repeated."""
    found = {}
    for name, value in values.items():
        if len(value) not in (1, count):
            raise ArdslError(f"`{name}` has {len(value)} examples where {count} are needed")
        found[name] = value.expand(count, -1)
    return found


def encode(group: Group, values: Values, reads: str, columns: range | None = None) -> Tensor:
    """The inputs of a group, [batch, columns]: features, or codes where the network reads those.

    ``columns`` limits them to some consecutive source elements.
    """
    parts, start = [], 0
    wanted = columns if columns is not None else range(group.elements)
    batch: Tensor | None = None
    for source in group.sources:
        low, high = max(wanted.start - start, 0), min(wanted.stop - start, len(source.elements))
        start += len(source.elements)
        batch = values[source.variable.name]
        if low >= high:
            continue
        for domain, first, last in source.runs:
            first, last = max(first, low), min(last, high)
            if first < last:
                elements = source.elements[first:last]
                part = slice(elements.start, elements.stop) if isinstance(elements, range) else list(elements)
                value = batch if len(elements) == batch.shape[1] else batch[:, part]
                parts.append(_codes(domain, value) if reads == "codes" else encode_features(domain, value).flatten(1))
    if not parts:
        some = batch if batch is not None else next(iter(values.values()))
        return some.new_zeros(len(some), 0)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


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
