"""Is this model a distribution? The variables' graph has no cycle, and every context is earlier in its order."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from ardsl.diagnostics import Sink, Span
from ardsl.diagnostics.rules import graph as rules
from ardsl.graph.claims import check_claims
from ardsl.graph.declared import context_relation, declared_graph, readings
from ardsl.graph.earlier import Violation, first_violation
from ardsl.model.model import Context, Factor, Model, Variable
from ardsl.relations import Order

if TYPE_CHECKING:
    import networkx

MOST_SHOWN = 8
"""Edges of a cycle that a message shows."""
MOST_LOOKS = 1 << 17
"""Edges that are looked at in search of a short cycle."""


def check_graph(model: Model, sink: Sink) -> None:
    """Report everything that is wrong with the declared graph; claims only where the graph they speak of is sound."""
    acyclic = _acyclic(model) or _check_cycles(model, declared_graph(model), sink)
    unsound = _check_orders(model, sink)
    if acyclic:
        if model.precedence:
            _check_precedence(model, declared_graph(model), sink)
        check_claims(model, unsound, sink)


def _acyclic(model: Model) -> bool:
    """The common answer without the import of networkx, which takes longer than all the rest of a check."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for source, target in readings(model).edges:
        sorter.add(target, source)
    try:
        sorter.prepare()
    except CycleError:
        return False
    return True


