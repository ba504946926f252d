"""d-separation between elements: two sets are independent given a third exactly if no path between them is open.

Only ancestors of the elements in question matter, so only they are unrolled. Elements that one draw covers depend on
each other without reading each other: they hang together on a hidden node, the draw, which does the reading for them.
A variable that is a mixture over orders is one such draw, since which order was used is hidden and bears on all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING

import numpy as np

from ardsl.graph.declared import order_of
from ardsl.model.model import Context, Factor, Model
from ardsl.relations import Relation
from ardsl.relations.arrays import expanded
from ardsl.relations.boxes import unraveled

if TYPE_CHECKING:
    import networkx

MOST_ELEMENTS = 20_000
MOST_EDGES = 400_000
"""The largest graph of elements that is unrolled."""

Element = tuple[str, int]
"""A variable and one of its elements, by flat index."""
Draw = tuple[str, int, str]
"""A hidden draw: a variable, its first element in the draw, and how the draw is written."""
Node = Element | Draw


class TooManyElementsError(ValueError):
    """The claim depends on more of the graph than is unrolled."""


def ancestral_graph(model: Model, elements: Iterable[Element]) -> networkx.DiGraph:
    """The elements, everything that they depend on, and what reads what among these; edges source → target."""
    unrolled = _Unrolled(model)
    for name, element in elements:
        unrolled.want(name, [element])
    while unrolled.pending:
        unrolled.add_readers(*unrolled.pending.popitem())
    return unrolled.graph


class _Unrolled:
    """A graph of elements as it grows from its ends to what they depend on."""

    def __init__(self, model: Model) -> None:
        import networkx

        self.model = model
        self.graph = networkx.DiGraph()
        self.pending: dict[str, list[int]] = {}
        self._wanted: set[Element] = set()
        self._draws: set[Node] = set()
        self._edges = 0
        self._known: dict[int, tuple[Relation, np.ndarray | None, np.ndarray]] = {}

    def want(self, name: str, elements: Iterable[int]) -> None:
        """Note that what these elements read is to be added, unless it was noted before."""
        for element in elements:
            if (name, element) not in self._wanted:
                self._wanted.add((name, element))
                self.pending.setdefault(name, []).append(element)
        if len(self._wanted) > MOST_ELEMENTS:
            raise TooManyElementsError(f"it depends on more than {MOST_ELEMENTS} elements")

    def add_readers(self, name: str, elements: list[int]) -> None:
        """Add elements of one variable, and the edges into them."""
        self.graph.add_nodes_from((name, element) for element in elements)
        if self.model.variables[name].orders.mixed:
            self._add_mixture(name, elements)
            return
        for factor in self.model.factors_of(name):
            positions = np.array([factor.elements.index(e) for e in elements if e in factor.elements], dtype=np.int64)
            readers: list[Node] = [(name, factor.elements[i]) for i in positions.tolist()]
            if factor.event_axes:
                first, draws = _draws(self.model, factor, positions)
                self.graph.add_edges_from(zip(draws, readers, strict=True))
                new = {draw: i for draw, i in zip(draws, first.tolist(), strict=True) if draw not in self._draws}
                self._draws.update(new)
                positions, readers = np.array(list(new.values()), dtype=np.int64), list(new)
            self._add_reads(factor, positions, readers)

    def _add_mixture(self, name: str, elements: list[int]) -> None:
        draw: Draw = (name, 0, name)
        self.graph.add_edges_from((draw, (name, element)) for element in elements)
        if draw not in self._draws:
            self._draws.add(draw)
            for factor in self.model.factors_of(name):
                self._add_reads(factor, np.arange(len(factor.elements)), [draw] * len(factor.elements))

    def _add_reads(self, factor: Factor, targets: np.ndarray, readers: list[Node]) -> None:
        """Add what these targets (positions in the factor) read. Conditioning inputs are always given and read nothing,
        so every path through one is blocked, and they are left out."""
        mixed = self.model.variables[factor.variable].orders.mixed
        for context in factor.contexts:
            source = context.variable
            if self.model.variables[source].kind == "given" or (mixed and source == factor.variable):
                continue
            position, reads = self._pairs(factor, context, targets)
            self.graph.add_edges_from(
                ((source, read), readers[i]) for i, read in zip(position.tolist(), reads.tolist(), strict=True)
            )
            self.want(source, dict.fromkeys(reads.tolist()))

    def _pairs(self, factor: Factor, context: Context, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of a context; those of all its targets are found at once where they are few, since a chain asks for
        them one by one."""
        if id(context) not in self._known:
            relation = context.relation(order_of(self.model, factor.variable))
            everyone = np.arange(min(relation.targets, MOST_EDGES))
            few = relation.targets <= MOST_EDGES and int(relation.at_most(everyone).sum()) <= MOST_EDGES
            owner, reads = relation.pairs(everyone) if few else (everyone, everyone)
            starts = np.searchsorted(owner, np.arange(relation.targets + 1)) if few else None
            self._known[id(context)] = (relation, starts, reads)
        relation, starts, reads = self._known[id(context)]
        if starts is not None:
            position, at = expanded(starts[targets], starts[targets + 1] - starts[targets])
            self._edges += len(position)
        else:
            self._edges += int(relation.at_most(targets).sum())
        if self._edges > MOST_EDGES:
            raise TooManyElementsError(f"it depends on more than {MOST_EDGES} pairs of elements")
        return (position, reads[at]) if starts is not None else relation.pairs(targets)


