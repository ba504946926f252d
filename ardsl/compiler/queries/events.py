"""Events: sets of cells' values, as disjoint boxes, and what is made of them. No torch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from ardsl.common.wording import truncated
from ardsl.diagnostics.rules.data import BAD_EVENT
from ardsl.errors import data_error
from ardsl.families.domains import Domain

Cell = tuple[str, int]
"""A variable's name and the flat number of one of its elements."""

MOST_CODES = 1 << 16
"""Sets of the values of a finite domain are listed code by code up to so many values, as intervals beyond."""
MOST_BOXES = 1_000
"""An event of more disjoint boxes than this is refused: each is a question of its own."""


@dataclass(frozen=True, eq=False)
class Allowed:
    """A set of values of one cell: of a finite domain by ``codes``, bool [levels]; of other numbers by ``intervals``,
    float64 [n, 2].

    Intervals are closed, disjoint and ascending, in the data's units. ``x < 3`` of a real ends at the last float64
    before 3. Of whole numbers the ends are half-way between them, so that ``x < 3`` ends at 2.5.
    """

    codes: np.ndarray | None = None
    intervals: np.ndarray | None = None

    @property
    def empty(self) -> bool:
        return not self.codes.any() if self.codes is not None else len(self._ends) == 0

    @property
    def _ends(self) -> np.ndarray:
        assert self.intervals is not None  # one of the two is there
        return self.intervals

    @property
    def key(self) -> bytes:
        """Bytes that are equal for equal sets of one domain."""
        return (self._ends if self.codes is None else self.codes).tobytes()

    def contains(self, values: Any, domain: Domain) -> np.ndarray:
        """Says which values, an array in the data's own form, are in the set: bool, of the same shape. NaN is not."""
        numbers = np.asarray(values, dtype=np.float64)
        inside = np.asarray(domain.inside(numbers))
        if self.codes is not None:
            codes = np.asarray(domain.code(np.where(inside, numbers, domain.feasible)))
            return inside & self.codes[codes.astype(np.int64)]
        ends = self._ends
        if domain.circular:  # the type of data may round an end of the circle outwards
            numbers = numbers.clip(*domain.bounds)
        place = np.searchsorted(ends[:, 0], numbers, side="right") - 1  # the interval that starts last before it
        return inside & (place >= 0) & (numbers <= np.append(ends[:, 1], -np.inf)[place])

    def common(self, other: Allowed, domain: Domain) -> Allowed:
        """The values that are in both sets of one domain."""
        if self.codes is not None:
            return Allowed(codes=self.codes & other.codes)
        pairs = product(self._ends, other._ends)
        ends = [(max(a[0], b[0]), min(a[1], b[1])) for a, b in pairs]
        return _intervals(sorted(pair for pair in ends if _holds_any(*pair, domain)))

    def others(self, domain: Domain) -> Allowed:
        """The values of the domain that are not in the set."""
        if self.codes is not None:
            return Allowed(codes=~self.codes)
        (low, high), rest = everything(domain)._ends[0], []
        for start, end in self._ends:
            rest.append((low, start if domain.discrete else np.nextafter(start, -np.inf)))
            low = end if domain.discrete else np.nextafter(end, np.inf)
        rest.append((low, high))
        return _intervals([pair for pair in rest if _holds_any(*pair, domain)])

    def either(self, other: Allowed, domain: Domain) -> Allowed:
        """The values that are in one of two sets of the domain."""
        return self.others(domain).common(other.others(domain), domain).others(domain)

    def single(self, domain: Domain) -> float | None:
        """The only value of the set, in the data's own form; None where it has none, or several."""
        if self.codes is not None:
            (codes,) = np.nonzero(self.codes)
            return float(domain.value(codes.astype(np.float64))[0]) if len(codes) == 1 else None
        if len(self._ends) != 1:
            return None
        start, end = map(float, self._ends[0])
        return (start + end) / 2 if end - start == float(domain.discrete) else None

    def apart(self) -> tuple[list[float], Allowed]:
        """The set of a continuous cell as single values, which have no probability, and the intervals that have."""
        points = self._ends[:, 0] == self._ends[:, 1]
        return self._ends[points, 0].tolist(), Allowed(intervals=self._ends[~points])


def everything(domain: Domain) -> Allowed:
    """All values of a domain."""
    if domain.levels is not None and domain.levels <= MOST_CODES:
        return Allowed(codes=np.ones(domain.levels, dtype=bool))
    low, high = domain.bounds
    if domain.discrete:
        return _intervals([(low - 0.5, high + 0.5)])
    if np.isfinite(low) and not domain.inside(np.float64(low)):
        low = np.nextafter(low, np.inf)
    if np.isfinite(high) and not domain.inside(np.float64(high)):
        high = np.nextafter(high, -np.inf)
    return _intervals([(low, high)])


