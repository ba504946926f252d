"""Results as files: samples by the suffix of their name, scores as a table."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.families.domains import Category, Domain, MuLaw
from ardsl.model.model import Variable
from ardsl.runtime.atomic import replacing
from ardsl.runtime.choices import column_names
from ardsl.runtime.faults import fault
from ardsl.runtime.pictures import is_picture, save_grid
from ardsl.spec import Spec


def write_samples(
    path: str | Path, spec: Spec, samples: Tensor | dict[str, Tensor], given: Mapping[str, Any] | None = None
) -> None:
    """What ``model.sample`` gave, to ``.npz`` (arrays by variable), ``.csv`` (labels as in the data) or ``.png``.

    ``given`` is what they were drawn for: one example of each conditioning variable, or one for each sample. With it, a
    table or an ``.npz`` so written is data for the same spec again.
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
    writer(path, spec, by_variable)


def check_output(path: str | Path, spec: Spec) -> None:
    """Refuses a file that :func:`write_samples` could not write, before any sample is drawn."""
    path = Path(path)
    if path.suffix.lower() not in _WRITERS:
        raise fault(BAD_OUTPUT, path=path, problem=f"samples are written to {', '.join(_WRITERS)}")
    if path.suffix.lower() == ".png":
        _picture(path, spec)


def write_scores(path: str | Path, scores: np.ndarray) -> None:
    """A row for each example, in the data's order: its number from 0, and its log-probability in nats."""
    if Path(path).suffix.lower() != ".csv":
        raise fault(BAD_OUTPUT, path=path, problem="scores are written to .csv")
    _write_table(Path(path), ["row", "log_prob"], ([row, repr(float(value))] for row, value in enumerate(scores)))


def _write_npz(path: Path, spec: Spec, samples: dict[str, Tensor]) -> None:
    arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in samples.items()}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_csv(path: Path, spec: Spec, samples: dict[str, Tensor]) -> None:
    header: list[str] = []
    columns: list[list[Any]] = []
    for variable in (v for v in (*spec.model.given, *spec.model.observed) if v.name in samples):
        value = samples[variable.name].cpu()
        flat = value.reshape(len(value), -1).numpy()
        header += column_names(spec, variable)
        columns += [_cells(flat[:, e], variable.element_domain(e)) for e in range(variable.size)]
    _write_table(path, header, zip(*columns, strict=True))


def _cells(values: np.ndarray, domain: Domain) -> list[Any]:
    """A column as its table had it: labels, integers, or the shortest decimals that give the same number back."""
    if isinstance(domain, Category) and domain.labels:
        return [domain.labels[int(code)] for code in values]
    if domain.discrete and not isinstance(domain, MuLaw):
        return [int(value) for value in values]
    return [str(value) for value in values]


def _write_table(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _write_png(path: Path, spec: Spec, samples: dict[str, Tensor]) -> None:
    variable = _picture(path, spec)
    save_grid(path, samples[variable.name], variable)


def _picture(path: Path, spec: Spec) -> Variable:
    """The first observed variable that is a picture."""
    found = next((v for v in spec.model.observed if is_picture(v)), None)
    if found is None:
        problem = "no variable is a picture: that takes two axes of at least 4, and a binary or integer domain"
        raise fault(BAD_OUTPUT, path=path, problem=problem)
    return found


_WRITERS: dict[str, Callable[[Path, Spec, dict[str, Tensor]], None]] = {
    ".npz": _write_npz,
    ".csv": _write_csv,
    ".png": _write_png,
}
