"""A draw of each catalogue family as a function of uniform numbers, where the library's inverse CDF is not used."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from ardsl.families.inverse import (
    LARGEST_COUNT,
    gamma_draw,
    log_gamma_draw,
    poisson_draw,
    student_t_draw,
    von_mises_draw,
)

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Sampler:
    """``draw`` takes parameters of shape [...] and uniforms of shape [..., ``uniforms``] to values of shape [...]."""

    uniforms: int
    draw: Callable[[Parameters, Tensor], Tensor]


def choose(logits: Tensor, uniform: Tensor) -> Tensor:
    """The category at which the distribution function of softmax(logits) reaches u: [..., n] and [...] to int64 [...].

    The last running sum scales u, so that its rounding can give a value neither a wrong chance nor one beyond the end.
    """
    cumulative = logits.softmax(-1).cumsum(-1)
    target = uniform.unsqueeze(-1) * cumulative[..., -1:]
    return torch.searchsorted(cumulative, target.contiguous()).squeeze(-1).clamp(max=logits.shape[-1] - 1)


def choose_and_rest(logits: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
    """The category that :func:`choose` gives, and the place of u in its part of (0, 1): uniform again, and independent
    of the category. Shapes [..., n] and [...] to int64 and float64 [...]."""
    chosen = choose(logits, uniform).unsqueeze(-1)
    share = logits.softmax(-1)
    start = share.cumsum(-1) - share
    rest = (uniform.unsqueeze(-1) - start.gather(-1, chosen)) / share.gather(-1, chosen)
    return chosen.squeeze(-1), rest.squeeze(-1).clamp(torch.finfo(rest.dtype).tiny, 1 - torch.finfo(rest.dtype).eps / 2)


def weights_of_possible(log_weights: Tensor) -> Tensor:
    """Log-weights [..., n] that :func:`choose` can take: where all are −inf, so that nothing is possible, all are 0."""
    nothing = (log_weights == -math.inf).all(-1, keepdim=True)
    return torch.where(nothing, 0.0, log_weights)


def _bernoulli(p: Parameters, u: Tensor) -> Tensor:
    return (p["logits"] > -torch.logit(u[..., 0])).to(u.dtype)


def _categorical(p: Parameters, u: Tensor) -> Tensor:
    return choose(p["logits"], u[..., 0]).to(u.dtype)


def _normal(p: Parameters, u: Tensor) -> Tensor:
    return p["loc"] + p["scale"] * torch.special.ndtri(u[..., 0])


def _half_normal(p: Parameters, u: Tensor) -> Tensor:
    return -p["scale"] * torch.special.ndtri((1 - u[..., 0]) / 2)


def _laplace(p: Parameters, u: Tensor) -> Tensor:
    u = u[..., 0]
    return p["loc"] + p["scale"] * torch.where(u < 0.5, (2 * u).log(), -(2 * (1 - u)).log())


def _multivariate_normal(p: Parameters, u: Tensor) -> Tensor:
    standard = torch.special.ndtri(u)
    return p["loc"] + (p["scale_tril"] @ standard.unsqueeze(-1)).squeeze(-1)


def _logistic(p: Parameters, u: Tensor) -> Tensor:
    return p["loc"] + p["scale"] * torch.logit(u[..., 0])


def _skew_logistic(p: Parameters, u: Tensor) -> Tensor:
    power = u[..., 0].log() / p["asymmetry"]  # log of v = u^(1/asymmetry); logit(v) = log v − log(1 − v)
    return p["loc"] + p["scale"] * (power - torch.log(-torch.expm1(power)))


def _asymmetric_laplace(p: Parameters, u: Tensor) -> Tensor:
    left, right = p["scale"] * p["asymmetry"], p["scale"] / p["asymmetry"]
    share = left / (left + right)
    u = u[..., 0]
    below = left * (u / share).clamp(max=1).log()
    above = -right * ((1 - u) / (1 - share)).clamp(max=1).log()
    return p["loc"] + torch.where(u < share, below, above)


def _soft_asymmetric_laplace(p: Parameters, u: Tensor) -> Tensor:
    u, scale, asymmetry = (
        u.double(),
        p["scale"].double(),
        p["asymmetry"].double(),
    )  # a tail's scale may be beyond float32
    soft = scale * p["softness"] * torch.special.ndtri(u[..., 0])
    left, right = (-torch.log1p(-u[..., k]) for k in (1, 2))
    return p["loc"] + soft - scale * asymmetry * left + scale / asymmetry * right


def _student_t(p: Parameters, u: Tensor) -> Tensor:
    return p["loc"] + p["scale"] * student_t_draw(p["df"], u[..., 0], u[..., 1])


def _von_mises(p: Parameters, u: Tensor) -> Tensor:
    angle = p["loc"].double() + von_mises_draw(p["concentration"], u[..., 0])
    return torch.remainder(angle + math.pi, 2 * math.pi) - math.pi


def _gamma(p: Parameters, u: Tensor) -> Tensor:
    return gamma_draw(p["concentration"], p["rate"], u[..., 0])


def _inverse_gamma(p: Parameters, u: Tensor) -> Tensor:
    # The reciprocal's distribution function falls where the gamma's rises.
    return (p["rate"].double().log() - log_gamma_draw(p["concentration"], 1 - u[..., 0].double())).exp()


def _chi2(p: Parameters, u: Tensor) -> Tensor:
    return 2 * log_gamma_draw(p["df"] / 2, u[..., 0]).exp()


def _fisher_snedecor(p: Parameters, u: Tensor) -> Tensor:
    above = log_gamma_draw(p["df1"] / 2, u[..., 0]) - p["df1"].double().log()
    below = log_gamma_draw(p["df2"] / 2, u[..., 1]) - p["df2"].double().log()
    return (above - below).exp()


def _beta(p: Parameters, u: Tensor) -> Tensor:
    """X/(X + Y) of two gamma variables, from their logarithms."""
    log_x, log_y = log_gamma_draw(p["concentration1"], u[..., 0]), log_gamma_draw(p["concentration0"], u[..., 1])
    return torch.sigmoid(log_x - log_y)


def _kumaraswamy(p: Parameters, u: Tensor) -> Tensor:
    inner = torch.log1p(-u[..., 0]) / p["concentration0"]
    return (torch.log(-torch.expm1(inner)) / p["concentration1"]).exp()


def _continuous_bernoulli(p: Parameters, u: Tensor) -> Tensor:
    """The density is ∝ exp(λx): of 1 − x with −λ, so that only a falling one, rate a = |λ|, needs an inverse."""
    logits, u = torch.broadcast_tensors(p["logits"], u[..., 0])
    rate = logits.abs()
    v = torch.where(logits > 0, 1 - u, u)
    small = rate < 1e-4
    safe = torch.where(small, torch.ones_like(rate), rate)
    falling = torch.where(small, v - rate / 2 * v * (1 - v), -torch.log1p(v * torch.expm1(-safe)) / safe)
    return torch.where(logits > 0, 1 - falling, falling)


def _geometric(p: Parameters, u: Tensor) -> Tensor:
    rate = (-logsigmoid(-p["logits"])).clamp(min=torch.finfo(u.dtype).tiny)  # the count is an exponential's floor
    return (-torch.log1p(-u[..., 0]) / rate).floor().clamp(max=LARGEST_COUNT)


def _poisson(p: Parameters, u: Tensor) -> Tensor:
    return poisson_draw(p["rate"], u[..., 0])


def _gamma_poisson_draw(log_mean_scale: Tensor, shape: Tensor, u: Tensor) -> Tensor:
    """Poisson, its rate a gamma variable times exp(log_mean_scale)."""
    log_rate = log_gamma_draw(shape, u[..., 0]) + log_mean_scale.double()
    return poisson_draw(log_rate.clamp(max=math.log(LARGEST_COUNT)).exp(), u[..., 1])


def _negative_binomial(p: Parameters, u: Tensor) -> Tensor:
    return _gamma_poisson_draw(p["logits"], p["total_count"], u)


def _gamma_poisson(p: Parameters, u: Tensor) -> Tensor:
    return _gamma_poisson_draw(-p["rate"].log(), p["concentration"], u)


def _gated(p: Parameters, u: Tensor, count: Tensor) -> Tensor:
    """0 with the gate's probability, else the count."""
    return torch.where(p["gate_logits"] > -torch.logit(u[..., 0]), torch.zeros_like(count), count)


