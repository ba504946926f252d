"""A source's rows as checked tensors, one for each variable."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.data.choices import choose, no_such, variables
from ardsl.data.formats.source import LENGTHS, Source
from ardsl.data.formats.texts import Text
from ardsl.data.lengths import padded
from ardsl.data.values import Part, Raw, Unknown
from ardsl.diagnostics import did_you_mean
from ardsl.diagnostics.rules.data import MISSING_VALUES, NO_SUCH_KEY, UNREADABLE, WRONG_FORMAT, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.model.model import Variable
from ardsl.spec import Spec

Examples = dict[str, Tensor]
"""By variable, [examples, *shape]: uint8, int16, int32 or int64 where the domain is discrete, else floating. With
missing values a variable is floating, and NaN there."""

_MOST_NAMED = 10_000
"""Past this many elements, messages name none: the names would outweigh the data."""
_SHARE = 4
"""Data of more than this part of the memory is kept in a temporary file, mapped."""


@dataclass(frozen=True)
class Loaded:
    """The examples of a source, and how many of its rows were left out. ``owned``: no one else has these arrays."""

    examples: Examples
    dropped: int
    owned: bool


def count(examples: Mapping[str, Tensor]) -> int:
    """The number of examples."""
    return len(next(iter(examples.values())))


def take(examples: Mapping[str, Tensor], rows: Any) -> Examples:
    """Takes rows (a slice or indices) of every variable."""
    return {name: value[rows] for name, value in examples.items()}


def read_examples(
    spec: Spec,
    source: Source,
    split: str,
    dtype: torch.dtype,
    missing: str | None = None,
    absent: Sequence[str] = (),
    unknown: Unknown | None = None,
) -> Loaded:
    """Every variable's values, checked against its domain.

    ``missing`` overrides the spec's treatment of missing values: ``keep`` leaves NaN wherever a cell is empty.
    ``absent`` are elements, by their names in the spec, whose column may be lacking: all their values are missing then.
    ``unknown`` notes values outside the domains and columns that are not there, which are then treated as missing ones
    are, where these are allowed.
    """
    policy = missing or spec.model.data.missing
    real = np.dtype(np.float64 if dtype == torch.float64 else np.float32)
    return _Reader(spec, source, split, policy, real, unknown).read(absent)


def read_variable(variable: Variable, source: Source, place: str | None = None) -> np.ndarray:
    """One variable's values of a source, checked: those under ``#KEY``, or under its own name. [rows, *shape]."""
    if isinstance(source, Text):
        raise data_error(WRONG_FORMAT, problem=f"{source.name}: text is read for the only variable of a model")
    key = "" if source.only else source.key or variable.name
    if key and key not in source.keys:
        raise no_such(variable, key, source)
    slot = _Slot(key, variable, None)
    slot.check_header(source)
    converted = []
    for block, first in source.blocks([key]):
        values = source.fitted(key, block[key], variable)
        converted.append(slot.part(values, source, first, place).converted(None, np.dtype(np.float32)))
    if not converted:
        raise data_error(WRONG_SHAPE, place=source.name, problem="there are no examples")
    return np.concatenate(converted)


@dataclass(frozen=True)
class _Slot:
    """An array or column of a source, and what it is of: a whole variable, or (``element``) one of its elements."""

    key: str
    variable: Variable
    element: int | None

    def check_header(self, source: Source) -> None:
        """Refuses an array by what its header says, before it is read: it may be large."""
        header = source.header(self.key) if self.key in source.keys else None
        if header is not None:
            shape, kind = header
            claimed = np.broadcast_to(np.zeros((), kind), (*(min(1, rows) for rows in shape[:1]), *shape[1:]))
            self.part(source.fitted(self.key, claimed, self.variable), source, 0)

    def part(self, values: Any, source: Source, first: int, place: str | None = None) -> Part:
        """The part that a block's array, or a table's column, is; ``first`` is the number of the block's first row."""
        variable, place = self.variable, place or source.place(self.key)
        values, text = source.cells(self.key, values, variable.element_domain(self.element or 0))
        column = self.key if source.is_table else None
        raw = Raw(values, place, column, first, source.line, text, source.row_name)
        if self.element is not None:
            name, domain = variable.element_name(self.element), variable.element_domain(self.element)
            return Part(raw, domain, variable.name, (), (name,)).checked_shape()
        few = variable.size <= _MOST_NAMED
        names = tuple(variable.element_name(e) for e in range(variable.size)) if few else ()
        return Part(raw, variable.element_domain(0), variable.name, variable.shape, names).checked_shape()


