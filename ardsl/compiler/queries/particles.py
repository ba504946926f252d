"""Estimates by particles: sequential importance sampling, with every conditional confined to what is still allowed.

A question names cells that are known and cells that are confined to sets of values. Particles walk through the
conditionals: a known cell weighs them by its log-probability, a confined one by the log-probability of its set, in
which it is drawn; free cells are drawn as in any sample. The mean weight is the probability of what is asked, without
bias, and the weighted particles follow the distribution given that. Where the weights of a filter have become uneven
it is resampled. The arithmetic of it stands in ``filters.py``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.guards import at_once
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.events import Allowed, Cell, ends_of_distribution
from ardsl.compiler.queries.filters import FILTERS, Estimate, Filters, effective, mean_of, ratio_of, systematic
from ardsl.compiler.steps.draws import Draw
from ardsl.compiler.steps.evaluator import Evaluator, Lender
from ardsl.compiler.steps.schedule import Block
from ardsl.families.distributions import Conditional
from ardsl.families.domains import Domain
from ardsl.families.truncation import Element, Truncation
from ardsl.model.model import Variable
from ardsl.networks.group import TargetBlock
from ardsl.networks.stepper import Orders

Masks = Mapping[str, np.ndarray]
"""Elements by variable, bool [elements]."""

Ordered = Sequence[tuple[Density, Sequence[Orders]]]
"""The conditionals of a joint distribution: densities, each with the orders of its groups."""

LEAST = 8
"""Particles of a filter, at least."""
_MORE = 4
"""Particles for each sample that is chosen among them."""
_LEAST_TO_CHOOSE = 1000
"""Particles to choose samples among, at least: with few, what is unlikely would be chosen too often."""


@dataclass(frozen=True, eq=False)
class Question:
    """A question about examples: which elements are ``known``, and what the cells in ``allowed`` may be."""

    known: Masks
    allowed: Mapping[Cell, Allowed]

    def cells(self) -> dict[str, np.ndarray]:
        """All elements that it says anything of, bool [elements] by variable."""
        cells = {name: mask.copy() for name, mask in self.known.items()}
        for name, element in self.allowed:
            cells[name][element] = True
        return cells


@dataclass(frozen=True, eq=False)
class Particles:
    """Weighted particles of several examples, [examples, particles], and the evidence of the filters they come from.

    ``log_evidence``, [examples, filters], are independent estimates of the probability of what was asked, in nats. The
    weights of an example's particles, ``log_weights``, add up to their mean. ``ancestors`` are the numbers of different
    particles at the start that those at the end descend from, [examples]. ``values`` are the particles themselves,
    [examples · particles, elements] by variable in the data's own form, where they were kept; ``copies`` are equal of
    those that are copies of one another.
    """

    log_evidence: Tensor
    log_weights: Tensor
    ancestors: Tensor
    copies: Tensor
    values: Values | None = None

    @property
    def effective_samples(self) -> Tensor:
        """The least of the effective sample size of the weights and the number of different ancestors, [examples]."""
        return torch.minimum(effective(self.log_weights), self.ancestors.double())

    def estimate(self) -> Estimate:
        """The probability, or the density, of what was asked, of each example."""
        return Estimate(*mean_of(self.log_evidence), self.effective_samples, self.log_weights.shape[1])

    def given(self, condition: Particles) -> Estimate:
        """The probability of what was asked given a condition that it implies, of each example."""
        ratio = ratio_of(self.log_evidence, condition.log_evidence)
        effective_samples = torch.minimum(self.effective_samples, condition.effective_samples)
        return Estimate(*ratio, effective_samples, self.log_weights.shape[1])

    def choose(self, count: int, generator: torch.Generator) -> tuple[Values, Tensor]:
        """So many samples of each example by systematic resampling, [examples · count, elements] by variable, and the
        share of different particles among those of each, [examples]."""
        examples, particles = self.log_weights.shape
        start = torch.rand(examples, generator=generator, dtype=torch.float64)
        chosen = systematic(self.log_weights, start, count)
        mixed = torch.stack([torch.randperm(count, generator=generator) for _ in range(examples)])
        chosen = chosen.gather(1, mixed)
        copies = self.copies.gather(1, chosen)
        share = torch.tensor([len(row.unique()) / count for row in copies], dtype=torch.float64)
        rows = (chosen + particles * torch.arange(examples).unsqueeze(1)).flatten()
        return {name: value[rows.to(value.device)] for name, value in (self.values or {}).items()}, share


def to_choose_among(count: int) -> int:
    """The number of particles of an example that so many samples are chosen among."""
    return max(_MORE * count, _LEAST_TO_CHOOSE)


def joined(parts: Sequence[Particles]) -> Particles:
    """The particles of a union of disjoint events, of each of which there are some of the same examples."""
    examples = len(parts[0].log_weights)
    copies, first = [], 0
    for part in parts:
        copies.append(part.copies + first)
        first += int(part.copies.max()) + 1
    values = None
    if all(part.values is not None for part in parts):
        by_part = [{n: v.unflatten(0, (examples, -1)) for n, v in (part.values or {}).items()} for part in parts]
        values = {name: torch.cat([own[name] for own in by_part], 1).flatten(0, 1) for name in by_part[0]}
    return Particles(
        torch.stack([part.log_evidence for part in parts]).logsumexp(0),
        torch.cat([part.log_weights for part in parts], 1),
        torch.stack([part.ancestors for part in parts]).sum(0),
        torch.cat(copies, 1),
        values,
    )


@dataclass(frozen=True, eq=False)
class Sampler:
    """The engine of weighted answers of a joint distribution.

    ``joints`` are its conditionals under each of the orders that it mixes, with equal shares; each has the lender of
    its steppers in ``lenders``. What follows from a ``seed`` is the same each time.
    """

    joints: Sequence[Ordered]
    lenders: Sequence[Lender]

    @torch.no_grad()
    def particles(
        self, values: Values, questions: Sequence[Question], samples: int, seed: int, *, keep: bool = False
    ) -> Particles:
        """Particles of the union of disjoint questions, ``samples`` for each example, or more where these are too few
        for the filters.

        ``values`` [examples, elements] are in the data's own form, with legal ones where they are not known. ``keep``:
        the particles are wanted, so that they are drawn to the end.
        """
        generator = torch.Generator().manual_seed(seed)
        runs = len(questions) * len(self.joints)
        wanted = max(LEAST, math.ceil(samples / (FILTERS * runs)))
        parts = [
            _scaled(self._run(joint, values, question, wanted, generator, keep), len(self.joints))
            for question in questions
            for joint in self.joints
        ]
        return joined(parts)

    def samples(
        self, values: Values, questions: Sequence[Question], count: int, seed: int
    ) -> tuple[Values, Tensor, Particles]:
        """So many weighted draws of each example given that one of the questions' events holds, chosen among four times
        as many particles, a thousand at least: their values [examples · count, elements] by variable, the share of
        different ones among those of each example, and the particles."""
        particles = self.particles(values, questions, to_choose_among(count), seed, keep=True)
        chosen, share = particles.choose(count, torch.Generator().manual_seed(seed + 1))
        return chosen, share, particles

    def _run(
        self,
        joint: Ordered,
        values: Values,
        question: Question,
        wanted: int,
        generator: torch.Generator,
        keep: bool,
    ) -> Particles:
        """Particles under one order, as many filters at once as fit into memory. A filter that does not fit is split
        into several, whose mean stands for it."""
        examples = len(next(iter(values.values())))
        most = min(at_once(density.spec.plan, density.like.device) for density, _ in joint)
        pieces = math.ceil(wanted / most)
        size = math.ceil(wanted / pieces)
        units = torch.arange(examples).repeat_interleave(FILTERS * pieces)
        chunks = [
            self._walk(joint, values, question, chunk, size, generator, keep)
            for chunk in units.split(max(1, most // size))
        ]
        log_evidence = torch.cat([filters.log_evidence for filters, _, _ in chunks]).view(examples, FILTERS, pieces)
        log_weights = torch.cat([filters.total_log_weights for filters, _, _ in chunks]).view(examples, -1)
        alive = [
            [len(own[weights > -math.inf].unique()) for own, weights in zip(f.ancestors, f.log_weights, strict=True)]
            for f, _, _ in chunks
        ]
        copies = torch.cat([copies + size * len(units) * n for n, (_, copies, _) in enumerate(chunks)])
        kept = None
        if keep:
            kept = {name: torch.cat([drawn[name] for _, _, drawn in chunks]) for name in chunks[0][2]}
        return Particles(
            log_evidence.logsumexp(2) - math.log(pieces),
            log_weights - math.log(log_weights.shape[1]),
            torch.tensor(list(chain.from_iterable(alive))).view(examples, -1).sum(1),
            copies.view(examples, -1),
            kept,
        )

    def _walk(
        self,
        joint: Ordered,
        values: Values,
        question: Question,
        examples: Tensor,
        size: int,
        generator: torch.Generator,
        keep: bool,
    ) -> tuple[Filters, Tensor, Values]:
        """Walks filters of ``size`` particles, one for each of the ``examples`` named: the filters, which particles are
        copies, int64 [filters · size], and the particles."""
        rows = examples.repeat_interleave(size)
        drawn = {name: value[rows.to(value.device)] for name, value in values.items()}
        filters = Filters(len(examples), size, generator)
        copies = torch.arange(len(rows))
        cells = question.cells()
        asked = [sum(int(cells[v.name].sum()) for v in _drawn(d) if v.name in cells) for d, _ in joint]
        left = sum(asked)
        for (density, orders), lender, here in zip(joint, self.lenders, asked, strict=True):
            if not (left or keep):
                break
            own = {name: value for name, value in drawn.items() if name in density.spec.variables}
            standardized = density.units.standardized(own)
            standardized = {name: value.clone() for name, value in standardized.items()}  # it is written into
            draw = Confined(density, question, filters, generator, copies, left)
            make = partial(Evaluator, density, orders, len(rows))
            with lender.lend(density, ("particles", _key(orders), len(rows)), make) as evaluator:
                last = left == here and not keep  # what is drawn later has no bearing on the weights
                evaluator.run(standardized, draw, evaluator.steps_to(cells) if last else None)
            copies, left = draw.copies, draw.left
            others = {name: value[draw.rows.to(value.device)] for name, value in drawn.items() if name not in own}
            drawn = others | density.units.restored(standardized)
        if not keep:
            return filters, copies, {}
        variables = {name: variable for density, _ in joint for name, variable in density.spec.variables.items()}
        return filters, copies, within(drawn, question.allowed, variables)


def _drawn(density: Density) -> list[Variable]:
    """The variables that a density draws."""
    return list({t.variable.name: t.variable for group in density.groups for t in group.targets}.values())


def _scaled(particles: Particles, joints: int) -> Particles:
    """Particles with the share that one of several joints has in their mean."""
    share = math.log(joints)
    return replace(particles, log_evidence=particles.log_evidence - share, log_weights=particles.log_weights - share)


def _key(orders: Sequence[Orders]) -> tuple[object, ...]:
    """A key of what orders a density is evaluated under."""
    return tuple(
        own if isinstance(own, int) else tuple((name, order.rank.tobytes()) for name, order in own.items())
        for own in orders
    )


class Confined(Draw):
    """Draws that are known, or confined to what is allowed; each weighs the particles of its filter."""

    def __init__(
        self,
        density: Density,
        question: Question,
        filters: Filters,
        generator: torch.Generator,
        copies: Tensor,
        left: int,
    ) -> None:
        self._density, self._question = density, question
        self.left = left
        """The number of cells that are still to weigh the particles: after the last of them nothing is gained by
        resampling."""
        self._filters, self._generator = filters, generator
        self.copies = copies
        """Equal numbers of particles that are copies of one another, [batch]."""
        self.rows = torch.arange(len(copies))
        """The particle at the start of this walk that each one descends from, [batch]."""
        self._truncations: dict[Cell, Truncation] = {}

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        elements = target.elements[block.draws]
        shape = (len(parameters), len(elements), target.family.uniforms)
        noise = torch.rand(shape, generator=self._generator, dtype=torch.float64).to(parameters.device)
        draw = self._joint if conditional.joint else self._single
        drawn, log_weight = draw(target, conditional, elements, parameters, noise, values[target.variable.name])
        known = self._known(target, elements)
        if log_weight is not None:
            self._filters.weigh(log_weight)
            confined = [(target.variable.name, int(e)) in self._question.allowed for e in elements.flat]
            self.left -= int((known | np.reshape(confined, known.shape)).sum())
        if not known.all():
            self.copies = torch.arange(len(self.copies))  # what is drawn anew differs
        return drawn

    def after_step(self) -> Tensor | None:
        rows = self._filters.resample() if self.left else None
        if rows is not None:
            self.copies, self.rows = self.copies[rows], self.rows[rows]
        return rows

    def _known(self, target: TargetBlock, elements: np.ndarray) -> np.ndarray:
        known = self._question.known.get(target.variable.name)
        return np.zeros(elements.shape, dtype=bool) if known is None else known[elements]

    def _single(
        self,
        target: TargetBlock,
        conditional: Conditional,
        elements: np.ndarray,
        parameters: Tensor,
        noise: Tensor,
        value: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Draws of single elements, [batch, draws], and their log-weight, [batch]."""
        name, places = target.variable.name, elements[:, 0]
        known = self._known(target, elements)[:, 0]
        confined = [n for n, e in enumerate(places) if (name, int(e)) in self._question.allowed]
        if known.all():
            drawn = value[:, places].clone()
        else:
            drawn = conditional.sample(parameters, noise)
            drawn[:, known] = value[:, places[known]].to(drawn.dtype)
        log_weights: list[Tensor] = []
        if known.any():
            log_prob = conditional.log_prob(parameters[:, known], value[:, places[known]]).double()
            log_weights.append(log_prob.sum(1) - self._log_scale(name, places[known]))
        for number in confined:
            allowed = self._truncation(conditional, name, int(places[number]))
            if known[number]:
                impossible = ~allowed.contains(conditional.domain.code(drawn[:, number]))
                log_weights.append(torch.where(impossible, -math.inf, 0.0))
                continue
            own = parameters[:, number]
            drawn[:, number] = conditional.sample_within(own, noise[:, number], allowed).to(drawn.dtype)
            log_weights.append(conditional.log_mass(own, allowed))
        return drawn, torch.stack(log_weights).sum(0) if log_weights else None

    def _joint(
        self,
        target: TargetBlock,
        conditional: Conditional,
        elements: np.ndarray,
        parameters: Tensor,
        noise: Tensor,
        value: Tensor,
    ) -> tuple[Tensor, Tensor | None]:
        """Draws of several elements each, [batch, draws, event], and their log-weight, [batch]."""
        name, known = target.variable.name, self._known(target, elements)
        drawn, log_weights = [], []
        for number, places in enumerate(elements):
            confined = [(name, int(e)) in self._question.allowed for e in places]
            own, uniforms = parameters[:, number], noise[:, number]
            if not known[number].any() and not any(confined):
                drawn.append(conditional.sample(own, uniforms))
                continue
            codes = conditional.domain.code(value[:, places]).double()
            constraints = [
                Element(
                    codes.new_full((len(codes),), float(known[number, k])).bool(),
                    codes[:, k],
                    self._truncation(conditional, name, int(e)).intervals if confined[k] else None,
                )
                for k, e in enumerate(places)
            ]
            new, log_weight = conditional.sample_elements(own, uniforms, constraints)
            drawn.append(torch.where(torch.as_tensor(known[number], device=new.device), value[:, places], new))
            log_weights.append(log_weight - self._log_scale(name, places[known[number]]))
            for k, e in enumerate(places):
                if confined[k] and known[number, k]:
                    inside = self._truncation(conditional, name, int(e)).contains(codes[:, k])
                    log_weights.append(torch.where(inside, 0.0, -math.inf))
        return torch.stack(drawn, 1), torch.stack(log_weights).sum(0) if log_weights else None

    def _log_scale(self, name: str, elements: np.ndarray) -> Tensor | float:
        """The logarithm of the data's units of known elements, by which their densities are divided."""
        log_scales = self._density.units.log_scales(name)
        return 0.0 if log_scales is None else log_scales[torch.as_tensor(elements, device=log_scales.device)].sum()

    def _truncation(self, conditional: Conditional, name: str, element: int) -> Truncation:
        cell = (name, element)
        if cell not in self._truncations:
            allowed = self._question.allowed[cell]
            self._truncations[cell] = truncation(self._density, conditional, cell, allowed)
        return self._truncations[cell]


