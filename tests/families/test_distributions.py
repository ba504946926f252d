"""Distributions are distributions: their probabilities add up to one, and their draws follow them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import Binary, Category, Count
from ardsl.families.generate import quadrature
from tests.support import family_cases

torch.set_num_threads(1)

HEAVY = ("cauchy", "half_cauchy")
"""Laws whose discretized counts have a tail that no sum reaches."""
STATISTICAL = [case for case in family_cases.ALL if case.family.event == 1]
DRAWS = 20_000
ERROR_RATE = 1e-3
"""The chance that right samplers fail this file, all families together, over the choice of the seed."""


def values(case: family_cases.Case) -> Tensor:
    """All values of a discrete domain in ascending order, counts up to where the tail is nothing."""
    domain = case.domain
    every: Tensor = domain.value(torch.arange(20_000 if domain.levels is None else domain.levels), torch.float64)
    return every


def base_name(case: family_cases.Case) -> str:
    family = case.family
    while family.inner is not None:
        family = family.inner
    return family.name


def distribution_function(case: family_cases.Case, raw: Tensor) -> tuple[Tensor, Tensor]:
    """Points, and the law's distribution function at them, by adding up ``log_prob``. ``raw`` is [width]."""
    if case.domain.discrete:
        points, log_width = values(case), torch.zeros(())
    else:
        points, log_width = quadrature(case.domain.support, 20_001)
    return points, (case.law.log_prob(raw, points) + log_width).exp().nan_to_num(0.0).cumsum(0)


@pytest.mark.parametrize("case", STATISTICAL, ids=str)
def test_adds_up_to_one(case: family_cases.Case) -> None:
    if isinstance(case.domain, Count) and base_name(case) in HEAVY:
        pytest.skip("an infinite sum that does not converge in reasonable time")
    for seed in range(4):
        _, cumulative = distribution_function(case, case.raw(seed=seed))
        # Laws with a kink or a pole cost the quadrature digits, as do discretized tails by quadrature.
        assert cumulative[-1].item() == pytest.approx(1, abs=2e-6)


@pytest.mark.parametrize("case", STATISTICAL, ids=str)
def test_draws_follow_the_law(case: family_cases.Case) -> None:
    """The largest gap between two distribution functions, with the bound of Dvoretzky, Kiefer, Wolfowitz & Massart.

    It holds for every sample size and every law: P(gap > ε) ≤ 2 exp(−2nε²). Bonferroni over all families.
    """
    bound = math.sqrt(math.log(2 * len(STATISTICAL) / ERROR_RATE) / (2 * DRAWS))
    raw = case.raw(seed=11)
    draws = case.law.sample(raw, case.noise(DRAWS, seed=12)).sort().values
    points, cumulative = distribution_function(case, raw)
    if case.domain.discrete:
        middle = torch.cat([(points[:-1] + points[1:]) / 2, points[-1:] + 1])
        empirical = torch.searchsorted(draws, middle) / DRAWS
        gap = (empirical - cumulative).abs()[:19_000].max()
    else:
        at = torch.searchsorted(points, draws).clamp(1, len(points) - 1)
        share = (draws - points[at - 1]) / (points[at] - points[at - 1])
        # The sum at a node counts the node's weight whole: half of it lies beyond.
        half = torch.cat([cumulative[:1] / 2, (cumulative[1:] + cumulative[:-1]) / 2])
        law = half[at - 1] + share.clamp(0, 1) * (half[at] - half[at - 1])
        gap = (law - (torch.arange(DRAWS) + 0.5) / DRAWS).abs().max() + 0.5 / DRAWS
    assert gap.item() < bound


