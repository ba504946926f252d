"""Events: sets of cells' values, as disjoint boxes. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ardsl.families.domains import Domain

Cell = tuple[str, int]
"""A variable's name and the flat number of one of its elements."""

MOST_CODES = 1 << 16
"""Sets of the values of a finite domain are listed code by code up to so many values, as intervals beyond."""


@dataclass(frozen=True, eq=False)
class Allowed:
    """A set of values of one cell: of a finite domain by ``codes``, bool [levels]; of other numbers by ``intervals``,
    float64 [n, 2].

    Intervals are closed, disjoint and ascending, in the data's units. ``x < 3`` of a real ends at the last float64
    before 3. Of whole numbers the ends are half-way between them, so that ``x < 3`` ends at 2.5.
    """

    codes: np.ndarray | None = None
    intervals: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        return not self.codes.any() if self.codes is not None else len(self._ends) == 0

    @property
    def _ends(self) -> np.ndarray:
        assert self.intervals is not None  # one of the two is there
        return self.intervals

    def contains(self, values: Any, domain: Domain) -> np.ndarray:
        """Says which values, an array in the data's own form, are in the set: bool, of the same shape. NaN is not."""
        numbers = np.asarray(values, dtype=np.float64)
        inside = np.asarray(domain.inside(numbers))
        if self.codes is not None:
            codes = np.asarray(domain.code(np.where(inside, numbers, domain.feasible)))
            return inside & self.codes[codes.astype(np.int64)]
        ends = self._ends
        place = np.searchsorted(ends[:, 0], numbers, side="right") - 1  # the interval that starts last before it
        return inside & (place >= 0) & (numbers <= np.append(ends[:, 1], -np.inf)[place])


@dataclass(frozen=True, eq=False)
class Box:
    """Values of several cells at once: those in ``known`` have one value, in the data's own form, a category's its
    code; those in ``allowed`` one of a set of at least two. Other cells have any."""

    known: Mapping[Cell, float] = field(default_factory=dict)
    allowed: Mapping[Cell, Allowed] = field(default_factory=dict)

    @property
    def cells(self) -> frozenset[Cell]:
        """The cells that the box says anything of."""
        return frozenset(self.known) | frozenset(self.allowed)


@dataclass(frozen=True, eq=False)
class Event:
    """A set of joint values: the union of disjoint boxes. One without boxes is empty; an empty box is everything."""

    boxes: Sequence[Box]
    text: str = ""
    """As it was written, for messages."""

    @property
    def cells(self) -> frozenset[Cell]:
        """The cells that the event says anything of."""
        return frozenset(cell for box in self.boxes for cell in box.cells)
