"""Estimates by particles against enumeration: of the probability, of its error, and of weighted draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

import ardsl
from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.likelihood.missing import with_last
from ardsl.compiler.queries.events import Allowed, Cell, Event
from ardsl.compiler.queries.filters import T_95, Estimate
from ardsl.compiler.queries.particles import Ordered, Particles, Question, Sampler, joined
from ardsl.compiler.queries.where import read_event
from ardsl.model.model import Variable

torch.set_num_threads(1)

RECORD = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 5)
  d : integer(-3, 12) ~ discretized(logistic)
}
order row by [c, a, d, b]
p(row[i] | row[<i]) = default via made(hidden = [16, 16])
"""
SEVERAL = """
observed z : category(3)
observed x[3] : binary
observed y : integer(0, 3)
p(z) = categorical
p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])
p(y | x, z) = categorical via mlp(hidden = [8])
"""
AT_ONCE = """
observed z[3] : binary
observed x[4] : category(3)
p(z[i] | z[<i]) = bernoulli via made(hidden = [8])
p(x[i] | z) = categorical via mlp(hidden = [8])
"""
MIXED = """
observed x[5] : category(3)
order x by any(orders = 3, seed = 2)
p(x[i] | x[<i]) = categorical via made(hidden = [8])
"""
ANY = """
given label : category(3)
observed x[4] : category(3)
order x by any(orders = 3, train = "all")
p(x[i] | x[<i], label) = categorical via made(hidden = [12])
"""
COLOURS = """
observed x[2, 2] : integer(0, 3)
p(x[t, *] | x[<]) = color_mixture(components = 2) via made(hidden = [8])
"""
UNEVEN = """
observed x[8] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [12])
"""
QUESTIONS = {
    RECORD: ["row.d >= 7 and row.b in {'x', 'z'}", "row.b = 'y' and row.d < 0", "row.a = 1 and row.d = 4 or row.c = 3"],
    SEVERAL: ["y = 2 and z != 1", "x[2] = 1 and y >= 2 or x[0] = 0 and z = 1"],
    AT_ONCE: ["x[1] = 2 and x[2] != 1 and x[3] = 0", "z[2] = 1 and x[3] = 1"],
    MIXED: ["x[0] = 2 and x[4] != 1 and x[2] = 0", "x[1] = 1 or x[3] = 1"],
    ANY: ["x[3] = 1 and x[0] != 2", "x[1] in {0, 2} and x[2] in {1, 2}"],
    UNEVEN: ["x[1] = 1 and x[3] = 0 and x[5] = 1 and x[7] = 0", "x[2] = 0 and x[6] = 0 or x[4] = 1"],
    COLOURS: ["x[0, 1] = 2 and x[1, 0] < 3", "x[1, 1] >= 2 and x[1, 0] = 1 and x[0, 0] != 2"],
}
CASES = [(text, event) for text, events in QUESTIONS.items() for event in events]


def wild(text: str, spread: float | None = None) -> ardsl.AutoregressiveModel:
    """A model with large random weights, so that particles differ much; under the second of those below, nearly all
    filters resample."""
    seed, usual = {RECORD: (1, 0.5), UNEVEN: (4, 1.0)}.get(text, (1, 1.2))
    spread = usual if spread is None else spread
    model = ardsl.compile(ardsl.loads(text), seed=seed, dtype=torch.float64).eval()
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=random, dtype=parameter.dtype) * spread)
    return model


def joints(model: ardsl.AutoregressiveModel, event: Event) -> list[Ordered]:
    """The model under each order, with the cells of the event first where any order is right."""
    (group, *others) = model.groups
    if group.mixed is None:
        return [[(model, [0] * len(model.groups))]]
    assert not others
    asked = np.zeros(group.mixed.size, dtype=bool)
    asked[[element for _, element in event.cells]] = True
    last = {group.mixed.name: ~asked} if group.mixed.orders.train_all else {}
    return [[(model, [with_last(group, k, last)])] for k in range(group.order_count)]


def sampler(model: ardsl.AutoregressiveModel, event: Event) -> Sampler:
    return Sampler(joints(model, event), [model._lender])


def questions(model: ardsl.AutoregressiveModel, event: Event, rows: int) -> tuple[list[Values], list[Question]]:
    """The boxes of an event as questions, each with the values that it knows, in so many examples."""
    asked, every = [], []
    for box in event.boxes:
        known = {v.name: np.zeros(v.size, dtype=bool) for v in model.spec.variables.values()}
        values = {v.name: blank(v, rows, model.like) for v in model.spec.variables.values()}
        for (name, element), value in box.known.items():
            known[name][element], values[name][:, element] = True, value
        asked.append(Question(known, box.allowed))
        every.append(values)
    return every, asked


