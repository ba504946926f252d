"""Exact answers, against enumeration of the joint distribution that each names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import ardsl
from ardsl.compiler.queries import elimination
from ardsl.compiler.queries.elimination import TooCostly
from ardsl.compiler.queries.exact import Questions
from ardsl.compiler.queries.where import Cells
from ardsl.testing import with_random_weights
from tests.support.questions import Cell, Table, table

NETWORK = """
observed rain : binary
observed season : category("dry", "wet", "cold")
observed level : integer(2, 5)
observed alarm : binary
p(season) = categorical
p(rain | season) = bernoulli via table
p(level | rain) = categorical via table
p(alarm | level, rain) = bernoulli via linear
"""
RECORD = """
given place : category(3)
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 4)
  d : mulaw(3)
}
order row by [c, a, d, b]
p(row[i] | row[<i], place) = default via made(hidden = 12)
"""
ANY = """
observed x[4] : binary
observed y : category(3)
order x by any(orders = 3)
p(y) = categorical
p(x[i] | x[<i], y) = bernoulli via made(hidden = 8)
"""
ALL = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 4)
  d : binary
}
order row by any(orders = 3, seed = 3, train = "all")
p(row[i] | row[<i]) = default via made(hidden = [16, 16])
"""
TABLES = """
observed x[6] : category(3)
p(x[t] | x[t-2..t-1]) = categorical via table(tied = true)
"""
LINEAR = """
observed x[2, 3] : binary
order x by snake
p(x[i] | x[<i]) = bernoulli via linear
"""
WEAK = """
observed x[3, 2] : binary
order x by checkerboard
p(x[i] | x[<i]) = bernoulli via made(hidden = 8)
"""
COLOURS = """
observed x[2, 3] : integer(0, 2)
p(x[t, *] | x[<]) = color_mixture(components = 2) via made(hidden = 8)
"""
READ_BY_ANOTHER = """
observed x[3] : binary
observed y : category(3)
order x by any(orders = 2, train = "all")
p(x[i] | x[<i]) = bernoulli via made(hidden = 8)
p(y | x) = categorical via linear
"""
HIDDEN_MARKOV = """
latent   state[4] : category(3)
observed x[4]     : category(4)
p(state[t] | state[t-1]) = categorical via table(tied = true)
p(x[t] | state[t])       = categorical via table(tied = true)
q(state) = exact
"""
NADE = """
observed x[5] : binary
p(x[i] | x[<i]) = bernoulli via nade(hidden = 6)
"""
DEEP_NADE = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 4)
}
order row by any(orders = 2, train = "all")
p(row[i] | row[<i]) = default via nade(hidden = [8, 8])
"""
SPECS = {
    "nade": NADE,
    "deep nade": DEEP_NADE,
    "network": NETWORK,
    "record": RECORD,
    "any": ANY,
    "all": ALL,
    "tables": TABLES,
    "linear": LINEAR,
    "weak": WEAK,
    "colours": COLOURS,
    "read by another": READ_BY_ANOTHER,
    "hidden markov": HIDDEN_MARKOV,
}
GIVEN = {"place": torch.tensor([1])}


@pytest.fixture(scope="module", params=SPECS)
def model(request: pytest.FixtureRequest) -> ardsl.AutoregressiveModel:
    return with_random_weights(ardsl.loads(SPECS[request.param]))


def given_of(model: ardsl.AutoregressiveModel) -> dict[str, torch.Tensor] | None:
    return GIVEN if model.spec.model.given else None


def cells_of(model: ardsl.AutoregressiveModel) -> list[Cell]:
    return [(v.name, e) for v in model.spec.model.observed for e in range(v.size)]


def chosen(model: ardsl.AutoregressiveModel, seed: int) -> tuple[tuple[Cell, ...], Cell]:
    """Some cells that are known, and another."""
    random = np.random.default_rng(seed)
    cells = cells_of(model)
    order = random.permutation(len(cells))
    count = int(random.integers(0, len(cells)))
    return tuple(cells[i] for i in order[:count]), cells[order[-1]]


def state(joint: Table, cells: tuple[Cell, ...], seed: int) -> dict[Cell, float]:
    """The values of cells in a random state."""
    row = int(np.random.default_rng(seed).integers(len(joint.log_prob)))
    return {cell: float(joint.column(cell)[row]) for cell in cells}


def with_gaps(model: ardsl.AutoregressiveModel, joint: Table, known: tuple[Cell, ...]) -> dict[str, torch.Tensor]:
    """All states, with NaN for what is not known."""
    data = {}
    for variable in model.spec.model.observed:
        gaps = [(variable.name, e) not in known for e in range(variable.size)]
        value = joint.values[variable.name].clone()
        value[:, torch.tensor(gaps)] = torch.nan
        data[variable.name] = value.reshape(-1, *variable.shape)
    return data


@pytest.mark.parametrize("seed", range(4))
def test_marginal(model: ardsl.AutoregressiveModel, seed: int) -> None:
    known, _ = chosen(model, seed)
    joint = table(model, given_of(model), known)
    answer = model.marginal(with_gaps(model, joint, known), given_of(model))
    expected = [joint.log_mass(joint.where(state)) for state in states(joint, known)]
    assert answer.exact
    torch.testing.assert_close(answer.value, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9)


def states(joint: Table, cells: tuple[Cell, ...]) -> list[dict[Cell, float]]:
    """The values of cells in every state."""
    return [{cell: float(joint.column(cell)[row]) for cell in cells} for row in range(len(joint.log_prob))]


@pytest.mark.parametrize("seed", range(4))
def test_conditional(model: ardsl.AutoregressiveModel, seed: int) -> None:
    """A cell given any others."""
    known, cell = chosen(model, seed)
    joint = table(model, given_of(model), known, (cell,))
    names = Cells(model.spec.model)
    rows = [state(joint, known, number) for number in range(3)]
    columns = {names.name(c): [row[c] for row in rows] for c in known}
    columns = {name: labelled(model, c, values) for (name, values), c in zip(columns.items(), known, strict=True)}
    distribution = model.conditional(names.name(cell), given=columns | (given_of(model) or {}))
    for row, probs in zip(rows, distribution.probs, strict=len(columns) > 0):
        every = [joint.log_mass(joint.where(row | {cell: float(v)})) for v in distribution.values]
        expected = torch.tensor(every, dtype=torch.float64).softmax(0)
        torch.testing.assert_close(probs, expected, rtol=1e-9, atol=1e-9)


def labelled(model: ardsl.AutoregressiveModel, cell: Cell, values: list[float]) -> list[object]:
    labels = model.spec.variables[cell[0]].element_domain(cell[1]).labels
    return list(values) if labels is None else [labels[int(value)] for value in values]


def comparison(model: ardsl.AutoregressiveModel, cell: Cell, random: np.random.Generator) -> tuple[str, torch.Tensor]:
    """A comparison of a cell, and which of its codes it allows."""
    domain = model.spec.variables[cell[0]].element_domain(cell[1])
    allowed = torch.from_numpy(random.random(domain.levels) < 0.6)
    if not bool(allowed.any()):
        allowed[0] = True
    codes = [int(code) for code in torch.nonzero(allowed).flatten()]
    values = [domain.labels[c] if domain.labels else float(domain.value(np.array([float(c)]))[0]) for c in codes]
    listed = ", ".join(f'"{v}"' if isinstance(v, str) else repr(v) for v in values)
    return f"`{Cells(model.spec.model).name(cell)}` in {{{listed}}}", allowed


def allowed_states(model: ardsl.AutoregressiveModel, joint: Table, cell: Cell, allowed: torch.Tensor) -> torch.Tensor:
    domain = model.spec.variables[cell[0]].element_domain(cell[1])
    return allowed[domain.code(joint.column(cell)).long()]


@pytest.mark.parametrize("seed", range(4))
def test_probability(model: ardsl.AutoregressiveModel, seed: int) -> None:
    """An event of two cells given another of two."""
    random = np.random.default_rng(seed)
    cells = cells_of(model)
    order = [cells[i] for i in random.permutation(len(cells))]
    asked, condition = tuple(order[:2]), tuple(order[2:4])
    parts = {cell: comparison(model, cell, random) for cell in (*asked, *condition)}
    joint = table(model, given_of(model), condition, asked)
    held = {cell: allowed_states(model, joint, cell, allowed) for cell, (_, allowed) in parts.items()}
    event = torch.stack([held[cell] for cell in asked]).any(0)
    given = torch.stack([torch.ones_like(event), *(held[cell] for cell in condition)]).all(0)
    text = " or ".join(parts[cell][0] for cell in asked)
    behind = " and ".join([parts[cell][0] for cell in condition] + ["place = 1"] * bool(model.spec.model.given))
    fixed = all(int(allowed.all()) for _, allowed in parts.values())
    if behind:
        answer = model.probability(f"{text} | {behind}")
        expected = math.exp(joint.log_mass(event & given) - joint.log_mass(given))
        if not fixed and not any(bool(parts[c][1].all()) for c in parts):  # else fewer cells are in question
            assert answer.exact
            assert answer.value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_what_has_no_bearing(model: ardsl.AutoregressiveModel, seed: int) -> None:
    """What is left out of a conditional that is not needed divides out of it."""
    known, cell = chosen(model, seed)
    domain = model.spec.variables[cell[0]].element_domain(cell[1])
    modelled = [v for v in model.spec.variables.values() if v.kind != "given"]
    masks = {v.name: np.array([(v.name, e) in known for e in range(v.size)]) for v in modelled}
    rows = {v.name: torch.zeros(3, v.size, dtype=torch.float64) for v in model.spec.variables.values()}
    for variable in model.spec.model.observed:
        for element in range(variable.size):
            legal = variable.element_domain(element)
            codes = torch.arange(3.0, dtype=torch.float64) % legal.levels
            rows[variable.name][:, element] = legal.value(codes)
    everything, part = (
        Questions(model.factors, masks, masks, {cell[0]: np.arange(len(masks[cell[0]])) == cell[1]}, about)
        for about in (None, frozenset([cell]))
    )
    expected = everything.log_joint(rows, None, [cell]).softmax(1)
    assert expected.shape[1] == domain.levels
    if any(v.orders.mixed for v in modelled):
        with pytest.raises(TooCostly):
            part.log_joint(rows, None, [cell])
    else:
        torch.testing.assert_close(part.log_joint(rows, None, [cell]).softmax(1).expand(3, -1), expected.expand(3, -1))


def test_what_costs_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the limits, which are found before any table is made, an answer is estimated, and near the exact one."""
    model = with_random_weights(ardsl.loads(TABLES))
    text = "x[5] = 1 or x[4] = 2 | x[2] != 0"
    exact = model.probability(text)
    monkeypatch.setattr(elimination, "MOST_ENTRIES", 8)
    estimate = model.probability(text, seed=0)
    assert exact.exact and not estimate.exact
    assert abs(float(estimate.value) - float(exact.value)) < 5 * float(estimate.standard_error or 0)