def truncation(density: Density, conditional: Conditional, cell: Cell, allowed: Allowed) -> Truncation:
    """The codes of a conditional, standardized where the model has them so, that stand for allowed values."""
    domain, device = conditional.domain, density.like.device
    if not (conditional.by_intervals or conditional.joint):
        return Truncation(codes=torch.as_tensor(_codes(domain, allowed), device=device))
    ends = torch.as_tensor(_code_intervals(domain, allowed), dtype=torch.float64, device=device)
    return Truncation(intervals=ends if domain.discrete else density.units.standardize_ends(*cell, ends))


def _codes(domain: Domain, allowed: Allowed) -> np.ndarray:
    """Allowed values of a finite domain as a mask, bool [levels]."""
    if allowed.codes is not None:
        return allowed.codes
    return allowed.contains(domain.value(np.arange(domain.levels or 0)), domain)


def _code_intervals(domain: Domain, allowed: Allowed) -> np.ndarray:
    """Allowed values as intervals of codes, or of a continuous domain's values: float64 [n, 2]."""
    if allowed.intervals is not None and not domain.discrete:
        return ends_of_distribution(allowed.intervals, domain)
    if allowed.intervals is not None and domain.whole:
        return allowed.intervals - (domain.bounds[0] if domain.coded else 0)
    edges = np.flatnonzero(np.diff(_codes(domain, allowed), prepend=False, append=False))
    return edges.reshape(-1, 2) - 0.5


