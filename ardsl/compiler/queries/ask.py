"""Marginals, probabilities and conditionals: exact where that is affordable, estimated by particles elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ardsl.arguments import checked_count
from ardsl.compiler.arrays.users import conditioning, expand_given, observed_values
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.queries.answer import Answer
from ardsl.compiler.queries.cell import CellDistribution
from ardsl.compiler.queries.elimination import MOST_ENTRIES, Budget, TooCostly
from ardsl.compiler.queries.events import MOST_CODES, Box, Cell, Event, both
from ardsl.compiler.queries.exact import Questions, mixed_log_joint
from ardsl.compiler.queries.grid import DRAWN, OWN_REFINEMENTS, REFINEMENTS, coarse, refine, spread, stretches
from ardsl.compiler.queries.joint import (
    Joint,
    Masks,
    by_known,
    continuous,
    events,
    find_cell,
    of_box,
    of_least_dimension,
    require_all_given,
    require_given,
    rows_of,
    values_of,
)
from ardsl.compiler.queries.particles import Particles, Question, joined
from ardsl.compiler.queries.seeds import as_number
from ardsl.compiler.queries.where import Cells
from ardsl.errors import ArdslError
from ardsl.families.domains import Domain

SAMPLES = 2_000
"""Particles that the distribution of one cell is estimated from, where it is not exact."""
_OF_PARTICLES = 8
"""Numbers held for each that a particle has: copies, weights and ancestors."""

# Marginals


@torch.no_grad()
def marginal(joint: Joint, x: Any, given: Any, samples: int, seed: int | None) -> Answer:
    """log p of what each example has, NaN being what it lacks: [examples], in nats. Rows without an exact answer at an
    affordable cost are estimated from so many ``samples`` each."""
    joint.require_fixed_length()
    samples, seed = checked_count(samples, "samples", 1), as_number(seed)
    values = observed_values(x, joint.observed, joint.model.like)
    count = len(next(iter(values.values())))
    values |= expand_given(conditioning(given, joint.given, joint.model.like), count)
    log_prob, budget = torch.zeros(count, dtype=torch.float64), Budget()
    error, effective, drawn = torch.zeros_like(log_prob), torch.full_like(log_prob, math.inf), None
    for known, rows in by_known(joint, values):
        own = rows_of(joint, values, rows)
        try:
            questions = Questions(joint.densities, known, known, {}, samples=samples, budget=budget)
            log_prob[rows] = questions.log_joint(own)
        except TooCostly:
            sampler = joint.sampler(known, {})
            for number, some in enumerate(rows.split(_examples_at_once(samples))):
                own = rows_of(joint, values, some)
                estimate = sampler.particles(own, [Question(known, {})], samples, seed + number).estimate()
                log_prob[some], error[some] = estimate.log_mean, estimate.relative_error
                effective[some], drawn = estimate.effective_samples, estimate.samples
    words = joint.words("what is there")
    if drawn is None:
        return Answer(log_prob, exact=True, joint=words, several=joint.several)
    return Answer(log_prob, False, words, error, effective, drawn, joint.several)


def _examples_at_once(numbers: int) -> int:
    """The number of examples whose particles, of so many numbers for each, are held at once."""
    return max(1, MOST_ENTRIES // (_OF_PARTICLES * numbers))


# Probabilities


@torch.no_grad()
def probability(joint: Joint, event: str | Event, given: Any, samples: int, seed: int | None) -> Answer:
    """The probability of an event given another, or values of cells: exact, or estimated from so many ``samples``."""
    joint.require_fixed_length()
    samples, seed = checked_count(samples, "samples", 1), as_number(seed)
    asked, condition = events(joint, event, given)
    conditioned = require_given(joint, condition)
    together = both(asked, condition, Cells(joint.model.spec.model).domain)
    first, then = joint.elements(condition.cells), joint.elements(asked.cells)
    unconditional = not condition.cells - conditioned.keys()
    words = joint.words("what is asked about" if unconditional else "what is given")
    dimensions, whole = of_least_dimension(joint, condition.boxes, condition.text)
    part = [box for box in together.boxes if continuous(joint, box) == dimensions]  # others have no probability
    if not whole:
        raise ArdslError(f"`{condition.text}` cannot hold: nothing can be asked given it")
    ways: list[frozenset[Cell] | None] = [None, asked.cells] if len(whole) == 1 else [None]
    for about in ways:  # what has no bearing on the event, given a condition of one box, divides out
        try:
            log_whole, log_part = _log_masses(joint, [whole, part], first, then, about, samples)
        except TooCostly:
            continue
        if log_whole == -math.inf:
            raise ArdslError(f"`{condition.text}` has probability 0 under the model: nothing can be asked given it")
        return Answer(min(math.exp(log_part - log_whole), 1.0), True, words, several=joint.several)
    if not part:
        return Answer(0.0, True, words, several=joint.several)
    of_condition = _particles(joint, whole, first, then, samples, seed)
    if bool(of_condition.estimate().log_mean == -math.inf):
        raise ArdslError(f"`{condition.text}` held in none of {samples:,} samples: it may be impossible")
    of_both = _particles(joint, part, first, then, samples, seed)
    estimate = of_both.estimate() if unconditional else of_both.given(of_condition)
    error, effective = float(estimate.standard_error), float(estimate.effective_samples)
    return Answer(float(estimate.mean), False, words, error, effective, estimate.samples, joint.several)


def _log_masses(
    joint: Joint,
    unions: Sequence[Sequence[Box]],
    first: Masks,
    then: Masks,
    about: frozenset[Cell] | None,
    samples: int,
) -> list[float]:
    """The log-probability of each union of disjoint boxes, or its log-density over continuous cells that they fix, in
    nats: of that alone which has a bearing on the cells in ``about``. Raises ``TooCostly``, before anything is
    computed, where all together take more than is affordable beside an estimate from so many ``samples``."""
    budget = Budget()
    planned = []
    for boxes in unions:
        each = math.ceil(samples / max(1, len(boxes)))
        for box in boxes:
            values, allowed = of_box(joint, box)
            known = joint.elements(box.known)
            questions = Questions(joint.densities, known, first, then, about, each, budget)
            planned.append((questions.eliminations(values, allowed), values))
    log_masses = [mixed_log_joint(eliminations, values) for eliminations, values in planned]
    parts = torch.cat(log_masses).split([len(boxes) for boxes in unions]) if log_masses else ()
    return [float(part.logsumexp(0)) for part in parts]


def _particles(joint: Joint, boxes: Sequence[Box], first: Masks, then: Masks, samples: int, seed: int) -> Particles:
    """Particles of a union of disjoint boxes."""
    sampler, parts = joint.sampler(first, then), []
    for number, box in enumerate(boxes):
        values, allowed = of_box(joint, box)
        question = Question(joint.elements(box.known), allowed)
        parts.append(sampler.particles(values, [question], math.ceil(samples / len(boxes)), seed + number))
    return joined(parts)


# Conditionals


@torch.no_grad()
def conditional(joint: Joint, cell: str, given: Any, samples: int, seed: int | None) -> CellDistribution:
    """The distribution of a cell given values of others, for each row of them: exact, or estimated from so many
    ``samples`` each."""
    joint.require_fixed_length()
    samples, seed = checked_count(samples, "samples", 1), as_number(seed)
    found = find_cell(joint, cell)
    variable = joint.variables[found[0]]
    if variable.kind == "given":
        raise ArdslError(f"`{cell}` is given, and has no distribution")
    values = values_of(joint, given, "given")
    require_all_given(joint, values)
    if found[0] in values and not bool(values[found[0]][:, found[1]].isnan().all()):
        raise ArdslError(f"`{cell}` is given a value, and asked about: leave its value out of `given`")
    count = len(next(iter(values.values()))) if values else 1
    for v in joint.modelled:
        values.setdefault(v.name, torch.full((count, v.size), torch.nan, dtype=torch.float64))
    return cell_distribution(joint, found, values, samples, seed)


def cell_distribution(joint: Joint, cell: Cell, values: Values, samples: int, seed: int) -> CellDistribution:
    """:func:`conditional` of a cell given all ``values``, [rows, elements] by variable with NaN for what is not known;
    the cell's own value is not looked at."""
    name, element = cell
    values = values | {name: values[name].clone()}
    values[name][:, element] = torch.nan
    for about in (None, frozenset([cell])):  # what has no bearing on the cell, given what is known, divides out
        try:
            return _exact_conditional(joint, cell, values, about, samples, seed)
        except TooCostly:
            continue
    return _estimated_conditional(joint, cell, values, samples, seed)


