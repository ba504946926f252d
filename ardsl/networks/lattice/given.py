"""The sources that a lattice network reads besides its own variable: those that reach every site, as they are or as a
map, and sources aligned to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ardsl.diagnostics import Diagnostic
from ardsl.model.model import Context
from ardsl.networks.context import ContextNetwork, ContextPlan
from ardsl.networks.group import Group, SourceBlock
from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.options import completed
from ardsl.networks.registry import context_network, faults_of
from ardsl.relations import Affine, AxisPart, Part

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Through:
    """A source that becomes a map of features first."""

    source: SourceBlock
    positions: tuple[int, ...]
    network: ContextNetwork
    options: dict[str, Any]

    @cached_property
    def plan(self) -> ContextPlan:
        with self._faults():
            return self.network.plan(self.source, self.positions, self.options)

    def problems(self, context: Context) -> list[Diagnostic]:
        """The reasons why the network cannot take the source."""
        with self._faults():
            return list(self.network.problems(context, self.source, self.positions))

    def build(self) -> torch.nn.Module:
        with self._faults():
            return self.network.build(self.source, self.positions, self.options)

    def _faults(self) -> AbstractContextManager[None]:
        return faults_of(self.network.name, "ardsl.context_networks")


@dataclass(frozen=True)
class Spread:
    """A source whose part at a position enters every layer, so that later positions read it too."""

    source: SourceBlock
    part: Part
    at: Affine
    """The cell of the source, along its first axis, that each position is at."""
    learned: bool
    """True where each of the positions at one cell has weights of its own."""

    @property
    def features(self) -> int:
        """Of a position."""
        return prod(self.part.source_shape[1:]) * self.source.variable.element_domain(0).features

    @property
    def phases(self) -> int:
        """The number of positions at one cell."""
        return self.at.divisor

    def cells(self) -> tuple[np.ndarray, np.ndarray]:
        """The cell of the source, along its first axis, that each position is at, −1 outside it; and the position's
        number among those at the cell: int64 [positions]."""
        time = np.arange(self.part.target_shape[0])
        cell = self.at.at([time], len(time))
        inside = (cell >= 0) & (cell < self.part.source_shape[0])
        return np.where(inside, cell, -1), (self.at.multiplier * time + self.at.inner) % self.at.divisor


@dataclass(frozen=True)
class Given:
    """The sources of a group that are not its own variable."""

    whole: tuple[SourceBlock, ...]
    """Read by every site."""
    aligned: tuple[tuple[SourceBlock, Part], ...]
    """Each position reads a part of its own."""
    through: tuple[Through, ...]
    """Read whole by every site, through networks of their own."""
    spread: tuple[Spread, ...] = ()
    """Read by every layer, each position at its own part."""

    @property
    def whole_features(self) -> int:
        return sum(source.features for source in self.whole)

    @property
    def sources(self) -> tuple[SourceBlock, ...]:
        """The sources that every site reads all of."""
        return (*self.whole, *(mapped.source for mapped in self.through))

    @property
    def map_features(self) -> int:
        """The number of features that maps give each position."""
        return sum(source.plan.features for source in self.through) + sum(source.features for source in self.spread)

    @property
    def aligned_features(self) -> int:
        """Of each position."""
        return sum(_cell_size(part) * source.variable.element_domain(0).features for source, part in self.aligned)


def given(group: Group, lattice: Lattice, upsampling: str = "repeated") -> Given:
    """The sources by how they are read. ``upsampling``: of what is spread, ``learned`` or ``repeated``."""
    whole, aligned, through, spread = [], [], [], []
    own = group.targets[0].variable
    for source in group.sources:
        if source.variable is own:
            continue
        contexts = [c for c in group.factors[0].contexts if c.variable == source.variable.name]
        parts = [c.selection for c in contexts if isinstance(c.selection, Part)]
        call = contexts[0].network
        if call is not None:
            network = context_network(call.name)
            through.append(Through(source, lattice.shape, network, completed(call, network)))
        elif parts and (at := _end(parts[0].axis_parts, lattice)) is not None:
            spread.append(Spread(source, parts[0], at, upsampling == "learned"))
        elif parts and len(parts) == len(contexts):
            aligned.append((source, parts[0]))
        else:
            whole.append(source)
    return Given(tuple(whole), tuple(aligned), tuple(through), tuple(spread))


def _end(parts: Sequence[AxisPart], lattice: Lattice) -> Affine | None:
    """The cell that a time step is at, if what is read along the axes of a source is all up to it in the order of
    time."""
    if not parts:
        return None
    first, *others = parts
    if len(lattice.shape) != 1 or first.low == first.high or not all(part_read.whole for part_read in others):
        return None
    end = first.high if lattice.priority and lattice.priority[0] == (0, 1) else first.low
    return end if end is not None and end.axis == 0 and end.multiplier == 1 else None


def _spread_reason(context: Context, lattice: Lattice) -> str:
    first = next(iter(context.selection.axis_parts), AxisPart())
    if first.low is not None and first.low == first.high and len(lattice.shape) == 1:
        return "what enters at one time step reaches later ones: read all up to it, as in `y[..t / 80, *]`"
    return "of another variable it reads the whole, or all up to a time step, as in `y[..t / 80, *]`"


def unreadable(group: Group, lattice: Lattice, spreads: bool) -> Iterator[tuple[Context, str]]:
    """The contexts on other variables that cannot be read, each with the reason; ``spreads``: the network passes on
    what enters at one position to others."""
    own = group.targets[0].variable.name
    seen: set[str] = set()
    for context in group.factors[0].contexts:
        if context.variable == own:
            continue
        if context.variable in seen:
            yield context, f"it reads `{context.variable}` in a second way"
        seen.add(context.variable)
        if context.selection.same_for_all:
            continue
        if context.network is not None:
            yield context, f"`{context.network.name}` takes the whole of `{context.variable}`"
            continue
        parts = context.selection.axis_parts
        if spreads:
            if _end(parts, lattice) is None:
                yield context, _spread_reason(context, lattice)
        elif not parts or any(_index(part.low, part.high) is None and not part.whole for part in parts):
            yield context, "of another variable it reads the whole, or one aligned element along an axis"
        elif any(p.low is not None and (p.low.axis or 0) >= len(lattice.shape) for p in parts):
            yield context, "what it reads may not depend on the channel"


def _index(low: Affine | None, high: Affine | None) -> Affine | None:
    """The single index that is read along an axis, if it is one."""
    return low if low is not None and low == high else None


def _cell_size(part: Part) -> int:
    """The number of elements of a source that a position is aligned to."""
    return prod(size for axis_part, size in zip(part.parts, part.source_shape, strict=True) if axis_part.low is None)


def alignment(part: Part, lattice: Lattice) -> np.ndarray:
    """The elements that each position reads, −1 where they lie outside the source: int64 [positions, elements]."""
    positions = np.unravel_index(np.arange(lattice.positions), lattice.shape)
    elements = np.zeros((lattice.positions, 1), dtype=np.int64)
    outside = np.zeros(lattice.positions, dtype=bool)
    for axis_part, size in zip(part.parts, part.source_shape, strict=True):
        if axis_part.low is None:
            index = np.broadcast_to(np.arange(size), (lattice.positions, size))
        else:
            index = axis_part.low.at(positions, lattice.positions)[:, None]
            outside |= (index[:, 0] < 0) | (index[:, 0] >= size)
        elements = (elements[:, :, None] * size + index[:, None, :]).reshape(lattice.positions, -1)
    return np.where(outside[:, None], -1, elements)
