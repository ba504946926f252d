"""The syntax tree: what was written, with the place of every part. It knows no meaning.

Two trees are equal when they say the same, wherever it is written: spans do not take part in comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ardsl.diagnostics import Source, Span


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that was written somewhere."""

    span: Span = field(compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Name(Node):
    text: str


# Expressions: one grammar for arguments, values, extents and index arithmetic; what is legal where is the checker's.


@dataclass(frozen=True, slots=True)
class Number(Node):
    """``text`` keeps the spelling (``1e-3``); an int where it was written without point and exponent."""

    value: int | float
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class String(Node):
    value: str


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    value: bool


@dataclass(frozen=True, slots=True)
class Reference(Node):
    """A bare name in an expression: a parameter, an index, a family, an order …"""

    name: str


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """``[a, b, c]``"""

    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Argument(Node):
    name: Name | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``made(hidden = [500, 500])``"""

    function: Name
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Binary(Node):
    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Negative(Node):
    operand: Expression


Expression = Number | String | Boolean | Reference | Sequence | Call | Binary | Negative


# Indices, places and contexts


@dataclass(frozen=True, slots=True)
class Star(Node):
    """``*``: every index of the axis."""


@dataclass(frozen=True, slots=True)
class Before(Node):
    """``<i`` (or ``<``): the elements of strictly lower rank. Stands alone in its brackets."""

    name: Name | None


@dataclass(frozen=True, slots=True)
class Range(Node):
    """``low..high``, both ends included, either open."""

    low: Expression | None
    high: Expression | None


Index = Star | Before | Range | Expression


@dataclass(frozen=True, slots=True)
class Place(Node):
    """``x``, ``x[r, c, *]`` or ``person.age``; ``indices`` is None where no brackets were written."""

    variable: Name
    field: Name | None = None
    indices: tuple[Index, ...] | None = None


@dataclass(frozen=True, slots=True)
class Within(Node):
    """``within 3`` or ``within (2, 5, *)``: one limit for all axes, or one for each."""

    limits: tuple[Expression | Star, ...]


@dataclass(frozen=True, slots=True)
class Last(Node):
    """``last 8``"""

    count: Expression


@dataclass(frozen=True, slots=True)
class Context(Node):
    """One entry behind the bar: a place, perhaps windowed, perhaps through a network of its own."""

    place: Place
    noise: bool = False
    window: Within | Last | None = None
    network: Expression | None = None


# Statements


@dataclass(frozen=True, slots=True)
class ModelStatement(Node):
    name: Name
    doc: str | None


@dataclass(frozen=True, slots=True)
class ParamStatement(Node):
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class AxisDeclaration(Node):
    """``28``, ``row: 28``, ``frame`` (a Reference extent), ``time: ..16000`` (``up_to``)."""

    name: Name | None
    extent: Expression
    up_to: bool = False


@dataclass(frozen=True, slots=True)
class VariableStatement(Node):
    """``axes`` is None for a scalar."""

    kind: Literal["observed", "latent", "given"]
    name: Name
    axes: tuple[AxisDeclaration, ...] | None
    domain: Expression


@dataclass(frozen=True, slots=True)
class FieldDeclaration(Node):
    name: Name
    domain: Expression
    family: Expression | None


@dataclass(frozen=True, slots=True)
class RecordStatement(Node):
    name: Name
    fields: tuple[FieldDeclaration, ...]


@dataclass(frozen=True, slots=True)
class OrderStatement(Node):
    """``order x by raster``"""

    variable: Name
    order: Expression


@dataclass(frozen=True, slots=True)
class PrecedenceStatement(Node):
    """``order a, b, c``"""

    variables: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class NetStatement(Node):
    name: Name
    network: Expression


@dataclass(frozen=True, slots=True)
class FactorStatement(Node):
    """``p(target | contexts) = family via network``; ``q`` likewise."""

    kind: Literal["p", "q"]
    target: Place
    contexts: tuple[Context, ...]
    family: Expression
    network: Expression | None


@dataclass(frozen=True, slots=True)
class CheckStatement(Node):
    """``check claim(arguments | given) op bound``; ``given``, ``operator`` and ``bound`` where written."""

    claim: Name
    arguments: tuple[Place, ...]
    given: tuple[Place, ...]
    operator: Literal["<=", ">=", "<", ">", "=="] | None = None
    bound: Expression | None = None


@dataclass(frozen=True, slots=True)
class Setting(Node):
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class BlockStatement(Node):
    """``data { … }`` or ``train { … }``"""

    kind: Literal["data", "train"]
    settings: tuple[Setting, ...]


Statement = (
    ModelStatement
    | ParamStatement
    | VariableStatement
    | RecordStatement
    | OrderStatement
    | PrecedenceStatement
    | NetStatement
    | FactorStatement
    | CheckStatement
    | BlockStatement
)


@dataclass(frozen=True, slots=True)
class Comment(Node):
    """``# …`` with its mark, without the end of the line."""

    text: str


@dataclass(frozen=True)
class Tree:
    """A parsed spec. ``comments`` are kept apart, in the order of the text."""

    statements: tuple[Statement, ...]
    comments: tuple[Comment, ...] = field(compare=False, repr=False)
    source: Source = field(compare=False, repr=False)
