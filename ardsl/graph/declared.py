"""The declared graph: variables as nodes, what one reads of another as edges, and the relations behind them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ardsl.errors import ArdslError
from ardsl.model.model import Context, Factor, Model
from ardsl.relations import Order, Relation, Stacked, Union

if TYPE_CHECKING:
    import networkx

MOST_PAIRS = 1 << 28
"""The largest relation that is given as a matrix."""


Reading = tuple[Factor, Context]


@dataclass(frozen=True)
class Readings:
    """The contexts of a model, sorted into those a variable has on itself and the edges between variables.

    All that a drawing needs of the graph: networkx takes longer to import than a spec takes to check.
    """

    own: dict[str, tuple[Reading, ...]]
    """By variable, every variable of the model."""
    edges: dict[tuple[str, str], tuple[Reading, ...]]
    """By (source, target)."""


def readings(model: Model) -> Readings:
    """The contexts of every variable, on itself and on others, in the order of the text."""
    own: dict[str, tuple[Reading, ...]] = dict.fromkeys(model.variables, ())
    edges: dict[tuple[str, str], tuple[Reading, ...]] = {}
    for factor in model.factors:
        for context in factor.contexts:
            pair = ((factor, context),)
            if context.variable == factor.variable:
                own[factor.variable] += pair
            else:
                edge = context.variable, factor.variable
                edges[edge] = edges.get(edge, ()) + pair
    return Readings(own, edges)


def declared_graph(model: Model) -> networkx.DiGraph:
    """One node per variable, an edge from each variable to those whose factors read it.

    Nodes carry ``kind``, ``shape`` and ``own``, edges ``contexts``: tuples of (factor, context) in the order of the
    text. What a variable reads of itself is in ``own``, so that the graph has no loops.
    """
    import networkx

    declared = readings(model)
    graph = networkx.DiGraph()
    for variable in model.variables.values():
        graph.add_node(variable.name, kind=variable.kind, shape=variable.shape, own=declared.own[variable.name])
    for (source, target), pairs in declared.edges.items():
        graph.add_edge(source, target, contexts=pairs)
    return graph


def order_of(model: Model, variable: str, order: int = 0) -> Order:
    """The variable's order number ``order``; a variable with a single order has it under any number."""
    orders = model.variables[variable].orders.orders
    if len(orders) == 1:
        return orders[0]
    if not 0 <= order < len(orders):
        raise ArdslError(f"`{variable}` has orders 0 to {len(orders) - 1}, not {order}")
    return orders[order]


def context_relation(model: Model, factor: Factor, context: Context, order: int = 0) -> Relation:
    """The factor's target elements × the source variable's elements, for one context."""
    return context.relation(order_of(model, factor.variable, order))


def element_relation(model: Model, factor: Factor, source: str, order: int = 0) -> Relation:
    """The factor's target elements × the elements of ``source``: the union of its contexts on that variable."""
    parts = tuple(context_relation(model, factor, c, order) for c in factor.contexts if c.variable == source)
    return Union(len(factor.elements), model.variables[source].size, parts)


def variable_relation(model: Model, target: str, source: str, order: int = 0) -> Relation:
    """All elements of ``target`` × the elements of ``source``, over all factors of ``target``."""
    size = model.variables[target].size
    parts = tuple((f.elements, element_relation(model, f, source, order)) for f in model.factors_of(target))
    if len(parts) == 1 and len(parts[0][0]) == size:
        return parts[0][1]
    return Stacked(size, model.variables[source].size, parts)


def relations(model: Model, orders: Mapping[str, int] | None = None) -> dict[tuple[str, str], Relation]:
    """The declared relation of every (target, source) pair of variables where the target reads the source.

    ``orders`` picks one of several orders by variable, by default the first.
    """
    read = dict.fromkeys((f.variable, c.variable) for f in model.factors for c in f.contexts)
    chosen = orders or {}
    return {
        (target, source): variable_relation(model, target, source, chosen.get(target, 0)) for target, source in read
    }


def dependence(model: Model, variable: str, order: int = 0) -> np.ndarray:
    """The elements that a small variable reads of itself under one order, bool [target, source]."""
    size = model.variables[variable].size
    if size * size > MOST_PAIRS:
        raise ArdslError(
            f"`{variable}` has {size} elements: too many for a matrix (the most are {int(MOST_PAIRS**0.5)})"
        )
    return variable_relation(model, variable, variable, order).matrix()
