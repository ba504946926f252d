"""Raw columns to checked tensors: every value is in its variable's domain, and kept as small as the domain allows."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import repeat
from typing import Any

import numpy as np

from ardsl.common.wording import listed, shown
from ardsl.data.formats.cells import MISSING_MARKS
from ardsl.diagnostics.rules.data import OUTSIDE_DOMAIN, WRONG_SHAPE
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import data_error
from ardsl.families.domains import Domain

_CHUNK = 1 << 17
_MOST_NAMED = 6
"""Columns with unknown values that a message names."""
_ROUNDING = 1e-4
"""The share of an element's range that its values may be rounded by."""


@dataclass(frozen=True)
class Raw:
    """An array as its source had it: [rows, ...] of numbers, or of text (dtype object or ``U``).

    ``place`` names it in messages. Of a table's ``column``, the first row here is its row ``first``, and ``line`` gives
    the line that a row is on; ``text`` is the cells as they were written, where they were.
    """

    values: np.ndarray
    place: str
    column: str | None = None
    first: int = 0
    line: Callable[[int], int | None] | None = None
    text: Any = None
    row_name: Callable[[int], str] | None = None

    @property
    def is_text(self) -> bool:
        return self.values.dtype.kind in "OUS"

    def row(self, row: int) -> str:
        """Names the place of a row for a message."""
        if self.row_name is not None:
            return self.row_name(row)
        number = self.first + row
        line = self.line(number) if self.line is not None else None
        where = f"{self.place}, row {number}" if line is None else f"{self.place}, line {line}"
        return where if self.column is None else f"{where}, column `{self.column}`"


@dataclass
class Unknown:
    """What is taken as missing though the data does not say so: values outside their domains, how many there are and
    the first, by column; and ``columns`` that are not there, each with a hint."""

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str | None] = field(default_factory=dict)

    def add(self, column: str, count: int, value: object) -> None:
        self.counts[column] = self.counts.get(column, 0) + count
        self.first.setdefault(column, shown(value))

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def notes(self) -> list[str]:
        """What was taken as missing, a line each for columns and for values."""
        notes = []
        if self.columns:
            names, hints = listed(self.columns), [hint for hint in self.columns.values() if hint is not None]
            there, taken = ("is", "it is") if len(self.columns) == 1 else ("are", "they are")
            kind = "column" if len(self.columns) == 1 else "columns"
            hint = f": {hints[0]}" if hints else ""
            notes.append(f"there {there} no {kind} {names}, and {taken} taken as missing in every row{hint}")
        return [*notes, self._values()] if self.total else notes

    def _values(self) -> str:
        most = sorted(self.counts, key=lambda column: -self.counts[column])
        columns = ", ".join(f"{self.counts[c]:,} in `{c}` such as {self.first[c]}" for c in most[:_MOST_NAMED])
        more = f", and in {len(most) - _MOST_NAMED} columns more" if len(most) > _MOST_NAMED else ""
        values = "1 value is" if self.total == 1 else f"{self.total:,} values are"
        return f"{values} outside the domains that the model knows, and taken as missing: {columns}{more}"