@pytest.mark.parametrize(
    "limit, value, words",
    [
        ("MOST_ENTRIES", 8, "tables of 27 numbers would be needed"),
        ("MOST_WORK", 100, "floating-point operations would be needed"),
        ("MOST_CELLS", 1, "a draw depends on 2 cells that are not known"),
        ("MOST_ELEMENTS", 5, "there are 6 elements"),
        ("MOST_PAIRS", 3, "its draws read 9 elements in all"),
    ],
)
def test_limits(limit: str, value: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = with_random_weights(ardsl.loads(TABLES))
    monkeypatch.setattr(elimination, limit, value)
    known = {"x": np.array([False] * 5 + [True])}
    questions = Questions(model.factors, known, {}, {})
    with pytest.raises(TooCostly, match=words):
        questions.log_joint({"x": torch.zeros(1, 6, dtype=torch.float64)})


@pytest.mark.thorough
def test_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples whose tables have no room together are taken in turn, with the same answers."""
    model = with_random_weights(ardsl.loads(RECORD))
    rows = {"c": [2, 3, 4, 2, 3], "b": ["x", "y", "z", "z", "y"], "place": [0, 1, 2, 1, 0]}
    together = model.conditional("a", given=rows).probs
    places = torch.tensor([0, 1, 2] * 200)
    drawn = model.sample(600, given={"place": places}, where="b = y", seed=0)
    monkeypatch.setattr(elimination, "MOST_ENTRIES", 200)
    torch.testing.assert_close(model.conditional("a", given=rows).probs, together)
    monkeypatch.setattr(elimination, "MOST_ENTRIES", 4_000)
    apart = model.sample(600, given={"place": places}, where="b = y", seed=0)
    for place in range(3):
        some, others = (rows[places == place].mean(0) for rows in (drawn, apart))
        torch.testing.assert_close(some, others, atol=0.2, rtol=0)


@pytest.mark.parametrize("seed", range(2))
def test_draws(model: ardsl.AutoregressiveModel, seed: int) -> None:
    """Draws given some cells, and a set of values of another, by their frequencies."""
    if isinstance(model, ardsl.LatentModel):
        pytest.skip("it draws nothing given its observed cells")
    random = np.random.default_rng(seed)
    known, cell = chosen(model, seed)
    known = known[:2]
    text, allowed = comparison(model, cell, random)
    everything = bool(allowed.all())
    joint = table(model, given_of(model), (*known, *([] if everything else [cell])))
    row = state(joint, known, seed)
    names = Cells(model.spec.model)
    values = {names.name(c): labelled(model, c, [v])[0] for c, v in row.items()}
    count = 4_000
    drawn = model.sample(count, given=values | (given_of(model) or {}), where=text, seed=seed)
    named = drawn if isinstance(drawn, dict) else {model.spec.model.observed[0].name: drawn}
    inside = joint.where(row) & allowed_states(model, joint, cell, allowed)
    probs = torch.where(inside, joint.log_prob, -math.inf).softmax(0)
    index = torch.zeros(count, dtype=torch.long)
    every = torch.cat([joint.values[n] for n in named], 1)
    together = torch.cat([named[n].reshape(count, -1).double() for n in named], 1)
    for start in range(0, count, 500):
        index[start : start + 500] = torch.cdist(together[start : start + 500], every).argmin(1)
    counts = torch.bincount(index, minlength=len(probs)).double()
    assert counts[~inside].sum() == 0
    kept = probs * count > 5
    statistic = float(((counts - probs * count)[kept] ** 2 / (probs * count)[kept]).sum())
    freedom = int(kept.sum())
    assert statistic < freedom + 6 * math.sqrt(2 * max(freedom, 1)) + 12
