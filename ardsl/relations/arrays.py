"""Small functions of whole-number arrays."""

from __future__ import annotations

import numpy as np

NONE = -(1 << 62)
"""In place of the greatest number, where there is none."""


def joined(arrays: list[np.ndarray]) -> np.ndarray:
    """The arrays one after another, int64; none without any."""
    return np.concatenate(arrays).astype(np.int64, copy=False) if arrays else np.zeros(0, dtype=np.int64)


def listed_range(numbers: range | np.ndarray) -> np.ndarray:
    """A range as an array; an array as it is."""
    return np.arange(numbers.start, numbers.stop, numbers.step) if isinstance(numbers, range) else numbers


def expanded(starts: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ranges ``starts[k] … starts[k] + counts[k] − 1`` one after another: each entry's k, and its value."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return owner, np.arange(len(owner)) - first[owner] + starts[owner]


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Each of the numbers once, ascending. Unlike numpy's ``unique`` it imports no masked arrays, and takes runs that
    ascend already by merging them."""
    ascending = np.sort(numbers, axis=None, kind="stable")
    return ascending[np.concatenate([np.ones(1, dtype=bool), np.diff(ascending) != 0])[: len(ascending)]]
