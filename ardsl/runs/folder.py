"""Run folders: what a training leaves behind, enough to restore the model exactly.

A folder holds

- ``spec.ar``: the spec's text, byte for byte, and copies of the ``.npy`` files its orders are read from;
- ``run.json``: the params that overrode the text's, the directory its data paths are relative to, how it was trained,
  and the final figures once training has ended;
- ``weights.safetensors``: the best weights so far, with the spec's text and params in the metadata;
- ``checkpoint.safetensors``: while a training has not ended, all that it takes to resume it;
- ``metrics.csv`` and ``metrics.jsonl``: the training curve (epoch, seconds, train, valid, and the divergence of each
  latent variable), and ``curve.png``, the same as a plot, where matplotlib is installed;
- ``samples.png``, ``samples-0.wav`` … or ``samples.txt``: samples, where a variable is an image, a sound or a text.

Every file is replaced whole, so a folder can be read while a training runs.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from ardsl.diagnostics.rules.data import BAD_CHECKPOINT, BAD_RUN
from ardsl.errors import data_error
from ardsl.language import syntax
from ardsl.runs.checkpoint import load_state, save_state, write_tensors
from ardsl.runs.locks import LOCK, locked
from ardsl.runs.reading import (
    CURVE,
    FIGURES,
    LINES,
    METRICS,
    RUN,
    SAMPLES,
    SPEC,
    STATE,
    WEIGHTS,
    as_json,
    has_ended,
    plain,
    read_file,
    read_run,
)
from ardsl.spec import Spec
from ardsl.system.files import parts, remove_parts, replacing, write_text
from ardsl.version import __version__

_NAMES = (SPEC, RUN, WEIGHTS, METRICS, STATE, LINES, CURVE, *SAMPLES)
_TRAINING = "training"


class RunFolder:
    """A run folder while it is written, by this process alone: use it as a context."""

    def __init__(self, path: str | Path, spec: Spec, training: Mapping[str, Any], resume: bool = False) -> None:
        """Starts the folder, new or empty. An earlier run's is gone on with, or moves aside to make room."""
        self.path = Path(path)
        self.kept: Path | None = None
        """The place to which an earlier run's folder has moved."""
        self._spec = spec
        self._run: dict[str, Any] = {
            "ardsl": __version__,
            "model": spec.name,
            "params": {name: spec.model.params[name] for name in spec.overrides},
            "directory": os.path.relpath(spec.source.directory, self.path),
            "training": dict(training),
        }
        self._resume = resume
        self._held = ExitStack()

    def __enter__(self) -> RunFolder:
        copied = _order_files(self._spec)
        with ExitStack() as held:
            try:
                self._make_room(held)
                remove_parts(self.path, (*_NAMES, *copied))
            except OSError as error:
                problem = f"cannot be written ({(error.strerror or str(error)).lower()}): choose another with --out"
                raise data_error(BAD_RUN, path=self.path, problem=problem) from None
            write_text(self.path / RUN, as_json(self._run))
            write_text(self.path / SPEC, self._spec.text)
            for name in copied:
                with replacing(self.path / name) as part:
                    shutil.copyfile(Path(self._spec.source.directory, name), part)
            self._held = held.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def _make_room(self, held: ExitStack) -> None:
        """Locks the folder, and moves an earlier run's aside unless that is gone on with."""
        path = self.path
        if path.exists() and not path.is_dir():
            raise data_error(BAD_RUN, path=path, problem="is a file, not a folder to train into")
        others = path.is_dir() and set(path.iterdir()) - {path / LOCK, *parts(path, _NAMES)}
        if not self._resume and others and not (path / RUN).is_file():
            raise data_error(
                BAD_RUN, path=path, problem="holds other files: give a new folder, or one of an earlier run"
            )
        held.enter_context(locked(path, _TRAINING))
        if not self._resume and ((path / WEIGHTS).is_file() or (path / STATE).is_file()):
            numbers = itertools.count(1)
            self.kept = next(p for p in (path.with_name(f"{path.name}.{n}") for n in numbers) if not p.exists())
            path.rename(self.kept)
            (self.kept / LOCK).unlink()
            held.enter_context(locked(path, _TRAINING))

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        metadata = {
            "ardsl": __version__,
            "spec": plain(self._spec.text),
            "params": as_json(self._run["params"]),
        }
        write_tensors(self.path / WEIGHTS, weights, metadata)

    def save_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The training curve so far; what was not measured stays empty."""
        text = io.StringIO()
        names = tuple(dict.fromkeys([*FIGURES, *(name for row in rows for name in row)]))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(row.get(name)) for name in names} for row in rows)
        write_text(self.path / METRICS, text.getvalue())
        write_text(self.path / LINES, "".join(json.dumps({k: row.get(k) for k in names}) + "\n" for row in rows))

    def save_state(self, state: dict[str, Any]) -> None:
        save_state(self.path / STATE, state)

    def load_state(self) -> dict[str, Any] | None:
        """Loads the state to resume from, None where the training is to begin."""
        path = self.path / STATE
        return load_state(path) if path.exists() else None

    def drop_state(self) -> None:
        (self.path / STATE).unlink(missing_ok=True)

    def save_figures(self, figures: Mapping[str, Any]) -> None:
        self._run["figures"] = dict(figures)
        write_text(self.path / RUN, as_json(self._run))


def check_earlier(path: str | Path, spec: Spec, training: Mapping[str, Any]) -> Literal["begun", "ended"] | None:
    """Says whether a training in this folder has begun or ended. Raises ``DataError`` for a run of something else."""
    path = Path(path)
    if not (path / RUN).is_file() or not (path / SPEC).is_file():  # killed before it had begun
        return None
    run = read_run(path)
    params = {name: spec.model.params[name] for name in spec.overrides}
    if plain(read_file(path, SPEC)) != plain(spec.text) or as_json(run["params"]) != as_json(params):
        raise data_error(BAD_CHECKPOINT, path=path, problem="the training began with another spec, or other params")
    began_with = run.get("training")
    if not isinstance(began_with, dict):
        raise data_error(BAD_RUN, path=path / RUN, problem="is damaged")
    one = {"devices": 1, "strategy": "ddp"}  # these are recorded of several devices only
    for name, value in (one | dict(training)).items():
        began = (one | began_with).get(name)
        if began != value:
            raise data_error(
                BAD_CHECKPOINT, path=path, problem=f"the training began with `{name}` {began}, not {value}"
            )
    return "ended" if has_ended(path) else "begun"


def _order_files(spec: Spec) -> list[str]:
    """The files that explicit orders are read from, relative to the spec. Absolute ones stay where they are."""
    files = []
    for statement in spec.tree.statements:
        if not isinstance(statement, syntax.OrderStatement):
            continue
        written = statement.order
        name = spec.model.params.get(written.name) if isinstance(written, syntax.Reference) else None
        name = written.value if isinstance(written, syntax.String) else name
        if not isinstance(name, str) or Path(name).is_absolute() or not name.endswith(".npy"):
            continue
        if ".." in Path(name).parts:
            problem = f"the order's file `{name}` must lie beside the spec or below it, so that the run can keep a copy"
            raise data_error(BAD_RUN, path=spec.source.name, problem=problem)
        files.append(name)
    return files


def _rounded(value: Any) -> Any:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else value
