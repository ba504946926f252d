"""Special functions whose logarithms, and their gradients, are numbers however far out."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LARGE = 1e4
_LEAST = 2.0**-53
_UNDERFLOW = 1e-290
"""Tails below this are computed as logarithms."""
_FARTHEST = 1e300
"""What overflowed is taken as so much."""
_SMALL_SHAPE = 1e-8
"""Below, a gamma variable's upper tail is the exponential integral times its shape, to a share of as much."""
_SMALL_BETA = 1e-5
"""Below, the logarithm of a beta variable's tail next to 1 is taken by a series, for the complement to keep digits."""
_EULER = 0.5772156649015329
_TERMS = 200
"""Terms of what converges like a geometric series."""
_FRACTIONS = 10_000
"""Steps of a continued fraction at most: it takes about the root of its larger parameter."""


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


def log_softmax(x: Tensor) -> Tensor:
    """log softmax over the last axis: torch's own takes ten times as long where that axis is short and others long."""
    return x.movedim(-1, 0).log_softmax(0).movedim(0, -1)


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


def deviance(x: Tensor, mean: Tensor, log_mean: Tensor | None = None, away: Tensor | None = None) -> Tensor:
    """x log(x / m) − x + m for x ≥ 0 and m > 0, elementwise: never negative, and 0 where the two are equal.

    Its error is that of x − m, however large the two are: ``away``, where a formula gives that with more digits than
    the difference has. ``log_mean`` is for means that are too small for a float.
    """
    away = x - mean if away is None else away
    # The quotient's gradient divides by the square of the mean, which underflows below 1e-154.
    least = 1e-300 if log_mean is None else 1e-140
    log_share = torch.log1p((away / mean.clamp(min=least)).clamp(min=_LEAST - 1))
    if log_mean is not None:
        log_share = torch.where(mean < least, x.clamp(min=1e-300).log() - log_mean, log_share)
    return x * log_share - away


def log_gamma_tails(shape: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """log P(a, x) and log Q(a, x) of a Gamma(a, 1) variable, for x > 0, elementwise in float64: Q = 1 − P.

    Where a tail is too small for a float, by the beginning of its series or of its continued fraction: that far out
    both converge like a geometric series (Abramowitz & Stegun, 6.5.29 and 6.5.31).
    """
    shape, x = torch.broadcast_tensors(shape, x.clamp(max=_FARTHEST))
    below, above = torch.special.gammainc(shape, x), torch.special.gammaincc(shape, x)
    small = (shape < _SMALL_SHAPE) & (x <= 1.1)
    if bool(small.any()):
        above = torch.where(small, _gamma_above_of_small(shape, torch.where(small, x, 0.5)), above)
    log_below = torch.where(below < 0.5, below.log(), torch.log1p(-above))
    log_above = torch.where(above < 0.5, above.log(), torch.log1p(-below))
    left, right = below < _UNDERFLOW, above < _UNDERFLOW
    if bool(left.any() | right.any()):
        log_mass = shape.log() - deviance(shape, x) - log_factorial_rest(shape)  # x^a e^−x / Γ(a)
        a, at = torch.where(left, shape, 1.0), torch.where(left, x, 0.0)
        term = total = torch.ones_like(a)
        for n in range(1, _TERMS):
            term = term * at / (a + n)
            total = total + term
        log_below = torch.where(left, log_mass - a.log() + total.log(), log_below)
        a, at = torch.where(right, shape, 1.0), torch.where(right, x, 2.0)
        fraction = at + 2 * _TERMS + 1 - a
        for n in range(_TERMS, 0, -1):
            fraction = at + 2 * n - 1 - a - n * (n - a) / fraction
        log_above = torch.where(right, log_mass - fraction.log(), log_above)
    return log_below, log_above


def _gamma_above_of_small(shape: Tensor, x: Tensor) -> Tensor:
    """Q(a, x) of a small a and x ≤ 1.1, where torch's own loses γ: 1 − x^a e^γa, less a times what the exponential
    integral has beside log x and γ (Abramowitz & Stegun, 5.1.11)."""
    term, total = torch.ones_like(x), torch.zeros_like(x)
    for n in range(1, 20):
        term = term * -x / n
        total = total + term / n
    return -torch.expm1(shape * (x.log() + _EULER)) - shape * total


def log_beta_tails(a: Tensor, b: Tensor, log_x: Tensor, log_y: Tensor, log_mass: Tensor) -> tuple[Tensor, Tensor]:
    """log I_x(a, b) and log(1 − I_x(a, b)), elementwise in float64: I is the regularized incomplete beta function.

    ``log_x`` and ``log_y`` are log x and log(1 − x), ``log_mass`` that of x^a (1 − x)^b / B(a, b). On the side where
    it converges fast by Lentz's continued fraction (Press et al., Numerical Recipes, section 6.4), and by its power
    series where that side has nearly all of the probability, as with a tiny parameter.
    """
    a, b, log_x, log_y, log_mass = torch.broadcast_tensors(a, b, log_x, log_y, log_mass)
    turned = log_x.exp() > (a + 1) / (a + b + 2)
    first, second = torch.where(turned, b, a), torch.where(turned, a, b)
    log_x = torch.where(turned, log_y, log_x)
    log_near = log_mass - first.log() + _beta_fraction(first, second, log_x.exp()).log()
    small = first < _SMALL_BETA
    if bool(small.any()):
        inside = torch.where(small, first, _SMALL_BETA), torch.where(small, second, 1.0)
        log_near = torch.where(small, _log_beta_of_small(*inside, torch.where(small, log_x, -1.0)), log_near)
    log_near = log_near.clamp(max=0.0)
    log_far = log1mexp(log_near)
    return torch.where(turned, log_far, log_near), torch.where(turned, log_near, log_far)


def _log_beta_of_small(a: Tensor, b: Tensor, log_x: Tensor) -> Tensor:
    """log I_x(a, b) of a small a and x ≤ 1/(b + 2), to all digits where it is near 0: x^a / (a B(a, b)) times
    2F1(a, 1 − b; a + 1; x), each factor by a series in a (Abramowitz & Stegun, 6.6.8)."""
    x = log_x.exp()
    term, total = torch.ones_like(x), torch.zeros_like(x)
    for n in range(1, 60):
        term = term * (n - b) * x / n
        total = total + term / (a + n)
    curvature = torch.special.polygamma(1, b + 1) - math.pi**2 / 6
    log_factor = a * (torch.digamma(b + 1) + _EULER + a / 2 * curvature) - torch.log1p(a / b)
    return a * log_x + log_factor + torch.log1p(a * total)


def _beta_fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    def kept(number: Tensor) -> Tensor:
        return torch.where(number.abs() < 1e-300, 1e-300, number)

    c = torch.ones_like(x)
    d = 1 / kept(1 - (a + b) * x / (a + 1))
    fraction = d
    for n in range(1, _FRACTIONS):
        even = n * (b - n) * x / ((a + 2 * n - 1) * (a + 2 * n))
        d, c = 1 / kept(1 + even * d), kept(1 + even / c)
        fraction = fraction * d * c
        odd = -(a + n) * (a + b + n) * x / ((a + 2 * n) * (a + 2 * n + 1))
        d, c = 1 / kept(1 + odd * d), kept(1 + odd / c)
        fraction = fraction * d * c
        if bool(((d * c - 1).abs() < 1e-15).all()):
            break
    return fraction
