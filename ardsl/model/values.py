"""Values: expressions over parameters, and parameters set from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import factors as call_rules
from ardsl.diagnostics.rules import names as rules
from ardsl.language import syntax
from ardsl.model.scope import Scope, Value, Word, shortened
from ardsl.model.settings import Choice

MOST = 2**63 - 1
"""The largest integer a value may be."""


def evaluate(expression: syntax.Expression, scope: Scope, *, words: bool = False) -> Value | None:
    """The value of an expression; None where it has none, which has then been reported.

    With ``words``, a bare name that is no parameter stands for itself (unless a parameter is spelled much like it), and
    so does a call.
    """
    if isinstance(expression, syntax.Number):
        return _bounded(expression.value, expression.span, scope)
    if isinstance(expression, syntax.String | syntax.Boolean):
        return expression.value
    if isinstance(expression, syntax.Reference):
        return _named(expression, scope, words)
    if isinstance(expression, syntax.Sequence):
        items = [evaluate(item, scope, words=words) for item in expression.items]
        return None if any(item is None for item in items) else tuple(item for item in items if item is not None)
    if isinstance(expression, syntax.Call):
        return _called(expression, scope, words)
    return _computed(expression, scope)


def _named(reference: syntax.Reference, scope: Scope, words: bool) -> Value | None:
    name = reference.name
    if name in scope.params:
        return scope.params[name]
    declared = scope.names.get(name)
    if declared is None and name not in scope.broken and words:
        closest = scope.nearest(name, scope.params)
        if closest is None:
            return Word(name)
        note = f'a word that is not a parameter may be written in quotes: `"{name}"`'
        help = f"did you mean `{closest}`?"
        scope.report(rules.UNKNOWN_NAME.at(reference.span, kind="parameter", name=name, notes=[note], help=help))
        return None
    if scope.known(name, reference.span, "parameter") and declared is not None:
        # A declared parameter without a value yet: the parameters are being evaluated, from top to bottom.
        others = [(declared.span, "declared here")]
        scope.report(rules.USED_TOO_EARLY.at(reference.span, name=name, others=others))
    return None


def _called(call: syntax.Call, scope: Scope, words: bool) -> Value | None:
    given = options(call, scope)
    if not words:
        values: dict[str, Any] = {"what": "this", "expected": "a value", "actual": f"`{call.function.text}(…)`"}
        scope.report(rules.VALUE_TYPE.at(call.span, **values))
        return None
    return None if given is None else Choice(call.function.text, {name: value for name, (value, _) in given.items()})


def options(call: syntax.Call, scope: Scope, *, variables: bool = False) -> dict[str, tuple[Value, Span]] | None:
    """The options of a call by name, each with the place of its value; None where any is unusable. With ``variables``,
    the name of a variable stands for itself."""
    values_by_name: dict[str, tuple[Value, Span]] = {}
    places: dict[str, Span] = {}
    sound = True
    for argument in call.arguments:
        value: Value | None = _variable(argument.value, scope) if variables else None
        value = evaluate(argument.value, scope, words=True) if value is None else value
        sound &= value is not None
        if argument.name is None:
            scope.report(call_rules.OPTION_WITHOUT_NAME.at(argument.span, call=call.function.text))
            sound = False
        elif argument.name.text in places:
            others = [(places[argument.name.text], "first given here")]
            values = {"name": argument.name.text, "call": call.function.text}
            scope.report(call_rules.OPTION_TWICE.at(argument.span, others=others, **values))
            sound = False
        else:
            places[argument.name.text] = argument.span
            if value is not None:
                values_by_name[argument.name.text] = (value, argument.value.span)
    return values_by_name if sound else None


def _variable(expression: syntax.Expression, scope: Scope) -> Word | None:
    """The name of a variable that an expression is; None where it is none."""
    if not isinstance(expression, syntax.Reference) or expression.name in scope.broken:
        return None
    declared = scope.names.get(expression.name)
    return Word(expression.name) if declared is not None and declared.kind == "variable" else None


def _computed(expression: syntax.Binary | syntax.Negative, scope: Scope) -> Value | None:
    operands = (expression.operand,) if isinstance(expression, syntax.Negative) else (expression.left, expression.right)
    values = [evaluate(operand, scope) for operand in operands]
    if any(value is None for value in values):
        return None
    for operand, value in zip(operands, values, strict=True):
        if not is_number(value):
            return _impossible(expression, f"{describe(value)} is not a number", scope, operand.span)
    if isinstance(expression, syntax.Negative):
        return -values[0]  # type: ignore[operator]
    left, right = values
    try:
        result = _apply(expression.operator, left, right)  # type: ignore[arg-type]
    except ZeroDivisionError:
        return _impossible(expression, "it divides by zero", scope)
    except OverflowError:
        return _impossible(expression, "the result is too large", scope)
    if abs(result) > MOST if isinstance(result, int) else not math.isfinite(result):
        return _impossible(expression, "the result is too large", scope)
    return result


def _apply(operator: str, left: int | float, right: int | float) -> int | float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if isinstance(left, int) and isinstance(right, int) and right != 0 and left % right == 0:
        return left // right
    return left / right


def _impossible(expression: syntax.Expression, reason: str, scope: Scope, span: Span | None = None) -> None:
    text = scope.text(expression.span)
    scope.report(rules.ARITHMETIC.at(span or expression.span, text=text, reason=reason))


def _bounded(value: int | float, span: Span, scope: Scope) -> int | float | None:
    if abs(value) <= MOST if isinstance(value, int) else math.isfinite(value):
        return value
    scope.report(rules.ARITHMETIC.at(span, text=scope.text(span), reason="the number is too large"))
    return None


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def describe(value: object) -> str:
    """A value as messages call it, short however long it is."""
    if isinstance(value, bool):
        return f"`{'true' if value else 'false'}`"
    if isinstance(value, Choice):
        return f"`{value.name}(…)`"
    if isinstance(value, tuple | list):
        return f"a list of {len(value)}"
    if isinstance(value, Word):
        return f"the name `{shortened(value)}`"
    if isinstance(value, str):
        return f'`"{shortened(value)}"`'
    if isinstance(value, int):
        return f"`{value}`" if value.bit_length() <= 64 else "a number beyond 2^63"
    return f"`{value!r}`" if isinstance(value, float) else f"a {type(value).__name__}"


def kind_of(value: object) -> str:
    """The type of a value in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "an integer"
    if isinstance(value, float):
        return "a real"
    if isinstance(value, str):
        return "a string"
    if isinstance(value, tuple) and value:
        kinds = {kind_of(item) for item in value}
        if kinds <= {"an integer", "a real"}:
            return "a list of reals" if "a real" in kinds else "a list of integers"
        return {"a string": "a list of strings"}.get(kinds.pop() if len(kinds) == 1 else "", "a list")
    return "a list"


