"""Truncated families: the probability of what is allowed, and draws confined to it."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import replace

import hypothesis
import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf
from scipy import stats
from torch import Tensor

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.catalogue_distributions import continuous
from ardsl.families.distributions import build_family
from ardsl.families.domains import Integer, Real
from ardsl.families.masses import LOG_MASSES
from ardsl.families.resolve import catalogue_family, color_mixture_family, mixture_family
from ardsl.families.truncation import Element, Truncation
from tests.support import exact, family_cases

torch.set_num_threads(1)

SINGLE = [case for case in family_cases.ALL if case.family.event == 1]
N = 500


def test_every_scalar_family_can_be_truncated() -> None:
    """By its distribution function, or by its table where its values are finitely many."""
    finite = {"bernoulli", "beta_binomial", "binomial", "categorical", "ordered_logistic"}
    assert set(LOG_MASSES) | finite | {"multivariate_normal"} == set(CATALOGUE)


def _intervals(name: str, rng: np.random.Generator, p: dict[str, float]) -> list[tuple[float, float]]:
    """Intervals of every kind: narrow and wide ones, half-open ones, and far out."""
    entry, far = CATALOGUE[name], float(np.exp(rng.normal() * 2))
    if entry.support == "real":
        low = p["loc"] + p["scale"] * float(rng.normal() * rng.choice([1, 8]))
        width = p["scale"] * 10 ** float(rng.uniform(-6, 1))
        return [(low, low + width), (-math.inf, low), (low, math.inf)]
    if entry.support == "positive":
        return [(far, far * (1 + 10 ** float(rng.uniform(-6, 1)))), (0, far), (far, math.inf), (1e-310, far)]
    if entry.support == "unit_interval":
        low = float(rng.uniform())
        return [(low, low + (1 - low) * 10 ** float(rng.uniform(-6, 0))), (0, low), (low, 1)]
    if entry.support == "angle":
        low = float(rng.uniform(-3, 3))
        return [(low, low + 10 ** float(rng.uniform(-6, -1))), (-math.pi, low), (low, math.pi)]
    first = int(rng.integers(0, 30))
    return [(first - 0.5, first + 0.5), (first - 0.5, first + int(rng.integers(1, 60)) + 0.5), (first - 0.5, math.inf)]


INTEGRATED = ("soft_asymmetric_laplace", "von_mises")
"""Families whose distribution functions mpmath integrates, which takes seconds."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.thorough) if name in INTEGRATED else name for name in sorted(LOG_MASSES)],
)
def test_masses_of_intervals(name: str) -> None:
    """Against mpmath, down to masses of 1e-12 and far less."""
    entry, rng = CATALOGUE[name], np.random.default_rng(zlib.crc32(name.encode()))
    for _ in range(1 if name in INTEGRATED else 4):
        p = {q.name: float(rng.normal() if q.constraint == "real" else np.exp(rng.normal())) for q in entry.parameters}
        tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in p.items()}
        for low, high in _intervals(name, rng, p):
            ends = torch.tensor([low, high], dtype=torch.float64)
            with mpmath.workdps(18 if name in INTEGRATED else 25):
                numbers = {name: mpf(value) for name, value in p.items()}
                bottom, top = {"positive": (0, math.inf), "unit_interval": (0, 1)}.get(entry.support, (-math.inf,) * 2)
                below = -mp.inf if low == bottom else mpf(low)
                above = mp.inf if high in (top, math.inf) else mpf(high)
                right = float(exact.log_mass(name, numbers, below, above))
            found = LOG_MASSES[name](tensors, ends[0], ends[1]).item()
            assert found == pytest.approx(right, rel=1e-9, abs=1e-9), (p, low, high)


@pytest.mark.parametrize("name", ["normal", "student_t", "gamma", "beta", "poisson", "negative_binomial", "von_mises"])
def test_far_tails_stay_logarithms(name: str) -> None:
    """Masses that no float holds, against mpmath."""
    far = {
        "normal": ({"loc": 0.0, "scale": 1.0}, 60.0),
        "student_t": ({"df": 40.0, "loc": 0.0, "scale": 1.0}, 1e9),
        "gamma": ({"concentration": 3.0, "rate": 2.0}, 900.0),
        "beta": ({"concentration1": 2.0, "concentration0": 300.0}, 0.95),
        "poisson": ({"rate": 2.0}, 400.5),
        "negative_binomial": ({"total_count": 2.0, "logits": -3.0}, 400.5),
        "von_mises": ({"loc": 0.0, "concentration": 900.0}, 2.0),
    }
    p, low = far[name]
    tensors = {name: torch.tensor(value, dtype=torch.float64) for name, value in p.items()}
    found = LOG_MASSES[name](tensors, *torch.tensor([low, math.inf], dtype=torch.float64)).item()
    with mpmath.workdps(40):
        right = float(exact.CDFS[name]({name: mpf(value) for name, value in p.items()}, mpf(low))[1])
    assert right < -700 and found == pytest.approx(right, rel=1e-9)


