"""Contexts as written, before an order is chosen: each gives a relation under each order of its target variable.

``<`` goes by rank; everything else is index space, read off coordinates.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from ardsl.relations.arrays import NONE, expanded, joined
from ardsl.relations.band import common_band
from ardsl.relations.boxes import (
    Box,
    box_maxima,
    box_sizes,
    boxed_pairs,
    clipped,
    greatest_in_boxes,
    monotone_axes,
    unraveled,
)
from ardsl.relations.layering import require_few_edges
from ardsl.relations.lexicographic import earlier_in_box, priority
from ardsl.relations.order import Order
from ardsl.relations.relation import Relation, Rows, Stretches

_PORTION = 1 << 18
"""Targets that are looked at together."""


def _at(elements: range, positions: np.ndarray) -> np.ndarray:
    """``elements`` at these positions, without listing them all."""
    return elements.start + elements.step * positions


class Selection(ABC):
    """The source elements that each target element reads, as a function of the target variable's order."""

    @abstractmethod
    def relation(self, order: Order) -> Relation:
        """Target elements × source elements under ``order``."""

    @property
    def all_sources(self) -> bool:
        """Says whether every target reads every source."""
        return False

    @property
    def all_earlier(self) -> bool:
        """Says whether every element of the variable reads all that is earlier."""
        return False

    @property
    def same_for_all(self) -> bool:
        """Says whether every target reads the same sources, under any order."""
        return False

    @property
    def always_earlier(self) -> bool:
        """Says whether it reads earlier elements under any order, by its form alone."""
        return False

    @property
    def counts_draws(self) -> bool:
        """Says whether it reads a number of draws, wherever they are."""
        return False

    @property
    def named(self) -> tuple[int, ...] | None:
        """The source elements that it reads by name; None where it reads others."""
        return None

    @property
    def axis_parts(self) -> tuple[AxisPart, ...]:
        """The parts read along each axis of the source, of a box; else none."""
        return ()

    def placed_axes(self, axes: tuple[int, ...] | None = None) -> tuple[int, ...]:
        """The axes of the source along which a target reads by its own place, or by that along some of its ``axes``."""
        if axes is None:
            return tuple(axis for axis, part in enumerate(self.axis_parts) if not part.whole)
        moved = [any(_moves(end, axes) for end in (part.low, part.high)) for part in self.axis_parts]
        return tuple(np.flatnonzero(moved).tolist())

    def earlier_within(self, axes: int) -> tuple[int | None, ...] | None:
        """The distances along an array's ``axes`` up to which each target reads all that is earlier, None of an axis
        without limit; None where it does not read so."""
        return None

    def slots(
        self, order: Order, targets: np.ndarray, sources: np.ndarray, axes: tuple[int, ...] | None = None
    ) -> list[np.ndarray]:
        """Numbers of pairs of a target and a source that it reads, each int64 [pairs], which together tell the sources
        of a target apart in a way that is the same for every target: by distance where what is read moves.

        Of some ``axes`` of the target's variable, the same for targets that differ along these alone.
        """
        return [sources]


@dataclass(frozen=True)
class Everything(Selection, Relation):
    """Every target reads every source: ``y``."""

    targets: int
    sources: int

    def relation(self, order: Order) -> Relation:
        return self

    @property
    def all_sources(self) -> bool:
        return True

    @property
    def same_for_all(self) -> bool:
        return True

    def rows(self, targets: np.ndarray) -> Rows:
        return np.ones((len(targets), self.sources), dtype=bool)

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return np.ones(len(targets), dtype=bool)

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return np.full(len(targets), self.sources, dtype=np.int64)

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        return np.full(self.targets, numbers.max(initial=NONE))

    def select(self, targets: range | np.ndarray) -> Everything:
        return Everything(len(targets), self.sources)

    def columns(self, sources: Sequence[int]) -> Everything:
        return Everything(self.targets, len(sources))


@dataclass(frozen=True)
class Listed(Selection, Relation):
    """Every target reads these sources: ``person.age``."""

    targets: int
    sources: int
    read: tuple[int, ...]

    def relation(self, order: Order) -> Relation:
        return self

    @property
    def same_for_all(self) -> bool:
        return True

    @property
    def named(self) -> tuple[int, ...]:
        return self.read

    def rows(self, targets: np.ndarray) -> Rows:
        row = np.zeros(self.sources, dtype=bool)
        row[list(self.read)] = True
        return np.broadcast_to(row, (len(targets), self.sources))

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        read = np.array(sorted(set(self.read)), dtype=np.int64)
        return np.repeat(np.arange(len(targets)), len(read)), np.tile(read, len(targets))

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return np.isin(sources, self.read)

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return np.full(len(targets), len(set(self.read)), dtype=np.int64)

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        return np.full(self.targets, numbers[list(self.read)].max(initial=NONE))

    def select(self, targets: range | np.ndarray) -> Listed:
        return Listed(len(targets), self.sources, self.read)

    def columns(self, sources: Sequence[int]) -> Listed:
        read = set(self.read)
        return Listed(self.targets, len(sources), tuple(k for k, source in enumerate(sources) if source in read))


