"""Special functions whose logarithms, and their gradients, are numbers however far out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LARGE = 1e4
_LEAST = 2.0**-53


def log_erfcx(t: Tensor) -> Tensor:
    """log(e^(t²) erfc(t)) for t > 0, elementwise.

    From 100 on by its asymptotic series, exact there to 1e-15: the gradient of erfcx itself has no digits left.
    """
    large = t > 100
    far = torch.where(large, t, 100.0)
    u = 1 / (2 * far**2)
    series = torch.log1p(-u * (1 - 3 * u * (1 - 5 * u))) - far.log() - 0.5 * math.log(math.pi)
    return torch.where(large, series, torch.special.erfcx(torch.where(large, 1.0, t)).log())


def log_ndtr(x: Tensor) -> Tensor:
    """log Φ(x), elementwise: torch's own has no gradient beyond some thousand scales from the mean."""
    left = x < 0
    t = x / math.sqrt(2)
    tail = log_erfcx(torch.where(left, -t, 1.0)) - t**2 - math.log(2)
    return torch.where(left, tail, torch.log1p(-torch.where(left, 1.0, t).erfc() / 2))


def log1mexp(x: Tensor) -> Tensor:
    """log(1 − e^x) for x < 0, elementwise; −inf at 0."""
    near = x > -math.log(2)
    return torch.where(
        near, torch.log(-torch.expm1(torch.where(near, x, -1.0))), torch.log1p(-torch.where(near, -1.0, x).exp())
    )


def log_ratio(x: Tensor, y: Tensor) -> Tensor:
    """log(x / y) of positive numbers, to all digits where they are near each other."""
    near = (x < 2 * y) & (y < 2 * x)
    apart = x.log() - y.log()
    return torch.where(near, torch.log1p(torch.where(near, x - y, 0.0) / y), apart)


def log_factorial_rest(n: Tensor) -> Tensor:
    """log Γ(n + 1) − n log n + n for n ≥ 0, elementwise: the part of a log-factorial that does not grow like n log n.

    Of large n the beginning of Stirling's series, exact there to 1e-14. Differences of log-gamma functions are sums of
    these and of deviances, without a difference of large numbers (C. Loader, Fast and Accurate Computation of Binomial
    Probabilities, 2000).
    """
    inverse = 1 / n.clamp(min=_LARGE)
    far = inverse / 12 - 0.5 * (inverse / (2 * math.pi)).log()
    small = n.clamp(max=_LARGE)
    return torch.where(n > _LARGE, far, torch.lgamma(small + 1) - torch.xlogy(small, small) + small)


def deviance(x: Tensor, mean: Tensor, log_mean: Tensor | None = None) -> Tensor:
    """x log(x / m) − x + m for x ≥ 0 and m > 0, elementwise: never negative, and 0 where the two are equal.

    Its error is that of x − m, however large the two are. ``log_mean`` is for means that are too small for a float.
    """
    away = x - mean
    # The quotient's gradient divides by the square of the mean, which underflows below 1e-154.
    least = 1e-300 if log_mean is None else 1e-140
    log_share = torch.log1p((away / mean.clamp(min=least)).clamp(min=_LEAST - 1))
    if log_mean is not None:
        log_share = torch.where(mean < least, x.clamp(min=1e-300).log() - log_mean, log_share)
    return x * log_share - away
