"""Domains: what values one element may take, how they are coded, and how a network sees them. No torch.

Methods take arrays of numpy or of torch, of any shape, elementwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ardsl.families.arrays import between, float_type, floating, library, numbers_up_to, typed, whole_between
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
    ordered: ClassVar[bool] = True
    """Greater and smaller values mean something."""
    graded: ClassVar[bool] = False
    """Codes are steps of an amount, which continuous distributions can be cut into."""
    circular: ClassVar[bool] = False
    """The greatest value is next to the least."""
    family: ClassVar[str]
    """A family of the domain with few parameters."""
    joint_default: ClassVar[str | None] = None
    """The spelling that ``default`` stands for where one draw is of several elements; None where there is none."""
    scales: ClassVar[bool] = False
    """A value times any positive number is a value."""
    shifts: ClassVar[bool] = False
    """A value plus any number is a value."""
    dequantized_by: ClassVar[int | None] = None
    """Integers k with noise u of [0, 1) are (k + u) / this in the domain; None where it takes none."""
    seen_as_is: ClassVar[bool] = False
    """Networks see the value itself."""
    spellings: ClassVar[Mapping[str, float]] = {}
    """Words, in lower case, that stand for numbers in data."""

    @property
    def levels(self) -> int | None:
        """The number of values, or None where it is not finite."""
        return None

    @property
    def default(self) -> str:
        """The spelling of the family that ``default`` stands for."""
        return self.family

    @property
    def coded(self) -> bool:
        """Says whether codes are other than the values."""
        return False

    @property
    def whole(self) -> bool:
        """Says whether the values, in the data's own form, are whole numbers."""
        return self.discrete

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value, or what they come as near to as one likes; integers of whole ones."""
        return -math.inf, math.inf

    @property
    def largest_whole(self) -> float:
        """The greatest size of a value of a discrete domain; 0 of a continuous one."""
        return max(map(abs, self.bounds)) if self.discrete else 0

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The names of the values 0, 1, …; None where they have none."""
        return None

    @property
    def end(self) -> int | None:
        """The value after which a sequence has no more elements."""
        return None

    @property
    def words(self) -> str:
        """The values, as a message says them."""
        return "a finite number"

    def hint(self, value: float) -> str:
        """The most frequent reason for a number in data that is no value; empty where there is none."""
        return ""

    @property
    def features(self) -> int:
        return 1

    @property
    def feasible(self) -> float:
        """A value of the domain: 0 where that is one."""
        return 0.0

    def inside(self, x: Any) -> Any:
        """Says which numbers, in the data's own form, are values of the domain; a NaN is none."""
        raise NotImplementedError

    def code(self, value: Any) -> Any:
        """Gives the codes that likelihoods are of: 0, 1, … of a discrete domain, the values themselves of others."""
        return value

    def value(self, code: Any, dtype: Any = None) -> Any:
        """Gives the values that have these codes, none of them rounded out of the domain.

        They are of the type ``dtype``; None: of the codes' own, or of the library's default where that is not floating.
        """
        return typed(code, dtype or float_type(code))

    def quantized(self, value: Any) -> Any:
        """Gives what values are taken for: the values of their codes."""
        return value

    def to_features(self, value: Any) -> Any:
        """Gives what a network sees of values [...]: floating [..., features]."""
        return floating(value)[..., None]

    def indicator(self, features: Any) -> Any:
        """Gives which value features [..., features] stand for, of a finite domain: floating [..., levels], 1 at its
        code and 0 elsewhere; of a relaxed binary value the share of each."""
        raise NotImplementedError

    def to_line(self, value: Any) -> Any:
        """Gives values of an open interval as points of the whole real line; others as they are."""
        return value

    def from_line(self, point: Any) -> Any:
        """Gives the values that stand at points of the line: the inverse of :meth:`to_line`."""
        return point

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Binary(Domain):
    """0 or 1."""

    name = "binary"
    support = "boolean"
    discrete = True
    family = "bernoulli"
    seen_as_is = True
    spellings = {"true": 1.0, "false": 0.0}
    levels = 2
    bounds = (0, 1)
    words = "0 or 1"

    def hint(self, value: float) -> str:
        return "nothing is binarized here" if 0 < value < 1 else ""

    def inside(self, x: Any) -> Any:
        return x == x.clip(0, 1).round()  # faster than two comparisons

    def indicator(self, features: Any) -> Any:
        return library(features).concatenate([1 - features, features], -1)


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
    ordered = False
    family = "categorical"

    @property
    def levels(self) -> int:
        return self.n

    @property
    def features(self) -> int:
        return self.n

    @property
    def bounds(self) -> tuple[float, float]:
        return 0, self.n - 1

    @property
    def words(self) -> str:
        return f"a code from 0 to {self.n - 1}"

    def inside(self, x: Any) -> Any:
        return whole_between(x, 0, self.n - 1)

    def to_features(self, value: Any) -> Any:
        return typed(value[..., None] == numbers_up_to(self.n, value), float_type(value))

    def indicator(self, features: Any) -> Any:
        return features

    def __str__(self) -> str:
        end = []
        if self.end is not None:
            end = [f"end = {string(self.labels[self.end]) if self.labels else self.end}"]
        return f"category({', '.join([*(map(string, self.labels) if self.labels else [str(self.n)]), *end])})"


