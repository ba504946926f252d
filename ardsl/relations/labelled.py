"""Relations that go through labels: what a layer of a dense network realizes.

A unit carries a label, the set of inputs it may see. Whether one unit may feed another depends on their labels alone.
Where the sets form a chain (a total order: the degrees of Germain et al. 2015) a label is a level and the test is
``≤``; in general it is a row of a table. Both forms are closed under composition, so a stack of layers costs no more
than its labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations.arrays import NONE, distinct, listed_range
from ardsl.relations.layering import CycleError, matrix_layers
from ardsl.relations.relation import Matrix, Relation, Rows, boolean_product


@dataclass(frozen=True, eq=False)
class Levels(Relation):
    """Target ``j`` reads source ``i`` exactly if ``source_level[i] <= target_level[j]``."""

    target_level: np.ndarray
    source_level: np.ndarray

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.target_level)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return len(self.source_level)

    def rows(self, targets: np.ndarray) -> Rows:
        return self.source_level[None, :] <= self.target_level[targets][:, None]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.source_level[sources] <= self.target_level[targets]

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return np.searchsorted(np.sort(self.source_level), self.target_level[targets], side="right").astype(np.int64)

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        order = np.argsort(self.source_level, kind="stable")
        below = np.searchsorted(self.source_level[order], self.target_level, side="right")
        return np.maximum.accumulate(np.concatenate([[NONE], numbers[order]]))[below]

    def column_counts(self) -> np.ndarray:
        return Levels(-self.source_level, -self.target_level).row_counts()

    def select(self, targets: range | np.ndarray) -> Levels:
        return Levels(self.target_level[listed_range(targets)], self.source_level)

    def common(self, other: Relation) -> Relation | None:
        """Of two prefixes of one chain the shorter is in both."""
        if isinstance(other, Levels) and np.array_equal(self.source_level, other.source_level):
            return Levels(np.minimum(self.target_level, other.target_level), self.source_level)
        return super().common(other)

    def _layers(self) -> np.ndarray:
        """A target waits for the highest level that it reads, whoever carries it: levels point at levels below."""
        levels, level_of = np.unique(self.target_level, return_inverse=True)
        by_source = np.argsort(self.source_level, kind="stable")
        highest = np.concatenate([[-1], np.maximum.accumulate(level_of[by_source])])
        waits_for = highest[np.searchsorted(self.source_level[by_source], levels, side="right")]
        depth = np.zeros(len(levels), dtype=np.int64)
        for level, below in enumerate(waits_for.tolist()):
            if below >= level:
                raise CycleError("elements of one level read each other")
            if below >= 0:
                depth[level] = depth[below] + 1
        return depth[level_of]

    def only_for(self, kept: np.ndarray) -> Levels:
        return Levels(np.where(kept, self.target_level, _below(self.source_level)), self.source_level)

    def by_owner(self, owner: np.ndarray, count: int) -> Levels:
        """An owner has the level of its lowest source: a target that reads any of its sources reads it."""
        level = np.full(count, np.iinfo(np.int64).max)
        owned = owner >= 0
        np.minimum.at(level, owner[owned], self.source_level[owned])
        return Levels(self.target_level, level)

    def then(self, above: Relation) -> Relation:
        """A target sees as far as the highest unit below its own level does."""
        if not isinstance(above, Levels):
            return super().then(above)
        order = np.argsort(above.source_level, kind="stable")
        below = np.searchsorted(above.source_level[order], above.target_level, side="right")
        nothing = _below(self.source_level)
        farthest = np.concatenate([[nothing], np.maximum.accumulate(self.target_level[order])])
        return Levels(farthest[below], self.source_level)

    def union(self, other: Relation) -> Relation:
        """Again levels, where both give their sources the same levels."""
        if not isinstance(other, Levels) or not np.array_equal(self.source_level, other.source_level):
            return super().union(other)
        return Levels(np.maximum(self.target_level, other.target_level), self.source_level)

    def levels(self) -> tuple[np.ndarray, np.ndarray]:
        return self.target_level, self.source_level


def _below(levels: np.ndarray) -> int:
    """A level under all of these: a target at it reads nothing."""
    return int(levels.min()) - 1 if len(levels) else -1


@dataclass(frozen=True, eq=False)
class Labelled(Relation):
    """Target ``j`` reads source ``i`` exactly if ``table[target_label[j], source_label[i]]``."""

    target_label: np.ndarray
    source_label: np.ndarray
    table: np.ndarray

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.target_label)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return len(self.source_label)

    def rows(self, targets: np.ndarray) -> Rows:
        return self.table[self.target_label[targets]][:, self.source_label]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.table[self.target_label[targets], self.source_label[sources]]

    def counts(self, targets: np.ndarray) -> np.ndarray:
        sizes = np.bincount(self.source_label, minlength=self.table.shape[1])
        return (self.table.astype(np.int64) @ sizes)[self.target_label[targets]]

    def greatest(self, numbers: np.ndarray) -> np.ndarray:
        of_label = np.full(self.table.shape[1], NONE)
        np.maximum.at(of_label, self.source_label, numbers)
        return Matrix(self.table).greatest(of_label)[self.target_label]

    def select(self, targets: range | np.ndarray) -> Labelled:
        return Labelled(self.target_label[listed_range(targets)], self.source_label, self.table)

    def _layers(self) -> np.ndarray:
        """All targets of one label read the same, so labels are scheduled in place of elements."""
        labels, label_of = np.unique(self.target_label, return_inverse=True)
        carried = np.zeros((self.table.shape[1], len(labels)), dtype=bool)
        carried[self.source_label, label_of] = True  # source label × target label, on one element
        return matrix_layers(boolean_product(self.table[labels], carried))[label_of]

    def then(self, above: Relation) -> Relation:
        """Label by label: a unit between connects what may read its label in ``above`` to what its label here may read.
        The two may label their units differently; only pairs that a unit carries count."""
        if not isinstance(above, Labelled):
            return super().then(above)
        labels = len(self.table)
        read_as, reads_as = np.divmod(distinct(above.source_label * labels + self.target_label), max(labels, 1))
        table = boolean_product(above.table[:, read_as], self.table[reads_as])
        return Labelled(above.target_label, self.source_label, table)

    def union(self, other: Relation) -> Relation:
        """Again labelled, where both give their targets and sources the same labels."""
        if not isinstance(other, Labelled) or self.table.shape != other.table.shape or not self._labels_as(other):
            return super().union(other)
        return Labelled(self.target_label, self.source_label, self.table | other.table)

    def _labels_as(self, other: Labelled) -> bool:
        same = np.array_equal(self.target_label, other.target_label)
        return same and np.array_equal(self.source_label, other.source_label)
