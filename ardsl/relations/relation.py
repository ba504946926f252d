"""Which element may read which: a boolean relation between two index spaces.

Everything the compiler reasons about is one of these: a declared context, a layer of a plan, and, by composition,
the realized graph. Elements are numbered by their flat (row-major) index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ardsl.relations.arrays import NONE, distinct, joined
from ardsl.relations.layering import edge_layers, require_few_cells, require_few_edges, require_few_elements
from ardsl.relations.order import Order

Rows = np.ndarray
"""A boolean array [targets, sources]."""

CHUNK = 1 << 24
"""Booleans that are worked on at once."""

_PORTION = 1 << 20
"""Pairs that are listed at once."""


class Relation(ABC):
    """Target ``j`` reads source ``i``. Symbolic where it has structure; ``rows`` is the one thing each form owes."""

    targets: int
    sources: int

    @abstractmethod
    def rows(self, targets: np.ndarray) -> Rows:
        """The rows of the given targets, bool [len(targets), sources]."""

    def matrix(self) -> Rows:
        """The whole relation, bool [targets, sources]; for small index spaces."""
        return self.rows(np.arange(self.targets))

    def reads(self, target: int) -> np.ndarray:
        """The sources one target reads, ascending."""
        return np.flatnonzero(self.rows(np.array([target]))[0])

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All pairs of these targets: the position of each in ``targets``, ascending, and its source."""
        positions, sources = [], []
        done = 0
        for chunk in self._chunks(targets):
            position, source = np.nonzero(self.rows(chunk))
            positions.append(position + done)
            sources.append(source)
            done += len(chunk)
        return joined(positions), joined(sources)

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        """Whether ``targets[k]`` reads ``sources[k]``, bool [k]."""
        found = np.empty(len(targets), dtype=bool)
        done = 0
        for chunk in self._chunks(targets):
            here = slice(done, done + len(chunk))
            found[here] = np.take_along_axis(self.rows(chunk), sources[here, None], axis=1)[:, 0]
            done += len(chunk)
        return found

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """How many sources each of these targets reads, int64 [len(targets)]."""
        return joined([self.rows(chunk).sum(axis=1) for chunk in self._chunks(targets)])

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        """A bound on ``counts`` that costs no unrolling where the relation has structure."""
        return self.counts(targets)

    def row_counts(self) -> np.ndarray:
        """How many sources every target reads, int64 [targets]."""
        return self.counts(np.arange(self.targets))

    def column_counts(self) -> np.ndarray:
        """How many targets read each source, int64 [sources]."""
        counts = np.zeros(self.sources, dtype=np.int64)
        for chunk in self._chunks(np.arange(self.targets)):
            counts += self.rows(chunk).sum(axis=0)
        return counts

    def totals(self, sizes: np.ndarray) -> np.ndarray:
        """The sum of the ``sizes`` of what every target reads: int64 [sources] to int64 [targets]."""
        return joined([self.rows(chunk) @ sizes for chunk in self._chunks(np.arange(self.targets))])

    @property
    def count(self) -> int:
        """The number of pairs."""
        return int(self.row_counts().sum())

    @property
    def most(self) -> int:
        """The most sources that a target reads."""
        return int(self.row_counts().max(initial=0))

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        """The greatest of the ``numbers``, int64 [sources], that each target reads, int64 [targets]: ``NONE`` where it
        reads nothing.

        Raises:
            TooLargeError: where the answer takes a look at more cells of the matrix than are unrolled.
        """
        require_few_cells(self.targets * self.sources)
        rows = (self.rows(chunk) for chunk in self._chunks(np.arange(self.targets)))
        return joined([np.where(each, numbers, NONE).max(axis=1, initial=NONE) for each in rows])

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        """The largest distance along an axis of an array between a target and what it reads in the array; 0 where that
        is nothing.

        Args:
            axis: the axis of the array.
            shape: the array's shape.
            targets: the elements of the array that each target covers, int64 [targets, elements].
            sources: the element of the array that each source is, int64 [sources]; −1 of those that lie elsewhere.

        Raises:
            TooLargeError: where the answer takes a look at more than is unrolled.
        """
        placed = sources >= 0
        if not placed.any():
            return 0
        along = np.where(placed, np.unravel_index(np.maximum(sources, 0), shape)[axis], NONE)
        greatest = self.greatest(along)
        least = -self.greatest(np.where(placed, -along, NONE))
        at = np.unravel_index(targets, shape)[axis]
        distances = np.maximum(at.max(axis=1, initial=0) - least, greatest - at.min(axis=1, initial=shape[axis]))
        return int(distances[greatest > NONE].max(initial=0))

    def layers(self, order: Order | None = None) -> np.ndarray:
        """The longest-path layering of a square relation: the step of each element, after the steps of all that it
        reads and as early as can be, int64 [targets].

        A full context takes one step per element, a window sweeps a wavefront, a weak order takes one step per group.
        ``order`` is one that the relation is known to respect: where it decides the steps, nothing is unrolled.

        Raises:
            CycleError: where elements wait for each other.
            TooLargeError: where the answer takes more pairs than are unrolled.
        """
        return order.rank if order is not None and self.follows(order) else self._layers()

    def depth(self, order: Order | None = None) -> int:
        """The number of steps of :meth:`layers`, which is that of the elements on the longest path."""
        return order.steps if order is not None and self.follows(order) else self._depth()

    def follows(self, order: Order) -> bool:
        """Whether each step is one rank: every element waits for one of the rank before, if for nothing else.

        Told for a relation that respects ``order``; False where it isn't plain to see.
        """
        if self.reads_all_earlier(order):
            return True
        if not order.total or self.targets != order.size:
            return False
        return bool(self.holds(order.permutation[1:], order.permutation[:-1]).all())

    def reads_all_earlier(self, order: Order) -> bool:
        """Whether every element plainly reads all of the rank before its own; False where it isn't plain to see."""
        return False

    def _layers(self) -> np.ndarray:
        return edge_layers(self.targets, *self._edges())

    def _depth(self) -> int:
        return int(self._layers().max(initial=-1)) + 1

    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        """All (target, source) pairs, unless they may be too many."""
        require_few_elements(self.targets)
        everyone = np.arange(self.targets)
        upto = np.cumsum(self.at_most(everyone))
        most = int(upto[-1]) if len(upto) else 0
        require_few_edges(most)
        targets, sources = [], []
        for chunk in np.split(everyone, distinct(np.searchsorted(upto, np.arange(_PORTION, most, _PORTION)))):
            position, source = self.pairs(chunk)
            targets.append(chunk[position])
            sources.append(source)
        return joined(targets), joined(sources)

    def __contains__(self, pair: tuple[int, int]) -> bool:
        target, source = pair
        return bool(self.holds(np.array([target]), np.array([source]))[0])

    def _chunks(self, targets: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, CHUNK // max(1, self.sources))
        return (targets[start : start + size] for start in range(0, len(targets), size))


@dataclass(frozen=True, eq=False)
class Union(Relation):
    """A pair stands here if it stands in one of the parts; without parts, in none."""

    targets: int
    sources: int
    parts: tuple[Relation, ...]

    def rows(self, targets: np.ndarray) -> Rows:
        found = np.zeros((len(targets), self.sources), dtype=bool)
        for part in self.parts:
            found |= part.rows(targets)
        return found

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        each = [part.pairs(targets) for part in self.parts]
        if len(each) == 1:
            return each[0]
        positions, sources = joined([p for p, _ in each]), joined([s for _, s in each])
        both = distinct(positions * self.sources + sources)
        return np.divmod(both, max(self.sources, 1))

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        found = np.zeros(len(targets), dtype=bool)
        for part in self.parts:
            found |= part.holds(targets, sources)
        return found

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return self.parts[0].counts(targets) if len(self.parts) == 1 else super().counts(targets)

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        found = np.zeros(len(targets), dtype=np.int64)
        for part in self.parts:
            found += part.at_most(targets)
        return found

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        greatest = np.full(self.targets, NONE)
        for part in self.parts:
            greatest = np.maximum(greatest, part.greatest(numbers))
        return greatest

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        return max((part.farthest(axis, shape, targets, sources) for part in self.parts), default=0)

    def reads_all_earlier(self, order: Order) -> bool:
        return any(part.reads_all_earlier(order) for part in self.parts)


@dataclass(frozen=True, eq=False)
class Beside(Relation):
    """The sources of several relations side by side: what a factor reads of each of its variables."""

    targets: int
    parts: tuple[Relation, ...]

    @property
    def sources(self) -> int:  # type: ignore[override]
        return sum(part.sources for part in self.parts)

    def rows(self, targets: np.ndarray) -> Rows:
        return np.concatenate([np.zeros((len(targets), 0), dtype=bool), *(p.rows(targets) for p in self.parts)], axis=1)

    def reads(self, target: int) -> np.ndarray:
        starts = np.cumsum([0, *(part.sources for part in self.parts)])
        return joined([part.reads(target) + start for part, start in zip(self.parts, starts, strict=False)])

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return sum((part.counts(targets) for part in self.parts), np.zeros(len(targets), dtype=np.int64))

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        found, start = np.full(self.targets, NONE), 0
        for part in self.parts:
            found = np.maximum(found, part.greatest(numbers[start : start + part.sources]))
            start += part.sources
        return found

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        ends = np.cumsum([part.sources for part in self.parts])
        placed = zip(self.parts, np.split(sources, ends[:-1]), strict=False)
        return max((part.farthest(axis, shape, targets, own) for part, own in placed), default=0)

    def row_counts(self) -> np.ndarray:
        return sum((part.row_counts() for part in self.parts), np.zeros(self.targets, dtype=np.int64))

    @property
    def count(self) -> int:
        return sum(part.count for part in self.parts)

    @property
    def most(self) -> int:
        same = [part.most for part in self.parts if part.count == self.targets * part.most]
        others = [part for part in self.parts if part.count != self.targets * part.most]
        return sum(same) + (others[0].most if len(others) == 1 else super().most - sum(same) if others else 0)


@dataclass(frozen=True, eq=False)
class Stacked(Relation):
    """Every target has the row that one of several relations gives it: the factors of one variable.

    Each part comes with the targets whose rows it holds, in order. A target that no part names reads nothing.
    """

    targets: int
    sources: int
    parts: tuple[tuple[range, Relation], ...]

    def rows(self, targets: np.ndarray) -> Rows:
        found = np.zeros((len(targets), self.sources), dtype=bool)
        for here, positions, part in self._split(targets):
            found[here] = part.rows(positions)
        return found

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        each = [(here, *part.pairs(positions)) for here, positions, part in self._split(targets)]
        owner = joined([here[positions] for here, positions, _ in each])
        sorting = np.argsort(owner, kind="stable")
        return owner[sorting], joined([sources for _, _, sources in each])[sorting]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        found = np.zeros(len(targets), dtype=bool)
        for here, positions, part in self._split(targets):
            found[here] = part.holds(positions, sources[here])
        return found

    def counts(self, targets: np.ndarray) -> np.ndarray:
        found = np.zeros(len(targets), dtype=np.int64)
        for here, positions, part in self._split(targets):
            found[here] = part.counts(positions)
        return found

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        found = np.zeros(len(targets), dtype=np.int64)
        for here, positions, part in self._split(targets):
            found[here] = part.at_most(positions)
        return found

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        greatest = np.full(self.targets, NONE)
        for elements, part in self.parts:
            greatest[elements] = part.greatest(numbers)
        return greatest

    def _split(self, targets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, Relation]]:
        """Per part: where its targets stand in ``targets``, their positions in the part, and the part."""
        for elements, part in self.parts:
            position, rest = np.divmod(targets - elements.start, elements.step)
            here = np.flatnonzero((rest == 0) & (position >= 0) & (position < len(elements)))
            if len(here):
                yield here, position[here], part
