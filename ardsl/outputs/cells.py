"""Values as the cells of a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.families.domains import Domain
from ardsl.system.files import replacing


def table_cells(values: np.ndarray, domain: Domain) -> list[Any]:
    """Writes a column as its table had it; numbers as the shortest decimals that give the same back."""
    return [str(cell) if isinstance(cell, np.floating) else cell for cell in (table_cell(domain, v) for v in values)]


def table_cell(domain: Domain, value: Any) -> Any:
    """Writes a value as its table has it: a label, an integer or a number."""
    if domain.labels:
        return domain.labels[int(value)]
    return int(value) if domain.whole else value


def write_table(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a CSV file, replaced as a whole."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
