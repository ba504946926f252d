"""The probability that a family of the catalogue gives to an interval, as a logarithm that keeps its digits in the
tails: what truncated distributions are made of.

Functions take parameters and the ends of intervals, all in float64 and of shapes that broadcast; ends may be infinite,
and those of counts are half-way between whole numbers. An empty interval has −inf.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.density import LOG_DENSITIES, log_beta_mass
from ardsl.families.intervals import LOG_INTERVALS, Interval, log_fall
from ardsl.families.inverse import legendre
from ardsl.families.special import log1mexp, log_beta_tails, log_erfcx, log_gamma_tails, log_ndtr, log_ratio

Parameters = Mapping[str, Tensor]
LogMass = Callable[[Parameters, Tensor, Tensor], Tensor]
Tails = Callable[[Parameters, Tensor], tuple[Tensor, Tensor]]
"""Parameters and a value to log F and log(1 − F)."""

SUPPORTS = {
    "angle": (-math.pi, math.pi),
    "positive": (0.0, math.inf),
    "real": (-math.inf, math.inf),
    "unit_interval": (0.0, 1.0),
}
"""Where continuous families begin and end, by the names of their supports."""
_CLOSE = 1e-4
"""Where two tails differ by a smaller share, their difference has lost digits that quadrature has."""
_FARTHEST = 1e140
"""The square of a distance in scales is finite up to here."""
_FEW = 4
"""So many counts are summed one by one."""


def _by_interval(name: str) -> LogMass:
    """Of a family whose intervals have a closed form: :data:`~ardsl.families.intervals.LOG_INTERVALS`."""
    log_interval, (least, greatest) = LOG_INTERVALS[name], SUPPORTS[CATALOGUE[name].support]

    def log_mass(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
        low, high = low.clamp(min=least), high.clamp(max=greatest)
        apart, some = high - low, high > low
        if math.isinf(least):  # about the location, where ends that are near each other have a middle of their own
            low, high, p = low - p["loc"], high - p["loc"], {**p, "loc": torch.zeros_like(p["loc"])}
        low, high = torch.broadcast_tensors(low, high)
        first, last = low <= least, high >= greatest
        # At an open end something inside stands in.
        if least == 0:
            inside = torch.where(first, torch.where(last, 0.5, high) / 2, low)
            beyond = 2 * inside if math.isinf(greatest) else (1 + inside) / 2
        else:
            inside = torch.where(first, torch.where(last, 0.0, high) - 1, low)
            beyond = inside + 1
        end = torch.where(last, beyond, high)
        width = apart if math.isfinite(greatest) else torch.where(first | last, end - inside, apart)
        interval = Interval((inside + end) / 2, inside, end, width, first, last)
        log_mass = torch.where(first & last, 0.0, log_interval(p, interval))
        return torch.where(some, log_mass, -math.inf)

    return log_mass


def _by_tails(name: str, tails: Tails) -> LogMass:
    """Of a family with two tails: their difference on the side where both are small."""
    entry = CATALOGUE[name]
    least, greatest = SUPPORTS["positive" if entry.discrete else entry.support]

    def bounded(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
        before, after = (x < 0, x.isinf()) if entry.discrete else (x <= least, x >= greatest)
        some = torch.where(before | after, 0.5, x)
        log_below, log_above = tails(p, some.floor() if entry.discrete else some)
        log_below = torch.where(before, -math.inf, torch.where(after, 0.0, log_below))
        return log_below, torch.where(before, 0.0, torch.where(after, -math.inf, log_above))

    def log_mass(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
        low, high = torch.broadcast_tensors(low, high)
        (below_low, above_low), (below_high, above_high) = bounded(p, low), bounded(p, high)
        log_mass, close = _between(below_low, above_low, below_high, above_high)
        close = close & (high > low) & low.isfinite() & high.isfinite()
        if bool(close.any()):
            log_mass = torch.where(close, _by_quadrature(name, p, low, high, close), log_mass)
        if entry.discrete:
            few = (high.floor() - low.floor() <= _FEW) & high.isfinite()
            if bool(few.any()):
                log_mass = torch.where(few, _by_sum(name, p, torch.where(few, low, 0.5), high), log_mass)
        return torch.where(high > low, log_mass, -math.inf)

    return log_mass


def _between(below_low: Tensor, above_low: Tensor, below_high: Tensor, above_high: Tensor) -> tuple[Tensor, Tensor]:
    """The logarithm of a difference of tails, on the side where both are small, and where it has lost digits."""
    left = below_high < above_low
    near, far = torch.where(left, below_high, above_low), torch.where(left, below_low, above_high)
    share = torch.where(near.isinf(), -math.inf, far - near).clamp(max=0.0)
    none = share == 0  # where the gradient is infinite
    return torch.where(none, -math.inf, near + log1mexp(torch.where(none, -1.0, share))), share > -_CLOSE


def _by_quadrature(name: str, p: Parameters, low: Tensor, high: Tensor, chosen: Tensor) -> Tensor:
    """By Gauss-Legendre quadrature of the density, which is nearly even over a small share of a tail; counts too, whose
    sum an integral over the cells around them is. Positive values on the scale of their logarithms, and shares on that
    of their log-odds, where the densities of tiny parameters are even, too."""
    low, high = torch.where(chosen, low, 0.25), torch.where(chosen, high, 0.75)
    support = CATALOGUE[name].support
    if support == "positive":
        half = log_ratio(high, low) / 2
    elif support == "unit_interval":
        half = (log_ratio(high, low) - log_ratio(1 - high, 1 - low)) / 2
    else:
        half = (high - low) / 2
    terms = []
    for node, weight in zip(*legendre(8), strict=True):
        if support == "positive":
            x = low * (half * (1 + node)).exp()
            log_unit = x.log()
        elif support == "unit_interval":
            x = torch.sigmoid(low.log() - torch.log1p(-low) + half * (1 + node))
            log_unit = x.log() + torch.log1p(-x)
        else:
            x, log_unit = (high + low) / 2 + half * node, torch.zeros_like(half)
        terms.append(LOG_DENSITIES[name](p, x) + log_unit + math.log(weight))
    return torch.stack(terms).logsumexp(0) + half.log()


def _by_sum(name: str, p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    counts = [low.floor().clamp(min=-1) + 1 + k for k in range(_FEW)]
    terms = [torch.where(count < high, LOG_DENSITIES[name](p, count), -math.inf) for count in counts]
    return torch.stack(terms).logsumexp(0)


# Of reals


def _logistic(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    """σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)): three factors, none of them a difference of near numbers."""
    below, above = logsigmoid((high - p["loc"]) / p["scale"]), logsigmoid((p["loc"] - low) / p["scale"])
    return below + above + log1mexp((low - high).clamp(max=0.0) / p["scale"])


def _asymmetric_laplace(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    """Two exponential sides, which join at the location."""
    left, right = p["scale"] * p["asymmetry"], p["scale"] / p["asymmetry"]
    a, b = torch.broadcast_tensors(low - p["loc"], high - p["loc"])
    log_left, log_right = (left / (left + right)).log(), (right / (left + right)).log()
    width = (low - high).clamp(max=0.0)
    before = log_left + b.clamp(max=0.0) / left + log1mexp(width / left)
    after = log_right - a.clamp(min=0.0) / right + log1mexp(width / right)
    both = torch.logaddexp(log_left + log1mexp(a.clamp(max=0.0) / left), log_right + log1mexp(-b.clamp(min=0) / right))
    return torch.where(b <= 0, before, torch.where(a >= 0, after, both))


def _student_t(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    """By the distance from the location: what both ends' distances have inside where the location is between them,
    the difference where it is not."""
    (inside_a, outside_a), (inside_b, outside_b) = _student_t_distance(p, low), _student_t_distance(p, high)
    left = high <= p["loc"]
    log_mass, close = _between(
        torch.where(left, inside_b, inside_a),
        torch.where(left, outside_b, outside_a),
        torch.where(left, inside_a, inside_b),
        torch.where(left, outside_a, outside_b),
    )
    around = (low < p["loc"]) & (high > p["loc"])
    log_mass = torch.where(around, torch.logaddexp(inside_a, inside_b), log_mass) - math.log(2)
    close = close & ~around & (high > low) & low.isfinite() & high.isfinite()
    if bool(close.any()):
        log_mass = torch.where(close, _by_quadrature("student_t", p, low, high, close), log_mass)
    return torch.where(high > low, log_mass, -math.inf)


def _student_t_distance(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    """log of the probabilities to be nearer to the location than x and to be farther."""
    df, all_of_it = p["df"], x.isinf()
    z = ((torch.where(all_of_it, 0.0, x) - p["loc"]) / p["scale"]).abs()
    none = (z == 0) & ~all_of_it
    log_odds = 2 * torch.where(z == 0, 1.0, z).log() - df.log()  # of z² / (ν + z²)
    outside, inside = _log_beta_tails(df / 2, torch.full_like(df, 0.5), logsigmoid(-log_odds), logsigmoid(log_odds))
    inside = torch.where(none, -math.inf, torch.where(all_of_it, 0.0, inside))
    return inside, torch.where(none, 0.0, torch.where(all_of_it, -math.inf, outside))


def _soft_asymmetric_laplace(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    """The integral of two smoothed exponential tails, of the left half; the right one is its mirror image."""
    x, left, soft = torch.broadcast_tensors((x - p["loc"]) / p["scale"], p["asymmetry"], p["softness"])
    mirrored, right = x > 0, 1 / left
    log_near = _log_smoothed_below(
        -x.abs(), torch.where(mirrored, right, left), torch.where(mirrored, left, right), soft
    )
    log_far = torch.log1p(-log_near.exp())
    return torch.where(mirrored, log_far, log_near), torch.where(mirrored, log_near, log_far)


def _log_smoothed_below(x: Tensor, left: Tensor, right: Tensor, soft: Tensor) -> Tensor:
    """log F(x) of x ≤ 0: F = (l T(x, l) + 2 (l + r) Φ(x/s) − r T(−x, r)) / (2 (l + r)), where T(x, w) is
    exp((s²/2 + wx)/w²) erfc((s/w + x/s)/√2)."""
    root, z = math.sqrt(2), (x / soft).clamp(min=-_FARTHEST)
    log_normal = log_ndtr(z) + math.log(2)
    t = (soft / left + z) / root
    inner = t > 0
    near = -(z**2) / 2 + log_erfcx(torch.where(inner, t, 1.0))
    outer = (soft / left) ** 2 / 2 + torch.where(inner, -1.0, x) / left + torch.where(inner, 0.0, t).erfc().log()
    log_left = torch.where(inner, near, outer)
    log_right = -(z**2) / 2 + log_erfcx((soft / right - z) / root)
    # Both of the right side's terms are Gaussian tails, and the second one is the smaller.
    log_apart = log_normal + log1mexp((log_right - log_normal).clamp(max=-torch.finfo(x.dtype).eps))
    log_total = torch.stack([left.log() + log_left, left.log() + log_normal, right.log() + log_apart]).logsumexp(0)
    return log_total - math.log(2) - (left + right).log()


# Of angles


def _von_mises(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    """By Gauss-Legendre quadrature of the density from the mode to its opposite, side by side."""
    kappa = p["concentration"]
    low, high = low.clamp(min=-math.pi), high.clamp(max=math.pi)
    loc = torch.remainder(p["loc"] + math.pi, 2 * math.pi) - math.pi
    a, b = torch.broadcast_tensors(low - loc, high - loc)
    sides = [_log_side(kappa, a, b, number) for number in range(-2, 2)]
    log_total = torch.log(2 * math.pi * torch.special.i0e(kappa))
    return torch.where(high > low, torch.stack(sides).logsumexp(0) - log_total, -math.inf)


def _log_side(kappa: Tensor, a: Tensor, b: Tensor, number: int) -> Tensor:
    """log of the integral of exp(κ (cos t − 1)) over what [a, b] has of [number · π, (number + 1) · π]."""
    start, stop = a.clamp(min=number * math.pi), b.clamp(max=(number + 1) * math.pi)
    if number % 2:  # the density rises to a mode at the end: mirrored, it falls from there
        near, far = (number + 1) * math.pi - stop, (number + 1) * math.pi - start
    else:
        near, far = start - number * math.pi, stop - number * math.pi
    empty = stop <= start
    near = torch.where(empty, 0.0, near)
    # It falls by 40 nats up to here: sin²(far/2) = sin²(near/2) + 20/κ.
    reach = (torch.sin(near / 2) ** 2 + 20 / kappa).clamp(max=1.0).sqrt().asin() * 2
    far = torch.where(empty, 1.0, torch.minimum(far, torch.maximum(reach, near)))
    half, middle = (far - near) / 2, (far + near) / 2
    nodes, weights = legendre(40)
    terms = [
        -2 * kappa * torch.sin((middle + half * node) / 2) ** 2 + math.log(weight)
        for node, weight in zip(nodes, weights, strict=True)
    ]
    return torch.where(empty, -math.inf, torch.stack(terms).logsumexp(0) + half.log())


# Of positive numbers and of the unit interval


def _gamma(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    return log_gamma_tails(p["concentration"], p["rate"] * x)


def _chi2(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    return log_gamma_tails(p["df"] / 2, x / 2)


def _inverse_gamma(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    log_below, log_above = log_gamma_tails(p["concentration"], p["rate"] / x)
    return log_above, log_below


def _log_beta_tails(a: Tensor, b: Tensor, log_x: Tensor, log_y: Tensor) -> tuple[Tensor, Tensor]:
    away = a * log_y.exp() - b * log_x.exp()
    return log_beta_tails(a, b, log_x, log_y, log_beta_mass(a, b, log_x, log_y, away))


def _beta(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    return _log_beta_tails(p["concentration1"], p["concentration0"], x.log(), torch.log1p(-x))


def _fisher_snedecor(p: Parameters, x: Tensor) -> tuple[Tensor, Tensor]:
    log_odds = p["df1"].log() + x.log() - p["df2"].log()
    return _log_beta_tails(p["df1"] / 2, p["df2"] / 2, logsigmoid(log_odds), logsigmoid(-log_odds))


# Of counts


def _poisson(p: Parameters, count: Tensor) -> tuple[Tensor, Tensor]:
    log_below, log_above = log_gamma_tails(count + 1, p["rate"])
    return log_above, log_below


def _geometric(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
    logits = p["logits"]
    first, last = low.floor().clamp(min=-1) + 1, high.floor()
    log_rate = torch.where(logits < -40, logits, softplus(logits.clamp(min=-40)).log())
    counts = (last - first + 1).clamp(min=0)
    return logsigmoid(-logits) * first + log_fall(log_rate + counts.log())


def _negative_binomial(p: Parameters, count: Tensor) -> tuple[Tensor, Tensor]:
    log_odds = p["logits"]
    return _log_beta_tails(p["total_count"], count + 1, logsigmoid(-log_odds), logsigmoid(log_odds))


def _gamma_poisson(p: Parameters, count: Tensor) -> tuple[Tensor, Tensor]:
    return _log_beta_tails(p["concentration"], count + 1, -torch.log1p(1 / p["rate"]), -torch.log1p(p["rate"]))


def _gated(of_count: LogMass) -> LogMass:
    """Of a count that is 0 with the gate's probability."""

    def log_mass(p: Parameters, low: Tensor, high: Tensor) -> Tensor:
        log_zero = torch.where((low < 0) & (high > 0), logsigmoid(p["gate_logits"]), -math.inf)
        return torch.logaddexp(log_zero, logsigmoid(-p["gate_logits"]) + of_count(p, low, high))

    return log_mass


