"""The longest-path layering of a graph whose edges are listed: elements whose inputs are all known form one step.

No schedule is shorter, since along the longest path each element waits for the one before.
"""

from __future__ import annotations

import numpy as np

from ardsl.relations.arrays import distinct

MOST_EDGES = 8_000_000
MOST_ELEMENTS = 1 << 18
"""The largest graph that is unrolled."""
MOST_CELLS = 1 << 28
"""Targets × sources of a relation that is looked at row by row."""


class CycleError(ValueError):
    """Some elements wait for each other, so no schedule exists."""


class TooLargeError(ValueError):
    """The graph is larger than what is unrolled; its text gives the limit."""


def require_few_elements(count: int) -> None:
    """Refuses a graph of more elements than are unrolled."""
    if count > MOST_ELEMENTS:
        raise TooLargeError(f"it has {count} elements, and at most {MOST_ELEMENTS} are unrolled")


def require_few_edges(count: int) -> None:
    """Refuses a graph that may have more edges than are unrolled."""
    if count > MOST_EDGES:
        raise TooLargeError(f"it may have {count} edges, and at most {MOST_EDGES} are unrolled")


def require_few_cells(count: int) -> None:
    """Refuses a relation of more targets × sources than are looked at row by row."""
    if count > MOST_CELLS:
        raise TooLargeError(f"it has {count} pairs of elements, and at most {MOST_CELLS} are looked at")


def matrix_layers(matrix: np.ndarray) -> np.ndarray:
    """The step of each element, int64 [elements], where ``matrix[j, i]`` says that j waits for i."""
    sources, targets = np.nonzero(np.ascontiguousarray(matrix.T))
    return _sorted_layers(len(matrix), targets, sources)


def edge_layers(count: int, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """The step of each of ``count`` elements, int64 [count], where ``targets[k]`` waits for ``sources[k]``."""
    short = sources.astype(np.uint16) if count <= 1 << 16 else sources  # few digits sort in linear time
    by_source = np.argsort(short, kind="stable")
    return _sorted_layers(count, targets[by_source], sources[by_source])


def _sorted_layers(count: int, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Kahn's algorithm, one layer at a time; every edge is looked at once. Edges come sorted by source."""
    waiting = np.bincount(targets, minlength=count)
    ends = np.cumsum(np.bincount(sources, minlength=count)).tolist()
    starts = [0, *ends]
    layers = np.full(count, -1, dtype=np.int64)
    ready, layer = np.flatnonzero(waiting == 0), 0
    while len(ready):
        layers[ready] = layer
        reached = [targets[starts[node] : ends[node]] for node in ready.tolist()]
        freed = reached[0] if len(reached) == 1 else np.concatenate(reached)
        np.subtract.at(waiting, freed, 1)
        freed = freed[waiting[freed] == 0]
        ready, layer = (freed if len(reached) == 1 else distinct(freed)), layer + 1
    if (layers < 0).any():
        raise CycleError(f"{int((layers < 0).sum())} elements wait for each other")
    return layers
