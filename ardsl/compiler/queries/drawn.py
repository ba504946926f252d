"""Draws given values of any cells, and where an event holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.users import conditioning, expand_given, observed_values
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.ask import SAMPLES, cell_distribution
from ardsl.compiler.queries.complete import complete, draw_unknown, gives
from ardsl.compiler.queries.elimination import Budget, Elimination, TooCostly
from ardsl.compiler.queries.events import Allowed, Box, Cell, Event, both
from ardsl.compiler.queries.exact import Questions
from ardsl.compiler.queries.joint import Joint, Masks, as_event, by_known, of_box, of_least_dimension
from ardsl.compiler.queries.particles import (
    Ordered,
    Particles,
    Question,
    joined,
    to_choose_among,
    truncation,
    within,
)
from ardsl.compiler.queries.seeds import apart_from_noise, as_number
from ardsl.compiler.queries.where import Cells, read_event
from ardsl.compiler.steps.draws import FromNoise
from ardsl.compiler.steps.noise import Noise, make_noise
from ardsl.compiler.steps.schedule import Block
from ardsl.errors import ArdslError
from ardsl.families.distributions import Conditional
from ardsl.networks.group import TargetBlock


@dataclass(frozen=True, eq=False)
class Way:
    """One of the disjoint ways in which a condition holds: the elements that are ``known``, their ``values``,
    [examples, elements] by variable in the data's own form with legal ones elsewhere, and what other cells may be.
    """

    known: Masks
    allowed: Mapping[Cell, Allowed]
    values: Values


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws given something: ``values``, in the form of the data, and whether they are ``exact``.

    Those that are not are chosen among weighted particles: ``distinct`` is the share of different ones,
    ``effective_samples`` what the particles, so many ``samples``, are worth. ``joint`` names in words the joint
    distribution.
    """

    values: Any
    exact: bool
    joint: str
    distinct: float = 1.0
    effective_samples: float | None = None
    samples: int | None = None

    @property
    def accuracy(self) -> str:
        """How exact the draws are, in words."""
        if self.exact or self.effective_samples is None:
            return "exact"
        among = f"effective samples {self.effective_samples:,.0f} of {self.samples:,}"
        return f"weighted: {self.distinct:.1%} of them are distinct, {among}"


@dataclass(frozen=True, eq=False)
class Completions:
    """Examples whose missing values are drawn given the others: ``values``, in the form of the data, each example as
    often as was asked for, one after the other.

    ``exact``, bool [examples], says which are; what is missing of others is chosen among weighted particles, which are
    worth ``effective_samples``, [examples]. ``joint`` names in words the joint distribution.
    """

    values: Any
    exact: Tensor
    effective_samples: Tensor
    joint: str


def names_cells(joint: Joint, given: Any) -> bool:
    """Says whether values that are given to samples are of other cells than the given variables."""
    return isinstance(given, Mapping) and any(name not in {v.name for v in joint.given} for name in given)


