"""Results as files: samples by the suffix of their name, scores as a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.labels import is_text
from ardsl.data.cells import column_values
from ardsl.data.choices import choose, column_names, variables
from ardsl.data.formats import texts
from ardsl.data.formats.tables import Table
from ardsl.data.lengths import LENGTHS
from ardsl.data.sources import Source
from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.families.domains import Category, Domain, MuLaw
from ardsl.model.model import Variable
from ardsl.outputs.images import is_picture, save_grid
from ardsl.outputs.waves import is_wave, save_sounds, save_waveforms
from ardsl.queries.conditionals import Prediction
from ardsl.spec import Spec
from ardsl.system.faults import fault
from ardsl.system.files import replacing

Lengths = Mapping[str, np.ndarray]

_MOST_LISTED = 64
_QUANTILES = (0.05, 0.5, 0.95)
_LOOKED_AT = 1_000
_WHOLE, _WHOLE_DECIMAL = re.compile(r"[-+]?\d+"), re.compile(r"[-+]?\d+\.0")


def write_samples(
    path: str | Path,
    spec: Spec,
    samples: Tensor | dict[str, Tensor],
    given: Mapping[str, Any] | None = None,
    lengths: Mapping[str, np.ndarray] | None = None,
) -> None:
    """What ``model.sample`` gave, to ``.npz`` (arrays by variable), ``.csv`` (labels as in the data), ``.png``,
    ``.wav`` or ``.txt``.

    ``lengths`` are those that the samples were drawn with, by variable. ``given`` is what they were drawn for: one
    example of each conditioning variable, or one for each sample. With it, a table or an ``.npz`` so written is data
    for the same spec again.
    """
    path = Path(path)
    by_variable = dict(samples) if isinstance(samples, dict) else {spec.model.observed[0].name: samples}
    for name, value in (given or {}).items():
        shape = spec.variables[name].shape
        drawn = len(next(iter(by_variable.values())))
        by_variable[name] = torch.as_tensor(value).reshape(-1, *shape).expand(drawn, *shape)
    writer = _WRITERS.get(path.suffix.lower())
    if writer is None:
        raise fault(BAD_OUTPUT, path=path, problem=f"samples are written to {', '.join(_WRITERS)}")
    writer(path, spec, by_variable, lengths or {})


def check_output(path: str | Path, spec: Spec) -> None:
    """Refuses a file that :func:`write_samples` could not write, before any sample is drawn."""
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise fault(BAD_OUTPUT, path=path, problem=f"samples are written to {', '.join(_WRITERS)}")
    found = {".png": _picture, ".wav": _wave, ".txt": _text}.get(path.suffix.lower())
    if found is not None:
        found(path, spec)


def write_scores(path: str | Path, scores: np.ndarray) -> None:
    """A row for each example, in the data's order: its number from 0, and its log-probability in nats."""
    if Path(path).suffix.lower() != ".csv":
        raise fault(BAD_OUTPUT, path=path, problem="scores are written to .csv")
    _write_table(Path(path), ["row", "log_prob"], ([row, repr(float(value))] for row, value in enumerate(scores)))


def write_cell_scores(path: str | Path, scores: np.ndarray, columns: Mapping[str, np.ndarray]) -> None:
    """:func:`write_scores` with log p of each cell given the rest of its row, and the column that is the most unlikely,
    each measured by its own mean and spread over the rows."""
    if Path(path).suffix.lower() != ".csv":
        raise fault(BAD_OUTPUT, path=path, problem="scores are written to .csv")
    every = np.stack(list(columns.values()), axis=1)
    known = np.ma.masked_invalid(every)
    spread = np.maximum(known.std(axis=0), 1e-9)
    unlikely = ((known - known.mean(axis=0)) / spread).filled(np.inf).argmin(axis=1)
    names = list(columns)
    rows = ([row, _number(score), names[unlikely[row]], *map(_number, every[row])] for row, score in enumerate(scores))
    _write_table(Path(path), ["row", "log_prob", "most_unlikely", *names], rows)


def write_prediction(path: str | Path, found: Prediction) -> None:
    """A row for each example: the most likely value and every value's probability, or for numbers without end the mean
    and quantiles; and what the data says, with its log-probability, where it does."""
    if Path(path).suffix.lower() != ".csv":
        raise fault(BAD_OUTPUT, path=path, problem="predictions are written to .csv")
    domain, name = found.cell.domain, found.cell.column
    header = ["row", name]
    if found.finite and len(found.values) <= _MOST_LISTED:
        labels = [_cell(domain, value) for value in found.values]
        header += [f"p({label})" for label in labels]
        best = found.probabilities.argmax(1)
        columns = [[labels[k] for k in best], *found.probabilities.T.tolist()]
    else:
        header += ["mean", *(f"q{round(100 * q):02d}" for q in _QUANTILES)]
        quantiles = [[_cell(domain, value) for value in found.quantile(q)] for q in _QUANTILES]
        columns = [[_cell(domain, v) for v in found.most_likely], found.mean.tolist(), *quantiles]
    known = ~np.isnan(found.actual)
    if known.any():
        header += ["actual", "log_prob"]
        columns.append([_cell(domain, v) if k else "" for v, k in zip(found.actual, known, strict=True)])
        columns.append([_number(v) for v in found.log_prob])
    rows = zip(*columns, strict=True)
    _write_table(Path(path), header, ([n, *map(_short, row)] for n, row in enumerate(rows)))


