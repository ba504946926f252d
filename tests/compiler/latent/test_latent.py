"""Latent variables: what is summed out is exact, what is bounded is a bound, and Pyro agrees."""

from __future__ import annotations

import copy
import itertools
import math
import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO, TraceEnum_ELBO, infer_discrete
from pyro.infer.inspect import get_model_relations
from torch import Tensor

import ardsl
from ardsl.compiler.latent.bound import draw
from ardsl.compiler.latent.model import LatentModel
from ardsl.testing import every_value, some_given, with_random_weights
from tests.support import latent_specs
from tests.support.latent_specs import SPECS, only


def model_of(text: str, seed: int = 1) -> LatentModel:
    model = with_random_weights(ardsl.loads(text), seed)
    assert isinstance(model, LatentModel)
    return model


def drawn(model: LatentModel, count: int, seed: int = 0) -> tuple[Any, Any]:
    """Samples of a model, and what they were drawn for."""
    given = some_given(model.spec)
    return model.sample(count, given, seed=seed), given


# Sums and integrals


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["summed out", "hidden Markov"])
def test_what_is_summed_out_is_exact(name: str) -> None:
    """Σ_x p(x) = 1, and log p(x) is the sum of p(x, z) over every z, one at a time."""
    model = model_of(SPECS[name])
    x = only(every_value(model.spec))
    with torch.no_grad():
        log_prob = model.log_prob(x)
    assert log_prob.exp().sum().item() == pytest.approx(1, abs=1e-9)
    for row in (0, 3, len(log_prob) - 1):
        torch.testing.assert_close(log_prob[row], log_joint(model, x[row : row + 1]).logsumexp(0))


@torch.no_grad()
def log_joint(model: LatentModel, x: Tensor) -> Tensor:
    """log p(x, z) of one example, with every z: [assignments]."""
    variables = [model.spec.variables[name] for name in model.latent]
    levels = [v.element_domain(0).levels for v in variables for _ in range(v.size)]
    codes = torch.tensor(list(itertools.product(*(range(n) for n in levels if n))), dtype=torch.float64)
    parts = codes.split([v.size for v in variables], 1)
    z = {v.name: part.view(-1, *v.shape) for v, part in zip(variables, parts, strict=True)}
    values = model.values(x.expand(len(codes), *x.shape[1:])) | z
    return torch.stack([model.log_prob_given(part, values) for part in model.p.values()]).sum(0)


