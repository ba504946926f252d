"""The pairs of one relation that another lacks; nothing is unrolled until it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations.band import as_band
from ardsl.relations.labelled import Levels
from ardsl.relations.lexicographic import priority
from ardsl.relations.relation import Beside, Relation, Union
from ardsl.relations.selection import EarlierInOrder
from ardsl.relations.sparse import Sparse
from ardsl.relations.translated import Translated


@dataclass(frozen=True, eq=False)
class Difference(Relation):
    """What ``left`` has and ``right`` lacks. ``common`` is their intersection, where that is a relation whose pairs are
    quickly counted."""

    left: Relation
    right: Relation
    common: Relation | None = None

    @property
    def targets(self) -> int:  # type: ignore[override]
        return self.left.targets

    @property
    def sources(self) -> int:  # type: ignore[override]
        return self.left.sources

    def rows(self, targets: np.ndarray) -> np.ndarray:
        return self.left.rows(targets) & ~self.right.rows(targets)

    def reads(self, target: int) -> np.ndarray:
        read = self.left.reads(target)
        return read[~self.right.holds(np.full(len(read), target), read)]

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        return self.left.holds(targets, sources) & ~self.right.holds(targets, sources)

    def counts(self, targets: np.ndarray) -> np.ndarray:
        left, right = self.left, self.right
        if self.common is not None:
            return left.counts(targets) - self.common.counts(targets)
        if isinstance(left, Levels) and isinstance(right, Levels) and left.source_level is right.source_level:
            # Both rows are prefixes of one chain, so the difference is what one prefix has beyond the other.
            return np.maximum(left.counts(targets) - right.counts(targets), 0)
        return super().counts(targets)

    def row_counts(self) -> np.ndarray:
        if self.common is None:
            return super().row_counts()
        return self.left.row_counts() - self.common.row_counts()

    @property
    def count(self) -> int:
        return super().count if self.common is None else self.left.count - self.common.count


def difference(left: Relation, right: Relation) -> Relation:
    """The pairs of ``left`` that ``right`` lacks, in the form that is cheapest to count."""
    if left is right or left == right:
        return Union(left.targets, left.sources, ())
    if isinstance(left, Beside) and isinstance(right, Beside):
        parts = zip(left.parts, right.parts, strict=True)
        return Beside(left.targets, tuple(difference(a, b) for a, b in parts))
    if isinstance(left, Sparse):
        return left.only(~right.holds(left.target, left.read))
    if isinstance(right, Sparse):
        return Difference(left, right, right.only(left.holds(right.target, right.read)))
    if isinstance(left, Translated) and _comparable(right):
        return left.only(~right.holds(*_places(left)))
    if isinstance(right, Translated) and _comparable(left):
        return Difference(left, right, right.only(left.holds(*_places(right))))
    bands = as_band(left), as_band(right)
    if bands[0] is not None and bands[1] is not None:
        return Difference(left, right, bands[0].common(bands[1]))
    return Difference(left, right)


def _comparable(relation: Relation) -> bool:
    """Whether what is declared looks the same from everywhere: then one place of each entry of a table decides."""
    return isinstance(relation, EarlierInOrder) and relation.last is None and priority(relation.order) is not None


def _places(relation: Translated) -> tuple[np.ndarray, np.ndarray]:
    targets, sources = relation.entries()
    return targets, sources * relation.each
