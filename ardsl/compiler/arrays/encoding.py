"""Inputs of networks: the features, or codes, of flat values."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.networks.group import Group, SourceBlock


def encode(group: Group, values: Values, reads: str, columns: range | None = None, *, validate: bool = False) -> Tensor:
    """The inputs of a group, [batch, columns]: features, or codes where the network reads those.

    ``columns`` limits them to some consecutive source elements. With ``validate`` a legal value is read for one outside
    its domain: what is drawn given that has a probability, though the value itself has none.
    """
    inputs: list[Tensor] = []
    start = 0
    requested = columns if columns is not None else range(group.elements)
    batch: Tensor | None = None
    for source in group.sources:
        low, high = max(requested.start - start, 0), min(requested.stop - start, len(source.elements))
        start += len(source.elements)
        batch = values[source.variable.name]
        if low < high:
            inputs += _encoded(source, batch, reads, low, high, validate)
    if not inputs:
        any_values = batch if batch is not None else next(iter(values.values()))
        return any_values.new_zeros(any_values.shape[0], 0)
    return inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)


def encode_source(source: SourceBlock, value: Tensor, reads: str) -> Tensor:
    """The inputs that a group reads of one variable, [batch, columns]: features, or codes."""
    inputs = list(_encoded(source, value, reads, 0, len(source.elements), False))
    return inputs[0] if len(inputs) == 1 else torch.cat(inputs, dim=1)


def _encoded(source: SourceBlock, values: Tensor, reads: str, low: int, high: int, validate: bool) -> Iterator[Tensor]:
    """Some of what is read of a variable, one domain after another."""
    for domain, first, last in source.runs:
        first, last = max(first, low), min(last, high)
        if first >= last:
            continue
        elements = source.elements[first:last]
        index = slice(elements.start, elements.stop) if isinstance(elements, range) else list(elements)
        value = values if len(elements) == values.shape[1] else values[:, index]
        beyond = value.isnan() if source.variable.varies else None
        if beyond is not None:
            value = value.masked_fill(beyond, domain.feasible)
        if validate:
            value = torch.where(domain.inside(value), value, domain.feasible)
        if reads == "codes":
            yield domain.code(value).to(value.dtype)
            continue
        if domain.seen_as_is and beyond is None:
            yield value
            continue
        features = domain.to_features(value)
        if beyond is not None:  # what does not exist has no features
            features = features.masked_fill(beyond[..., None], 0.0)
        yield features.flatten(1)