def _parts(case: family_cases.Case) -> list[Truncation]:
    """A partition of a domain into two sets that are no single intervals."""
    if not case.law.by_intervals:
        assert case.domain.levels is not None
        mask = torch.arange(case.domain.levels) % 2 == 0
        return [Truncation(codes=mask), Truncation(codes=~mask)]
    codes = case.law.over_codes.sample(case.law._by_slot(case.raw(N)), case.noise(N))
    places = torch.quantile(codes, torch.tensor([0.1, 0.4, 0.6, 0.8], dtype=torch.float64))
    ends = torch.unique(places.floor() + 0.5 if case.domain.discrete else places).tolist()
    ends = [-math.inf, *ends, math.inf]
    intervals = torch.tensor(list(zip(ends, ends[1:], strict=False)), dtype=torch.float64)
    return [Truncation(intervals=intervals[::2]), Truncation(intervals=intervals[1::2])]


def _inside(case: family_cases.Case, value: Tensor, allowed: Truncation) -> Tensor:
    return allowed.contains(case.domain.code(value))


@pytest.mark.parametrize("case", SINGLE, ids=str)
def test_a_partition_and_its_draws(case: family_cases.Case) -> None:
    """The masses of a partition add up to one; draws lie within, and are as plain draws that happen to lie there."""
    raw, parts = case.raw(seed=5), _parts(case)
    total = torch.stack([case.law.log_mass(case.raw(50), part) for part in parts]).logsumexp(0)
    assert total.abs().max() < 1e-11
    plain = case.law.sample(raw, case.noise(4 * N))
    for part in parts:
        drawn = case.law.sample_within(raw, case.noise(N, seed=7), part)
        assert _inside(case, drawn, part).all()
        there = plain[_inside(case, plain, part)]
        share, log_mass = len(there) / len(plain), case.law.log_mass(raw, part).exp().item()
        assert abs(share - log_mass) < 5 * (log_mass * (1 - log_mass) / len(plain)) ** 0.5 + 1e-9
        if len(there) > 20:
            assert stats.ks_2samp(there.numpy(), drawn.numpy()).pvalue > 1e-5


@pytest.mark.parametrize(
    "case",
    [case for case in SINGLE if case.law.by_intervals and case.family.name != "mixture"],
    ids=str,
)
def test_draws_from_a_far_tail(case: family_cases.Case) -> None:
    """Of a tail of 1e-13 or less, draws have the share of its mass below them that their noise says, as nearly as
    floating-point numbers there let them: at the end of a bounded domain these are far apart."""
    raw = case.raw(40)
    everything = Truncation(intervals=torch.tensor([[-math.inf, math.inf]], dtype=torch.float64))
    ends = case.law.draw_within(raw, torch.full((40, case.family.uniforms), 1 - 1e-14).double(), everything)
    ends = ends.nextafter(torch.tensor(math.inf).double()) if not case.domain.discrete else ends + 0.5
    tail = torch.stack([ends, torch.full_like(ends, math.inf)], -1).unsqueeze(-2)
    log_mass = case.law.log_mass(raw, Truncation(intervals=tail))
    possible = log_mass > -math.inf
    assert (log_mass[possible] < -25).all()
    drawn = case.law.draw_within(raw, case.noise(40), Truncation(intervals=tail))
    assert (drawn >= ends)[possible].all()
    below = torch.stack([ends, drawn + 0.5 if case.domain.discrete else drawn], -1).unsqueeze(-2)
    reached = (case.law.log_mass(raw, Truncation(intervals=below)) - log_mass).exp()[possible]
    u = case.noise(40)[..., 0][possible]
    if case.domain.discrete:
        assert ((reached >= u - 1e-6) | (drawn[possible] == 2**53)).all()
    else:
        apart = drawn.nextafter(torch.tensor(math.inf).double()) - drawn
        grain = (case.law.log_prob(raw, drawn) - log_mass).exp() * apart
        assert ((reached - u).abs() <= 1e-6 + 1e-6 * u + 4 * grain[possible]).all()