@dataclass(frozen=True)
class Earlier(Selection):
    """``x[<i]``: every element of strictly lower rank, perhaps ``within`` limits or the ``last`` few.

    ``limits`` holds one distance per axis, None where there is no limit. ``elements`` are the targets, where they are
    not the whole variable. ``last`` counts ranks, so where one draw covers several elements it counts draws.
    """

    limits: tuple[int | None, ...] | None = None
    last: int | None = None
    elements: range | None = None

    def relation(self, order: Order) -> Relation:
        return EarlierInOrder(order, self.limits, self.last, self.elements or range(order.size))

    @property
    def all_earlier(self) -> bool:
        return self == Earlier()

    @property
    def always_earlier(self) -> bool:
        return True

    @property
    def counts_draws(self) -> bool:
        return self.last is not None

    def earlier_within(self, axes: int) -> tuple[int | None, ...] | None:
        if self.last is not None:
            return None
        return (None,) * axes if self.limits is None else self.limits

    def slots(
        self, order: Order, targets: np.ndarray, sources: np.ndarray, axes: tuple[int, ...] | None = None
    ) -> list[np.ndarray]:
        elements = _at(self.elements or range(order.size), targets)
        if self.limits is not None or axes is not None:
            at = zip(unraveled(elements, order.shape), unraveled(sources, order.shape), strict=True)
            return [own - other if axes is None or axis in axes else other for axis, (own, other) in enumerate(at)]
        # Elements of one rank are told apart by their place in it.
        by_rank, starts = order.by_rank
        place = np.empty(order.size, dtype=np.int64)
        place[by_rank] = np.arange(order.size) - starts[order.rank[by_rank]]
        return [order.rank[elements] - order.rank[sources], place[sources]]