def run(
    model: ardsl.AutoregressiveModel, event: Event, rows: int, samples: int, seed: int = 0, keep: bool = True
) -> list[Particles]:
    """The particles of each box, of so many examples that ask the same."""
    own = sampler(model, event)
    values, asked = questions(model, event, rows)
    return [
        own.particles(v, [q], samples, seed + 1000 * n, keep=keep)
        for n, (v, q) in enumerate(zip(values, asked, strict=True))
    ]


def union(parts: list[Particles]) -> Estimate:
    return joined(parts).estimate()


def every_value(model: ardsl.AutoregressiveModel) -> dict[str, Tensor]:
    """All joint values: [n, elements] by variable."""
    cells = [(v, e) for v in model.spec.model.observed for e in range(v.size)]
    levels = [np.asarray(v.element_domain(e).value(np.arange(v.element_domain(e).levels))) for v, e in cells]
    table = torch.tensor(list(product(*levels)), dtype=torch.float64)
    split = table.split([v.size for v in model.spec.model.observed], 1)
    return {v.name: part for v, part in zip(model.spec.model.observed, split, strict=True)}


def holds(event: Event, values: Mapping[str, Tensor], variables: Mapping[str, Variable]) -> Tensor:
    """Says which joint values are in an event."""

    def inside(cell: Cell, allowed: Allowed) -> Tensor:
        domain = variables[cell[0]].element_domain(cell[1])
        return torch.from_numpy(allowed.contains(values[cell[0]][:, cell[1]].numpy(), domain))

    count = len(next(iter(values.values())))
    total = torch.zeros(count, dtype=torch.bool)
    for box in event.boxes:
        own = torch.ones(count, dtype=torch.bool)
        for (name, element), value in box.known.items():
            own &= values[name][:, element] == value
        for cell, allowed in box.allowed.items():
            own &= inside(cell, allowed)
        total |= own
    return total


@torch.no_grad()
def log_joint(model: ardsl.AutoregressiveModel, event: Event, values: Mapping[str, Tensor]) -> Tensor:
    """log p of joint values, the mean over the orders that are asked."""
    count = len(next(iter(values.values())))
    given = {v.name: blank(v, count, model.like) for v in model.spec.model.given}
    standardized = model.units.standardized(dict(values) | given)
    under = []
    for ((_, orders),) in joints(model, event):
        blocks = [model.draw_log_probs(g, standardized, order) for g, order in enumerate(orders)]
        under.append(sum(log_prob.sum(1) for own in blocks for log_prob in own))
    return torch.stack(under).logsumexp(0) - math.log(len(under))


def exact(model: ardsl.AutoregressiveModel, event: Event) -> tuple[Values, Tensor]:
    """The joint values in an event, and their probabilities."""
    values = every_value(model)
    chosen = holds(event, values, model.spec.variables)
    values = {name: value[chosen] for name, value in values.items()}
    return values, log_joint(model, event, values).exp()


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "words"), CASES)
def test_the_mean_weight_is_the_probability(text: str, words: str) -> None:
    """Over 150 repetitions of 160 particles; the truth lies in as many of their intervals as it should, about."""
    model = wild(text)
    event = read_event(words, model.spec.model)
    right = exact(model, event)[1].sum()
    estimate = union(run(model, event, 150, 160))
    mean, spread = estimate.mean.mean(), estimate.mean.std()
    assert abs(mean - right) < 4 * spread / 150**0.5 + 1e-9
    covered = (estimate.mean - right).abs() <= T_95 * estimate.standard_error + 1e-12
    assert covered.double().mean() > 0.8  # of so few particles; see the slow test
    assert (estimate.effective_samples <= estimate.samples + 1e-6).all()


@pytest.mark.slow
@pytest.mark.parametrize(("text", "words"), CASES)
def test_intervals_hold_the_truth(text: str, words: str) -> None:
    """Of 1,000 repetitions of 1,000 particles, 92 to 97 % have the probability in their interval of 95 %."""
    model = wild(text)
    event = read_event(words, model.spec.model)
    right = exact(model, event)[1].sum()
    estimate = union(run(model, event, 1000, 1000, keep=False))
    if estimate.relative_error.max() < 1e-9:
        assert estimate.mean[0] == pytest.approx(right.item(), rel=1e-9)
        return
    covered = ((estimate.mean - right).abs() <= T_95 * estimate.standard_error).double().mean()
    assert 0.92 <= covered <= 0.97


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RECORD, "row.d >= 10 and row.b = 'x'"),
        (RECORD, "row.d = 11 and row.b = 'y' and row.a = 1"),
        (UNEVEN, "x[5] = 0 and x[6] = 1 and x[7] = 0"),
    ],
)
def test_rare_events_of_cells_that_are_drawn_late(text: str, words: str) -> None:
    """Probabilities of 1e-4 to 1e-6 to a tenth, from 20,000 particles."""
    model = wild(text)
    event = read_event(words, model.spec.model)
    right = exact(model, event)[1].sum().item()
    estimate = union(run(model, event, 1, 20_000, keep=False))
    assert 1e-6 < right < 1e-4
    assert estimate.relative_error.item() < 0.1
    assert abs(estimate.mean.item() - right) < 4 * estimate.standard_error.item()


