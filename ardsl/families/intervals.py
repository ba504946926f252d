"""The probability that a continuous distribution gives to an interval, as a logarithm without a difference of near
numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ardsl.families.density import LARGEST_EXPONENT
from ardsl.families.inverse import legendre
from ardsl.families.special import log1mexp, log_ndtr

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, which are ``width`` apart. ``first`` ones begin where the distribution does, and
    ``last`` ones end where it does: their ``low`` or ``high`` is then of no account, but inside the support. ``middle``
    is more exact than the edges, where it is a whole number."""

    middle: Tensor
    low: Tensor
    high: Tensor
    width: Tensor
    first: Tensor
    last: Tensor

    def choose(self, below: Tensor, above: Tensor, between: Tensor) -> Tensor:
        """log F(high) of the first ones, log(1 − F(low)) of the last, and of the others what is between."""
        return torch.where(self.first, below, torch.where(self.last, above, between))

    @property
    def log_growth(self) -> Tensor:
        """log(high / low) of positive edges: of near ones by their width, of others that are too far apart for a
        quotient by their logarithms."""
        share = self.width / self.low
        return torch.where(share.isinf(), self.high.log() - self.low.log(), torch.log1p(share))

    def standardized(self, p: Parameters) -> Interval:
        """The interval of (x − loc) / scale. Edges of a narrow one are taken from its middle, which may be more exact;
        of a wide one the nearer edge would be lost to rounding so."""
        away, half, scale = self.middle - p["loc"], self.width / 2, p["scale"]
        wide = self.width > self.middle.abs()
        low = torch.where(wide, self.low - p["loc"], away - half) / scale
        high = torch.where(wide, self.high - p["loc"], away + half) / scale
        return Interval(away / scale, low, high, self.width / scale, self.first, self.last)

    def scaled(self, p: Parameters) -> Interval:
        """The interval of x / scale, of a positive x."""
        middle, low, high, width = (x / p["scale"] for x in (self.middle, self.low, self.high, self.width))
        return Interval(middle, low, high, width, self.first, self.last)


def log_fall(log_rise: Tensor) -> Tensor:
    """log(1 − exp(−e^r)): by how much a survival function falls over an interval on which its hazard rises by e^r."""
    small = log_rise < -40
    rise = torch.where(small, 0.0, log_rise).clamp(max=LARGEST_EXPONENT).exp()
    return torch.where(small, log_rise, log1mexp(-rise))


def _log_hazard(x: Tensor) -> Tensor:
    """log(−log(1 − e^x)) for x < 0."""
    x = x.clamp(max=-torch.finfo(x.dtype).tiny)
    small = x < -40
    return torch.where(small, x, (-log1mexp(torch.where(small, -1.0, x))).log())


# Of reals


def _standard_normal(z: Interval) -> Tensor:
    """Of a narrow one by Gauss-Legendre quadrature about its middle m, of φ(m) e^(−mt − t²/2): exact to rounding where
    width · (1 + |m|) is below 1. Of a wide one by log Φ, reflected to the left, where it keeps its digits."""
    right = z.middle > 0
    near, far = torch.where(right, -z.low, z.high), torch.where(right, -z.high, z.low)
    middle = -z.middle.abs()
    narrow = z.width * (1 - middle) < 1
    log_near = log_ndtr(near)
    gap = torch.where(narrow, -1.0, log_ndtr(torch.where(narrow, -1.0, far)) - log_near)
    wide = log_near + log1mexp(gap.clamp(max=-torch.finfo(gap.dtype).eps))
    half, center = torch.where(narrow, z.width / 2, 0.5), torch.where(narrow, middle, 0.0)
    places = [half * node for node in legendre(6)[0]]
    heights = [w / 2 * (-center * t - t**2 / 2).exp() for t, w in zip(places, legendre(6)[1], strict=True)]
    inside = torch.stack(heights).sum(0).log() - center**2 / 2 - 0.5 * math.log(2 * math.pi) + z.width.log()
    return z.choose(log_ndtr(z.high), log_ndtr(-z.low), torch.where(narrow, inside, wide))


