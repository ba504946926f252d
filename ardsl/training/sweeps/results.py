"""The table of a sweep, ``results.csv``: a row for each run that has ended, the best first."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from ardsl.diagnostics.rules.data import BAD_RUN
from ardsl.errors import data_error
from ardsl.model.values import fitted
from ardsl.system.files import write_text

RESULTS = "results.csv"
Ended = Literal["epochs", "patience", "diverged", "rejected"]
_FIGURES = ("valid", "standard_error", "best_epoch", "seconds", "parameters", "ended")
_LONGEST = 120


@dataclass(frozen=True)
class Result:
    """A run of a sweep that has ended, or that cannot be: its params, the best epoch's validation loss, and why it
    ended (``diverged``: the loss was no number; ``rejected``: the spec with these params was not sound).

    ``number`` counts the runs from 1, in the order in which they ended. What was not measured is None.
    """

    number: int
    params: Mapping[str, Any]
    valid: float | None
    standard_error: float | None
    best_epoch: int | None
    seconds: float | None
    parameters: int | None
    ended: Ended
    directory: Path

    @property
    def loss(self) -> float:
        """The number that the sweep minimizes: infinite where nothing was measured."""
        return math.inf if self.valid is None else self.valid


def ranked(results: Sequence[Result]) -> list[Result]:
    """The lowest validation loss first."""
    return sorted(results, key=lambda result: (result.loss, result.number))


def write_results(directory: Path, names: Sequence[str], results: Sequence[Result]) -> None:
    """The table, anew; numbers are written so that they are read back exactly."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *names, *_FIGURES])
    for result in ranked(results):
        figures = (getattr(result, name) for name in _FIGURES)
        params = (_written(result.params[name]) for name in names)
        writer.writerow([result.number, *params, *("" if value is None else value for value in figures)])
    write_text(directory / RESULTS, text.getvalue())


def read_results(directory: Path, declared: Mapping[str, Any]) -> list[Result]:
    """The rows of the table by number, none where there is no table; ``declared`` has a value of each parameter, for
    its type. Raises ``DataError`` for a table of other parameters, or of something else."""
    path = directory / RESULTS
    try:
        rows = list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8", "surrogateescape"))))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, ValueError, csv.Error):
        raise _damaged(path) from None
    header = rows[0] if rows else []
    if header[:1] != ["run"] or tuple(header[-len(_FIGURES) :]) != _FIGURES:
        raise _damaged(path)
    names = header[1 : -len(_FIGURES)]
    if names != list(declared):
        problem = f"is of a sweep over {', '.join(names)}, not {', '.join(declared)}: choose another folder with --out"
        raise data_error(BAD_RUN, path=path, problem=problem)
    try:
        results = [_result(directory, declared, row) for row in rows[1:]]
    except (ValueError, TypeError, RecursionError):
        raise _damaged(path) from None
    return sorted(results, key=lambda result: result.number)


def _damaged(path: Path) -> Exception:
    problem = "is not the table of a sweep, or damaged: move it away (the runs that have ended are found again)"
    return data_error(BAD_RUN, path=path, problem=problem)


def _result(directory: Path, declared: Mapping[str, Any], row: Sequence[str]) -> Result:
    number, *cells = row
    params = {name: _read(value, cell) for (name, value), cell in zip(declared.items(), cells, strict=False)}
    valid, error, epoch, seconds, parameters, ended = cells[len(declared) :]
    if ended not in get_args(Ended):
        raise ValueError(ended)
    return Result(
        int(number),
        params,
        _number(valid),
        _number(error),
        int(epoch) if epoch else None,
        _number(seconds),
        int(parameters) if parameters else None,
        ended,  # type: ignore[arg-type]
        directory / run_name(params),
    )


def _number(text: str) -> float | None:
    return float(text) if text else None


def params_text(params: Mapping[str, Any]) -> str:
    """Gives params as messages show them."""
    return ", ".join(f"{name} = {json.dumps(value)}" for name, value in params.items())


def _written(value: Any) -> str:
    """A cell: text as it is, unless tables and terminals could take it for something else."""
    plain = isinstance(value, str) and value.isprintable() and not value.startswith('"')
    return value if plain else json.dumps(value)


def _read(declared: Any, text: str) -> Any:
    plain = isinstance(declared, str) and not text.startswith('"')
    value = fitted(declared, text if plain else json.loads(text))
    if value is None:
        raise ValueError(text)
    return value


def run_name(params: Mapping[str, Any]) -> str:
    """The name of a run's folder, ``width=100,depth=2``: another one for other params. Where a value has characters
    that a name should not have, a hash stands for them."""
    exact = ",".join(f"{name}={_named(value)}" for name, value in params.items())
    safe = re.sub(r"[^\w.,=+\[\]-]", "_", exact, flags=re.ASCII)[:_LONGEST]
    digest = hashlib.sha256(exact.encode("utf-8", "surrogateescape")).hexdigest()
    return safe if safe == exact else f"{safe}-{digest[:8]}"


def _named(value: Any) -> str:
    if isinstance(value, str) and re.fullmatch(r"[\w.+-]+", value, flags=re.ASCII):
        return value
    return json.dumps(value, separators=(",", ":"))
