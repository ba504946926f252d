"""d-separation between elements against two oracles: moral graphs, and the probabilities of tiny networks."""

from __future__ import annotations

from itertools import product

import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.diagnostics import Source
from ardsl.graph.separation import TooManyElementsError, ancestral_graph, meetings, open_path, path_text, separated
from ardsl.model.model import Model, Variable
from ardsl.relations import Affine, AxisPart, Earlier, Everything, Part, Selection
from ardsl.relations.order import any_orders, drawn_together, raster
from ardsl.spec import diagnose
from tests.support.graph_models import factor, model, variable
from tests.support.strategies import earlier, parts, shapes, total_orders
from tests.support.unrolled import cells, inside, unroll

Element = tuple[str, int]


def moral_separation(graph: networkx.DiGraph, left: set, right: set, given: set) -> bool:  # type: ignore[type-arg]
    """Separation in the moral graph of the ancestors (Lauritzen et al. 1990)."""
    ancestors = set().union(*({node} | networkx.ancestors(graph, node) for node in left | right | given))
    among = graph.subgraph(ancestors)
    moral = networkx.Graph(among.to_undirected())
    for node in among:
        moral.add_edges_from((a, b) for a in among.predecessors(node) for b in among.predecessors(node) if a != b)
    moral.remove_nodes_from(given)
    return not any(networkx.has_path(moral, a, b) for a in left for b in right)


def unrolled(found: Model) -> networkx.DiGraph:
    """Every element as a node. Elements of one draw, or of a mixture over orders, may depend on each other in any way,
    which a chain in which each reads all before it can express."""
    graph = networkx.DiGraph()
    for each in found.variables.values():
        graph.add_nodes_from((each.name, e) for e in range(each.size))
    for f in found.factors:
        target = found.variables[f.variable]
        joint = draws(target, f.event_axes)
        for c in f.contexts:
            source = found.variables[c.variable]
            if source.name == target.name and target.orders.mixed:
                continue
            for t, s in np.argwhere(pairs(c.selection, target, source)).tolist():
                graph.add_edges_from(((source.name, s), (target.name, other)) for other in joint[t])
        for t, group in enumerate(joint):
            graph.add_edges_from(((target.name, before), (target.name, t)) for before in group if before < t)
    return graph


def draws(target: Variable, event_axes: tuple[int, ...]) -> list[list[int]]:
    """For each element all that are drawn with it."""
    if target.orders.mixed:
        return [list(range(target.size))] * target.size
    kept = [tuple(i for axis, i in enumerate(cell) if axis not in event_axes) for cell in cells(target.shape)]
    return [[other for other, draw in enumerate(kept) if draw == mine] for mine in kept]


