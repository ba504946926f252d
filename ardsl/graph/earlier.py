"""Strictly earlier: every context on the variable itself reads only what has a lower rank.

For the boxes that index-space contexts read it is enough to know the highest rank inside each box. Along an axis on
which ranks only rise or only fall (every axis of a raster order) that is at the box's edge; along others a table of
maxima over 1, 2, 4, … neighbours gives it from two entries.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations import Everything, Listed, Order, Part, Relation
from ardsl.relations.selection import Box, EarlierInOrder

_PORTION = 1 << 18  # targets that are looked at together


@dataclass(frozen=True)
class Violation:
    """An element of the variable that would read one not drawn before it; ``always``: so do all that read anything."""

    target: int
    source: int
    always: bool


def first_violation(relation: Relation, elements: range, order: Order) -> Violation | None:
    """The first target element, by index, that reads one of its own or a higher rank; None if the context is legal.

    ``relation`` gives what ``elements`` of the variable read of the variable itself.
    """
    if isinstance(relation, EarlierInOrder) and relation.order is order:
        return None
    rising = _monotone_axes(order) if isinstance(relation, Part) else []
    for start in range(0, len(elements), _PORTION):
        positions = np.arange(start, min(start + _PORTION, len(elements)))
        highest = _highest_rank(relation, positions, order, rising)
        own = order.rank[elements.start + elements.step * positions]
        wrong = highest >= own
        if wrong.any():
            position = int(np.argmax(wrong))
            target = elements[start + position]
            _, read = relation.pairs(positions[position : position + 1])
            source = int(read[np.argmax(order.rank[read] >= order.rank[target])])
            return Violation(target, source, bool(wrong[highest >= 0].all()))
    return None


def _highest_rank(relation: Relation, targets: np.ndarray, order: Order, rising: list[int]) -> np.ndarray:
    """The highest rank that each target reads, −1 where it reads nothing."""
    if isinstance(relation, Everything):
        return np.full(len(targets), order.steps - 1)
    if isinstance(relation, Listed):
        return np.full(len(targets), order.rank[list(relation.read)].max() if relation.read else -1)
    if isinstance(relation, Part):
        return _highest_in_boxes(order, relation.bounds(targets), len(targets), rising)
    position, source = relation.pairs(targets)
    found = np.full(len(targets), -1, dtype=np.int64)
    np.maximum.at(found, position, order.rank[source])
    return found


def _monotone_axes(order: Order) -> list[int]:
    """Per axis 1 where ranks never fall along it, −1 where they never rise, 0 where they do both."""
    grid = order.rank.reshape(order.shape)
    found = []
    for axis in range(grid.ndim):
        lower, upper = _cut(grid, axis, 0, grid.shape[axis] - 1), _cut(grid, axis, 1, grid.shape[axis])
        found.append(1 if (lower <= upper).all() else -1 if (lower >= upper).all() else 0)
    return found


def _highest_in_boxes(order: Order, boxes: Box, count: int, rising: list[int]) -> np.ndarray:
    filled = np.ones(count, dtype=bool)
    edges = []
    for (low, high), size, direction in zip(boxes, order.shape, rising, strict=True):
        low, high = np.maximum(low, 0), np.minimum(high, size - 1)
        filled &= low <= high
        edges.append((high if direction > 0 else low, low if direction < 0 else high))
    found = np.full(count, -1, dtype=np.int64)
    chosen = [(low[filled], high[filled]) for low, high in edges]
    if filled.any():
        grid = order.rank.reshape(order.shape)[tuple(slice(low.min(), high.max() + 1) for low, high in chosen)]
        found[filled] = box_maxima(grid, [(low - low.min(), high - low.min()) for low, high in chosen])
    return found


def box_maxima(values: np.ndarray, boxes: Box) -> np.ndarray:
    """The largest of ``values`` inside each box (given per axis by its first and last index, inside the array)."""
    if not boxes:
        return values.ravel()
    found = np.empty(len(boxes[0][0]), dtype=values.dtype)
    ends = []
    for axis, (low, high) in enumerate(boxes):
        first, last = int(low[0]), int(high[0])
        if first < last and (low == first).all() and (high == last).all():  # the same part for all, so it is taken once
            values = _cut(values, axis, first, last + 1).max(axis=axis, keepdims=True)
            low = high = np.zeros(len(found), dtype=np.int64)
        ends.append((low, high))
    _descend(values, ends, 0, np.arange(len(found)), [], found)
    return found


def _descend(
    table: np.ndarray,
    boxes: Box,
    axis: int,
    members: np.ndarray,
    corners: list[tuple[np.ndarray, ...]],
    found: np.ndarray,
) -> None:
    """Fill ``found`` for the ``members``: axis by axis, boxes of like width share a table of maxima over 2^level."""
    if axis == len(boxes):
        indices: list[tuple[np.ndarray, ...]] = [()]
        for ends in corners:
            indices = [(*index, end) for index in indices for end in ends]
        found[members] = np.maximum.reduce([table[index] for index in indices])
        return
    low, high = (edge[members] for edge in boxes[axis])
    levels = np.frexp(high - low + 1)[1] - 1  # the largest power of two that a box's width holds
    for level in range(int(levels.max()) + 1):
        here = slice(None) if level == levels.min() == levels.max() else np.flatnonzero(levels == level)
        if isinstance(here, slice) or len(here):
            first, second = low[here], high[here] - (1 << level) + 1
            ends = (first,) if level == 0 else (first, second)
            kept = [tuple(end[here] for end in known) for known in corners]
            _descend(table, boxes, axis + 1, members[here], [*kept, ends], found)
        if level < levels.max():
            length = table.shape[axis] - (1 << level)
            table = np.maximum(_cut(table, axis, 0, length), _cut(table, axis, 1 << level, table.shape[axis]))


def _cut(values: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    return values[(slice(None),) * axis + (slice(start, stop),)]