def _zero_inflated_poisson(p: Parameters, u: Tensor) -> Tensor:
    return _gated(p, u, _poisson(p, u[..., 1:]))


def _zero_inflated_negative_binomial(p: Parameters, u: Tensor) -> Tensor:
    return _gated(p, u, _negative_binomial(p, u[..., 1:]))


SAMPLERS: dict[str, Sampler] = {
    "asymmetric_laplace": Sampler(1, _asymmetric_laplace),
    "bernoulli": Sampler(1, _bernoulli),
    "beta": Sampler(2, _beta),
    "categorical": Sampler(1, _categorical),
    "chi2": Sampler(1, _chi2),
    "continuous_bernoulli": Sampler(1, _continuous_bernoulli),
    "fisher_snedecor": Sampler(2, _fisher_snedecor),
    "gamma": Sampler(1, _gamma),
    "gamma_poisson": Sampler(2, _gamma_poisson),
    "geometric": Sampler(1, _geometric),
    "half_normal": Sampler(1, _half_normal),
    "inverse_gamma": Sampler(1, _inverse_gamma),
    "kumaraswamy": Sampler(1, _kumaraswamy),
    "laplace": Sampler(1, _laplace),
    "logistic": Sampler(1, _logistic),
    "multivariate_normal": Sampler(1, _multivariate_normal),
    "negative_binomial": Sampler(2, _negative_binomial),
    "normal": Sampler(1, _normal),
    "poisson": Sampler(1, _poisson),
    "skew_logistic": Sampler(1, _skew_logistic),
    "soft_asymmetric_laplace": Sampler(3, _soft_asymmetric_laplace),
    "student_t": Sampler(2, _student_t),
    "von_mises": Sampler(1, _von_mises),
    "zero_inflated_negative_binomial": Sampler(3, _zero_inflated_negative_binomial),
    "zero_inflated_poisson": Sampler(2, _zero_inflated_poisson),
}
"""Samplers of our own. Families that are absent take the library's inverse CDF or, finite ones, their table."""
