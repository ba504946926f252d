"""Every family's log-probabilities against fifty digits, over many orders of magnitude of parameters and values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from mpmath import mpf
from torch import Tensor

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.catalogue_distributions import CatalogueDistribution
from ardsl.families.constraints import FLOOR
from ardsl.families.discretized import DiscretizedDistribution, grid
from ardsl.families.distributions import build_family
from ardsl.families.domains import Category, Count, Domain, Integer, MuLaw, Positive, Real
from ardsl.families.entry import Entry
from ardsl.families.fitting import discretizes
from ardsl.families.resolve import catalogue_family, discretized_family, mixture_family
from ardsl.families.resolve_domain import MAX_LEVELS
from tests.support import exact

torch.set_num_threads(1)

TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
_STEEP = {torch.float32: -1e25, torch.float64: -1e250}
"""Below, a density may have steeper gradients than its type has numbers."""
TOTALS = (1, 5, 255)


@dataclass(frozen=True)
class Points:
    """Parameters and values of one family, each [points] or, of vectors, [points, size], in the working type."""

    parameters: dict[str, Tensor]
    values: Tensor
    total: int | None = None

    def each(self) -> Iterator[tuple[dict[str, Any], Any]]:
        rows = {name: value.double().tolist() for name, value in self.parameters.items()}
        for k, value in enumerate(self.values.double().tolist()):
            yield {name: _exact(row[k]) for name, row in rows.items()}, _exact(value)


def _exact(value: Any) -> Any:
    return [_exact(part) for part in value] if isinstance(value, list) else mpf(value)


def positive(rng: np.random.Generator, count: int) -> np.ndarray:
    """From the least value of a positive parameter to 10⁹, of every magnitude alike; some are 1."""
    found = 10 ** rng.uniform(math.log10(FLOOR), 9, count)
    found[::7] = 1
    return found


def real(rng: np.random.Generator, count: int) -> np.ndarray:
    """Of either sign, of magnitudes from 10⁻⁶ to 10⁹; some are 0."""
    found = rng.choice([-1, 1], count) * 10 ** rng.uniform(-6, 9, count)
    found[::5] = 0
    return found


def log_odds(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.choice([-1, 1], count) * 10 ** rng.uniform(-6, 2.5, count)


def parameters(entry: Entry, rng: np.random.Generator, count: int, total: int | None) -> dict[str, np.ndarray]:
    found = {}
    for parameter in entry.parameters:
        if parameter.discrete:
            found[parameter.name] = np.full(count, total)
        elif parameter.constraint == "positive":
            found[parameter.name] = positive(rng, count)
        elif parameter.constraint == "real":
            odds = parameter.name.endswith("logits") or parameter.name == "predictor"
            found[parameter.name] = (log_odds if odds else real)(rng, count)
        elif parameter.constraint == "ordered_vector":
            steps = FLOOR + 10 ** rng.uniform(-5, 2, (count, 4))
            found[parameter.name] = (steps.cumsum(1).T + log_odds(rng, count)).T
        elif parameter.constraint == "real_vector":
            found[parameter.name] = log_odds(rng, 5 * count).reshape(count, 5)[:, : 2 if entry.joint else 5]
        else:
            lower = np.tril(rng.normal(size=(count, 2, 2)))
            lower[:, [0, 1], [0, 1]] = 10 ** rng.uniform(-3, 3, (count, 2))
            found[parameter.name] = lower
    return found


def values(entry: Entry, rng: np.random.Generator, count: int, p: dict[str, np.ndarray], total: int) -> np.ndarray:
    """Anywhere in the support, and, of two in three, about where the family has its mass."""
    if entry.joint:
        return p["loc"] + rng.normal(size=(count, 2)) * 10 ** rng.uniform(-3, 3, (count, 1))
    if entry.support in ("boolean", "levels", "interval"):
        return rng.integers(0, {"boolean": 2, "levels": 5, "interval": total + 1}[entry.support], count)
    near = rng.random(count) < 0.67
    if entry.support == "real":
        away = rng.choice([-1, 1], count) * 10 ** rng.uniform(-2, 2, count)
        return np.where(near, p["loc"] + p["scale"] * away, real(rng, count))
    if entry.support == "angle":
        return rng.uniform(-math.pi, math.pi, count)
    if entry.support == "unit_interval":
        return 1 / (1 + np.exp(rng.choice([-1, 1], count) * 10 ** rng.uniform(-3, 1.8, count)))
    wide = 10 ** rng.uniform(-12, 12, count)
    if entry.support == "positive":
        center = {"weibull": "scale", "half_normal": "scale", "half_cauchy": "scale", "chi2": "df"}.get(entry.name)
        middle = p[center] if center else np.ones(count)
        if entry.name == "log_normal":
            middle = np.exp(np.clip(p["loc"], -60, 60))
        if entry.name in ("gamma", "exponential"):
            middle = p.get("concentration", 1) / p["rate"]
        if entry.name == "inverse_gamma":
            middle = p["rate"] / p["concentration"]
        return np.where(near, middle * np.exp(rng.normal(size=count) * 10 ** rng.uniform(-4, 1, count)), wide)
    mean = _mean_count(entry, p)
    return np.where(near, np.abs(mean + np.sqrt(mean) * rng.normal(size=count) * 3), wide - 1e-6).round().clip(0, 2**53)


def _mean_count(entry: Entry, p: dict[str, np.ndarray]) -> np.ndarray:
    if "concentration" in p:
        return p["concentration"] / p["rate"]
    if entry.name == "geometric":
        return np.exp(-np.clip(p["logits"], -30, 30))
    return p["rate"] if "rate" in p else p["total_count"] * np.exp(np.clip(p["logits"], -30, 5))


def points(entry: Entry, dtype: torch.dtype, seed: int, count: int) -> Points:
    rng = np.random.default_rng((seed, *entry.name.encode()))
    total = TOTALS[seed % 3] if entry.support == "interval" else None
    drawn = parameters(entry, rng, count, total)
    value = values(entry, rng, count, drawn, total or 0)
    rounded = {name: torch.from_numpy(np.asarray(v, float)).to(dtype) for name, v in drawn.items()}
    value_in = torch.from_numpy(np.asarray(value, float)).to(dtype)
    info = torch.finfo(dtype)
    if entry.support == "positive":
        value_in = value_in.clamp(info.tiny, info.max)
    if entry.support == "unit_interval":
        value_in = value_in.clamp(info.tiny, 1 - info.eps / 2)
    return Points(rounded, value_in, total)


def compare(name: str, found: Tensor, right: list[float], where: Points, dtype: torch.dtype) -> list[str]:
    """What is farther from right than the tolerance, as messages."""
    wrong = []
    least = torch.finfo(dtype).min
    lowest = {torch.float32: least, torch.float64: -0.9e250}[dtype]
    for k, (log_prob, expected) in enumerate(zip(found.double().tolist(), right, strict=True)):
        error = abs(log_prob - expected) / max(1, abs(expected))
        saturated = expected < lowest and least <= log_prob <= lowest or expected < least and log_prob == -math.inf
        if not (error <= TOLERANCE[dtype] or saturated):
            p = {n: v[k].tolist() for n, v in where.parameters.items()}
            wrong.append(f"{name}({p}) at {where.values[k].tolist()}: {log_prob!r} where {expected!r} is right")
    return wrong


def check_density(entry: Entry, dtype: torch.dtype, seed: int, count: int) -> list[str]:
    where = points(entry, dtype, seed, count)
    domain = Category(5) if entry.support == "levels" else Count()
    fixed = {"total_count": float(where.total)} if where.total else {}
    law = CatalogueDistribution(catalogue_family(entry, domain, 2 if entry.joint else 1, fixed), None, None)  # type: ignore[arg-type]
    leaves = {name: value.clone().requires_grad_() for name, value in where.parameters.items()}
    found = law.log_density(leaves, where.values)
    right = [exact.exact(lambda p=p, x=x: exact.DENSITIES[entry.name](p, x)) for p, x in where.each()]
    wrong = compare(entry.name, found.detach(), right, where, dtype)
    free = [leaf for name, leaf in leaves.items() if name != "total_count" or entry.support != "interval"]
    for name, gradient in zip(leaves, torch.autograd.grad(found.sum(), free), strict=False):
        bad = ~gradient.isfinite() & (found > _STEEP[dtype]).reshape(count, *[1] * (gradient.ndim - 1))
        if bad.any():
            k = int(bad.reshape(count, -1).any(1).nonzero()[0])
            p = {n: v[k].tolist() for n, v in where.parameters.items()}
            wrong.append(f"gradient of {name} of {entry.name}({p}) at {where.values[k].tolist()}")
    return wrong


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("name", CATALOGUE)
def test_log_densities(name: str, dtype: torch.dtype) -> None:
    wrong = check_density(CATALOGUE[name], dtype, 0, 30)
    assert not wrong, "\n".join(wrong[:5])


DISCRETIZED = [
    (name, domain)
    for domain in (Integer(0, 255), Integer(-3, 1000), Integer(-(2**50), 2**50), Count(), MuLaw(256))
    for name, entry in CATALOGUE.items()
    if discretizes(entry, domain) and (entry.support != "unit_interval" or (domain.levels or 0) <= MAX_LEVELS)
]


def check_discretized(name: str, domain: Domain, dtype: torch.dtype, seed: int, count: int) -> list[str]:
    entry = CATALOGUE[name]
    rng = np.random.default_rng((seed, *name.encode()))
    cells, start = grid(domain, entry.support)
    law = DiscretizedDistribution(CatalogueDistribution(catalogue_family(entry, domain), None, start), cells)
    drawn = parameters(entry, rng, count, None)
    last = (domain.levels or 2**53) - 1
    code = np.floor(np.exp(rng.uniform(0, math.log(last + 1), count))).clip(1, last)
    code = np.where(rng.random(count) < 0.3, last - code, code)
    code[::9], code[1::9] = 0, last
    if "loc" in drawn and entry.support == "real":  # at a few scales from the cell, or anywhere
        middle = cells.middle + code * cells.step
        drawn["scale"] = np.maximum(drawn["scale"] * 1e-3 * rng.choice([1, cells.step], count), FLOOR)
        near = middle + drawn["scale"] * rng.normal(size=count) * 10 ** rng.uniform(-1, 1.5, count)
        drawn["loc"] = np.where(rng.random(count) < 0.7, near, drawn["loc"])
    if "scale" in drawn and entry.support == "positive" and name != "log_normal":
        drawn["scale"] = np.maximum(code * 10 ** rng.uniform(-1, 1, count), 1)
    if "rate" in drawn:
        drawn["rate"] = np.maximum(10 ** rng.uniform(-1, 1, count) / (code + 1), FLOOR)
    if name == "log_normal":
        drawn["loc"] = np.log1p(code) + rng.normal(size=count)
    where = Points({n: torch.from_numpy(v).to(dtype) for n, v in drawn.items()}, torch.from_numpy(code).to(dtype))
    leaves = {n: v.clone().requires_grad_() for n, v in where.parameters.items()}
    found = law.log_cell(leaves, where.values)
    right = []
    for p, k in where.each():

        def log_mass(p: dict[str, Any] = p, k: Any = k) -> Any:
            low, high = (_edge(domain, entry.support, k + side) for side in (mpf(-0.5), mpf(0.5)))
            open_above = domain.levels is not None and k >= last
            return exact.log_mass(name, p, -math.inf if k == 0 else low, math.inf if open_above else high)

        right.append(exact.exact(log_mass))
    wrong = compare(f"discretized({name}) of {domain}", found.detach(), right, where, dtype)
    for n, gradient in zip(leaves, torch.autograd.grad(found.sum(), list(leaves.values())), strict=True):
        if not gradient.isfinite().all():
            k = int((~gradient.isfinite()).nonzero()[0])
            p = {m: v[k].tolist() for m, v in where.parameters.items()}
            wrong.append(f"gradient of {n} of discretized({name}) of {domain} ({p}) at {where.values[k].tolist()}")
    return wrong


def _edge(domain: Domain, support: str, code: Any) -> Any:
    """Where a number of codes, and half-way between two of them, stand for a continuous law."""
    if domain.levels is None or support == "positive":
        return code
    return (code + mpf(0.5)) / domain.levels if support == "unit_interval" else 2 * code / (domain.levels - 1) - 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("name", "domain"), DISCRETIZED, ids=lambda part: str(part))
def test_discretized(name: str, domain: Domain, dtype: torch.dtype) -> None:
    wrong = check_discretized(name, domain, dtype, 0, 15)
    assert not wrong, "\n".join(wrong[:5])


def check_mixture(dtype: torch.dtype, seed: int, count: int) -> list[str]:
    """Mixtures of three with components that are far apart, and with weights that are nearly 0."""
    rng = np.random.default_rng(seed)
    wrong = []
    for name in ("normal", "log_normal", "negative_binomial", "student_t"):
        entry = CATALOGUE[name]
        domain = {"real": Real(), "positive": Positive(), "nonnegative_integers": Count()}[entry.support]
        family = mixture_family(catalogue_family(entry, domain), 3)
        raw = torch.from_numpy(rng.normal(size=(count, family.width)) * 10 ** rng.uniform(-1, 1.5, (count, 1))).to(
            dtype
        )
        law = build_family(family, domain)
        p = law.parameters(raw)
        value = torch.from_numpy(np.abs(rng.normal(size=count)) * 10 ** rng.uniform(-3, 5, count)).to(dtype)
        value = value.round() if entry.discrete else value
        found = law.log_prob(raw, value)
        logits = raw[:, :3].double().tolist()
        parts = {n: v.double().tolist() for n, v in p.items() if n != "weights"}

        def right(k: int, logits: Any = logits, parts: Any = parts, value: Any = value, name: str = name) -> Any:
            weights = [mpf(x) for x in logits[k]]
            x, total = mpf(value[k].item()), exact.log_add(*weights)
            each = [{n: mpf(v[k][c]) for n, v in parts.items()} for c in range(3)]
            terms = [w + exact.DENSITIES[name](q, x) for w, q in zip(weights, each, strict=True)]
            return exact.log_add(*terms) - total

        expected = [exact.exact(lambda k=k: right(k)) for k in range(count)]
        wrong += compare(f"mixture({name})", found, expected, Points(p, value), dtype)
    return wrong


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_mixtures(dtype: torch.dtype) -> None:
    wrong = check_mixture(dtype, 0, 30)
    assert not wrong, "\n".join(wrong[:5])


def test_neighbouring_counts_do_not_all_have_probability_one() -> None:
    """At a mean of 10⁸ a single count has a chance of 4 · 10⁻⁵."""
    law = build_family(catalogue_family(CATALOGUE["poisson"], Count(), 1, {"rate": 1e8}), Count())
    counts = torch.tensor([1e8 - 16, 1e8 - 8, 1e8, 1e8 + 8, 1e8 + 16])
    total = law.log_prob(torch.zeros(5, 0), counts).exp().sum().item()
    assert total == pytest.approx(5 / math.sqrt(2 * math.pi * 1e8), rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_last_of_very_many_integers(dtype: torch.dtype) -> None:
    domain = Integer(-(2**50), 2**50)
    law = build_family(discretized_family(catalogue_family(CATALOGUE["logistic"], domain)), domain)
    found = law.log_prob(law.initial_raw().to(dtype), torch.tensor([-(2.0**50), 2.0**50], dtype=dtype))
    assert found.tolist() == pytest.approx([-1 / 0.3 - math.log1p(math.exp(-1 / 0.3))] * 2, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("seed", range(1, 4))
def test_many_points(seed: int, dtype: torch.dtype) -> None:
    wrong = [w for entry in CATALOGUE.values() for w in check_density(entry, dtype, seed, 300)]
    wrong += [w for name, domain in DISCRETIZED for w in check_discretized(name, domain, dtype, seed, 100)]
    wrong += check_mixture(dtype, seed, 200)
    assert not wrong, "\n".join(wrong[:20])
