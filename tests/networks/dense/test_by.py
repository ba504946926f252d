"""Linear networks with weights of their own for each value of a context."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import vmap

import ardsl
from ardsl.networks.dense.by_module import ByNetwork
from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.packed import PackedNetwork
from ardsl.testing import every_value, with_random_weights
from ardsl.testing.soundness import PROBLEMS

CHOOSERS = [
    "binary",
    "category(3)",
    'category("a", "b")',
    "integer(-2, 1)",
    "integer(5, 5)",
    "integer(0, 300)",
    "mulaw(4)",
]


def parameters(model: ardsl.AutoregressiveModel, k: Tensor, **others: Tensor) -> Tensor:
    """What the only network of a model gives, [batch, draws, width]."""
    values = {"k": k[:, None]} | {name: value.flatten(1) for name, value in others.items()}
    return model.conditional_parameters(0, values)[0].detach()


@pytest.mark.parametrize("domain", CHOOSERS)
def test_each_value_has_a_linear_map_of_its_own(domain: str) -> None:
    """Affine in what else is read, with another matrix and another bias for each value."""
    text = "given k : {}\ngiven z[2] : real\nobserved x[3] : real\np(x[i] | z, x[<i], k) = normal via linear(by = k)\n"
    spec = ardsl.loads(text.format(domain))
    model = with_random_weights(spec)
    (network,) = model.networks
    assert isinstance(network, ByNetwork) and isinstance(network.inner, DenseNetwork)
    chooser = spec.variables["k"].element_domain(0)
    assert chooser.levels is not None
    codes = torch.arange(min(chooser.levels, 301)).double()
    z, x = torch.randn(len(codes), 2).double(), torch.randn(len(codes), 3).double()
    inner = network.inner
    assert inner.direct is not None
    columns, rows = (torch.as_tensor(np.argsort(order)) for order in inner.layout)
    mask = torch.as_tensor(spec.plan.groups[0].inner.realized[0].matrix())  # type: ignore[attr-defined]
    weight = inner.direct.detach()[rows][:, columns].unflatten(0, (3, len(codes), 2)) * mask[:, None, None]
    bias = inner.biases[-1].detach()[rows].unflatten(0, (3, len(codes), 2))
    read = torch.cat([z, x], 1)
    expected = torch.stack([weight[:, k] @ read[k] + bias[:, k] for k in range(len(codes))])
    torch.testing.assert_close(parameters(model, chooser.value(codes), z=z, x=x), expected)


def test_tied_maps_are_the_same_for_every_draw() -> None:
    spec = ardsl.loads(
        "given k : category(2)\nobserved x[6] : real\np(x[t] | x[t-1], k) = normal via linear(tied = true, by = k)\n"
    )
    model = with_random_weights(spec)
    assert spec.plan.parameters == 2 * 2 * (1 + 1 + 1)  # of x[t-1], of its being there, and a bias
    x = torch.randn(1, 1).double().expand(2, 6)
    given = parameters(model, torch.tensor([0.0, 1.0]).double(), x=x)
    torch.testing.assert_close(given[:, 1:], given[:, 1:2].expand(-1, 5, -1))
    assert not torch.allclose(given[0], given[1])


def least_squares(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Coefficients of the columns of x, and the intercept."""
    return np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), y, rcond=None)[0]


@pytest.mark.thorough
def test_regressions_of_categories_are_those_of_least_squares() -> None:
    """To the likelihood of the closed form; without ``by`` there is one slope for all."""
    rng = np.random.default_rng(0)
    k, x = rng.integers(3, size=600), rng.normal(size=(600, 2))
    y = np.array([-2, 0, 2])[k] * x[:, 0] + x[:, 1] + k + rng.normal(size=600)
    apart = [(x[k == c], y[k == c]) for c in range(3)]
    residuals = np.concatenate([b - np.column_stack([a, np.ones(len(a))]) @ least_squares(a, b) for a, b in apart])
    right = (residuals**2).mean() / 2 + math.log(2 * math.pi) / 2
    nll = {}
    for network in ("linear(by = k)", "linear"):
        spec = ardsl.loads(
            "given k : category(3)\ngiven x[2] : real\nobserved y : real\n"
            f"p(y | k, x) = normal(scale = 1) via {network}\n"
            "train { optimizer = adam(rate = 1e-1) batch = 600 epochs = 120 schedule = cosine }\n"
        )
        model = ardsl.fit(spec, {"k": k, "x": x, "y": y}, progress=False, device="cpu").model
        nll[network] = -model.log_prob(y, {"k": k, "x": x}).mean().item()
    assert nll["linear(by = k)"] == pytest.approx(right, abs=1e-3)
    assert nll["linear"] > right + 0.3