@dataclass(frozen=True, eq=False)
class EarlierInOrder(Relation):
    """``Earlier`` under one order."""

    order: Order
    limits: tuple[int | None, ...] | None
    last: int | None
    elements: range

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.elements)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.order.size

    def rows(self, targets: np.ndarray) -> Rows:
        elements = _at(self.elements, targets)
        rank = self.order.rank
        own_rank = rank[elements][:, None]
        rows = rank < own_rank
        if self.last is not None:
            rows &= rank >= own_rank - self.last
        shape = self.order.shape
        for axis, limit in enumerate(self.limits or ()):
            if limit is not None:
                after = prod(shape[axis + 1 :])
                at = elements // after % shape[axis]
                near = np.abs(at[:, None] - np.arange(shape[axis])) <= limit
                by_axis = rows.reshape(len(targets), prod(shape[:axis]), shape[axis], after)  # a view
                by_axis &= near[:, None, :, None]
        return rows

    def reads(self, target: int) -> np.ndarray:
        if self.limits is not None or self.last is not None:
            return super().reads(target)
        rank = self.order.rank
        return np.flatnonzero(rank < rank[_at(self.elements, np.array([target]))])

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        elements = _at(self.elements, targets)
        if self.limits is None:
            starts, counts = self._ranges(elements)
            owner, position = expanded(starts, counts)
            sources = self.order.by_rank[0][position]
            sorting = np.lexsort((sources, owner))
            return owner[sorting], sources[sorting]
        owner, sources = boxed_pairs(self._boxes(elements), self.order.shape, len(targets))
        kept = self.holds(targets[owner], sources)
        return owner[kept], sources[kept]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        elements = _at(self.elements, targets)
        behind = self.order.rank[elements] - self.order.rank[sources]
        held = behind > 0
        if self.last is not None:
            held &= behind <= self.last
        if self.limits is not None:
            target_at, source_at = unraveled(elements, self.order.shape), unraveled(sources, self.order.shape)
            for limit, at, other in zip(self.limits, target_at, source_at, strict=True):
                if limit is not None:
                    held &= np.abs(at - other) <= limit
        return held

    def layers(self, order: Order | None = None) -> np.ndarray:
        return super().layers(order or self.order)

    def depth(self, order: Order | None = None) -> int:
        return super().depth(order or self.order)

    def reads_all_earlier(self, order: Order) -> bool:
        """Told of those that read all of every rank before: each element waits for the last of them."""
        limited = any(limit is not None for limit in self.limits or ())
        return self.order == order and len(self.elements) == order.size and not limited

    def counts(self, targets: np.ndarray) -> np.ndarray:
        elements = _at(self.elements, targets)
        if self.limits is None:
            return self._ranges(elements)[1]
        compared = priority(self.order)
        if compared is None or self.last is not None or not self.limits:
            return super().counts(targets)
        at = unraveled(elements, self.order.shape)
        return earlier_in_box(compared, at, clipped(self._boxes(elements), self.order.shape))

    @property
    def _whole(self) -> bool:
        """Every element reads all that are ranked lower, and no two share a rank."""
        return self.limits is None and self.last is None and self.order.total and self.targets == self.sources

    def row_counts(self) -> np.ndarray:
        return self.order.rank if self._whole else super().row_counts()

    @property
    def count(self) -> int:
        return self.sources * (self.sources - 1) // 2 if self._whole else super().count

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        elements = _at(self.elements, targets)
        counts = self._ranges(elements)[1]
        if self.limits is None:
            return counts
        return np.minimum(counts, box_sizes(clipped(self._boxes(elements), self.order.shape), len(targets)))

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        """Along the order, what is read without limits is a range: from the start, or the last few ranks."""
        if any(limit is not None for limit in self.limits or ()):
            return super().greatest(numbers)
        first, counts = self._ranges(_at(self.elements, np.arange(self.targets)))
        nonempty = np.flatnonzero(counts)
        first, last = first[nonempty], (first + counts - 1)[nonempty]
        by_rank = numbers[self.order.by_rank[0]]
        greatest = np.full(self.targets, NONE)
        if self.last is None:
            greatest[nonempty] = np.maximum.accumulate(by_rank)[last]
        elif len(nonempty):
            greatest[nonempty] = box_maxima(by_rank, [(first, last)])
        return greatest

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        if not any(limit is not None for limit in self.limits or ()):
            return super().farthest(axis, shape, targets, sources)
        everyone = np.arange(self.sources)
        in_place = shape == self.order.shape and np.array_equal(sources, everyone)
        if in_place and self.last is None and self.order.total and np.array_equal(targets, everyone[:, None]):
            # Of any two elements one is the earlier, so two that differ by the limit along this axis alone decide it.
            limit, farthest = (self.limits or ())[axis], shape[axis] - 1
            return farthest if limit is None else min(limit, farthest)
        require_few_edges(int(self.at_most(np.arange(self.targets)).sum()))
        target, source = self.pairs(np.arange(self.targets))
        placed = sources[source] >= 0
        at = unraveled(targets[target[placed]], shape)[axis]
        there = unraveled(sources[source[placed]], shape)[axis]
        return int(np.abs(at - there[:, None]).max(initial=0))

    def select(self, targets: range | np.ndarray) -> Relation:
        if not isinstance(targets, range):
            return super().select(targets)
        return replace(self, elements=self.elements[targets.start : targets.stop : targets.step])

    @property
    def translation_invariant(self) -> bool:
        return self.last is None and priority(self.order) is not None

    def _boxes(self, elements: np.ndarray) -> Box:
        """The box of elements that the limits allow each element, earlier or not."""
        at = unraveled(elements, self.order.shape)
        return [
            (np.zeros_like(coordinate), np.full_like(coordinate, size - 1))
            if limit is None
            else (coordinate - limit, coordinate + limit)
            for coordinate, size, limit in zip(at, self.order.shape, self.limits or (), strict=True)
        ]

    def _ranges(self, elements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The place, among the elements by rank, where those that each element reads begin, and their number."""
        rank = self.order.rank[elements]
        if self.order.total:
            first = np.zeros_like(rank) if self.last is None else np.maximum(rank - self.last, 0)
            return first, rank - first
        starts = self.order.by_rank[1]
        first = starts[np.maximum(rank - self.last, 0)] if self.last is not None else np.zeros_like(rank)
        return first, starts[rank] - first


@dataclass(frozen=True)
class Affine:
    """``(multiplier · t + inner) / divisor + offset``, rounded down, where t is the target's coordinate on ``axis``.

    ``axis`` None: the constant ``offset``.
    """

    axis: int | None
    multiplier: int = 1
    inner: int = 0
    divisor: int = 1
    offset: int = 0

    def at(self, coordinates: Sequence[np.ndarray], count: int) -> np.ndarray:
        if self.axis is None:
            return np.full(count, self.offset, dtype=np.int64)
        return (self.multiplier * coordinates[self.axis] + self.inner) // self.divisor + self.offset


@dataclass(frozen=True)
class AxisPart:
    """The part read along one axis of the source: from ``low`` to ``high``, both included; None is the array's end."""

    low: Affine | None = None
    high: Affine | None = None

    @property
    def whole(self) -> bool:
        """Says whether all along the axis is read."""
        return self.low is None and self.high is None


@dataclass(frozen=True)
class Part(Selection, Relation):
    """``x[t-3..t-1, *]``, ``low[r / 4, c / 4]``: a box of the source that moves with the target's coordinates.

    What falls outside the array is nothing. ``elements`` are the targets, where they are not the whole variable.
    """

    target_shape: tuple[int, ...]
    source_shape: tuple[int, ...]
    parts: tuple[AxisPart, ...]
    elements: range | None = None

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.elements) if self.elements is not None else prod(self.target_shape)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return prod(self.source_shape)

    def relation(self, order: Order) -> Relation:
        return self

    @property
    def axis_parts(self) -> tuple[AxisPart, ...]:
        return self.parts

    def slots(
        self, order: Order, targets: np.ndarray, sources: np.ndarray, axes: tuple[int, ...] | None = None
    ) -> list[np.ndarray]:
        places = unraveled(sources, self.source_shape)
        return [
            (high if _moves(part.high, axes) else low if _moves(part.low, axes) else 0) - at
            for part, (low, high), at in zip(self.parts, self.bounds(targets), places, strict=True)
        ]

    def bounds(self, targets: np.ndarray) -> Box:
        """Per source axis the lowest and highest index read, before clipping to the array: int64 [targets] each."""
        elements = targets if self.elements is None else _at(self.elements, targets)
        coordinates = unraveled(elements, self.target_shape)
        bounds = []
        for part, size in zip(self.parts, self.source_shape, strict=True):
            low = part.low.at(coordinates, len(targets)) if part.low else np.zeros(len(targets), dtype=np.int64)
            high = part.high.at(coordinates, len(targets)) if part.high else np.full(len(targets), size - 1)
            bounds.append((low, high))
        return bounds

    def rows(self, targets: np.ndarray) -> Rows:
        rows = np.ones((len(targets), 1), dtype=bool)
        for (low, high), size in zip(self.bounds(targets), self.source_shape, strict=True):
            index = np.arange(size)
            read = (low[:, None] <= index) & (index <= high[:, None])
            rows = (rows[:, :, None] & read[:, None, :]).reshape(len(targets), rows.shape[1] * size)
        return rows

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return boxed_pairs(self.bounds(targets), self.source_shape, len(targets))

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        held = np.ones(len(targets), dtype=bool)
        there = unraveled(sources, self.source_shape)
        for (low, high), at in zip(self.bounds(targets), there, strict=True):
            held &= (low <= at) & (at <= high)
        return held

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return box_sizes(clipped(self.bounds(targets), self.source_shape), len(targets))

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        grid = numbers.reshape(self.source_shape)
        ways = monotone_axes(grid)
        return joined(
            [greatest_in_boxes(grid, self.bounds(targets), len(targets), ways) for targets in self._portions()]
        )

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        if shape != self.source_shape or not np.array_equal(sources, np.arange(self.sources)):
            return super().farthest(axis, shape, targets, sources)
        farthest = 0
        for portion in self._portions():
            boxes = clipped(self.bounds(portion), shape)
            reads = np.all([low <= high for low, high in boxes], axis=0)
            (low, high), at = boxes[axis], unraveled(targets[portion], shape)[axis]
            distances = np.maximum(at.max(axis=1, initial=0) - low, high - at.min(axis=1, initial=shape[axis]))
            farthest = max(farthest, int(distances[reads].max(initial=0)))
        return farthest

    def select(self, targets: range | np.ndarray) -> Relation:
        if not isinstance(targets, range):
            return super().select(targets)
        elements = range(prod(self.target_shape)) if self.elements is None else self.elements
        return replace(self, elements=elements[targets.start : targets.stop : targets.step])

    def stretches(self) -> Stretches | None:
        """Of a box that moves along the first axis of its source only, and covers all of the others."""
        if not self.parts or not all(part.whole for part in self.parts[1:]):
            return None
        low, high = self.bounds(np.arange(self.targets))[0]
        return Stretches(np.maximum(low, 0), np.minimum(high, self.source_shape[0] - 1), self.source_shape[0])

    def common(self, other: Relation) -> Relation | None:
        both = common_band(self, other)
        return super().common(other) if both is None else both

    def _portions(self) -> Iterator[np.ndarray]:
        return (np.arange(first, min(first + _PORTION, self.targets)) for first in range(0, self.targets, _PORTION))


def _moves(bound: Affine | None, axes: tuple[int, ...] | None) -> bool:
    """Says whether an end moves with a target along some axes, or along any (None)."""
    return bound is not None and bound.axis is not None and (axes is None or bound.axis in axes)
