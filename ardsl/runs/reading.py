"""A run folder's files: their names, and those that say what the run was."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from ardsl.diagnostics.rules.data import BAD_RUN
from ardsl.errors import data_error
from ardsl.system.files import not_a_file

SPEC, RUN, WEIGHTS, METRICS = "spec.ar", "run.json", "weights.safetensors", "metrics.csv"
STATE, LINES, CURVE = "checkpoint.safetensors", "metrics.jsonl", "curve.png"
SAMPLES = ("samples.png", "samples.txt", "samples.wav", *(f"samples-{number}.wav" for number in range(4)))
FIGURES = ("epoch", "seconds", "train", "valid")
"""The columns that every training curve has."""
_LONGEST = 16 << 20
"""Characters of the longest text that is read."""


def has_ended(directory: str | Path) -> bool:
    """Says whether the training came to its end: not running, and not cut short."""
    figures = read_run(directory).get("figures")
    return isinstance(figures, dict) and figures.get("stopped") in ("epochs", "patience")


def read_metrics(directory: str | Path) -> list[dict[str, Any]]:
    """Reads the training curve: a dict for each epoch."""
    rows = csv.DictReader(io.StringIO(read_file(Path(directory), METRICS)))
    numbers = {"epoch": int, "seconds": float, "train": float, "valid": float}
    try:
        if not set(FIGURES) <= set(rows.fieldnames or ()):
            raise ValueError
        return [{name: numbers.get(name, float)(row[name]) if row[name] else None for name in row} for row in rows]
    except (KeyError, ValueError, csv.Error):
        raise data_error(BAD_RUN, path=Path(directory, METRICS), problem="is damaged") from None


def read_run(directory: str | Path) -> dict[str, Any]:
    """Reads ``run.json``: params, directory, training, and (after training) figures."""
    path = Path(directory)
    text = read_file(path, RUN)
    try:
        run = json.loads(text)
    except (ValueError, RecursionError):
        run = None
    if not isinstance(run, dict) or not isinstance(run.get("params"), dict):
        raise data_error(BAD_RUN, path=path / RUN, problem="is damaged")
    return run


def data_directory(directory: str | Path) -> Path:
    """Finds the directory in which the paths of a run's ``data`` block start: that of the spec it was trained from."""
    return Path(directory, str(read_run(directory).get("directory", ".")))


def read_file(path: Path, name: str) -> str:
    if problem := not_a_file(path / name):
        raise data_error(BAD_RUN, path=path, problem=f"`{name}` {problem}")
    try:
        with (path / name).open(encoding="utf-8", errors="surrogateescape") as file:
            text = file.read(_LONGEST + 1)
        if len(text) <= _LONGEST:
            return text
        problem = f"`{name}` is longer than {_LONGEST >> 20} MB"
    except FileNotFoundError:
        problem = f"is not a run folder (it has no `{name}`)" if path.is_dir() else "there is no such run folder"
    except NotADirectoryError:
        problem = "is not a run folder"
    except OSError as error:
        problem = f"`{name}` cannot be read: {(error.strerror or str(error)).lower()}"
    except ValueError:  # the folder's name has a NUL
        problem = "there is no such run folder"
    raise data_error(BAD_RUN, path=path, problem=problem)


def plain(text: str) -> str:
    """Text that safetensors can keep: bytes that are not UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"