@torch.no_grad()
def draw_where(joint: Joint, given: Any, where: str | Event | None, noise: Noise, seed: int | None) -> Draws:
    """Draws given values of any cells, and in an event: [draws, elements] by variable, in the data's own form. They are
    a function of the ``noise`` and of the ``seed``."""
    joint.require_fixed_length()
    condition, conditions = _condition(joint, given, where, noise.count)
    if not condition.boxes:
        raise ArdslError(f"`{condition.text}` cannot hold: nothing can be drawn given it")
    _, boxes = of_least_dimension(joint, condition.boxes, condition.text)  # others have no probability
    condition = Event(boxes, condition.text)
    words, number, first = joint.words("what is given"), as_number(seed), joint.elements(condition.cells)
    same = all(len(value) == 1 for value in conditions.values())
    examples, each = (1, noise.count) if same else (noise.count, 1)
    ways = []
    for box in condition.boxes:
        own, allowed = of_box(joint, box)
        values = {name: value.expand(examples, -1) for name, value in (own | conditions).items()}
        ways.append(Way(joint.elements(box.known), allowed, values))
    try:
        drawn, possible = _exact(joint, ways, first, each, noise, apart_from_noise(number))
        if not possible.all():
            raise ArdslError(f"`{condition.text}` has probability 0 under the model: nothing can be drawn given it")
        _require_inside(joint, condition, drawn)
        return Draws(drawn, True, words)
    except TooCostly:
        particles = _particles(joint, ways, first, each, number)
    if bool((particles.log_weights == -math.inf).all(1).any()):
        raise ArdslError(
            f"`{condition.text}` held in none of {particles.log_weights.shape[1]:,} samples: it may be impossible"
        )
    drawn, distinct = particles.choose(each, torch.Generator().manual_seed(number + len(ways)))
    _require_inside(joint, condition, drawn)
    effective, samples = float(particles.effective_samples.min()), particles.log_weights.shape[1]
    return Draws(drawn, False, words, float(distinct.mean()), effective, samples)


def _require_inside(joint: Joint, condition: Event, drawn: Values) -> None:
    """Refuses draws that numbers do not hold: of an event so far out that these are infinite, or none of its values."""
    allowed = Event([Box({}, box.allowed) for box in condition.boxes])
    values = {name: value.double().cpu().numpy() for name, value in drawn.items()}
    inside = allowed.contains(values, Cells(joint.model.spec.model).domain)
    for name, element in allowed.cells:
        if joint.variables[name].element_domain(element).discrete:  # they are given as 64-bit integers
            inside &= abs(values[name][:, element]) < 2.0**63
    if not inside.all():
        raise ArdslError(
            f"`{condition.text}` has probability 0 in the numbers of the model: nothing can be drawn given it"
        )


@torch.no_grad()
def completions(joint: Joint, x: Any, given: Any, each: int, seed: int | None, likely: bool) -> Completions:
    """Each example so often, with what it lacks drawn given the rest, [examples · each, elements] by variable: exactly
    where the orders draw it last or few values are to be summed over, else among weighted particles. ``likely``: the
    most likely value of one cell after another, each given the values before it."""
    joint.require_fixed_length()
    (density,), (lender,) = joint.densities, joint.lenders
    values = observed_values(x, joint.observed, joint.model.like)
    count = len(next(iter(values.values())))
    values |= expand_given(conditioning(given, joint.given, joint.model.like), count)
    noise, number = make_noise(density.spec.plan.groups, count * each, seed, joint.model.like), as_number(seed)
    exact, effective = torch.ones(count, dtype=torch.bool), torch.full((count,), math.inf, dtype=torch.float64)
    completed = {name: value.repeat_interleave(each, 0) for name, value in values.items()}

    def keep(rows: Tensor, drawn: Values) -> None:
        """Puts what was drawn for some rows of ``completed`` where it is missing."""
        for variable in joint.observed:
            value, there = drawn[variable.name], completed[variable.name]
            there = there.to(torch.promote_types(there.dtype, value.dtype))
            there[rows] = torch.where(there[rows].isnan(), value.to(there.dtype), there[rows])
            completed[variable.name] = there

    given_last = gives(density, {v.name: values[v.name].isnan() for v in joint.observed})
    places = torch.arange(count * each).view(count, each)
    if given_last.any():
        rows = places[given_last].flatten()
        own = density.units.standardized({name: value[rows] for name, value in completed.items()})
        keep(rows, density.units.restored(complete(density, lender, own, noise.rows(rows), likely=likely)))
    others = torch.nonzero(~given_last).flatten()
    for known, part in by_known(joint, {name: value[others] for name, value in values.items()}) if len(others) else ():
        rows = others[part]
        own = {name: value[rows] for name, value in values.items()}
        seeded = int(np.random.SeedSequence([number, int(rows[0])]).generate_state(1)[0])
        if likely:
            drawn, effective[rows] = _most_likely(joint, own, known, seeded)
            drawn = {name: value.repeat_interleave(each, 0) for name, value in drawn.items()}
        else:
            drawn, effective[rows] = _drawn(joint, own, known, rows, each, noise.rows(places[rows].flatten()), seeded)
        exact[rows] = effective[rows] == math.inf
        keep(places[rows].flatten(), drawn)
    return Completions(completed, exact, effective, joint.words("what is there"))


