"""The geometry of tables over an array's positions: distances along some axes, classes of positions along others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Frame:
    """The geometry of tables over an array's positions.

    ``direction[a]`` is −1 or 1 where every path moves down or up axis a only, 0 where it may move both ways.
    ``extent[a]`` counts the entries along axis a: distances from 0 there, and classes of positions here.
    """

    shape: tuple[int, ...]
    direction: tuple[int, ...]
    extent: tuple[int, ...]

    @classmethod
    def around(cls, shape: Sequence[int], direction: Sequence[int], reach: Sequence[int]) -> Frame:
        """For paths that move at most ``reach`` along each axis."""
        extent = tuple(
            min(size, r + 1 if way else 2 * r + 1) for size, way, r in zip(shape, direction, reach, strict=True)
        )
        return cls(tuple(shape), tuple(direction), extent)

    @property
    def classes(self) -> tuple[int, ...]:
        """The number of classes of target positions along each axis."""
        return tuple(1 if way else n for way, n in zip(self.direction, self.extent, strict=True))

    def class_of(self, axis: int, index: np.ndarray) -> np.ndarray:
        """The class of a target position: like those equally far from both ends, up to the reach."""
        if self.direction[axis]:
            return np.zeros_like(index)
        left = self.shape[axis] - self.extent[axis]
        middle = self.extent[axis] // 2
        return np.where(index <= middle, index, np.maximum(index - left, middle))

    def representative(self, axis: int, number: np.ndarray) -> np.ndarray:
        """A target position of each class; of an axis with distances, the one with the most room."""
        if self.direction[axis]:
            return np.full_like(number, self.shape[axis] - 1 if self.direction[axis] < 0 else 0)
        return np.where(number <= self.extent[axis] // 2, number, number + self.shape[axis] - self.extent[axis])

    def members(self, axis: int) -> np.ndarray:
        """The number of target positions of each class."""
        members = np.ones(self.classes[axis], dtype=np.int64)
        if not self.direction[axis]:
            members[self.extent[axis] // 2] += self.shape[axis] - self.extent[axis]
        return members

    def entry(self, axis: int, target: np.ndarray, source: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The entry of the table for a source position as a target position sees it, and whether the table has one."""
        way = self.direction[axis]
        entry = way * (source - target) if way else source - target + self.class_of(axis, target)
        inside = (entry >= 0) & (entry < self.extent[axis])
        return np.where(inside, entry, 0), inside

    def source(self, axis: int, target: np.ndarray, entry: np.ndarray) -> np.ndarray:
        """The source position that an entry stands for."""
        way = self.direction[axis]
        return target + way * entry if way else target + entry - self.class_of(axis, target)
