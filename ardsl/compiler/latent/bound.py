"""Lower bounds on log p(x) from draws of the guide, exact where all latent variables are marginalized."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.distributions import kl_divergence

from ardsl.compiler.base import Loss
from ardsl.compiler.guards import at_once
from ardsl.compiler.latent.conditionals import LatentConditionals
from ardsl.compiler.model import AutoregressiveModel

if TYPE_CHECKING:
    from pyro.distributions import TorchDistribution


@dataclass(frozen=True)
class Terms:
    """The terms of a bound for each example, [batch] in nats: ``likelihood`` − Σ ``kl``, the divergence of every latent
    variable that the guide draws. ``score`` is log q of the draws that have no gradients of their own, None where all
    have."""

    likelihood: Tensor
    kl: dict[str, Tensor]
    score: Tensor | None

    @property
    def elbo(self) -> Tensor:
        return self.likelihood - sum(self.kl.values())

    @property
    def differentiable(self) -> Tensor:
        """The bound, with the score function's gradient of draws that have none of their own (Williams 1992)."""
        elbo = self.elbo
        if self.score is None:
            return elbo
        gain = torch.where(elbo.isfinite(), elbo, 0.0).detach()  # what is impossible stays so
        return elbo + gain * (self.score - self.score.detach())


def draw(
    model: LatentConditionals,
    data: Mapping[str, Tensor],
    *,
    closed: bool = True,
    temperature: float | None = None,
    generator: np.random.Generator | None = None,
    complete: bool = False,
) -> Terms:
    """The bound with one draw of the guide for each example. ``closed``: with Kullback–Leibler divergences in closed
    form where there is one (Kingma & Welling 2014, Eq. 10); else log p(x, z) − log q(z | x) itself. With a
    ``temperature`` binary draws have the gradients of relaxed ones; a ``generator`` draws the order of what has
    several. ``complete``: all data are there and inside their domains, which is not checked."""
    values = dict(data)
    count = model.count(values)
    if not count:
        none = torch.zeros(count, dtype=model.like.dtype, device=model.like.device)
        return Terms(none, dict.fromkeys(model.q, none), None)
    guide: dict[str, TorchDistribution] = {}
    score: Tensor | None = None
    for name, conditional in model.q.items():
        guide[name] = site = model.site(conditional, values, torch.Size([count]))
        relaxed = _relaxed(site, temperature)
        if site.has_rsample:
            values[name] = as_data(conditional, site, site.rsample())
        elif relaxed is not None:
            values[name] = relaxed
        else:
            values[name] = as_data(conditional, site, site.sample())
            log_prob = site.log_prob(values[name])
            score = log_prob if score is None else score + log_prob
    summed = model.summed
    likelihood = torch.zeros(count, dtype=model.like.dtype, device=model.like.device)
    kl = {}
    for name, conditional in model.p.items():
        if name in summed:
            continue
        if name not in guide:
            likelihood = likelihood + model.log_prob_given(conditional, values, generator, complete=complete)
            continue
        divergence = None
        if closed and name in model.closed:
            divergence = _closed(guide[name], model.site(conditional, values, torch.Size([count])))
        if divergence is None:  # not by the prior as Pyro knows it: the libraries' densities overflow far out
            divergence = guide[name].log_prob(values[name]) - model.log_prob_given(conditional, values, generator)
        kl[name] = divergence
    if summed:
        total, terms = marginalize(model, values, generator, complete=complete)
        for name in filter(guide.__contains__, terms):
            total = total - terms[name]
            kl[name] = guide[name].log_prob(values[name]) - terms[name]
        likelihood = likelihood + total
    return Terms(likelihood, kl, score)


def as_data(conditional: AutoregressiveModel, site: TorchDistribution, value: Tensor) -> Tensor:
    """Draws of a site in the data's own form, none of them rounded out of the domain."""
    from ardsl.compiler.distribution import ModelDistribution  # which imports Pyro

    # The model's own are in that form; those of torch's distributions are codes of the domain.
    return (
        value if isinstance(site, ModelDistribution) else conditional.conditionals[0][0].value(value, conditional.like)
    )


def _relaxed(site: TorchDistribution, temperature: float | None) -> Tensor | None:
    """A draw of a binary variable with the gradient of a relaxed one in place of its own, which is 0 (Maddison, Mnih &
    Teh 2017, The Concrete Distribution; rounded as in Jang, Gu & Poole 2017); None where it is not asked for."""
    from pyro.distributions import Independent, RelaxedBernoulliStraightThrough

    if temperature is None or not isinstance(site, Independent):
        return None
    if not isinstance(site.base_dist, torch.distributions.Bernoulli):
        return None
    logits = site.base_dist.logits
    return RelaxedBernoulliStraightThrough(logits.new_tensor(temperature), logits=logits).rsample()


def _closed(guide: TorchDistribution, prior: TorchDistribution) -> Tensor | None:
    try:
        return kl_divergence(guide, prior)
    except NotImplementedError:
        return None


def marginalize(
    model: LatentConditionals,
    values: Mapping[str, Tensor],
    generator: np.random.Generator | None = None,
    *,
    complete: bool = False,
) -> tuple[Tensor, dict[str, Tensor]]:
    """log Σ_k p(k, y) over the values k of the enumerated variables, y being the variables that read them: [batch]; and
    the terms that it is the sum of, each variable's log-probability given those before it, marginalized too."""
    terms: dict[str, Tensor] = {}
    joint: Tensor | None = None
    before: Tensor | None = None
    for name, log_prob in table(model, values, generator, complete=complete).items():
        joint = log_prob if joint is None else joint + log_prob
        total = joint.logsumexp(0)
        terms[name] = total if before is None else total - before
        before = total
    assert before is not None  # there is something to sum over
    return before, terms


