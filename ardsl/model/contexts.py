"""Contexts: which elements of their sources the targets of a factor read."""

from __future__ import annotations

from typing import Any

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as rules
from ardsl.diagnostics.rules import names, pedantic
from ardsl.language import syntax
from ardsl.model.alignment import check_part
from ardsl.model.declarations import Draft
from ardsl.model.indices import affine, unbound
from ardsl.model.model import Context
from ardsl.model.networks import check_network
from ardsl.model.scope import Scope
from ardsl.model.targets import Target, check_field, index_count
from ardsl.model.values import integer
from ardsl.relations import AxisPart, Earlier, Everything, Listed, Part, Selection


def check_context(context: syntax.Context, target: Target, variables: dict[str, Draft], scope: Scope) -> Context | None:
    """One context, resolved; None where it makes no sense, which has then been reported."""
    place = context.place
    network = None if context.network is None else check_network(context.network, scope)
    sound = context.network is None or network is not None
    if not scope.known(place.variable.text, place.variable.span, "variable"):
        return None
    source = variables[place.variable.text]
    if context.noise:
        feature = f"a context on noise (`{scope.text(context.span)}`)"
        help = f"read the values themselves: `{scope.text(place.span)}`"
        scope.report(names.NOT_BUILT_YET.at(context.span, feature=feature, help=help))
        return None
    selection = _selection(context, source, target, scope)
    if selection is None or not sound:
        return None
    call, net = network or (None, None)
    return Context(source.name, selection, call, context.span, scope.written(context.span), net)


def _selection(context: syntax.Context, source: Draft, target: Target, scope: Scope) -> Selection | None:
    place, indices = context.place, context.place.indices
    if any(isinstance(index, syntax.Before) for index in indices or ()):
        return _earlier(context, source, target, scope)
    if context.window is not None:
        window = "within" if isinstance(context.window, syntax.Within) else "last"
        help = f"write `{target.earlier} {scope.text(context.window.span)}`" if _own(source, target) else None
        text = scope.text(place.span)
        scope.report(rules.WINDOW_WITHOUT_BEFORE.at(place.span, window=window, text=text, help=help))
        return None
    if place.field is not None:
        return _field(place, source, target, scope)
    if indices is None:
        return _reads_itself(place, target, scope) if _own(source, target) else _everything(source, target)
    if source.is_record:
        return _record_index(place, source, target, scope)
    if len(indices) != len(source.axes):
        _miscounted(place, source, target, scope)
        return None
    return _part(place, source, target, scope)


def _own(source: Draft, target: Target) -> bool:
    return source.name == target.variable.name


def _everything(source: Draft, target: Target) -> Everything:
    return Everything(len(target.elements), source.size)


def _reads_itself(place: syntax.Place, target: Target, scope: Scope) -> None:
    help = None
    if target.field is not None:
        help = "remove it" if place.field is not None else "name the fields it reads, one by one"
    elif target.variable.size > 1 or target.variable.is_record:
        spelled = target.text
        if not target.coordinates and target.element is None and not target.event_axes:
            spelled = f"{target.variable.name}[i]"
            help = f"write `{spelled} | {target.variable.name}[<i]`: the earlier elements, in the declared order"
        else:
            help = f"write `{target.earlier}`: the earlier elements, in the declared order"
    values: dict[str, Any] = {"target": target.text, "text": scope.text(place.span)}
    scope.report(rules.READS_ITSELF.at(place.span, help=help, **values))


def _field(place: syntax.Place, source: Draft, target: Target, scope: Scope) -> Selection | None:
    number = check_field(place, source, scope)
    if number is None:
        return None
    if _own(source, target) and number == target.field:
        _reads_itself(place, target, scope)
        return None
    return Listed(len(target.elements), source.size, (number,))


def _record_index(place: syntax.Place, source: Draft, target: Target, scope: Scope) -> None:
    """Indices on a record: none are legal but ``<i``, which has been dealt with."""
    help = f"name a field, as in `{source.name}.{source.fields[0].name}`"
    if _own(source, target) and target.field is None:
        help += f", or write `{target.earlier}`"
    scope.report(rules.RECORD_INDEX.at(place.span, variable=source.name, help=help))


def _miscounted(place: syntax.Place, source: Draft, target: Target, scope: Scope) -> None:
    indices = place.indices or ()
    if len(indices) == 1 and target.element is not None:
        # `x[i - 1]` beside the target `x[i]`: the trouble is the element index, not the count.
        used = next((n for n in _references(indices[0]) if n.name == target.element), None)
        if used is not None and affine(used, target, scope) is None:
            return
    index_count(place, source, scope)


def _references(index: syntax.Index) -> list[syntax.Reference]:
    if isinstance(index, syntax.Reference):
        return [index]
    if isinstance(index, syntax.Range):
        return [n for end in (index.low, index.high) if end is not None for n in _references(end)]
    if isinstance(index, syntax.Binary):
        return _references(index.left) + _references(index.right)
    return _references(index.operand) if isinstance(index, syntax.Negative) else []


