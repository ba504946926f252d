"""Tables on disk, CSV and Parquet, read by pyarrow a block of rows at a time.

A block is as much as fits a modest memory, so that a table may be larger than it. What pyarrow refuses in a CSV file is
looked for again by Python's csv module, which knows the line.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ardsl.diagnostics.rules.data import BAD_TABLE, UNREADABLE, UNUSABLE_OPTION
from ardsl.errors import data_error
from ardsl.system.files import not_a_file

SUFFIXES = (".csv", ".tsv", ".parquet")
Block = dict[str, Any]
"""Some rows: a pyarrow array for each column. Those of a CSV file are text."""

_BLOCK = 16 << 20
_LONGEST_LINE = 16 << 20
_SEPARATORS = ",;\t"
_DIGITS = set("0123456789.+-eE ")


@dataclass(frozen=True)
class Table:
    """A table with the columns ``header``; ``bound`` is the number of its rows, or a little more.

    ``blocks`` reads some columns, ``line`` gives the line in the file (from 1) of a row (from 0), None where rows have
    no lines.
    """

    name: str
    header: tuple[str, ...]
    bound: int
    blocks: Callable[[Sequence[str]], Iterator[Block]] = field(repr=False)
    line: Callable[[int], int | None] = field(repr=False)


def open_table(path: Path, name: str) -> Table:
    """The table in a file, by its suffix; ``name`` is what messages call it. Reads the header alone."""
    if find_spec("pyarrow") is None:
        raise data_error(UNUSABLE_OPTION, problem=f"{name}: tables are read by pyarrow: pip install 'ardsl[tables]'")
    if problem := not_a_file(path):
        raise data_error(UNREADABLE, path=name, problem=problem)
    return _parquet(path, name) if path.suffix.lower() == ".parquet" else _csv(path, name)


def _file(path: Path) -> Any:
    """A file as pyarrow reads it: its own way to a path takes names in UTF-8 only."""
    from pyarrow import OSFile

    return OSFile(os.fsencode(path))


# Parquet


def _parquet(path: Path, name: str) -> Table:
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with _file(path) as opened, ParquetFile(opened) as file:
            header, bound = tuple(file.schema_arrow.names), file.metadata.num_rows
    except (ArrowException, ValueError):
        raise data_error(UNREADABLE, path=name, problem="is cut short or damaged") from None
    _check_header(name, list(header), None)

    def blocks(columns: Sequence[str]) -> Iterator[Block]:
        try:
            with _file(path) as opened, ParquetFile(opened) as file:
                for group in range(file.num_row_groups):  # one by one, or pyarrow reads ahead and keeps them
                    for batch in file.iter_batches(1 << 16, row_groups=[group], columns=list(columns)):
                        yield {column: batch.column(column) for column in columns}
        except (ArrowException, OSError):
            raise data_error(UNREADABLE, path=name, problem="is cut short or damaged") from None

    return Table(name, header, bound, blocks, lambda _: None)


# CSV


def _csv(path: Path, name: str) -> Table:
    first = next(_lines(path, name), "")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)
    records = _records(path, name, separator)
    found = next(records, None)
    if found is None:
        raise data_error(UNREADABLE, path=name, problem="the file is empty")
    line, row, last = found
    header = tuple(cell.strip() for cell in row)
    _check_header(name, list(header), line)
    bound = _count_lines(path)

    def blocks(columns: Sequence[str]) -> Iterator[Block]:
        if last < bound:
            yield from _csv_blocks(path, name, separator, header, last, columns)

    def place(number: int) -> int:
        rows = _records(path, name, separator)
        next(rows)
        return next(line for count, (line, *_) in enumerate(rows) if count == number)

    return Table(name, header, bound, blocks, place)


def _csv_blocks(
    path: Path, name: str, separator: str, header: Sequence[str], skip: int, columns: Sequence[str]
) -> Iterator[Block]:
    import pyarrow
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

    named = [str(number) for number in range(len(header))]  # a column may have no name, or that of another, if unused
    wanted = {column: named[header.index(column)] for column in columns}
    read = ReadOptions(use_threads=False, block_size=_BLOCK, column_names=named, skip_rows=skip)
    parse = ParseOptions(delimiter=separator, newlines_in_values=True)
    convert = ConvertOptions(
        include_columns=list(wanted.values()),
        column_types=dict.fromkeys(wanted.values(), pyarrow.string()),
        strings_can_be_null=False,
    )
    try:
        with _file(path) as opened, open_csv(opened, read, parse, convert) as reader:
            for batch in reader:
                yield {column: batch.column(name) for column, name in wanted.items()}
    except pyarrow.ArrowException as error:
        for line, row, _ in _records(path, name, separator, strict=True):  # says what is wrong, and where
            if len(row) != len(header):
                cells = f"{len(row)} cell{'s' if len(row) != 1 else ''}"
                problem = f"{cells} where the header has {len(header)}"
                raise data_error(BAD_TABLE, path=name, line=line, problem=problem) from None
        raise data_error(UNREADABLE, path=name, problem=str(error).splitlines()[0]) from None


def _records(path: Path, name: str, separator: str, strict: bool = False) -> Iterator[tuple[int, list[str], int]]:
    """Every row with its first and its last line, the header too; empty lines do not count. ``strict`` refuses a quote
    that is left open."""
    reader = csv.reader(_lines(path, name), delimiter=separator, strict=strict)
    start = 1
    try:
        for row in reader:
            if row:
                yield start, row, reader.line_num
            start = reader.line_num + 1
    except csv.Error as error:
        if "limit" in str(error):
            problem = f"a cell of more than {csv.field_size_limit():,} characters: is a quote left open?"
        elif "end of data" in str(error):
            problem = "a quote is opened here, or in a line after it, and never closed"
        else:
            raise data_error(BAD_TABLE, path=name, line=reader.line_num, problem=str(error)) from None
        raise data_error(BAD_TABLE, path=name, line=start, problem=problem) from None


def _lines(path: Path, name: str) -> Iterator[str]:
    """The lines of a text file, none of them longer than a table's can be."""
    with path.open("rb") as file:
        number = 0
        while encoded := file.readline(_LONGEST_LINE):
            number += 1
            if len(encoded) == _LONGEST_LINE:
                problem = f"longer than {_LONGEST_LINE >> 20} MB: is this a table?"
                raise data_error(BAD_TABLE, path=name, line=number, problem=problem)
            try:
                text = encoded.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 text (byte 0x{encoded[error.start]:02x})"
                raise data_error(BAD_TABLE, path=name, line=number, problem=problem) from None
            if "\0" in text:
                raise data_error(BAD_TABLE, path=name, line=number, problem="holds NUL bytes: is this a text file?")
            yield text


def _count_lines(path: Path) -> int:
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def _check_header(name: str, header: list[str], line: int | None) -> None:
    def wrong(problem: str) -> Exception:
        if line is None:
            return data_error(UNREADABLE, path=name, problem=problem)
        return data_error(BAD_TABLE, path=name, line=line, problem=problem)

    if line is not None and not any(header):
        raise wrong("the first line must name the columns, and is blank")
    seen: set[str] = set()
    for cell in header:
        if cell in seen and cell:
            hint = ": is there no line of names?" if set(cell) <= _DIGITS else ""
            raise wrong(f"the column `{cell}` is named twice{hint}")
        seen.add(cell)
    if header and all(cell and set(cell) <= _DIGITS for cell in header):
        raise wrong("the first line must name the columns, and holds numbers")