def ends_of_distribution(ends: np.ndarray, domain: Domain) -> np.ndarray:
    """Intervals of a continuous domain, [n, 2], as a distribution has them: one that begins with the least number of
    the domain, or ends with the greatest, goes as far as the domain itself, which may be open there."""
    (least, greatest), (low, high) = everything(domain)._ends[0], domain.bounds
    starts, stops = ends[:, 0], ends[:, 1]
    return np.stack([np.where(starts <= least, low, starts), np.where(stops >= greatest, high, stops)], 1)


def only(values: Iterable[float], domain: Domain) -> Allowed:
    """The set of some values of a domain, in the data's own form."""
    numbers = np.unique(np.fromiter(values, dtype=np.float64))
    if domain.levels is not None and domain.levels <= MOST_CODES:
        codes = np.zeros(domain.levels, dtype=bool)
        codes[domain.code(numbers).astype(np.int64)] = True
        return Allowed(codes=codes)
    if not domain.discrete:
        return _intervals([(number, number) for number in numbers])
    return _joined_ends([(number - 0.5, number + 0.5) for number in numbers])


def compared(sign: str, number: float, domain: Domain) -> Allowed:
    """The values of an ordered domain that are ``<``, ``<=``, ``>`` or ``>=`` than a number."""
    if domain.levels is not None and domain.levels <= MOST_CODES:
        values = domain.value(np.arange(domain.levels, dtype=np.float64))
        return Allowed(codes=_COMPARISONS[sign](values, number))
    if domain.discrete:  # the end half-way to the next whole number
        end = np.floor(number) + 0.5 if sign in ("<=", ">") else np.ceil(number) - 0.5
    else:
        end = {"<": np.nextafter(number, -np.inf), ">": np.nextafter(number, np.inf)}.get(sign, number)
    ends = (-np.inf, end) if sign in ("<", "<=") else (end, np.inf)
    return everything(domain).common(_intervals([ends]), domain)