def _drawn(
    joint: Joint, values: Values, known: Masks, rows: Tensor, each: int, noise: Noise, seed: int
) -> tuple[Values, Tensor]:
    """Draws of what examples that know the same elements lack, and how many samples they are worth: ∞ of exact ones."""
    way = Way(known, {}, joint.filled(values, len(rows)))
    try:
        drawn, possible = _exact(joint, [way], known, each, noise, apart_from_noise(seed))
        effective = torch.full((len(rows),), math.inf, dtype=torch.float64)
    except TooCostly:
        particles = _particles(joint, [way], known, each, seed)
        possible, effective = (particles.log_weights > -math.inf).any(1), particles.effective_samples
        drawn = particles.choose(each, torch.Generator().manual_seed(seed + 1))[0] if possible.all() else {}
    if not possible.all():
        row = int(rows[~possible][0])
        raise ArdslError(f"what is there in row {row} has probability 0 under the model: nothing can be drawn given it")
    return drawn, effective


def _most_likely(joint: Joint, values: Values, known: Masks, seed: int) -> tuple[Values, Tensor]:
    """The most likely values of what examples that know the same elements lack, one after the other, and how many
    samples they rest on: ∞ of exact ones."""
    effective = torch.full((len(next(iter(values.values()))),), math.inf, dtype=torch.float64)
    values = {name: value.double() for name, value in values.items()}
    for name, mask in known.items():
        for element in np.flatnonzero(~mask).tolist():
            distribution = cell_distribution(joint, (name, element), values, SAMPLES, seed)
            values[name][:, element] = distribution.mode
            if distribution.effective_samples is not None:
                effective = torch.minimum(effective, distribution.effective_samples)
    return values, effective


def _condition(joint: Joint, given: Any, where: str | Event | None, count: int) -> tuple[Event, Values]:
    """What is given as an event, and the values of the given variables, [draws or 1, elements]."""
    model, named = joint.model.spec.model, {v.name for v in joint.given}
    if not isinstance(given, Mapping):
        given = {} if given is None else {v.name: given for v in joint.given[:1]}
    conditions = conditioning({n: v for n, v in given.items() if n in named} or None, joint.given, joint.model.like)
    for name, value in conditions.items():
        if len(value) not in (1, count):
            raise ArdslError(f"`{name}` has {len(value)} examples where {count} are needed")
    condition = as_event(joint, {name: value for name, value in given.items() if name not in named})
    if where is not None:
        event = read_event(where, model) if isinstance(where, str) else where
        condition = both(condition, event, Cells(model).domain) if condition.cells else event
    strange = next((name for name, _ in condition.cells if name in named), None)
    if strange is not None:
        raise ArdslError(f"`{strange}` is given, and is not drawn: name its value in `given`")
    return condition, conditions


# Exact


