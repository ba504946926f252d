"""Distributions of a continuous cell whose evidence lies far from what the model draws, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import ardsl


def pair(slope: float, prior: str = "normal(0, 1)", noise: float = 1.0) -> ardsl.AutoregressiveModel:
    """a of a prior distribution, and b normal about a multiple of it."""
    text = f"""
    observed a : real
    observed b : real
    p(a) = {prior}
    p(b | a) = normal(scale = {noise}) via linear
    """
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    with torch.no_grad():
        dict(model.networks[-1].named_parameters())["direct"].fill_(slope)
    return model


@settings(max_examples=6, deadline=None)
@given(
    st.floats(0.05, 3),
    st.sampled_from([0.01, 0.3, 1.0, 3.0]),
    st.lists(st.floats(-30, 30), min_size=1, max_size=3),
)
def test_a_normal_cell_given_what_is_far(slope: float, noise: float, deviations: list[float]) -> None:
    model = pair(slope, noise=noise)
    spread = math.hypot(slope, noise)
    evidence = [deviation * spread for deviation in deviations]
    distribution = model.conditional("a", given={"b": evidence})
    scale = noise / spread
    for row, b in enumerate(evidence):
        mean = slope * b / spread**2
        assert float(distribution.mean[row]) == pytest.approx(mean, abs=0.01 * scale)
        assert float(distribution.variance[row]) == pytest.approx(scale**2, rel=0.01)
        there = float(distribution.log_prob(torch.tensor(mean, dtype=torch.float64))[row])
        assert there == pytest.approx(float(stats.norm.logpdf(mean, mean, scale)), abs=0.01)


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([0.001, 0.03, 1.0]), st.integers(0, 99))
def test_each_of_many_rows_has_a_grid_of_its_own(noise: float, seed: int) -> None:
    evidence = np.random.default_rng(seed).normal(size=100)
    evidence[0] *= 30.0
    distribution = pair(1.0, noise=noise).conditional("a", given={"b": evidence.tolist()})
    assert distribution.effective_samples is None
    variance = noise**2 / (1 + noise**2)
    mean, scale = evidence / (1 + noise**2), math.sqrt(variance)
    assert distribution.mean.numpy() == pytest.approx(mean, abs=0.002 * scale)
    assert distribution.variance.numpy() == pytest.approx(np.full(100, variance), rel=0.005)
    assert distribution.icdf(torch.full((100,), 0.9)).numpy() == pytest.approx(mean + 1.2816 * scale, abs=0.01 * scale)
    assert distribution.cdf(torch.from_numpy(mean)).numpy() == pytest.approx(np.full(100, 0.5), abs=0.01)
    assert distribution.mode.numpy() == pytest.approx(mean, abs=0.1 * scale)
    there = distribution.log_prob(torch.from_numpy(np.stack([mean, mean + scale])))
    assert there.numpy() == pytest.approx(stats.norm.logpdf([[0.0], [scale]], scale=scale) + np.zeros(100), abs=0.05)


def test_points_that_no_number_halves() -> None:
    model = pair(1.0)
    model.measure({"a": 7.76e11 + 1e-3 * torch.randn(500, dtype=torch.float64), "b": torch.randn(500)})
    distribution = model.conditional("a", given={"b": [0.0, 1.0]})
    assert bool((distribution.widths > 0).any(1).all()) and bool(distribution.mode.isfinite().all())


@pytest.mark.parametrize(
    ("prior", "density"),
    [
        ("student_t(3, 0, 1)", stats.t(3).pdf),
        ("laplace(0, 1)", stats.laplace.pdf),
        ("cauchy(0, 1)", stats.cauchy.pdf),
    ],
)
@pytest.mark.parametrize("b", [0.5, 40.0, -200.0])
def test_heavy_tails(prior: str, density: object, b: float) -> None:
    distribution = pair(1.0, prior).conditional("a", given={"b": b})
    points = np.linspace(b - 12, b + 12, 200_001)
    weights = density(points) * stats.norm.pdf(b, points)  # type: ignore[operator]
    weights /= weights.sum()
    mean = float((weights * points).sum())
    variance = float((weights * (points - mean) ** 2).sum())
    assert float(distribution.mean[0]) == pytest.approx(mean, abs=0.01)
    assert float(distribution.variance[0]) == pytest.approx(variance, rel=0.02)


@pytest.mark.parametrize("text", ["p > 1e300", "n > 1e300", "n > 1e300 and p > 1e300"])
def test_draws_that_numbers_do_not_hold(text: str) -> None:
    spec = ardsl.loads("observed p : positive\nobserved n : count\np(p) = gamma(2, 3)\np(n) = poisson(2)")
    model = ardsl.compile(spec, init="random", seed=0)
    with pytest.raises(ardsl.ArdslError, match="has probability 0 .*: nothing can be drawn given it$"):
        model.draws(3, where=text, seed=0)


@pytest.mark.parametrize("given", [{"a": 1.0}, {"a": 1.0, "b": 2.0}, {"a": [math.nan, 1.0]}])
def test_a_cell_that_is_asked_about_and_given(given: dict[str, object]) -> None:
    message = "`a` is given a value, and asked about: leave its value out of `given`"
    with pytest.raises(ardsl.ArdslError, match=f"^{message}$"):
        pair(1.0).conditional("a", given=given)
    assert float(pair(1.0).conditional("a", given={"a": math.nan}).mean[0]) == pytest.approx(0, abs=1e-3)
