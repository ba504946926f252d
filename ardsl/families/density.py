"""Log-densities of our own, where the library's loses digits or overflows, or is slow in the heaviest-used families."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid, softplus

from ardsl.families.constraints import wide
from ardsl.families.shapes import common_shape
from ardsl.families.special import deviance, log1mexp, log_erfcx, log_factorial_rest, log_ratio, log_softmax

Parameters = Mapping[str, Tensor]
LogDensity = Callable[[Parameters, Tensor], Tensor]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
SHORT = 16
"""Categories with fewer values are faster by :func:`log_softmax` than by torch's fused loss, which is made for many."""
LARGEST_EXPONENT = 600.0
"""Doubly exponential tails stop falling here, so that float64 and its gradients stay finite."""
_STEEPEST = {torch.float32: -1e25, torch.float64: -1e250}
"""Log-probabilities of single precision and of double below these have no gradients, which would not be numbers."""


def in_double(density: LogDensity) -> LogDensity:
    """A density that is computed in float64, from parameters and to results of their own type, whose least number is
    the least log-probability."""

    @wraps(density)
    def computed(p: Parameters, value: Tensor) -> Tensor:
        dtype = next(iter(p.values())).dtype
        log_density = density({name: wide(parameter) for name, parameter in p.items()}, wide(value))
        steep = log_density < _STEEPEST[dtype]
        log_density = torch.where(steep, log_density.detach(), log_density)
        return log_density.clamp(min=torch.finfo(dtype).min).to(dtype)

    return computed


def _bernoulli(p: Parameters, value: Tensor) -> Tensor:
    logits, value = torch.broadcast_tensors(p["logits"], value.to(p["logits"].dtype))
    return -binary_cross_entropy_with_logits(logits, value, reduction="none")


def _categorical(p: Parameters, value: Tensor) -> Tensor:
    shape = common_shape(p["logits"].shape[:-1], value.shape)
    if p["logits"].shape[-1] < SHORT:
        chosen = value.expand(shape).long().unsqueeze(-1)
        return log_softmax(p["logits"]).expand(*shape, -1).gather(-1, chosen).squeeze(-1)
    logits = p["logits"].expand(*shape, -1).reshape(-1, p["logits"].shape[-1])
    return -cross_entropy(logits, value.expand(shape).reshape(-1).long(), reduction="none").reshape(shape)


def _normal(p: Parameters, value: Tensor) -> Tensor:
    z = (value - p["loc"]) / p["scale"]
    return torch.addcmul(-_HALF_LOG_TWO_PI - p["scale"].log(), z, z, value=-0.5)


def _multivariate_normal(p: Parameters, value: Tensor) -> Tensor:
    scale = p["scale_tril"]
    apart = (value - p["loc"]).unsqueeze(-1)
    standard = torch.linalg.solve_triangular(scale, apart, upper=False).squeeze(-1)
    log_volume = scale.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    return -0.5 * standard.square().sum(-1) - log_volume - value.shape[-1] * _HALF_LOG_TWO_PI


def _logistic(p: Parameters, value: Tensor) -> Tensor:
    z = (value - p["loc"]).abs() / p["scale"]
    return -z - 2 * softplus(-z) - p["scale"].log()


def _geometric(p: Parameters, value: Tensor) -> Tensor:
    return value * logsigmoid(-p["logits"]) + logsigmoid(p["logits"])


# Of reals, in double precision


def _asymmetric_laplace(p: Parameters, value: Tensor) -> Tensor:
    left, right = p["scale"] * p["asymmetry"], p["scale"] / p["asymmetry"]
    z = value - p["loc"]
    return torch.where(z < 0, z / left, -z / right) - (left + right).log()


def _cauchy(p: Parameters, value: Tensor) -> Tensor:
    return -math.log(math.pi) - p["scale"].log() - _log1p_square((value - p["loc"]).abs() / p["scale"])


def _log1p_square(z: Tensor) -> Tensor:
    """log(1 + z²) for z ≥ 0, also where z² is too large."""
    large = z > 1e8
    return torch.where(large, 2 * torch.where(large, z, 1.0).log(), torch.log1p(torch.where(large, 0.0, z) ** 2))


def _student_t(p: Parameters, value: Tensor) -> Tensor:
    df, half = p["df"], p["df"] / 2
    z = (value - p["loc"]).abs() / p["scale"] / df.sqrt()
    return _log_gamma_half_step(half) - 0.5 * (math.pi * df).log() - (half + 0.5) * _log1p_square(z) - p["scale"].log()


