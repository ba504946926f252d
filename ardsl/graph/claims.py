"""Claims about the declared graph: ``steps``, ``reach`` and ``independent``; ``complete`` is about the realized one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ardsl.diagnostics import Sink
from ardsl.diagnostics.rules import graph as rules
from ardsl.graph import separation
from ardsl.graph.declared import context_relation, order_of, readings, variable_relation
from ardsl.graph.earlier import box_maxima
from ardsl.model.model import Claim, ElementSet, Model, Variable
from ardsl.relations import Part, Relation
from ardsl.relations.layering import TooLargeError, require_few_edges
from ardsl.relations.selection import EarlierInOrder, unraveled

if TYPE_CHECKING:
    import networkx

_PORTION = 1 << 18  # targets that are looked at together


def check_claims(model: Model, unsound: set[str], sink: Sink) -> None:
    """Report the claims that do not hold. ``unsound`` variables have an illegal context: nothing is said of them."""
    for claim in model.claims:
        try:
            if claim.kind == "independent" and not unsound:
                _check_independent(model, claim, sink)
            elif claim.kind == "steps" and claim.variable not in unsound:
                _check_steps(model, claim, sink)
            elif claim.kind == "reach" and claim.variable not in unsound:
                _check_reach(model, claim, sink)
        except (TooLargeError, separation.TooManyElementsError) as error:
            sink.add(rules.TOO_LARGE.at(claim.span, reason=str(error)))


def declared_steps(model: Model, variable: str, order: int = 0) -> int:
    """The number of elements on the longest path of the declared graph within the variable; elements of one draw count
    once. The variable's contexts are known to respect its order."""
    return variable_relation(model, variable, variable, order).depth(order_of(model, variable, order))


def declared_reach(model: Model, variable: str, axis: int, order: int = 0) -> int:
    """The largest distance along ``axis`` between an element and one that it reads directly; 0 if it reads none."""
    found = 0
    for factor in model.factors_of(variable):
        for context in factor.contexts:
            if context.variable == variable:
                relation = context_relation(model, factor, context, order)
                found = max(found, _reach(relation, factor.elements, model.variables[variable], axis))
    return found


def _check_steps(model: Model, claim: Claim, sink: Sink) -> None:
    if claim.variable is None or claim.bound is None:
        return
    for k, order in enumerate(model.variables[claim.variable].orders):
        steps = declared_steps(model, claim.variable, k)
        if steps > claim.bound:
            notes = [f"this is under {order.name}"] if model.variables[claim.variable].orders.mixed else []
            values: dict[str, Any] = {"variable": claim.variable, "steps": steps, "bound": claim.bound}
            sink.add(rules.STEPS.at(claim.span, notes=notes, **values))
            return


def _check_reach(model: Model, claim: Claim, sink: Sink) -> None:
    if claim.variable is None or claim.bound is None:
        return
    variable, axis = model.variables[claim.variable], claim.axis or 0
    named = variable.axes[axis].name if axis < len(variable.axes) else None
    for k, order in enumerate(variable.orders):
        reach = declared_reach(model, variable.name, axis, k)
        if reach < claim.bound:
            notes = [f"this is under {order.name}"] if variable.orders.mixed else []
            values: dict[str, Any] = {
                "reach": reach,
                "axis": f"`{named}`" if named else f"axis {axis}",
                "bound": claim.bound,
            }
            sink.add(rules.REACH.at(claim.span, notes=notes, variable=variable.name, **values))
            return


def _reach(relation: Relation, elements: range, variable: Variable, axis: int) -> int:
    if isinstance(relation, Part):
        return _reach_of_boxes(relation, elements, axis)
    if isinstance(relation, EarlierInOrder):
        if not any(limit is not None for limit in relation.limits or ()):
            return _reach_of_ranks(relation, axis)
        if relation.last is None and relation.order.total and len(elements) == variable.size:
            # Of any two elements one is the earlier, so two that differ by the limit along this axis alone decide it.
            limit, farthest = (relation.limits or ())[axis], variable.shape[axis] - 1
            return farthest if limit is None else min(limit, farthest)
    return _reach_of_pairs(relation, elements, variable, axis)


def _reach_of_boxes(relation: Part, elements: range, axis: int) -> int:
    found = 0
    for start in range(0, len(elements), _PORTION):
        positions = np.arange(start, min(start + _PORTION, len(elements)))
        boxes = [
            (np.maximum(low, 0), np.minimum(high, size - 1))
            for (low, high), size in zip(relation.bounds(positions), relation.source_shape, strict=True)
        ]
        at = unraveled(elements.start + elements.step * positions, relation.target_shape)[axis]
        reads = np.all([low <= high for low, high in boxes], axis=0)
        low, high = boxes[axis]
        found = max(found, int(np.where(reads, np.maximum(at - low, high - at), 0).max()))
    return found