def integer(
    expression: syntax.Expression, scope: Scope, what: str, low: int | None = None, high: int = MOST
) -> int | None:
    """A whole number from ``low`` to ``high``; None where it is something else, which has then been reported."""
    value = evaluate(expression, scope)
    if value is None:
        return None
    if not is_integer(value):
        values: dict[str, Any] = {"what": what, "expected": "an integer", "actual": describe(value)}
        scope.report(rules.VALUE_TYPE.at(expression.span, **values))
        return None
    if (low is not None and value < low) or value > high:
        expected = f"at least {low}" if low is not None and value < low else f"at most {high}"
        scope.report(rules.VALUE_RANGE.at(expression.span, what=what, expected=expected, actual=describe(value)))
        return None
    return value


def check_params(statements: list[syntax.ParamStatement], overrides: Mapping[str, object], scope: Scope) -> None:
    """Evaluates the parameters, from top to bottom, into ``scope.params``; a value from outside replaces the spec's."""
    for statement in statements:
        name = statement.name.text
        value = evaluate(statement.value, scope, words=True)
        strange = next((v for v in _leaves(value) if isinstance(v, Word | Choice)), None)
        if isinstance(strange, Word):
            known = scope.did_you_mean(strange, scope.params)
            scope.report(rules.UNKNOWN_NAME.at(statement.value.span, kind="parameter", name=str(strange), help=known))
        elif strange is not None:
            scope.report(rules.NOT_A_PARAMETER_VALUE.at(statement.value.span, actual=describe(strange)))
        if value is None or strange is not None:
            scope.broken.add(name)
            continue
        if name in overrides:
            value = _overridden(name, value, overrides[name], statement.name.span, scope)
        scope.params[name] = value
    declared = {statement.name.text for statement in statements}
    for name in overrides:
        if name not in declared and name not in scope.broken:
            help = scope.did_you_mean(name, sorted(declared))
            known = ", ".join(f"`{param}`" for param in sorted(declared))
            notes = [f"the parameters are {known}" if known else "the spec has no parameters"]
            scope.report(rules.UNKNOWN_OVERRIDE.at(None, name=shortened(name), help=help, notes=notes))


def _leaves(value: Value | None) -> list[object]:
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _overridden(name: str, declared: Value, given: object, span: Span, scope: Scope) -> Value:
    """The value from outside, as the type of the declared one; the declared one again where they do not agree."""
    value = fitted(declared, given)
    if value is None:
        actual = describe(given)
        scope.report(rules.OVERRIDE_TYPE.at(span, name=name, expected=kind_of(declared), actual=actual))
        return declared
    return value


def fitted(declared: object, given: object) -> Value | None:
    """A value from outside as the type of the declared one; None where it has another."""
    if isinstance(declared, tuple):
        if not isinstance(given, list | tuple):
            return None
        items = [_fitted_item(declared, item) for item in given]
        return None if any(item is None for item in items) else tuple(item for item in items if item is not None)
    if isinstance(declared, bool) or isinstance(given, bool):
        return given if isinstance(declared, bool) and isinstance(given, bool) else None
    if isinstance(declared, str):
        return str(given) if isinstance(given, str) else None
    if isinstance(declared, int):
        return int(given) if isinstance(given, int) and abs(given) <= MOST else None
    if isinstance(given, int):
        return float(given) if abs(given) <= MOST else None
    return float(given) if isinstance(given, float) and math.isfinite(given) else None


def _fitted_item(declared: tuple[object, ...], item: object) -> Value | None:
    """An item from outside fits if it fits some item of the declared list; any plain value fits an empty list."""
    models: tuple[object, ...] = declared or (item,)
    if not declared and not isinstance(item, bool | int | float | str):
        return None
    fits = (fitted(model, item) for model in models)
    return next((fit for fit in fits if fit is not None), None)
