"""Relations of few pairs: each target's sources are listed, so that what they cost is counted in pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ardsl.relations.arrays import NONE, distinct, expanded
from ardsl.relations.layering import edge_layers
from ardsl.relations.relation import Relation, Rows


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

    @classmethod
    def of(cls, relation: Relation) -> Sparse:
        """Any relation, with its pairs listed."""
        if isinstance(relation, Sparse):
            return relation
        target, source = relation.pairs(np.arange(relation.targets))
        return cls(_starts(np.bincount(target, minlength=relation.targets)), source, relation.sources)

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
        asked = targets * self.sources + sources
        place = np.searchsorted(self._codes, asked)
        return np.append(self._codes, -1)[place] == asked

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
        some = np.flatnonzero(self.row_counts())
        if len(some):
            greatest[some] = np.maximum.reduceat(numbers[self.read], self.starts[some])
        return greatest

    @property
    def count(self) -> int:
        return len(self.read)

    def _layers(self) -> np.ndarray:
        return edge_layers(self.targets, self.target, self.read)

    def select(self, targets: np.ndarray) -> Sparse:
        """The rows of these targets."""
        return Sparse(_starts(self.counts(targets)), self.pairs(targets)[1], self.sources)

    def after(self, earlier: Sparse) -> Sparse:
        """The composition: a target reads what the sources that it reads here read in ``earlier``."""
        owner, source = earlier.pairs(self.read)
        return Sparse.of_pairs(self.targets, earlier.sources, self.target[owner], source)

    def union(self, other: Sparse) -> Sparse:
        """The pairs of either."""
        target, read = (np.concatenate(both) for both in ((self.target, other.target), (self.read, other.read)))
        return self.of_pairs(self.targets, self.sources, target, read)

    def only(self, kept: np.ndarray) -> Sparse:
        """Without the pairs that are not ``kept``, bool [pairs]."""
        return Sparse(_starts(np.bincount(self.target[kept], minlength=self.targets)), self.read[kept], self.sources)

    def including(self, other: Sparse) -> Sparse:
        """Our targets × those of ``other`` whose sources, of which there is at least one, ours read as well."""
        some = np.flatnonzero(other.row_counts())
        first, last = other.read[other.starts[some]], other.read[other.starts[some + 1] - 1]
        by_source = np.argsort(self.read, kind="stable")
        ends = np.cumsum(self.column_counts())
        # Who reads the first source may read them all, who reads the last one too still may: few are left to look at.
        owner, place = expanded((ends - self.column_counts())[first], self.column_counts()[first])
        target, candidate = self.target[by_source[place]], some[owner]
        kept = self.holds(target, last[owner])
        target, candidate = target[kept], candidate[kept]
        pair, source = other.pairs(candidate)
        lacking = np.bincount(pair[~self.holds(target[pair], source)], minlength=len(target))
        return Sparse.of_pairs(self.targets, other.targets, target[lacking == 0], candidate[lacking == 0])


def _starts(counts: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