@dataclass(frozen=True)
class Integer(Domain):
    """An integer from ``low`` to ``high``, both included. Networks see it scaled to [−1, 1]; of more than 256 values,
    which are amounts rather than levels, also log(1 + n − low), on the same scale."""

    low: int
    high: int
    name = "integer"
    support = "integers"
    discrete = True
    graded = True
    family = "categorical"
    joint_default = "color_mixture(components = 10)"

    @property
    def default(self) -> str:
        return self.family if self.levels <= 256 else "mixture(discretized(logistic), components = 10)"

    @property
    def levels(self) -> int:
        return self.high - self.low + 1

    @property
    def features(self) -> int:
        return 1 if self.levels <= 256 else 2

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def words(self) -> str:
        return f"an integer from {self.low} to {self.high}"

    @property
    def coded(self) -> bool:
        return self.low != 0

    @property
    def feasible(self) -> float:
        return float(min(max(self.low, 0), self.high))

    def inside(self, x: Any) -> Any:
        return whole_between(x, self.low, self.high)

    def code(self, value: Any) -> Any:
        # In the data's own type: large integers need not be exact in a network's.
        return value - self.low if self.coded else value

    def value(self, code: Any, dtype: Any = None) -> Any:
        exact = typed(code, library(code).float64) + self.low
        return typed(exact, dtype or float_type(code))

    def to_features(self, value: Any) -> Any:
        value, span = floating(value), max(self.high - self.low, 1)
        linear = (value - (self.low + self.high) / 2) * (2 / span)
        if self.features == 1:
            return linear[..., None]
        xp = library(value)
        logarithm = xp.log1p((value - self.low).clip(0)) * (2 / math.log1p(span)) - 1
        return xp.stack([linear, logarithm], -1)

    def indicator(self, features: Any) -> Any:
        return _nearest(features[..., :1], self.levels)

    def __str__(self) -> str:
        return f"integer({self.low}, {self.high})"


@dataclass(frozen=True)
class Count(Domain):
    """0, 1, 2 … Networks see log(1 + n)."""

    name = "count"
    support = "nonnegative_integers"
    discrete = True
    graded = True
    family = "poisson"
    default = "mixture(negative_binomial, components = 10)"
    bounds = (0, math.inf)
    words = "0, 1, 2 …"

    def inside(self, x: Any) -> Any:
        return whole_between(x, 0, math.inf) & (x < math.inf)

    def to_features(self, value: Any) -> Any:
        value = floating(value)
        return library(value).log1p(value)[..., None]


@dataclass(frozen=True)
class Real(Domain):
    name = "real"
    support = "real"
    discrete = False
    family = "normal"
    default = "mixture(normal, components = 10)"
    joint_default = "multivariate_normal"
    scales = True
    shifts = True
    dequantized_by = 1
    seen_as_is = True

    def inside(self, x: Any) -> Any:
        return library(x).isfinite(x)

    def value(self, code: Any, dtype: Any = None) -> Any:
        """Gives the values themselves, clipped: tails may reach beyond all floats, and what reads a draw is to be
        finite."""
        dtype = dtype or float_type(code)
        largest = float(library(code).finfo(dtype).max) ** 0.5
        return typed(code.clip(-largest, largest), dtype)


@dataclass(frozen=True)
class Positive(Domain):
    """A real above 0. Networks see its logarithm."""

    name = "positive"
    support = "positive"
    discrete = False
    family = "log_normal"
    default = "mixture(log_normal, components = 10)"
    scales = True
    dequantized_by = 1
    bounds = (0, math.inf)
    words = "a finite number above 0"
    feasible = 1.0

    def hint(self, value: float) -> str:
        return _near_a_border(value)

    def inside(self, x: Any) -> Any:
        return (x > 0) & (x < math.inf)

    def value(self, code: Any, dtype: Any = None) -> Any:
        dtype = dtype or float_type(code)
        info = library(code).finfo(dtype)
        return typed(code.clip(float(info.tiny), float(info.max)), dtype)

    def to_features(self, value: Any) -> Any:
        return self.to_line(floating(value))[..., None]

    def to_line(self, value: Any) -> Any:
        return library(value).log(value)

    def from_line(self, point: Any) -> Any:
        return library(point).exp(point)


