"""Domains: what values one element may take, and how a network sees them. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ardsl.language.layout import string


@dataclass(frozen=True)
class Domain:
    """The set of values of one element.

    ``support`` names it for families (``"boolean"``, ``"integers"``, ``"nonnegative_integers"``, ``"real"``,
    ``"positive"``, ``"unit_interval"``, ``"angle"``); ``features`` is the number of inputs one element gives a network.
    """

    name: ClassVar[str]
    support: ClassVar[str]
    discrete: ClassVar[bool]

    @property
    def levels(self) -> int | None:
        """The number of values, or None where it is not finite."""
        return None

    @property
    def features(self) -> int:
        return 1

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Binary(Domain):
    """0 or 1."""

    name = "binary"
    support = "boolean"
    discrete = True

    @property
    def levels(self) -> int:
        return 2


@dataclass(frozen=True)
class Category(Domain):
    """One of ``n`` unordered values, coded 0 … n − 1; ``labels`` where they have names. Networks see one-hot inputs.

    ``end`` is the code after which a sequence has no more elements.
    """

    n: int
    labels: tuple[str, ...] | None = None
    end: int | None = None
    name = "category"
    support = "integers"
    discrete = True

    @property
    def levels(self) -> int:
        return self.n

    @property
    def features(self) -> int:
        return self.n

    def __str__(self) -> str:
        end = []
        if self.end is not None:
            end = [f"end = {string(self.labels[self.end]) if self.labels else self.end}"]
        return f"category({', '.join([*(map(string, self.labels) if self.labels else [str(self.n)]), *end])})"


@dataclass(frozen=True)
class Integer(Domain):
    """An integer from ``low`` to ``high``, both included. Networks see it scaled to [−1, 1]; of more than 256 values,
    which are amounts rather than levels, also log(1 + n − low), scaled alike."""

    low: int
    high: int
    name = "integer"
    support = "integers"
    discrete = True

    @property
    def levels(self) -> int:
        return self.high - self.low + 1

    @property
    def features(self) -> int:
        return 1 if self.levels <= 256 else 2

    def __str__(self) -> str:
        return f"integer({self.low}, {self.high})"


@dataclass(frozen=True)
class Count(Domain):
    """0, 1, 2 … Networks see log(1 + n)."""

    name = "count"
    support = "nonnegative_integers"
    discrete = True


@dataclass(frozen=True)
class Real(Domain):
    name = "real"
    support = "real"
    discrete = False


@dataclass(frozen=True)
class Positive(Domain):
    """A real above 0. Networks see its logarithm."""

    name = "positive"
    support = "positive"
    discrete = False


@dataclass(frozen=True)
class UnitInterval(Domain):
    """A real x strictly between 0 and 1. Networks see 2x − 1."""

    name = "unit_interval"
    support = "unit_interval"
    discrete = False


@dataclass(frozen=True)
class Angle(Domain):
    """Radians in [−π, π). Networks see cosine and sine."""

    name = "angle"
    support = "angle"
    discrete = False

    @property
    def features(self) -> int:
        return 2


@dataclass(frozen=True)
class MuLaw(Domain):
    """Audio in [−1, 1], companded with μ = count − 1 and quantized to ``count`` codes. Data and samples are audio;
    likelihoods are of the codes. Networks see the companded value in [−1, 1]."""

    count: int
    name = "mulaw"
    support = "integers"
    discrete = True

    @property
    def levels(self) -> int:
        return self.count

    def __str__(self) -> str:
        return f"mulaw({self.count})"
