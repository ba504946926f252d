"""The longest-path layering of a translated relation in closed form: a wavefront that sweeps over the array.

The step of a site is linear in its coordinates, skewed just enough that whatever it reads lies behind the front. Where
every site also reads one of the step before, no schedule is shorter.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np

from ardsl.relations.frame import Frame


class _Moves(NamedTuple):
    """The distance that every entry of a table moves, from the target to what it reads: each int64 [entries]."""

    along: list[np.ndarray]
    """target − source, by axis."""
    group: np.ndarray
    """target group − source group."""


@dataclass(frozen=True)
class Sweep:
    """``step = groups · Σ_a weight[a] · way[a] · coordinate[a] + group_way · group``, counted from the first corner.

    ``shortest``: every site but the first reads one of the step before it.
    """

    shape: tuple[int, ...]
    groups: int
    weight: tuple[int, ...]
    way: tuple[int, ...]
    group_way: int
    shortest: bool

    @property
    def depth(self) -> int:
        """The number of steps."""
        farthest = sum(w * (size - 1) for w, size in zip(self.weight, self.shape, strict=True))
        return self.groups * farthest + self.groups

    def steps(self) -> np.ndarray:
        """The step of each site, int64 [sites]."""
        steps = np.zeros((), dtype=np.int64)
        for size, weight, way in zip(self.shape, self.weight, self.way, strict=True):
            steps = steps[..., None] + weight * np.arange(size)[::way]
        return (self.groups * steps[..., None] + np.arange(self.groups)[:: self.group_way]).ravel()


def sweep(frame: Frame, table: np.ndarray) -> Sweep | None:
    """The sweep over a square relation of sites, the shortest one that is found; None where none respects it."""
    moves = _moves(frame, table)
    sweeps = [swept for axes in permutations(range(len(frame.shape))) if (swept := _along(frame, table, axes, moves))]
    return min(sweeps, key=lambda candidate: (not candidate.shortest, candidate.depth), default=None)


def _moves(frame: Frame, table: np.ndarray) -> _Moves:
    entries = np.nonzero(table)
    axes = len(frame.shape)
    along = []
    for axis, way in enumerate(frame.direction):
        entry = entries[axes + 1 + axis]
        along.append(-way * entry if way else entries[axis] - entry)
    return _Moves(along, entries[axes] - entries[-1])


def _along(frame: Frame, table: np.ndarray, axes: tuple[int, ...], moves: _Moves) -> Sweep | None:
    """The sweep with these axes from the slowest to the fastest, then the groups."""
    groups = table.shape[len(axes)]
    same = np.ones(len(moves.group), dtype=bool)  # moves that stay where they are along all slower axes
    ways = [1] * len(axes)
    for axis in axes:
        moves_along = moves.along[axis][same]
        if (moves_along < 0).any():
            if (moves_along > 0).any():
                return None
            ways[axis] = -1
        same &= moves.along[axis] == 0
    within = moves.group[same]
    group_way = -1 if (within < 0).any() else 1
    if (within * group_way <= 0).any():
        return None
    ahead = group_way * moves.group  # by how many steps each move goes back, from the fastest part to the slowest
    weight = [0] * len(axes)
    for axis in reversed(axes):
        along = ways[axis] * moves.along[axis]
        # What a slower axis decides is none of this one's concern.
        first_moves = along > 0
        for slower in axes[: axes.index(axis)]:
            first_moves &= moves.along[slower] == 0
        needed = -((ahead[first_moves] - 1) // (groups * along[first_moves]))
        weight[axis] = max(0, int(needed.max(initial=0)))
        ahead = ahead + groups * weight[axis] * along
    shortest = _tight(frame, table, ahead == 1, weight, ways, group_way)
    return Sweep(frame.shape, groups, tuple(weight), tuple(ways), group_way, shortest)


def _tight(
    frame: Frame, table: np.ndarray, one_back: np.ndarray, weight: list[int], ways: list[int], group_way: int
) -> bool:
    """Says whether every site that is not among the first reads one of the step before."""
    axes, groups = len(frame.shape), table.shape[len(frame.shape)]
    before = np.zeros_like(table)
    before[np.nonzero(table)] = one_back
    reads = np.asarray(before.any(axis=-1))
    first = np.ones((), dtype=bool)
    for axis, (way, extent) in enumerate(zip(frame.direction, frame.extent, strict=True)):
        # A target is told by its class along an axis, or by its room: how many of the distances the array has.
        if way:
            reads = np.logical_or.accumulate(reads, axis=axes + 1 + axis)
        else:
            reads = np.asarray(reads.any(axis=axes + 1 + axis, keepdims=True))
        corner = 0 if way or ways[axis] > 0 else extent - 1
        first = first[..., None] & ((np.arange(extent) == corner) | (weight[axis] == 0))
    pairs = [number for axis in range(axes) for number in (axis, axes + 1 + axis)]
    reads = reads.transpose(*pairs, axes).reshape(*frame.extent, groups)
    first_group = np.arange(groups)[::group_way] == 0
    return bool((reads | (first[..., None] & first_group)).all())
