"""What a relation answers for itself is what its matrix answers, whatever its form."""

from __future__ import annotations

from math import prod

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.relations import Beside, Matrix, Relation
from ardsl.relations.layering import CycleError
from tests.support.strategies import any_order, earlier, relations, selections, shapes, side_by_side
from tests.support.unrolled import check, farthest, unroll

quick = settings(max_examples=60, deadline=None)
small = shapes(axes=2, extent=4)
Shape = tuple[int, ...]


def any_form(shape: Shape) -> st.SearchStrategy[Relation]:
    return relations(shape) | side_by_side(shape)


def booleans(data: st.DataObject, count: int) -> np.ndarray:
    return np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype=bool)


def numbers(data: st.DataObject, count: int, low: int, high: int) -> np.ndarray:
    drawn = data.draw(st.lists(st.integers(low, high), min_size=count, max_size=count))
    return np.array(drawn, dtype=np.int64)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_every_question(data: st.DataObject, shape: Shape) -> None:
    relation = data.draw(any_form(shape))
    check(relation, relation.matrix())
    check(relation.listed(), relation.matrix())


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_rows_and_columns(data: st.DataObject, shape: Shape) -> None:
    relation = data.draw(any_form(shape))
    matrix = relation.matrix()
    start, step = data.draw(st.integers(0, relation.targets - 1)), data.draw(st.integers(1, 3))
    stop = data.draw(st.integers(start, relation.targets))
    some = range(start, stop, step)
    check(relation.select(some), matrix[list(some)])
    chosen = numbers(data, data.draw(st.integers(0, 5)), 0, relation.targets - 1)
    check(relation.select(chosen), matrix[chosen])
    check(relation.select(chosen).select(range(len(chosen) // 2)), matrix[chosen][: len(chosen) // 2])
    read = data.draw(st.lists(st.integers(0, relation.sources - 1), max_size=5, unique=True))
    check(relation.columns(read), matrix[:, read])
    kept = booleans(data, relation.targets)
    check(relation.only_for(kept), matrix & kept[:, None])


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_what_two_have(data: st.DataObject, shape: Shape) -> None:
    """Of two relations, of one with itself, and of two side by side with a third."""
    left, right = data.draw(relations(shape)), data.draw(relations(shape))
    if data.draw(st.booleans()):
        right = left
    if data.draw(st.booleans()):
        other = data.draw(relations(shape))
        left, right = Beside(other.targets, (left, other)), Beside(other.targets, (right, other))
    one, other_matrix = left.matrix(), right.matrix()
    check(left.minus(right), one & ~other_matrix)
    check(left.union(right), one | other_matrix)
    common = left.common(right)
    if common is not None:
        check(common, one & other_matrix)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_composition(data: st.DataObject, shape: Shape) -> None:
    above, below = data.draw(relations(shape)), data.draw(any_form(shape))
    check(below.then(above), (above.matrix().astype(int) @ below.matrix()) > 0)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_owners_of_sources(data: st.DataObject, shape: Shape) -> None:
    """Where some sources have no owner, and where each target is the owner of some sources in a row."""
    relation = data.draw(any_form(shape))
    count = data.draw(st.integers(1, relation.targets))
    owner = numbers(data, relation.sources, -1, count - 1)
    if data.draw(st.booleans()):
        count = relation.targets
        owner = np.arange(relation.sources) % count
        owner[data.draw(st.integers(1, len(owner))) :] = -1
    belongs = owner[:, None] == np.arange(count)
    check(relation.by_owner(owner, count), (relation.matrix().astype(int) @ belongs) > 0)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_levels(data: st.DataObject, shape: Shape) -> None:
    relation = data.draw(any_form(shape))
    matrix = relation.matrix()
    levels = relation.levels()
    rows = sorted((set(np.flatnonzero(row)) for row in matrix), key=len)
    assert (levels is not None) == all(one <= other for one, other in zip(rows, rows[1:], strict=False))
    if levels is not None:
        assert (matrix == (levels[1] <= levels[0][:, None])).all()


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_layers(data: st.DataObject, shape: Shape) -> None:
    """Of what reads in no circle: anything below the diagonal of some order of the elements."""
    relation = data.draw(relations(shape))
    matrix = relation.matrix()
    graph = networkx.from_numpy_array(matrix.T, create_using=networkx.DiGraph)
    if not networkx.is_directed_acyclic_graph(graph):
        with pytest.raises(CycleError):
            relation.layers()
        return
    expected = np.zeros(len(matrix), dtype=np.int64)
    for step, elements in enumerate(networkx.topological_generations(graph)):
        expected[list(elements)] = step
    assert relation.layers().tolist() == Matrix(matrix).layers().tolist() == expected.tolist()
    assert relation.depth() == expected.max(initial=-1) + 1


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_the_farthest(data: st.DataObject, shape: Shape) -> None:
    relation = data.draw(any_form(shape))
    sources = np.arange(relation.sources) % prod(shape)
    targets = np.arange(relation.targets)[:, None]
    if data.draw(st.booleans()):
        targets = numbers(data, 2 * relation.targets, 0, prod(shape) - 1).reshape(-1, 2)
        sources = numbers(data, relation.sources, -1, prod(shape) - 1)
    for axis in range(len(shape)):
        expected = farthest(relation.matrix(), axis, shape, targets, sources)
        assert relation.farthest(axis, shape, targets, sources) == expected


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_what_a_context_says_of_itself(data: st.DataObject, shape: Shape) -> None:
    """Under any order it reads what it says."""
    context, order = data.draw(selections(shape) | earlier(shape)), data.draw(any_order(shape))
    matrix, size = unroll(context, order, shape), prod(shape)
    elements = np.arange(size)[list(getattr(context, "elements", None) or range(size))]
    before = order.rank < order.rank[elements][:, None]
    if context.all_sources:
        assert matrix.all()
    if context.all_earlier:
        assert (matrix == before).all() and len(elements) == size
    if context.same_for_all:
        assert (matrix == matrix[:1]).all()
    if context.always_earlier:
        assert (matrix <= before).all()
    if context.named is not None:
        assert (matrix == np.isin(np.arange(size), context.named)).all()
    limits = context.earlier_within(len(shape))
    if limits is not None:
        there = np.indices(shape).reshape(len(shape), size)
        apart = np.abs(there[:, elements, None] - there[:, None, :])
        near = [distance <= limit for distance, limit in zip(apart, limits, strict=True) if limit is not None]
        assert (matrix == np.all([before, *near], axis=0)).all()


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_slots_tell_the_sources_of_a_target_apart(data: st.DataObject, shape: Shape) -> None:
    context, order = data.draw(selections(shape) | earlier(shape)), data.draw(any_order(shape))
    relation = context.relation(order)
    target, source = relation.pairs(np.arange(relation.targets))
    numbers = [np.broadcast_to(each, target.shape).tolist() for each in context.slots(order, target, source)]
    slots = list(zip(target.tolist(), *numbers, strict=True))
    assert len(set(slots)) == len(slots)
