"""Stencils cut by rank, position by position, for orders that do not look the same from everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from ardsl.relations.relation import Relation, Rows
from ardsl.relations.stencil import Offset, Stencil

Cut = Literal["before", "until"]
"""Sites of a lower rank, or also of the same."""


@dataclass(frozen=True, eq=False)
class Ranked(Relation):
    """A site reads what its stencil reaches and its rank allows; None: all that the stencil reaches."""

    shape: tuple[int, ...]
    stencil: Stencil
    rank: np.ndarray
    """Of each site, int64 [sites]; a map with one group has one for each position."""
    cut: Cut | None

    @property
    def groups(self) -> tuple[int, int]:
        return self.stencil.reads.shape[1:]

    @property
    def targets(self) -> int:  # type: ignore[override]
        return prod(self.shape) * self.groups[0]

    @property
    def sources(self) -> int:  # type: ignore[override]
        return prod(self.shape) * self.groups[1]

    def neighbours(self, offset: Offset, reads: np.ndarray) -> np.ndarray:
        """The site that each target reads at one offset, in each source group: int64 [targets, source groups], −1 where
        there is none. ``reads`` is the stencil's at this offset."""
        positions = np.arange(prod(self.shape)).reshape(self.shape)
        moved = np.full(self.shape, -1, dtype=np.int64)
        target_part, source_part = [], []
        for step, size in zip(offset, self.shape, strict=True):
            target_part.append(slice(max(0, -step), max(0, min(size, size - step))))
            source_part.append(slice(max(0, step), max(0, min(size, size + step))))
        moved[tuple(target_part)] = positions[tuple(source_part)]
        targets, sources = self.groups
        neighbours = moved.reshape(-1, 1, 1) * sources + np.arange(sources)
        allowed = (moved.reshape(-1, 1, 1) >= 0) & reads
        if self.cut is not None:
            own = self.rank.reshape(-1, targets, 1)
            read = self.rank[np.where(moved < 0, 0, moved).reshape(-1, 1, 1) * sources + np.arange(sources)]
            allowed = allowed & (read < own if self.cut == "before" else read <= own)
        return np.where(allowed, neighbours, -1).reshape(-1, sources)

    def rows(self, targets: np.ndarray) -> Rows:
        rows = np.zeros((len(targets), self.sources + 1), dtype=bool)
        for offset, reads in zip(self.stencil.offsets, self.stencil.reads, strict=True):
            np.put_along_axis(rows, self.neighbours(offset, reads)[targets], True, axis=1)
        return rows[:, :-1]  # absent sources were marked in the last column


Reading = tuple[str, Ranked]


def compose_ranked(sites: int, maps: Sequence[tuple[str, Sequence[Reading]]], name: str = "input") -> np.ndarray:
    """The relation that the last of these maps realizes with its input, which has so many ``sites``: bool [targets,
    sites].

    Maps are in the order of evaluation. Rows are kept as bits, and only those of maps that are read again.
    """
    realized = {name: np.packbits(np.eye(sites, dtype=bool), axis=1)}
    last_use = {source: number for number, (_, readings) in enumerate(maps) for source, _ in readings}
    for number, (target, readings) in enumerate(maps):
        rows = np.zeros((readings[0][1].targets, realized[readings[0][0]].shape[1]), dtype=np.uint8)
        for source, relation in readings:
            for offset, reads in zip(relation.stencil.offsets, relation.stencil.reads, strict=True):
                for read in relation.neighbours(offset, reads).T:
                    present = np.flatnonzero(read >= 0)
                    rows[present] |= realized[source][read[present]]
        realized = {name_of: rows_of for name_of, rows_of in realized.items() if last_use.get(name_of, -1) > number}
        realized[target] = rows
    return np.unpackbits(realized[maps[-1][0]], axis=1, count=sites).astype(bool)
