"""Targets: what a factor draws, and the indices its contexts may use."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as rules
from ardsl.diagnostics.rules import pedantic
from ardsl.language import syntax
from ardsl.model.declarations import Draft
from ardsl.model.scope import Scope

_USUAL_NAMES = {1: "i", 2: "r, c", 3: "r, c, k"}


@dataclass(frozen=True)
class Target:
    """The target of one factor: a variable, or one ``field`` of a record.

    ``coordinates`` gives the axis of each index; ``element`` is the single index that names an element whole.
    """

    variable: Draft
    text: str
    span: Span
    field: int | None = None
    coordinates: tuple[tuple[str, int], ...] = ()
    element: str | None = None
    event_axes: tuple[int, ...] = ()

    @property
    def elements(self) -> range:
        return range(self.variable.size) if self.field is None else range(self.field, self.field + 1)

    @property
    def part(self) -> range | None:
        """The elements, where they are not the whole variable."""
        return None if self.field is None else self.elements

    @property
    def event(self) -> int:
        """The number of elements of one draw."""
        return prod(self.variable.shape[axis] for axis in self.event_axes)

    def axis_of(self, index: str) -> int | None:
        return dict(self.coordinates).get(index)

    @property
    def earlier(self) -> str:
        """The context that reads all earlier elements, spelled to match the target."""
        if self.element is not None:
            index = self.element
        else:
            index = self.coordinates[0][0] if len(self.coordinates) == 1 and not self.event_axes else ""
        return f"{self.variable.name}[<{index}]"

    @property
    def with_indices(self) -> str:
        """The target spelled with an index for each axis."""
        variable = self.variable
        if variable.is_record:
            return f"{variable.name}[i]"
        names = _USUAL_NAMES.get(len(variable.axes)) or ", ".join(f"i{n}" for n in range(1, len(variable.axes) + 1))
        return f"{variable.name}[{names}]"

    def at(self, axis: int, index: int) -> str:
        """The first target whose index on ``axis`` is this, as a spec would write it."""
        indices = ["*" if a in self.event_axes else "0" for a in range(len(self.variable.axes))]
        indices[axis] = str(index)
        return f"`{self.variable.name}[{', '.join(indices)}]`"


def check_target(place: syntax.Place, variable: Draft, scope: Scope) -> Target | None:
    """The target that ``place`` is, of ``variable``; None where it is no target, which has then been reported."""
    text = scope.text(place.span)
    if place.field is not None:
        number = check_field(place, variable, scope)
        return None if number is None else Target(variable, text, place.span, field=number)
    if place.indices is None:
        return Target(variable, text, place.span)
    names = [_index_name(index, variable, scope) for index in place.indices]
    if any(name is None for name in names):
        return None
    seen: dict[str, Span] = {}
    for name, index in zip(names, place.indices, strict=True):
        if name == "*":
            continue
        if name in seen:
            others = [(seen[name], "first used here")]
            scope.report(rules.INDEX_TWICE.at(index.span, name=name, others=others))
            return None
        seen[str(name)] = index.span
        if name in scope.params:
            others = [(scope.names[str(name)].span, "the parameter")]
            scope.report(pedantic.HIDDEN_PARAMETER.at(index.span, name=name, others=others))
    if len(names) == 1 and names[0] != "*" and (variable.is_record or len(variable.axes) > 1):
        return Target(variable, text, place.span, element=names[0])
    if len(names) != len(variable.axes):
        if variable.is_record:
            help = f"write `{variable.name}[i]`"
            scope.report(rules.RECORD_INDEX.at(place.span, variable=variable.name, help=help))
        else:
            index_count(place, variable, scope)
        return None
    coordinates = tuple((str(name), axis) for axis, name in enumerate(names) if name != "*")
    stars = tuple(axis for axis, name in enumerate(names) if name == "*")
    return Target(variable, text, place.span, coordinates=coordinates, event_axes=stars)


def _index_name(index: syntax.Index, variable: Draft, scope: Scope) -> str | None:
    if isinstance(index, syntax.Star):
        return "*"
    if isinstance(index, syntax.Reference):
        return index.name
    help = f"write `{Target(variable, '', index.span).with_indices}`" if variable.shape else None
    scope.report(rules.TARGET_INDEX.at(index.span, text=scope.text(index.span), help=help))
    return None


def check_field(place: syntax.Place, variable: Draft, scope: Scope) -> int | None:
    """The number of the field that ``place`` names; None where it names none, which has then been reported."""
    if place.field is None:
        return None
    if not variable.is_record:
        help = f"name an element by its indices, or write `{variable.name}`" if variable.axes else None
        scope.report(rules.NOT_A_RECORD.at(place.field.span, variable=variable.name, help=help))
        return None
    number = variable.field_numbers.get(place.field.text)
    if number is None:
        names = [field.name for field in variable.fields]
        help = scope.did_you_mean(place.field.text, names)
        listed = ", ".join(f"`{name}`" for name in names[:12]) + (" …" if len(names) > 12 else "")
        notes = [f"its fields are {listed}"]
        values: dict[str, Any] = {"variable": variable.name, "name": place.field.text}
        scope.report(rules.UNKNOWN_FIELD.at(place.field.span, help=help, notes=notes, **values))
        return None
    if place.indices is not None:
        help = f"write `{variable.name}.{place.field.text}`"
        span = place.indices[0].span if place.indices else place.span
        scope.report(rules.RECORD_INDEX.at(span, variable=variable.name, help=help))
        return None
    return number


def index_count(place: syntax.Place, variable: Draft, scope: Scope) -> None:
    """Says that a place has the wrong number of indices, and what the right number would look like."""
    indices = place.indices or ()
    given = "1 index" if len(indices) == 1 else f"{len(indices)} indices"
    written = [scope.text(index.span) for index in indices]
    if not variable.axes:
        help = f"write `{variable.name}`"
    elif len(indices) < len(variable.axes):
        written += ["*"] * (len(variable.axes) - len(indices))
        help = f"write `{variable.name}[{', '.join(written)}]`"
    else:
        help = f"leave out {len(indices) - len(variable.axes)}"
    place_text = scope.text(place.span)
    values = {"variable": variable.name, "axes": variable.axes_counted, "given": given, "text": place_text}
    others = [(variable.span, "declared here")]
    scope.report(rules.INDEX_COUNT.at(place.span, help=help, others=others, **values))