def _reach_of_ranks(relation: EarlierInOrder, axis: int) -> int:
    """Along the order, what is read is a range: from the start, or the last few ranks."""
    order = relation.order
    by_rank, starts = order.by_rank
    at = unraveled(by_rank, order.shape)[axis]
    rank = order.rank[np.asarray(relation.elements)]
    first = starts[np.maximum(rank - relation.last, 0)] if relation.last is not None else np.zeros_like(rank)
    reads = first < starts[rank]
    if not reads.any():
        return 0
    own = unraveled(np.asarray(relation.elements)[reads], order.shape)[axis]
    if relation.last is None:
        highest, lowest = (bound.accumulate(at)[starts[rank[reads]] - 1] for bound in (np.maximum, np.minimum))
    else:
        boxes = [(first[reads], starts[rank[reads]] - 1)]
        highest, lowest = box_maxima(at, boxes), -box_maxima(-at, boxes)
    return int(np.maximum(highest - own, own - lowest).max())


def _reach_of_pairs(relation: Relation, elements: range, variable: Variable, axis: int) -> int:
    require_few_edges(int(relation.at_most(np.arange(len(elements))).sum()))
    position, source = relation.pairs(np.arange(len(elements)))
    at = unraveled(elements.start + elements.step * position, variable.shape)[axis]
    there = unraveled(source, variable.shape)[axis]
    return int(np.abs(at - there).max()) if len(position) else 0


def _check_independent(model: Model, claim: Claim, sink: Sink) -> None:
    given = _elements(claim.given)
    sides = [_elements(claim.left), _elements(claim.right)]
    for name in sorted({name for name, _ in sides[0]} & {name for name, _ in sides[1]}):
        if model.variables[name].orders.mixed:
            others = [(each.span, "and these") for each in claim.left if each.variable == name]
            place = next(each.span for each in claim.right if each.variable == name)
            sink.add(rules.MIXED_INDEPENDENCE.at(place, others=others, variable=name))
            return
    known = {e for side in sides for e in side if e in given or model.variables[e[0]].kind == "given"}
    left, right = (side - known for side in sides)  # what is known depends on nothing
    if not left or not right or _plainly_separated(model, left, right, given):
        return
    text = _claim_text(claim)
    both = sorted(left & right)
    if both:
        note = f"{model.variables[both[0][0]].element_name(both[0][1])} stands on both sides"
        sink.add(rules.DEPENDENT.at(claim.span, notes=[note], claim=text))
        return
    elements = separation.ancestral_graph(model, left | right | given)
    path = separation.open_path(elements, left, right, given)
    if path is not None:
        notes = [f"open path: {separation.path_text(model, elements, path)}"]
        notes += _meeting_notes(model, elements, path, given)
        sink.add(rules.DEPENDENT.at(claim.span, notes=notes, claim=text))


def _elements(sets: Iterable[ElementSet]) -> set[separation.Element]:
    return {(each.variable, element) for each in sets for element in each.elements}


def _plainly_separated(
    model: Model,
    left: set[separation.Element],
    right: set[separation.Element],
    given: set[separation.Element],
) -> bool:
    """Whether whole variables are separated already, which needs no unrolling: what separates them separates their
    elements. It says nothing where a variable has more than one role, or is given in part."""
    a, b, c = ({node[0] for node in side} for side in (left, right, given))
    if a & b or a & c or b & c or len(given) != sum(model.variables[name].size for name in c):
        return False
    c |= {variable.name for variable in model.given}
    return separation.separated(_Reads(model), a, b, c)  # type: ignore[arg-type]


class _Reads:
    """Which variables read which, as much of a graph as a search needs: networkx is slower to import than to use."""

    def __init__(self, model: Model) -> None:
        self._parents: dict[str, set[str]] = {name: set() for name in model.variables}
        self._children: dict[str, set[str]] = {name: set() for name in model.variables}
        for source, target in readings(model).edges:
            self._parents[target].add(source)
            self._children[source].add(target)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parents)

    def predecessors(self, name: str) -> set[str]:
        return self._parents[name]

    def successors(self, name: str) -> set[str]:
        return self._children[name]


def _claim_text(claim: Claim) -> str:
    left, right, given = (
        ", ".join(f"`{each.text}`" for each in side) for side in (claim.left, claim.right, claim.given)
    )
    return f"that {left} and {right} are independent" + (f" given {given}" if given else "")


def _meeting_notes(
    model: Model, elements: networkx.DiGraph, path: list[separation.Node], given: set[separation.Element]
) -> list[str]:
    """Why the path is open where its arrows meet, and what its hidden draws are."""
    import networkx

    notes = []
    for node in separation.meetings(elements, path):
        name = separation.node_name(model, node)
        if node in given:
            notes.append(f"arrows meet at {name}, which is given, so the path is open there")
        else:
            known = min(given & networkx.descendants(elements, node))
            notes.append(
                f"arrows meet at {name}, and {separation.node_name(model, known)}, which depends on it, is given, "
                "so the path is open there"
            )
    for node in path:
        if len(node) == 3:
            kind = "is a mixture over orders" if model.variables[node[0]].orders.mixed else "is drawn at once"
            notes.append(f"{node[2]} {kind}, so its elements depend on each other")
    return notes
