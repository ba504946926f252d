"""Texts of events, such as ``age >= 65 and sex = "F"``, read against a model. No torch."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from itertools import pairwise
from typing import Any

import numpy as np
from lark import Lark, Token, Transformer_NonRecursive
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from ardsl.common.wording import listed, number, shown, truncated
from ardsl.compiler.queries.events import Allowed, Cell, Domains, Event, Parts, TooManyBoxes, compared, only, too_many
from ardsl.diagnostics.rules.data import BAD_EVENT
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import ArdslError, data_error
from ardsl.families.domains import Domain
from ardsl.model.columns import column_names
from ardsl.model.model import Model
from ardsl.model.parts import enumerated

LONGEST = 10_000
"""Characters of an event's text."""

GRAMMAR = r"""
question: event ("|" event)?
?event: together (_OR together)*      -> either
?together: single (_AND single)*      -> both
?single: _NOT single                  -> others
       | operand (SIGN operand)+      -> comparison
       | operand _IN values           -> membership
       | operand _NOT _IN values      -> absence
       | "(" event ")"
values: "{" (operand ("," operand)*)? "}" | "(" operand ("," operand)* ")"
operand: (NAME | QUOTED) ("[" NUMBER ("," NUMBER)* "]")? | STRING | NUMBER
SIGN: "==" | "!=" | "<>" | "<=" | ">=" | "=" | "<" | ">" | "≠" | "≤" | "≥"
_OR.2: /or\b/i
_AND.2: /and\b/i
_NOT.2: /not\b/i
_IN.2: /in\b/i
NAME: /[^\W\d]\w*(\.\w+)*/
QUOTED: /`[^`]+`/
STRING: /"([^"\\]|\\.)*"|'([^'\\]|\\.)*'/s
NUMBER: /[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?(?!\w)/i
%ignore /\s+/
"""
_BAR = re.compile(r"""\||"([^"\\]|\\.)*"|'([^'\\]|\\.)*'|`[^`]+`""", re.DOTALL)
_ESCAPE = re.compile(r"\\(u\{([0-9a-fA-F]{1,6})\}|.)", re.DOTALL)
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "t": "\t"}
_SIGNS = {"==": "=", "<>": "!=", "≠": "!=", "≤": "<=", "≥": ">="}
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WRITE = {"&": "write `and`", "!": "write `not` or `!=`", ";": "write `and`", "%": "numbers have no unit"}
"""Hints for signs of other languages."""


def read_event(text: str, model: Model) -> Event:
    """The event that a text says, as disjoint boxes.

    A number outside a column's domain is none of its values. Raises ``DataError``, one line, for a text that says no
    event: unknown columns and categories, comparisons of categories other than by equality.
    """
    event, condition = read_question(text, model)
    if condition is not None:
        raise data_error(BAD_EVENT, event=truncated(text), problem="a condition behind `|` has no place here")
    return event


def read_question(text: str, model: Model) -> tuple[Event, Event | None]:
    """The event of a text ``EVENT | CONDITION``, and the condition, or None where it has none."""
    if len(text) > LONGEST:
        raise data_error(BAD_EVENT, event=truncated(text), problem=f"it has more than {LONGEST:,} characters")
    try:
        parts: list[Parts] = _Reader(model).transform(_parser().parse(text))
        events = [part.event(own) for part, own in zip(parts, _sides(text), strict=True)]
    except VisitError as error:
        if isinstance(error.orig_exc, Problem):
            raise data_error(BAD_EVENT, event=truncated(text), problem=str(error.orig_exc)) from None
        if isinstance(error.orig_exc, TooManyBoxes):
            raise data_error(BAD_EVENT, event=truncated(text), problem=too_many()) from None
        raise error.orig_exc from None
    except TooManyBoxes:
        raise data_error(BAD_EVENT, event=truncated(text), problem=too_many()) from None
    except UnexpectedInput as error:
        raise data_error(BAD_EVENT, event=truncated(text), problem=_unreadable(error, text)) from None
    return events[0], events[1] if len(events) > 1 else None


