"""Tables: columns of cells, read by pyarrow a block of rows at a time: a table may be larger than the memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.data.formats.cells import column_values
from ardsl.data.formats.source import Source, guarded
from ardsl.diagnostics.rules.data import UNREADABLE, UNUSABLE_OPTION
from ardsl.errors import data_error
from ardsl.families.domains import Domain
from ardsl.system.files import not_a_file

Block = dict[str, Any]
"""Some rows: a pyarrow array for each column. Those of a CSV file are text."""
_DIGITS = set("0123456789.+-eE ")


class Table(Source):
    """A table whose ``keys`` are its columns; ``bound`` is the number of its rows, or a little more."""

    is_table = True

    def __init__(
        self,
        name: str,
        header: tuple[str, ...],
        bound: int,
        blocks: Callable[[Sequence[str]], Iterator[Block]],
        line: Callable[[int], int | None],
        key: str | None,
    ) -> None:
        """Wraps a file: ``blocks`` reads some of its columns."""
        super().__init__(name, header, key=key, bound=bound, line=line)
        self._read = blocks

    def blocks(self, keys: Sequence[str]) -> Iterator[tuple[Block, int]]:
        first, blocks = 0, self._read(list(dict.fromkeys(keys)))
        while (block := guarded(self.name, lambda: next(blocks, None))) is not None:
            yield block, first
            first += len(next(iter(block.values())))

    def cells(self, key: str, values: Any, domain: Domain) -> tuple[np.ndarray, Any]:
        if isinstance(values, np.ndarray):  # what a column that the table lacks is taken to hold
            return values, None
        return column_values(values, domain, f"{self.name}, column `{key}`")


def check_readable(path: Path, name: str) -> None:
    """Raises ``DataError`` where pyarrow is not installed, or the path is no file's."""
    if find_spec("pyarrow") is None:
        way_out = "tables are read by pyarrow: pip install 'ardsl[tables]'"
        raise data_error(UNUSABLE_OPTION, problem=f"{name}: {way_out}")
    if problem := not_a_file(path):
        raise data_error(UNREADABLE, path=name, problem=problem)


def as_pyarrow_opens(path: Path) -> Any:
    """Opens a file for pyarrow, whose own way to a path takes names in UTF-8 only."""
    from pyarrow import OSFile

    return OSFile(os.fsencode(path))


def check_header(header: Sequence[str], wrong: Callable[[str], Exception]) -> None:
    """Refuses names of columns that are numbers or occur twice; ``wrong`` makes the error of a problem."""
    seen: set[str] = set()
    for cell in header:
        if cell in seen and cell:
            hint = ": is there no line of names?" if set(cell) <= _DIGITS else ""
            raise wrong(f"the column `{cell}` is named twice{hint}")
        seen.add(cell)
    if header and all(cell and set(cell) <= _DIGITS for cell in header):
        raise wrong("the first line must name the columns, and holds numbers")
