"""The alignment of contexts: where the parts that they read lie in the source array, worked out from each axis'
ends."""

from __future__ import annotations

from typing import Any

from ardsl.diagnostics import Span
from ardsl.diagnostics.rules import contexts as rules
from ardsl.diagnostics.rules import pedantic
from ardsl.model.declarations import Draft
from ardsl.model.scope import Scope
from ardsl.model.targets import Target
from ardsl.relations import Affine, AxisPart


def check_part(
    part: AxisPart, source: Draft, axis: int, target: Target, spans: tuple[Span, Span, Span], scope: Scope
) -> bool:
    """Says whether what is read along one axis of ``source`` makes sense for every target; reports where it does not.

    ``spans`` are the places of the low end, of the high end, and of both. A fixed index lies inside the array. An
    offset may leave it, reading nothing there; the alignment under the offset, on another variable, may not.
    """
    low, high = part.low, part.high
    size = source.axes[axis].size
    ends = {(end, span) for end, span in zip((low, high), spans[:2], strict=True) if end is not None}
    for end, span in sorted(ends, key=lambda pair: pair[1]):
        if end.axis is None:
            if not 0 <= end.offset < size:
                text, called = scope.text(span), source.axis_called(axis)
                notes = [f"{called} has {counted(size)}"]
                scope.report(rules.FIXED_OUTSIDE.at(span, text=text, axis=called, last=size - 1, notes=notes))
                return False
        elif source.name != target.variable.name and not _aligned(end, source, axis, target, span, scope):
            return False
    if low is not None and high is not None and _shape(low) == _shape(high) and low.offset > high.offset:
        scope.report(rules.EMPTY_RANGE.at(spans[2], text=scope.text(spans[2])))
        return False
    text = scope.text(spans[2])
    if _outside(part, size, target):
        problem = f"is outside {source.axis_called(axis)}"
        scope.report(pedantic.READS_NOTHING.at(spans[2], text=text, problem=problem, label="outside"))
    elif _empty(part, target):
        scope.report(pedantic.READS_NOTHING.at(spans[2], text=text, problem="ends before it begins", label="empty"))
    return True


def counted(size: int) -> str:
    return "1 element" if size == 1 else f"{size:,} elements"


def _shape(index: Affine) -> tuple[int | None, int, int, int]:
    return index.axis, index.multiplier, index.inner, index.divisor


def _value(index: Affine, coordinate: int) -> int:
    if index.axis is None:
        return index.offset
    return (index.multiplier * coordinate + index.inner) // index.divisor + index.offset


def first_outside(index: Affine, targets: int, size: int) -> int | None:
    """The first coordinate, below ``targets``, whose alignment lies outside ``size`` elements; None where none does.

    What only the offset carries outside does not count, unless the index runs backwards.
    """
    if index.multiplier > 0:
        bound = size - min(index.offset, 0)
        first = max(0, -((index.inner - bound * index.divisor) // index.multiplier))
        return first if first < targets else None
    if _value(index, 0) >= size:
        return 0
    first = max(0, (index.inner + index.offset * index.divisor) // -index.multiplier + 1)
    return first if first < targets else None


def _aligned(index: Affine, source: Draft, axis: int, target: Target, span: Span, scope: Scope) -> bool:
    if index.axis is None:
        return True
    targets, size = target.variable.axes[index.axis].size, source.axes[axis].size
    first = first_outside(index, targets, size)
    if first is None:
        return True
    called = source.axis_called(axis)
    notes = [f"{called} has {counted(size)}, {target.variable.axis_called(index.axis)} has {counted(targets)}"]
    help = None
    if index.multiplier == 1 and index.divisor > 1 and index.offset == 0:
        help = f"divide by at least {-(-(targets + index.inner) // size)}"
    elif index.multiplier == 1 and index.divisor == 1 and index.offset == 0 and targets > size:
        name = next(name for name, axis in target.coordinates if axis == index.axis)
        help = f"align the coarser variable: `{name} / {-(-targets // size)}`"
    values: dict[str, Any] = {"text": scope.text(span), "axis": called, "last": size - 1, "index": _value(index, first)}
    at = target.at(index.axis, first)
    scope.report(rules.ALIGNED_OUTSIDE.at(span, target=at, notes=notes, help=help, **values))
    return False


def _outside(part: AxisPart, size: int, target: Target) -> bool:
    """Says whether the part lies outside for every target."""
    if part.high is not None and _ends(part.high, target)[1] < 0:
        return True
    return part.low is not None and _ends(part.low, target)[0] >= size


def _empty(part: AxisPart, target: Target) -> bool:
    """Says whether the part ends before it begins for every target."""
    low, high = part.low, part.high
    if low is None or high is None:
        return False
    if low.axis is None or low.axis != high.axis:  # they vary by themselves
        return _ends(low, target)[0] > _ends(high, target)[1]
    return all(_value(low, at) > _value(high, at) for at in range(target.variable.axes[low.axis].size))


def _ends(index: Affine, target: Target) -> tuple[int, int]:
    """The least and the greatest value of an index: it is monotone, so that its own ends decide."""
    last = target.variable.axes[index.axis].size - 1 if index.axis is not None else 0
    values = _value(index, 0), _value(index, last)
    return min(values), max(values)
