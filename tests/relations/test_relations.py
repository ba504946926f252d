"""Each symbolic relation equals its matrix, whichever way it is asked."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ardsl.relations import (
    Affine,
    AxisPart,
    Beside,
    Earlier,
    Everything,
    Matrix,
    Part,
    Stacked,
    Union,
    boolean_product,
)
from ardsl.relations.order import raster
from tests.support.strategies import any_order, earlier, labelled, levels, parts, selections, shapes, total_orders
from tests.support.unrolled import cells, check, farthest, inside, unroll

quick = settings(max_examples=40, deadline=None)

small = shapes(axes=3, extent=4)


@quick
@given(st.data(), small)
def test_earlier(data: st.DataObject, shape: tuple[int, ...]) -> None:
    context, order = data.draw(earlier(shape)), data.draw(any_order(shape))
    check(context.relation(order), unroll(context, order, shape))


@quick
@given(st.data(), small)
def test_contexts_on_the_variable_itself(data: st.DataObject, shape: tuple[int, ...]) -> None:
    context, order = data.draw(selections(shape)), data.draw(any_order(shape))
    check(context.relation(order), unroll(context, order, shape))


@quick
@given(st.data(), small, small)
def test_parts_of_another_variable(data: st.DataObject, target: tuple[int, ...], source: tuple[int, ...]) -> None:
    part = data.draw(parts(target, source))
    matrix = np.array([[inside(part, t, s) for s in cells(source)] for t in cells(target)], dtype=bool)
    check(part, matrix.reshape(prod(target), prod(source)))


def test_alignment_by_hand() -> None:
    frames = Part((6,), (3, 2), (AxisPart(None, Affine(0, divisor=2)), AxisPart()))
    assert frames.reads(0).tolist() == [0, 1]
    assert frames.reads(3).tolist() == [0, 1, 2, 3]
    assert frames.reads(5).tolist() == [0, 1, 2, 3, 4, 5]


def test_windows_by_hand() -> None:
    order = raster((3, 3))
    assert Earlier(limits=(1, 1)).relation(order).reads(4).tolist() == [0, 1, 2, 3]
    assert Earlier(limits=(1, None)).relation(order).reads(8).tolist() == [3, 4, 5, 6, 7]
    assert Earlier(last=2).relation(order).reads(8).tolist() == [6, 7]
    assert Earlier(last=2).relation(order).reads(1).tolist() == [0]


@quick
@given(st.data(), small)
def test_unions(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(any_order(shape))
    found = [context.relation(order) for context in data.draw(st.lists(selections(shape), max_size=3))]
    size = prod(shape)
    matrix = np.zeros((size, size), dtype=bool)
    for part in found:
        matrix |= part.matrix()
    check(Union(size, size, tuple(found)), matrix)


@quick
@given(st.data(), st.integers(1, 8))
def test_stacks(data: st.DataObject, size: int) -> None:
    order = data.draw(any_order((size,)))
    cut, end = sorted((data.draw(st.integers(1, size)), data.draw(st.integers(1, size))))
    first, second = Earlier(elements=range(cut)).relation(order), Everything(end - cut, size)
    matrix = np.zeros((size, size), dtype=bool)
    matrix[:cut], matrix[cut:end] = first.matrix(), True
    check(Stacked(size, size, ((range(cut), first), (range(cut, end), second))), matrix)


@pytest.mark.thorough
@quick
@given(st.data())
def test_levels_compose(data: st.DataObject) -> None:
    above, below = data.draw(levels(4, 6)), data.draw(levels(6, 5))
    check(above, above.source_level <= above.target_level[:, None])
    check(below.then(above), (above.matrix()[:, :, None] & below.matrix()[None]).any(axis=1))
    other = type(above)(data.draw(levels(4, 6)).target_level, above.source_level)
    check(above.union(other), above.matrix() | other.matrix())


@quick
@given(st.data())
def test_labels_compose(data: st.DataObject) -> None:
    above, below = data.draw(labelled(4, 6, (2, 3))), data.draw(labelled(6, 5, (3, 4)))
    check(above, above.table[above.target_label][:, above.source_label])
    check(below.then(above), (above.matrix()[:, :, None] & below.matrix()[None]).any(axis=1))
    other = type(above)(above.target_label, above.source_label, data.draw(labelled(4, 6, (2, 3))).table)
    check(above.union(other), above.matrix() | other.matrix())


def test_products_of_many_paths() -> None:
    ones = np.ones((1, 1 << 25), dtype=bool)
    assert boolean_product(ones, ones.T).all()
    assert not boolean_product(ones, ~ones.T).any()


@quick
@given(st.data(), small)
def test_beside(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(total_orders(shape))
    contexts = [data.draw(earlier(shape)) for _ in range(2)]
    each = [context.relation(order) for context in contexts]
    matrices = [unroll(context, order, shape) for context in contexts]
    assume(each[0].targets == each[1].targets)  # a context may be that of some elements
    check(Beside(each[0].targets, tuple(each)), np.concatenate(matrices, axis=1))


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_farthest(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Of contexts of a variable on itself, and of two of them together and side by side."""
    size, order = prod(shape), data.draw(any_order(shape))
    contexts = data.draw(st.lists(selections(shape) | earlier(shape), min_size=2, max_size=2))
    one, other = (context.relation(order) for context in contexts)
    places = cells(shape)
    for context, relation in zip(contexts, (one, other), strict=True):
        own = np.arange(size)[list(getattr(context, "elements", None) or range(size))]
        for axis in range(len(shape)):
            pairs = np.argwhere(unroll(context, order, shape))
            far = max((abs(places[own[t]][axis] - places[s][axis]) for t, s in pairs), default=0)
            assert relation.farthest(axis, shape, own[:, None], np.arange(size)) == far
    assume(one.targets == other.targets == size)
    targets = np.array(data.draw(st.permutations(range(size)))).reshape(size, 1)
    targets = np.concatenate([targets, np.roll(targets, data.draw(st.integers(0, 3)), axis=0)], axis=1)
    sources = np.array(data.draw(st.permutations(range(size))))
    sources = np.where(sources < data.draw(st.integers(0, size)), sources, -1)
    both = Union(size, size, (one, other)), Beside(size, (one, other))
    for axis in range(len(shape)):
        for relation, placed in zip((one, *both), (sources, sources, np.tile(sources, 2)), strict=True):
            found = relation.farthest(axis, shape, targets, placed)
            assert found == farthest(relation.matrix(), axis, shape, targets, placed)


