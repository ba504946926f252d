"""Questions of generated specs of any kind, against enumeration of their joint values."""

from __future__ import annotations

import math
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings

import ardsl
from ardsl.diagnostics import Source
from ardsl.spec import diagnose
from tests.support.described import Described
from tests.support.generator import specs
from tests.support.properties import Case
from tests.support.questions import Cell, Table, table

SHARDS, EACH = 2, 40


@pytest.mark.thorough
@pytest.mark.parametrize("shard", range(SHARDS))
def test_questions(shard: int) -> None:
    phases = [phase for phase in Phase if phase is not Phase.explain]

    @settings(max_examples=EACH, phases=phases, suppress_health_check=list(HealthCheck), deadline=None)
    @given(specs())
    def holds(described: Described) -> None:
        spec = diagnose(Source(described.text))[1]
        if spec is not None:
            check(Case(spec))

    (seed(shard)(holds) if settings().derandomize else holds)()


def check(case: Case) -> None:
    """Asks a random question of each kind."""
    random = np.random.default_rng(zlib.crc32(case.spec.model.source.text.encode()))
    varying = any(v.varies for v in case.spec.variables.values())
    drawn = bool(case.spec.model.guide) and bool(case.model.q)
    if varying or drawn:
        refusal = "the length of `.*` varies" if varying and not drawn else "questions are integrals over|varies"
        with pytest.raises(ardsl.ArdslError, match=refusal):
            case.model.probability(f"{case.spec.model.observed[0].element_name(0)} in {{}}")
        return
    if case.listed is None:
        return
    cells = [(v.name, e) for v in case.spec.model.observed for e in range(v.size)]
    order = [cells[i] for i in random.permutation(len(cells))]
    known, rest = tuple(order[: random.integers(0, len(cells))]), order[::-1]
    marginal(case, known)
    conditional(case, known, rest[0], random)
    probability(case, tuple(rest[: min(2, len(cells) - len(known))]), known[:2], random)


def name(case: Case, cell: Cell) -> str:
    return case.spec.variables[cell[0]].element_name(cell[1])


def value(case: Case, cell: Cell, number: float) -> object:
    labels = case.spec.variables[cell[0]].element_domain(cell[1]).labels
    return number if labels is None else labels[int(number)]


def marginal(case: Case, known: tuple[Cell, ...]) -> None:
    joint = table(case.model, case.given, known)
    data, expected = {}, torch.zeros_like(joint.log_prob)
    for variable in case.spec.model.observed:
        gaps = torch.tensor([(variable.name, e) not in known for e in range(variable.size)])
        data[variable.name] = joint.values[variable.name].masked_fill(gaps, torch.nan).reshape(-1, *variable.shape)
    for row in range(len(expected)):
        expected[row] = joint.log_mass(joint.where({cell: float(joint.column(cell)[row]) for cell in known}))
    answer = case.model.marginal(data, case.given)
    torch.testing.assert_close(answer.value, expected, rtol=1e-8, atol=1e-8)


def state(joint: Table, cells: tuple[Cell, ...], random: np.random.Generator) -> dict[Cell, float]:
    """The values of cells in a state of some probability."""
    likely = torch.nonzero(joint.log_prob > joint.log_prob.max() - 20).flatten()
    row = int(likely[int(random.integers(len(likely)))])
    return {cell: float(joint.column(cell)[row]) for cell in cells}


def conditional(case: Case, known: tuple[Cell, ...], cell: Cell, random: np.random.Generator) -> None:
    joint = table(case.model, case.given, known, (cell,))
    row = state(joint, known, random)
    values = {name(case, c): value(case, c, v) for c, v in row.items()}
    distribution = case.model.conditional(name(case, cell), given=values | (case.given or {}))
    every = [joint.log_mass(joint.where(row | {cell: float(v)})) for v in distribution.values]
    expected = torch.tensor(every, dtype=torch.float64).softmax(0)
    torch.testing.assert_close(distribution.probs[0], expected, rtol=1e-8, atol=1e-10)


def probability(case: Case, asked: tuple[Cell, ...], known: tuple[Cell, ...], random: np.random.Generator) -> None:
    """Of an event of one or two cells given values of others."""
    joint = table(case.model, case.given, known, asked)
    row = state(joint, known, random)
    texts, held = [], torch.zeros(len(joint.log_prob), dtype=torch.bool)
    for cell in asked:
        domain = case.spec.variables[cell[0]].element_domain(cell[1])
        allowed = random.random(domain.levels) < 0.5
        numbers = [float(domain.value(np.array([float(code)]))[0]) for code in np.flatnonzero(allowed)]
        shown = [f'"{v}"' if isinstance(v, str) else repr(v) for v in (value(case, cell, n) for n in numbers)]
        texts.append(f"`{name(case, cell)}` in {{{', '.join(shown)}}}")
        held |= torch.from_numpy(allowed)[domain.code(joint.column(cell)).long()]
        if bool(allowed.all()) or not bool(allowed.any()):
            return  # fewer cells are asked about, and other orders may draw them
    values = {name(case, c): value(case, c, v) for c, v in row.items()}
    answer = case.model.probability(" or ".join(texts), given=(values | (case.given or {})) or None)
    given = joint.where(row)
    expected = math.exp(joint.log_mass(held & given) - joint.log_mass(given))
    assert answer.exact
    assert answer.value == pytest.approx(expected, rel=1e-8, abs=1e-12)