_COMPARISONS: dict[str, Callable[..., np.ndarray]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def _holds_any(start: float, end: float, domain: Domain) -> bool:
    """Says whether there is a number between two ends: whole numbers' intervals may touch, and have none in common."""
    return start < end or (start == end and not domain.discrete and np.isfinite(start))


def _joined_ends(ends: Sequence[tuple[float, float]]) -> Allowed:
    """Ascending intervals, those that touch as one."""
    joined: list[tuple[float, float]] = []
    for start, end in ends:
        if joined and joined[-1][1] == start:
            joined[-1] = joined[-1][0], end
        else:
            joined.append((start, end))
    return _intervals(joined)


def _intervals(ends: Sequence[tuple[float, float]]) -> Allowed:
    return Allowed(intervals=np.array(ends, dtype=np.float64).reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class Box:
    """Values of several cells at once: those in ``known`` have one value, in the data's own form, a category's its
    code; those in ``allowed`` one of a set of at least two. Other cells have any."""

    known: Mapping[Cell, float] = field(default_factory=dict)
    allowed: Mapping[Cell, Allowed] = field(default_factory=dict)

    @property
    def cells(self) -> frozenset[Cell]:
        """The cells that the box says anything of."""
        return frozenset(self.known) | frozenset(self.allowed)


@dataclass(frozen=True, eq=False)
class Event:
    """A set of joint values: the union of disjoint boxes. One without boxes is empty; an empty box is everything."""

    boxes: Sequence[Box]
    text: str = ""
    """As it was written, for messages."""

    @property
    def cells(self) -> frozenset[Cell]:
        """The cells that the event says anything of."""
        return frozenset(cell for box in self.boxes for cell in box.cells)

    def contains(self, values: Mapping[str, np.ndarray], domains: Domains) -> np.ndarray:
        """Says which examples, [examples, elements] by variable in the data's own form, are in the event."""
        inside = np.zeros(len(next(iter(values.values()))), dtype=bool)
        for box in self.boxes:
            own = np.ones_like(inside)
            for (name, element), value in box.known.items():
                own &= domains(name, element).quantized(values[name][:, element]) == value
            for (name, element), allowed in box.allowed.items():
                own &= allowed.contains(values[name][:, element], domains(name, element))
            inside |= own
        return inside


Domains = Callable[[str, int], Domain]
"""The domain of an element of a variable."""

Part = dict[Cell, Allowed]
"""A box under work: the set of each of its cells. None is empty."""


class Parts:
    """A union of disjoint boxes, with the algebra of sets."""

    def __init__(self, parts: Iterable[Part], domains: Domains) -> None:
        self.parts, self._domains = list(parts), domains
        if len(self.parts) > MOST_BOXES:
            raise TooManyBoxes

    def common(self, other: Parts) -> Parts:
        """What is in both unions."""
        pairs = (_common(a, b, self._domains) for a in self.parts for b in other.parts)
        return self._of(part for part in pairs if part is not None)

    def either(self, other: Parts) -> Parts:
        """What is in one of the unions."""
        rest = other.parts
        for part in self.parts:
            rest = Parts((piece for whole in rest for piece in self._without(whole, part)), self._domains).parts
        return self._of([*self.parts, *rest])

    def others(self) -> Parts:
        """What is not in the union."""
        rest: list[Part] = [{}]
        for part in self.parts:
            rest = Parts((piece for whole in rest for piece in self._without(whole, part)), self._domains).parts
        return self._of(rest)

    def event(self, text: str) -> Event:
        """The boxes as an event. Single values of continuous cells get boxes of their own."""
        boxes = []
        for part in self.parts:
            known: dict[Cell, float] = {}
            choices: list[list[tuple[Cell, float | Allowed]]] = []
            for cell, allowed in part.items():
                domain = self._domains(*cell)
                value = allowed.single(domain)
                if value is not None:
                    known[cell] = value
                elif domain.discrete:
                    choices.append([(cell, allowed)])
                else:
                    points, intervals = allowed.apart()
                    choices.append([(cell, point) for point in points])
                    choices[-1] += [] if intervals.empty else [(cell, intervals)]
            for chosen in product(*choices):
                single = {cell: value for cell, value in chosen if not isinstance(value, Allowed)}
                sets = {cell: value for cell, value in chosen if isinstance(value, Allowed)}
                boxes.append(Box(known | single, sets))
                if len(boxes) > MOST_BOXES:
                    raise TooManyBoxes
        return Event(tuple(boxes), text)

    def _without(self, whole: Part, part: Part) -> Iterator[Part]:
        """What of one box is not in another, as disjoint boxes."""
        if _common(whole, part, self._domains) is None:
            yield whole
            return
        inner = dict(whole)
        for cell, allowed in part.items():
            domain = self._domains(*cell)
            before = inner.get(cell, everything(domain))
            outside = before.common(allowed.others(domain), domain)
            if not outside.empty:
                yield inner | {cell: outside}
            inner[cell] = before.common(allowed, domain)

    def _of(self, parts: Iterable[Part]) -> Parts:
        """A union of disjoint boxes, those that differ in one cell alone joined to one."""
        parts = Parts(parts, self._domains).parts
        for cell in {cell for part in parts for cell in part}:
            alike: dict[Any, list[Part]] = defaultdict(list)
            for part in parts:
                others = tuple(sorted((other, allowed.key) for other, allowed in part.items() if other != cell))
                alike[others, cell in part].append(part)
            parts = [self._joined(cell, same) if present else same[0] for (_, present), same in alike.items()]
        return Parts(parts, self._domains)

    def _joined(self, cell: Cell, parts: Sequence[Part]) -> Part:
        """Disjoint boxes that differ in one cell, as one."""
        domain, allowed = self._domains(*cell), parts[0][cell]
        for part in parts[1:]:
            allowed = allowed.either(part[cell], domain)
        rest = {other: own for other, own in parts[0].items() if other != cell}
        return rest if allowed.others(domain).empty else rest | {cell: allowed}


class TooManyBoxes(Exception):
    """An event falls into more disjoint boxes than may be asked for."""


def _common(a: Part, b: Part, domains: Domains) -> Part | None:
    """What is in both of two boxes; None where they are disjoint."""
    both = dict(a)
    for cell, allowed in b.items():
        both[cell] = both[cell].common(allowed, domains(*cell)) if cell in both else allowed
        if both[cell].empty:
            return None
    return both


def both(first: Event, second: Event, domains: Domains) -> Event:
    """The values that are in both of two events."""
    parts = (Parts(map(partial(_part, domains), event.boxes), domains) for event in (first, second))
    try:
        return next(parts).common(next(parts)).event(f"({first.text}) and ({second.text})")
    except TooManyBoxes:
        raise data_error(BAD_EVENT, event=truncated(first.text), problem=too_many()) from None


def too_many() -> str:
    """The words for an event of too many boxes."""
    return f"it falls into more than {MOST_BOXES:,} disjoint boxes: ask with fewer `or` of different columns"


def _part(domains: Domains, box: Box) -> Part:
    return {cell: only([value], domains(*cell)) for cell, value in box.known.items()} | dict(box.allowed)
