"""Declared against realized: nothing leaks, and no declared context is lost.

Two relations over the same targets and sources are compared pair by pair: a realized pair that was not declared is a
leak; a declared pair that no path realizes is a blind spot.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ardsl.common.wording import plural
from ardsl.relations import Relation

_PORTION = 1 << 14
"""Targets that are looked at together."""

Element = tuple[str, int]
"""A variable's name and the flat index of one of its elements."""


class LazyPairs(Sequence[tuple[str, str]]):
    """(target element, source element) pairs by name, found as they are asked for: there may be 10¹² of them."""

    count: int  # type: ignore[assignment]  # how many there are, where a sequence's counts one value

    @abstractmethod
    def pair(self, position: int) -> tuple[str, str]:
        """The pair at a position from 0 to ``count`` − 1."""

    def __len__(self) -> int:
        return self.count

    def __bool__(self) -> bool:
        return self.count > 0

    def __repr__(self) -> str:
        few = ", ".join(f"({target!r}, {source!r})" for target, source in self[:3])
        return f"<{plural(self.count, 'pair')}: {few}{', …' if self.count > 3 else ''}>" if self.count else "<no pairs>"

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self.count))]
        position = index + self.count if index < 0 else index
        if not 0 <= position < self.count:
            raise IndexError(f"pair {index} of {self.count}")
        return self.pair(position)


class Pairs(LazyPairs):
    """The pairs of one relation."""

    def __init__(
        self,
        relation: Relation,
        target_name: Callable[[int], str],
        source_name: Callable[[int], str],
    ) -> None:
        self.relation = relation
        self.count = relation.count
        self._target_name = target_name
        self._source_name = source_name

    @cached_property
    def row_counts(self) -> np.ndarray:
        """The number of pairs that each target takes part in, int64 [targets]."""
        return self.relation.row_counts()

    def pair(self, position: int) -> tuple[str, str]:
        for first in range(0, self.relation.targets, _PORTION):  # a pair near the start needs no look at all targets
            targets = np.arange(first, min(first + _PORTION, self.relation.targets))
            ends = np.cumsum(self.relation.counts(targets))
            if position < ends[-1]:
                break
            position -= int(ends[-1])
        row = int(np.searchsorted(ends, position, side="right"))
        source = self.relation.reads(first + row)[position - (int(ends[row - 1]) if row else 0)]
        return self._target_name(first + row), self._source_name(int(source))

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for target in np.flatnonzero(self.row_counts):
            for source in self.relation.reads(int(target)):
                yield self._target_name(int(target)), self._source_name(int(source))


class ChainedPairs(LazyPairs):
    """Those of several, one after the other."""

    def __init__(self, parts: Sequence[Pairs]) -> None:
        self.parts = tuple(parts)
        self.count = sum(part.count for part in self.parts)

    def pair(self, position: int) -> tuple[str, str]:
        for part in self.parts:
            if position < part.count:
                break
            position -= part.count
        return part.pair(position)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for part in self.parts:
            yield from part


@dataclass(frozen=True)
class Comparison:
    """One factor under one order: what was declared, what is realized, and the two differences.

    ``direct_only`` counts realized pairs that only the direct input-to-output path carries (None: there is none).
    """

    factor: str
    variable: str
    order: str
    declared: int
    realized: int
    leaks: Pairs
    blind_spots: Pairs
    direct_only: int | None = None
    realized_relation: Relation = field(kw_only=True, repr=False)


@dataclass(frozen=True)
class Report:
    """The result of verification, factor by factor. ``sound``: nothing leaks. ``complete``: no declared pair is
    lost."""

    comparisons: tuple[Comparison, ...]
    method: str = "plan"
    """``plan`` (before any weight exists) or ``numeric`` (gradients of the built module)."""

    @property
    def sound(self) -> bool:
        return not any(c.leaks for c in self.comparisons)

    @property
    def complete(self) -> bool:
        return not any(c.blind_spots for c in self.comparisons)

    @cached_property
    def leaks(self) -> ChainedPairs:
        return ChainedPairs(tuple(c.leaks for c in self.comparisons))

    @cached_property
    def blind_spots(self) -> ChainedPairs:
        return ChainedPairs(tuple(c.blind_spots for c in self.comparisons))

    @property
    def declared(self) -> int:
        return sum(c.declared for c in self.comparisons)

    @property
    def realized(self) -> int:
        return sum(c.realized for c in self.comparisons)

    def __repr__(self) -> str:
        kind = {"plan": "by the plan"}.get(self.method, "by probing")
        return f"<report {kind} on {plural(len(self.comparisons), 'factor')}: {self}>"

    def __str__(self) -> str:
        """The verdict, for people."""
        if not self.sound:
            return f"NOT SOUND: {plural(self.leaks.count, 'leak')} among {self.realized:,} realized pairs."
        blind, declared = self.blind_spots.count, self.declared
        if blind:
            lost = f"{plural(blind, 'blind spot')}, {share_of(blind, declared)} of what is declared"
            return f"Sound: nothing leaks. Not complete: {lost}."
        return f"Sound and complete: all of the {plural(declared, 'declared pair')} realized, and nothing else."


def share_of(part: int, whole: int) -> str:
    """In percent: never 0 where there is something, nor 100 where something is left."""
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f} %" if part < whole else "100 %"


def compare(
    declared: Relation,
    realized: Relation,
    *,
    factor: str,
    variable: str,
    order: str,
    target_name: Callable[[int], str],
    source_name: Callable[[int], str],
    hidden: Relation | None = None,
) -> Comparison:
    """Compare a factor's declared relation with the realized one; ``hidden`` is what hidden units alone realize."""
    return Comparison(
        factor=factor,
        variable=variable,
        order=order,
        declared=declared.count,
        realized=realized.count,
        leaks=Pairs(realized.minus(declared), target_name, source_name),
        blind_spots=Pairs(declared.minus(realized), target_name, source_name),
        direct_only=None if hidden is None else realized.minus(hidden).count,
        realized_relation=realized,
    )