CONTINUOUS = [case for case in family_cases.PLAIN if case.law.by_intervals and not case.domain.discrete]


@pytest.mark.thorough
@settings(max_examples=60, deadline=None)
@given(
    case=st.sampled_from(CONTINUOUS),
    seed=st.integers(0, 2**31),
    spread=st.floats(0.1, 1.5),
    width=st.floats(-9, 2),
    kind=st.sampled_from(["between", "above", "below", "everywhere"]),
)
def test_quantiles_of_an_interval(case: family_cases.Case, seed: int, spread: float, width: float, kind: str) -> None:
    """Draws within an interval rise with their noise, and have the share of its mass below them that this says, as
    exactly as numbers hold it; of narrow intervals, wide ones and those that are open."""
    raw, generator = case.raw(1, seed=seed, spread=spread), torch.Generator().manual_seed(seed)
    somewhere = case.law.over_codes.sample(case.law._by_slot(raw), case.noise(1, seed=seed))
    low = somewhere if kind in ("between", "above") else torch.full_like(somewhere, -math.inf)
    high = somewhere + 10**width if kind == "between" else torch.full_like(somewhere, math.inf)
    high = somewhere if kind == "below" else high
    allowed = Truncation(intervals=torch.stack([low, high], -1))
    log_mass = case.law.log_mass(raw, allowed)
    hypothesis.assume(log_mass.item() > -500)
    noise = torch.full((60, case.family.uniforms), 0.5, dtype=torch.float64)
    noise[:, 0] = torch.rand(60, generator=generator, dtype=torch.float64).sort().values
    u = noise[:, 0]
    drawn = case.law.draw_within(raw.expand(60, -1), noise, allowed)
    assert ((drawn >= low) & (drawn <= high)).all() and (drawn.diff() >= -1e-12 * drawn[1:].abs()).all()
    ends = torch.stack([low.expand(60), drawn], -1).unsqueeze(-2)
    log_below = case.law.log_mass(raw, Truncation(intervals=ends)) - log_mass
    apart = drawn.nextafter(torch.tensor(math.inf).double()) - drawn.nextafter(torch.tensor(-math.inf).double())
    grain = (case.law.log_prob(raw, drawn) - log_mass).exp() * apart
    assert ((log_below.exp() - u).abs() <= 1e-9 + 4 * grain).all()
    single = case.law.sample_within(raw.float().expand(60, -1), noise.float(), allowed)
    assert single.dtype == torch.float32
    assert ((single >= low.float()) & (single <= high.float())).all()


@pytest.mark.parametrize("name", ["normal", "gamma", "student_t", "beta", "soft_asymmetric_laplace", "von_mises"])
def test_quantiles_take_few_evaluations(name: str) -> None:
    """The distribution function is evaluated some six times for each draw in a tail, however it is spread."""
    case = family_cases.plain(CATALOGUE[name])
    raw, evaluated = case.raw(500, spread=1.0), 0
    somewhere = case.law.over_codes.sample(case.law._by_slot(raw), case.noise(500, seed=4))
    family = continuous(name)

    def counted(p: Mapping[str, Tensor], low: Tensor, high: Tensor) -> Tensor:
        nonlocal evaluated
        evaluated += low.numel()
        return family.log_mass(p, low, high)

    p = case.law.parameters(raw)
    for low, high in ((somewhere, math.inf), (-math.inf, somewhere)):
        replace(family, log_mass=counted).quantile(
            p, case.noise(500)[:, 0], torch.as_tensor(low).double(), torch.as_tensor(high).double()
        )
    assert evaluated < 2 * 500 * 9


def test_nothing_possible_is_still_legal() -> None:
    """Where what is allowed has no probability, the mass says so, and the draw lies within all the same."""
    family = catalogue_family(CATALOGUE["categorical"], Integer(0, 3))
    law = build_family(family, Integer(0, 3))
    raw = torch.tensor([[0.0, 0.0, -math.inf, -math.inf]])
    allowed = Truncation(codes=torch.tensor([False, False, True, True]))
    assert law.log_mass(raw, allowed).item() == -math.inf
    assert law.sample_within(raw, torch.tensor([[0.3]]), allowed).item() in (2, 3)