def table(
    model: LatentConditionals,
    values: Mapping[str, Tensor],
    generator: np.random.Generator | None = None,
    *,
    complete: bool = False,
) -> dict[str, Tensor]:
    """Log-probabilities under each assignment of the enumerated variables, [assignments, batch], of these and of the
    variables that read them; with a ``generator`` all under one order that it draws. ``complete`` as in :func:`draw`:
    a program that is traced takes all assignments at once, so that it is one of any batch."""
    seed = None if generator is None else int(generator.integers(1 << 62))
    count, every = model.count(values), model.assignments
    total = model.count(every)
    traced = torch.compiler.is_compiling()
    size = total if traced else max(1, at_once(model.spec.plan, model.like.device) // max(count, 1))
    log_probs: dict[str, list[Tensor]] = {name: [] for name in model.summed}
    for first in range(0, total, size):
        chosen = {name: value[first : first + size] for name, value in every.items()}
        rows = model.count(chosen)
        known = {name: value.repeat(rows, *[1] * (value.ndim - 1)) for name, value in values.items()}
        known |= {name: value.repeat_interleave(count, 0) for name, value in chosen.items()}
        for name, chunks in log_probs.items():
            same = None if seed is None else np.random.default_rng(seed)
            chunks.append(model.log_prob_given(model.p[name], known, same, complete=complete).view(rows, count))
    return {name: torch.cat(chunks) for name, chunks in log_probs.items()}


def negative_bound(
    model: LatentConditionals, data: Mapping[str, Tensor], samples: int, generator: np.random.Generator | None
) -> Loss:
    """The mean negative bound, in nats per example, as training minimizes and reports it.

    What is minimized weighs the divergences by ``model.kl_weight`` β, and counts no less than the free nats of each
    (Kingma et al. 2016, Improved Variational Inference with Inverse Autoregressive Flow). Draws without gradients of
    their own get those of the score function, against the mean of the other draws' bounds: of the same example, or with
    one draw of the batch (Kool, van Hoof & Welling 2019). What is reported is the bound itself.
    """
    drawn = [draw(model, data, temperature=model.temperature, generator=generator) for _ in range(samples)]
    kl = {name: torch.stack([terms.kl[name] for terms in drawn]).mean() for name in drawn[0].kl}
    likelihood = torch.stack([terms.likelihood for terms in drawn]).mean()
    loss = model.kl_weight * sum(_counted(model, kl)) - likelihood
    reported = (sum(kl.values()) - likelihood).detach()
    if drawn[0].score is not None:
        weight = _weights(model, kl)
        cost = [sum(weight[name] * term for name, term in terms.kl.items()) for terms in drawn]
        gain = torch.stack([terms.likelihood - term for terms, term in zip(drawn, cost, strict=True)]).detach()
        score = torch.stack([terms.score for terms in drawn if terms.score is not None])
        surrogate = (gain - _baseline(gain)) * score
        loss = loss - (surrogate - surrogate.detach()).mean()
    return Loss(loss, reported, {name: divergence.detach() for name, divergence in kl.items()})


def _counted(model: LatentConditionals, kl: Mapping[str, Tensor]) -> list[Tensor]:
    """Divergences in nats as the objective counts them, none for less than what is free."""
    return [divergence.clamp(min=model.free_nats) for divergence in kl.values()]


def _weights(model: LatentConditionals, kl: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the divergences in the objective, by variable: 0 for those that are free."""
    return {name: model.kl_weight * (divergence > model.free_nats) for name, divergence in kl.items()}


def _baseline(gain: Tensor) -> Tensor:
    """The mean of the other draws' bounds, [samples, batch]: of the same example, or with one sample of the batch."""
    axis = 0 if len(gain) > 1 else 1
    others = gain.shape[axis] - 1
    return (gain.sum(axis, keepdim=True) - gain) / others if others else torch.zeros_like(gain)


def importance_weighted(model: LatentConditionals, data: Mapping[str, Tensor], samples: int) -> tuple[Tensor, Terms]:
    """log (1/K) Σ_k p(x, z_k) / q(z_k | x) of each example (Burda, Grosse & Salakhutdinov 2016, Eq. 8), which rises to
    log p(x) with K; and the first draw, which is the bound where K = 1. Memory grows with K only where gradients are
    kept."""
    first = draw(model, data)
    if not model.q or samples == 1:
        return first.differentiable, first
    count = model.count(data)
    size = max(1, at_once(model.spec.plan, model.like.device) // max(count, 1))
    total = score = None
    for start in range(0, samples, size):
        rows = min(size, samples - start)
        repeated = {name: value.repeat(rows, *[1] * (value.ndim - 1)) for name, value in data.items()}
        terms = draw(model, repeated, closed=False)
        summed = terms.elbo.view(rows, count).logsumexp(0)
        total = summed if total is None else torch.logaddexp(total, summed)
        if terms.score is not None:
            scores = terms.score.view(rows, count).sum(0)
            score = scores if score is None else score + scores
    assert total is not None  # there is at least one sample
    return Terms(total - math.log(samples), {}, score).differentiable, first
