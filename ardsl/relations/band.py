"""Relations whose rows are stretches of cells: what moves along one axis of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations.arrays import listed_range
from ardsl.relations.relation import Relation, Rows, Stretches


@dataclass(frozen=True, eq=False)
class Band(Relation):
    """Target ``j`` reads the cells ``low[j]`` … ``high[j]``, none where that is empty: int64 [targets]. There are
    ``cells``, of ``elements_per_cell`` elements."""

    low: np.ndarray
    high: np.ndarray
    cells: int
    elements_per_cell: int = 1

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.low)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.cells * self.elements_per_cell

    def rows(self, targets: np.ndarray) -> Rows:
        cell = np.arange(self.cells)
        cells = (self.low[targets, None] <= cell) & (cell <= self.high[targets, None])
        return np.repeat(cells, self.elements_per_cell, axis=1)

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        cell = sources // self.elements_per_cell
        return (self.low[targets] <= cell) & (cell <= self.high[targets])

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return np.maximum(self.high[targets] - self.low[targets] + 1, 0) * self.elements_per_cell

    def select(self, targets: range | np.ndarray) -> Band:
        targets = listed_range(targets)
        return Band(self.low[targets], self.high[targets], self.cells, self.elements_per_cell)

    def stretches(self) -> Stretches:
        return Stretches(self.low, self.high, self.cells)

    def common(self, other: Relation) -> Relation | None:
        both = common_band(self, other)
        return super().common(other) if both is None else both


def common_band(left: Relation, right: Relation) -> Band | None:
    """The intersection of two relations of the same index spaces whose rows are stretches of the same cells."""
    one, other = left.stretches(), right.stretches()
    if one is None or other is None or one.cells != other.cells:
        return None
    cell_size = left.sources // max(one.cells, 1)
    return Band(np.maximum(one.low, other.low), np.minimum(one.high, other.high), one.cells, cell_size)
