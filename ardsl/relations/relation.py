"""Relations: which element may read which, as boolean relations between two index spaces.

Everything the compiler reasons about is one of these: a declared context, a layer of a plan, and, by composition,
the realized graph. Elements are numbered by their flat (row-major) index.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ardsl.relations.arrays import NONE, distinct, expanded, joined, listed_range
from ardsl.relations.layering import (
    edge_layers,
    matrix_layers,
    require_few_cells,
    require_few_edges,
    require_few_elements,
)
from ardsl.relations.order import Order

Rows = np.ndarray
"""A boolean array [targets, sources]."""

CHUNK = 1 << 24
"""Booleans that are worked on at once."""

_PORTION = 1 << 20
"""Pairs that are listed at once."""


class Stretches(NamedTuple):
    """The stretch of cells that each target reads, from ``low`` to ``high``, none where that is empty: int64 [targets].
    There are ``cells``, each of as many sources, one after another."""

    low: np.ndarray
    high: np.ndarray
    cells: int


class Relation(ABC):
    """Target ``j`` reads source ``i``. Symbolic where it has structure; ``rows`` is all that each form has to
    define."""

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
        """Says whether ``targets[k]`` reads ``sources[k]``, bool [k]."""
        held = np.empty(len(targets), dtype=bool)
        done = 0
        for chunk in self._chunks(targets):
            chunk_places = slice(done, done + len(chunk))
            held[chunk_places] = np.take_along_axis(self.rows(chunk), sources[chunk_places, None], axis=1)[:, 0]
            done += len(chunk)
        return held

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """The number of sources that each of these targets reads, int64 [len(targets)]."""
        return joined([self.rows(chunk).sum(axis=1) for chunk in self._chunks(targets)])

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        """A bound on ``counts`` that costs no unrolling where the relation has structure."""
        return self.counts(targets)

    def row_counts(self) -> np.ndarray:
        """The number of sources that every target reads, int64 [targets]."""
        return self.counts(np.arange(self.targets))

    def column_counts(self) -> np.ndarray:
        """The number of targets that read each source, int64 [sources]."""
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
        return joined([np.where(read, numbers, NONE).max(axis=1, initial=NONE) for read in rows])

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
        """Says whether each step is one rank: every element waits for one of the rank before, if for nothing else.

        Told for a relation that respects ``order``; False where it isn't plain to see.
        """
        if self.reads_all_earlier(order):
            return True
        if not order.total or self.targets != order.size:
            return False
        return bool(self.holds(order.permutation[1:], order.permutation[:-1]).all())

    def reads_all_earlier(self, order: Order) -> bool:
        """Says whether every element plainly reads all of the rank before its own; False where it isn't plain to
        see."""
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

    def select(self, targets: range | np.ndarray) -> Relation:
        """The rows of these targets."""
        return Selected(self, listed_range(targets))

    def columns(self, sources: Sequence[int]) -> Relation:
        """The columns of these sources."""
        return Matrix(self.matrix()[:, list(sources)])

    def only_for(self, kept: np.ndarray) -> Relation:
        """Without the pairs of targets that are not ``kept``, bool [targets]."""
        return Matrix(self.matrix() & kept[:, None]) if kept.any() else Union(self.targets, self.sources, ())

    def by_owner(self, owner: np.ndarray, count: int) -> Relation:
        """The relation of targets to ``count`` owners of the sources: a target reads ``owner[i]`` wherever it reads
        source i, int64 [sources], −1 of those that have none."""
        target, source = self.pairs(np.arange(self.targets))
        owned = owner[source] >= 0
        return Sparse.of_pairs(self.targets, count, target[owned], owner[source[owned]])

    def then(self, above: Relation) -> Relation:
        """The composition: targets of ``above`` × our sources, where something between is read by the one and reads the
        other."""
        return Matrix(boolean_product(above.matrix(), self.matrix()))

    def union(self, other: Relation) -> Relation:
        """The pairs of either."""
        return Union(self.targets, self.sources, (self, other))

    def levels(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Levels of the targets and of the sources such that each target reads the sources at or below its own, int64
        [targets] and [sources]; None where the rows do not include one another in a row."""
        matrix = self.matrix()
        sizes = matrix.sum(axis=1)
        rows = matrix[np.argsort(sizes, kind="stable")]
        if not np.all(rows[:-1] <= rows[1:]):
            return None
        # A source's level is the size of the smallest row that holds it, a target's is the size of its own.
        highest = np.iinfo(np.int64).max
        return sizes, np.where(matrix, sizes[:, None], highest).min(axis=0, initial=highest)

    def listed(self) -> Sparse:
        """The same with its pairs listed."""
        target, source = self.pairs(np.arange(self.targets))
        return Sparse(_starts(np.bincount(target, minlength=self.targets)), source, self.sources)

    def minus(self, other: Relation) -> Relation:
        """The pairs that ``other`` lacks, in the form that is cheapest to count."""
        if self is other or self == other:
            return Union(self.targets, self.sources, ())
        lacking = self._filtered(other, held=False)
        return Difference(self, other, self.common(other)) if lacking is None else lacking

    def common(self, other: Relation) -> Relation | None:
        """The pairs that ``other`` has, too, where they are a relation whose pairs are quickly counted."""
        mine = self._filtered(other, held=True)
        return other._filtered(self, held=True) if mine is None else mine

    def stretches(self) -> Stretches | None:
        """The cells that each target reads, where that shows without unrolling to be one stretch of them."""
        return None

    @property
    def translation_invariant(self) -> bool:
        """Says whether it is translation-invariant: the distance of a pair alone decides whether it belongs."""
        return False

    def _filtered(self, other: Relation, held: bool) -> Relation | None:
        """The pairs that ``other`` has, or lacks, where few questions to it decide; else None."""
        return None

    def __contains__(self, pair: tuple[int, int]) -> bool:
        target, source = pair
        return bool(self.holds(np.array([target]), np.array([source]))[0])

    def _chunks(self, targets: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, CHUNK // max(1, self.sources))
        return (targets[start : start + size] for start in range(0, len(targets), size))


@dataclass(frozen=True, eq=False)
class Selected(Relation):
    """Some rows of a relation: ``chosen``, int64 [targets]."""

    whole: Relation
    chosen: np.ndarray

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.chosen)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.whole.sources

    def rows(self, targets: np.ndarray) -> Rows:
        return self.whole.rows(self.chosen[targets])

    def reads(self, target: int) -> np.ndarray:
        return self.whole.reads(int(self.chosen[target]))

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.whole.pairs(self.chosen[targets])

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.whole.holds(self.chosen[targets], sources)

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return self.whole.counts(self.chosen[targets])

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        return self.whole.at_most(self.chosen[targets])

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        return self.whole.greatest(numbers)[self.chosen]


