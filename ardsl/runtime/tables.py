"""Tables of text: a header of column names, then one row a line, read by Python's csv module."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from pathlib import Path

import numpy as np

from ardsl.diagnostics.rules.data import BAD_TABLE, UNREADABLE
from ardsl.runtime.faults import fault

_SEPARATORS = ",;\t"
_DIGITS = set("0123456789.+-eE ")


@dataclass(frozen=True)
class Table:
    """A table as text: ``header`` [columns], ``rows`` of as many cells, and ``lines`` int [rows] (the first is 1)."""

    path: str
    header: list[str]
    rows: list[list[str]]
    lines: np.ndarray

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The place of each column."""
        return {name: place for place, name in enumerate(self.header)}

    def column(self, name: str) -> np.ndarray:
        """A column's cells: object [rows]."""
        found = np.empty(len(self.rows), dtype=object)
        found[:] = list(map(itemgetter(self.numbers[name]), self.rows))
        return found


def read_table(path: Path, name: str, encoded: bytes) -> Table:
    """The table in a file's bytes. Empty lines do not count; every other line has the header's number of cells."""
    text = _decoded(name, encoded)
    header_line = text.split("\n", 1)[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=header_line.count)
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    rows, lines, header, start = [], [], None, 1
    try:
        for row in reader:
            if not row:
                pass
            elif header is None:
                header = _header(name, row, start)
            elif len(row) != len(header):
                raise _ragged(name, row, header, start)
            else:
                rows.append(row)
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise fault(BAD_TABLE, path=name, line=reader.line_num, problem=str(error)) from None
    if header is None:
        raise fault(UNREADABLE, path=name, problem="the file is empty")
    return Table(name, header, rows, np.array(lines, dtype=np.int64))


def _decoded(name: str, encoded: bytes) -> str:
    try:
        return encoded.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = encoded.count(b"\n", 0, error.start) + 1
        problem = f"not UTF-8 text (byte 0x{encoded[error.start]:02x})"
        raise fault(BAD_TABLE, path=name, line=line, problem=problem) from None


def _header(name: str, row: list[str], line: int) -> list[str]:
    header = [cell.strip() for cell in row]
    seen: set[str] = set()
    for cell in header:
        if cell in seen and cell:
            hint = ": is there no line of names?" if set(cell) <= _DIGITS else ""
            raise fault(BAD_TABLE, path=name, line=line, problem=f"the column `{cell}` is named twice{hint}")
        seen.add(cell)
    if all(cell and set(cell) <= _DIGITS for cell in header):
        raise fault(BAD_TABLE, path=name, line=line, problem="the first line must name the columns, and holds numbers")
    return header


def _ragged(name: str, row: list[str], header: list[str], line: int) -> Exception:
    cells = f"{len(row)} cell{'s' if len(row) != 1 else ''}"
    return fault(BAD_TABLE, path=name, line=line, problem=f"{cells} where the header has {len(header)}")
