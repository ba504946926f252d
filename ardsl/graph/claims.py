"""Claims about the declared graph: ``steps``, ``reach`` and ``independent``; ``complete`` is about the realized one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ardsl.diagnostics import Sink
from ardsl.diagnostics.rules import graph as rules
from ardsl.graph import separation
from ardsl.graph.declared import context_relation, order_of, readings, variable_relation
from ardsl.model.model import Claim, ElementSet, Model
from ardsl.relations.layering import TooLargeError

if TYPE_CHECKING:
    import networkx


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
    shape, everyone, reach = model.variables[variable].shape, np.arange(model.variables[variable].size), 0
    for factor in model.factors_of(variable):
        for context in factor.contexts:
            if context.variable == variable:
                relation, elements = context_relation(model, factor, context, order), factor.elements
                targets = np.arange(elements.start, elements.stop, elements.step)[:, None]
                reach = max(reach, relation.farthest(axis, shape, targets, everyone))
    return reach


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


def _check_independent(model: Model, claim: Claim, sink: Sink) -> None:
    given = _elements(claim.given)
    sides = [_elements(claim.left), _elements(claim.right)]
    for name in sorted({name for name, _ in sides[0]} & {name for name, _ in sides[1]}):
        if model.variables[name].orders.mixed:
            others = [(stated.span, "and these") for stated in claim.left if stated.variable == name]
            place = next(stated.span for stated in claim.right if stated.variable == name)
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
    return {(element_set.variable, element) for element_set in sets for element in element_set.elements}


def _plainly_separated(
    model: Model,
    left: set[separation.Element],
    right: set[separation.Element],
    given: set[separation.Element],
) -> bool:
    """Says whether whole variables are separated already, which needs no unrolling: what separates them separates their
    elements. It says nothing where a variable has more than one role, or is given in part."""
    a, b, c = ({node[0] for node in side} for side in (left, right, given))
    if a & b or a & c or b & c or len(given) != sum(model.variables[name].size for name in c):
        return False
    c |= {variable.name for variable in model.given}
    return separation.separated(_Reads(model), a, b, c)  # type: ignore[arg-type]


class _Reads:
    """The graph of variables that read each other, as much of it as a search needs: networkx is slower to import than
    to use."""

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
        ", ".join(f"`{elements.text}`" for elements in side) for side in (claim.left, claim.right, claim.given)
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