@dataclass
class _Reader:
    spec: Spec
    source: Source
    split: str
    policy: str
    real: np.dtype
    unknown: Unknown | None = None
    lacking: dict[str, int] = field(default_factory=dict)
    """The missing values of each column."""
    total: int = 0
    incomplete: int = 0

    def __post_init__(self) -> None:
        every = variables(self.spec)
        self.varying = {variable.name for variable in every if variable.varies}
        allowed: dict[str, Sequence[Variable]] = {"keep": every, "marginalize": self.spec.model.may_miss}
        self.gaps = {variable.name for variable in allowed.get(self.policy, ())} | self.varying

    def read(self, absent: Sequence[str]) -> Loaded:
        slots = [slot for variable in variables(self.spec) for slot in self._slots(variable, absent)]
        keys = [slot.key for slot in slots]
        ends = {key: f"{key}{LENGTHS}" for key in keys if f"{key}{LENGTHS}" in self.source.keys}
        for slot in slots:
            if not slot.variable.varies and slot.key not in ends:
                slot.check_header(self.source)
        store = _Store(self.source.bound)
        for block, first in self.source.blocks([*filter(None, keys), *(ends[key] for key in keys if key in ends)]):
            parts = [part for slot in slots for part in self._parts(slot, block, ends.get(slot.key), first)]
            self._check_lengths(parts)
            rows = self._complete_rows(parts, first)
            if not self.lacking or self.policy != "error":
                store.add({v.name: self._array(v, parts, rows) for v in variables(self.spec)})
        if self.total == 0:
            raise data_error(WRONG_SHAPE, place=self.source.name, problem="there are no examples")
        kept = store.rows
        if self.lacking and (self.policy != "drop" or not kept):
            raise self._missing()
        return Loaded(store.examples(), self.total - kept, self.source.is_table)

    def _slots(self, variable: Variable, absent: Sequence[str]) -> list[_Slot]:
        choice = choose(self.spec, variable, self.source, self.split)
        names = list(choice.names)
        known = set(self.source.keys)
        if choice.each and len(names) == variable.size:
            lacking = [e for e in range(variable.size) if names[e] not in known]
            unnamed = [e for e in lacking if variable.element_name(e) not in absent]
            unknown = self._unknown_of(variable)
            if unknown is not None and len(lacking) < variable.size:
                unknown.columns |= {names[e]: did_you_mean(names[e], self.source.keys) for e in unnamed}
                unnamed = []
            names = ["" if e in lacking and e not in unnamed else name for e, name in enumerate(names)]
        for name in filter(None, names):
            if name not in known:
                raise no_such(variable, name, self.source)
        if not choice.each:
            return [_Slot(names[0] if names else "", variable, None)]
        if len(names) != variable.size:
            problem = f"`{variable.name}` has {variable.size} elements, so it needs a list of that many columns"
            raise data_error(NO_SUCH_KEY, path=self.source.name, problem=problem)
        return [_Slot(name, variable, e) for e, name in enumerate(names)]

    def _parts(self, slot: _Slot, block: Mapping[str, Any], ends: str | None, first: int) -> Iterable[Part]:
        """Gives the parts of a variable that a slot has: of a record one for each field. ``ends`` names the array of
        its lengths."""
        if slot.element is not None:
            values = block[slot.key] if slot.key else np.full(len(next(iter(block.values()))), np.nan)
            return [slot.part(values, self.source, first)]
        values = self.source.fitted(slot.key, block[slot.key], slot.variable)
        if slot.variable.varies or ends is not None:
            lengths = None if ends is None else block[ends]
            place, row_name = self.source.place(slot.key), self.source.row_name
            values = padded(values, lengths, slot.variable, place, self.real, row_name)
        return _by_field(slot.part(values, self.source, first), slot.variable)

    def _check_lengths(self, parts: Sequence[Part]) -> None:
        lengths = {part.raw.column or part.raw.place: len(part.raw.values) for part in parts}
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:6])
            raise data_error(WRONG_SHAPE, place=self.source.name, problem=f"the numbers of examples differ: {counts}")

    def _complete_rows(self, parts: Sequence[Part], first: int) -> np.ndarray | None:
        """Finds the rows of a block to keep: bool [rows], or None for all."""
        rows = len(parts[0].raw.values)
        self.total = first + rows
        incomplete = np.zeros(rows, dtype=bool)
        for part in parts:
            if part.variable in self.gaps:
                continue
            missing = part.missing()
            if missing.any():
                name = part.raw.column or part.variable
                self.lacking[name] = self.lacking.get(name, 0) + int(missing.sum())
                incomplete |= missing > 0
        self.incomplete += int(incomplete.sum())
        return ~incomplete if incomplete.any() else None

    def _array(self, variable: Variable, parts: Sequence[Part], rows: np.ndarray | None) -> np.ndarray:
        gaps = variable.name in self.gaps
        own = [part for part in parts if part.variable == variable.name]
        if self.spec.model.data.dequantize:
            own = [part.dequantized((self.split, variable.name, number)) for number, part in enumerate(own)]
        arrays = [part.converted(rows, self.real, gaps, self._unknown_of(variable)) for part in own]
        if len(arrays) == 1 and arrays[0].shape[1:] == variable.shape and not variable.is_record:
            return arrays[0]
        floating = [array.dtype for array in arrays if array.dtype.kind == "f"]
        kind = np.result_type(self.real, *floating) if variable.is_record else np.result_type(*arrays)
        stacked = np.empty((len(arrays[0]), len(arrays)), kind)
        for element, array in enumerate(arrays):
            stacked[:, element] = array
        return stacked.reshape(-1, *variable.shape)

    def _unknown_of(self, variable: Variable) -> Unknown | None:
        """What notes values of a variable that are taken as missing; None where none may be."""
        may_miss = variable.name in self.gaps and variable.kind == "observed" and not variable.varies
        return self.unknown if may_miss else None

    def _missing(self) -> Exception:
        where = sorted(self.lacking.items(), key=lambda item: -item[1])
        columns = ", ".join(f"{name} {n:,}" for name, n in where[:6])
        columns += f", {len(where) - 6} more" if len(where) > 6 else ""
        help = {
            "drop": "no row is complete",
            "marginalize": 'only variables under `any(…, train = "all")` that no other reads may miss values',
        }.get(self.policy, "`missing = drop` in the `data` block leaves these rows out")
        return data_error(
            MISSING_VALUES,
            path=self.source.name,
            count=f"{sum(self.lacking.values()):,}",
            rows=f"{self.incomplete:,}",
            total=f"{self.total:,}",
            where=columns,
            help=help,
        )


