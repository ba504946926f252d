"""Draws given values of any cells, and where an event holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ardsl.compiler.arrays.users import conditioning
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.complete import draw_unknown
from ardsl.compiler.queries.elimination import Budget, Elimination, TooCostly
from ardsl.compiler.queries.events import Allowed, Box, Cell, Event, both
from ardsl.compiler.queries.exact import Questions
from ardsl.compiler.queries.joint import Joint, Masks, as_event, of_box, of_least_dimension
from ardsl.compiler.queries.particles import Ordered, Question, joined, to_choose_among, truncation, within
from ardsl.compiler.queries.seeds import apart_from_noise, as_number
from ardsl.compiler.queries.where import Cells, read_event
from ardsl.compiler.steps.draws import FromNoise
from ardsl.compiler.steps.noise import Noise
from ardsl.compiler.steps.schedule import Block
from ardsl.errors import ArdslError
from ardsl.families.distributions import Conditional
from ardsl.networks.group import TargetBlock


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
    words, number = joint.words("what is given"), as_number(seed)
    try:
        return Draws(_exact(joint, condition, conditions, noise, apart_from_noise(number)), True, words)
    except TooCostly:
        return _estimated(joint, condition, conditions, noise.count, number)


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


def _rows(values: Values, given: Values, examples: int) -> Values:
    """A box's values with those of given variables, [examples, elements]."""
    return {name: value.expand(examples, -1) for name, value in (values | given).items()}


# Exact


def _exact(joint: Joint, condition: Event, given: Values, noise: Noise, generator: torch.Generator) -> Values:
    """Exact draws: a box and an order by their probabilities, then what had to be summed over, then the rest. Raises
    ``TooCostly`` where that takes more than is affordable beside as many particles as would be taken."""
    count, first = noise.count, joint.elements(condition.cells)
    same = all(len(value) == 1 for value in given.values())
    examples, rows = (1, torch.zeros(count, dtype=torch.long)) if same else (count, torch.arange(count))
    options: list[tuple[Box, Values, Ordered, Elimination]] = []
    budget, samples = Budget(), math.ceil(to_choose_among(count // examples) / len(condition.boxes))
    for box in condition.boxes:
        own, allowed = of_box(joint, box)
        values = _rows(own, given, examples)
        questions = Questions(joint.densities, joint.elements(box.known), first, {}, None, samples, budget)
        planned = questions.eliminations(values, allowed, draws=count)
        options += [(box, values, *option) for option in zip(questions.orders(), planned, strict=True)]
    log_masses = [elimination.log_joint(values) for _, values, _, elimination in options]
    if bool((torch.stack(log_masses) == -math.inf).all(0).any()):
        raise ArdslError(f"`{condition.text}` has probability 0 under the model: nothing can be drawn given it")
    shares = torch.stack(log_masses, 1).softmax(1).cumsum(1)[rows]
    uniforms = torch.rand(count, 1, generator=generator, dtype=torch.float64)
    chosen = (uniforms >= shares[:, :-1]).sum(1)
    drawn: Values = {}
    for number, (box, values, ordered, elimination) in enumerate(options):
        index = torch.nonzero(chosen == number).flatten()
        if not len(index):
            continue
        own = {name: value[rows[index]].clone() for name, value in values.items()}
        for (name, element), value in elimination.draw(values, rows[index], generator).items():
            own[name][:, element] = value.to(own[name])
        known = joint.elements([*box.known, *elimination.codes])
        _draw_rest(joint, ordered, own, known, elimination.confined, noise.rows(index))
        for name, value in own.items():
            drawn.setdefault(name, value.new_empty(count, value.shape[1]))[index] = value
    return drawn


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


def _estimated(joint: Joint, condition: Event, given: Values, count: int, seed: int) -> Draws:
    """Draws chosen among weighted particles."""
    same = all(len(value) == 1 for value in given.values())
    examples, each = (1, count) if same else (count, 1)
    sampler = joint.sampler(joint.elements(condition.cells), {})
    wanted = math.ceil(to_choose_among(each) / len(condition.boxes))
    parts = []
    for number, box in enumerate(condition.boxes):
        own, allowed = of_box(joint, box)
        question = Question(joint.elements(box.known), allowed)
        values = _rows(own, given, examples)
        parts.append(sampler.particles(values, [question], wanted, seed + number, keep=True))
    particles = joined(parts)
    if bool((particles.log_weights == -math.inf).all(1).any()):
        raise ArdslError(
            f"`{condition.text}` held in none of {particles.log_weights.shape[1]:,} samples: it may be impossible"
        )
    drawn, distinct = particles.choose(each, torch.Generator().manual_seed(seed + len(parts)))
    effective = float(particles.effective_samples.min())
    words, samples = joint.words("what is given"), particles.log_weights.shape[1]
    return Draws(drawn, False, words, float(distinct.mean()), effective, samples)
