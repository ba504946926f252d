"""Schedules: every element after all it reads, as early as it can be, in as many steps as the longest path has."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.relations import (
    Affine,
    AxisPart,
    Earlier,
    Labelled,
    Levels,
    Matrix,
    Order,
    Part,
    Relation,
    Union,
    layering,
)
from ardsl.relations.layering import CycleError, TooLargeError
from ardsl.relations.order import blocks, drawn_together, raster, shuffle
from tests.support.strategies import any_order, earlier, parts, shapes, total_orders, weak_orders
from tests.support.unrolled import unroll

quick = settings(max_examples=40, deadline=None)


def schedule(relation: Relation, order: Order | None = None) -> list[np.ndarray]:
    """The elements that each step draws, ascending."""
    step_of = relation.layers(order)
    assert relation.depth(order) == step_of.max(initial=-1) + 1
    return [np.flatnonzero(step_of == step) for step in range(step_of.max(initial=-1) + 1)]


def check(found: list[np.ndarray], matrix: np.ndarray) -> None:
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(matrix)))
    graph.add_edges_from((int(source), int(target)) for target, source in np.argwhere(matrix))
    expected = [sorted(step) for step in networkx.topological_generations(graph)]
    assert [step.tolist() for step in found] == expected
    assert len(found) == networkx.dag_longest_path_length(graph) + 1


@quick
@given(st.data(), st.integers(1, 9))
def test_matrices(data: st.DataObject, size: int) -> None:
    lower = np.array(data.draw(st.lists(st.booleans(), min_size=size * size, max_size=size * size))).reshape(size, size)
    order = np.array(data.draw(st.permutations(range(size))))
    matrix = np.tril(lower, -1)[np.ix_(order, order)]
    for relation in (Matrix(matrix), Matrix(matrix).listed()):
        check(schedule(relation), matrix)


@quick
@given(st.data(), shapes(axes=2, extent=5))
def test_contexts(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(any_order(shape))
    context = data.draw(earlier(shape))
    context = Earlier(context.limits, context.last)
    matrix = unroll(context, order, shape)
    relation = context.relation(order)
    for told in (None, order):
        check(schedule(relation, told), matrix)


@quick
@given(st.data(), shapes(axes=2, extent=5))
def test_unions_with_parts(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(total_orders(shape) | weak_orders(shape))
    part, context = data.draw(parts(shape, shape)), data.draw(earlier(shape))
    context = Earlier(context.limits, context.last)
    read = unroll(part, order, shape)
    matrix = read | unroll(context, order, shape)
    relation = Union(order.size, order.size, (part, context.relation(order)))
    if (read & (order.rank[None, :] >= order.rank[:, None])).any():
        return  # not within the order
    check(schedule(relation, order), matrix)
    check(schedule(relation), matrix)


@quick
@given(st.data(), st.integers(1, 7))
def test_chains_and_labels(data: st.DataObject, size: int) -> None:
    numbers = st.lists(st.integers(0, 5), min_size=size, max_size=size).map(np.array)
    chain = Levels(data.draw(numbers), data.draw(numbers))
    table = np.array(data.draw(st.lists(st.booleans(), min_size=36, max_size=36))).reshape(6, 6)
    for relation in (chain, Labelled(data.draw(numbers), data.draw(numbers), table)):
        matrix = relation.matrix()
        acyclic = networkx.is_directed_acyclic_graph(networkx.from_numpy_array(matrix, create_using=networkx.DiGraph))
        if acyclic:
            check(schedule(relation), matrix)
        else:
            for cyclic in (relation, Matrix(matrix)):
                with pytest.raises(CycleError):
                    schedule(cyclic)


def test_a_wavefront() -> None:
    order = raster((8, 8))
    part = Part((8, 8), (8, 8), (AxisPart(Affine(0, offset=-1), Affine(0)), AxisPart(Affine(1, offset=-1), Affine(1))))
    matrix = part.matrix() & ~np.eye(64, dtype=bool)
    assert Matrix(matrix).depth() == 15
    assert Earlier(limits=(1, 1)).relation(order).depth() == 22  # the upper right makes each row wait two


@pytest.mark.parametrize("relation", ["matrix", "window", "full"])
def test_an_image_of_3072(relation: str) -> None:
    order = shuffle((3072,), 1)
    full = Earlier().relation(order)
    found: dict[str, Relation] = {
        "matrix": Matrix(full.matrix()),
        "window": Earlier(limits=(40,)).relation(order),
        "full": full,
    }
    steps = found[relation].layers()
    if relation != "window":
        assert (steps == order.rank).all()
    assert (steps <= order.rank).all()


def test_what_an_order_decides_is_not_unrolled() -> None:
    vast = raster((2**22,))
    assert Earlier().relation(vast).depth(vast) == 2**22
    assert Earlier(limits=(3000,)).relation(vast).depth(vast) == 2**22
    weak = blocks((2**20,), (2,))
    assert Earlier().relation(weak).depth(weak) == 2**19
    draws = drawn_together(raster((2**16,)), (2**16, 4), (1,))
    assert Earlier().relation(draws).depth(draws) == 2**16


def test_graphs_that_are_too_large() -> None:
    with pytest.raises(TooLargeError, match="elements"):
        schedule(Part((2**20,), (2**20,), (AxisPart(Affine(0, offset=-2), Affine(0, offset=-2)),)))
    side = 2**8
    with pytest.raises(TooLargeError, match="edges"):
        schedule(Earlier(limits=(None, side // 2)).relation(raster((side, side))))
    assert side * side < layering.MOST_ELEMENTS


def test_elements_that_read_themselves() -> None:
    with pytest.raises(CycleError, match="wait for each other"):
        schedule(Matrix(np.eye(3, dtype=bool)))