def mean_of(conditional: ardsl.AutoregressiveModel, k: int, x: float) -> float:
    """The mean of a normal conditional p(y | k, x), at the top of the parabola that log p is."""
    given = {"k": [k] * 3, "x": [x] * 3}
    below, at, above = conditional.log_prob([-1.0, 0.0, 1.0], given).tolist()
    return (above - below) / 2 / (2 * at - above - below)


@pytest.mark.thorough
def test_a_mixture_of_regressions_finds_its_lines() -> None:
    """Which line an example is of is latent: the lines are those of least squares, were it known."""
    rng = np.random.default_rng(1)
    line, x = rng.integers(2, size=1000), rng.uniform(-2, 2, size=1000)
    y = np.where(line == 0, 2 * x + 1, -1.5 * x) + 0.3 * rng.normal(size=1000)
    spec = ardsl.loads(
        "given x : real\nlatent k : category(2)\nobserved y : real\np(k) = categorical\n"
        "p(y | k, x) = normal via linear(by = k)\nq(k) = exact\n"
        "train { optimizer = adam(rate = 5e-2) batch = 250 epochs = 80 schedule = cosine }\n"
    )
    model = ardsl.fit(spec, {"x": x, "y": y}, progress=False, device="cpu").model
    assert isinstance(model, ardsl.LatentModel)
    conditional = model.p["y"]
    means = [(mean_of(conditional, k, 0.0), mean_of(conditional, k, 1.0)) for k in range(2)]
    slopes = sorted((at - before, before) for before, at in means)
    expected = [least_squares(x[line == k][:, None], y[line == k]) for k in (1, 0)]
    np.testing.assert_allclose(slopes, expected, atol=0.1)


@pytest.mark.thorough
def test_values_without_another_context_come_apart() -> None:
    """A mixture trains where all weights are biases."""
    spec = ardsl.loads(
        "latent k : category(2)\nobserved x : real\np(k) = categorical\np(x | k) = normal via linear(by = k)\n"
        "q(k) = exact\ntrain { optimizer = adam(rate = 5e-2) batch = 100 epochs = 60 }\n"
    )
    rng = np.random.default_rng(2)
    x = np.where(rng.integers(2, size=400), 3, -3) + 0.5 * rng.normal(size=400)
    model = ardsl.fit(spec, x, progress=False, device="cpu").model
    right = math.log(2) + 0.5 + math.log(0.5 * math.sqrt(2 * math.pi))
    assert -model.log_prob(x).mean().item() == pytest.approx(right, abs=0.05)


@pytest.mark.parametrize("what", PROBLEMS)
def test_long_windows_are_packed(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ardsl.networks.group.SMALL", -1)
    monkeypatch.setattr("ardsl.networks.group.SPARSE", 0)
    monkeypatch.setattr("ardsl.networks.dense.plan.PACKED", 0)
    spec = ardsl.loads(
        "given k : category(3)\nobserved x[7] : binary\np(x[i] | x[<i] within 2, k) = bernoulli via linear(by = k)\n"
    )
    (network,) = with_random_weights(spec).networks
    assert isinstance(network, ByNetwork) and isinstance(network.inner, PackedNetwork)
    assert list(PROBLEMS[what](spec)) == []


def test_a_large_array_is_planned_without_its_pairs() -> None:
    spec = ardsl.loads(
        "given k : category(3)\nobserved x[10000] : binary\np(x[i] | x[<i], k) = bernoulli via linear(by = k)\n"
    )
    assert spec.report.complete and spec.plan.steps == 10_000
    assert spec.plan.groups[0].layers[0].connections == 3 * 10_000 * 9_999 // 2


def test_a_value_that_nothing_else_stands_beside_is_a_table() -> None:
    spec = ardsl.loads(
        "observed k : category(3)\nobserved x[2] : category(3)\np(k) = categorical\n"
        "p(x | k) = categorical via linear(by = k)\n"
    )
    model = with_random_weights(spec)
    assert model.log_prob(every_value(spec)).exp().sum().item() == pytest.approx(1, abs=1e-9)
    assert spec.plan.groups[1].parameters == 3 * 2 * 3


@pytest.mark.parametrize("domain", ["category(3)", "integer(0, 2)", "binary"])
def test_the_log_density_is_mapped_over_examples(domain: str) -> None:
    spec = ardsl.loads(
        f"observed k : {domain}\nobserved x[4] : real\np(k) = categorical\n"
        "p(x[i] | x[<i], k) = normal via linear(by = k)\n"
    )
    model = with_random_weights(spec)
    data = model.sample(6, seed=0)
    rows = vmap(lambda k, x: model.log_prob({"k": k[None], "x": x[None]}, validate=False)[0])(data["k"], data["x"])
    torch.testing.assert_close(rows, model.log_prob(data))
