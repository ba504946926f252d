"""Time in parts: networks along time evaluated at some time steps, with those before them that they read."""

from __future__ import annotations

import torch
from torch import Tensor

from ardsl.compiler.arrays.lengths import lengths_of, longest
from ardsl.compiler.arrays.values import Values
from ardsl.networks.design import Design
from ardsl.networks.module import Span
from ardsl.networks.plan import Plan

_MEMORY = 1 << 27
"""Bytes of activations that one part may take."""


def pieces(plan: Design, values: Values, *, complete: bool = False) -> list[Span] | None:
    """The spans that cover all examples to their ends: one, or without gradients as many as keep the memory bounded.
    None where that is everything at once. ``complete``: no example ends early."""
    target = plan.group.targets[0].variable
    if plan.back is None:
        return None
    value, every = values[target.name], target.shape[0]
    end = most = every if complete else longest(value, target)
    if not torch.is_grad_enabled():
        each = 4 * plan.activations * max(len(value), 1) / every
        most = max(1, plan.back, int(_MEMORY / each))  # to read back takes at most as long as the part itself
    if end == every <= most:
        return None
    return [Span(first, min(most, end - first)) for first in range(0, end, most)]


def lengths_along_time(plan: Plan, values: Values) -> dict[int, Tensor]:
    """Of the groups that run along time, by number, how long each example is: int64 [batch]."""
    lengths = {}
    for number, group in enumerate(plan.groups):
        if group.back is not None:
            target = group.group.targets[0].variable
            lengths[number] = lengths_of(values[target.name], target)
    return lengths
