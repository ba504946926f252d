"""Parquet tables: ``.parquet``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ardsl.data.formats.source import guarded
from ardsl.data.formats.tables import Block, Table, as_pyarrow_opens, check_header, check_readable
from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.errors import data_error

SUFFIXES = (".parquet",)


def open_file(path: Path, key: str | None) -> Table:
    """Reads a table's schema, not its rows."""
    return guarded(str(path), lambda: _opened(path, key))


def _opened(path: Path, key: str | None) -> Table:
    name = str(path)
    check_readable(path, name)
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with as_pyarrow_opens(path) as opened, ParquetFile(opened) as file:
            header, bound = tuple(file.schema_arrow.names), file.metadata.num_rows
    except (ArrowException, ValueError):
        raise data_error(UNREADABLE, path=name, problem="is cut short or damaged") from None
    check_header(header, lambda problem: data_error(UNREADABLE, path=name, problem=problem))

    def blocks(columns: Sequence[str]) -> Iterator[Block]:
        try:
            with as_pyarrow_opens(path) as opened, ParquetFile(opened) as file:
                for group in range(file.num_row_groups):  # one by one, or pyarrow reads ahead and keeps them
                    for batch in file.iter_batches(1 << 16, row_groups=[group], columns=list(columns)):
                        yield {column: batch.column(column) for column in columns}
        except (ArrowException, OSError):
            raise data_error(UNREADABLE, path=name, problem="is cut short or damaged") from None

    return Table(name, header, bound, blocks, lambda _: None, key)
