"""Variables and records as declared: names, axes, sizes and domains. Nothing of their size is allocated."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

from ardsl.diagnostics import Sink, Span
from ardsl.diagnostics.rules import names as rules
from ardsl.families.domains import Domain
from ardsl.families.family import Family
from ardsl.families.resolve import resolve_family
from ardsl.families.resolve_domain import resolve_domain
from ardsl.language import syntax
from ardsl.model.model import Axis, Field
from ardsl.model.scope import Kind, Scope
from ardsl.model.settings import RESERVED
from ardsl.model.values import describe, evaluate, is_integer

MOST_ELEMENTS = 10**8
"""The largest variable: its ranks and indices still fit in memory."""
MOST_AXES = 32


@dataclass(frozen=True)
class Draft:
    """A variable before its order is known; the order needs the axes that a draw covers, which the factors declare."""

    name: str
    kind: Literal["observed", "latent", "given"]
    axes: tuple[Axis, ...]
    domain: Domain | None
    fields: tuple[Field, ...]
    span: Span
    domain_spans: tuple[Span, ...]
    """The places where the domain was given: once for an array, once for each field of a record."""

    @property
    def is_record(self) -> bool:
        return bool(self.fields)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.fields),) if self.fields else tuple(axis.size for axis in self.axes)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @cached_property
    def field_numbers(self) -> dict[str, int]:
        return {field.name: number for number, field in enumerate(self.fields)}

    def axis_called(self, axis: int) -> str:
        """An axis as messages call it."""
        name = self.axes[axis].name
        if name is not None:
            return f"the axis `{name}` of `{self.name}`"
        return f"`{self.name}`" if len(self.axes) == 1 else f"axis {axis} of `{self.name}`"

    @property
    def axes_counted(self) -> str:
        if not self.axes:
            return "no axes"
        return "1 axis" if len(self.axes) == 1 else f"{len(self.axes)} axes"


def declare(tree: syntax.Tree, scope: Scope) -> list[syntax.Statement]:
    """Enters every name of the spec into the scope, and returns the statements that hold their names."""
    first: dict[str, Span] = {}
    sound: list[syntax.Statement] = []
    for statement in tree.statements:
        if isinstance(statement, syntax.ParamStatement | syntax.NetStatement):
            kind: Kind = "parameter" if isinstance(statement, syntax.ParamStatement) else "net"
            if not scope.declare(kind, statement.name):
                continue
        elif isinstance(statement, syntax.VariableStatement | syntax.RecordStatement):
            if not scope.declare("variable", statement.name):
                continue
            if statement.name.text in RESERVED:
                block = RESERVED[statement.name.text]
                scope.report(rules.RESERVED_NAME.at(statement.name.span, name=statement.name.text, block=block))
                scope.broken.add(statement.name.text)
        elif isinstance(statement, syntax.ModelStatement | syntax.BlockStatement):
            what = "model" if isinstance(statement, syntax.ModelStatement) else statement.kind
            if what in first:
                others = [(first[what], "first declared here")]
                scope.report(rules.DECLARED_TWICE.at(statement.span, what=f"`{what}`", others=others))
                continue
            first[what] = statement.span
        sound.append(statement)
    return sound


def check_variables(statements: list[syntax.Statement], scope: Scope) -> dict[str, Draft]:
    """The variables, by name; one whose declaration fails is broken."""
    drafts: dict[str, Draft] = {}
    for statement in statements:
        draft = None
        if isinstance(statement, syntax.VariableStatement):
            draft = _array(statement, scope)
        elif isinstance(statement, syntax.RecordStatement):
            draft = _record(statement, scope)
        else:
            continue
        if draft is None:
            scope.broken.add(statement.name.text)
        elif draft.name not in scope.broken:
            drafts[draft.name] = draft
    return drafts


def _array(statement: syntax.VariableStatement, scope: Scope) -> Draft | None:
    axes = _axes(statement, scope)
    domain = resolve_domain(statement.domain, lambda e: evaluate(e, scope), scope.sink)
    if axes is None or domain is None:
        return None
    name = statement.name
    return Draft(name.text, statement.kind, axes, domain, (), name.span, (statement.domain.span,))


def _axes(statement: syntax.VariableStatement, scope: Scope) -> tuple[Axis, ...] | None:
    declared = statement.axes or ()
    name = statement.name.text
    if len(declared) > MOST_AXES:
        place = declared[MOST_AXES].span
        values: dict[str, Any] = {"name": name, "actual": len(declared), "limit": MOST_AXES, "first": MOST_AXES + 1}
        scope.report(rules.TOO_MANY_AXES.at(place, **values))
        return None
    places: dict[str, Span] = {}
    sizes: list[int | None] = []
    for axis in declared:
        if axis.name is not None:
            if axis.name.text in places:
                others = [(places[axis.name.text], "first declared here")]
                what = f"the axis `{axis.name.text}` of `{name}`"
                scope.report(rules.DECLARED_TWICE.at(axis.name.span, what=what, others=others))
                sizes.append(None)
            places.setdefault(axis.name.text, axis.name.span)
        if axis.up_to and isinstance(axis.extent, syntax.Reference) and axis.extent.name in places:
            feature = f"an axis that is as long as an index of another (`{scope.text(axis.span)}`)"
            help = "declare all of it, and read the elements that matter by ranges"
            scope.report(rules.NOT_BUILT_YET.at(axis.span, feature=feature, help=help))
            sizes.append(None)
            continue
        sizes.append(_size(axis, scope))
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    elements = prod(known)
    if elements > MOST_ELEMENTS:
        place = declared[0].span.to(declared[-1].span)
        actual = f"{elements:,}" if elements < 10**30 else f"about 10^{len(str(elements)) - 1}"
        scope.report(rules.TOO_MANY_ELEMENTS.at(place, name=name, actual=actual, limit=f"{MOST_ELEMENTS:,}"))
        return None
    for axis in declared[1:]:
        if axis.up_to:
            scope.report(rules.VARYING_LENGTH.at(axis.span, name=name, reason="only that of the first axis may"))
            return None
    if statement.kind == "latent" and declared and declared[0].up_to:
        scope.report(rules.VARYING_LENGTH.at(declared[0].span, name=name, reason="only that of data may"))
        return None
    return tuple(
        Axis(None if axis.name is None else axis.name.text, size, axis.up_to)
        for axis, size in zip(declared, known, strict=True)
    )


def _size(axis: syntax.AxisDeclaration, scope: Scope) -> int | None:
    if _is_axis_name(axis, scope):
        feature = f"an axis without a size (`{scope.text(axis.span)}`)"
        scope.report(rules.NOT_BUILT_YET.at(axis.span, feature=feature, help="give its size: `[time: 100]`"))
        return None
    value = evaluate(axis.extent, scope)
    if value is None:
        return None
    if not is_integer(value):
        values: dict[str, Any] = {"what": "the size of an axis", "expected": "an integer", "actual": describe(value)}
        scope.report(rules.VALUE_TYPE.at(axis.extent.span, **values))
        return None
    if value < 1:
        scope.report(rules.EMPTY_AXIS.at(axis.extent.span, actual=describe(value)))
        return None
    return value


def _is_axis_name(axis: syntax.AxisDeclaration, scope: Scope) -> bool:
    """A bare name that is neither declared nor spelled much like a parameter is meant as the axis' own."""
    if axis.name is not None or not isinstance(axis.extent, syntax.Reference):
        return False
    name = axis.extent.name
    return name not in scope.names and name not in scope.broken and scope.nearest(name, scope.params) is None


