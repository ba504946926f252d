"""Stencils: which neighbours a site of a lattice reads, the same for every site.

A *site* is a position of an N-dimensional array and a *group* (of a colour image: a channel) at it. Sites are numbered
row-major, the group last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

Offset = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Stencil:
    """A site of group g at position p reads the site of group h at p + ``offsets[k]`` exactly if ``reads[k, g, h]``.

    ``reads`` is bool [offsets, target groups, source groups]. What falls outside the array is nothing.
    """

    offsets: tuple[Offset, ...]
    reads: np.ndarray

    def only(self, kept: np.ndarray) -> Stencil:
        """Without what is not ``kept``, bool like ``reads``, and without offsets at which nothing is left."""
        reads = self.reads & kept
        kept_offsets = np.flatnonzero(reads.any(axis=(1, 2)))
        return Stencil(tuple(self.offsets[k] for k in kept_offsets), reads[kept_offsets])

    def reach(self) -> tuple[int, ...]:
        """The largest distance along each axis."""
        return tuple(max(map(abs, along)) for along in zip(*self.offsets, strict=True))


def box(low: Sequence[int], high: Sequence[int], groups: np.ndarray) -> Stencil:
    """All offsets from ``low`` to ``high``, both included, in row-major order; ``groups`` says which group reads which
    at each."""
    offsets = tuple(product(*(range(a, b + 1) for a, b in zip(low, high, strict=True))))
    return Stencil(offsets, np.broadcast_to(groups, (len(offsets), *groups.shape)).copy())
