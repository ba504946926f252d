"""CSV tables: ``.csv`` and ``.tsv``, read by pyarrow. What it refuses is looked for again by Python's csv module, which
knows the line."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from ardsl.data.formats.source import guarded
from ardsl.data.formats.tables import Block, Table, as_pyarrow_opens, check_header, check_readable
from ardsl.diagnostics.rules.data import BAD_TABLE, UNREADABLE
from ardsl.errors import data_error

SUFFIXES = (".csv", ".tsv")

_BLOCK = 16 << 20
_LONGEST_LINE = 16 << 20
_SEPARATORS = ",;\t"


def open_file(path: Path, key: str | None = None) -> Table:
    """Reads a table's line of names, and counts its lines."""
    return guarded(str(path), lambda: _opened(path, key))


def _opened(path: Path, key: str | None) -> Table:
    name = str(path)
    check_readable(path, name)
    first = next(_lines(path, name), "")
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)
    records = _records(path, name, separator)
    first_record = next(records, None)
    if first_record is None:
        raise data_error(UNREADABLE, path=name, problem="the file is empty")
    line, row, last = first_record
    header = tuple(cell.strip() for cell in row)

    def wrong(problem: str) -> Exception:
        return data_error(BAD_TABLE, path=name, line=line, problem=problem)

    if not any(header):
        raise wrong("the first line must name the columns, and is blank")
    check_header(header, wrong)
    bound = _count_lines(path)

    def blocks(columns: Sequence[str]) -> Iterator[Block]:
        if last < bound:
            yield from _blocks(path, name, separator, header, last, columns)

    def place(number: int) -> int:
        rows = _records(path, name, separator)
        next(rows)
        return next(line for count, (line, *_) in enumerate(rows) if count == number)

    return Table(name, header, bound, blocks, place, key)


def _blocks(
    path: Path, name: str, separator: str, header: Sequence[str], skip: int, columns: Sequence[str]
) -> Iterator[Block]:
    import pyarrow
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, open_csv

    named = [str(number) for number in range(len(header))]  # a column may have no name, or that of another, if unused
    names = {column: named[header.index(column)] for column in columns}
    read = ReadOptions(use_threads=False, block_size=_BLOCK, column_names=named, skip_rows=skip)
    parse = ParseOptions(delimiter=separator, newlines_in_values=True)
    convert = ConvertOptions(
        include_columns=list(names.values()),
        column_types=dict.fromkeys(names.values(), pyarrow.string()),
        strings_can_be_null=False,
    )
    try:
        with as_pyarrow_opens(path) as opened, open_csv(opened, read, parse, convert) as reader:
            for batch in reader:
                yield {column: batch.column(name) for column, name in names.items()}
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
