"""Tables: scores, predictions and filled data, a row for each example."""

from __future__ import annotations

import re
from collections import Counter
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
from ardsl.data.values import absent
from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import data_error
from ardsl.families.domains import Domain
from ardsl.outputs.cells import table_cells, write_table
from ardsl.outputs.samples import write_samples
from ardsl.queries.conditionals import FEW, Prediction
from ardsl.queries.evaluate import Scores
from ardsl.queries.impute import Imputation
from ardsl.spec import Spec

QUANTILES = (0.05, 0.5, 0.95)
_LOOKED_AT = 1_000
_WHOLE, _WHOLE_DECIMAL = re.compile(r"[-+]?\d+"), re.compile(r"[-+]?\d+\.0")


def write_scores(path: str | Path, scores: Scores) -> None:
    """A row for each example, in the data's order: its number from 0, and its log-probability in nats, or the bound on
    it; where some are estimated, their standard error."""
    _check_csv(path, "scores")
    header, rows = _scored(scores)
    write_table(Path(path), header, rows)


def _scored(scores: Scores) -> tuple[list[str], list[list[Any]]]:
    """The columns of scores, and their rows."""
    header = ["row", "log_prob_bound" if scores.bounded else "log_prob"]
    rows = [[row, _number(value)] for row, value in enumerate(scores.log_prob)]
    if scores.standard_error.any():
        header.append("standard_error")
        for row, error in zip(rows, scores.standard_error, strict=True):
            row.append(_number(error) if error else "")
    return header, rows


def write_cell_scores(path: str | Path, scores: Scores, columns: Mapping[str, np.ndarray]) -> None:
    """:func:`write_scores` with log p of each cell given the rest of its row, and the column that is the most unlikely,
    each measured by its own mean and spread over the rows."""
    _check_csv(path, "scores")
    every = np.stack(list(columns.values()), axis=1)
    known = np.ma.masked_invalid(every)
    spread = np.maximum(known.std(axis=0), 1e-9)
    unlikely = ((known - known.mean(axis=0)) / spread).filled(np.inf).argmin(axis=1)
    names = list(columns)
    scored, of_rows = _scored(scores)
    own = [*scored, "most_unlikely"]
    header = _distinct(names, own)
    rows = ([*first, header[unlikely[row]], *map(_number, every[row])] for row, first in enumerate(of_rows))
    write_table(Path(path), [*own, *header], rows)


def write_prediction(path: str | Path, prediction: Prediction, quantiles: Sequence[float] = QUANTILES) -> None:
    """A row for each example: the most likely value; of numbers the mean and quantiles; where there are few values the
    probability of each; and what the data says, with its log-probability, where it does."""
    _check_csv(path, "predictions")
    domain, name = prediction.cell.domain, prediction.cell.column
    header: list[str] = []
    columns = [table_cells(prediction.most_likely, domain)]
    few = prediction.finite and len(prediction.values) <= FEW
    if domain.ordered and prediction.cell.domain.levels != 2:
        header += ["mean", *map(quantile_name, quantiles)]
        columns.append(list(map(number, prediction.mean)))
        columns += [table_cells(prediction.quantile(q), domain) for q in quantiles]
    if few or not domain.ordered:
        header += [f"p({label})" for label in table_cells(prediction.values, domain)]
        columns += [[f"{p:.6g}" for p in each] for each in prediction.probabilities.T]
    known = ~np.isnan(prediction.actual)
    if known.any():
        header += ["actual", "log_prob"]
        cells = iter(table_cells(prediction.actual[known], domain))
        columns.append([next(cells) if k else "" for k in known])
        columns.append([_number(v) for v in prediction.log_prob])
    rows = zip(*columns, strict=True)
    column = _distinct([name], ["row", *header])
    write_table(Path(path), ["row", *column, *header], ([n, *row] for n, row in enumerate(rows)))


def quantile_name(q: float) -> str:
    """The name of a quantile's column: ``q05``, ``q50``, ``q97.5``."""
    percent = f"{100 * q:.6g}"
    return f"q{percent.zfill(2) if '.' not in percent else percent}"


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


def write_filled(path: str | Path, spec: Spec, source: Source, split: str, imputation: Imputation) -> tuple[int, int]:
    """The source with its missing cells filled in, and how many cells and rows that took.

    A table keeps all its columns and every cell that is there as it was written, also one whose value the model does
    not know; columns of the model that it lacks come last. Several draws stand one after the other, with their numbers
    from 1 in a column ``draw`` before all others. Arrays go to ``.npz``.
    """
    path, draws = Path(path), imputation.draws
    if not isinstance(source, Table):
        if len(draws) > 1:
            raise data_error(BAD_OUTPUT, path=path, problem="several draws are written of tables alone")
        write_samples(path, spec, dict(draws[0]))
        return imputation.cells, imputation.rows
    _check_csv(path, "filled tables")
    by_draw = [_columns(spec, source, split, draw) for draw in draws]
    header = [*source.keys, *(name for name in by_draw[0] if name not in source.keys)]
    counts: Counter[str] = Counter()
    filled = (_filled_rows(source, columns, counts) for columns in by_draw)
    if len(draws) == 1:
        write_table(path, header, next(filled))
    else:
        rows = ([number, *row] for number, table in enumerate(filled, 1) for row in table)
        write_table(path, ["draw", *_distinct(header, ["draw"])], rows)
    return counts["cells"] // len(draws), counts["rows"] // len(draws)


def _columns(
    spec: Spec, source: Source, split: str, filled: Mapping[str, Tensor]
) -> dict[str, tuple[np.ndarray, Domain]]:
    """The filled values and the domain of each of a table's columns."""
    columns: dict[str, tuple[np.ndarray, Domain]] = {}
    for variable in variables(spec):
        flat = filled[variable.name].cpu().reshape(len(filled[variable.name]), -1).numpy()
        for element, name in enumerate(choose(spec, variable, source, split).names):
            columns[name] = (flat[:, element], variable.element_domain(element))
    return columns


def _filled_rows(
    table: Table, columns: Mapping[str, tuple[np.ndarray, Domain]], counts: Counter[str]
) -> Iterator[list[Any]]:
    """The rows of a table with its missing cells filled in, which ``counts`` counts."""
    for block, first in table.blocks(table.keys):
        written = {name: block[name].to_pylist() for name in block}
        rows = len(next(iter(written.values())))
        lacking = [name for name in columns if name not in block]
        written |= {name: [None] * rows for name in lacking}
        incomplete = np.zeros(rows, dtype=bool)
        for name, (values, domain) in columns.items():
            cells, missing = written[name], np.ones(rows, dtype=bool)
            if name not in lacking:
                raw, _ = column_values(block[name], domain, f"{table.name}, column `{name}`")
                missing = absent(raw, domain)
            incomplete |= missing
            gaps = np.flatnonzero(missing)
            counts["cells"] += len(gaps)
            if len(gaps):
                form = _form(domain, (cells[row] for row in np.flatnonzero(~missing)))
                for row in gaps:
                    cells[row] = form(table_cells(values[first + row : first + row + 1], domain)[0])
        counts["rows"] += int(incomplete.sum())
        yield from (
            ["" if (cell := written[name][row]) is None else cell for name in (*table.keys, *lacking)]
            for row in range(rows)
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