def _normal(p: Parameters, x: Interval) -> Tensor:
    return _standard_normal(x.standardized(p))


def _laplace(p: Parameters, x: Interval) -> Tensor:
    z = x.standardized(p)

    def log_cdf(edge: Tensor) -> Tensor:
        left = edge < 0
        return torch.where(left, edge - math.log(2), torch.log1p(-(-torch.where(left, 1.0, edge)).exp() / 2))

    across = (z.low < 0) & (z.high > 0)
    nearer = torch.where(z.middle > 0, z.low, -z.high)
    apart = -torch.where(across, 1.0, nearer) + log1mexp(-z.width) - math.log(2)
    low, high = torch.where(across, z.low, -1.0), torch.where(across, z.high, 1.0)
    over = torch.log(-(torch.expm1(low) + torch.expm1(-high)) / 2)
    return z.choose(log_cdf(z.high), log_cdf(-z.low), torch.where(across, over, apart))


def _soft_laplace(p: Parameters, x: Interval) -> Tensor:
    """F(z) = 2/π arctan e^z, and the difference of two of them 2/π arctan(sinh(width/2) / cosh(middle)); of a wide
    interval the tails themselves differ enough."""
    z = x.standardized(p)
    right, is_wide = z.middle > 0, z.width > 1
    near, far = torch.where(right, -z.low, z.high), torch.where(right, -z.high, z.low)
    log_near = _log_arctan_exp(near)
    gap = _log_arctan_exp(torch.where(is_wide, far, near - 1)) - log_near
    gap = torch.where(is_wide & (near > -20), gap, -z.width)  # far out the tails are exponential
    middle, half = torch.where(is_wide, 0.0, z.middle.abs()), torch.where(is_wide, 0.5, z.width / 2)
    log_sinh = half + log1mexp(-2 * half)
    log_cosh = middle + torch.log1p((-2 * middle).exp())
    between = torch.where(is_wide, log_near + log1mexp(gap), _log_arctan_exp(log_sinh - log_cosh))
    ends = _log_arctan_exp(torch.where(z.first, z.high, -z.low))
    return math.log(2 / math.pi) + z.choose(ends, ends, between)


def _log_arctan_exp(x: Tensor) -> Tensor:
    """log arctan e^x."""
    small = x < -20
    return torch.where(small, x, torch.where(small, 0.0, x).clamp(max=LARGEST_EXPONENT).exp().atan().log())


def _cauchy(p: Parameters, x: Interval) -> Tensor:
    """The angle between the two edges."""
    z = x.standardized(p)
    one = torch.ones_like(z.low)
    angle = z.choose(torch.atan2(one, -z.high), torch.atan2(one, z.low), _angle_between(z))
    return (angle / math.pi).log()


def _angle_between(z: Interval) -> Tensor:
    """arctan(high) − arctan(low), from both divided by the size of the farther one."""
    size = torch.maximum(z.low.abs(), z.high.abs()).clamp(min=1)
    return torch.atan2(z.width / size, 1 / size + z.low / size * z.high)


def _gumbel(p: Parameters, x: Interval) -> Tensor:
    """F = exp(−e^−z); between two edges e^−z rises by e^−high (e^width − 1)."""
    z = x.standardized(p)
    high = (-z.high).clamp(max=LARGEST_EXPONENT).exp()
    log_rise = -z.low + log1mexp(-z.width)
    return z.choose(-high, log_fall(-z.low), -high + log_fall(log_rise))


def _skew_logistic(p: Parameters, x: Interval) -> Tensor:
    """F = σ(z)^a; between two edges log σ rises by −log(1 − σ(−low) (1 − e^−width))."""
    z, a = x.standardized(p), p["asymmetry"]
    low, high = logsigmoid(z.low), logsigmoid(z.high)
    log_share = logsigmoid(-z.low) + log1mexp(-z.width)
    near = log_share < -math.log(2)
    log_rise = _log_hazard(torch.where(near, log_share, -1.0))
    rise = torch.where(z.high < -40, z.width, high - low)  # there log σ is a straight line
    log_rise = torch.where(near, log_rise, torch.where(near, 1.0, rise).log())
    far = z.low > 30
    log_miss = torch.where(far, -z.low, (-torch.where(far, -1.0, low)).log())
    return z.choose(a * high, log_fall(a.log() + log_miss), a * high + log_fall(a.log() + log_rise))