def _log_gamma_half_step(x: Tensor) -> Tensor:
    """log Γ(x + ½) − log Γ(x) for x > 0."""
    large = x > 16
    far = torch.where(large, x, 17.0)
    rest = log_factorial_rest(far - 0.5) - log_factorial_rest(far)
    # n! ~ n log n − n of both, with n = x − ½ and x.
    step = far * torch.log1p(-0.5 / far) + 0.5 - 0.5 * torch.log1p(-0.5 / far) + 0.5 * far.log()
    near = torch.where(large, 1.0, x)
    return torch.where(large, step + rest, torch.lgamma(near + 0.5) - torch.lgamma(near))


def _gumbel(p: Parameters, value: Tensor) -> Tensor:
    fall = ((p["loc"] - value) / p["scale"]).clamp(max=LARGEST_EXPONENT)
    return fall - fall.exp() - p["scale"].log()


def _skew_logistic(p: Parameters, value: Tensor) -> Tensor:
    z = (value - p["loc"]) / p["scale"]
    return p["asymmetry"].log() + p["asymmetry"] * logsigmoid(z) + logsigmoid(-z) - p["scale"].log()


def _soft_laplace(p: Parameters, value: Tensor) -> Tensor:
    z = (value - p["loc"]).abs() / p["scale"]
    return math.log(2 / math.pi) - z - torch.log1p((-2 * z).exp()) - p["scale"].log()


def _soft_asymmetric_laplace(p: Parameters, value: Tensor) -> Tensor:
    """An asymmetric Laplace distribution smoothed by a normal one: the sum of two exponential tails, each smoothed."""
    x = (value - p["loc"]) / p["scale"]
    left, soft = p["asymmetry"], p["softness"]
    right = left.reciprocal()
    both = torch.logaddexp(_smoothed_tail(x, left, soft), _smoothed_tail(-x, right, soft))
    return both - math.log(2) - (left + right).log() - p["scale"].log()


def _smoothed_tail(x: Tensor, width: Tensor, soft: Tensor) -> Tensor:
    """log of exp((s²/2 + wx)/w²) erfc(t) for t = (s² + wx)/(√2 ws).

    For t > 0, where the two factors are huge and tiny, their product is exp(−x²/2s²) erfcx(t) without cancellation.
    """
    t = (soft / width + x / soft) / math.sqrt(2)
    inner = t > 0
    # Each branch gets harmless arguments where the other is taken, so that no gradient is 0 · ∞.
    normal = -0.5 * (x / soft) ** 2 + log_erfcx(torch.where(inner, t, 1.0))
    outside = torch.where(inner, -1.0, x)
    tail = (soft / width) ** 2 / 2 + outside / width + torch.where(inner, 0.0, t).erfc().log()
    return torch.where(inner, normal, tail)


def _von_mises(p: Parameters, value: Tensor) -> Tensor:
    """κ(cos d − 1) − log(2π e^−κ I₀(κ)), without the difference of large numbers: of a location many turns away
    neither."""
    concentration, half, loc = p["concentration"], value / 2, p["loc"] / 2
    sine = half.sin() * loc.cos() - half.cos() * loc.sin()
    return -2 * concentration * sine**2 - torch.special.i0e(concentration).log() - math.log(2 * math.pi)


# Of positive numbers


def _log_normal(p: Parameters, value: Tensor) -> Tensor:
    log_value = value.log()
    return _normal(p, log_value) - log_value


def _log_gamma_mass(shape: Tensor, x: Tensor, log_x: Tensor) -> Tensor:
    """log of x^a e^−x / Γ(a)."""
    return shape.log() - deviance(shape, x, log_x) - log_factorial_rest(shape)


def _gamma(p: Parameters, value: Tensor) -> Tensor:
    log_value = value.log()
    return _log_gamma_mass(p["concentration"], p["rate"] * value, p["rate"].log() + log_value) - log_value


def _chi2(p: Parameters, value: Tensor) -> Tensor:
    log_value = value.log()
    return _log_gamma_mass(p["df"] / 2, value / 2, log_value - math.log(2)) - log_value


def _inverse_gamma(p: Parameters, value: Tensor) -> Tensor:
    log_value = value.log()
    return _log_gamma_mass(p["concentration"], p["rate"] / value, p["rate"].log() - log_value) - log_value