@dataclass(frozen=True, eq=False)
class Difference(Relation):
    """The pairs that ``left`` has and ``right`` lacks. ``both`` is their intersection, where that is a relation whose
    pairs are quickly counted."""

    left: Relation
    right: Relation
    both: Relation | None = None

    @property
    def targets(self) -> int:  # type: ignore[override]
        return self.left.targets

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.left.sources

    def rows(self, targets: np.ndarray) -> Rows:
        return self.left.rows(targets) & ~self.right.rows(targets)

    def reads(self, target: int) -> np.ndarray:
        read = self.left.reads(target)
        return read[~self.right.holds(np.full(len(read), target), read)]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.left.holds(targets, sources) & ~self.right.holds(targets, sources)

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return super().counts(targets) if self.both is None else self.left.counts(targets) - self.both.counts(targets)

    def row_counts(self) -> np.ndarray:
        return super().row_counts() if self.both is None else self.left.row_counts() - self.both.row_counts()

    @property
    def count(self) -> int:
        return super().count if self.both is None else self.left.count - self.both.count


@dataclass(frozen=True, eq=False)
class Union(Relation):
    """A pair belongs here if it is in one of the parts; without parts, in none."""

    targets: int
    sources: int
    parts: tuple[Relation, ...]

    def rows(self, targets: np.ndarray) -> Rows:
        rows = np.zeros((len(targets), self.sources), dtype=bool)
        for part in self.parts:
            rows |= part.rows(targets)
        return rows

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs_of_parts = [part.pairs(targets) for part in self.parts]
        if len(pairs_of_parts) == 1:
            return pairs_of_parts[0]
        positions, sources = joined([p for p, _ in pairs_of_parts]), joined([s for _, s in pairs_of_parts])
        both = distinct(positions * self.sources + sources)
        return np.divmod(both, max(self.sources, 1))

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        held = np.zeros(len(targets), dtype=bool)
        for part in self.parts:
            held |= part.holds(targets, sources)
        return held

    def counts(self, targets: np.ndarray) -> np.ndarray:
        if not self.parts:
            return np.zeros(len(targets), dtype=np.int64)
        return self.parts[0].counts(targets) if len(self.parts) == 1 else super().counts(targets)

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        bound = np.zeros(len(targets), dtype=np.int64)
        for part in self.parts:
            bound += part.at_most(targets)
        return bound

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        greatest = np.full(self.targets, NONE)
        for part in self.parts:
            greatest = np.maximum(greatest, part.greatest(numbers))
        return greatest

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        return max((part.farthest(axis, shape, targets, sources) for part in self.parts), default=0)

    def _filtered(self, other: Relation, held: bool) -> Relation | None:
        return None if self.parts else self

    def select(self, targets: range | np.ndarray) -> Relation:
        return Union(len(targets), self.sources, tuple(part.select(targets) for part in self.parts))

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
        greatest = np.full(self.targets, NONE)
        for part, own in self._split(numbers):
            greatest = np.maximum(greatest, part.greatest(own))
        return greatest

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        return max((part.farthest(axis, shape, targets, own) for part, own in self._split(sources)), default=0)

    def only_for(self, kept: np.ndarray) -> Beside:
        return Beside(self.targets, tuple(part.only_for(kept) for part in self.parts))

    def by_owner(self, owner: np.ndarray, count: int) -> Relation:
        owned = [(part, own) for part, own in self._split(owner) if (own >= 0).any()]
        return owned[0][0].by_owner(owned[0][1], count) if len(owned) == 1 else super().by_owner(owner, count)

    def _split(self, of_sources: np.ndarray) -> Iterator[tuple[Relation, np.ndarray]]:
        """Each part with the values of its sources."""
        ends = np.cumsum([part.sources for part in self.parts])
        return zip(self.parts, np.split(of_sources, ends[:-1]), strict=False)

    def select(self, targets: range | np.ndarray) -> Relation:
        return Beside(len(targets), tuple(part.select(targets) for part in self.parts))

    def minus(self, other: Relation) -> Relation:
        """Part by part, where the other's parts have the same sources."""
        if isinstance(other, Beside) and [p.sources for p in self.parts] == [p.sources for p in other.parts]:
            parts = zip(self.parts, other.parts, strict=True)
            return Beside(self.targets, tuple(mine.minus(theirs) for mine, theirs in parts))
        return super().minus(other)

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
        rows = np.zeros((len(targets), self.sources), dtype=bool)
        for places, positions, part in self._split(targets):
            rows[places] = part.rows(positions)
        return rows

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs_of_parts = [(places, *part.pairs(positions)) for places, positions, part in self._split(targets)]
        owner = joined([places[positions] for places, positions, _ in pairs_of_parts])
        sorting = np.argsort(owner, kind="stable")
        return owner[sorting], joined([sources for _, _, sources in pairs_of_parts])[sorting]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        held = np.zeros(len(targets), dtype=bool)
        for places, positions, part in self._split(targets):
            held[places] = part.holds(positions, sources[places])
        return held

    def counts(self, targets: np.ndarray) -> np.ndarray:
        counts = np.zeros(len(targets), dtype=np.int64)
        for places, positions, part in self._split(targets):
            counts[places] = part.counts(positions)
        return counts

    def at_most(self, targets: np.ndarray) -> np.ndarray:
        bound = np.zeros(len(targets), dtype=np.int64)
        for places, positions, part in self._split(targets):
            bound[places] = part.at_most(positions)
        return bound

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        greatest = np.full(self.targets, NONE)
        for elements, part in self.parts:
            greatest[elements] = part.greatest(numbers)
        return greatest

    def _split(self, targets: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, Relation]]:
        """Per part: where its targets are in ``targets``, their positions in the part, and the part."""
        for elements, part in self.parts:
            position, rest = np.divmod(targets - elements.start, elements.step)
            places = np.flatnonzero((rest == 0) & (position >= 0) & (position < len(elements)))
            if len(places):
                yield places, position[places], part