@pytest.mark.parametrize("case", [c for c in family_cases.ALL if c.family.event == 2 and not c.family.inner], ids=str)
def test_joint_normal(case: family_cases.Case) -> None:
    raw, noise = case.raw(7), case.noise(7)
    draw = case.law.sample(raw, noise)
    parameters = case.law.parameters(raw)
    standard = torch.linalg.solve_triangular(
        parameters["scale_tril"], (draw - parameters["loc"]).unsqueeze(-1), upper=False
    ).squeeze(-1)
    torch.testing.assert_close(standard, torch.special.ndtri(noise))
    diagonal = parameters["scale_tril"].diagonal(dim1=-2, dim2=-1)
    log_density = -0.5 * (standard**2).sum(-1) - math.log(2 * math.pi) - diagonal.log().sum(-1)
    torch.testing.assert_close(case.law.log_prob(raw, draw), log_density)


@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
def test_agrees_with_torch(case: family_cases.Case) -> None:
    """``distribution`` is the same law over codes, of the batch shape of the raw numbers."""
    raw = case.raw(3, 2)
    found = case.law.distribution(raw)
    if found is None:
        assert isinstance(case.domain, Count)
        return
    assert found.batch_shape == (3, 2)
    draw = case.law.sample(raw, case.noise(3, 2))
    code = case.domain.code(draw).to(raw.dtype)
    torch.testing.assert_close(found.log_prob(code), case.law.log_prob(raw, draw), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("case", [c for c in family_cases.ALL if c.domain.levels], ids=str)
def test_table(case: family_cases.Case) -> None:
    raw = case.raw(2, 3)
    direct = case.law.log_prob(raw.unsqueeze(-2), values(case))
    torch.testing.assert_close(case.law.log_table(raw), direct)


def test_outside_the_domain() -> None:
    wrong = {
        "boolean": [2.0, -1.0, 0.5, math.nan],
        "levels": [5.0, -1.0, 1.5, math.nan],
        "interval": [-3.0, 4.0, 0.5, math.inf],
        "nonnegative_integers": [-1.0, 0.5, math.inf, math.nan],
        "real": [math.inf, -math.inf, math.nan, math.nan],
        "positive": [0.0, -1.0, math.inf, math.nan],
        "unit_interval": [0.0, 1.0, -0.5, math.nan],
        "angle": [4.0, -4.0, math.inf, math.nan],
    }
    for case in family_cases.SCALAR:
        raw = case.raw(4).requires_grad_()
        found = case.law.log_prob(raw, torch.tensor(wrong[CATALOGUE[case.family.name].support]))
        assert (found == -math.inf).all(), str(case)
        (gradient,) = torch.autograd.grad(found.exp().sum(), raw)
        assert torch.isfinite(gradient).all(), str(case)


def test_bernoulli_by_hand() -> None:
    """The rule that every evaluator repeats: one where the logit exceeds −logit(u)."""
    case = family_cases.plain(CATALOGUE["bernoulli"])
    logit = torch.tensor([[0.3], [-2.0], [1e4], [-1e4]], dtype=torch.float64)
    uniform = torch.tensor([[0.5], [0.9], [1e-9], [1 - 1e-9]], dtype=torch.float64)
    assert case.law.sample(logit, uniform).tolist() == [1.0, 1.0, 1.0, 0.0]
    ones = case.law.log_prob(logit, torch.ones(4))
    torch.testing.assert_close(ones.exp(), logit.squeeze(-1).sigmoid())
    assert ones[3].item() == -1e4
    assert isinstance(case.domain, Binary)


def test_categorical_over_thousands() -> None:
    from ardsl.families.distributions import build_family
    from ardsl.families.resolve import catalogue_family

    domain = Category(5_000)
    law = build_family(catalogue_family(CATALOGUE["categorical"], domain), domain)
    raw = torch.full((5_000,), -1e4)
    raw[4_321] = 1e4
    assert law.log_prob(raw, torch.tensor(4_321)).item() == 0
    assert law.log_prob(raw, torch.tensor(17)).item() == pytest.approx(-2e4, rel=1e-6)
    assert law.sample(raw.expand(3, -1), torch.tensor([[1e-7], [0.5], [1 - 1e-7]])).tolist() == [4_321.0] * 3