@dataclass(frozen=True)
class UnitInterval(Domain):
    """A real x strictly between 0 and 1. Networks see 2x − 1."""

    name = "unit_interval"
    support = "unit_interval"
    discrete = False
    family = "beta"
    default = "mixture(beta, components = 10)"
    dequantized_by = 256
    bounds = (0, 1)
    words = "a number strictly between 0 and 1"
    feasible = 0.5

    def hint(self, value: float) -> str:
        return _near_a_border(value)

    def inside(self, x: Any) -> Any:
        return (x > 0) & (x < 1)

    def value(self, code: Any, dtype: Any = None) -> Any:
        dtype = dtype or float_type(code)
        info = library(code).finfo(dtype)
        return typed(code.clip(float(info.tiny), 1 - float(info.eps) / 2), dtype)

    def to_features(self, value: Any) -> Any:
        return (2 * floating(value) - 1)[..., None]

    def to_line(self, value: Any) -> Any:
        return library(value).log(value / (1 - value))

    def from_line(self, point: Any) -> Any:
        return 1 / (1 + library(point).exp(-point))


@dataclass(frozen=True)
class Angle(Domain):
    """Radians in [−π, π). Networks see cosine and sine."""

    name = "angle"
    support = "angle"
    discrete = False
    circular = True
    family = "von_mises"
    default = "mixture(von_mises, components = 10)"
    features = 2
    bounds = (-math.pi, math.pi)
    words = "radians from −π to π"

    def inside(self, x: Any) -> Any:
        return between(x, -math.pi - 1e-6, math.pi + 1e-6)  # π itself is above π in float32

    def to_features(self, value: Any) -> Any:
        value, xp = floating(value), library(value)
        return xp.stack([xp.cos(value), xp.sin(value)], -1)


@dataclass(frozen=True)
class MuLaw(Domain):
    """Audio in [−1, 1], companded with μ = count − 1 and quantized to ``count`` codes. Data and samples are audio;
    likelihoods are of the codes. Networks see the companded value of the code, in [−1, 1]."""

    count: int
    name = "mulaw"
    support = "integers"
    discrete = True
    graded = True
    family = "categorical"
    joint_default = "color_mixture(components = 10)"
    coded = True
    whole = False
    bounds = (-1, 1)
    words = "audio from −1 to 1"

    @property
    def levels(self) -> int:
        return self.count

    def hint(self, value: float) -> str:
        return "divide 16-bit samples by 32768" if abs(value) > 1 and float(value).is_integer() else ""

    def inside(self, x: Any) -> Any:
        return between(x, -1, 1)

    def code(self, value: Any) -> Any:
        """Gives codes 0 … count − 1 of audio, in its own type, but not in a half precision: silence is code 128 of 256.

        With μ = count − 1, c = sign(x) log(1 + μ|x|) / log(1 + μ) and the code is (c + 1)/2 · μ rounded half up
        (ITU-T G.711; van den Oord et al., WaveNet, 2016, section 2.2). Audio outside [−1, 1] gets the outermost codes.
        """
        audio, xp = floating(value), library(value)
        if xp.finfo(audio.dtype).bits < 32:
            audio = typed(audio, xp.float32)
        mu = self.count - 1
        audio = audio.clip(-1, 1)
        companded = xp.sign(audio) * xp.log1p(mu * abs(audio)) / math.log1p(mu)
        return xp.floor((companded + 1) / 2 * mu + 0.5).clip(0, mu)

    def value(self, code: Any, dtype: Any = None) -> Any:
        """Gives audio in [−1, 1]: x = sign(c) ((1 + μ)^|c| − 1)/μ for c = 2 · code/μ − 1. Coding it gives every code
        back."""
        xp, mu = library(code), self.count - 1
        companded = self._companded(typed(code, dtype or float_type(code)))
        audio = xp.sign(companded) * xp.expm1(abs(companded) * math.log1p(mu)) / mu
        return audio.clip(-1, 1)  # of many counts the outermost are rounded past the ends

    def quantized(self, value: Any) -> Any:
        return self.value(typed(self.code(value), float_type(value)))

    def to_features(self, value: Any) -> Any:
        return self._companded(typed(self.code(value), float_type(value)))[..., None]

    def indicator(self, features: Any) -> Any:
        return _nearest(features, self.levels)

    def _companded(self, code: Any) -> Any:
        return code * (2 / (self.count - 1)) - 1

    def __str__(self) -> str:
        return f"mulaw({self.count})"


def _nearest(scaled: Any, levels: int) -> Any:
    """Gives the indicator of the code nearest to each number of [..., 1], codes being scaled to [−1, 1]."""
    code = library(scaled).floor((scaled + 1) * ((levels - 1) / 2) + 0.5)
    return typed(code == numbers_up_to(levels, scaled), scaled.dtype)


def _near_a_border(value: float) -> str:
    return "too near the border for the precision of the training" if 0 < value < 1 else ""