# Of positive numbers


def _log_normal(p: Parameters, x: Interval) -> Tensor:
    low, high = ((edge.log() - p["loc"]) / p["scale"] for edge in (x.low, x.high))
    width = x.log_growth / p["scale"]
    return _standard_normal(Interval((low + high) / 2, low, high, width, x.first, x.last))


def _half_normal(p: Parameters, x: Interval) -> Tensor:
    z = x.scaled(p)
    first = torch.special.erf(z.high / math.sqrt(2)).log()
    return torch.where(x.first, first, math.log(2) + _standard_normal(z))


def _half_cauchy(p: Parameters, x: Interval) -> Tensor:
    z = x.scaled(p)
    angle = z.choose(z.high.atan(), torch.atan2(torch.ones_like(z.low), z.low), _angle_between(z))
    return (2 / math.pi * angle).log()


def _exponential(p: Parameters, x: Interval) -> Tensor:
    rate = p["rate"]
    return x.choose(log1mexp(-rate * x.high), -rate * x.low, -rate * x.low + log1mexp(-rate * x.width))


def _weibull(p: Parameters, x: Interval) -> Tensor:
    """1 − F = exp(−h) with h = (x / scale)^k, which rises between two edges by h(low) (exp(k log(high/low)) − 1)."""
    k = p["concentration"]
    log_low, log_high = (k * (edge.log() - p["scale"].log()) for edge in (x.low, x.high))
    above = -log_low.clamp(max=LARGEST_EXPONENT).exp()
    growth = k * x.log_growth
    log_rise = log_low + growth + log1mexp(-growth)
    return x.choose(log_fall(log_high), above, above + log_fall(log_rise))


# Of the unit interval


def _kumaraswamy(p: Parameters, x: Interval) -> Tensor:
    """1 − F = (1 − x^a)^b; its hazard rises between two edges by −b log(1 − (high^a − low^a) / (1 − low^a))."""
    a, b = p["concentration1"], p["concentration0"]
    log_low, log_high = (a * edge.log() for edge in (x.low, x.high))
    survival = log1mexp(log_low)
    log_share = log_high + log1mexp(-a * x.log_growth) - survival
    log_rise = b.log() + _log_hazard(log_share.clamp(max=-torch.finfo(a.dtype).eps / 2))
    return x.choose(log_fall(b.log() + _log_hazard(log_high)), b * survival, b * survival + log_fall(log_rise))


def _continuous_bernoulli(p: Parameters, x: Interval) -> Tensor:
    """The density is ∝ e^(λx), so of 1 − x with −λ: only a falling one needs a formula."""
    rises, rate = p["logits"] > 0, p["logits"].abs()
    start = torch.where(rises, torch.where(x.last, 0.0, 1 - x.high), torch.where(x.first, 0.0, x.low))
    small = rate < 1e-5
    safe = torch.where(small, 1.0, rate)
    exact = -safe * start + log1mexp(-safe * x.width) - log1mexp(-safe)
    return torch.where(small, x.width.log() + rate * (0.5 - start - x.width / 2), exact)


LOG_INTERVALS: dict[str, Callable[[Parameters, Interval], Tensor]] = {
    "cauchy": _cauchy,
    "continuous_bernoulli": _continuous_bernoulli,
    "exponential": _exponential,
    "gumbel": _gumbel,
    "half_cauchy": _half_cauchy,
    "half_normal": _half_normal,
    "kumaraswamy": _kumaraswamy,
    "laplace": _laplace,
    "log_normal": _log_normal,
    "normal": _normal,
    "skew_logistic": _skew_logistic,
    "soft_laplace": _soft_laplace,
    "weibull": _weibull,
}
"""Parameters and intervals, both in float64, to the logarithms of their probabilities. The logistic distribution's own
is in :mod:`ardsl.families.discretized`."""