def _part(place: syntax.Place, source: Draft, target: Target, scope: Scope) -> Selection | None:
    parts: list[AxisPart] = []
    for axis, index in enumerate(place.indices or ()):
        resolved = _axis_part(index, target, scope)
        if resolved is None:
            continue
        axis_part, spans = resolved
        if check_part(axis_part, source, axis, target, spans, scope):
            parts.append(axis_part)
    if len(parts) < len(source.axes):
        return None
    if all(resolved.whole for resolved in parts):
        return _reads_itself(place, target, scope) if _own(source, target) else _everything(source, target)
    return Part(target.variable.shape, source.shape, tuple(parts), target.part)


def _axis_part(index: syntax.Index, target: Target, scope: Scope) -> tuple[AxisPart, tuple[Span, Span, Span]] | None:
    spans = (index.span, index.span, index.span)
    if isinstance(index, syntax.Star):
        return AxisPart(), spans
    if isinstance(index, syntax.Range):
        low = None if index.low is None else affine(index.low, target, scope)
        high = None if index.high is None else affine(index.high, target, scope)
        if (low is None) != (index.low is None) or (high is None) != (index.high is None):
            return None
        low_span = index.span if index.low is None else index.low.span
        high_span = index.span if index.high is None else index.high.span
        return AxisPart(low, high), (low_span, high_span, index.span)
    if isinstance(index, syntax.Before):
        return None
    at = affine(index, target, scope)
    return None if at is None else (AxisPart(at, at), spans)


def _earlier(context: syntax.Context, source: Draft, target: Target, scope: Scope) -> Selection | None:
    place, indices = context.place, context.place.indices or ()
    before = next(index for index in indices if isinstance(index, syntax.Before))
    if place.field is not None:
        check_field(place, source, scope)
        return None
    if not _own(source, target):
        help = f"write {_part_of_other(source, target)}"
        values: dict[str, Any] = {"target": target.variable.name, "variable": source.name}
        scope.report(rules.BEFORE_OTHER.at(place.span, help=help, **values))
        return None
    if not source.shape:
        index_count(place, source, scope)
        return None
    right = target.earlier
    if len(indices) > 1:
        problem = "one index among several"
        scope.report(rules.BEFORE_SHAPE.at(before.span, problem=problem, right=right, help=f"write `{right}`"))
        return None
    if before.name is not None and not _names_target(before.name.text, target):
        name, span = before.name.text, before.name.span
        if target.axis_of(name) is not None:
            problem = f"the coordinate `{name}`"
            scope.report(rules.BEFORE_SHAPE.at(before.span, problem=problem, right=right, help=f"write `{right}`"))
        else:
            unbound(name, span, target, scope)
        return None
    return _windowed(context, source, target, scope)


def _names_target(name: str, target: Target) -> bool:
    """Says whether an index behind ``<`` stands for the whole element that is drawn."""
    return name == target.element or (target.axis_of(name) is not None and len(target.variable.axes) == 1)


def _part_of_other(source: Draft, target: Target) -> str:
    """The nearest thing to ``<`` that can be said of another variable."""
    if len(source.axes) == 1 and target.coordinates:
        name, axis = target.coordinates[0]
        coarser = -(-target.variable.axes[axis].size // source.axes[0].size)
        index = name if coarser == 1 else f"{name} / {coarser}"
        return f"`{source.name}[..{index}]`, by index, or `{source.name}`, the whole of it"
    return f"`{source.name}`, the whole of it"


def _windowed(context: syntax.Context, source: Draft, target: Target, scope: Scope) -> Selection | None:
    window = context.window
    if window is None:
        return Earlier(elements=target.part)
    if isinstance(window, syntax.Last):
        count = integer(window.count, scope, "`last`", low=1)
        return None if count is None else Earlier(last=count, elements=target.part)
    given = "1 limit" if len(window.limits) == 1 else f"{len(window.limits)} limits"
    if source.is_record or len(window.limits) not in (1, len(source.axes)):
        axes = "the fields" if source.is_record else f"the {source.axes_counted}"
        help = "use `last`" if source.is_record else "give one limit for all axes, or one for each"
        values: dict[str, Any] = {"given": given, "axes": axes, "variable": source.name}
        scope.report(rules.WINDOW_LIMITS.at(window.span, help=help, **values))
        return None
    limits: list[int | None] = []
    sound = True
    for limit in window.limits:
        if isinstance(limit, syntax.Star):
            limits.append(None)
            continue
        value = integer(limit, scope, "a distance", low=0)
        sound &= value is not None
        limits.append(value)
    if not sound:
        return None
    if len(limits) == 1:  # a draw covers all of some axes: along these there is no distance from draw to draw
        limits = [None if axis in target.event_axes else limits[0] for axis in range(len(source.axes))]
    for axis in target.event_axes:
        own, size = limits[axis], source.axes[axis].size
        if own is not None and own < size - 1:
            spelled = (
                "*" if distance is None or a in target.event_axes else str(distance)
                for a, distance in enumerate(limits)
            )
            place: dict[str, Any] = {"target": target.text, "limit": own, "size": size}
            scope.report(rules.WINDOW_IN_DRAW.at(window.span, help=f"write `within ({', '.join(spelled)})`", **place))
            return None
    if all(limit == 0 for axis, limit in enumerate(limits) if axis not in target.event_axes):
        text, problem = scope.text(window.span), "leaves nothing earlier"
        scope.report(pedantic.READS_NOTHING.at(window.span, text=text, problem=problem, label="empty"))
    everywhere = all(limit is None for limit in limits)
    return Earlier(limits=None if everywhere else tuple(limits), elements=target.part)
