"""Relations whose rows are stretches of cells: what moves along one axis of the source."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations.relation import Relation, Rows
from ardsl.relations.selection import AxisPart, Part


@dataclass(frozen=True, eq=False)
class Band(Relation):
    """Target ``j`` reads the cells ``low[j]`` … ``high[j]``, none where that is empty: int64 [targets]. There are
    ``cells``, of ``each`` elements."""

    low: np.ndarray
    high: np.ndarray
    cells: int
    each: int = 1

    @property
    def targets(self) -> int:  # type: ignore[override]
        return len(self.low)

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.cells * self.each

    def rows(self, targets: np.ndarray) -> Rows:
        cell = np.arange(self.cells)
        found = (self.low[targets, None] <= cell) & (cell <= self.high[targets, None])
        return np.repeat(found, self.each, axis=1)

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        cell = sources // self.each
        return (self.low[targets] <= cell) & (cell <= self.high[targets])

    def counts(self, targets: np.ndarray) -> np.ndarray:
        return np.maximum(self.high[targets] - self.low[targets] + 1, 0) * self.each

    def common(self, other: Band) -> Band:
        """What both have."""
        return Band(np.maximum(self.low, other.low), np.minimum(self.high, other.high), self.cells, self.each)


def as_band(relation: Relation) -> Band | None:
    """A relation as a band, where it moves along the first axis of its source only, and reads all of the others."""
    if isinstance(relation, Band):
        return relation
    if not isinstance(relation, Part) or not relation.parts or any(part != AxisPart() for part in relation.parts[1:]):
        return None
    low, high = relation.bounds(np.arange(relation.targets))[0]
    cells = relation.source_shape[0]
    return Band(np.maximum(low, 0), np.minimum(high, cells - 1), cells, relation.sources // max(cells, 1))