def _sides(text: str) -> list[str]:
    """The texts of an event and of its condition, which a bar outside of quotes parts."""
    bar = next((match.start() for match in _BAR.finditer(text) if match[0] == "|"), None)
    return [text.strip()] if bar is None else [text[:bar].strip(), text[bar + 1 :].strip()]


class Problem(ArdslError):
    """The error of an event, or of a cell's name, without the event's text."""


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, start="question", parser="lalr", maybe_placeholders=False)


def _unreadable(error: UnexpectedInput, text: str) -> str:
    """The words for a text that is no event."""
    place = error.pos_in_stream if isinstance(error, UnexpectedCharacters) else None
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        place = error.token.start_pos
    if place is None:
        return "it ends too early: a comparison is `age >= 65`"
    rest = text[place:]
    if rest[0] in "\"'`" and _ESCAPE.sub("", rest).count(rest[0]) % 2:
        return f"a {rest[0]} is not closed"
    if rest[0] in _WRITE:
        return f"{_WRITE[rest[0]]} instead of `{rest[0]}`" if rest[0] != "%" else f"{_WRITE['%']}: leave `%` out"
    before = text[:place].split()
    help = "; a name of several words stands in back quotes: `` `hours per week` >= 40 ``"
    named = before and rest[0].isalpha() and before[-1].lower() not in ("and", "or", "not", "in", "(")
    return f"it cannot be read from {shown(rest)} on{help if named else ''}"


def _meant(escape: re.Match[str]) -> str:
    """The character that an escape in quotes stands for."""
    code = int(escape[2], 16) if escape[2] else None
    if code is not None and (code < 0xD800 or 0xE000 <= code < 0x110000):
        return chr(code)
    if code is not None or escape[1] not in _ESCAPES:
        raise Problem(f"{shown(escape[0])} is no escape: for a backslash write two")
    return _ESCAPES[escape[1]]


@dataclass(frozen=True)
class _Operand:
    """A side of a comparison: the name of a column perhaps, or a value."""

    text: str
    """Without quotes."""
    kind: str
    """``NAME``, ``QUOTED`` (in back quotes), ``STRING`` or ``NUMBER``."""
    index: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text}[{', '.join(self.index)}]" if self.index else self.text