def matrices(rows: int, columns: int) -> st.SearchStrategy[np.ndarray]:
    flat = st.lists(st.booleans(), min_size=rows * columns, max_size=rows * columns)
    return flat.map(lambda found: np.array(found, dtype=bool).reshape(rows, columns))


@quick
@given(st.data(), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
def test_sparse(data: st.DataObject, targets: int, between: int, sources: int) -> None:
    """Listed pairs are the matrix, and so is what is made of them."""
    upper, lower, other = (
        data.draw(matrices(*shape)) for shape in ((targets, between), (between, sources), (targets, between))
    )
    left, right, beside = (Matrix(each).listed() for each in (upper, lower, other))
    check(left, upper)
    check(right.then(left), boolean_product(upper, lower))
    check(left.union(beside), upper | other)
    check(left.only(beside.holds(left.target, left.read)), upper & other)
    check(left.minus(beside), upper & ~other)
    check(Matrix(upper).minus(beside), upper & ~other)
    check(left.minus(Matrix(other)), upper & ~other)
    check(left.select(np.arange(targets)[::-2]), upper[::-2])
    included = (~other[None] | upper[:, None]).all(-1) & other.any(-1)[None]
    check(left.including(beside), included)
    sizes = np.arange(between) + 2
    for relation in (left, Matrix(upper)):
        assert relation.totals(sizes).tolist() == (upper @ sizes).tolist()
        assert relation.column_counts().tolist() == upper.sum(axis=0).tolist()