def _record(statement: syntax.RecordStatement, scope: Scope) -> Draft | None:
    name, declared = statement.name, statement.fields
    if not declared:
        scope.report(rules.NO_FIELDS.at(name.span, name=name.text))
        return None
    places: dict[str, Span] = {}
    fields_or_none: list[Field | None] = []
    for field in declared:
        if field.name.text in places:
            others = [(places[field.name.text], "first declared here")]
            what = f"the field `{field.name.text}` of `{name.text}`"
            scope.report(rules.DECLARED_TWICE.at(field.name.span, what=what, others=others))
            fields_or_none.append(None)
            continue
        places[field.name.text] = field.name.span
        fields_or_none.append(_field(field, scope))
    fields = tuple(field for field in fields_or_none if field is not None)
    if len(fields) < len(fields_or_none):
        return None
    spans = tuple(field.domain.span for field in declared)
    return Draft(name.text, "observed", (), None, fields, name.span, spans)


def _field(field: syntax.FieldDeclaration, scope: Scope) -> Field | None:
    domain = resolve_domain(field.domain, lambda e: evaluate(e, scope), scope.sink)
    if domain is None:
        return None
    family: Family | None
    if field.family is None:
        # A domain too large for its default may still have a family from its factor: only that reports.
        default = syntax.Reference("default", span=field.domain.span)
        family = resolve_family(default, domain, evaluate=lambda e: None, sink=Sink(scope.source))
    else:
        family = resolve_family(
            field.family,
            domain,
            evaluate=lambda e: evaluate(e, scope),
            sink=scope.sink,
            domain_span=field.domain.span,
        )
        if family is None:
            return None
    return Field(field.name.text, domain, family, field.name.span)