class Cells:
    """The cells of a model by the names that people give them."""

    def __init__(self, model: Model) -> None:
        self._model, summed = model, enumerated(model)
        self._latent = [v.name for v in model.variables.values() if v.kind == "latent" and v.name not in summed]
        self._variables = {name: v for name, v in model.variables.items() if name not in self._latent}
        named: dict[str, list[Cell]] = defaultdict(list)
        for variable in self._variables.values():
            listed_columns = isinstance(model.data.columns.get(variable.name), tuple)
            if variable.is_record or variable.size == 1 or listed_columns:
                for element, name in enumerate(column_names(model, variable)):
                    named[name].append((variable.name, element))
        fields: dict[str, list[Cell]] = defaultdict(list)
        for variable in self._variables.values():
            for element, field in enumerate(variable.fields):
                fields[field.name].append((variable.name, element))
        # Where the data has a column of a field's name, that is meant.
        self._named = named | {name: cells for name, cells in fields.items() if name not in named}
        for variable in self._variables.values():
            if variable.is_record or not variable.shape:  # the full names that the spec gives go before all others
                for element in range(variable.size):
                    self._named[variable.element_name(element)] = [(variable.name, element)]

    def find(self, name: str, index: Sequence[str] = ()) -> Cell | None:
        """The cell of a name; None where there is no such column. Raises ``ArdslError`` for a name of several cells,
        and for an index that is outside."""
        if not index and "[" in name and name.endswith("]") and name not in self._named:
            name, _, inner = name[:-1].partition("[")
            index = [part.strip() for part in inner.split(",")]
        if index:
            return self._element(name, index) if name in self._variables else None
        cells = self._named.get(name, [])
        if len(cells) > 1:
            every = [self._variables[variable].element_name(element) for variable, element in cells]
            raise Problem(f"`{name}` is the name of {listed(every)}: write one of these")
        if not cells and name in self._variables:
            variable = self._variables[name]
            first = variable.element_name(0)
            raise Problem(f"`{name}` has {variable.size:,} elements: name one, such as `{first}`")
        return cells[0] if cells else None

    def unknown(self, name: str) -> Problem:
        """The error of a name that no column has."""
        if name in self._latent:
            return Problem(f"`{name}` is latent: of such variables only `exact` ones can be asked about")
        every = list(dict.fromkeys([*self._named, *self._variables]))
        first = {cell: own for own, cells in reversed(self._named.items()) for cell in cells}
        columns = [own for own in every if own in first.values() or own not in self._named]
        hint = did_you_mean(name, every) or f"there are {listed(columns)}"
        return Problem(f"there is no column `{name}`: {hint}")

    def domain(self, variable: str, element: int) -> Domain:
        """The domain of a cell."""
        return self._variables[variable].element_domain(element)

    def name(self, cell: Cell) -> str:
        """The name of a cell: its column's, or else as a spec would write it."""
        return column_names(self._model, self._variables[cell[0]])[cell[1]]

    def _element(self, name: str, index: Sequence[str]) -> Cell:
        variable = self._variables[name]
        written = f"{name}[{', '.join(index)}]"
        if variable.is_record:
            raise Problem(f"`{name}` is a record: its fields are {listed(f.name for f in variable.fields)}")
        if len(index) != len(variable.shape):
            axes = "no axes" if not variable.shape else f"the shape {list(variable.shape)}"
            raise Problem(f"`{written}` is no element: `{name}` has {axes}")
        element = 0
        for text, size in zip(index, variable.shape, strict=True):
            if not text.isascii() or not text.isdigit() or int(text) >= size:
                raise Problem(f"`{written}` is outside: an index of `{name}` there is from 0 to {size - 1}")
            element = element * size + int(text)
        return name, element


