"""Columns of a table: what each holds, looked at once, block by block, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ardsl.common.wording import number
from ardsl.data.formats.cells import column_values, trimmed_text, truth_values
from ardsl.data.formats.tables import Table
from ardsl.diagnostics.rules.data import WRONG_SHAPE
from ardsl.errors import DataError, data_error
from ardsl.families.domains import Real

SAMPLE = 20_000
"""Rows that are kept, from the start of the table, for what needs them side by side."""
_MOST_DISTINCT = 10_000


@dataclass
class Column:
    """One column: how many cells, how many of them missing, which values, and whether all are numbers."""

    name: str
    rows: int = 0
    missing: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    """The number of times that each value occurs, as text; no longer counted past some thousands (``many``)."""
    many: bool = False
    unread: str | None = None
    """The type of its cells, where they are neither numbers nor text."""
    numeric: bool = True
    whole: bool = True
    """All numbers are integers."""
    ascending: bool = True
    least: float = np.inf
    most: float = -np.inf
    values: list[np.ndarray] = field(default_factory=list)
    """The first ``SAMPLE`` cells, as numbers where all are numbers, else as text."""

    @property
    def present(self) -> int:
        return self.rows - self.missing

    @property
    def distinct(self) -> int:
        return len(self.counts)

    def sample(self) -> np.ndarray:
        """The first cells: float64 with NaN where missing, or for text codes by frequency, −1 where missing."""
        kept = np.concatenate(self.values)
        if self.numeric:
            return kept.astype(np.float64)
        codes = {value: code for code, value in enumerate(self.labels())}
        return np.array([codes.get(str(value).strip(), -1) for value in kept], dtype=np.float64)

    def labels(self) -> list[str]:
        """The values, the most frequent first."""
        return sorted(self.counts, key=lambda value: (-self.counts[value], value))


def look_at(table: Table) -> list[Column]:
    """Looks at every column of a table."""
    columns = [Column(name) for name in table.keys]
    for block, _ in table.blocks(table.keys):
        for column in columns:
            _add(column, block[column.name], table.name)
    if not columns or not columns[0].rows:
        raise data_error(WRONG_SHAPE, place=table.name, problem="there are no examples")
    return columns


def _add(column: Column, cells: Any, name: str) -> None:
    import pyarrow
    from pyarrow import compute

    place = f"{name}, column `{column.name}`"
    column.rows += len(cells)
    if pyarrow.types.is_boolean(cells.type):
        cells = truth_values(cells)
    try:
        values, _ = column_values(cells, Real(), place)
    except DataError:
        column.unread = str(cells.type)
        return
    trimmed, absent = trimmed_text(cells.cast(pyarrow.string()), place)
    present = trimmed.filter(compute.invert(absent))
    if values.dtype.kind == "O":
        if column.numeric and column.values:  # what were numbers so far are labels
            column.values = [_texts(each) for each in column.values]
        column.numeric = False
    if column.numeric:
        known = values[~np.isnan(values.astype(np.float64))]
        if len(known):
            column.ascending &= bool(column.most < known[0] and (known[1:] > known[:-1]).all())
            column.least, column.most = min(column.least, known.min()), max(column.most, known.max())
            column.whole &= bool(np.isfinite(known).all() and (known == np.floor(known)).all())
    room = SAMPLE - sum(map(len, column.values))
    if room > 0:
        kept = values[:room].astype(np.float64) if column.numeric else _texts(trimmed[:room].to_pylist())
        column.values.append(kept)
    column.missing += len(cells) - len(present)
    if not column.many:
        for entry in compute.value_counts(present).to_pylist():
            column.counts[entry["values"]] = column.counts.get(entry["values"], 0) + entry["counts"]
        column.many = len(column.counts) > _MOST_DISTINCT


def _texts(values: Any) -> np.ndarray:
    texts = np.empty(len(values), dtype=object)
    texts[:] = [number(value) if isinstance(value, float) else value for value in values]
    return texts
