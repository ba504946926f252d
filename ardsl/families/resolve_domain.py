"""The domain that a variable's declaration names, or the reasons why it names none. No torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ardsl.diagnostics import Sink, Span, did_you_mean
from ardsl.diagnostics.reserved import DOMAINS, reserved
from ardsl.diagnostics.rules import families as rules
from ardsl.families.arguments import Evaluate, counted, is_integer, parts, shown
from ardsl.families.domains import (
    Angle,
    Binary,
    Category,
    Count,
    Domain,
    Integer,
    MuLaw,
    Positive,
    Real,
    UnitInterval,
)
from ardsl.language import syntax

MAX_LEVELS = 65_536
"""The most values that are given a probability each."""

MAX_INTEGER = 2**50
"""The integers up to here, their differences, and the halves between them are exact as floating-point numbers."""

_PLAIN: dict[str, Domain] = {
    domain.name: domain for domain in (Binary(), Count(), Real(), Positive(), UnitInterval(), Angle())
}


def resolve_domain(expression: syntax.Expression, evaluate: Evaluate, sink: Sink) -> Domain | None:
    """The domain that ``expression`` names; None, with a diagnostic in ``sink``, where it names none.

    ``evaluate`` gives the value of an argument, which may be any expression over the spec's parameters.
    """
    call = parts(expression)
    if call is None:
        others = "the domains are " + ", ".join(f"`{known}`" for known in DOMAIN_NAMES)
        sink.add(rules.UNKNOWN_DOMAIN.at(expression.span, name=_quoted(expression), notes=[others]))
        return None
    name, span, arguments = call
    if name in _PLAIN:
        if arguments:
            sink.add(rules.DOMAIN_ARGUMENTS.at(arguments[0].span, name=name, problem="takes no arguments"))
            return None
        return _PLAIN[name]
    if name in _BUILDERS:
        return _BUILDERS[name](span, arguments, evaluate, sink)
    planned = reserved(DOMAINS, name, span)
    if planned is not None:
        sink.add(planned)
        return None
    others = "the domains are " + ", ".join(f"`{known}`" for known in DOMAIN_NAMES)
    help = did_you_mean(name, DOMAIN_NAMES)
    sink.add(rules.UNKNOWN_DOMAIN.at(span, name=name, notes=[others], help=help))
    return None


def _category(span: Span, arguments: Sequence[syntax.Argument], evaluate: Evaluate, sink: Sink) -> Category | None:
    usage = 'takes the number of its values, `category(10)`, or their names, `category("a", "b")`'
    sound = True
    given: list[tuple[syntax.Argument, object]] = []
    end: syntax.Argument | None = None
    for argument in arguments:
        if argument.name is not None and argument.name.text == "end":
            end = argument
        elif argument.name is not None and argument.name.text != "n":
            problem = f"has no argument `{argument.name.text}`"
            sink.add(rules.DOMAIN_ARGUMENTS.at(argument.name.span, name="category", problem=problem, notes=[usage]))
            sound = False
        else:
            value = evaluate(argument.value)
            sound &= value is not None
            given.append((argument, value))
    if not sound:
        return None
    if len(given) == 1:
        ((argument, value),) = given
        if is_integer(value):
            return _ended(_numbered(argument, value, sink), end, evaluate, sink)
    strange = next((argument for argument, value in given if argument.name or not isinstance(value, str)), None)
    if strange is not None or not given:
        place = span if strange is None else strange.span
        sink.add(rules.DOMAIN_ARGUMENTS.at(place, name="category", problem=usage))
        return None
    places: dict[str, Span] = {}
    for argument, value in given:
        label = str(value)
        if label in places:
            first = [(places[label], "named here")]
            sink.add(rules.DUPLICATE_LABEL.at(argument.span, label_text=shown(label), others=first))
            sound = False
        places.setdefault(label, argument.span)
    if len(given) > MAX_LEVELS:
        _too_many("category", len(given), span, sink)
        sound = False
    return _ended(Category(len(given), labels=tuple(places)) if sound else None, end, evaluate, sink)


def _ended(domain: Category | None, end: syntax.Argument | None, evaluate: Evaluate, sink: Sink) -> Category | None:
    """The domain with the value that ends a sequence: one of its labels, or a code where they have no names."""
    if domain is None or end is None:
        return domain
    value = evaluate(end.value)
    if value is None:
        return None
    known: Sequence[object] = domain.labels or range(domain.n)
    if isinstance(value, bool) or value not in known:
        problem = f"`end` is one of its values, {'a label' if domain.labels else f'from 0 to {domain.n - 1}'}"
        sink.add(rules.DOMAIN_ARGUMENTS.at(end.span, name="category", problem=problem))
        return None
    return replace(domain, end=known.index(value))


def _numbered(argument: syntax.Argument, n: int, sink: Sink) -> Category | None:
    if n < 1:
        what = f"a category needs at least one value, not {shown(n)}"
        sink.add(rules.EMPTY_DOMAIN.at(argument.span, what=what, label="at least 1"))
        return None
    if n > MAX_LEVELS:
        _too_many("category", n, argument.span, sink)
        return None
    return Category(n)


def _integer(span: Span, arguments: Sequence[syntax.Argument], evaluate: Evaluate, sink: Sink) -> Integer | None:
    values = _integers(
        "integer",
        ("lo", "hi"),
        "takes its lowest and highest value: `integer(0, 255)`",
        span,
        arguments,
        evaluate,
        sink,
    )
    if values is None:
        return None
    low, high = values
    whole = arguments[0].span.to(arguments[-1].span)
    if max(abs(low), abs(high)) > MAX_INTEGER:
        problem = f"takes bounds up to ±2^50, not {shown(low if abs(low) > MAX_INTEGER else high)}"
        sink.add(rules.DOMAIN_ARGUMENTS.at(whole, name="integer", problem=problem))
        return None
    if low > high:
        what = f"there is no integer from {low} to {high}"
        help = f"write `integer({high}, {low})`"
        sink.add(rules.EMPTY_DOMAIN.at(whole, what=what, label="lowest above highest", help=help))
        return None
    return Integer(low, high)


def _mulaw(span: Span, arguments: Sequence[syntax.Argument], evaluate: Evaluate, sink: Sink) -> MuLaw | None:
    usage = "takes the number of its codes: `mulaw(256)`"
    values = _integers("mulaw", ("levels",), usage, span, arguments, evaluate, sink)
    if values is None:
        return None
    (levels,) = values
    if levels < 2:
        what = f"mu-law audio needs at least two codes, not {shown(levels)}"
        sink.add(rules.EMPTY_DOMAIN.at(arguments[0].span, what=what, label="at least 2"))
        return None
    if levels > MAX_LEVELS:
        _too_many("mulaw", levels, arguments[0].span, sink)
        return None
    return MuLaw(levels)


def _integers(
    domain: str,
    names: tuple[str, ...],
    usage: str,
    span: Span,
    arguments: Sequence[syntax.Argument],
    evaluate: Evaluate,
    sink: Sink,
) -> list[int] | None:
    """The values of exactly these arguments, bare or by name, all whole numbers."""
    bound: dict[str, syntax.Argument] = {}
    free = list(names)
    for argument in arguments:
        name = argument.name.text if argument.name else (free.pop(0) if free else None)
        if name not in names or name in bound:
            problem = usage
            if name is not None:
                problem = f"has no argument `{name}`" if name not in names else f"has `{name}` twice"
            sink.add(rules.DOMAIN_ARGUMENTS.at(argument.span, name=domain, problem=problem))
            return None
        bound[name] = argument
    if len(bound) < len(names):
        place = arguments[0].span if arguments else span
        sink.add(rules.DOMAIN_ARGUMENTS.at(place, name=domain, problem=usage))
        return None
    values = [evaluate(bound[name].value) for name in names]
    if any(value is None for value in values):
        return None
    whole = [value for value in values if is_integer(value)]
    if len(whole) < len(values):
        name, value = next((n, v) for n, v in zip(names, values, strict=True) if not is_integer(v))
        problem = f"needs whole numbers, not {shown(value)}"
        sink.add(rules.DOMAIN_ARGUMENTS.at(bound[name].span, name=domain, problem=problem))
        return None
    return whole


def _too_many(domain: str, levels: int, span: Span, sink: Sink) -> None:
    what = f"this {domain}"
    sink.add(rules.TOO_MANY_LEVELS.at(span, what=what, levels=counted(levels), limit=counted(MAX_LEVELS)))


def _quoted(expression: syntax.Expression) -> str:
    if isinstance(expression, syntax.Number):
        return expression.text if len(expression.text) <= 40 else "…"
    if isinstance(expression, syntax.String):
        return shown(expression.value)
    return "…"


_BUILDERS: dict[str, Callable[[Span, Sequence[syntax.Argument], Evaluate, Sink], Domain | None]] = {
    "category": _category,
    "integer": _integer,
    "mulaw": _mulaw,
}

DOMAIN_NAMES: tuple[str, ...] = (
    "binary",
    "category",
    "integer",
    "count",
    "real",
    "positive",
    "unit_interval",
    "angle",
    "mulaw",
)
"""Every domain a spec may name."""