class _Reader(Transformer_NonRecursive[Token, Any]):
    """From Lark's tree to unions of boxes."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._cells = Cells(model)
        self._domains: Domains = self._cells.domain

    def question(self, parts: list[Parts]) -> list[Parts]:
        return parts

    def either(self, parts: list[Parts]) -> Parts:
        return reduce(Parts.either, parts)

    def both(self, parts: list[Parts]) -> Parts:
        return reduce(Parts.common, parts)

    def others(self, parts: list[Parts]) -> Parts:
        return parts[0].others()

    def operand(self, tokens: list[Token]) -> _Operand:
        first, *index = tokens
        text = first[1:-1] if first.type in ("QUOTED", "STRING") else str(first)
        text = _ESCAPE.sub(_meant, text) if first.type == "STRING" else text
        return _Operand(text, first.type, tuple(map(str, index)))

    def values(self, operands: list[_Operand]) -> list[_Operand]:
        return operands

    def comparison(self, children: list[Any]) -> Parts:
        signs = [_SIGNS.get(sign, str(sign)) for sign in children[1::2]]
        comparisons = [
            self._compared(left, sign, right)
            for (left, right), sign in zip(pairwise(children[::2]), signs, strict=True)
        ]
        return reduce(Parts.common, comparisons)

    def membership(self, children: list[Any]) -> Parts:
        operand, values = children
        cell = self._column(operand)
        return self._parts(cell, self._only(cell, values))

    def absence(self, children: list[Any]) -> Parts:
        return self.membership(children).others()

    def _compared(self, left: _Operand, sign: str, right: _Operand) -> Parts:
        """One comparison of a column with a value, in whichever order they stand."""
        columns = [self._side(left, right), self._side(right, left)]
        if columns[0] is None and (columns[1] is not None or left.kind == "NUMBER"):
            left, right, sign = right, left, _TURNED.get(sign, sign)
            columns.reverse()
        cell = columns[0] if columns[0] is not None else self._column(left)
        domain = self._domains(*cell)
        labels = domain.labels or ()
        if columns[1] is not None and right.kind != "STRING" and str(right) not in labels:
            raise Problem(f"`{left}` is compared with another column, `{right}`: compare a column with a value")
        if sign in ("=", "!="):
            allowed = self._only(cell, [right])
            return self._parts(cell, allowed if sign == "=" else allowed.others(domain))
        if not domain.ordered:
            raise Problem(f"the values of `{left}` have no order: compare by `=`, `!=` or `in {{…}}`")
        return self._parts(cell, compared(sign, self._number(cell, right), domain))

    def _side(self, side: _Operand, other: _Operand) -> Cell | None:
        """The column that a side of a comparison names; None where it is a value. A label of the other side's column
        may be spelled as a name that stands for no single column."""
        if side.kind == "NUMBER":
            return None
        try:
            return self._cells.find(side.text, side.index)
        except Problem:
            if not self._is_value_of(side, other):
                raise
            return None

    def _is_value_of(self, side: _Operand, other: _Operand) -> bool:
        """Says whether the other side is a column, of which this side is a label, or in quotes."""
        try:
            cell = None if other.kind == "NUMBER" else self._cells.find(other.text, other.index)
        except Problem:
            return False
        return cell is not None and (side.kind == "STRING" or str(side) in (self._domains(*cell).labels or ()))

    def _parts(self, cell: Cell, allowed: Allowed) -> Parts:
        if allowed.empty:
            return Parts([], self._domains)
        if allowed.others(self._domains(*cell)).empty:
            return Parts([{}], self._domains)
        return Parts([{cell: allowed}], self._domains)

    def _column(self, operand: _Operand) -> Cell:
        if operand.kind == "NUMBER":
            raise Problem(f"`{operand}` is a number: one side of a comparison is a column, such as `age >= 65`")
        cell = self._cells.find(operand.text, operand.index)
        if cell is None:
            raise self._cells.unknown(operand.text)
        return cell

    def _only(self, cell: Cell, operands: Sequence[_Operand]) -> Allowed:
        """The set of those of the values that are written which the column can have."""
        values = [self._value(cell, operand) for operand in operands]
        return only([value for value in values if value is not None], self._domains(*cell))

    def _value(self, cell: Cell, operand: _Operand) -> float | None:
        """The value that is written, in the data's own form; None for a number that is outside the column's domain."""
        domain = self._domains(*cell)
        if domain.labels is not None:
            if str(operand) in domain.labels:
                return float(domain.labels.index(str(operand)))
            hint = did_you_mean(str(operand), domain.labels)
            written = f"not {shown(str(operand))}" + (f": {hint}" if hint else "")
            raise Problem(f"`{self._cells.name(cell)}` takes one of {listed(domain.labels)}, {written}")
        value = self._number(cell, operand)
        if not domain.inside(np.array([value])).all():
            if domain.ordered:
                return None
            raise Problem(f"`{self._cells.name(cell)}` takes {domain.words}, not {number(value)}")
        return float(domain.quantized(np.array([value]))[0])

    def _number(self, cell: Cell, operand: _Operand) -> float:
        domain = self._domains(*cell)
        if operand.kind != "NUMBER":
            spelled = domain.spellings.get(str(operand).lower())
            if spelled is None:
                raise Problem(f"`{self._cells.name(cell)}` takes {domain.words}, not {shown(str(operand))}")
            return spelled
        value = float(operand.text)
        if not math.isfinite(value):
            raise Problem(f"{operand.text} is too large")
        return value
