"""The rank of every element under each kind of order: pure functions of a shape, all int64 [size], flat row-major."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Protocol

import numpy as np

Shape = tuple[int, ...]


def coordinates(shape: Shape) -> list[np.ndarray]:
    """The coordinates of every element, one int64 [size] array per axis."""
    grids = np.meshgrid(*(np.arange(size) for size in shape), indexing="ij", copy=False)
    return [grid.ravel() for grid in grids]


def inverse(permutation: np.ndarray) -> np.ndarray:
    """Rank per element from element per rank, and back."""
    inverted = np.empty(len(permutation), dtype=np.int64)
    inverted[permutation] = np.arange(len(permutation))
    return inverted


def raster(shape: Shape, axes: Shape) -> np.ndarray:
    """Lexicographic, ``axes`` from the slowest to the fastest."""
    counted = np.arange(prod(shape)).reshape([shape[axis] for axis in axes])
    return counted.transpose(np.argsort(np.array(axes, dtype=np.int64))).ravel()


def reverse(shape: Shape) -> np.ndarray:
    return np.arange(prod(shape))[::-1].copy()


def snake(shape: Shape) -> np.ndarray:
    lines = np.arange(prod(shape)).reshape(-1, shape[-1] if shape else 1)
    lines[1::2] = lines[1::2, ::-1]
    return lines.ravel()


def diagonal(shape: Shape) -> np.ndarray:
    distance = np.zeros(prod(shape), dtype=np.int64)
    for axis in coordinates(shape):
        distance += axis
    return inverse(np.argsort(distance, kind="stable"))


def spiral(shape: Shape) -> np.ndarray:
    height, width = shape
    row, column = coordinates(shape)
    ring = np.minimum(np.minimum(row, column), np.minimum(height - 1 - row, width - 1 - column))
    outside = height * width - (height - 2 * ring) * (width - 2 * ring)
    down, right = height - 1 - 2 * ring, width - 1 - 2 * ring  # the far sides of the ring
    row, column = row - ring, column - ring
    along = np.select(
        [row == 0, column == right, row == down],
        [column, right + row, right + down + (right - column)],
        default=2 * right + down + (down - row),
    )
    return outside + along


def shuffle(shape: Shape, seed: int) -> np.ndarray:
    return inverse(np.random.Generator(np.random.PCG64(seed)).permutation(prod(shape)))


def explicit(shape: Shape, permutation: tuple[int, ...]) -> np.ndarray:
    return inverse(np.array(permutation, dtype=np.int64))


def multiscale(shape: Shape, base: int) -> np.ndarray:
    """The base grid by raster, then, halving the spacing, one rank for each corner of the finer cells."""
    at = coordinates(shape)
    off_grid = np.zeros(prod(shape), dtype=np.int64)
    for axis in at:
        off_grid |= axis % base
    spacing = off_grid & -off_grid  # the grid an element first appears on; 0: the base grid
    on_base = spacing == 0
    corner = np.zeros_like(spacing)
    for axis in at:
        corner = 2 * corner + (axis // np.maximum(spacing, 1)) % 2
    finer = base // np.maximum(spacing, 1)
    group = (finer << len(shape)) + corner
    rank = np.cumsum(on_base) - 1
    count = int(on_base.sum())
    rank[~on_base] = count + np.unique(group[~on_base], return_inverse=True)[1]
    return rank


def checkerboard(shape: Shape) -> np.ndarray:
    parity = np.zeros(prod(shape), dtype=np.int64)
    for axis in coordinates(shape):
        parity ^= axis & 1
    return parity


def blocks(shape: Shape, sizes: Sequence[int]) -> np.ndarray:
    rank = np.zeros(prod(shape), dtype=np.int64)
    for axis, extent, size in zip(coordinates(shape), shape, sizes, strict=True):
        rank = rank * -(-extent // size) + axis // size
    return rank


class Ranked(Protocol):
    """An order of the draws, which has a rank for each."""

    @property
    def rank(self) -> np.ndarray: ...


def drawn_together(shape: Shape, order: Ranked, event_axes: Shape) -> np.ndarray:
    """The rank of each element is that of its draw."""
    kept = tuple(1 if axis in event_axes else size for axis, size in enumerate(shape))
    return np.broadcast_to(order.rank.reshape(kept), shape).ravel()
