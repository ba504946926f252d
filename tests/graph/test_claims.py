"""``steps`` and ``reach`` against every pair of elements."""

from __future__ import annotations

import networkx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.graph.claims import declared_reach, declared_steps
from ardsl.graph.declared import declared_graph, dependence, relations
from ardsl.relations import Earlier, Selection
from ardsl.relations.order import any_orders, raster
from tests.support.graph_models import codes, factor, model, variable
from tests.support.strategies import any_order, earlier, parts, shapes
from tests.support.unrolled import cells, unroll

quick = settings(max_examples=40, deadline=None)


@quick
@given(st.data(), shapes(axes=3, extent=4).filter(len))
def test_against_every_pair(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(any_order(shape))
    window, part = data.draw(earlier(shape)), data.draw(parts(shape, shape))
    contexts: list[Selection] = [Earlier(window.limits, window.last)]
    if not (unroll(part, order, shape) & (order.rank[None, :] >= order.rank[:, None])).any():
        contexts.append(part)
    x = variable("x", shape, order)
    found = model([x], [factor(x, [(x, context) for context in contexts])])
    matrix = np.any([unroll(context, order, shape) for context in contexts], axis=0)
    assert (dependence(found, "x") == matrix).all()
    graph = networkx.DiGraph([(int(s), int(t)) for t, s in np.argwhere(matrix)])
    assert declared_steps(found, "x") == (networkx.dag_longest_path_length(graph) + 1 if len(graph) else 1)
    places = np.array(cells(shape))
    for axis in range(len(shape)):
        distances = [abs(int(places[t, axis] - places[s, axis])) for t, s in np.argwhere(matrix)]
        assert declared_reach(found, "x", axis) == max(distances, default=0)


def test_each_order_of_a_mixture_has_its_own_relation() -> None:
    mixture = any_orders((4,), 3)
    x = variable("x", (4,), mixture)
    found = model([x], [factor(x, [(x, Earlier())])])
    for k, order in enumerate(mixture):
        assert (dependence(found, "x", k) == (order.rank[None, :] < order.rank[:, None])).all()


def test_large_variables_are_not_unrolled() -> None:
    side = 1500
    x = variable("x", (side, side), raster((side, side)))
    found = model([x], [factor(x, [(x, Earlier())])])
    assert declared_steps(found, "x") == side * side
    assert declared_reach(found, "x", 1) == side - 1
    windowed = model([x], [factor(x, [(x, Earlier(limits=(3, None)))])])
    assert [declared_reach(windowed, "x", axis) for axis in (0, 1)] == [3, side - 1]


def test_the_declared_graph() -> None:
    a, x, y = variable("a", kind="given"), variable("x", (3,)), variable("y", (2, 2))
    found = model([a, x, y], [factor(x, [(x, Earlier()), (a, None)]), factor(y, [(x, None), (x, None), (a, None)])])
    graph = declared_graph(found)
    assert set(graph.edges) == {("a", "x"), ("a", "y"), ("x", "y")}
    assert networkx.is_directed_acyclic_graph(graph)
    assert graph.nodes["y"] == {"kind": "observed", "shape": (2, 2), "own": ()}
    assert [context.selection for _, context in graph.nodes["x"]["own"]] == [Earlier()]
    assert len(graph.edges["x", "y"]["contexts"]) == 2
    assert {pair: r.count for pair, r in relations(found).items()} == {
        ("x", "x"): 3,
        ("x", "a"): 3,
        ("y", "x"): 12,
        ("y", "a"): 4,
    }


def test_claims_hold_under_every_order() -> None:
    text = "observed x[5] : binary\norder x by any(orders = 5)\np(x[i] | x[<i]) = bernoulli\n"
    assert codes(text + "check steps(x) <= 5\ncheck reach(x) >= 4") == []
    assert codes(text + "check steps(x) <= 4") == ["AR207"]