def _exact_conditional(
    joint: Joint, cell: Cell, values: Values, about: frozenset[Cell] | None, samples: int, seed: int
) -> CellDistribution:
    """The distribution of a cell by elimination, on a grid where its values are infinitely many: one for all rows,
    which those go on to refine for themselves for which it is too coarse. Raises ``TooCostly`` where that takes more
    than is affordable beside an estimate from so many ``samples`` of each row; a row alone for which it does is
    estimated."""
    domain = joint.variables[cell[0]].element_domain(cell[1])
    words, budget = joint.words("what is given"), Budget()
    if domain.levels is not None and domain.levels <= MOST_CODES:
        codes = torch.arange(domain.levels, dtype=torch.float64)
        probs = _log_table(joint, values, cell, None, about, samples, budget).softmax(1)
        return CellDistribution(domain.value(codes), probs, joint=words, labels=domain.labels)
    points = spread(_drawn(joint, values, cell), domain)
    for turn in range(REFINEMENTS + 1):
        widths = stretches(points, domain)
        table = _log_table(joint, values, cell, points, about, samples // (REFINEMENTS + 1), budget)
        probs = (table + torch.from_numpy(widths).log()).softmax(1)
        if turn < REFINEMENTS:
            points = refine(points, widths, probs.mean(0).numpy(), domain)
    every = [(torch.from_numpy(points), torch.from_numpy(widths), row) for row in probs]
    effective = torch.full((len(probs),), math.inf, dtype=torch.float64)
    for row in np.flatnonzero(coarse(widths, probs.numpy(), domain)).tolist():
        own = {name: value[row : row + 1] for name, value in values.items()}
        try:
            every[row] = _own_grid(joint, cell, own, about, samples, points, widths, probs[row])
        except TooCostly:
            estimated = _estimated_conditional(joint, cell, own, samples, seed + row)
            assert estimated.widths is not None and estimated.effective_samples is not None  # of particles, on a grid
            every[row] = estimated.values[0], estimated.widths[0], estimated.probs[0]
            effective[row] = estimated.effective_samples[0]
    return _by_row(every, words, domain, None if bool(effective.isinf().all()) else effective)


Grid = tuple[Tensor, Tensor, Tensor]
"""The points of one row, the widths of the stretches that they stand for, and their probabilities, [n] each."""


def _own_grid(
    joint: Joint,
    cell: Cell,
    values: Values,
    about: frozenset[Cell] | None,
    samples: int,
    points: np.ndarray,
    widths: np.ndarray,
    probs: Tensor,
) -> Grid:
    """A row's own grid, refined from that of all rows until it is fine where the row has its probability. Raises
    ``TooCostly`` where it does not become so."""
    domain, budget = joint.variables[cell[0]].element_domain(cell[1]), Budget()
    for turn in range(OWN_REFINEMENTS):
        points = refine(points, widths, probs.numpy(), domain)
        widths = stretches(points, domain)
        table = _log_table(joint, values, cell, points, about, samples, budget)
        probs = (table + torch.from_numpy(widths).log()).softmax(1)[0]
        if turn and not coarse(widths, probs[None].numpy(), domain).any():
            return torch.from_numpy(points), torch.from_numpy(widths), probs
    raise TooCostly("a grid does not become as fine, or does not reach as far, as what is given says")


def _by_row(every: Sequence[Grid], words: str, domain: Domain, effective: Tensor | None) -> CellDistribution:
    """The distribution of rows that have grids of their own: shorter ones end with points that stand for nothing."""
    most = max(len(points) for points, _, _ in every)
    points, widths, probs = (
        torch.stack([F.pad(row[None], (0, most - len(row)), mode)[0] for row in rows])
        for rows, mode in zip(zip(*every, strict=True), ("replicate", "constant", "constant"), strict=True)
    )
    return CellDistribution(
        points, probs, joint=words, widths=widths, whole=domain.discrete, effective_samples=effective
    )


def _log_table(
    joint: Joint,
    values: Values,
    cell: Cell,
    points: np.ndarray | None,
    about: frozenset[Cell] | None,
    samples: int,
    budget: Budget,
) -> Tensor:
    """log p of what each row knows together with each code of a cell, or each of its ``points``: [rows, n]."""
    count = len(next(iter(values.values())))
    every = torch.zeros(0)
    for known, rows in by_known(joint, values):
        own = rows_of(joint, values, rows)
        questions = Questions(joint.densities, known, known, joint.elements([cell]), about, samples, budget)
        table = questions.log_joint(own, None, [cell], None if points is None else {cell: points})
        _require_possible((table == -math.inf).all(1), rows)
        every = every if len(every) else table.new_zeros(count, table.shape[1])
        every[rows] = table
    return every


def _require_possible(impossible: Tensor, rows: Tensor) -> None:
    """Refuses rows that have no probability."""
    if bool(impossible.any()):
        row = int(rows[impossible][0])
        raise ArdslError(f"what is given in row {row} has probability 0 under the model: no cell has a distribution")


def _drawn(joint: Joint, values: Values, cell: Cell) -> np.ndarray:
    """Draws of a cell given nothing but given variables: where its values may lie."""
    count = len(next(iter(values.values())))
    given = {v.name: values[v.name][torch.arange(DRAWN) % count].reshape(-1, *v.shape) for v in joint.given}
    drawn = joint.model.sample(DRAWN, given or None, seed=0)
    own = drawn[cell[0]] if isinstance(drawn, dict) else drawn
    column: np.ndarray = own.reshape(DRAWN, -1)[:, cell[1]].double().cpu().numpy()
    return column


def _estimated_conditional(joint: Joint, cell: Cell, values: Values, samples: int, seed: int) -> CellDistribution:
    """The distribution of the cell among weighted particles."""
    domain = joint.variables[cell[0]].element_domain(cell[1])
    count, asked = len(next(iter(values.values()))), joint.elements([cell])
    drawn: list[Tensor] = [torch.zeros(0)] * count
    shares: list[Tensor] = [torch.zeros(0)] * count
    effective = torch.zeros(count, dtype=torch.float64)
    elements = sum(variable.size for variable in joint.variables.values())
    for known, rows in by_known(joint, values):
        sampler = joint.sampler(known, asked)
        for turn, some in enumerate(rows.split(_examples_at_once(samples * elements))):
            own = rows_of(joint, values, some)
            particles = sampler.particles(own, [Question(known, {})], samples, seed + turn, keep=True)
            _require_possible((particles.log_weights == -math.inf).all(1), some)
            column = (particles.values or {})[cell[0]][:, cell[1]].double().view(len(some), -1)
            for number, row in enumerate(some.tolist()):
                drawn[row], shares[row] = column[number].contiguous(), particles.log_weights[number].softmax(0)
            effective[some] = particles.effective_samples
    widths = None
    if domain.levels is not None and domain.levels <= MOST_CODES:
        points = domain.value(torch.arange(domain.levels, dtype=torch.float64))
    else:
        grid = spread(torch.cat(drawn).numpy(), domain)
        points, widths = torch.from_numpy(grid), torch.from_numpy(stretches(grid, domain))
    probs = torch.zeros(count, len(points), dtype=torch.float64)
    middle = (points[1:] + points[:-1]) / 2
    for row in range(count):
        probs[row].index_add_(0, torch.bucketize(drawn[row], middle), shares[row])
    return CellDistribution(
        points if widths is None else points.expand(count, -1),
        probs,
        joint=joint.words("what is given"),
        labels=domain.labels,
        widths=None if widths is None else widths.expand(count, -1),
        whole=domain.discrete,
        effective_samples=effective,
    )