@dataclass(frozen=True)
class Part:
    """The values that one array of a source has for a variable: of all its elements, or of one.

    ``names`` says, for messages, how the spec writes an element, by its flat index.
    """

    raw: Raw
    domain: Domain
    variable: str
    shape: tuple[int, ...]
    names: tuple[str, ...]

    def checked_shape(self) -> Part:
        """Gives this part with rows of the right shape; a scalar's may be [rows, 1]."""
        values = self.raw.values
        if values.dtype.kind not in "biufOUS":
            problem = f"`{self.variable}` needs numbers, not the type {values.dtype}"
            raise data_error(WRONG_SHAPE, place=self.raw.place, problem=problem)
        if values.ndim == 0:
            raise data_error(WRONG_SHAPE, place=self.raw.place, problem=f"`{self.variable}` needs an array of examples")
        if values.shape[1:] == self.shape:
            return self
        if self.shape == () and values.shape[1:] == (1,):
            return replace(self, raw=replace(self.raw, values=values[:, 0]))
        wanted, actual = list(self.shape), list(values.shape[1:])
        problem = f"`{self.variable}` needs rows of the shape {wanted}, not {actual}"
        raise data_error(WRONG_SHAPE, place=self.raw.place, problem=problem)

    def dequantized(self, name: tuple[object, ...]) -> Part:
        """Gives this part with noise of [0, 1) added to integers that a continuous domain takes; bytes that are to lie
        between 0 and 1 are divided by 256, and what is no byte stays as it is. ``name`` seeds the noise: the same data
        get the same."""
        values, divisor = self.raw.values, self.domain.dequantized_by
        if values.dtype.kind not in "biu" or divisor is None:
            return self
        seed = zlib.crc32(repr((*name, self.raw.first)).encode())
        noisy = values + np.random.default_rng(seed).random(values.shape)
        if divisor > 1:
            scaled = np.clip(noisy / divisor, np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).epsneg)
            noisy = np.where((values >= 0) & (values < divisor), scaled, values)
        return replace(self, raw=replace(self.raw, values=noisy))

    def missing(self) -> np.ndarray:
        """Counts the values that each row lacks: int [rows]."""
        missing = absent(self.raw.values, self.domain)
        return missing.reshape(len(missing), math.prod(missing.shape[1:])).sum(axis=1)

    def converted(
        self, rows: np.ndarray | None, real: np.dtype, gaps: bool = False, unknown: Unknown | None = None
    ) -> np.ndarray:
        """The values of these ``rows`` (None: all) as numbers [rows, *shape] in the domain's smallest type.

        ``real`` is the type of domains that are not discrete, and values are checked as that type holds them; they are
        float64 nevertheless where it would round them by more than a small share of their spread. With ``gaps`` values
        may be missing: they are NaN, and no type is smaller than ``real``. With ``unknown``, which counts them, values
        outside the domain are missing ones, too.
        """
        values = self.raw.values if rows is None else self.raw.values[rows]
        missing = absent(values, self.domain) if gaps else np.zeros((), dtype=bool)
        numbers = self._parsed(values, rows, missing, unknown is not None) if self.raw.is_text else values
        kept = self._as_kept(numbers, real)
        strange = self._strange(numbers, kept, missing)
        if strange.any():
            if unknown is None:
                first = np.unravel_index(int(strange.argmax()), strange.shape)
                beyond = bool(np.isfinite(numbers[first])) and not np.isfinite(kept[first])
                raise self._outside(first, values[first], rows, int(strange.sum()) - 1, beyond)
            self._count(strange, values, rows, unknown)
            missing = missing | strange
            kept = np.where(strange, self.domain.feasible, kept)
            numbers = np.where(strange, np.nan, numbers)
        if not self.domain.whole and _loses(numbers, kept):
            kept = _as_real(numbers, np.dtype(np.float64))
        if gaps:
            compact = kept if kept.dtype.kind == "f" else _compact(kept, self.domain)
            return np.where(missing, np.nan, kept).astype(np.result_type(real, compact))
        return _compact(kept, self.domain)

    def _count(self, strange: np.ndarray, values: np.ndarray, rows: np.ndarray | None, unknown: Unknown) -> None:
        """Counts the strange ones of some rows' values."""
        first = np.unravel_index(int(strange.argmax()), strange.shape)
        column = self.raw.column or (self.variable if self.shape else self._element(first))
        unknown.add(column, int(strange.sum()), self._written(first, values[first], rows))

    def _as_kept(self, numbers: np.ndarray, real: np.dtype) -> np.ndarray:
        """Numbers in the type in which they are checked."""
        return numbers if self.domain.whole else _as_real(numbers, real)

    def _strange(self, numbers: np.ndarray, kept: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Finds the values that are there, and outside the domain: bool, of the values' shape or one for all of
        them."""
        outside = _outside(np.where(missing, self.domain.feasible, kept) if missing.any() else kept, self.domain)
        return np.zeros((), dtype=bool) if outside is None else outside

    def _element(self, index: tuple[np.intp, ...]) -> str:
        """The element of the value at an index, as the spec writes it."""
        element = int(np.ravel_multi_index(index[1:], self.shape)) if self.shape else 0
        return self.names[element] if self.names else self.variable

    def _written(self, index: tuple[np.intp, ...], value: object, rows: np.ndarray | None) -> object:
        """The value at an index as the source has it."""
        row = self._row(index, rows)
        return value if self.raw.text is None else self.raw.text[row].as_py()

    @staticmethod
    def _row(index: tuple[np.intp, ...], rows: np.ndarray | None) -> int:
        return int(index[0] if rows is None else np.flatnonzero(rows)[index[0]])

    def _parsed(self, values: np.ndarray, rows: np.ndarray | None, missing: np.ndarray, unknown: bool) -> np.ndarray:
        """Text as numbers: labels as their codes, NaN what is ``missing``, and with ``unknown`` what is no value."""
        texts = values.reshape(-1).tolist()
        if values.dtype.kind == "S":
            texts = [text.decode("utf-8", "replace") for text in texts]
        labels = self.domain.labels
        numbers = _codes(texts, labels) if labels else _numbers(texts, self.domain.spellings)
        numbers = numbers.reshape(values.shape)
        wrong = np.isnan(numbers) & ~missing
        if wrong.any() and not unknown:
            first = np.unravel_index(int(wrong.argmax()), values.shape)
            raise self._outside(first, str(values[first]), rows, int(wrong.sum()) - 1)
        return numbers

    def _outside(
        self, index: tuple[np.intp, ...], value: object, rows: np.ndarray | None, more: int, beyond: bool = False
    ) -> Exception:
        """The error of a value that is none of the domain, or, where it is ``beyond``, too large for single precision;
        ``more`` like it are not named."""
        value = self._written(index, value, rows)
        allowed, hint = self.domain.words, None
        if beyond:
            allowed += " up to 3.4e38, where single precision ends"
        if self.raw.is_text and self.domain.labels:
            allowed = f"one of {listed(self.domain.labels)}"
            hint = did_you_mean(str(value), self.domain.labels)
        elif isinstance(value, (int, float, np.integer, np.floating)):
            hint = self.domain.hint(float(value))
        rest = f": {hint}" if hint else ""
        tail = f" (and {more:,} more like it)" if more else ""
        return data_error(
            OUTSIDE_DOMAIN,
            place=self.raw.row(self._row(index, rows)),
            element=self._element(index),
            allowed=allowed,
            domain=self.domain.name,
            value=shown(value),
            more=tail + rest,
        )


def absent(values: np.ndarray, domain: Domain) -> np.ndarray:
    """Finds the missing values of a domain's numbers or text: bool, of the values' shape."""
    if values.dtype.kind == "f":
        return np.isnan(values)
    if values.dtype.kind not in "OUS":
        return np.zeros(values.shape, dtype=bool)
    labels = set(domain.labels or ())
    texts = values.reshape(-1).tolist()
    missing = {value for value in set(texts) if _is_missing(value, MISSING_MARKS - labels)}
    flags = map(missing.__contains__, texts) if missing else repeat(False, len(texts))
    return np.fromiter(flags, bool, len(texts)).reshape(values.shape)


def _is_missing(value: object, marks: frozenset[str] | set[str]) -> bool:
    if isinstance(value, str):
        return value in marks or value.strip() in marks
    return value is None or value != value


def _codes(texts: list[object], labels: tuple[str, ...]) -> np.ndarray:
    """Labels as codes, NaN for what is none; spaces around a label in the data do not count."""
    known = {label: code for code, label in enumerate(labels)}
    codes: list[int | None] = [known.get(text) for text in texts]  # type: ignore[call-overload]
    if None in codes:
        loose = {label.strip(): code for label, code in reversed(known.items())}
        pairs = zip(texts, codes, strict=True)
        codes = [loose.get(str(text).strip()) if code is None else code for text, code in pairs]
    return np.array(codes, dtype=np.float64)


def _numbers(texts: list[object], words: Mapping[str, float]) -> np.ndarray:
    """Text as numbers, NaN for what is none."""
    try:
        return np.fromiter(map(float, texts), np.float64, len(texts))  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return np.fromiter((_number(text, words) for text in texts), np.float64, len(texts))


def _number(text: object, words: Mapping[str, float]) -> float:
    try:
        return float(text)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return words.get(str(text).strip().lower(), math.nan)


def _as_real(numbers: np.ndarray, real: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        return numbers.astype(real, copy=False)


def _loses(numbers: np.ndarray, rounded: np.ndarray) -> bool:
    """Says whether rounding moves some element's values by more than a small share of their spread over the rows."""
    if rounded.dtype == numbers.dtype or not numbers.size:
        return False
    high, low = (np.asarray(f.reduce(numbers, axis=0), np.float64) for f in (np.fmax, np.fmin))
    size, info = np.maximum(np.abs(high), np.abs(low)), np.finfo(rounded.dtype)
    step = np.where(size > 0, np.maximum(size * info.eps, info.smallest_subnormal), 0)
    return bool((step > _ROUNDING * (high - low)).any())


def _outside(values: np.ndarray, domain: Domain) -> np.ndarray | None:
    """Finds the values that the domain does not take; None where it takes all: no whole mask is made for sound data."""
    flat = values.reshape(-1)
    if all(domain.inside(flat[i : i + _CHUNK]).all() for i in range(0, flat.size, _CHUNK)):
        return None
    outside: np.ndarray = ~domain.inside(values)
    return outside


def _compact(values: np.ndarray, domain: Domain) -> np.ndarray:
    """The smallest of uint8, int16, int32 and int64 that holds the domain's values; reals as they are."""
    if not domain.whole:
        return values
    low, high = domain.bounds
    if high == math.inf:
        high = int(values.max()) if values.size else 0
    for kind in (np.uint8, np.int16, np.int32):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind, copy=False)
    return values.astype(np.int64, copy=False)