@dataclass(frozen=True, eq=False)
class Matrix(Relation):
    """Target ``j`` reads source ``i`` exactly if ``values[j, i]``: the general case, for small index spaces."""

    values: np.ndarray

    @property
    def targets(self) -> int:  # type: ignore[override]
        return int(self.values.shape[0])

    @property
    def sources(self) -> int:  # type: ignore[override]
        return int(self.values.shape[1])

    def rows(self, targets: np.ndarray) -> Rows:
        return self.values[targets]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.values[targets, sources]

    def select(self, targets: range | np.ndarray) -> Matrix:
        return Matrix(self.values[listed_range(targets)])

    def matrix(self) -> Rows:
        return self.values

    def _layers(self) -> np.ndarray:
        return matrix_layers(self.values)


@dataclass(frozen=True, eq=False)
class Sparse(Relation):
    """Target ``j`` reads ``read[starts[j]:starts[j + 1]]``, ascending: int64 [targets + 1] and [pairs]."""

    starts: np.ndarray
    read: np.ndarray
    sources: int

    @classmethod
    def of_pairs(cls, targets: int, sources: int, target: np.ndarray, source: np.ndarray) -> Sparse:
        """The relation that has these pairs, in any order and as often as they come."""
        target, read = np.divmod(distinct(target * sources + source), max(sources, 1))
        return cls(_starts(np.bincount(target, minlength=targets)), read, sources)

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.starts) - 1

    @cached_property
    def target(self) -> np.ndarray:
        """The target of each pair, int64 [pairs]."""
        return np.repeat(np.arange(self.targets), self.row_counts())

    @cached_property
    def _codes(self) -> np.ndarray:
        """A number for each pair, ascending."""
        return self.target * self.sources + self.read

    def rows(self, targets: np.ndarray) -> Rows:
        rows = np.zeros((len(targets), self.sources), dtype=bool)
        rows[self.pairs(targets)] = True
        return rows

    def pairs(self, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        owner, place = expanded(self.starts[targets], self.counts(targets))
        return owner, self.read[place]

    def reads(self, target: int) -> np.ndarray:
        return self.read[self.starts[target] : self.starts[target + 1]]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        codes = targets * self.sources + sources
        place = np.searchsorted(self._codes, codes)
        return np.append(self._codes, -1)[place] == codes

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return self.starts[targets + 1] - self.starts[targets]

    def row_counts(self) -> np.ndarray:
        return np.diff(self.starts)

    def column_counts(self) -> np.ndarray:
        return np.bincount(self.read, minlength=self.sources)

    def totals(self, sizes: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0], np.cumsum(sizes[self.read])])
        return sums[self.starts[1:]] - sums[self.starts[:-1]]

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        greatest = np.full(self.targets, NONE)
        nonempty = np.flatnonzero(self.row_counts())
        if len(nonempty):
            greatest[nonempty] = np.maximum.reduceat(numbers[self.read], self.starts[nonempty])
        return greatest

    @property
    def count(self) -> int:
        return len(self.read)

    def _layers(self) -> np.ndarray:
        return edge_layers(self.targets, self.target, self.read)

    def _filtered(self, other: Relation, held: bool) -> Sparse:
        return self.only(other.holds(self.target, self.read) == held)

    def select(self, targets: range | np.ndarray) -> Sparse:
        targets = listed_range(targets)
        return Sparse(_starts(self.counts(targets)), self.pairs(targets)[1], self.sources)

    def only_for(self, kept: np.ndarray) -> Sparse:
        return self.only(kept[self.target])

    def then(self, above: Relation) -> Relation:
        if not isinstance(above, Sparse):
            return super().then(above)
        owner, source = self.pairs(above.read)
        return Sparse.of_pairs(above.targets, self.sources, above.target[owner], source)

    def union(self, other: Relation) -> Relation:
        if not isinstance(other, Sparse):
            return super().union(other)
        target, read = (np.concatenate(both) for both in ((self.target, other.target), (self.read, other.read)))
        return self.of_pairs(self.targets, self.sources, target, read)

    def levels(self) -> tuple[np.ndarray, np.ndarray] | None:
        sizes = self.row_counts()
        nested = self.select(np.argsort(sizes, kind="stable"))
        below = slice(0, int(nested.starts[-2]) if self.targets else 0)  # all but what the largest holds
        if not nested.holds(nested.target[below] + 1, nested.read[below]).all():
            return None
        smallest = np.full(self.sources, np.iinfo(np.int64).max)
        np.minimum.at(smallest, self.read, sizes[self.target])
        return sizes, smallest

    def listed(self) -> Sparse:
        return self

    def only(self, kept: np.ndarray) -> Sparse:
        """Without the pairs that are not ``kept``, bool [pairs]."""
        return Sparse(_starts(np.bincount(self.target[kept], minlength=self.targets)), self.read[kept], self.sources)

    def including(self, other: Sparse) -> Sparse:
        """Our targets × those of ``other`` whose sources, of which there is at least one, ours read as well."""
        nonempty = np.flatnonzero(other.row_counts())
        rarest = other._rarest(self.column_counts(), nonempty)
        last = other.read[other.starts[nonempty + 1] - 1]
        by_source = np.argsort(self.read, kind="stable")
        ends = np.cumsum(self.column_counts())
        # Of those who read the source that fewest read, who reads the last one too still may: few are left to look at.
        owner, place = expanded((ends - self.column_counts())[rarest], self.column_counts()[rarest])
        target, candidate = self.target[by_source[place]], nonempty[owner]
        kept = self.holds(target, last[owner])
        target, candidate = target[kept], candidate[kept]
        pair, source = other.pairs(candidate)
        lacking = np.bincount(pair[~self.holds(target[pair], source)], minlength=len(target))
        return Sparse.of_pairs(self.targets, other.targets, target[lacking == 0], candidate[lacking == 0])

    def _rarest(self, readers: np.ndarray, nonempty: np.ndarray) -> np.ndarray:
        """Of the sources of each ``nonempty`` target the one that fewest read, of ``readers`` [sources] each."""
        if not len(nonempty):
            return nonempty
        codes = readers[self.read] * self.sources + self.read
        return np.minimum.reduceat(codes, self.starts[nonempty]) % self.sources


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])


def boolean_product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The product of boolean matrices. float32 is far faster than booleans, and exact: sums of ones stay above 0."""
    return (left.astype(np.float32) @ right.astype(np.float32)) > 0.5
