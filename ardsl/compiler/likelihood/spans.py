"""Spans of time: networks along time evaluated at some time steps, with their receptive field before these."""

from __future__ import annotations

import torch
from torch import Tensor

from ardsl.compiler.arrays.lengths import lengths_of, longest
from ardsl.compiler.arrays.values import Values
from ardsl.networks.design import Design
from ardsl.networks.module import Span
from ardsl.networks.plan import Plan

_MEMORY = 1 << 27
"""Bytes of activations that one span may take."""


def covering_spans(plan: Design, values: Values, *, complete: bool = False) -> list[Span] | None:
    """The spans of time that cover all examples to their ends: one, or without gradients as many as keep memory
    bounded.

    None where the whole network is to be evaluated at once: it does not run along time, or one span covers all of it.
    ``complete``: no example ends early.
    """
    target = plan.group.targets[0].variable
    if plan.receptive_field is None:
        return None
    value, steps = values[target.name], target.shape[0]
    end = most = steps if complete else longest(value, target)
    if not torch.is_grad_enabled():
        bytes_per_step = 4 * plan.activations * max(len(value), 1) / steps
        # The receptive field before a span is evaluated with it: it takes no longer than the span itself.
        most = max(1, plan.receptive_field, int(_MEMORY / bytes_per_step))
    if end == steps <= most:
        return None
    return [Span(first, min(most, end - first)) for first in range(0, end, most)]


def lengths_along_time(plan: Plan, values: Values) -> dict[int, Tensor]:
    """The length of each example, int64 [batch], by the number of each group whose network runs along time."""
    lengths = {}
    for number, group in enumerate(plan.groups):
        if group.receptive_field is not None:
            target = group.group.targets[0].variable
            lengths[number] = lengths_of(values[target.name], target)
    return lengths
