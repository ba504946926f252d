"""The array that a lattice network runs over: positions, the groups at each, and the order in which they are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

import numpy as np

from ardsl.networks.group import Group
from ardsl.relations import Order
from ardsl.relations.lexicographic import Priority, priority
from ardsl.relations.stencil import Offset, Stencil


@dataclass(frozen=True)
class Lattice:
    """One variable as sites: a position of ``shape`` and one of ``groups`` channels, drawn one after another. Where one
    draw covers all channels there is one group, whose site has ``elements_per_site`` elements. Sites, like draws, are
    numbered row-major, the group last."""

    shape: tuple[int, ...]
    groups: int
    elements_per_site: int
    order: Order

    @classmethod
    def of(cls, group: Group, order: Order, axes: int) -> Lattice:
        """The first ``axes`` axes of the group's variable are positions, a further one is of channels."""
        target = group.targets[0]
        shape, channels = target.variable.shape[:axes], prod(target.variable.shape[axes:])
        together = bool(target.factor.event_axes)
        return cls(shape, 1 if together else channels, channels if together else 1, order)

    @property
    def positions(self) -> int:
        return prod(self.shape)

    @property
    def sites(self) -> int:
        return self.positions * self.groups

    @cached_property
    def rank(self) -> np.ndarray:
        """The rank of each site, int64 [sites]."""
        return self.order.rank[:: self.elements_per_site]

    @cached_property
    def priority(self) -> Priority | None:
        """The axes by which the order compares coordinates, where it does so; the axis of groups comes after those of
        positions. Of a single group there is nothing to compare."""
        compared = priority(self.order)
        if compared is None or self.groups > 1:
            return compared
        return tuple((axis, way) for axis, way in compared if axis < len(self.shape))

    @property
    def along_time(self) -> bool:
        """There is one axis, and the order goes along it: what comes later is read by nothing."""
        return len(self.shape) == 1 and self.priority is not None and self.priority[0] == (0, 1)

    @property
    def stacked(self) -> bool:
        """The order goes position by position, and group by group within: what the two stacks of a gated PixelCNN
        need."""
        priority = self.priority
        return priority is not None and (self.groups == 1 or priority[-1][0] == len(self.shape))

    def before(self, stencil: Stencil, same: bool) -> Stencil:
        """The part of a stencil that reads only earlier sites, or with ``same`` the site itself, under an order that
        compares coordinates."""
        reads, target, source = stencil.reads.shape
        kept = np.zeros((reads, target, source), dtype=bool)
        for k, g, h in product(range(reads), range(target), range(source)):
            kept[k, g, h] = self._earlier(stencil.offsets[k], g, h, same)
        return stencil.only(kept)

    def _earlier(self, offset: Offset, group: int, source: int, same: bool) -> bool:
        for axis, way in self.priority or ():
            ahead = way * (-offset[axis] if axis < len(offset) else group - source)
            if ahead:
                return ahead > 0
        return same