def test_fixed_parameters_broadcast() -> None:
    """A family without free parameters takes its shape from the batch, and so do mixtures of it."""
    family = catalogue_family(CATALOGUE["normal"], Real(), 1, {"loc": 0.0, "scale": 1.0})
    allowed = Truncation(intervals=torch.tensor([[-math.inf, -1.0], [0.5, 2.0]], dtype=torch.float64))
    right = stats.norm.cdf(-1) + stats.norm.cdf(2) - stats.norm.cdf(0.5)
    for law in (build_family(family, Real()), build_family(mixture_family(family, 3), Real())):
        raw = torch.zeros(4, law.family.width)
        assert law.log_mass(raw, allowed).exp().tolist() == pytest.approx([right] * 4)
        drawn = law.sample_within(raw, torch.rand(4, law.family.uniforms), allowed)
        assert drawn.dtype == torch.float32 and bool(allowed.contains(drawn).all())


# Joint draws


def _element(value: float | None, n: int, intervals: list[tuple[float, float]] | None = None) -> Element:
    known = torch.full((n,), value is not None)
    code = torch.full((n,), value or 0.0, dtype=torch.float64)
    return Element(known, code, None if intervals is None else torch.tensor(intervals, dtype=torch.float64))


def test_colours_some_of_whose_channels_are_known_or_confined() -> None:
    """The mean weight is the probability by enumeration, and weighted draws follow the conditional."""
    domain, n = Integer(0, 4), 4_000
    law = build_family(color_mixture_family(domain, 3, 2), domain)
    raw = torch.randn(law.family.width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    codes = torch.cartesian_prod(*[torch.arange(5.0, dtype=torch.float64)] * 3)
    p = law.log_prob(raw, codes).exp() * (codes[:, 1] == 3) * ((codes[:, 2] < 2) | (codes[:, 2] == 4))
    noise = torch.rand(n, law.family.uniforms, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    elements = [_element(None, n), _element(3.0, n), _element(None, n, [(-0.5, 1.5), (3.5, 4.5)])]
    drawn, log_weight = law.sample_elements(raw.expand(n, -1), noise, elements)
    weight = log_weight.exp()
    assert abs(weight.mean() - p.sum()) < 5 * weight.std() / n**0.5
    for code, right in zip(codes[p > 0], p[p > 0], strict=True):
        hit = weight * (drawn == code).all(1)
        assert abs(hit.mean() - right) < 5 * hit.std() / n**0.5 + 1e-6


@pytest.mark.parametrize("components", [None, 3])
def test_normal_vectors_some_of_whose_elements_are_known_or_confined(components: int | None) -> None:
    n, domain = 4_000, Real()
    family = catalogue_family(CATALOGUE["multivariate_normal"], domain, 3)
    law = build_family(family if components is None else mixture_family(family, components), domain)
    raw = torch.randn(law.family.width, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    noise = torch.rand(n, law.family.uniforms, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    elements = [_element(None, n), _element(0.4, n), _element(None, n, [(-0.2, 0.5), (1.0, math.inf)])]
    drawn, log_weight = law.sample_elements(raw.expand(n, -1), noise, elements)
    weight = log_weight.exp()
    shares, own = torch.ones(1), law.parameters(raw)
    if components is not None:
        shares, slots = own["weights"], law.over_codes._components(law._by_slot(raw))
        own = law.over_codes.inner.parameters(slots)
    right = 0.0
    for share, loc, scale in zip(shares, own["loc"].view(-1, 3), own["scale_tril"].view(-1, 3, 3), strict=True):
        covariance = (scale @ scale.T).numpy()
        known = stats.norm(loc[1].item(), covariance[1, 1] ** 0.5)
        mean = loc[2].item() + covariance[1, 2] / covariance[1, 1] * (0.4 - loc[1].item())
        rest = stats.norm(mean, (covariance[2, 2] - covariance[1, 2] ** 2 / covariance[1, 1]) ** 0.5)
        right += share.item() * known.pdf(0.4) * (rest.cdf(0.5) - rest.cdf(-0.2) + rest.sf(1.0))
    assert abs(weight.mean().item() - right) < 5 * (weight.std() / n**0.5).item()
    assert (drawn[:, 1] == 0.4).all()
    assert (((drawn[:, 2] >= -0.2) & (drawn[:, 2] <= 0.5)) | (drawn[:, 2] >= 1)).all()