_POISSON, _NEGATIVE_BINOMIAL = _by_tails("poisson", _poisson), _by_tails("negative_binomial", _negative_binomial)

LOG_MASSES: dict[str, LogMass] = {
    **{name: _by_interval(name) for name in LOG_INTERVALS},
    "asymmetric_laplace": _asymmetric_laplace,
    "beta": _by_tails("beta", _beta),
    "chi2": _by_tails("chi2", _chi2),
    "fisher_snedecor": _by_tails("fisher_snedecor", _fisher_snedecor),
    "gamma": _by_tails("gamma", _gamma),
    "gamma_poisson": _by_tails("gamma_poisson", _gamma_poisson),
    "geometric": _geometric,
    "inverse_gamma": _by_tails("inverse_gamma", _inverse_gamma),
    "logistic": _logistic,
    "negative_binomial": _NEGATIVE_BINOMIAL,
    "poisson": _POISSON,
    "soft_asymmetric_laplace": _by_tails("soft_asymmetric_laplace", _soft_asymmetric_laplace),
    "student_t": _student_t,
    "von_mises": _von_mises,
    "zero_inflated_negative_binomial": _gated(_NEGATIVE_BINOMIAL),
    "zero_inflated_poisson": _gated(_POISSON),
}
"""Every family of the catalogue whose values are not finitely many, but for the joint ones."""