@pytest.mark.thorough
def test_hundreds_of_known_cells() -> None:
    """All 784 of an image: the answer is the likelihood, and nothing underflows."""
    model = wild("observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])", spread=0.3)
    x = torch.randint(2, (3, 784), generator=torch.Generator().manual_seed(0)).double()
    own = Sampler([[(model, [0])]], [model._lender])
    estimate = own.particles({"x": x}, [Question({"x": np.ones(784, dtype=bool)}, {})], 160, 1).estimate()
    assert (estimate.log_mean < -800).all() and estimate.relative_error.max() < 1e-9
    torch.testing.assert_close(estimate.log_mean, model.log_prob(x.view(3, 28, 28)))


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "words"), [(text, events[0]) for text, events in QUESTIONS.items()])
def test_weighted_draws_follow_the_conditional(text: str, words: str) -> None:
    """All of them hold, and their weighted frequencies are those of the joint distribution given the event."""
    model = wild(text)
    event = read_event(words, model.spec.model)
    listed, p = exact(model, event)
    (particles,) = run(model, event, 40, 2000)
    values = particles.values
    assert values is not None and bool(holds(event, values, model.spec.variables).all())
    weight = particles.log_weights.exp()
    table = torch.cat([values[v.name] for v in model.spec.model.observed], 1)
    codes = torch.cat([listed[v.name] for v in model.spec.model.observed], 1)
    for code, right in sorted(zip(codes, p, strict=True), key=lambda pair: -pair[1].item())[:12]:
        if right < 1e-3 * p.sum():
            break
        hit = (weight * (table == code).all(1).view(weight.shape)).sum(1)
        assert abs(hit.mean() - right) < 4.5 * hit.std() / 40**0.5 + 1e-9


def test_samples_are_chosen_by_weight() -> None:
    """Their frequencies are those of the conditional; the share of different particles among them is told."""
    model = wild(RECORD)
    event = read_event("row.d >= 7 and row.b in {'x', 'z'}", model.spec.model)
    listed, p = exact(model, event)
    (values,), asked = questions(model, event, 1)
    chosen, share, particles = sampler(model, event).samples(values, asked, 6000, seed=3)
    assert chosen["row"].shape == (6000, 4) and 0 < share.item() <= 1
    assert bool(holds(event, chosen, model.spec.variables).all())
    expected = 6000 * p / p.sum()
    seen = torch.stack([(chosen["row"] == code).all(1).double().sum() for code in listed["row"]])
    common = expected > 25
    effective = particles.effective_samples.item() / particles.log_weights.shape[1]
    statistic = ((seen - expected) ** 2 / expected)[common].sum() * min(1.0, effective)
    assert stats.chi2(int(common.sum())).sf(statistic) > 1e-4


def test_copies_are_counted() -> None:
    """Where the last cell is known, all that is drawn stands before the last resampling, and copies are copies."""
    model = wild(SEVERAL, spread=4)
    event = read_event("y = 2", model.spec.model)
    (values,), asked = questions(model, event, 1)
    own = sampler(model, event)
    particles = own.particles(values, asked, 2000, 1, keep=True)
    assert particles.values is not None
    rows = torch.cat([particles.values["z"], particles.values["x"], particles.copies[0].unsqueeze(1)], 1)
    assert len(rows.unique(dim=0)) == len(particles.copies.unique())  # copies are equal
    _, share, _ = own.samples(values, asked, 500, seed=1)
    assert share.item() < 1


HIDDEN = """
latent z[2] : category(3)
observed x[4] : binary
observed y : real
p(z[i] | z[<i]) = categorical via made(hidden = [6])
p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])
p(y | x, z) = normal via mlp(hidden = [6])
q(z) = exact
"""