def within(values: Values, confined: Mapping[Cell, Allowed], variables: Mapping[str, Variable]) -> Values:
    """Values in the data's own form, with continuous ones that rounding took over an end of what is allowed at it."""
    kept = dict(values)
    for (name, element), allowed in confined.items():
        if variables[name].element_domain(element).discrete or allowed.intervals is None:
            continue
        column = kept[name][:, element]
        kept[name][:, element] = _nearest_inside(column, torch.as_tensor(allowed.intervals, device=column.device))
    return kept


def _nearest_inside(x: Tensor, ends: Tensor) -> Tensor:
    """The nearest numbers of x's type in a union of intervals, [n, 2]."""
    wide = x.double()
    clipped = wide.unsqueeze(-1).clamp(ends[:, 0], ends[:, 1])
    nearest = (clipped - wide.unsqueeze(-1)).abs().argmin(-1, keepdim=True)
    place, (low, high) = clipped.gather(-1, nearest).squeeze(-1), ends[nearest.squeeze(-1)].unbind(-1)
    rounded = place.to(x.dtype)
    rounded = torch.where(rounded.double() < low, rounded.nextafter(rounded.new_tensor(math.inf)), rounded)
    return torch.where(rounded.double() > high, rounded.nextafter(rounded.new_tensor(-math.inf)), rounded)
