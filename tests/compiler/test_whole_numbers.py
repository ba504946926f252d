"""Whole numbers that the model's own type does not hold: times in seconds, identifiers, large counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ardsl
from ardsl.families.resolve_domain import MAX_INTEGER
from ardsl.testing import every_value

SINGLE = 1 << 24
"""The number from which on float32 lacks whole numbers."""
WIDEST = MAX_INTEGER - 2
"""The greatest lower bound of three integers."""
DRAWN = 4000

NETWORKS = {
    "linear": "x[i] | x[<i]",
    "made(hidden = 6)": "x[i] | x[<i]",
    "table(tied = true)": "x[t] | x[t-1]",
    "wavenet(layers = 2, features = 3)": "x[t] | x[<t]",
}
FAMILIES = {"categorical": 3, "mixture(discretized(logistic), components = 2)": 3, "bernoulli": 2}


def spec(low: int, network: str, family: str) -> ardsl.Spec:
    domain = f"integer({low}, {low + FAMILIES[family] - 1})"
    return ardsl.loads(f"observed x[time: 3] : {domain}\np({NETWORKS[network]}) = {family} via {network}")


@pytest.mark.thorough
@settings(max_examples=40, deadline=None)
@given(
    st.one_of(st.integers(-SINGLE - 4, -SINGLE + 4), st.integers(SINGLE - 4, WIDEST), st.integers(-WIDEST, WIDEST)),
    st.sampled_from(list(NETWORKS)),
    st.sampled_from(list(FAMILIES)),
)
def test_few_integers_far_from_zero(low: int, network: str, family: str) -> None:
    """In single precision probabilities sum to one, samples follow them, and both evaluators draw the same."""
    model = ardsl.compile(spec(low, network, family), seed=1, init="random")
    every = every_value(model.spec)
    assert every is not None
    probabilities = model.log_prob(every).exp().detach().double()
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)
    noise = model.noise(DRAWN, seed=0)
    drawn = model.sample(DRAWN, noise=noise)
    assert torch.equal(drawn, model.sample(DRAWN, noise=noise, evaluator="whole"))
    frequencies = (drawn[:, None] == every["x"].long()).all(-1).double().mean(0)
    spread = (probabilities * (1 - probabilities) / DRAWN).sqrt()
    assert ((frequencies - probabilities).abs() < 6 * spread + 3 / DRAWN).all()
    gaps = drawn[:20].double()
    gaps[:, 2] = torch.nan
    assert model.log_prob(model.complete(gaps)).isfinite().all()


@pytest.mark.parametrize("gaps", [False, True])
def test_training_tells_them_apart(gaps: bool) -> None:
    low = 1_600_000_001
    first = low + np.random.default_rng(0).integers(0, 3, 300)
    x = np.stack([first, first], 1)
    order = 'order x by any(orders = 2, train = "all")\n' if gaps else ""
    text = (
        f"observed x[2] : integer({low}, {low + 2})\n{order}p(x[i] | x[<i]) = categorical via made(hidden = 16)\n"
        f"data {{ missing = {'marginalize' if gaps else 'error'} }}\n"
        "train { epochs = 30  batch = 50  optimizer = adam(rate = 2e-2) }"
    )
    model = ardsl.fit(ardsl.loads(text), x, progress=False).model
    with torch.no_grad():
        assert -model.log_prob(x).mean().item() == pytest.approx(np.log(3), abs=0.03)
    drawn = model.sample(200, seed=0)
    assert (drawn[:, 0] == drawn[:, 1]).double().mean() > 0.95


def test_as_a_condition() -> None:
    text = "given g : integer(0, 1073741823)\nobserved y : real\np(y | g) = normal via linear"
    model = ardsl.compile(ardsl.loads(text), seed=0, init="random")
    assert model.log_prob(torch.zeros(1), {"g": torch.tensor([1073741823])}).isfinite().all()
    near = ardsl.loads(text.replace("(0, ", "(1073741822, "))
    scores = [
        ardsl.compile(near, seed=0, init="random").log_prob(torch.zeros(1), {"g": [number]}).item()
        for number in (1073741822, 1073741823)
    ]
    assert abs(scores[0] - scores[1]) > 1e-3


@pytest.mark.parametrize("guide", ["q(z) = exact", "q(z | x) = categorical"])
def test_as_a_latent_variable(guide: str) -> None:
    low = 1_600_000_001
    model = ardsl.compile(
        ardsl.loads(
            f"latent z : integer({low}, {low + 2})\nobserved x[2] : integer({low}, {low + 1})\n"
            f"p(z) = categorical\np(x | z) = categorical\n{guide}"
        ),
        seed=0,
        init="random",
    )
    x = model.sample(500, seed=0)
    assert set(x.flatten().tolist()) == {low, low + 1}
    assert set(model.infer(x, seed=0)["z"].tolist()) == {low, low + 1, low + 2}
    if "exact" in guide:
        assert model.log_prob(every_value(model.spec)).exp().sum().item() == pytest.approx(1, abs=1e-5)
    else:
        assert model.elbo(x, seed=0).isfinite().all()


def test_codes_that_half_precision_does_not_hold() -> None:
    model = ardsl.compile(ardsl.loads("observed x : category(300)\np(x) = categorical"), seed=0).to(torch.bfloat16)
    assert model.log_prob([299]).item() == pytest.approx(-np.log(300), rel=1e-2)
    drawn = model.sample(20_000, seed=0)
    assert set(drawn.tolist()) == set(range(300))


def test_counts_of_a_thousand_million() -> None:
    model = ardsl.compile(ardsl.loads("observed n : count\np(n) = poisson(rate = 1000000000)"))
    n = np.array([999_920_017, 1_000_000_001, 1_000_077_777])
    expected = stats.poisson.logpmf(n, 1e9)
    assert model.log_prob(n).detach().numpy() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_only_the_greatest_integer_has_the_tail_above_it(dtype: torch.dtype) -> None:
    """Of 2⁵¹ + 1 codes, more than float32 has, as of the cells of one density."""
    most = MAX_INTEGER
    model = ardsl.compile(
        ardsl.loads(f"observed x : integer({-most}, {most})\np(x) = discretized(logistic)"), dtype=dtype
    )
    log_prob = model.log_prob([-most, -most + 1, 0, most - 1, most]).detach().double()
    tail, scale = -3.36838, 0.3
    density = stats.logistic.logpdf(1, scale=scale) - 50 * np.log(2)
    middle = stats.logistic.logpdf(0, scale=scale) - 50 * np.log(2)
    assert log_prob.numpy() == pytest.approx([tail, density, middle, density, tail], rel=1e-4)
