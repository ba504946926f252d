"""From the unconstrained numbers of a network to parameters: one map for each constraint, and its inverse."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

FLOOR = 1e-6
"""The least value of a positive parameter. It keeps scales away from 0, where a density on repeated values would grow
without bound, and its square is still a normal number in float32."""

SCALAR = ("real", "positive")
"""The constraints of single numbers."""

_STEEPEST = 30.0
"""Beyond this unconstrained value the link ``exp`` goes on along its tangent: neither it nor its gradients overflow."""


def constrain(constraint: str, raw: Tensor, link: str = "softplus") -> Tensor:
    """A parameter in its own set, from unconstrained values, ``raw``; a positive one by its ``link``.

    Scalars, raw and constrained, are [...], vectors [..., size]; a lower triangle comes as n(n + 1)/2 of them, row
    by row, and goes as [..., n, n] with a positive diagonal.
    """
    if constraint == "real":
        return raw
    if constraint == "positive":
        return _positive(raw, link) + FLOOR
    if constraint == "real_vector":
        return raw
    if constraint == "simplex":
        return raw.softmax(-1)
    if constraint == "ordered_vector":
        steps = softplus(raw[..., 1:]) + FLOOR
        return wide(torch.cat([raw[..., :1], steps], -1)).cumsum(-1)  # float32 would let small steps vanish
    if constraint == "lower_cholesky":
        return _lower_cholesky(raw)
    raise ValueError(f"there is no map from unconstrained values to `{constraint}`")


def _positive(raw: Tensor, link: str) -> Tensor:
    if link == "softplus":
        return softplus(raw)
    return raw.clamp(max=_STEEPEST).exp() * (1 + (raw - _STEEPEST).clamp(min=0))


def unconstrain(constraint: str, value: float, link: str = "softplus") -> float:
    """The unconstrained value that :func:`constrain` maps to a scalar parameter's ``value``."""
    if constraint != "positive":
        return value
    above = max(value - FLOOR, FLOOR)
    return math.log(above) if link == "exp" else above + math.log(-math.expm1(-above))


def wide(x: Tensor) -> Tensor:
    """A tensor in float64, where its device has that."""
    return x if x.device.type == "mps" else x.double()


def triangle_size(numbers: int) -> int:
    """The n of n(n + 1)/2 numbers."""
    return (math.isqrt(8 * numbers + 1) - 1) // 2


def _lower_cholesky(raw: Tensor) -> Tensor:
    n = triangle_size(raw.shape[-1])
    rows, columns = torch.tril_indices(n, n, device=raw.device)
    values = torch.where(rows == columns, softplus(raw) + FLOOR, raw)
    flat = raw.new_zeros(*raw.shape[:-1], n * n)
    return flat.index_copy(-1, rows * n + columns, values).unflatten(-1, (n, n))