@pytest.mark.thorough
@pytest.mark.parametrize("words", ["x[1] = 1 and x[3] = 0", "x[0] = 0", "x[2] = 1 and y > 0.5", "y < -1"])
def test_conditionals_of_a_latent_model(words: str) -> None:
    """Densities are walked one after the other, and a resampling concerns those before, too."""
    model = wild(HIDDEN)
    event = read_event(words, model.spec.model)
    own = Sampler([[(density, [0] * len(density.groups)) for density in model.factors]], model.lenders)
    values, asked = questions(model, event, 40)
    drawn = model.sample(40_000, seed=1)
    cells = {"x": drawn["x"].double(), "y": drawn["y"].double().unsqueeze(1)}
    share = holds(event, cells, model.spec.variables).double().mean().item()
    for keep in (False, True):
        particles = own.particles(values[0], asked, 400, 3, keep=keep)
        mean = particles.estimate().mean
        spread = (mean.var() / 40 + share * (1 - share) / 40_000) ** 0.5
        assert abs(mean.mean() - share) < 4.5 * spread
    assert particles.values is not None
    kept = {name: particles.values[name] for name in ("x", "y")}
    assert bool(holds(event, kept, model.spec.variables).all())
    seen = cells["x"][holds(event, cells, model.spec.variables)].mean(0)
    weight = particles.log_weights.exp()
    weighted = (weight.unsqueeze(2) * kept["x"].unflatten(0, (40, -1))).sum(1) / weight.sum(1, keepdim=True)
    assert (
        (weighted.mean(0) - seen).abs() < 5 * (weighted.std(0) / 40**0.5 + 0.5 / len(cells["x"]) ** 0.5) + 0.01
    ).all()


# Numbers


REALS = """
observed u : real
observed v : positive
observed w : real
p(u) = normal
p(v | u) = mixture(log_normal, components = 2) via mlp(hidden = [6])
p(w | u, v) = mixture(normal, components = 2) via mlp(hidden = [6])
"""


def measured() -> ardsl.AutoregressiveModel:
    model = wild(REALS, spread=0.5)
    random = torch.Generator().manual_seed(0)
    u = 5 + 3 * torch.randn(500, generator=random, dtype=torch.float64)
    model.measure({"u": u, "v": 40 * (0.3 * u).exp(), "w": 100 + 20 * u})
    return model


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("words", "fixed"),
    [
        ("v > 150 and w < 130", {}),
        pytest.param("u >= 4 and (w < 90 or w > 140)", {}, marks=pytest.mark.slow),
        pytest.param("v <= 100 and w > 150", {}, marks=pytest.mark.slow),
        ("u > 3", {"w": 120.0}),
        ("w >= 100 and w <= 150", {"v": 90.0}),
    ],
)
def test_numbers_in_the_units_of_the_data(words: str, fixed: dict[str, float]) -> None:
    """Probabilities of ranges, and densities of known cells, against integrals over a grid."""
    model = measured()
    event = read_event(words, model.spec.model)
    some = {name: value.double().flatten() for name, value in model.sample(4000, seed=0).items()}
    some["v"] = some["v"].log()
    sizes = {name: (value.min() - value.std() / 2, value.max() + value.std() / 2) for name, value in some.items()}
    axes = {
        name: torch.tensor([math.log(fixed[name]) if name == "v" else fixed[name]], dtype=torch.float64)
        if name in fixed
        else torch.linspace(low.item(), high.item(), 140, dtype=torch.float64)
        for name, (low, high) in sizes.items()
    }
    widths = {name: 1.0 if name in fixed else float(axis[1] - axis[0]) for name, axis in axes.items()}
    grid = torch.cartesian_prod(*axes.values())
    values = {name: grid[:, [k]] for k, name in enumerate(axes)}
    log_slope = 0.0 if "v" in fixed else grid[:, 1]
    values["v"] = values["v"].exp()
    inside = holds(event, values, model.spec.variables)
    log_p = log_joint(model, event, values) + log_slope
    right = log_p.exp()[inside].sum().item() * math.prod(widths.values())
    own = sampler(model, event)
    asked = []
    for box in event.boxes:
        known = {v.name: np.array([v.name in fixed]) for v in model.spec.model.observed}
        asked.append(Question(known, box.allowed))
    start = {v.name: blank(v, 1, model.like) for v in model.spec.model.observed}
    start |= {name: torch.tensor([[value]], dtype=torch.float64) for name, value in fixed.items()}
    particles = own.particles(start, asked, 4000, 1, keep=True)
    estimate = particles.estimate()
    assert abs(estimate.mean.item() - right) < 5 * estimate.standard_error.item() + 0.03 * right
    assert particles.values is not None and bool(holds(event, particles.values, model.spec.variables).all())
    for name, value in fixed.items():
        assert (particles.values[name] - value).abs().max() < 1e-9


