"""Many boxes of an array at once: their elements, their sizes, and the greatest number inside each.

Along an axis on which numbers only rise or only fall (of ranks, every axis of a raster order) the greatest number of a
box is at its edge; along others a table of maxima over 1, 2, 4, … neighbours gives it from two entries.
"""

from __future__ import annotations

import numpy as np

from ardsl.relations.arrays import NONE, expanded

Box = list[tuple[np.ndarray, np.ndarray]]
"""Many boxes at once: per axis the lowest and the highest index of each."""


def unraveled(elements: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
    """The coordinates of each element, one array per axis; a scalar has none."""
    return list(np.unravel_index(elements, shape)) if shape else []


def boxed_pairs(boxes: Box, shape: tuple[int, ...], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The elements inside each of ``count`` boxes, clipped to the array: each one's box, ascending, and the element."""
    boxes = clipped(boxes, shape)
    owner, left = expanded(np.zeros(count, dtype=np.int64), box_sizes(boxes, count))
    element, stride = np.zeros_like(left), 1
    for (low, high), size in zip(reversed(boxes), reversed(shape), strict=True):
        left, index = np.divmod(left, (high - low + 1)[owner])
        element += stride * (low[owner] + index)
        stride *= size
    return owner, element


def clipped(boxes: Box, shape: tuple[int, ...]) -> Box:
    """The boxes without what lies outside the array."""
    return [(np.maximum(low, 0), np.minimum(high, size - 1)) for (low, high), size in zip(boxes, shape, strict=True)]


def box_sizes(boxes: Box, count: int) -> np.ndarray:
    """The number of elements of each of ``count`` boxes, int64 [count]."""
    sizes = np.ones(count, dtype=np.int64)
    for low, high in boxes:
        sizes *= np.maximum(high - low + 1, 0)
    return sizes


def monotone_axes(grid: np.ndarray) -> list[int]:
    """Per axis 1 where the numbers never fall along it, −1 where they never rise, 0 where they do both."""
    ways = []
    for axis in range(grid.ndim):
        lower, upper = _cut(grid, axis, 0, grid.shape[axis] - 1), _cut(grid, axis, 1, grid.shape[axis])
        ways.append(1 if (lower <= upper).all() else -1 if (lower >= upper).all() else 0)
    return ways


def greatest_in_boxes(grid: np.ndarray, boxes: Box, count: int, ways: list[int]) -> np.ndarray:
    """The greatest number of an array inside each of ``count`` boxes, clipped to it, int64 [count]: ``NONE`` of empty
    ones. ``ways`` are the array's :func:`monotone_axes`."""
    filled = np.ones(count, dtype=bool)
    edges = []
    for (low, high), way in zip(clipped(boxes, grid.shape), ways, strict=True):
        filled &= low <= high
        edges.append((high if way > 0 else low, low if way < 0 else high))
    greatest = np.full(count, NONE)
    chosen = [(low[filled], high[filled]) for low, high in edges]
    if filled.any():
        near = grid[tuple(slice(low.min(), high.max() + 1) for low, high in chosen)]
        greatest[filled] = box_maxima(near, [(low - low.min(), high - low.min()) for low, high in chosen])
    return greatest


def box_maxima(values: np.ndarray, boxes: Box) -> np.ndarray:
    """The largest of ``values`` inside each box (given per axis by its first and last index, inside the array)."""
    if not boxes:
        return values.ravel()
    maxima = np.empty(len(boxes[0][0]), dtype=values.dtype)
    ends = []
    for axis, (low, high) in enumerate(boxes):
        first, last = int(low[0]), int(high[0])
        if first < last and (low == first).all() and (high == last).all():  # the same part for all, so it is taken once
            values = _cut(values, axis, first, last + 1).max(axis=axis, keepdims=True)
            low = high = np.zeros(len(maxima), dtype=np.int64)
        ends.append((low, high))
    _descend(values, ends, 0, np.arange(len(maxima)), [], maxima)
    return maxima


def _descend(
    table: np.ndarray,
    boxes: Box,
    axis: int,
    members: np.ndarray,
    corners: list[tuple[np.ndarray, ...]],
    maxima: np.ndarray,
) -> None:
    """Fills ``maxima`` for the ``members``: axis by axis, boxes of like width share a table of maxima over 2^level."""
    if axis == len(boxes):
        indices: list[tuple[np.ndarray, ...]] = [()]
        for ends in corners:
            indices = [(*index, end) for index in indices for end in ends]
        maxima[members] = np.maximum.reduce([table[index] for index in indices])
        return
    low, high = (edge[members] for edge in boxes[axis])
    levels = np.frexp(high - low + 1)[1] - 1  # the largest power of two that a box's width holds
    for level in range(int(levels.max()) + 1):
        at_level = slice(None) if level == levels.min() == levels.max() else np.flatnonzero(levels == level)
        if isinstance(at_level, slice) or len(at_level):
            first, second = low[at_level], high[at_level] - (1 << level) + 1
            ends = (first,) if level == 0 else (first, second)
            kept = [tuple(end[at_level] for end in known) for known in corners]
            _descend(table, boxes, axis + 1, members[at_level], [*kept, ends], maxima)
        if level < levels.max():
            length = table.shape[axis] - (1 << level)
            table = np.maximum(_cut(table, axis, 0, length), _cut(table, axis, 1 << level, table.shape[axis]))


def _cut(values: np.ndarray, axis: int, start: int, stop: int) -> np.ndarray:
    return values[(slice(None),) * axis + (slice(start, stop),)]