def _fisher_snedecor(p: Parameters, value: Tensor) -> Tensor:
    """The density of a share w = d₁x/(d₁x + d₂), which is a beta variable."""
    log_value = value.log()
    a, b = p["df1"] / 2, p["df2"] / 2
    log_odds = a.log() + log_value - b.log()
    unit = value.clamp(min=1)
    away = (1 - value) / unit * a * (b / (a * (value / unit) + b / unit))
    return log_beta_mass(a, b, logsigmoid(log_odds), logsigmoid(-log_odds), away) - log_value


def _half_normal(p: Parameters, value: Tensor) -> Tensor:
    return math.log(2) + _normal({"loc": torch.zeros_like(p["scale"]), **p}, value)


def _half_cauchy(p: Parameters, value: Tensor) -> Tensor:
    return math.log(2 / math.pi) - p["scale"].log() - _log1p_square(value / p["scale"])


def _weibull(p: Parameters, value: Tensor) -> Tensor:
    k = p["concentration"]
    z = log_ratio(value, p["scale"])
    return k.log() - p["scale"].log() + (k - 1) * z - (k * z).clamp(max=LARGEST_EXPONENT).exp()


# Of the unit interval


def log_beta_mass(a: Tensor, b: Tensor, log_share: Tensor, log_rest: Tensor, away: Tensor | None = None) -> Tensor:
    """log of w^a (1 − w)^b / B(a, b), from log w and log(1 − w); ``away`` is as in :func:`_log_binomial`."""
    return a.log() + b.log() - (a + b).log() + _log_binomial(a, b, log_share, log_rest, away)


def _log_binomial(a: Tensor, b: Tensor, log_share: Tensor, log_rest: Tensor, away: Tensor | None = None) -> Tensor:
    """log of Γ(a + b + 1) / Γ(a + 1) Γ(b + 1) · w^a (1 − w)^b, for real numbers a, b ≥ 0. ``away`` is a(1 − w) − bw,
    where a formula gives it with more digits than the logarithms."""
    total = a + b
    log_total = total.clamp(min=torch.finfo(total.dtype).tiny).log()
    first = deviance(a, total * log_share.exp(), log_total + log_share, away)
    second = deviance(b, total * log_rest.exp(), log_total + log_rest, None if away is None else -away)
    return log_factorial_rest(total) - log_factorial_rest(a) - log_factorial_rest(b) - first - second


def _beta(p: Parameters, value: Tensor) -> Tensor:
    a, b = p["concentration1"], p["concentration0"]
    log_share, log_rest = value.log(), torch.log1p(-value)
    return log_beta_mass(a, b, log_share, log_rest, a * (1 - value) - b * value) - log_share - log_rest


def _kumaraswamy(p: Parameters, value: Tensor) -> Tensor:
    a, b = p["concentration1"], p["concentration0"]
    log_value = value.log()
    return a.log() + b.log() + (a - 1) * log_value + (b - 1) * log1mexp(a * log_value)


def _continuous_bernoulli(p: Parameters, value: Tensor) -> Tensor:
    """∝ exp(λx) on (0, 1); the total is exp(max(λ, 0)) (1 − e^−|λ|)/|λ|."""
    rate = p["logits"].abs()
    small = rate < 1e-2
    safe = torch.where(small, torch.ones_like(rate), rate)
    series = -rate / 2 + rate**2 / 24 - rate**4 / 2880
    log_total = torch.where(small, series, torch.log(-torch.expm1(-safe)) - safe.log())
    return -rate * torch.where(p["logits"] > 0, 1 - value, value) - log_total


# Of counts


def _poisson(p: Parameters, value: Tensor) -> Tensor:
    return -deviance(value, p["rate"]) - log_factorial_rest(value)


def _log_failures(size: Tensor, count: Tensor, log_failure: Tensor, log_success: Tensor) -> Tensor:
    """The negative binomial's log-probability of so many successes before ``size`` failures."""
    return -torch.log1p(count / size) + _log_binomial(size, count, log_failure, log_success)


def _negative_binomial(p: Parameters, value: Tensor) -> Tensor:
    return _log_failures(p["total_count"], value, logsigmoid(-p["logits"]), logsigmoid(p["logits"]))


def _gamma_poisson(p: Parameters, value: Tensor) -> Tensor:
    log_failure = -torch.log1p(1 / p["rate"])
    return _log_failures(p["concentration"], value, log_failure, -torch.log1p(p["rate"]))


def _gated(p: Parameters, value: Tensor, log_prob: Tensor) -> Tensor:
    """Of a count that is 0 with the gate's probability, and else as ``log_prob`` says."""
    rest = logsigmoid(-p["gate_logits"]) + log_prob
    return torch.where(value == 0, torch.logaddexp(logsigmoid(p["gate_logits"]), rest), rest)