def _by_field(part: Part, variable: Variable) -> Iterator[Part]:
    """One array for all elements; a record's columns have domains of their own."""
    if not variable.is_record:
        yield part
        return
    for e, f in enumerate(variable.fields):
        raw = Raw(part.raw.values[:, e], part.raw.place)
        yield Part(raw, f.domain, variable.name, (), part.names[e : e + 1]).checked_shape()


class _Store:
    """Arrays that grow by blocks of rows, up to ``bound`` of them; a single block is kept as it is."""

    def __init__(self, bound: int | None) -> None:
        self._bound = bound
        self._arrays: dict[str, np.ndarray] = {}
        self.rows = 0

    def add(self, block: Mapping[str, np.ndarray]) -> None:
        if self._bound is None:
            self._arrays = dict(block)
            self.rows = len(next(iter(block.values())))
            return
        for name, array in block.items():
            whole = self._arrays.get(name)
            if whole is None or not np.can_cast(array.dtype, whole.dtype):
                kind = array.dtype if whole is None else np.result_type(whole.dtype, array.dtype)
                larger = _room((self._bound, *array.shape[1:]), kind)
                if whole is not None:
                    larger[: self.rows] = whole[: self.rows]
                self._arrays[name] = whole = larger
            whole[self.rows : self.rows + len(array)] = array
        self.rows += len(array)

    def examples(self) -> Examples:
        return {name: _tensor(array[: self.rows]) for name, array in self._arrays.items()}


def _room(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """An uninitialized array, in memory or, where it is large, in a temporary file. Nothing that is not written to
    takes any."""
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    if size * _SHARE < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
        return np.empty(shape, kind)
    with tempfile.TemporaryFile() as file:
        try:
            if hasattr(os, "posix_fallocate"):  # or a full disk shows only when the map is written to
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
        except OSError as error:
            problem = f"{size >> 20:,} MB of values do not fit here ({(error.strerror or str(error)).lower()})"
            raise data_error(UNREADABLE, path=tempfile.gettempdir(), problem=problem) from None
        return np.memmap(file, kind, "r+", shape=shape)


def _tensor(array: np.ndarray) -> Tensor:
    # A copy where torch could not take the array as it is: read-only, strided backwards, or of a foreign byte order.
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return torch.from_numpy(array if array.flags.writeable else array.copy())
