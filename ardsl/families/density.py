"""Log-densities of our own, where the library's loses digits or overflows, or is slow in the heaviest-used families."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, logsigmoid, softplus

from ardsl.families.special import log_erfcx

Parameters = Mapping[str, Tensor]
LogDensity = Callable[[Parameters, Tensor], Tensor]

_HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)
_LARGEST_EXPONENT = 40.0
"""Doubly exponential tails stop falling here, at log-densities of −e^40, so that float32 stays finite."""


def _bernoulli(p: Parameters, value: Tensor) -> Tensor:
    logits, value = torch.broadcast_tensors(p["logits"], value.to(p["logits"].dtype))
    return -binary_cross_entropy_with_logits(logits, value, reduction="none")


def _categorical(p: Parameters, value: Tensor) -> Tensor:
    shape = torch.broadcast_shapes(p["logits"].shape[:-1], value.shape)
    logits = p["logits"].expand(*shape, -1).reshape(-1, p["logits"].shape[-1])
    return -cross_entropy(logits, value.expand(shape).reshape(-1).long(), reduction="none").reshape(shape)


def _normal(p: Parameters, value: Tensor) -> Tensor:
    return -0.5 * ((value - p["loc"]) / p["scale"]) ** 2 - p["scale"].log() - _HALF_LOG_TWO_PI


def _log_normal(p: Parameters, value: Tensor) -> Tensor:
    log_value = value.log()
    return _normal(p, log_value) - log_value


def _logistic(p: Parameters, value: Tensor) -> Tensor:
    z = (value - p["loc"]).abs() / p["scale"]
    return -z - 2 * softplus(-z) - p["scale"].log()


def _soft_asymmetric_laplace(p: Parameters, value: Tensor) -> Tensor:
    """An asymmetric Laplace law smoothed by a normal one: the sum of two exponential tails, each smoothed."""
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
    """κ(cos d − 1) − log(2π e^−κ I₀(κ)), without the difference of large numbers."""
    concentration = p["concentration"]
    fall = -2 * concentration * torch.sin((value - p["loc"]) / 2) ** 2
    return fall - torch.special.i0e(concentration).log() - math.log(2 * math.pi)


def _kumaraswamy(p: Parameters, value: Tensor) -> Tensor:
    a, b = p["concentration1"], p["concentration0"]
    log_value = value.log()
    return a.log() + b.log() + (a - 1) * log_value + (b - 1) * torch.log(-torch.expm1(a * log_value))


def _weibull(p: Parameters, value: Tensor) -> Tensor:
    k = p["concentration"]
    z = value.log() - p["scale"].log()
    return k.log() - p["scale"].log() + (k - 1) * z - (k * z).clamp(max=_LARGEST_EXPONENT).exp()


def _gumbel(p: Parameters, value: Tensor) -> Tensor:
    fall = ((p["loc"] - value) / p["scale"]).clamp(max=_LARGEST_EXPONENT)
    return fall - fall.exp() - p["scale"].log()


def _continuous_bernoulli(p: Parameters, value: Tensor) -> Tensor:
    """∝ exp(λx) on (0, 1); the total is exp(max(λ, 0)) (1 − e^−|λ|)/|λ|."""
    logits = p["logits"]
    rate = logits.abs()
    small = rate < 1e-2
    safe = torch.where(small, torch.ones_like(rate), rate)
    series = -rate / 2 + rate**2 / 24 - rate**4 / 2880
    log_total = torch.where(small, series, torch.log(-torch.expm1(-safe)) - safe.log())
    return logits * value - logits.clamp(min=0) - log_total


def _geometric(p: Parameters, value: Tensor) -> Tensor:
    return value * logsigmoid(-p["logits"]) + logsigmoid(p["logits"])


def _poisson(p: Parameters, value: Tensor) -> Tensor:
    return value * p["rate"].log() - p["rate"] - torch.lgamma(value + 1)


LOG_DENSITIES: dict[str, LogDensity] = {
    "bernoulli": _bernoulli,
    "categorical": _categorical,
    "continuous_bernoulli": _continuous_bernoulli,
    "geometric": _geometric,
    "gumbel": _gumbel,
    "kumaraswamy": _kumaraswamy,
    "log_normal": _log_normal,
    "logistic": _logistic,
    "normal": _normal,
    "poisson": _poisson,
    "soft_asymmetric_laplace": _soft_asymmetric_laplace,
    "von_mises": _von_mises,
    "weibull": _weibull,
}
"""Parameters of shape [...] (vectors [..., size]) and values [...] to log-densities [...], in nats. Families that are
absent take the library's log_prob."""


def _gumbel_cdf(p: Parameters, value: Tensor) -> Tensor:
    return (-((p["loc"] - value) / p["scale"]).clamp(max=_LARGEST_EXPONENT).exp()).exp()


def _soft_laplace_cdf(p: Parameters, value: Tensor) -> Tensor:
    """2/π arctan(e^z), by arctan(1/x) = π/2 − arctan(x) where e^z would overflow."""
    z = (value - p["loc"]) / p["scale"]
    below = 2 / math.pi * (-z.abs()).exp().atan()
    return torch.where(z < 0, below, 1 - below)


def _skew_logistic_cdf(p: Parameters, value: Tensor) -> Tensor:
    return (p["asymmetry"] * logsigmoid((value - p["loc"]) / p["scale"])).exp()


def _kumaraswamy_cdf(p: Parameters, value: Tensor) -> Tensor:
    return -torch.expm1(p["concentration0"] * torch.log(-torch.expm1(p["concentration1"] * value.log())))


def _weibull_cdf(p: Parameters, value: Tensor) -> Tensor:
    z = p["concentration"] * (value.log() - p["scale"].log())
    return -torch.expm1(-z.clamp(max=_LARGEST_EXPONENT).exp())


CDFS: dict[str, LogDensity] = {
    "gumbel": _gumbel_cdf,
    "kumaraswamy": _kumaraswamy_cdf,
    "skew_logistic": _skew_logistic_cdf,
    "soft_laplace": _soft_laplace_cdf,
    "weibull": _weibull_cdf,
}
"""Distribution functions of our own, where the gradients of the library's are not numbers in the tails."""
