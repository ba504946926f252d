"""What a generated spec says, beside its text: plain data for an oracle. Imports nothing of ardsl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any


@dataclass(frozen=True)
class Domain:
    """A domain as it is written; ``values`` are all its values as data has them, None where they are not finite.

    ``end`` is the value after which a sequence has no more elements.
    """

    text: str
    kind: str
    values: tuple[float, ...] | None = None
    end: float | None = None

    @property
    def levels(self) -> int | None:
        return None if self.values is None else len(self.values)


@dataclass(frozen=True)
class Order:
    """An order as it is written: its ``kind``, and whatever the kind needs to rank draws.

    ``arguments``: the axes of ``raster`` (slowest first), the seed of ``shuffle``, the permutation of ``explicit``, the
    base of ``multiscale``, the sizes of ``blocks``, the number of orders of ``any``.
    """

    text: str
    kind: str
    arguments: tuple[int, ...] = ()
    natural: bool = False

    @property
    def mixed(self) -> bool:
        return self.kind == "any"

    @property
    def weak(self) -> bool:
        return self.kind in ("checkerboard", "blocks", "multiscale")


RASTER = Order("raster", "raster")


@dataclass(frozen=True)
class Variable:
    """A variable of one domain, or a record of several: then ``fields`` names its elements."""

    kind: str
    name: str
    shape: tuple[int, ...]
    domains: tuple[Domain, ...]
    axis_names: tuple[str | None, ...] = ()
    fields: tuple[str, ...] = ()
    varies: bool = False
    order: Order = RASTER
    events: tuple[int, ...] = ()
    """The axes that one draw covers."""

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def draw_shape(self) -> tuple[int, ...]:
        return tuple(size for axis, size in enumerate(self.shape) if axis not in self.events)

    @property
    def event(self) -> int:
        return prod(self.shape[axis] for axis in self.events)

    @property
    def ends(self) -> bool:
        return self.domains[0].end is not None

    def domain(self, element: int) -> Domain:
        return self.domains[element if self.fields else 0]

    def coordinates(self, element: int) -> tuple[int, ...]:
        found = []
        for size in reversed(self.shape):
            element, coordinate = divmod(element, size)
            found.append(coordinate)
        return tuple(reversed(found))

    def element_name(self, element: int) -> str:
        if self.fields:
            return f"{self.name}.{self.fields[element]}"
        if not self.shape:
            return self.name
        return f"{self.name}[{', '.join(map(str, self.coordinates(element)))}]"

    def draw_of(self, element: int) -> int:
        """The number of the draw that covers an element, draws being counted in row-major order."""
        number = 0
        for axis, coordinate in enumerate(self.coordinates(element)):
            if axis not in self.events:
                number = number * self.shape[axis] + coordinate
        return number

    def draw_name(self, element: int) -> str:
        if not self.events:
            return self.element_name(element)
        indices = ["*" if axis in self.events else str(c) for axis, c in enumerate(self.coordinates(element))]
        return f"{self.name}[{', '.join(indices)}]"

    @property
    def values(self) -> float:
        """How many values the variable has; infinity where a domain is not finite."""
        found = 1.0
        for element in range(self.size):
            found *= self.domain(element).levels or float("inf")
        return found


@dataclass(frozen=True)
class Index:
    """``(multiplier * coordinate + inner) / divisor + offset``, rounded down; of no axis: the ``offset`` itself."""

    axis: int | None
    multiplier: int = 1
    inner: int = 0
    divisor: int = 1
    offset: int = 0

    def at(self, coordinates: Sequence[int]) -> int:
        if self.axis is None:
            return self.offset
        return (self.multiplier * coordinates[self.axis] + self.inner) // self.divisor + self.offset

    def text(self, names: Mapping[int, str]) -> str:
        if self.axis is None:
            return str(self.offset)
        name = names[self.axis]
        if self.multiplier == -1:
            return f"{self.offset} - {name}"
        found = name if self.multiplier == 1 else f"{self.multiplier} * {name}"
        if self.divisor > 1:
            found = f"({found} + {self.inner}) / {self.divisor}" if self.inner else f"{found} / {self.divisor}"
        if self.offset:
            found += f" {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        return found


@dataclass(frozen=True)
class Whole:
    """``y``: all of another variable."""

    def text(self, name: str, names: Mapping[int, str]) -> str:
        return name


@dataclass(frozen=True)
class Field:
    """``r.a``."""

    number: int
    name: str

    def text(self, name: str, names: Mapping[int, str]) -> str:
        return f"{name}.{self.name}"


@dataclass(frozen=True)
class Before:
    """``x[<i]``: what is drawn earlier, perhaps ``within`` limits or the ``last`` few draws. ``alone``: one number is
    written for the limits of all axes that no draw covers."""

    index: str = ""
    limits: tuple[int | None, ...] | None = None
    last: int | None = None
    alone: bool = False

    def text(self, name: str, names: Mapping[int, str]) -> str:
        window = ""
        if self.last is not None:
            window = f" last {self.last}"
        elif self.limits is not None:
            written = ["*" if limit is None else str(limit) for limit in self.limits]
            window = f" within ({', '.join(written)})"
            if self.alone:
                window = f" within {next(limit for limit in self.limits if limit is not None)}"
        return f"{name}[<{self.index}]{window}"


@dataclass(frozen=True)
class Box:
    """``x[t-3..t-1, *]``: along each axis the two ends, None where it is open."""

    ends: tuple[tuple[Index | None, Index | None], ...]

    def text(self, name: str, names: Mapping[int, str]) -> str:
        return f"{name}[{', '.join(map(lambda ends: _range(*ends, names), self.ends))}]"


def _range(low: Index | None, high: Index | None, names: Mapping[int, str]) -> str:
    if low is None and high is None:
        return "*"
    if low == high and low is not None:
        return low.text(names)
    first = "" if low is None else low.text(names)
    last = "" if high is None else high.text(names)
    return f"{first} .. {last}".strip()


How = Whole | Field | Before | Box


@dataclass(frozen=True)
class Context:
    source: str
    how: How
    through: str = ""
    """The network of its own, as it is written."""


@dataclass(frozen=True)
class Factor:
    """``kind`` is p or q; ``field`` the number of a record's one field; ``indices`` the names of the coordinates, by
    axis, which contexts may use."""

    kind: str
    variable: str
    target: str
    contexts: tuple[Context, ...]
    family: str
    network: str = ""
    field: int | None = None
    indices: Mapping[int, str] | None = None

    def text(self) -> str:
        written = [
            context.how.text(context.source, self.indices or {})
            + (f" via {context.through}" if context.through else "")
            for context in self.contexts
        ]
        given = f" | {', '.join(written)}" if written else ""
        via = f" via {self.network}" if self.network else ""
        return f"{self.kind}({self.target}{given}) = {self.family}{via}"


@dataclass(frozen=True)
class Described:
    """A whole spec: its text, and what stands in it."""

    text: str
    variables: Mapping[str, Variable]
    factors: tuple[Factor, ...]

    def of(self, *kinds: str) -> list[Variable]:
        return [v for v in self.variables.values() if v.kind in kinds]

    def __repr__(self) -> str:
        return f"the spec\n{self.text}"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """For reports of hypothesis."""
        printer.text(repr(self))