def _zero_inflated_poisson(p: Parameters, value: Tensor) -> Tensor:
    return _gated(p, value, _poisson(p, value))


def _zero_inflated_negative_binomial(p: Parameters, value: Tensor) -> Tensor:
    return _gated(p, value, _negative_binomial(p, value))


def _binomial(p: Parameters, value: Tensor) -> Tensor:
    rest = p["total_count"] - value
    return _log_binomial(value, rest, logsigmoid(p["logits"]), logsigmoid(-p["logits"]))


def _beta_binomial(p: Parameters, value: Tensor) -> Tensor:
    """Γ functions of three pairs, each pair against the share (k + a)/(n + a + b): what is left are deviances."""
    n, a, b = p["total_count"], p["concentration1"], p["concentration0"]
    rest = n - value
    every, first, second, prior = n + a + b, value + a, rest + b, a + b
    log_prob = -(first / every).log() - (second / every).log() - every.log() + a.log() + b.log() - prior.log()
    away = (rest * a - value * b) / every  # of all four, but for the sign
    parts = ((value, n, first, -away), (rest, n, second, away), (a, prior, first, away), (b, prior, second, -away))
    for x, total, share, apart in parts:
        log_mean = total.log() + share.log() - every.log()
        log_prob = log_prob - deviance(x, total * share / every, log_mean, apart)
    ups, downs = (n, first, second, prior), (value, rest, every, a, b)
    return log_prob + sum(map(log_factorial_rest, ups)) - sum(map(log_factorial_rest, downs))


def _ordered_logistic(p: Parameters, value: Tensor) -> Tensor:
    """σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)) between two cutpoints a and b, less what the predictor says."""
    cuts = p["cutpoints"]
    shape = common_shape(cuts.shape[:-1], p["predictor"].shape, value.shape)
    cuts, code = cuts.expand(*shape, -1), value.expand(shape).long().unsqueeze(-1)
    first, last = (code == 0).squeeze(-1), (code == cuts.shape[-1]).squeeze(-1)
    low = cuts.gather(-1, (code - 1).clamp(min=0)).squeeze(-1)
    high = cuts.gather(-1, code.clamp(max=cuts.shape[-1] - 1)).squeeze(-1)
    gap = torch.where(first | last, -1.0, low - high)
    log_prob = torch.where(last, 0.0, logsigmoid(high - p["predictor"]))
    log_prob = log_prob + torch.where(first, 0.0, logsigmoid(p["predictor"] - low))
    return log_prob + torch.where(first | last, 0.0, log1mexp(gap))


_DOUBLE: dict[str, LogDensity] = {
    "asymmetric_laplace": _asymmetric_laplace,
    "beta": _beta,
    "beta_binomial": _beta_binomial,
    "binomial": _binomial,
    "cauchy": _cauchy,
    "chi2": _chi2,
    "continuous_bernoulli": _continuous_bernoulli,
    "fisher_snedecor": _fisher_snedecor,
    "gamma": _gamma,
    "gamma_poisson": _gamma_poisson,
    "gumbel": _gumbel,
    "half_cauchy": _half_cauchy,
    "half_normal": _half_normal,
    "inverse_gamma": _inverse_gamma,
    "kumaraswamy": _kumaraswamy,
    "log_normal": _log_normal,
    "multivariate_normal": _multivariate_normal,
    "negative_binomial": _negative_binomial,
    "ordered_logistic": _ordered_logistic,
    "poisson": _poisson,
    "skew_logistic": _skew_logistic,
    "soft_asymmetric_laplace": _soft_asymmetric_laplace,
    "soft_laplace": _soft_laplace,
    "student_t": _student_t,
    "von_mises": _von_mises,
    "weibull": _weibull,
    "zero_inflated_negative_binomial": _zero_inflated_negative_binomial,
    "zero_inflated_poisson": _zero_inflated_poisson,
}
"""The densities that single precision does not hold: they are computed in double precision for either type."""

LOG_DENSITIES: dict[str, LogDensity] = {
    "bernoulli": _bernoulli,
    "categorical": _categorical,
    "geometric": _geometric,
    "logistic": _logistic,
    "normal": _normal,
    **{name: in_double(density) for name, density in _DOUBLE.items()},
}
"""Parameters of shape [...] (vectors [..., size]) and values [...] to log-densities [...], in nats. Families that are
absent take the library's log_prob."""
