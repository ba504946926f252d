"""The schedule: elements whose inputs are all known form one step (the longest-path layering).

A full context takes one step per element, a window sweeps a wavefront, a weak order takes one step per group. No
schedule is shorter, since along the longest path each element waits for the one before.
"""

from __future__ import annotations

import numpy as np

from ardsl.relations import Labelled, Levels, Order, Relation, Sparse, Translated, Union
from ardsl.relations.relation import distinct
from ardsl.relations.selection import EarlierInOrder
from ardsl.relations.sweep import sweep

MOST_EDGES = 8_000_000
MOST_ELEMENTS = 1 << 18
"""The largest graph that is unrolled."""

_PORTION = 1 << 20  # edges that are unrolled at once


class CycleError(ValueError):
    """Some elements wait for each other, so no schedule exists."""


class TooLargeError(ValueError):
    """The graph is larger than what is unrolled; its text gives the limit."""


def longest_path(relation: Relation | np.ndarray, order: Order | None = None) -> int:
    """The number of elements on the longest path, which is the number of steps."""
    if isinstance(relation, Relation) and order is not None and follows(relation, order):
        return order.steps
    if isinstance(relation, Translated) and (swept := sweep(relation)) is not None and swept.shortest:
        return swept.depth
    found = layers(relation, order)
    return int(found.max()) + 1 if len(found) else 0


def layers(relation: Relation | np.ndarray, order: Order | None = None) -> np.ndarray:
    """The step in which each element of a square relation (element × element) is drawn, int64 [elements].

    What elements read of other variables counts as known and is left out. ``order`` is an order that the relation is
    known to respect: where it decides the schedule, nothing is unrolled.
    """
    if isinstance(relation, np.ndarray):
        return _matrix_layers(relation)
    if order is None and isinstance(relation, EarlierInOrder):
        order = relation.order
    if order is not None and follows(relation, order):
        return order.rank
    if isinstance(relation, Levels):
        return _chain_layers(relation)
    if isinstance(relation, Labelled):
        return _label_layers(relation)
    if isinstance(relation, Translated):
        return _swept_layers(relation)
    if isinstance(relation, Sparse):
        return _edge_layers(relation.targets, relation.target, relation.read)
    return _edge_layers(relation.targets, *_edges(relation))


def follows(relation: Relation, order: Order) -> bool:
    """Whether each step is one rank: every element waits for one of the rank before, if for nothing else.

    Told for a relation that respects ``order``; False where it isn't plain to see.
    """
    if _reads_all_earlier(relation, order):
        return True
    if not order.total or relation.targets != order.size:
        return False
    return bool(relation.holds(order.permutation[1:], order.permutation[:-1]).all())


def _reads_all_earlier(relation: Relation, order: Order) -> bool:
    if isinstance(relation, Union):
        return any(_reads_all_earlier(part, order) for part in relation.parts)
    return (
        isinstance(relation, EarlierInOrder)
        and relation.order == order
        and len(relation.elements) == order.size
        and not any(limit is not None for limit in relation.limits or ())
    )


def _chain_layers(relation: Levels) -> np.ndarray:
    """A target waits for the highest level that it reads, whoever carries it: levels point at levels below."""
    levels, level_of = np.unique(relation.target_level, return_inverse=True)
    by_source = np.argsort(relation.source_level, kind="stable")
    highest = np.concatenate([[-1], np.maximum.accumulate(level_of[by_source])])
    waits_for = highest[np.searchsorted(relation.source_level[by_source], levels, side="right")]
    depth = np.zeros(len(levels), dtype=np.int64)
    for level, below in enumerate(waits_for.tolist()):
        if below >= level:
            raise CycleError("elements of one level read each other")
        if below >= 0:
            depth[level] = depth[below] + 1
    return depth[level_of]


def _swept_layers(relation: Translated) -> np.ndarray:
    """A sweep that is the shortest, or the unrolled layering; a sweep in any case where the array is too large."""
    found = sweep(relation)
    if found is not None and (found.shortest or relation.targets > MOST_ELEMENTS):
        return found.steps()
    try:
        return _edge_layers(relation.targets, *_edges(relation))
    except TooLargeError:
        if found is None:
            raise
        return found.steps()


def _label_layers(relation: Labelled) -> np.ndarray:
    """All targets of one label read the same, so labels are scheduled in place of elements."""
    labels, label_of = np.unique(relation.target_label, return_inverse=True)
    carried = np.zeros(
        (relation.table.shape[1], len(labels)), dtype=bool
    )  # source label × target label, on one element
    carried[relation.source_label, label_of] = True
    reads = (relation.table[labels].astype(np.float32) @ carried.astype(np.float32)) > 0
    return _matrix_layers(reads)[label_of]


def _matrix_layers(matrix: np.ndarray) -> np.ndarray:
    sources, targets = np.nonzero(np.ascontiguousarray(matrix.T))
    return _sorted_layers(len(matrix), targets, sources)


def _edge_layers(count: int, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    short = sources.astype(np.uint16) if count <= 1 << 16 else sources  # few digits sort in linear time
    by_source = np.argsort(short, kind="stable")
    return _sorted_layers(count, targets[by_source], sources[by_source])


def _sorted_layers(count: int, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
    """Kahn's algorithm, one layer at a time; every edge is looked at once. Edges come sorted by source."""
    waiting = np.bincount(targets, minlength=count)
    ends = np.cumsum(np.bincount(sources, minlength=count)).tolist()
    starts = [0, *ends]
    found = np.full(count, -1, dtype=np.int64)
    ready, layer = np.flatnonzero(waiting == 0), 0
    while len(ready):
        found[ready] = layer
        reached = [targets[starts[node] : ends[node]] for node in ready.tolist()]
        freed = reached[0] if len(reached) == 1 else np.concatenate(reached)
        np.subtract.at(waiting, freed, 1)
        freed = freed[waiting[freed] == 0]
        ready, layer = (freed if len(reached) == 1 else distinct(freed)), layer + 1
    if (found < 0).any():
        raise CycleError(f"{int((found < 0).sum())} elements wait for each other")
    return found


def _edges(relation: Relation) -> tuple[np.ndarray, np.ndarray]:
    """All (target, source) pairs, unless they may be too many."""
    if relation.targets > MOST_ELEMENTS:
        raise TooLargeError(f"it has {relation.targets} elements, and at most {MOST_ELEMENTS} are unrolled")
    everyone = np.arange(relation.targets)
    upto = np.cumsum(relation.at_most(everyone))
    if len(upto) and upto[-1] > MOST_EDGES:
        raise TooLargeError(f"it may have {upto[-1]} edges, and at most {MOST_EDGES} are unrolled")
    targets, sources = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    portions = np.searchsorted(upto, np.arange(_PORTION, MOST_EDGES, _PORTION))
    for chunk in np.split(everyone, distinct(portions)):
        position, source = relation.pairs(chunk)
        targets.append(chunk[position])
        sources.append(source)
    return np.concatenate(targets), np.concatenate(sources)
