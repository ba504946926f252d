"""Parameters that a spec fixes, of every size: refused with one clear error, or the distribution is the right one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from mpmath.libmp import NoConvergence

import ardsl
from ardsl.families.catalogue import CATALOGUE
from ardsl.families.entry import Entry, Parameter
from ardsl.families.masses import LOG_MASSES
from tests.support import exact

torch.set_num_threads(1)

INFO = torch.finfo(torch.float32)
SCALARS = [
    name for name, entry in CATALOGUE.items() if entry.parameters and not any(p.vector for p in entry.parameters)
]
DOMAINS = {"boolean": "binary", "interval": "integer(0, 5)", "nonnegative_integers": "count"}
VALUES = {
    "boolean": [0, 1],
    "interval": [0, 2, 5],
    "nonnegative_integers": [0, 1, 2, 1_000, 2.0**23],
    "real": [0, 1, -1, 1e-30, 1e10, -1e18],
    "positive": [1e-37, 1e-10, 1, 1e10, 1e37],
    "unit_interval": [1e-30, 1e-3, 0.5, 1 - 2**-24],
    "angle": [-3.1, 0, 1e-20, 3.1],
}
INTERVALS = {
    "nonnegative_integers": [(-0.5, 0.5), (0.5, 10.5), (100.5, math.inf)],
    "positive": [(0, 1), (1, 10), (1e-30, 1e-20), (1e20, math.inf)],
    "real": [(-1, 1), (0, math.inf), (-math.inf, 1e10)],
    "unit_interval": [(0, 0.5), (0.5, 1), (1e-30, 1e-3)],
}
CLOSED = [
    *("asymmetric_laplace", "cauchy", "chi2", "continuous_bernoulli", "exponential", "gamma", "geometric", "gumbel"),
    *("half_cauchy", "half_normal", "inverse_gamma", "kumaraswamy", "laplace", "log_normal", "logistic", "normal"),
    *("poisson", "skew_logistic", "soft_laplace", "weibull"),
]
"""The families whose intervals have a formula that holds for parameters of every size."""
BETAS = ["beta", "fisher_snedecor", "gamma_poisson", "negative_binomial", "student_t"]
"""Families whose intervals are of the incomplete beta function."""
TINY = st.floats(-37, 3).map(lambda exponent: 10**exponent)
EDGES = [0.0, -1.0, 1.0, 0.5, 1e-40, INFO.tiny, INFO.max, INFO.max**0.5, 2.0**53, 1e39, 1e-300, 1e300]
SIZES = st.one_of(st.floats(-60, 60), st.floats(-3, 3)).map(lambda exponent: 10**exponent)
NUMBERS = st.one_of(st.sampled_from(EDGES), SIZES, SIZES.map(lambda size: -size))


def held(entry: Entry, parameter: Parameter, value: float) -> bool:
    """Says whether a parameter is in its set, and a number that the families compute with."""
    most = {"real": INFO.max**0.5, "nonnegative_integers": 2.0**53}.get(entry.support, INFO.max)
    in_its_set = value > 0 if parameter.constraint == "positive" else True
    return in_its_set and (value == 0 or INFO.tiny <= abs(value) <= most)


def compiled(text: str) -> Any:
    """The model of a spec; None where the check refuses a parameter by its value."""
    try:
        return ardsl.compile(ardsl.loads(text), seed=0)
    except ardsl.SpecError as error:
        assert {diagnostic.code for diagnostic in error.diagnostics} <= {"AR315", "AR324"}, error
        return None


def close(log_prob: float, right: float) -> bool:
    """Says whether a log-probability is right, as far as single precision has numbers."""
    if right < INFO.min:
        return log_prob in (INFO.min, -math.inf)
    return abs(log_prob - right) <= 1e-4 * max(1, abs(right))


@torch.no_grad()
def wrong(name: str, written: dict[str, float]) -> list[str]:
    """What is wrong of a family with these parameters, as messages."""
    entry = CATALOGUE[name]
    arguments = ", ".join(f"{parameter} = {value!r}" for parameter, value in written.items())
    text = f"observed x : {DOMAINS.get(entry.support, entry.support)}\np(x) = {name}({arguments})"
    model = compiled(text)
    sound = all(held(entry, p, written[p.name]) for p in entry.parameters if not p.discrete)
    if (model is None) == sound:
        return [f"{text}: {'refused' if sound else 'accepted'}"]
    if model is None:
        return []
    parameters = {parameter: float(np.float32(value)) for parameter, value in written.items()}
    values = list(VALUES[entry.support])
    if entry.support == "real":
        values += [parameters.get("loc", 0.0) + k * parameters["scale"] for k in (-2, 0, 0.7)]
    x = torch.tensor([float(np.float32(value)) for value in values])
    problems = []
    for value, log_prob in zip(x.tolist(), model.log_prob(x).tolist(), strict=True):
        exactly = {parameter: mpf(number) for parameter, number in parameters.items()}
        right = exact.exact(lambda p=exactly, v=value: exact.DENSITIES[name](p, mpf(v)))
        if not close(log_prob, right):
            problems.append(f"{text} at {value!r}: {log_prob!r} where {right!r} is right")
    drawn = model.sample(200, seed=0)
    scores = model.log_prob(drawn)  # of values outside the domain it is −∞, and where they are far of a law in float32
    inside = model.spec.variables["x"].element_domain(0).inside(drawn)
    if not bool(inside.all()) or bool(scores.isnan().any()):
        problems.append(f"{text}: samples {drawn[~inside | scores.isnan()].tolist()[:3]}")
    return problems


def parameters_of(name: str) -> st.SearchStrategy[dict[str, float]]:
    """Parameters of a family, of every size; 5 where it has to be a whole number."""
    parts = CATALOGUE[name].parameters
    return st.fixed_dictionaries({part.name: st.just(5) if part.discrete else NUMBERS for part in parts})


@pytest.mark.parametrize("name", SCALARS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_size(name: str, data: st.DataObject) -> None:
    assert wrong(name, data.draw(parameters_of(name))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", SCALARS)
@settings(max_examples=1_000, deadline=None)
@given(data=st.data())
def test_every_size_at_length(name: str, data: st.DataObject) -> None:
    assert wrong(name, data.draw(parameters_of(name))) == []


def wrong_masses(name: str, written: dict[str, float], tolerance: float = 1e-6) -> list[str]:
    """What is wrong of the probabilities of intervals, in double precision, as messages."""
    entry, problems = CATALOGUE[name], []
    if not all(held(entry, parameter, written[parameter.name]) for parameter in entry.parameters):
        return []
    ends = list(INTERVALS[entry.support])
    if entry.support == "real":
        loc, scale = written["loc"], written["scale"]
        ends += [(loc - scale, loc + scale), (loc + scale, loc + 3 * scale), (-math.inf, loc - 5 * scale)]
    p = {parameter: torch.tensor(value, dtype=torch.float64) for parameter, value in written.items()}
    low, high = torch.tensor(ends, dtype=torch.float64).unbind(-1)
    outermost = {"unit_interval": (0, 1), "positive": (0, math.inf), "nonnegative_integers": (-0.5, math.inf)}
    least, most = outermost.get(entry.support, (-math.inf, math.inf))
    for (a, b), log_mass in zip(ends, LOG_MASSES[name](p, low, high).tolist(), strict=True):
        edges = [-math.inf if a == least else mpf(a), math.inf if b == most else mpf(b)]
        exactly = {parameter: mpf(value) for parameter, value in written.items()}
        try:
            right = exact.exact(lambda p=exactly, e=edges: exact.log_mass(name, p, *e)) if a < b else -math.inf
        except NoConvergence:  # the series of gamma variables, of some of the largest shapes
            continue
        if not (abs(log_mass - right) <= tolerance * max(1, abs(right)) or (right < -1e250 and log_mass < -1e250)):
            problems.append(f"{name}({written}) from {a} to {b}: {log_mass!r} where {right!r} is right")
    return problems


@pytest.mark.parametrize("name", CLOSED)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_intervals_of_every_size(name: str, data: st.DataObject) -> None:
    assert wrong_masses(name, data.draw(parameters_of(name))) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", CLOSED)
@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_intervals_of_every_size_at_length(name: str, data: st.DataObject) -> None:
    assert wrong_masses(name, data.draw(parameters_of(name))) == []


@pytest.mark.parametrize("name", BETAS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_intervals_of_tiny_concentrations(name: str, data: st.DataObject) -> None:
    sizes = {"loc": st.sampled_from([0.0, 1e3]), "logits": st.floats(-5, 50)}
    parts = {parameter.name: sizes.get(parameter.name, TINY) for parameter in CATALOGUE[name].parameters}
    assert wrong_masses(name, data.draw(st.fixed_dictionaries(parts)), 1e-9) == []


@pytest.mark.parametrize("size", [1e-37, 1e-20, 1e-8, 1e-3])
def test_intervals_of_both_tiny(size: float) -> None:
    assert wrong_masses("student_t", {"df": size, "loc": 0.0, "scale": 1.0}, 1e-9) == []
    assert wrong_masses("beta", {"concentration1": size, "concentration0": size}, 1e-9) == []
    assert wrong_masses("fisher_snedecor", {"df1": size, "df2": size}, 1e-9) == []


def test_gradients_of_intervals_with_tiny_degrees_of_freedom() -> None:
    df, scale = (torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in (1e-20, 1.0))
    p = {"df": df, "loc": torch.tensor(0.0, dtype=torch.float64), "scale": scale}
    low, high = torch.tensor([[-1.0, 1.0], [1.0, math.inf]], dtype=torch.float64).T
    inside, beyond = LOG_MASSES["student_t"](p, low, high)
    (slope,) = torch.autograd.grad(inside, df, retain_graph=True)
    right = 1e20 * (1 - 1 / (2 * math.log(2) - math.log(1e-20)))  # the probability is ν (2 log 2 − log ν)/2
    assert slope.item() == pytest.approx(right, rel=1e-9)
    assert torch.autograd.grad(beyond, scale)[0].item() == pytest.approx(0.0, abs=1e-15)


def test_a_tail_wider_than_single_precision() -> None:
    """Its scale, 1.6e57, times a draw of 0 was no number."""
    spec = ardsl.loads("observed x : real\np(x) = soft_asymmetric_laplace(0, 1.84e19, 1.18e-38, 1.84e19)\n")
    drawn = ardsl.compile(spec).sample(2000, seed=0)
    assert bool(drawn.isfinite().all())
