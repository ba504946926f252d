"""The walk: step by step, networks give parameters, draws are made from these, and become inputs of the networks.

It is the only loop over steps. Sampling, completing, continuing a prefix and streaming differ in the schedule, in the
steppers and in how draws get their values.

A step is taken in one of three ways, which give the same draws. :class:`ByValue` serves every model. Where all draws
are of one finite domain, :class:`ByCode` passes their codes on, with no values between; where they are bits that the
network reads as they are, :class:`ByThreshold` makes a step's draws by one comparison, written where the next step
reads them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.encoding import encode_source
from ardsl.compiler.arrays.lengths import ended
from ardsl.compiler.arrays.values import Values, value_type
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.draws import Draw
from ardsl.compiler.steps.schedule import Schedule, Steps
from ardsl.families.distributions import Conditional
from ardsl.networks.group import SourceBlock, TargetBlock
from ardsl.networks.stepper import Orders, Slots, Stepper

_MOST_CODES = 1 << 16


@dataclass(frozen=True)
class Walker:
    """Walks a density by a schedule, with the stepper of each network, or None where it is evaluated at once: all that
    it reads is known before its first draw. ``orders`` are those of each group; ``table`` has the features of every
    code, where draws may be codes."""

    density: Density
    orders: Sequence[Orders]
    schedule: Schedule
    steppers: Sequence[Stepper | None]
    table: Tensor | None
    kept: dict[str, ByThreshold] = field(default_factory=dict)
    """Views that one walk leaves for the next: those of thousands of slots take longer to make than to write to."""

    @torch.inference_mode()
    def walk(self, values: Values, draw: Draw, steps: Iterable[int]) -> None:
        """Takes the steps in turn, and leaves the draws in ``values``, [batch, elements] by variable, where NaN stands
        for elements beyond the end of an example. The steppers have been started."""
        way = self._way(values, draw)
        take = way.take
        for number in steps:
            take(number)
        way.finish()

    def _way(self, values: Values, draw: Draw) -> Way:
        """The fastest way that serves this density, draw rule and values."""
        stepper = self.steppers[0] if self.steppers else None
        if draw.noise is None or self.table is None or stepper is None:
            return ByValue(self, values, draw)
        (target,), ((conditional,),) = self.density.groups[0].targets, self.density.conditionals
        value, noise = values[target.variable.name], draw.noise[0][0]
        if target.variable.varies and bool(value.isnan().any()):
            return ByValue(self, values, draw)
        if isinstance(self.schedule, Steps) and stepper.slots is not None and self._takes_bits(target):
            if "bits" not in self.kept:
                self.kept["bits"] = ByThreshold(self.schedule, stepper, stepper.slots)
            self.kept["bits"].begin(value, noise)
            return self.kept["bits"]
        return ByCode(self.schedule, stepper, self.table, target, conditional, value, noise)

    def _takes_bits(self, target: TargetBlock) -> bool:
        """Says whether draws are of a Bernoulli family with a logit of its own, and the network reads 0 and 1."""
        bits = self.table is not None and self.table.shape == (2, 1) and self.table.flatten().tolist() == [0.0, 1.0]
        return bits and target.family.name == "bernoulli" and target.family.width == 1


class Way(ABC):
    """A way to take steps."""

    take: Callable[[int], None]
    """Takes one step, by number."""

    @abstractmethod
    def finish(self) -> None:
        """Writes into the values what steps have not written there."""


class ByValue(Way):
    """Steps of any model: draws are values, written into ``values`` and encoded for each network that reads them."""

    def __init__(self, walker: Walker, values: Values, draw: Draw) -> None:
        self._density, self._schedule, self._steppers = walker.density, walker.schedule, walker.steppers
        self._orders = walker.orders
        self._values, self._draw = values, draw
        self._features: dict[object, Tensor] = {}
        """The inputs of networks that are evaluated at once, by source: several read the same."""
        self._at_once: dict[int, list[Tensor]] = {}
        """All parameters of these networks, by group."""

    def take(self, number: int) -> None:
        density, values, step = self._density, self._values, self._schedule.step(number)
        for group, own_number, blocks in step.draws:
            stepper = self._steppers[group]
            rows, start = (None if stepper is None else stepper.parameters(own_number)), 0
            for block in blocks:
                target = density.groups[group].targets[block.block]
                conditional = density.conditionals[group][block.block]
                if rows is None:
                    parameters = self._parameters(group)[block.block][:, block.draws]
                else:
                    width, count = target.family.width, len(block.draws)
                    parameters = rows[start : start + count * width].unflatten(0, (count, width)).permute(2, 0, 1)
                    start += count * width
                store(values, target, block.draws, self._draw(block, target, conditional, parameters, values))
        for group, own_number, runs in step.inputs:
            stepper = self._steppers[group]
            if stepper is not None:
                stepper.write(own_number, columns(density, group, values, runs))
        rows = self._draw.after_step()
        if rows is not None:
            self._select(rows)

    def _select(self, rows: Tensor) -> None:
        """Continues with other examples: row ``b`` of all that depends on them becomes what row ``rows[b]`` was."""
        rows = rows.to(self._density.like.device)
        for value in self._values.values():
            value.copy_(value[rows])
        for stepper in self._steppers:
            if stepper is not None:
                stepper.select(rows)
        self._features = {source: features[rows] for source, features in self._features.items()}
        self._at_once = {group: [block[rows] for block in blocks] for group, blocks in self._at_once.items()}

    def _parameters(self, group: int) -> list[Tensor]:
        """The parameters of a group that is evaluated at once, [batch, draws, width] of each block."""
        if group not in self._at_once:
            density, sources = self._density, self._density.groups[group].sources
            network = density.networks_by_group[group]
            inputs = [self._read(source, network.reads) for source in sources]
            batch = len(next(iter(self._values.values())))
            inputs = inputs or [density.like.new_zeros(batch, 0)]
            together = inputs[0] if len(inputs) == 1 else torch.cat(inputs, 1)
            parameters = network(density.as_read(group, together), self._orders[group])
            self._at_once[group] = density.split(group, parameters)
        return self._at_once[group]

    def _read(self, source: SourceBlock, reads: str) -> Tensor:
        key = (source.variable.name, source.elements, reads)
        if key not in self._features:
            self._features[key] = encode_source(source, self._values[source.variable.name], reads)
        return self._features[key]

    def finish(self) -> None:
        """Does nothing: every draw is written into the values as soon as it is made."""


class ByCode(Way):
    """Steps of a density of one finite domain: draws stay codes until all are made, and reach the network through a
    ``table`` of features, [codes, features]."""

    def __init__(
        self,
        schedule: Schedule,
        stepper: Stepper,
        table: Tensor,
        target: TargetBlock,
        conditional: Conditional,
        value: Tensor,
        noise: Tensor,
    ) -> None:
        self._schedule, self._stepper, self._table = schedule, stepper, table
        self._target, self._conditional, self._value, self._noise = target, conditional, value, noise
        self._codes = conditional.domain.code(value).to(value.dtype)  # of what is known; what is drawn takes its place

    def take(self, number: int) -> None:
        ((_, own_number, (block,)),) = self._schedule.step(number).draws
        count, first = len(block.draws), int(block.draws[0])
        where = slice(first, first + 1) if count == 1 else block.draws  # the quicker index
        rows = self._stepper.parameters(own_number)
        parameters = rows.unflatten(0, (count, self._target.family.width)).permute(2, 0, 1)
        drawn = self._codes[:, where] = self._conditional.draw(parameters, self._noise[:, where])
        self._stepper.write(own_number, self._table[drawn.T.long()].transpose(1, 2).flatten(0, 1))

    def finish(self) -> None:
        value, end = self._conditional.domain.value(self._codes), self._target.variable.end
        self._value.copy_(value if end is None else ended(value[..., None], end)[..., 0])


class ByThreshold(Way):
    """Steps of bits that the network reads as they are: 1 where the logit exceeds −logit(u)."""

    def __init__(self, steps: Steps, stepper: Stepper, slots: Slots) -> None:
        self._slots = slots
        self._order = torch.as_tensor(steps.order, device=slots.every.device)
        dtype = torch.float64 if slots.every.dtype == torch.float64 else torch.float32  # of the noise
        self._every = torch.empty_like(slots.every, dtype=dtype)
        self._value = slots.every[:0].T
        parameters, advance, at, thresholds, greater = (
            stepper.parameters,
            stepper.advance,
            slots.at,
            self._every.split(steps.sizes),
            torch.gt,
        )

        def take(number: int) -> None:
            greater(parameters(number), thresholds[number], out=at[number])
            advance(number)

        self.take = take  # a step takes so little that looking names up would show

    def begin(self, value: Tensor, noise: Tensor) -> None:
        """Takes the noise [batch, draws, 1] of a walk into ``value``, [batch, draws]."""
        self._value = value
        self._every.copy_((-torch.logit(noise[..., 0])).T[self._order])

    def finish(self) -> None:
        self._value[:, self._order] = self._slots.every.T


def code_table(density: Density) -> Tensor | None:
    """The features of every code, [codes, features], where all draws of a density are of one finite domain, element by
    element, and its only network reads those of each."""
    if len(density.groups) != 1 or len(density.groups[0].targets) != 1:
        return None
    group, target, reads = density.groups[0], density.groups[0].targets[0], density.networks[0].reads
    domain = target.variable.element_domain(0)
    own = [s for s in group.sources if s.variable is target.variable]
    if target.factor.event_axes or target.variable.is_record or not domain.levels or domain.levels > _MOST_CODES:
        return None
    if reads != "features" or len(own) != 1 or own[0].elements != range(target.variable.size) or not target.whole:
        return None
    codes = torch.arange(domain.levels, dtype=value_type(target.variable, density.like), device=density.like.device)
    return domain.to_features(domain.value(codes)).to(density.like.dtype)


def columns(density: Density, group: int, values: Values, runs: Sequence[range]) -> Tensor:
    """The inputs that some source elements of a group give its network, [columns, batch]."""
    blocks = [density.inputs(group, values, run).T for run in runs]
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat(blocks) if blocks else density.like.new_zeros(0, len(next(iter(values.values()))))


def store(values: Values, target: TargetBlock, draws: np.ndarray, drawn: Tensor) -> None:
    """Writes draws [batch, draws(, event)] of a block into ``values``; NaN beyond an example's end."""
    value, elements = values[target.variable.name], target.elements[draws].reshape(-1)
    drawn = drawn.reshape(len(value), len(elements)).to(value.dtype)
    if target.variable.varies:
        drawn = drawn.masked_fill(value[:, elements].isnan(), torch.nan)
    value[:, elements] = drawn
    if target.variable.end is not None:  # all that comes before an element is drawn before it, or with it
        ends = value[:, : int(elements[-1]) + 1] == target.variable.end
        after = ends.cumsum(1)[:, elements] > ends[:, elements]
        value[:, elements] = drawn.masked_fill(after, torch.nan)