def _draws(model: Model, factor: Factor, positions: np.ndarray) -> tuple[np.ndarray, list[Node]]:
    """For each element the position of the first element of its draw, and the draw."""
    variable = model.variables[factor.variable]
    first = positions.copy()
    at = unraveled(positions, variable.shape)
    stride = 1
    for axis in reversed(range(len(variable.shape))):
        if axis in factor.event_axes:
            first -= at[axis] * stride
        stride *= variable.shape[axis]
    draws: list[Node] = []
    for element in first.tolist():
        indices = [str(int(i)) for i in np.unravel_index(element, variable.shape)]
        for axis in factor.event_axes:
            indices[axis] = "*"
        draws.append((variable.name, element, f"{variable.name}[{', '.join(indices)}]"))
    return first, draws


def separated(
    graph: networkx.DiGraph, left: AbstractSet[Node], right: AbstractSet[Node], given: AbstractSet[Node]
) -> bool:
    """Says whether ``given`` d-separates two sets of nodes; all three are disjoint.

    In time linear in the graph. networkx's own test visits a node once for every path to it, which on a windowed chain
    of a thousand elements does not end.
    """
    return open_path(graph, left, right, given) is None


def open_path(
    graph: networkx.DiGraph, left: AbstractSet[Node], right: AbstractSet[Node], given: AbstractSet[Node]
) -> list[Node] | None:
    """A shortest open path from ``left`` to ``right`` given ``given``, or None (Koller and Friedman 2009, alg. 3.1).

    A search over nodes and the way a node is entered: against the arrows (from a child) or along them (from a parent).
    """
    opened = set(given)  # where arrows may meet: what is given, and what it depends on
    pending = list(given & set(graph))
    while pending:
        parents = set(graph.predecessors(pending.pop())) - opened
        opened |= parents
        pending += parents
    came_from: dict[tuple[Node, bool], tuple[Node, bool] | None] = {(node, True): None for node in sorted(left)}
    queue = deque(came_from)
    while queue:
        state = queue.popleft()
        node, from_child = state
        if node in right:
            return _traced(came_from, state)
        onward: list[tuple[Node, bool]] = []
        if node not in given:
            onward += [(child, False) for child in graph.successors(node)]
        if (node not in given) if from_child else (node in opened):
            onward += [(parent, True) for parent in graph.predecessors(node)]
        for step in onward:
            if step not in came_from:
                came_from[step] = state
                queue.append(step)
    return None


def _traced(came_from: dict[tuple[Node, bool], tuple[Node, bool] | None], state: tuple[Node, bool]) -> list[Node]:
    path: list[Node] = []
    at: tuple[Node, bool] | None = state
    while at is not None:
        path.append(at[0])
        at = came_from[at]
    return path[::-1]


def path_text(model: Model, graph: networkx.DiGraph, path: list[Node]) -> str:
    """The path with its arrows, ``age -> education <- income``."""
    text = node_name(model, path[0])
    for before, after in zip(path, path[1:], strict=False):
        text += f" {'->' if graph.has_edge(before, after) else '<-'} {node_name(model, after)}"
    return text


def node_name(model: Model, node: Node) -> str:
    """As a spec would write it."""
    return node[2] if len(node) == 3 else model.variables[node[0]].element_name(node[1])


def meetings(graph: networkx.DiGraph, path: list[Node]) -> list[Node]:
    """The nodes of a path on which two of its arrows meet."""
    triples = zip(path, path[1:], path[2:], strict=False)
    return [node for before, node, after in triples if graph.has_edge(before, node) and graph.has_edge(after, node)]