def pairs(selection: Selection, target: Variable, source: Variable) -> np.ndarray:
    if target.name == source.name or isinstance(selection, Everything):
        if isinstance(selection, Everything):
            return np.ones((target.size, source.size), dtype=bool)
        return unroll(selection, target.orders.orders[0], target.shape)
    assert isinstance(selection, Part)
    return np.array([[inside(selection, t, s) for s in cells(source.shape)] for t in cells(target.shape)], dtype=bool)


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Up to four small variables in a row, each reading some of those before it, and of itself."""
    variables: list[Variable] = []
    factors = []
    for name in "abcd"[: draw(st.integers(1, 4))]:
        shape = draw(shapes(axes=2, extent=3))
        form = draw(st.sampled_from(["plain", "plain", "draws", "mixture"]))
        events: tuple[int, ...] = ()
        if form == "draws" and shape:
            events = (len(shape) - 1,)
            order = drawn_together(draw(total_orders(shape[:-1])), shape, events)
            new = variable(name, shape, order)
        elif form == "mixture":
            new = variable(name, shape, any_orders(shape, 1, 3))
        else:
            new = variable(name, shape, draw(total_orders(shape)))
        contexts: list[tuple[Variable, Selection | None]] = []
        if draw(st.booleans()):
            window = draw(earlier(shape))
            contexts.append((new, Earlier() if events else Earlier(window.limits, window.last)))
        for other in variables:
            kind = draw(st.sampled_from(["none", "none", "all", "part"]))
            if kind == "all" or (kind == "part" and events):
                contexts.append((other, None))
            elif kind == "part":
                contexts.append((other, draw(parts(shape, other.shape))))
        variables.append(new)
        factors.append(factor(new, contexts, events))
    return model(variables, factors)


def is_open(graph: networkx.DiGraph, path: list, given: set) -> bool:  # type: ignore[type-arg]
    """Whether a path is open, straight from the definition."""
    if any(not (graph.has_edge(a, b) or graph.has_edge(b, a)) for a, b in zip(path, path[1:], strict=False)):
        return False
    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(before, node) and graph.has_edge(after, node):
            if not given & ({node} | networkx.descendants(graph, node)):
                return False
        elif node in given:
            return False
    return True


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(st.data(), models().filter(lambda found: sum(v.size for v in found.variables.values()) > 1))
def test_against_moral_graphs(data: st.DataObject, found: Model) -> None:
    graph = unrolled(found)
    nodes = data.draw(st.permutations(sorted(graph)))
    left, right = {nodes[0]}, {nodes[1]}  # sets of several are separated exactly if all their pairs are
    known = {node for node in nodes[2:] if data.draw(st.booleans())}
    if data.draw(st.booleans()) and len(nodes) > 2:
        right |= {nodes[2]} - known
    elements = ancestral_graph(found, left | right | known)
    expected = moral_separation(graph, left, right, known)
    assert separated(elements, left, right, known) == expected
    path = open_path(elements, left, right, known)
    assert (path is None) == expected
    if path is not None:
        assert path[0] in left and path[-1] in right and len(set(path)) == len(path)
        assert is_open(elements, path, known)
        assert path_text(found, elements, path).count("-") == len(path) - 1
        assert set(meetings(elements, path)) <= set(path[1:-1])


@pytest.mark.parametrize("seed", range(12))
def test_against_probabilities(seed: int) -> None:
    """With conditionals at random, two elements are independent given others exactly if these separate them."""
    random = np.random.default_rng(seed)
    size = 5
    order = raster((size,))
    x = variable("x", (size,), order)
    lags = sorted(random.choice(np.arange(1, size), size=2, replace=False).tolist())
    offsets = [Part((size,), (size,), (AxisPart(Affine(0, offset=-k), Affine(0, offset=-k)),)) for k in lags]
    found = model([x], [factor(x, [(x, part) for part in offsets])])
    joint = np.ones((2,) * size)
    for t in range(size):
        parents = sorted(t - lag for lag in lags if t >= lag)
        table = random.uniform(0.1, 0.9, (2,) * len(parents))
        for values in product((0, 1), repeat=size):
            one = table[tuple(values[p] for p in parents)]
            joint[values] *= one if values[t] else 1 - one
    assert joint.sum() == pytest.approx(1)
    for a, b in ((0, 4), (1, 3), (0, 1), (2, 4)):
        others = [e for e in range(size) if e not in (a, b)]
        for known in product((False, True), repeat=len(others)):
            given_elements = [e for e, is_known in zip(others, known, strict=True) if is_known]
            left, right, z = {("x", a)}, {("x", b)}, {("x", e) for e in given_elements}
            elements = ancestral_graph(found, left | right | z)
            apart = independent(joint, a, b, given_elements)
            assert separated(elements, left, right, z) == apart
            path = open_path(elements, left, right, z)
            assert path is None if apart else path is not None and is_open(elements, path, z)


def independent(joint: np.ndarray, a: int, b: int, given_elements: list[int]) -> bool:
    summed = tuple(axis for axis in range(joint.ndim) if axis not in (a, b, *given_elements))
    kept = joint.sum(axis=summed, keepdims=True)
    apart = kept.sum(axis=a, keepdims=True) * kept.sum(axis=b, keepdims=True) / kept.sum(axis=(a, b), keepdims=True)
    return bool(np.abs(kept - apart).max() < 1e-9)


def test_elements_of_one_draw_depend_on_each_other() -> None:
    z = variable("z", (2,))
    x = variable("x", (2, 3), drawn_together(raster((2,)), (2, 3), (1,)))
    same_row = Part((2, 3), (2,), (AxisPart(Affine(0), Affine(0)),))
    found = model([z, x], [factor(z), factor(x, [(z, same_row)], event_axes=(1,))])

    def path(left: Element, right: Element, *known: Element) -> str | None:
        elements = ancestral_graph(found, {left, right, *known})
        shown = open_path(elements, {left}, {right}, set(known))
        assert (shown is None) == separated(elements, {left}, {right}, set(known))
        return None if shown is None else path_text(found, elements, shown)

    assert path(("x", 0), ("x", 1)) == "x[0, 0] <- x[0, *] -> x[0, 1]"
    assert path(("x", 0), ("x", 1), ("x", 2), ("z", 0)) == "x[0, 0] <- x[0, *] -> x[0, 1]"
    assert path(("x", 0), ("z", 0), ("x", 1)) == "x[0, 0] <- x[0, *] <- z[0]"
    assert path(("x", 0), ("x", 3)) is None
    assert path(("x", 0), ("z", 1)) is None


def test_conditioning_inputs_are_left_out() -> None:
    label = variable("label", kind="given")
    a, b = variable("a"), variable("b")
    found = model([label, a, b], [factor(a, [(label, None)]), factor(b, [(label, None)])])
    assert set(ancestral_graph(found, [("a", 0), ("b", 0)])) == {("a", 0), ("b", 0)}


def test_what_is_too_large_says_so() -> None:
    size = 1000
    x = variable("x", (size, size))
    found = model([x], [factor(x, [(x, Earlier())])])
    with pytest.raises(TooManyElementsError, match="at most|more than"):
        ancestral_graph(found, [("x", size * size - 1)])
    assert len(ancestral_graph(found, [("x", 5)])) == 6


def test_a_windowed_chain_is_answered_at_once() -> None:
    """A search that visits a node once for every path to it would not end here."""
    text = "observed x[1000] : binary\np(x[i] | x[<i] last 9) = bernoulli\ncheck independent(x[0], x[999] | x[500])\n"
    found = diagnose(Source(text))[0]
    assert [d.code for d in found] == ["AR209"]
