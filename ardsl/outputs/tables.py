"""Tables: scores, predictions and filled data, a row for each example."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from ardsl.common.wording import number
from ardsl.data.choices import choose, variables
from ardsl.data.formats.cells import column_values
from ardsl.data.formats.source import Source
from ardsl.data.formats.tables import Table
from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import data_error
from ardsl.families.domains import Domain
from ardsl.outputs.cells import table_cell, table_cells, write_table
from ardsl.outputs.samples import write_samples
from ardsl.queries.conditionals import Prediction
from ardsl.spec import Spec

_MOST_LISTED = 64
_QUANTILES = (0.05, 0.5, 0.95)
_LOOKED_AT = 1_000
_WHOLE, _WHOLE_DECIMAL = re.compile(r"[-+]?\d+"), re.compile(r"[-+]?\d+\.0")


def write_scores(path: str | Path, scores: np.ndarray) -> None:
    """A row for each example, in the data's order: its number from 0, and its log-probability in nats."""
    _check_csv(path, "scores")
    write_table(Path(path), ["row", "log_prob"], ([row, repr(float(value))] for row, value in enumerate(scores)))


def write_cell_scores(path: str | Path, scores: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """:func:`write_scores` with log p of each cell given the rest of its row, and the column that is the most unlikely,
    each measured by its own mean and spread over the rows."""
    _check_csv(path, "scores")
    every = np.stack(list(columns.values()), axis=1)
    known = np.ma.masked_invalid(every)
    spread = np.maximum(known.std(axis=0), 1e-9)
    unlikely = ((known - known.mean(axis=0)) / spread).filled(np.inf).argmin(axis=1)
    names = list(columns)
    own = ["row", "log_prob", "most_unlikely"]
    header = _distinct(names, own)
    rows = ([row, _number(score), header[unlikely[row]], *map(_number, every[row])] for row, score in enumerate(scores))
    write_table(Path(path), [*own, *header], rows)


def write_prediction(path: str | Path, prediction: Prediction) -> None:
    """A row for each example: the most likely value and every value's probability, or for numbers without end the mean
    and quantiles; and what the data says, with its log-probability, where it does."""
    _check_csv(path, "predictions")
    domain, name = prediction.cell.domain, prediction.cell.column
    header = []
    if prediction.finite and len(prediction.values) <= _MOST_LISTED:
        labels = [table_cell(domain, value) for value in prediction.values]
        header += [f"p({label})" for label in labels]
        best = prediction.probabilities.argmax(1)
        columns = [[labels[k] for k in best], *([f"{p:.6g}" for p in each] for each in prediction.probabilities.T)]
    else:
        header += ["mean", *(f"q{round(100 * q):02d}" for q in _QUANTILES)]
        quantiles = [table_cells(prediction.quantile(q), domain) for q in _QUANTILES]
        columns = [table_cells(prediction.most_likely, domain), list(map(number, prediction.mean)), *quantiles]
    known = ~np.isnan(prediction.actual)
    if known.any():
        header += ["actual", "log_prob"]
        cells = iter(table_cells(prediction.actual[known], domain))
        columns.append([next(cells) if k else "" for k in known])
        columns.append([_number(v) for v in prediction.log_prob])
    rows = zip(*columns, strict=True)
    column = _distinct([name], ["row", *header])
    write_table(Path(path), ["row", *column, *header], ([n, *row] for n, row in enumerate(rows)))


def _distinct(names: Sequence[str], own: Sequence[str]) -> list[str]:
    """The names of a table's columns beside ours: one that is among ours is marked, so that no two are alike."""
    taken = {*own, *names}
    distinct = []
    for name in names:
        marked = name
        while marked in (taken if marked != name else own):
            marked += " (column)"
        taken.add(marked)
        distinct.append(marked)
    return distinct


def write_filled(path: str | Path, spec: Spec, source: Source, split: str, filled: Mapping[str, Tensor]) -> None:
    """The source with its missing cells filled in: a table keeps all its columns and every cell that is there as it was
    written. Arrays go to ``.npz``."""
    path = Path(path)
    if not isinstance(source, Table):
        write_samples(path, spec, dict(filled))
        return
    _check_csv(path, "filled tables")
    columns: dict[str, tuple[np.ndarray, Domain]] = {}
    for variable in variables(spec):
        flat = filled[variable.name].cpu().reshape(len(filled[variable.name]), -1).numpy()
        for element, name in enumerate(choose(spec, variable, source, split).names):
            columns[name] = (flat[:, element], variable.element_domain(element))
    write_table(path, list(source.keys), _filled_rows(source, columns))


def _filled_rows(table: Table, columns: Mapping[str, tuple[np.ndarray, Domain]]) -> Iterator[list[Any]]:
    for block, first in table.blocks(table.keys):
        written = {name: block[name].to_pylist() for name in block}
        for name, (values, domain) in columns.items():
            numbers, _ = column_values(block[name], domain, f"{table.name}, column `{name}`")
            cells = written[name]
            gaps = np.flatnonzero(np.isnan(numbers))
            if len(gaps):
                form = _form(domain, (cells[row] for row in np.flatnonzero(~np.isnan(numbers))))
                for row in gaps:
                    cells[row] = form(table_cells(values[first + row : first + row + 1], domain)[0])
        rows = len(next(iter(written.values())))
        yield from (
            ["" if (cell := written[name][row]) is None else cell for name in table.keys] for row in range(rows)
        )


def _form(domain: Domain, cells: Iterable[Any]) -> Callable[[Any], Any]:
    """Finds how the cells that are there write a value: truth values, whole numbers, or whole numbers with a `.0`. A
    label is written as it is."""
    if domain.labels:
        return lambda value: value
    seen = [cell for cell in cells if cell is not None][:_LOOKED_AT]
    if seen and all(isinstance(cell, bool) for cell in seen):
        return lambda value: bool(float(value)) if str(value) in ("0", "1") else value
    texts = [str(cell).strip() for cell in seen]
    for pattern, whole in ((_WHOLE, "{:.0f}"), (_WHOLE_DECIMAL, "{:.1f}")):
        if texts and all(map(pattern.fullmatch, texts)):
            return lambda value, whole=whole: whole.format(round(float(value)))  # type: ignore[misc]
    return lambda value: value


def _number(value: float) -> str:
    return "" if np.isnan(value) else repr(float(value))


def _check_csv(path: str | Path, what: str) -> None:
    if Path(path).suffix.lower() != ".csv":
        raise data_error(BAD_OUTPUT, path=path, problem=f"{what} are written to .csv")