@pytest.mark.thorough
@pytest.mark.parametrize("guide", ["discrete", "one of two summed out"])
def test_the_bound_rises_to_the_enumerated_likelihood(guide: str) -> None:
    exact, guided = model_of(latent_specs.EXACT), model_of(SPECS[guide], seed=4)
    guided.chain.load_state_dict(exact.chain.state_dict())
    x = only(every_value(exact.spec))
    log_prob = exact.log_prob(x)
    with torch.no_grad():
        bounds = [guided.log_prob_bound(x.repeat(400 // k, 1), samples=k, seed=0).view(-1, len(x)) for k in (1, 8, 200)]
    means = [bound.mean().item() for bound in bounds]
    errors = [bound.mean(1).std().item() / math.sqrt(len(bound)) if len(bound) > 1 else 0.0 for bound in bounds]
    assert means[0] < means[1] < means[2]
    assert all(mean < log_prob.mean().item() + 4 * error + 1e-3 for mean, error in zip(means, errors, strict=True))
    assert means[2] == pytest.approx(log_prob.mean().item(), abs=4 * errors[2] + 0.02)


def gaussian() -> tuple[LatentModel, Tensor, Tensor]:
    """A linear Gaussian model with a guide that has the means and variances of the true posterior but not its
    covariances, examples, and their log-density in closed form: x ~ N(b, WWᵀ + σ²)."""
    model = model_of(latent_specs.GAUSSIAN)
    part = model.p["x"]
    weight, bias = part.networks[0].direct, part.networks[0].biases[0]  # type: ignore[union-attr]
    with torch.no_grad():
        weight[1::2] = 0.0  # the scales
        bias[1::2] = torch.tensor([-0.5, 0.1, 0.4])
    conditional = part.conditionals[0][0]
    scale = conditional.parameters(bias.view(3, 2))["scale"]
    loading, mean = weight[0::2].detach(), bias[0::2].detach()
    cov = loading @ loading.T + torch.diag(scale.detach() ** 2)
    gain = torch.diag(1 / scale.detach() ** 2) @ loading
    variance = torch.linalg.inv(torch.eye(2).double() + loading.T @ gain)
    guide = model.q["z"]
    q_weight, q_bias = guide.networks[0].direct, guide.networks[0].biases[0]  # type: ignore[union-attr]
    raw = torch.linspace(-6, 6, 400_001, dtype=torch.float64)
    scales = guide.conditionals[0][0].parameters(torch.stack([raw * 0, raw], 1))["scale"]
    with torch.no_grad():
        q_weight[0::2], q_weight[1::2] = (gain @ variance).T, 0.0
        q_bias[0::2] = -mean @ gain @ variance
        q_bias[1::2] = raw[(scales - variance.diag().sqrt()[:, None]).abs().argmin(1)]
    x = model.sample(200, seed=3)
    exact = torch.distributions.MultivariateNormal(mean, cov).log_prob(x)
    return model, x, exact


@pytest.mark.thorough
def test_a_linear_gaussian_model_has_its_closed_form() -> None:
    model, x, exact = gaussian()
    with torch.no_grad():
        elbo = torch.stack([model.elbo(x, seed=s) for s in range(50)])
        error = elbo.mean(0).std().item() / math.sqrt(len(x))
        assert (elbo.mean(0) <= exact + 6 * elbo.std(0) / math.sqrt(50)).all()
        assert elbo.mean().item() <= exact.mean().item() + error
        bound = model.log_prob_bound(x, samples=1000, seed=0)
    assert bound.mean().item() == pytest.approx(exact.mean().item(), abs=0.01)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["hierarchy", "Gaussian", "conditional", "discrete", "autoregressive prior"])
@torch.no_grad()
def test_closed_forms_do_not_change_the_bound(name: str) -> None:
    """On average: a divergence whose prior reads what the guide draws from the variable has no closed form."""
    model = model_of(SPECS[name])
    x, given = drawn(model, 3)
    many = {k: v.repeat_interleave(4000, 0) for k, v in model.values(x, given).items()}
    torch.manual_seed(0)
    closed, plain = (draw(model, many, closed=way).elbo.view(3, -1) for way in (True, False))
    error = ((closed.var(1) + plain.var(1)) / closed.shape[1]).sqrt()
    assert ((closed.mean(1) - plain.mean(1)).abs() < 4.5 * error).all()


@torch.no_grad()
def test_a_closed_form_that_would_be_wrong_is_not_taken() -> None:
    """b is drawn as three times a, and a's prior is a third of b: at a fixed b the divergence of a is not its own."""
    model = model_of(
        "latent a : real\nlatent b : real\nobserved x : real\np(b) = normal(0, 3)\np(a | b) = normal via linear\n"
        "p(x | a) = normal via linear\nq(a | x) = normal via linear\nq(b | a) = normal via linear\n"
    )
    for part, slope in ((model.q["a"], 0.0), (model.q["b"], 3.0), (model.p["a"], 1 / 3)):
        part.networks[0].direct.copy_(torch.tensor([[slope], [0.0]]))  # type: ignore[union-attr]
        part.networks[0].biases[0].copy_(torch.tensor([0.0, -2.0 if slope else 0.5]))  # type: ignore[union-attr]
    values = model.values(torch.zeros(20_000, dtype=torch.float64))
    torch.manual_seed(0)
    closed, plain = (draw(model, values, closed=way).elbo for way in (True, False))
    error = math.sqrt((closed.var() + plain.var()).item() / len(plain))
    assert abs(closed.mean() - plain.mean()).item() < 4.5 * error


def test_which_divergences_have_a_closed_form() -> None:
    assert model_of(latent_specs.HIERARCHY).closed == {"z2"}
    turned = latent_specs.HIERARCHY.replace("q(z1 | x)", "q(z1 | x, z2)").replace(
        "q(z2 | z1) = normal via mlp", "q(z2 | x) = normal via mlp"
    )
    assert model_of(turned).closed == {"z1", "z2"}


# Gradients


@pytest.mark.parametrize("samples", [1, 2])
def test_the_score_function_has_the_gradient_of_the_bound(samples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over all that the guide may draw for both examples, against the gradient of the bound with its draws
    summed over."""
    model = model_of(
        "latent k : category(3)\nobserved x[2] : binary\np(k) = categorical\np(x | k) = bernoulli\n"
        f"q(k | x) = categorical\ntrain {{ samples = {samples} }}\n"
    )
    x = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    values = model.values(x)
    terms, chances = [], []
    for k in range(3):
        z = values | {"k": torch.full((2,), float(k), dtype=torch.float64)}
        log_q = model.log_prob_given(model.q["k"], z)
        log_p = sum(model.log_prob_given(part, z) for part in model.p.values())
        terms.append(log_q.exp() * (log_p - log_q))
        chances.append(log_q.detach().exp())
    chance = torch.stack(chances)
    parameters = [p for p in model.parameters() if p.numel()]
    expected = torch.autograd.grad(-torch.stack(terms).sum(0).mean(), parameters)
    found = [torch.zeros_like(p) for p in parameters]
    for codes in itertools.product(range(3), repeat=2 * samples):
        drawn = torch.tensor(codes, dtype=torch.float64).view(samples, 2)
        rows = iter(drawn)
        monkeypatch.setattr("ardsl.compiler.latent.bound.as_data", lambda *_, rows=rows: next(rows))
        weight = chance.gather(0, drawn.long()).prod()
        for total, part in zip(found, torch.autograd.grad(model.loss({"x": x}), parameters), strict=True):
            total += weight * part
        assert next(rows, None) is None
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("samples", [1, 2])
def test_gradients_of_bounds_count_in_draws_without_their_own(samples: int) -> None:
    """Of the ELBO and of the importance-weighted bound, against every way that the guide may draw."""
    model = model_of(
        "latent k : category(3)\nobserved x[2] : binary\np(k) = categorical\np(x | k) = bernoulli via table\n"
        "q(k | x) = categorical via table\n"
    )
    x = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    values = model.values(x)
    log_q, log_w = [], []
    for k in range(3):
        z = values | {"k": torch.full((1,), float(k), dtype=torch.float64)}
        log_q.append(model.log_prob_given(model.q["k"], z))
        log_w.append(sum(model.log_prob_given(part, z) for part in model.p.values()) - log_q[-1])
    expected = torch.zeros(1, dtype=torch.float64)
    for drawn in itertools.product(range(3), repeat=samples):
        weights = torch.stack([log_w[k] for k in drawn])
        chance = torch.stack([log_q[k] for k in drawn]).sum(0).exp()
        expected = expected + chance * (weights.logsumexp(0) - math.log(samples))
    parameters = [p for p in model.parameters() if p.numel()]
    wanted = torch.autograd.grad(expected.sum(), parameters)
    many = x.repeat(40_000, 1)
    bounds = [model.log_prob_bound(many, samples=samples, seed=0)]
    if samples == 1:
        bounds.append(model.elbo(many, seed=0))
    for bound in bounds:
        assert bound.mean().item() == pytest.approx(expected.item(), abs=0.02)
        for one, other in zip(torch.autograd.grad(bound.mean(), parameters), wanted, strict=True):
            torch.testing.assert_close(one, other, atol=0.02, rtol=0)


def test_the_bound_of_what_is_impossible() -> None:
    model = model_of(
        "latent k : category(3)\nobserved x[2] : binary\np(k) = categorical\np(x | k) = bernoulli\n"
        "q(k | x) = categorical\n"
    )
    x = torch.tensor([[0.0, 1.0], [0.0, 2.0]], dtype=torch.float64)
    for bound in (model.elbo(x), model.log_prob_bound(x, samples=5)):
        assert bool(bound[0].isfinite()) and bound[1] == -math.inf


@pytest.mark.parametrize("name", SPECS)
def test_bounds_of_no_examples(name: str) -> None:
    model = model_of(SPECS[name])
    x, given = drawn(model, 2)
    none = {key: value[:0] for key, value in x.items()} if isinstance(x, dict) else x[:0]
    given = given and {key: value[:0] for key, value in given.items()}
    for bound in (model.elbo(none, given), model.log_prob_bound(none, given, samples=3)):
        assert bound.shape == (0,)


@pytest.mark.thorough
def test_pathwise_gradients_are_those_of_the_bound() -> None:
    """Of the linear Gaussian model, whose bound for a Gaussian guide is known."""
    model, x, _ = gaussian()
    x = x[:20]
    part, guide = model.p["x"], model.q["z"]
    weight, bias = part.networks[0].direct, part.networks[0].biases[0]  # type: ignore[union-attr]
    q_weight, q_bias = guide.networks[0].direct, guide.networks[0].biases[0]  # type: ignore[union-attr]
    with torch.no_grad():
        q_weight[0::2] *= 1.5
        q_bias += 0.3
    raw = x @ q_weight.T + q_bias
    mean, spread = raw[:, 0::2], guide.conditionals[0][0].parameters(raw.view(-1, 2, 2))["scale"]
    scale = part.conditionals[0][0].parameters(bias.view(3, 2))["scale"]
    loading = weight[0::2]
    off = (x - bias[0::2] - mean @ loading.T) ** 2 + spread**2 @ (loading**2).T
    likelihood = (-off / (2 * scale**2) - scale.log() - 0.5 * math.log(2 * math.pi)).sum(1)
    divergence = (0.5 * (mean**2 + spread**2 - 1) - spread.log()).sum(1)
    expected = torch.autograd.grad((divergence - likelihood).mean(), [q_weight, q_bias])
    torch.manual_seed(0)
    found = torch.autograd.grad(model.loss({"x": x.repeat(6400, 1)}), [q_weight, q_bias])
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=0.03 * other.abs().max().item(), rtol=0)


@pytest.mark.thorough
def test_relaxed_draws_are_binary_and_have_gradients() -> None:
    """That of the exact bound, roughly: on average they point the same way."""
    text = (
        "latent b[2] : binary\nobserved x[3] : binary\np(b) = bernoulli\np(x | b) = bernoulli via mlp(hidden = [8])\n"
        "q(b | x) = bernoulli via linear\ntrain {{ estimator = {} }}\n"
    )
    score, relaxed = (model_of(text.format(name)) for name in ("score", "relaxed(temperature = 0.3)"))
    x = score.sample(64, seed=0)
    values = score.values(x)
    torch.manual_seed(0)
    assert draw(relaxed, values, temperature=0.3).score is None and draw(score, values).score is not None
    gradients = []
    for model, repeats in ((score, 800), (relaxed, 200)):
        parameters = [p for p in model.guide.parameters() if p.numel()]
        found = torch.autograd.grad(model.loss({"x": x.repeat(repeats, 1)}), parameters)
        gradients.append(torch.cat([each.flatten() for each in found]))
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.8


def test_free_bits_and_annealing_weigh_the_divergences() -> None:
    free = model_of(latent_specs.GAUSSIAN + "train { free_bits = 1000 }\n")
    plain = model_of(latent_specs.GAUSSIAN)
    x, _ = drawn(plain, 50)

    def loss(model: LatentModel, weight: float) -> float:
        torch.manual_seed(0)
        model.kl_weight = weight
        return model.loss({"x": x}).item()

    divergence = loss(plain, 1.0) - loss(plain, 0.0)
    torch.manual_seed(0)
    objective = plain.objective({"x": x})
    assert divergence == pytest.approx(objective.divergences["z"].item())
    assert objective.reported.item() == pytest.approx(loss(plain, 1.0))
    assert loss(plain, 0.25) == pytest.approx(loss(plain, 0.0) + divergence / 4)
    assert loss(free, 1.0) == pytest.approx(loss(plain, 0.0) + 1000 * math.log(2))


# Samples


@pytest.mark.parametrize("name", SPECS)
def test_both_evaluators_draw_alike(name: str) -> None:
    model = model_of(SPECS[name])
    given, noise = some_given(model.spec), model.noise(16, seed=3)
    step, whole = (
        model.sample(16, given, noise=noise, latent=True, evaluator=evaluator)  # type: ignore[arg-type]
        for evaluator in ("step", "whole")
    )
    for variable in step:
        torch.testing.assert_close(step[variable], whole[variable], atol=1e-9, rtol=0)


def test_what_is_fixed_is_shared() -> None:
    model = model_of(latent_specs.HIERARCHY)
    top = model.sample(6, fix=["z2"], latent=True, seed=0)
    assert (top["z2"] == top["z2"][:1]).all() and not (top["z1"] == top["z1"][:1]).all()
    every = model.sample(6, fix=["z1"], latent=True, seed=0)
    assert (every["z2"] == every["z2"][:1]).all() and (every["z1"] == every["z1"][:1]).all()
    assert not (every["x"] == every["x"][:1]).all()
    kept = model.sample(4, fix={"z1": every["z1"][0]}, latent=True, seed=1)
    assert torch.equal(kept["z1"], every["z1"][:1].expand_as(kept["z1"]))
    assert not (kept["z2"] == kept["z2"][:1]).all()


def test_reconstructions_keep_what_was_inferred() -> None:
    """A decoder that copies its latent variable, and a guide that copies the data, give the data back."""
    model = model_of(
        "latent z[6] : binary\nobserved x[6] : binary\np(z) = bernoulli\np(x | z) = bernoulli via linear\n"
        "q(z | x) = bernoulli via linear\n"
    )
    with torch.no_grad():
        for part in (model.p["x"], model.q["z"]):
            part.networks[0].direct.copy_(200 * torch.eye(6))  # type: ignore[union-attr]
            part.networks[0].biases[0].fill_(-100)  # type: ignore[union-attr]
    x = torch.randint(2, (20, 6), generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.infer(x)["z"], x)
    assert torch.equal(model.reconstruct(x, seed=0), x)
    assert not torch.equal(model.reconstruct(x, keep=(), seed=0), x)


def test_exact_posteriors_are_drawn_from() -> None:
    model = model_of(latent_specs.EXACT)
    x = torch.tensor([[1, 0, 1]])
    posterior = log_joint(model, x).softmax(0)
    found = model.infer(x.expand(20_000, -1), seed=0)
    code = found["k"] * 4 + found["b"][:, 0] * 2 + found["b"][:, 1]
    counted = torch.bincount(code, minlength=12) / 20_000
    torch.testing.assert_close(counted.double(), posterior, atol=0.02, rtol=0)


# Pyro


def by_hand(model: LatentModel) -> tuple[Any, Any]:
    """The Gaussian model as one writes it in Pyro, with the same weights."""
    (p_weight, p_bias), (q_weight, q_bias) = (
        (part.networks[0].direct, part.networks[0].biases[0])  # type: ignore[union-attr]
        for part in (model.p["x"], model.q["z"])
    )

    def scale(raw: Tensor) -> Tensor:
        width = model.p["x"].conditionals[0][0]
        return width.parameters(torch.stack([raw, raw], -1))["scale"]

    def program(x: Tensor) -> None:
        with pyro.plate("examples", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2).double(), 1.0).to_event(1))
            raw = z @ p_weight.T + p_bias
            pyro.sample("x", dist.Normal(raw[:, 0::2], scale(raw[:, 1::2])).to_event(1), obs=x)

    def guide(x: Tensor) -> None:
        with pyro.plate("examples", len(x)):
            raw = x @ q_weight.T + q_bias
            pyro.sample("z", dist.Normal(raw[:, 0::2], scale(raw[:, 1::2])).to_event(1))

    return program, guide


def test_model_and_guide_are_the_program_by_hand() -> None:
    model = model_of(latent_specs.GAUSSIAN)
    x = model.sample(7, seed=0)
    program, guide = by_hand(model)
    trace = pyro.poutine.trace(model.pyro_guide).get_trace(x)
    for ours, theirs in ((model.pyro_guide, guide), (model.pyro_model, program)):
        each = [pyro.poutine.trace(pyro.poutine.replay(f, trace)).get_trace(x) for f in (ours, theirs)]
        for site in ("z", "x") if theirs is program else ("z",):
            found = [t.nodes[site]["fn"].log_prob(t.nodes[site]["value"]) for t in each]
            torch.testing.assert_close(found[0], found[1], atol=1e-9, rtol=0)
    torch.manual_seed(5)
    ours = Trace_ELBO().loss(model.pyro_model, model.pyro_guide, x)
    torch.manual_seed(5)
    assert ours == pytest.approx(Trace_ELBO().loss(program, guide, x), abs=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["hierarchy", "conditional", "autoregressive prior"])
@torch.no_grad()
def test_pyros_bound_is_ours(name: str) -> None:
    """Over 800 draws for each of two examples."""
    model = model_of(SPECS[name])
    x, given = drawn(model, 2)
    x = repeated(x, 8)
    torch.manual_seed(0)
    theirs = torch.tensor([-Trace_ELBO().loss(model.pyro_model, model.pyro_guide, x, given) for _ in range(100)])
    ours = model.elbo(repeated(x, 100), given).view(100, 16).sum(1)
    error = ((theirs.var() + ours.var()) / 100).sqrt()
    assert abs(theirs.mean() - ours.mean()) < 4.5 * error


def repeated(values: Any, times: int) -> Any:
    """Examples in any of their forms, all of them so many times over."""
    if isinstance(values, Tensor):
        return values.repeat(times, *[1] * (values.ndim - 1))
    return {name: repeated(value, times) for name, value in values.items()}


@pytest.mark.parametrize(
    "text",
    [
        latent_specs.EXACT.replace("b[2]", "b"),
        "latent s : category(3)\nobserved x[4] : category(4)\np(s) = categorical\n"
        "p(x[t] | x[<t], s) = categorical via made(hidden = [8])\nq(s) = exact\n",
        "latent s : integer(0, 9)\nobserved x[2] : binary\np(s) = mixture(discretized(logistic), components = 3)\n"
        "p(x[t] | x[<t], s) = bernoulli via made(hidden = [8])\nq(s) = exact\n",
    ],
)
def test_pyro_enumerates_what_we_sum_out(text: str) -> None:
    """Of single elements: it enumerates no arrays."""
    model = model_of(text)
    x = model.sample(5, seed=0)
    loss = TraceEnum_ELBO(max_plate_nesting=1).loss(model.pyro_model, model.pyro_guide, x)
    assert loss == pytest.approx(-model.log_prob(x).sum().item(), abs=1e-9)


def test_pyros_tools_take_the_programs() -> None:
    model = model_of(latent_specs.GAUSSIAN)
    x = model.sample(40, seed=0)
    relations = get_model_relations(model.pyro_model, (x,))
    assert relations["sample_dist"].keys() == {"z", "x"} and relations["observed"] == ["x"]
    before = [p.detach().clone() for p in model.parameters()]
    torch.manual_seed(0)
    svi = SVI(model.pyro_model, model.pyro_guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
    losses = [svi.step(x) for _ in range(60)]
    assert sum(losses[-10:]) < sum(losses[:10])
    assert any(not torch.equal(p, q) for p, q in zip(before, model.parameters(), strict=True))
    found = Predictive(model.pyro_model, guide=model.pyro_guide, num_samples=6)(x)
    assert found["z"].shape == (6, 40, 2)
    prior = Predictive(model.pyro_model, num_samples=6)(n=4)
    assert prior["x"].shape == (6, 4, 3) and prior["z"].shape == (6, 4, 2)
    pyro.clear_param_store()


@pytest.mark.slow
def test_nuts_samples_the_posterior() -> None:
    """Of the linear Gaussian model, whose posterior is known."""
    model, x, _ = gaussian()
    x = x[:2]
    torch.manual_seed(0)
    pyro.set_rng_seed(0)
    mcmc = MCMC(NUTS(model.pyro_model), num_samples=200, warmup_steps=100, disable_progbar=True)
    mcmc.run(x)
    z = mcmc.get_samples()["z"]
    part = model.p["x"]
    direct, bias = part.networks[0].direct.detach(), part.networks[0].biases[0].detach()  # type: ignore[union-attr]
    loading, scale = direct[0::2], part.conditionals[0][0].parameters(bias.view(3, 2))["scale"]
    precision = torch.eye(2).double() + loading.T @ torch.diag(1 / scale**2) @ loading
    mean = ((x - bias[0::2]) / scale**2) @ loading @ torch.linalg.inv(precision)
    torch.testing.assert_close(z.mean(0), mean, atol=0.25, rtol=0)
    pyro.clear_param_store()


def test_discrete_posteriors_by_pyro() -> None:
    model = model_of(latent_specs.EXACT.replace("b[2]", "b"))
    x = model.sample(2000, seed=0)
    infer = infer_discrete(model.pyro_model, first_available_dim=-2, temperature=1)
    torch.manual_seed(0)
    trace = pyro.poutine.trace(infer).get_trace(x)
    ours = model.infer(x, seed=0)
    for name in ("k", "b"):
        theirs = trace.nodes[name]["value"].double()
        assert abs(theirs.mean() - ours[name].double().mean()) < 0.05
    pyro.clear_param_store()


# The module


@pytest.mark.parametrize("name", SPECS)
def test_copies_are_the_same_model(name: str) -> None:
    model = model_of(SPECS[name])
    x, given = drawn(model, 3)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        bound = "elbo" if model.q else "log_prob"
        again = {"seed": 0} if model.q else {}
        torch.testing.assert_close(getattr(other, bound)(x, given, **again), getattr(model, bound)(x, given, **again))


def test_the_verifier_sees_the_guide_too() -> None:
    spec = ardsl.loads(latent_specs.HIERARCHY)
    assert [c.factor[:2] for c in spec.report.comparisons] == ["p("] * 3 + ["q("] * 2
    assert spec.report.sound and spec.report.complete
    assert ardsl.verify_numeric(spec).complete
    assert spec.plan.parameters == sum(p.numel() for p in ardsl.compile(spec).parameters())


def test_what_needs_a_likelihood_says_what_there_is() -> None:
    model = model_of(latent_specs.HIERARCHY)
    with pytest.raises(ardsl.ArdslError, match=r"log p\(x\) is an integral over `z1` and `z2`: `log_prob_bound`"):
        model.log_prob(model.sample(1))
    with pytest.raises(ardsl.ArdslError, match="there is no latent variable 'z3': there is z1, z2"):
        model.sample(2, fix=["z3"])
    with pytest.raises(ardsl.ArdslError, match="`z2` has 3 values for 2 samples"):
        model.sample(2, fix={"z2": torch.zeros(3, 4)})
    with pytest.raises(ardsl.ArdslError, match="the number of samples is an integer of at least 1, not 0"):
        model.log_prob_bound(model.sample(1), samples=0)
    with pytest.raises(ardsl.ArdslError, match="the guide infers from data"):
        model.pyro_guide()
    with pytest.raises(ardsl.ArdslError, match="the number of samples is an integer of at least 0, not -1"):
        model.sample(-1)
    with pytest.raises(ardsl.ArdslError, match="the number of samples is an integer of at least 0, not -1"):
        model.between("z2", -1)


# What is easily got wrong


DECLARED = (
    "observed x : real\nlatent a : real\nlatent b : real\nlatent c : real\np(x | c, b, a) = normal via linear\n"
    "p(c) = normal\np(b) = normal\np(a) = normal\nq(a | x) = normal\nq(b | x) = normal\nq(c | x) = normal\n"
)


def test_the_order_of_conditionals_is_that_of_the_declarations() -> None:
    spec = ardsl.loads(DECLARED)
    assert [*spec.conditionals, *spec.guide] == ["a", "b", "c", "x", "a", "b", "c"]


@pytest.mark.thorough
def test_the_order_of_conditionals_is_the_same_in_every_process() -> None:
    """Sets of names have another order in each."""
    program = f"import ardsl; print(*ardsl.loads({DECLARED!r}).conditionals, *ardsl.loads({DECLARED!r}).guide)"
    told = [
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("0", "1", "2", "3")
    ]
    assert told == ["a b c x a b c\n"] * 4


@pytest.mark.parametrize("network", ["table", "linear"])
def test_what_is_summed_out_begins_apart(network: str) -> None:
    """Components that begin alike have the same gradients, and stay alike."""
    text = (
        "latent k : category(3)\nobserved x : {domain}\np(k) = categorical\np(x | k) = {family} via {network}\n"
        "q(k) = exact\n"
    )
    for domain, family in (("real", "normal"), ("binary", "bernoulli")):
        spec = ardsl.loads(text.format(domain=domain, family=family, network=network))
        model = ardsl.compile(spec, seed=0)
        assert isinstance(model, LatentModel)
        values = {"x": torch.ones(3), "k": torch.arange(3.0)}
        with torch.no_grad():
            each = model.log_prob_given(model.p["x"], values)
            prior = model.log_prob_given(model.p["k"], values)
        assert len(each.unique()) == 3 and len(prior.unique()) == 1
        again = ardsl.compile(spec, seed=0)
        assert all(map(torch.equal, model.parameters(), again.parameters()))


def test_what_lies_beyond_an_end_is_read_by_nothing() -> None:
    """y counts the zeros of x, and none that stand beyond its end."""
    text = (
        "latent z : real\nobserved x[..6] : category(3)\nobserved y : real\np(z) = normal(0, 1)\n"
        "p(x[i] | x[<i], z) = categorical via made(hidden = [8])\np(y | x) = normal via linear\n"
        "q(z | x) = normal via linear\n"
    )
    model = model_of(text)
    with torch.no_grad():
        direct, bias = model.p["y"].networks[0].direct, model.p["y"].networks[0].biases[0]  # type: ignore[union-attr]
        direct.zero_()
        direct[0, 0::3] = 100.0
        bias.copy_(torch.tensor([0.0, -5.0]))
    found = model.sample(20, lengths=[2] * 20, seed=0)
    zeros = (found["x"][:, :2] == 0).sum(1)
    torch.testing.assert_close(found["y"], 100.0 * zeros.double(), atol=2.0, rtol=0)
    data = {"x": found["x"].double().masked_fill(torch.arange(6) >= 2, torch.nan), "y": found["y"]}
    assert {name: each.tolist() for name, each in model.lengths(data).items()} == {"x": [2] * 20}


def test_lengths_of_several_variables() -> None:
    model = model_of(
        "latent z : real\nobserved x[..4] : binary\nobserved y[..5] : binary\np(z) = normal(0, 1)\n"
        "p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])\np(y[i] | y[<i], z) = bernoulli via made(hidden = [8])\n"
        "q(z | x) = normal via linear\n"
    )
    lengths = {"x": [1, 2, 3], "y": [5, 0, 2]}
    found = model.sample(3, lengths=lengths, seed=0)
    assert model.elbo(found, lengths=lengths).shape == (3,)


def test_free_bits_are_free_of_the_score_function_too() -> None:
    model = model_of(
        "latent z[2] : binary\nobserved x : binary\np(z[i] | z[<i]) = bernoulli via made(hidden = [4])\n"
        "p(x) = bernoulli\nq(z | x) = bernoulli via linear\ntrain { samples = 4  free_bits = 20 }\n"
    )
    x = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.manual_seed(0)
    for _ in range(20):
        model.loss({"x": x}).backward()
    assert all((p.grad is None or p.grad.abs().max() < 1e-9) for p in model.guide.parameters())


def test_a_drawn_order_trains_a_variable_under_any() -> None:
    model = model_of(
        'latent z : real\nobserved x[6] : binary\norder x by any(orders = 2, train = "all")\np(z) = normal(0, 1)\n'
        "p(x[i] | x[<i], z) = bernoulli via made(hidden = [16])\nq(z | x) = normal via linear\n"
    )
    generator, found = np.random.default_rng(0), set()
    for _ in range(10):
        torch.manual_seed(0)
        found.add(model.loss({"x": torch.zeros(1, 6)}, generator).item())
    assert len(found) > 5


def test_the_divergence_of_what_a_summed_variable_decides() -> None:
    """z says which of two components: log 2 nats."""
    model = model_of(
        "latent k : category(2)\nlatent z : real\nobserved x : real\np(k) = categorical\np(z | k) = normal via linear\n"
        "p(x | z) = normal via linear\nq(k) = exact\nq(z | x) = normal via linear\n"
    )
    with torch.no_grad():
        prior, guide = model.p["z"].networks[0], model.q["z"].networks[0]
        model.p["k"].networks[0].biases[0].zero_()  # type: ignore[union-attr]
        prior.direct.copy_(torch.tensor([[-20.0, 20.0], [0.0, 0.0]]))  # type: ignore[union-attr]
        prior.biases[0].zero_()  # type: ignore[union-attr]
        guide.direct.copy_(torch.tensor([[20.0], [0.0]]))  # type: ignore[union-attr]
        guide.biases[0].zero_()  # type: ignore[union-attr]
    values = model.values(torch.tensor([1.0, -1.0], dtype=torch.float64).repeat(2000))
    torch.manual_seed(0)
    assert draw(model, values).kl["z"].mean().item() == pytest.approx(math.log(2), abs=0.02)


def test_samples_follow_the_weights_of_any_optimizer() -> None:
    model = model_of(
        "latent z : real\nobserved x[4] : binary\np(z) = normal(0, 1)\n"
        "p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])\nq(z | x) = normal via linear\n"
    )
    before = model.sample(200, seed=0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05, fused=True)
    for _ in range(100):
        optimizer.zero_grad()
        model.loss({"x": torch.ones(20, 4)}).backward()
        optimizer.step()
    assert model.sample(200, seed=0).double().mean() > before.double().mean() + 0.2


def test_a_copy_trains_by_itself_in_pyro() -> None:
    model = model_of(latent_specs.GAUSSIAN)
    x = model.sample(20, seed=0)
    torch.manual_seed(0)
    for each in (model, copy.deepcopy(model)):
        before = [p.detach().clone() for p in each.parameters()]
        svi = SVI(each.pyro_model, each.pyro_guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
        for _ in range(3):
            svi.step(x)
        assert any(not torch.equal(p, q) for p, q in zip(before, each.parameters(), strict=True))
    pyro.clear_param_store()


def test_draws_stay_inside_their_domain() -> None:
    model = model_of(
        "latent z : unit_interval\nobserved x : real\np(z) = kumaraswamy\np(x | z) = normal via linear\n"
        "q(z | x) = kumaraswamy via linear\n"
    )
    x = model.sample(20_000, seed=0)
    with torch.no_grad():
        model.q["z"].networks[0].biases[0].fill_(-1.0)  # type: ignore[union-attr]
    z = model.infer(x, seed=0)["z"]
    assert bool(((z > 0) & (z < 1)).all()) and z.max() > 1 - 1e-12
    assert model.elbo(x[:0]).shape == (0,)


@pytest.mark.parametrize("name", ["Gaussian", "summed out", "one of two summed out"])
def test_a_model_called_is_its_log_density(name: str) -> None:
    model = model_of(SPECS[name])
    x, given = drawn(model, 2)
    if model.guide:
        with pytest.raises(ardsl.ArdslError, match="log p\\(x\\) is an integral"):
            model(x, given)
    else:
        torch.testing.assert_close(model(x, given), model.log_prob(x, given))


def test_the_bound_is_a_number_wherever_the_guide_draws() -> None:
    """In single precision the libraries' Gumbel distribution has no probability for values that Student's law draws."""
    text = "latent y : real\nobserved u[2] : binary\np(y) = gumbel\np(u | y) = bernoulli via linear\nq(y) = student_t\n"
    model = ardsl.compile(ardsl.loads(text), seed=0)
    with torch.no_grad():
        assert model.elbo(torch.zeros(5000, 2), seed=0).isfinite().all()
