"""Claims: ``check …``, resolved. Whether they hold is for the graph's checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as context_rules
from ardsl.diagnostics.rules import factors as rules
from ardsl.language import syntax
from ardsl.model.declarations import Draft
from ardsl.model.model import Claim, ElementSet
from ardsl.model.scope import Scope
from ardsl.model.targets import check_field, index_count
from ardsl.model.values import evaluate, integer, is_integer


@dataclass(frozen=True)
class Form:
    """The form of a claim: its number of arguments (at least, at most), and what else it takes."""

    kind: Literal["complete", "independent", "steps", "reach"]
    usage: str
    arguments: tuple[int, int]
    operator: str | None = None
    conditional: bool = False


FORMS = {
    form.kind: form
    for form in (
        Form("complete", "check complete(x)", (1, 1)),
        Form("independent", "check independent(a, b | c)", (2, 2), conditional=True),
        Form("steps", "check steps(x) <= n", (1, 1), operator="<="),
        Form("reach", "check reach(x, axis) >= n", (1, 2), operator=">="),
    )
}


def check_claim(statement: syntax.CheckStatement, variables: dict[str, Draft], scope: Scope) -> Claim | None:
    """One claim, resolved; None where it makes no sense, which has then been reported."""
    name = statement.claim.text
    form = FORMS.get(name)  # type: ignore[call-overload]
    if form is None:
        help = scope.did_you_mean(name, FORMS)
        notes = ["the claims are " + ", ".join(f"`{known}`" for known in FORMS)]
        scope.report(rules.UNKNOWN_CLAIM.at(statement.claim.span, name=name, help=help, notes=notes))
        return None
    if not _well_formed(statement, form, scope):
        return None
    text = scope.written(statement.span)
    if form.kind == "independent":
        return _independent(statement, text, variables, scope)
    variable = _drawn(statement.arguments[0], form, variables, scope)
    axis = None
    if form.kind == "reach" and variable is not None:
        axis = _axis(statement, variable, form, scope)
        if axis is None:
            return None
    bound = None
    if form.operator is not None and statement.bound is not None:
        bound = integer(statement.bound, scope, f"the bound of `{form.kind}`", low=0 if form.kind == "reach" else 1)
        if bound is None:
            return None
    if variable is None:
        return None
    return Claim(form.kind, variable.name, axis=axis, bound=bound, text=text, span=statement.span)


def _well_formed(statement: syntax.CheckStatement, form: Form, scope: Scope) -> bool:
    least, most = form.arguments
    given = len(statement.arguments)
    problem, span = None, statement.span
    if not least <= given <= most:
        wanted = f"{least} argument{'s' if least > 1 else ''}" if least == most else f"{least} or {most} arguments"
        problem = f"takes {wanted}, not {given}"
        span = statement.arguments[most].span if given > most else statement.claim.span
    elif statement.given and not form.conditional:
        problem, span = "takes nothing behind a bar", statement.given[0].span
    elif form.operator is None and statement.operator is not None:
        problem, span = "takes no bound", statement.bound.span if statement.bound is not None else statement.span
    elif form.operator is not None and (statement.operator is None or statement.bound is None):
        problem = f"needs a bound: `{form.operator} n`"
    elif form.operator is not None and statement.operator != form.operator:
        problem = f"is a bound of the kind `{form.operator}`, not `{statement.operator}`"
    if problem is None:
        return True
    scope.report(rules.CLAIM_SHAPE.at(span, claim=form.kind, problem=problem, usage=form.usage))
    return False


def _drawn(place: syntax.Place, form: Form, variables: dict[str, Draft], scope: Scope) -> Draft | None:
    """The whole variable, with a factor, that a claim is about."""
    if not scope.known(place.variable.text, place.variable.span, "variable"):
        return None
    variable = variables[place.variable.text]
    problem = None
    if place.field is not None or place.indices is not None:
        problem = f"takes a whole variable: `{variable.name}`"
    elif variable.kind == "given":
        problem = f"is about variables with a factor, and `{variable.name}` is given"
    if problem is not None:
        scope.report(rules.CLAIM_SHAPE.at(place.span, claim=form.kind, problem=problem, usage=form.usage))
        return None
    return variable


def _axis(statement: syntax.CheckStatement, variable: Draft, form: Form, scope: Scope) -> int | None:
    names = [axis.name for axis in variable.axes if axis.name is not None]
    if len(statement.arguments) == 1:
        if len(variable.axes) == 1:
            return 0
        problem = f"needs one of the axes of `{variable.name}`" if variable.axes else "is about variables with axes"
        span = statement.arguments[0].span
        scope.report(rules.CLAIM_SHAPE.at(span, claim=form.kind, problem=problem, usage=form.usage))
        return None
    place = statement.arguments[1]
    name = place.variable.text
    numbers = {axis.name: number for number, axis in enumerate(variable.axes)}
    if place.field is None and place.indices is None and name in numbers:
        return numbers[name]
    help = scope.did_you_mean(name, names)
    notes = [f"its axes are {', '.join(f'`{known}`' for known in names)}"] if names else []
    if not names and variable.axes:
        help = "name the axes where they are declared: `x[row: 28, column: 28]`"
    values: dict[str, Any] = {"variable": variable.name, "name": scope.text(place.span)}
    scope.report(rules.UNKNOWN_AXIS.at(place.span, help=help, notes=notes, **values))
    return None


def _independent(
    statement: syntax.CheckStatement, text: str, variables: dict[str, Draft], scope: Scope
) -> Claim | None:
    places = (*statement.arguments, *statement.given)
    sets = [_elements(place, variables, scope) for place in places]
    seen: dict[tuple[str, int], Span] = {}
    sound = True
    for elements in sets:
        if elements is None:
            continue
        key = elements.variable, elements.elements[0]
        if key in seen:
            others = [(seen[key], "first here")]
            scope.report(rules.CLAIM_ELEMENT_TWICE.at(elements.span, text=elements.text, others=others))
            sound = False
        seen.setdefault(key, elements.span)
    known = tuple(elements for elements in sets if elements is not None)
    if not sound or len(known) < len(sets):
        return None
    left, right, *given = known
    return Claim("independent", None, (left,), (right,), tuple(given), text=text, span=statement.span)


def _elements(place: syntax.Place, variables: dict[str, Draft], scope: Scope) -> ElementSet | None:
    """The one element that a place of a claim names."""
    if not scope.known(place.variable.text, place.variable.span, "variable"):
        return None
    variable = variables[place.variable.text]
    if place.field is not None:
        number = check_field(place, variable, scope)
    elif place.indices is None:
        number = 0
        if variable.size > 1:
            example = f"{variable.name}.{variable.fields[0].name}" if variable.is_record else _first(variable)
            values: dict[str, Any] = {"variable": variable.name, "count": f"{variable.size:,}"}
            scope.report(rules.CLAIM_WHOLE_ARRAY.at(place.span, help=f"for example `{example}`", **values))
            return None
    elif variable.is_record:
        help = f"name a field, as in `{variable.name}.{variable.fields[0].name}`"
        scope.report(context_rules.RECORD_INDEX.at(place.span, variable=variable.name, help=help))
        return None
    else:
        number = _element(place, variable, scope)
    return None if number is None else ElementSet(variable.name, (number,), scope.written(place.span), place.span)


def _first(variable: Draft) -> str:
    return f"{variable.name}[{', '.join('0' * len(variable.axes))}]"


def _element(place: syntax.Place, variable: Draft, scope: Scope) -> int | None:
    """The flat index of ``x[3, 4]``."""
    indices = place.indices or ()
    if len(indices) != len(variable.axes):
        index_count(place, variable, scope)
        return None
    flat = 0
    for number, (index, axis) in enumerate(zip(indices, variable.axes, strict=True)):
        value = None
        if not isinstance(index, syntax.Star | syntax.Before | syntax.Range):
            if isinstance(index, syntax.Reference) and index.name in scope.broken:
                return None
            if not isinstance(index, syntax.Reference) or index.name in scope.params:
                value = evaluate(index, scope)
                if value is None:
                    return None
        if not is_integer(value):
            scope.report(rules.CLAIM_INDEX.at(index.span, usage=_first(variable)))
            return None
        if not 0 <= value < axis.size:
            values: dict[str, Any] = {
                "text": scope.text(index.span),
                "axis": variable.axis_called(number),
                "last": axis.size - 1,
            }
            scope.report(context_rules.FIXED_OUTSIDE.at(index.span, **values))
            return None
        flat = flat * axis.size + value
    return flat
