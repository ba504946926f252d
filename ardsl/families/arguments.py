"""The arguments of a family or domain, as written between its brackets, matched to names. No torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeGuard

from ardsl.common.wording import number
from ardsl.diagnostics import Sink, Span, did_you_mean
from ardsl.diagnostics.rules import families as rules
from ardsl.language import syntax

Evaluate = Callable[[syntax.Expression], object]
"""Turns an expression into its value (a number, string, boolean, list …); reports into the sink by itself, and returns
None, where it has none."""


def parts(expression: syntax.Expression) -> tuple[str, Span, tuple[syntax.Argument, ...]] | None:
    """Name, the name's span and arguments of ``name`` or ``name(...)``; None where it is neither."""
    if isinstance(expression, syntax.Reference):
        return expression.name, expression.span, ()
    if isinstance(expression, syntax.Call):
        return expression.function.text, expression.function.span, expression.arguments
    return None


def bind(
    family: str, arguments: Sequence[syntax.Argument], names: Sequence[str], sink: Sink
) -> dict[str, syntax.Argument] | None:
    """The arguments by parameter name: bare ones in the order of ``names``. None where any does not fit."""
    bound: dict[str, syntax.Argument] = {}
    bare = [argument for argument in arguments if argument.name is None]
    sound = True
    if len(bare) > len(names):
        expected = _arguments(len(names))
        span = bare[len(names)].span
        sink.add(rules.TOO_MANY_ARGUMENTS.at(span, family=family, expected=expected, given=len(bare)))
        sound = False
    for name, argument in zip(names, bare, strict=False):
        bound[name] = argument
    for argument in arguments:
        if argument.name is None:
            continue
        name, span = argument.name.text, argument.name.span
        if name not in names:
            known = f"it has {_listed(names)}" if names else "it has no parameters"
            help = did_you_mean(name, names) or _reparameterize(name, argument.value, names)
            sink.add(rules.UNKNOWN_ARGUMENT.at(span, family=family, name=name, notes=[known], help=help))
            sound = False
        elif name in bound:
            first = [(bound[name].span, "given here")]
            sink.add(rules.DUPLICATE_ARGUMENT.at(argument.span, family=family, name=name, others=first))
            sound = False
        else:
            bound[name] = argument
    return bound if sound else None


def shown(value: object) -> str:
    """A value as a message quotes it, short however long it is."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a whole number of {value.bit_length()} bits"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= 40 else f'"{value[:37]}…"'
    text = number(value) if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"


def counted(number: int) -> str:
    """A count as a message shows it, with its thousands apart."""
    return f"{number:,}" if number.bit_length() <= 64 else f"2^{number.bit_length() - 1} or more"


def is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _arguments(count: int) -> str:
    return "no arguments" if count == 0 else "1 argument" if count == 1 else f"{count} arguments"


def _reparameterize(name: str, value: syntax.Expression, names: Sequence[str]) -> str | None:
    """The log-odds of a probability, where a library's other parameterization was written."""
    wanted = {"probs": "logits", "gate": "gate_logits"}.get(name)
    if wanted not in names:
        return None
    if isinstance(value, syntax.Number) and 0 < value.value < 1:
        return f"write `{wanted} = {math.log(value.value / (1 - value.value)):.6g}`, the log-odds"
    return f"write `{wanted}`, the log-odds: log(p / (1 - p))"