def _check_cycles(model: Model, graph: networkx.DiGraph, sink: Sink) -> bool:
    import networkx

    components = [component for component in networkx.strongly_connected_components(graph) if len(component) > 1]
    for component in components:
        among = graph.subgraph(component)
        cycle = _short_cycle(among)
        edges = list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
        rule = rules.COUPLED if _coupled(model, among) else rules.CYCLE
        first = min(range(len(edges)), key=lambda i: _edge_span(among, *edges[i]))
        edges = edges[first:] + edges[:first]
        names = [f"`{name}`" for name in (edges[0][0], *(target for _, target in edges))]
        notes = []
        if len(edges) > MOST_SHOWN:
            names[MOST_SHOWN // 2 : -MOST_SHOWN // 2] = ["…"]
            notes.append(f"the cycle has {len(edges):,} variables; {len(names) - 2} of them are shown")
        source, target = edges[0]
        others = [(_edge_span(among, s, t), f"`{t}` reads `{s}` here") for s, t in edges[1:MOST_SHOWN]]
        place, path = _edge_span(among, source, target), " -> ".join(names)
        help = _coupled_help(model, cycle) if rule is rules.COUPLED else None
        sink.add(rule.at(place, others=others, notes=notes, help=help, path=path, source=source, target=target))
    return not components


def _coupled_help(model: Model, names: Sequence[str]) -> str:
    """The help for series that read each other: declare one variable, or one of them whole before the other."""
    variables = [model.variables[name] for name in names]
    first, domains = variables[0], {str(variable.domain) for variable in variables}
    same_kind_and_shape = all(v.kind == "observed" and v.shape == first.shape and len(v.shape) == 1 for v in variables)
    if len(domains) > 1 or not same_kind_and_shape or len(names) > MOST_SHOWN:
        return "draw one of them whole before the others, which may read all of it"
    size = f"{first.axes[0].name}: {first.shape[0]}, series: {len(variables)}"
    return (
        f"make them one variable, `observed {''.join(names)}[{size}] : {first.domain}`, of which each element may read "
        "all that is earlier"
    )


def _short_cycle(graph: networkx.DiGraph) -> list[str]:
    """The nodes of a cycle, in the direction of the arrows: a shortest one, or, where a search from every node would
    take long, the shortest through some."""
    following = {node: list(graph.successors(node)) for node in sorted(graph)}
    best: list[str] = []
    searches = max(1, MOST_LOOKS // graph.number_of_edges())
    for node in list(following)[:searches]:
        cycle = _cycle_through(node, following)
        if not best or len(cycle) < len(best):
            best = cycle
    return best


def _cycle_through(node: str, following: Mapping[str, list[str]]) -> list[str]:
    """A shortest cycle through a node, which begins there; there is one."""
    before: dict[str, str] = {}
    reached = deque([node])
    while node not in before:
        current = reached.popleft()
        for after in following[current]:
            if after not in before:
                before[after] = current
                reached.append(after)
    cycle = [before[node]]
    while cycle[-1] != node:
        cycle.append(before[cycle[-1]])
    return cycle[::-1]


def _edge_span(graph: networkx.DiGraph, source: str, target: str) -> Span:
    span: Span = graph.edges[source, target]["contexts"][0][1].span
    return span


def _coupled(model: Model, graph: networkx.DiGraph) -> bool:
    """Says whether the variables of a cycle share a named axis along which none reads ahead, and at no point of which
    they would wait for each other."""
    import networkx

    named = [{axis.name for axis in model.variables[name].axes if axis.name} for name in graph]
    for name in set.intersection(*named):
        now = networkx.DiGraph()
        lags = []
        for source, target, pairs in graph.edges(data="contexts"):
            pair_lags = [_lag(model.variables[target], model.variables[source], context, name) for _, context in pairs]
            lags += pair_lags
            if 0 in pair_lags:
                now.add_edge(source, target)
        if all(lag is not None and lag <= 0 for lag in lags) and networkx.is_directed_acyclic_graph(now):
            return True
    return False


def _lag(target: Variable, source: Variable, context: Context, axis: str) -> int | None:
    """The largest distance that the context reads ahead along ``axis``; None where it is not at a fixed distance."""
    parts = context.selection.axis_parts
    if not parts:
        return None
    at, there = ([a.name for a in variable.axes].index(axis) for variable in (target, source))
    high = parts[there].high
    if high is None or high.axis != at or high.multiplier != 1 or high.divisor != 1:
        return None
    return high.inner + high.offset


def _check_orders(model: Model, sink: Sink) -> set[str]:
    """Check every context on the factor's own variable; returns the variables where one is not legal."""
    unsound = set()
    for factor in model.factors:
        variable = model.variables[factor.variable]
        for context in factor.contexts:
            if context.variable == variable.name and not _check_context(model, variable, factor, context, sink):
                unsound.add(variable.name)
                if variable.orders.orders[0].weak:
                    break  # its neighbours are as wrong, and one window is reported for all of them
    return unsound


def _check_context(model: Model, variable: Variable, factor: Factor, context: Context, sink: Sink) -> bool:
    order = variable.orders.orders[0]
    if context.selection.counts_draws and order.weak:
        others, notes = _where_declared(variable, order)
        help = "limit the distance in index space instead: `within`"
        sink.add(rules.LAST_IN_WEAK.at(context.span, others=others, notes=notes, help=help, order=order.name))
        return False
    if context.selection.always_earlier:
        return True
    for k, order in enumerate(variable.orders):
        violation = first_violation(context_relation(model, factor, context, k), factor.elements, order)
        if violation is not None:
            _report_violation(model, variable, factor, context, order, violation, sink)
            return False
    return True


def _report_violation(
    model: Model,
    variable: Variable,
    factor: Factor,
    context: Context,
    order: Order,
    violation: Violation,
    sink: Sink,
) -> None:
    target, source = variable.element_name(violation.target), variable.element_name(violation.source)
    drawn, read = int(order.rank[violation.target]), int(order.rank[violation.source])
    text = model.source.text
    written = text[factor.target_span.start : factor.target_span.end].strip() or variable.name
    if violation.target == violation.source:
        fault = f"reads `{written}` itself"
        note = f"{target} would read its own value"
    elif drawn == read:
        fault = f"is not drawn before `{written}`"
        together = "are covered by one draw" if not order.weak else f"share rank {drawn} under {order.name}"
        note = f"{target} would read {source}, and the two {together}"
    else:
        fault = f"{'comes' if violation.always else 'sometimes comes'} after `{written}` in the order"
        note = f"{target} is drawn {ordinal(drawn)}, and would read {source}, which is drawn {ordinal(read)}"
    others, notes = _where_declared(variable, order)
    help = f"remove `{context.text}`, or declare an order in which it comes first"
    if order.weak:
        distance = max(
            _distance(context_read) for context_read in factor.contexts if context_read.variable == variable.name
        )
        help = f"read those neighbours that come earlier: `{variable.name}[<] within {distance}`"
    if variable.orders.mixed:
        notes = [f"this is under {order.name}", *notes]
        help = f"read what comes earlier in each order: `{variable.name}[<]`"
    elif violation.target == violation.source:
        help = f"read only what comes earlier: `{variable.name}[<]`"
    values: dict[str, Any] = {"context": context.text, "fault": fault, "target": written}
    sink.add(rules.NOT_EARLIER.at(context.span, others=others, notes=[note, *notes], help=help, **values))


def _distance(context: Context) -> int:
    """The largest distance from its target that a context at fixed distances reads, at least 1."""
    ends = [end for part in context.selection.axis_parts for end in (part.low, part.high) if end is not None]
    return max([1, *(abs(end.offset + end.inner) for end in ends if end.axis is not None)])


def _where_declared(variable: Variable, order: Order) -> tuple[list[tuple[Span, str]], list[str]]:
    """The place where the order was declared, or a note that it was not."""
    if variable.order_span is not None:
        return [(variable.order_span, "order declared here")], []
    return [], [f"`{variable.name}` is in {order.name} order, since none is declared"]


def ordinal(rank: int) -> str:
    """A rank as a place in a row: 0 is the first."""
    words = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
    if rank < len(words):
        return words[rank]
    place = rank + 1
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def _check_precedence(model: Model, graph: networkx.DiGraph, sink: Sink) -> None:
    """Each ``order a, b, c`` must leave an order that the factors, and the ones before it, allow."""
    import networkx

    known = graph.copy()
    for names in model.precedence:
        for before, after in zip(names, names[1:], strict=False):
            if not networkx.has_path(known, after, before):
                known.add_edge(before, after)
                continue
            path = networkx.shortest_path(graph if networkx.has_path(graph, after, before) else known, after, before)
            edges = list(zip(path, path[1:], strict=False))
            read = [(s, t) for s, t in edges if graph.has_edge(s, t)]
            values: dict[str, Any] = {"order": ", ".join(names), "before": before, "after": after}
            chain = " -> ".join(f"`{name}`" for name in path)
            if len(read) == len(edges):
                reads = "reads it" if len(edges) == 1 else f"depends on it: {chain}"
                reason = f"`{before}` {reads}"
            else:
                reason = f"another order puts them the other way round: {chain}"
            others = [(_edge_span(graph, s, t), f"`{t}` reads `{s}` here") for s, t in read]
            if read:
                source, target = read[0]
                place = others.pop(0)[0]
                sink.add(
                    rules.PRECEDENCE.at(place, others=others, reason=reason, source=source, target=target, **values)
                )
            else:
                place = model.variables[before].span
                sink.add(rules.PRECEDENCES.at(place, reason=reason, **values))