def _exact(
    joint: Joint, ways: Sequence[Way], first: Masks, each: int, noise: Noise, generator: torch.Generator
) -> tuple[Values, Tensor]:
    """Exact draws, so many of ``each`` example: a way and an order by their probabilities, then what had to be summed
    over, then the rest; and which examples are possible. Raises ``TooCostly`` where that takes more than is affordable
    beside as many particles as would be taken."""
    examples = len(next(iter(ways[0].values.values())))
    rows = torch.arange(examples).repeat_interleave(each)
    options: list[tuple[Way, Ordered, Elimination]] = []
    budget, samples = Budget(), math.ceil(to_choose_among(each) / len(ways))
    for way in ways:
        questions = Questions(joint.densities, way.known, first, {}, None, samples, budget)
        planned = questions.eliminations(way.values, way.allowed, draws=len(rows))
        options += [(way, *option) for option in zip(questions.orders(), planned, strict=True)]
    log_masses = [elimination.log_joint(way.values) for way, _, elimination in options]
    possible = (torch.stack(log_masses) > -math.inf).any(0)
    if not possible.all():
        return {}, possible
    shares = torch.stack(log_masses, 1).softmax(1).cumsum(1)[rows]
    uniforms = torch.rand(len(rows), 1, generator=generator, dtype=torch.float64)
    chosen = (uniforms >= shares[:, :-1]).sum(1)
    drawn: Values = {}
    for number, (way, ordered, elimination) in enumerate(options):
        index = torch.nonzero(chosen == number).flatten()
        if not len(index):
            continue
        own = {name: value[rows[index]].clone() for name, value in way.values.items()}
        known = {name: mask.copy() for name, mask in way.known.items()}
        for (name, element), value in elimination.draw(way.values, rows[index], generator).items():
            own[name][:, element] = value.to(own[name])
            known[name][element] = True
        _draw_rest(joint, ordered, own, known, elimination.confined, noise.rows(index))
        for name, value in own.items():
            drawn.setdefault(name, value.new_empty(len(rows), value.shape[1]))[index] = value
    return drawn, possible


def _draw_rest(
    joint: Joint, ordered: Ordered, values: Values, known: Masks, confined: Mapping[Cell, Allowed], noise: Noise
) -> None:
    """Draws all that is not known, on which nothing known depends, into values in the data's own form: some of it
    confined to allowed values. They get the type of samples."""
    ((density, orders),) = ordered
    masks = {name: torch.from_numpy(mask).expand(noise.count, -1) for name, mask in known.items()}
    standardized = density.units.standardized(values)
    key = tuple(o if isinstance(o, int) else tuple(rank.rank.tobytes() for rank in o.values()) for o in orders)
    draw = Truncated(noise.draws, density, confined) if confined else FromNoise(noise.draws)
    if not all(mask.all() for mask in known.values()):
        draw_unknown(density, joint.lenders[0], standardized, masks, orders, key, draw)
    restored = within(density.units.restored(standardized), confined, density.spec.variables)
    for name, mask in masks.items():
        values[name] = torch.where(mask, values[name].to(restored[name].dtype), restored[name])


class Truncated(FromNoise):
    """Draws from uniform numbers, some cells within allowed values."""

    def __init__(
        self, noise: tuple[tuple[Tensor, ...], ...], density: Density, allowed: Mapping[Cell, Allowed]
    ) -> None:
        super().__init__(noise)
        self._noise, self.noise = noise, None  # type: ignore[assignment]  # no fast path knows of what is allowed
        self._density, self._allowed = density, allowed

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        noise = self._noise[block.group][block.block][:, block.draws]
        drawn = conditional.sample(parameters, noise)
        for number, element in enumerate(target.elements[block.draws, 0].tolist()):
            cell = target.variable.name, element
            if cell in self._allowed:
                allowed = truncation(self._density, conditional, cell, self._allowed[cell])
                drawn[:, number] = conditional.sample_within(parameters[:, number], noise[:, number], allowed)
        return drawn


# Estimated


def _particles(joint: Joint, ways: Sequence[Way], first: Masks, each: int, seed: int) -> Particles:
    """Weighted particles to choose so many draws of ``each`` example among."""
    sampler, parts = joint.sampler(first, {}), []
    wanted = math.ceil(to_choose_among(each) / len(ways))
    for number, way in enumerate(ways):
        question = Question(way.known, way.allowed)
        parts.append(sampler.particles(way.values, [question], wanted, seed + number, keep=True))
    return joined(parts)
