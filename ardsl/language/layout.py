"""Documents: text that may be broken inside its brackets, and how each piece of syntax is written as one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ardsl.language import syntax

WIDTH = 120
"""Lines longer than this are broken inside their brackets, where they have any."""

INDENT = 2
_SUM, _PRODUCT, _ATOM = 1, 2, 3
_PRECEDENCE = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT}
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_ESCAPED = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]')
"""Quotes and backslashes; control characters, line separators, and marks that change the direction of text."""


@dataclass(frozen=True)
class Group:
    """Items between brackets, parted by commas: on one line where they fit, else as many to a line as fit."""

    opening: str
    items: tuple[Document, ...]
    closing: str


Document: TypeAlias = tuple["str | Group", ...]


def flat(document: Document) -> str:
    """A document on one line."""
    return "".join(
        part if isinstance(part, str) else part.opening + ", ".join(map(flat, part.items)) + part.closing
        for part in document
    )


def lay_out(document: Document, indent: int = 0, column: int | None = None, tail: int = 0) -> str:
    """A document within the width, its first line starting at ``column``; ``tail`` columns are kept free after it."""
    column = indent if column is None else column
    text = ""
    for number, part in enumerate(document, 1):
        if isinstance(part, str):
            written = part
        else:
            written = flat((part,))
            if column + len(written) + _reach(document[number:], tail) > WIDTH and part.items:
                written = _broken(part, indent)
        text += written
        column = len(written) - written.rfind("\n") - 1 if "\n" in written else column + len(written)
    return text


def _reach(rest: Document, tail: int) -> int:
    """The columns up to the next place where a line may be broken."""
    reach = 0
    for part in rest:
        if isinstance(part, Group):
            return reach + len(part.opening)
        reach += len(part)
    return reach + tail


def _broken(group: Group, indent: int) -> str:
    inner = indent + INDENT
    lines = [" " * inner]
    for number, item in enumerate(group.items, 1):
        comma = "," if number < len(group.items) else ""
        if number > 1 and len(lines[-1]) + 1 + len(flat(item)) + len(comma) > WIDTH:
            lines.append(" " * inner)
        elif number > 1:
            lines[-1] += " "
        line = lines.pop()
        lines += (line + lay_out(item, inner, len(line), len(comma)) + comma).split("\n")
    closing = [" " * indent + group.closing] if group.closing else []
    return "\n".join([group.opening.rstrip(), *lines, *closing])


# Expressions


def expression(node: syntax.Expression, tight: bool = False) -> Document:
    """An expression; ``tight`` as in an index, where a plain sum has no spaces: ``t-1``."""
    if isinstance(node, syntax.Number):
        return (node.text,)
    if isinstance(node, syntax.String):
        return (string(node.value),)
    if isinstance(node, syntax.Boolean):
        return ("true" if node.value else "false",)
    if isinstance(node, syntax.Reference):
        return (node.name,)
    if isinstance(node, syntax.Sequence):
        return (Group("[", tuple(expression(i) for i in node.items), "]"),)
    if isinstance(node, syntax.Call):
        return (node.function.text, Group("(", tuple(_argument(a) for a in node.arguments), ")"))
    if isinstance(node, syntax.Negative):
        return ("-", *_operand(node.operand, _ATOM))
    rank = _PRECEDENCE[node.operator]
    plain = all(isinstance(side, syntax.Reference | syntax.Number) for side in (node.left, node.right))
    sign = node.operator if tight and plain and rank == _SUM else f" {node.operator} "
    return (*_operand(node.left, rank), sign, *_operand(node.right, rank + 1))


def _operand(node: syntax.Expression, rank: int) -> Document:
    """An operand, in parentheses where it would otherwise be read as part of something else."""
    own = _PRECEDENCE[node.operator] if isinstance(node, syntax.Binary) else _ATOM
    return expression(node) if own >= rank else ("(", *expression(node), ")")


def _argument(node: syntax.Argument) -> Document:
    value = expression(node.value)
    return value if node.name is None else (f"{node.name.text} = ", *value)


def string(value: str) -> str:
    """A string as it is written, with escapes for what ends it, and for what steers terminals or hides in a text."""
    return '"' + _ESCAPED.sub(lambda match: _ESCAPES.get(match[0], f"\\u{{{ord(match[0]):x}}}"), value) + '"'


# Places and contexts


def index(node: syntax.Index) -> Document:
    """One entry of the brackets of a place."""
    if isinstance(node, syntax.Star):
        return ("*",)
    if isinstance(node, syntax.Before):
        return ("<" + (node.name.text if node.name else ""),)
    if isinstance(node, syntax.Range):
        low = expression(node.low, tight=True) if node.low else ()
        high = expression(node.high, tight=True) if node.high else ()
        return (*low, "..", *high)
    return expression(node, tight=True)


def place(node: syntax.Place) -> Document:
    """``x``, ``x[r, c, *]`` or ``person.age``."""
    name = node.variable.text + (f".{node.field.text}" if node.field else "")
    if node.indices is None:
        return (name,)
    return (name, Group("[", tuple(index(i) for i in node.indices), "]"))


def context(node: syntax.Context) -> Document:
    """A factor's context: a place with its window and its network."""
    parts: Document = (*(("noise ",) if node.noise else ()), *place(node.place))
    if isinstance(node.window, syntax.Last):
        parts += (" last ", *expression(node.window.count))
    elif node.window is not None:
        limits = tuple(("*",) if isinstance(n, syntax.Star) else expression(n) for n in node.window.limits)
        bracketed = len(limits) > 1 or isinstance(node.window.limits[0], syntax.Star)
        parts += (" within ", *((Group("(", limits, ")"),) if bracketed else limits[0]))
    return parts if node.network is None else (*parts, " via ", *expression(node.network))


def conditional(head: str, targets: Sequence[Document], given: Iterable[Document]) -> Document:
    """``head(targets | given)``: the bar binds the last target to the first of what is given."""
    given = list(given)
    if not given:
        return (head, Group("(", tuple(targets), ")"))
    middle: Document = (*targets[-1], " | ", *given[0])
    return (head, Group("(", (*targets[:-1], middle, *given[1:]), ")"))


def axis(node: syntax.AxisDeclaration) -> Document:
    """``28``, ``row: 28`` or ``time: ..16000``."""
    name = f"{node.name.text}: " if node.name else ""
    return (name + (".." if node.up_to else ""), *expression(node.extent))
