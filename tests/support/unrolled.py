"""The meaning of contexts, one pair of elements at a time: an oracle that shares no code with the library."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import floor

import numpy as np

from ardsl.relations import Affine, Earlier, Everything, Listed, Order, Part, Relation, Selection
from ardsl.relations.arrays import NONE


def cells(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """All coordinates, in row-major order."""
    return list(product(*map(range, shape)))


def unroll(selection: Selection, order: Order, shape: tuple[int, ...]) -> np.ndarray:
    """Bool [target, source] of a context of a variable on itself, for all of its elements (or those it is for)."""
    places = cells(shape)
    elements = getattr(selection, "elements", None) or range(len(places))
    return np.array([[reads(selection, order, places, t, s) for s in range(len(places))] for t in elements], dtype=bool)


def reads(selection: Selection, order: Order, places: list[tuple[int, ...]], target: int, source: int) -> bool:
    if isinstance(selection, Everything):
        return True
    if isinstance(selection, Listed):
        return source in selection.read
    if isinstance(selection, Part):
        return inside(selection, places[target], places[source])
    assert isinstance(selection, Earlier)
    behind = int(order.rank[target]) - int(order.rank[source])
    near = all(
        limit is None or abs(a - b) <= limit
        for limit, a, b in zip(selection.limits or [None] * len(places[0]), places[target], places[source], strict=True)
    )
    return behind >= 1 and near and (selection.last is None or behind <= selection.last)


def inside(part: Part, target: tuple[int, ...], source: tuple[int, ...]) -> bool:
    return all(
        (axis.low is None or value(axis.low, target) <= at) and (axis.high is None or at <= value(axis.high, target))
        for axis, at in zip(part.parts, source, strict=True)
    )


def value(bound: Affine, target: tuple[int, ...]) -> int:
    if bound.axis is None:
        return bound.offset
    return floor(Fraction(bound.multiplier * target[bound.axis] + bound.inner, bound.divisor)) + bound.offset


def farthest(matrix: np.ndarray, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
    """The largest distance of what is read, one pair of elements at a time."""
    places = cells(shape)
    pairs = [(target, source) for target, source in np.argwhere(matrix) if sources[source] >= 0]
    distances = [abs(places[e][axis] - places[sources[s]][axis]) for t, s in pairs for e in targets[t]]
    return max(distances, default=0)


def check(relation: Relation, matrix: np.ndarray) -> None:
    """Every question to a relation, answered from its matrix."""
    assert matrix.shape == (relation.targets, relation.sources)
    assert (relation.matrix() == matrix).all()
    targets = np.arange(relation.targets)[::-2]
    assert (relation.rows(targets) == matrix[targets]).all()
    position, source = relation.pairs(targets)
    assert [position.tolist(), source.tolist()] == [found.tolist() for found in np.nonzero(matrix[targets])]
    assert relation.row_counts().tolist() == matrix.sum(axis=1).tolist()
    assert relation.counts(targets).tolist() == matrix[targets].sum(axis=1).tolist()
    assert (relation.at_most(targets) >= matrix[targets].sum(axis=1)).all()
    assert relation.count == matrix.sum()
    assert relation.column_counts().tolist() == matrix.sum(axis=0).tolist()
    numbers = np.arange(relation.sources) * 37 % 11 - 5
    assert relation.totals(numbers).tolist() == (matrix @ numbers).tolist()
    assert relation.greatest(numbers).tolist() == np.where(matrix, numbers, NONE).max(axis=1, initial=NONE).tolist()
    assert relation.most == matrix.sum(axis=1).max(initial=0)
    target, source = (index.ravel() for index in np.indices(matrix.shape))
    assert (relation.holds(target, source) == matrix.ravel()).all()
    if matrix.size:
        for row in (0, relation.targets // 2, relation.targets - 1):
            assert relation.reads(row).tolist() == np.flatnonzero(matrix[row]).tolist()
        assert ((0, 0) in relation) == matrix[0, 0]
