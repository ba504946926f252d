"""Index arithmetic: expressions in a target's coordinates, in the one form that relations know."""

from __future__ import annotations

from dataclasses import replace
from math import gcd

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as rules
from ardsl.language import syntax
from ardsl.model.scope import Scope
from ardsl.model.targets import Target
from ardsl.model.values import describe, is_integer
from ardsl.relations import Affine

LARGEST = 10**9
"""The largest number in an index: products with a coordinate stay far inside 64 bits."""


def affine(expression: syntax.Expression, target: Target, scope: Scope) -> Affine | None:
    """The index as a function of one coordinate of the target; None where it is none, which has then been reported.

    Equal functions have equal forms: the fraction is reduced, and whole steps stand in ``offset``.
    """
    if isinstance(expression, syntax.Number):
        return _constant(expression.value, expression, scope)
    if isinstance(expression, syntax.Reference):
        return _named(expression, target, scope)
    if isinstance(expression, syntax.Negative):
        operand = affine(expression.operand, target, scope)
        return None if operand is None else _scaled(operand, -1, expression, scope)
    if isinstance(expression, syntax.Binary):
        left, right = affine(expression.left, target, scope), affine(expression.right, target, scope)
        return None if left is None or right is None else _combined(left, right, expression, scope)
    return _refuse(expression, "it is not a number", scope)


def _constant(value: object, expression: syntax.Expression, scope: Scope) -> Affine | None:
    if not is_integer(value):
        return _refuse(expression, "it is not a whole number", scope)
    return _bounded(Affine(None, offset=value), expression, scope)


def _named(reference: syntax.Reference, target: Target, scope: Scope) -> Affine | None:
    name, span = reference.name, reference.span
    axis = target.axis_of(name)
    if axis is not None:
        return Affine(axis)
    if name == target.element:
        help = None
        if not target.variable.is_record:
            help = f"give the target its coordinates: `{target.with_indices}`"
        scope.report(rules.ELEMENT_INDEX.at(span, name=name, variable=target.variable.name, help=help))
        return None
    if name in scope.params:
        value = scope.params[name]
        if not is_integer(value):
            return _refuse(reference, f"`{name}` is {describe(value)}, not a whole number", scope)
        return _constant(value, reference, scope)
    if name not in scope.broken:
        unbound(name, span, target, scope)
    return None


def unbound(name: str, span: Span, target: Target, scope: Scope) -> None:
    """Says that the target has no such index, and how it could have."""
    own = [index for index, _ in target.coordinates] + ([target.element] if target.element else [])
    help = scope.did_you_mean(name, own)
    others = [(target.span, "the target")]
    if help is None and not own and target.field is None and target.variable.shape:
        one = not target.variable.is_record and len(target.variable.axes) == 1
        spelled = f"{target.variable.name}[{name}]" if one else target.with_indices
        help = f"give the target its indices: `{spelled}`"
    scope.report(rules.UNBOUND_INDEX.at(span, name=name, target=target.text, help=help, others=others))


def _combined(left: Affine, right: Affine, expression: syntax.Binary, scope: Scope) -> Affine | None:
    if expression.operator in "+-":
        if expression.operator == "-":
            negative = _scaled(right, -1, expression, scope)
            if negative is None:
                return None
            right = negative
        return _sum(left, right, expression, scope)
    if expression.operator == "*":
        if left.axis is not None and right.axis is not None:
            return _refuse(expression, "it multiplies two indices", scope)
        varying, fixed = (left, right) if right.axis is None else (right, left)
        return _scaled(varying, fixed.offset, expression, scope)
    if right.axis is not None:
        return _refuse(expression, "it divides by an index", scope)
    if right.offset < 1:
        return _refuse(expression, "it divides by a number that is not positive", scope)
    return _quotient(left, right.offset, expression, scope)


def _sum(left: Affine, right: Affine, expression: syntax.Expression, scope: Scope) -> Affine | None:
    if left.axis is None or right.axis is None:
        varying, fixed = (left, right) if right.axis is None else (right, left)
        return _bounded(replace(varying, offset=varying.offset + fixed.offset), expression, scope)
    if left.axis != right.axis:
        return _refuse(expression, "it combines two indices", scope)
    if left.divisor != 1 or right.divisor != 1:
        return _refuse(expression, "it combines an index with a part of itself", scope)
    multiplier, offset = left.multiplier + right.multiplier, left.offset + right.offset
    total = Affine(left.axis, multiplier, offset=offset) if multiplier else Affine(None, offset=offset)
    return _bounded(total, expression, scope)


def _scaled(index: Affine, factor: int, expression: syntax.Expression, scope: Scope) -> Affine | None:
    if index.axis is None or factor == 0:
        return _bounded(Affine(None, offset=index.offset * factor), expression, scope)
    if index.divisor != 1 and factor != 1:
        return _refuse(expression, "it multiplies what has been rounded down", scope)
    scaled = replace(index, multiplier=index.multiplier * factor, offset=index.offset * factor)
    return _bounded(index if factor == 1 else scaled, expression, scope)


def _quotient(index: Affine, divisor: int, expression: syntax.Expression, scope: Scope) -> Affine | None:
    if index.axis is None:
        return Affine(None, offset=index.offset // divisor)
    # Rounding down twice is rounding down once: ((m t + b) / d + o) / e = (m t + b + o d) / (d e).
    inner, whole = index.inner + index.offset * index.divisor, index.divisor * divisor
    common = gcd(index.multiplier, whole)
    multiplier, whole, inner = index.multiplier // common, whole // common, inner // common
    offset, inner = divmod(inner, whole)
    return _bounded(Affine(index.axis, multiplier, inner, whole, offset), expression, scope)


def _bounded(index: Affine, expression: syntax.Expression, scope: Scope) -> Affine | None:
    if max(abs(index.multiplier), abs(index.inner), index.divisor, abs(index.offset)) > LARGEST:
        return _refuse(expression, f"its numbers go beyond {LARGEST:,}", scope)
    return index


def _refuse(expression: syntax.Expression, reason: str, scope: Scope) -> None:
    scope.report(rules.INDEX_ARITHMETIC.at(expression.span, text=scope.text(expression.span), reason=reason))