def write_filled(path: str | Path, spec: Spec, source: Source, split: str, filled: Mapping[str, Tensor]) -> None:
    """The source with its missing cells filled in: a table keeps all its columns and every cell that is there as it was
    written. Arrays go to ``.npz``."""
    path = Path(path)
    if source.table is None:
        write_samples(path, spec, dict(filled))
        return
    if path.suffix.lower() != ".csv":
        raise fault(BAD_OUTPUT, path=path, problem="filled tables are written to .csv")
    columns: dict[str, tuple[np.ndarray, Domain]] = {}
    for variable in variables(spec):
        flat = filled[variable.name].cpu().reshape(len(filled[variable.name]), -1).numpy()
        for element, name in enumerate(choose(spec, variable, source, split).names):
            columns[name] = (flat[:, element], variable.element_domain(element))
    _write_table(path, list(source.table.header), _filled_rows(source.table, columns))


def _filled_rows(table: Table, columns: Mapping[str, tuple[np.ndarray, Domain]]) -> Iterator[list[Any]]:
    first = 0
    for block in table.blocks(list(dict.fromkeys(table.header))):
        written = {name: block[name].to_pylist() for name in block}
        for name, (values, domain) in columns.items():
            numbers, _ = column_values(block[name], domain, f"{table.name}, column `{name}`")
            cells = written[name]
            gaps = np.flatnonzero(np.isnan(numbers))
            if len(gaps):
                form = _form(domain, (cells[row] for row in np.flatnonzero(~np.isnan(numbers))))
                for row in gaps:
                    cells[row] = form(_cells(values[first + row : first + row + 1], domain)[0])
        rows = len(next(iter(written.values())))
        yield from (
            ["" if (cell := written[name][row]) is None else cell for name in table.header] for row in range(rows)
        )
        first += rows


def _form(domain: Domain, cells: Iterable[Any]) -> Callable[[Any], Any]:
    """How the cells that are there write a value: truth values, whole numbers, or whole numbers with a `.0`. A label is
    written as it is."""
    if isinstance(domain, Category) and domain.labels:
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


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _write_npz(path: Path, spec: Spec, samples: dict[str, Tensor], lengths: Lengths) -> None:
    arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in samples.items()}
    arrays |= {f"{name}{LENGTHS}": value for name, value in lengths.items()}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_csv(path: Path, spec: Spec, samples: dict[str, Tensor], lengths: Lengths) -> None:
    header: list[str] = []
    columns: list[list[Any]] = []
    for variable in (v for v in (*spec.model.given, *spec.model.observed) if v.name in samples):
        value = samples[variable.name].cpu()
        flat = value.reshape(len(value), -1).numpy()
        header += column_names(spec, variable)
        columns += [_cells(flat[:, e], variable.element_domain(e)) for e in range(variable.size)]
        if variable.name in lengths:  # what is beyond an end is an empty cell
            each = variable.size // variable.shape[0]
            for element, column in enumerate(columns[-variable.size :]):
                gone = lengths[variable.name] <= element // each
                column[:] = ["" if beyond else cell for cell, beyond in zip(column, gone, strict=True)]
    _write_table(path, header, zip(*columns, strict=True))


def _cells(values: np.ndarray, domain: Domain) -> list[Any]:
    """A column as its table had it; numbers as the shortest decimals that give the same back."""
    return [str(cell) if isinstance(cell, np.floating) else cell for cell in (_cell(domain, v) for v in values)]


def _cell(domain: Domain, value: Any) -> Any:
    """A value as its table has it: a label, an integer or a number."""
    if isinstance(domain, Category) and domain.labels:
        return domain.labels[int(value)]
    return int(value) if domain.discrete and not isinstance(domain, MuLaw) else value


def _write_table(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_png(path: Path, spec: Spec, samples: dict[str, Tensor], lengths: Lengths) -> None:
    variable = _picture(path, spec)
    if is_picture(variable):
        save_grid(path, samples[variable.name], variable)
    else:
        rate = spec.model.data.rate or 1
        save_waveforms(path, samples[variable.name], variable, rate, lengths.get(variable.name))


def _picture(path: Path, spec: Spec) -> Variable:
    """The first observed variable that is a picture, or else a wave."""
    found = [v for kind in (is_picture, is_wave) for v in spec.model.observed if kind(v)]
    if not found:
        problem = "no variable is an image: that takes two axes of at least 4, and numbers; or a wave, of one axis"
        raise fault(BAD_OUTPUT, path=path, problem=problem)
    return found[0]


def _write_wav(path: Path, spec: Spec, samples: dict[str, Tensor], lengths: Lengths) -> None:
    variable = _wave(path, spec)
    save_sounds(path, samples[variable.name], variable, spec.model.data.rate or 1, lengths.get(variable.name))


def _wave(path: Path, spec: Spec) -> Variable:
    """The first observed variable that is a wave."""
    found = next((v for v in spec.model.observed if is_wave(v)), None)
    if found is None:
        raise fault(BAD_OUTPUT, path=path, problem="no variable is sound: that takes one axis, of `mulaw` or `real`")
    if spec.model.data.rate is None:
        raise fault(BAD_OUTPUT, path=path, problem="sound needs a rate: `data { rate = 16000 }` in the spec")
    return found


def _write_txt(path: Path, spec: Spec, samples: dict[str, Tensor], lengths: Lengths) -> None:
    variable = _text(path, spec)
    texts.write(path, samples[variable.name], variable, lengths.get(variable.name))


def _text(path: Path, spec: Spec) -> Variable:
    """The first observed variable that is text."""
    found = next((v for v in spec.model.observed if is_text(v)), None)
    if found is None:
        problem = 'no variable is text: that takes one axis of characters, `category("a", "b", …)`'
        raise fault(BAD_OUTPUT, path=path, problem=problem)
    return found


_WRITERS: dict[str, Callable[[Path, Spec, dict[str, Tensor], Lengths], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".png": _write_png,
    ".wav": _write_wav,
    ".txt": _write_txt,
}