@pytest.mark.thorough
def test_rounding_takes_no_sample_over_an_end() -> None:
    """In single precision, where units of the data are coarse."""
    model = measured().float()
    event = read_event("w > 100.1 and v <= 99.9 and u >= 3.3", model.spec.model)
    (values,), asked = questions(model, event, 1)
    chosen, _, _ = sampler(model, event).samples(values, asked, 4000, seed=1)
    assert chosen["w"].dtype == torch.float32
    assert bool(holds(event, {name: value.double() for name, value in chosen.items()}, model.spec.variables).all())


@pytest.mark.thorough
def test_a_normal_vector_with_known_elements() -> None:
    text = "observed x[2, 3] : real\np(x[t, *] | x[<]) = multivariate_normal via made(hidden = [8])"
    model = wild(text, spread=0.3)
    event = read_event("x[1, 2] > 0.2 and x[0, 0] < 0.4", model.spec.model)
    known = {"x": np.array([False, True, False, True, False, False])}
    values = {"x": torch.tensor([[0.0, 0.7, 0, -0.2, 0, 0]], dtype=torch.float64)}
    (box,) = event.boxes
    estimate = sampler(model, event).particles(values, [Question(known, box.allowed)], 4_000, 1).estimate()
    drawn = model.sample(100_000, seed=1).flatten(1)
    near = (drawn[:, [1, 3]] - values["x"][0, [1, 3]]).abs().amax(1) < 0.2
    hits = near & (drawn[:, 5] > 0.2) & (drawn[:, 0] < 0.4)
    right, error = hits.double().mean() / 0.4**2, hits.double().std() / 100_000**0.5 / 0.4**2
    assert abs(estimate.mean.item() - right) < 5 * (error + estimate.standard_error).item() + 0.02 * right


# What follows from a seed


def test_a_seed_decides_it_and_threads_do_not() -> None:
    model = wild(RECORD)
    event = read_event("row.d >= 7 and row.b in {'x', 'z'}", model.spec.model)
    (values,), asked = questions(model, event, 2)
    own = sampler(model, event)

    def ask(seed: int) -> Particles:
        return own.particles(values, asked, 600, seed, keep=True)

    alone = [ask(seed) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(ask, range(6)))
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.log_evidence, other.log_evidence)
        assert one.values is not None and other.values is not None
        assert torch.equal(one.values["row"], other.values["row"])
    assert not torch.equal(alone[0].log_evidence, alone[1].log_evidence)


@pytest.mark.thorough
def test_filters_that_do_not_fit_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mean over the pieces is as unbiased; only memory differs."""
    model = wild(SEVERAL)
    event = read_event("y = 2 and z != 1", model.spec.model)
    right = exact(model, event)[1].sum()
    monkeypatch.setattr("ardsl.compiler.queries.particles.at_once", lambda plan, device: 40)
    estimate = union(run(model, event, 20, 400))
    assert estimate.samples == 400
    assert abs(estimate.mean.mean() - right) < 4 * estimate.mean.std() / 20**0.5
    assert (estimate.effective_samples <= 400).all()


@pytest.mark.thorough
def test_a_conditional_probability_is_a_ratio() -> None:
    model = wild(SEVERAL)
    condition = read_event("y >= 2", model.spec.model)
    together = read_event("y >= 2 and x[1] = 1", model.spec.model)
    right = exact(model, together)[1].sum() / exact(model, condition)[1].sum()
    (part,), (whole,) = run(model, together, 200, 400), run(model, condition, 200, 400, seed=77)
    estimate = part.given(whole)
    assert abs(estimate.mean.mean() - right) < 4 * estimate.mean.std() / 200**0.5
    covered = ((estimate.mean - right).abs() <= T_95 * estimate.standard_error).double().mean()
    assert covered > 0.88


def test_what_is_impossible_has_probability_0() -> None:
    model = wild(SEVERAL)
    known = {v.name: np.zeros(v.size, dtype=bool) for v in model.spec.model.observed}
    known["y"][0] = True
    values = {v.name: blank(v, 1, model.like) for v in model.spec.model.observed}
    contradiction = Question(known, {("y", 0): Allowed(codes=np.array([False, True, True, False]))})
    own = sampler(model, read_event("y = 0", model.spec.model))
    estimate = own.particles(values, [contradiction], 400, 1).estimate()
    assert estimate.mean.item() == 0 and estimate.effective_samples.item() == 0
    known_too = own.particles(
        values, [Question(known, {("y", 0): Allowed(codes=np.array([True, True, False, False]))})], 400, 1
    )
    assert known_too.estimate().mean.item() > 0
