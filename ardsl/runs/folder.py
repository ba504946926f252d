"""Run folders: what a training leaves behind, enough to restore the model exactly.

A folder holds

- ``spec.ar``: the spec's text, byte for byte, and copies of the ``.npy`` files its orders are read from;
- ``run.json``: the params that overrode the text's, the directory its data paths are relative to, how it was trained,
  and the final figures once training has ended;
- ``weights.safetensors``: the best weights so far, with the spec's text and params in the metadata;
- ``checkpoint.safetensors``: while a training has not ended, all that it takes to go on with it;
- ``metrics.csv`` and ``metrics.jsonl``: the training curve (epoch, seconds, train, valid, and the divergence of each
  latent variable), and ``curve.png``, the same as a picture, where matplotlib is installed;
- ``samples.png``, ``samples-0.wav`` … or ``samples.txt``: samples, where a variable is a picture, a sound or a text.

Every file is replaced whole, so a folder can be read while training goes on.
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
from math import prod
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

import ardsl
from ardsl.common.wording import listed
from ardsl.compiler.compile import Compiled, compile_model
from ardsl.compiler.standardization import measured_elements
from ardsl.diagnostics import Source
from ardsl.diagnostics.rules.data import BAD_CHECKPOINT, BAD_RUN, BAD_WEIGHTS
from ardsl.errors import ArdslError, SpecError
from ardsl.language import syntax
from ardsl.runs.checkpoint import load_state, save_state, write_tensors
from ardsl.runs.locks import LOCK, locked
from ardsl.spec import Spec, diagnose
from ardsl.system.devices import find_device
from ardsl.system.faults import fault, not_a_file
from ardsl.system.files import remove_parts, replacing, write_text

SPEC, RUN, WEIGHTS, METRICS = "spec.ar", "run.json", "weights.safetensors", "metrics.csv"
STATE, LINES, CURVE = "checkpoint.safetensors", "metrics.jsonl", "curve.png"
SAMPLES = ("samples.png", "samples.txt", "samples.wav", *(f"samples-{number}.wav" for number in range(4)))
_NAMES = (SPEC, RUN, WEIGHTS, METRICS, STATE, LINES, CURVE, *SAMPLES)
_CURVE = ("epoch", "seconds", "train", "valid")
_LONGEST = 16 << 20
"""Characters of the longest text that is read."""
_TYPES = {"F32": torch.float32, "F64": torch.float64}
_TRAINING = "training"
_RANKS = "I32"
"""The type orders are kept in, beside the weights."""


class RunFolder:
    """A run folder while it is written, by this process alone: use it as a context."""

    def __init__(self, path: str | Path, spec: Spec, training: Mapping[str, Any], resume: bool = False) -> None:
        """Starts the folder, new or empty. An earlier run's is gone on with, or moves aside to make room."""
        self.path = Path(path)
        self.kept: Path | None = None
        """Where an earlier run's folder is now."""
        self._spec = spec
        self._run: dict[str, Any] = {
            "ardsl": ardsl.__version__,
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
                raise fault(BAD_RUN, path=self.path, problem=problem) from None
            write_text(self.path / RUN, _json(self._run))
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
            raise fault(BAD_RUN, path=path, problem="is a file, not a folder to train into")
        others = path.is_dir() and any(other.name != LOCK for other in path.iterdir())
        if not self._resume and others and not (path / RUN).is_file():
            raise fault(BAD_RUN, path=path, problem="holds other files: give a new folder, or one of an earlier run")
        held.enter_context(locked(path, _TRAINING))
        if not self._resume and ((path / WEIGHTS).is_file() or (path / STATE).is_file()):
            numbers = itertools.count(1)
            self.kept = next(p for p in (path.with_name(f"{path.name}.{n}") for n in numbers) if not p.exists())
            path.rename(self.kept)
            (self.kept / LOCK).unlink()
            held.enter_context(locked(path, _TRAINING))

    def save_weights(self, weights: Mapping[str, Tensor]) -> None:
        metadata = {
            "ardsl": ardsl.__version__,
            "spec": _plain(self._spec.text),
            "params": _json(self._run["params"]),
        }
        write_tensors(self.path / WEIGHTS, weights, metadata)

    def save_metrics(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """The training curve so far; what was not measured stays empty."""
        text = io.StringIO()
        names = tuple(dict.fromkeys([*_CURVE, *(name for row in rows for name in row)]))
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _rounded(row.get(name)) for name in names} for row in rows)
        write_text(self.path / METRICS, text.getvalue())
        write_text(self.path / LINES, "".join(json.dumps({k: row.get(k) for k in names}) + "\n" for row in rows))

    def save_state(self, state: dict[str, Any]) -> None:
        save_state(self.path / STATE, state)

    def load_state(self) -> dict[str, Any] | None:
        """What to go on from, None where the training is to begin."""
        path = self.path / STATE
        return load_state(path) if path.exists() else None

    def drop_state(self) -> None:
        (self.path / STATE).unlink(missing_ok=True)

    def save_figures(self, figures: Mapping[str, Any]) -> None:
        self._run["figures"] = dict(figures)
        write_text(self.path / RUN, _json(self._run))


def restore(directory: str | Path, device: str | torch.device = "cpu") -> Compiled:
    """The trained model of a run folder, in evaluation mode: the same log-probabilities, bit for bit on one machine.

    Nothing in the folder is executed, and the weights' names and shapes are compared with the spec's plan before
    anything of their size is allocated.
    """
    path = Path(directory)
    place = find_device(device)
    params = read_run(path)["params"]
    text = _read(path, SPEC)
    diagnostics, spec = diagnose(Source(text, str(path / SPEC), str(path)), params)
    if spec is None:
        raise SpecError(diagnostics)
    weights = _read_weights(path / WEIGHTS, spec, params)
    typed = (w.dtype for name, w in weights.items() if w.is_floating_point() and not _is_unit(name))
    dtype = next(typed, torch.float32)
    model = compile_model(spec, device="cpu", dtype=dtype)
    _compare(path / WEIGHTS, weights, model)
    try:
        model.load_state_dict(weights)
    except ArdslError as error:
        raise fault(BAD_WEIGHTS, path=path / WEIGHTS, problem=str(error)) from None
    model.data_directory = str(data_directory(path))
    return model.to(place).eval()


def check_earlier(path: str | Path, spec: Spec, training: Mapping[str, Any]) -> Literal["begun", "ended"] | None:
    """What a training in this folder would go on with. Raises ``DataError`` for a run of something else."""
    path = Path(path)
    if not (path / RUN).is_file() or not (path / SPEC).is_file():  # killed before it had begun
        return None
    run = read_run(path)
    params = {name: spec.model.params[name] for name in spec.overrides}
    if _plain(_read(path, SPEC)) != _plain(spec.text) or _json(run["params"]) != _json(params):
        raise fault(BAD_CHECKPOINT, path=path, problem="the training began with another spec, or other params")
    told = run.get("training")
    if not isinstance(told, dict):
        raise fault(BAD_RUN, path=path / RUN, problem="is damaged")
    one = {"devices": 1, "strategy": "ddp"}  # what is told of several only
    for name, value in (one | dict(training)).items():
        began = (one | told).get(name)
        if began != value:
            raise fault(BAD_CHECKPOINT, path=path, problem=f"the training began with `{name}` {began}, not {value}")
    return "ended" if has_ended(path) else "begun"


def has_ended(directory: str | Path) -> bool:
    """Whether the training came to its end: not at work, and not cut short."""
    figures = read_run(directory).get("figures")
    return isinstance(figures, dict) and figures.get("stopped") in ("epochs", "patience")


def read_metrics(directory: str | Path) -> list[dict[str, Any]]:
    """The training curve: a dict for each epoch."""
    rows = csv.DictReader(io.StringIO(_read(Path(directory), METRICS)))
    numbers = {"epoch": int, "seconds": float, "train": float, "valid": float}
    try:
        if not set(_CURVE) <= set(rows.fieldnames or ()):
            raise ValueError
        return [{name: numbers.get(name, float)(row[name]) if row[name] else None for name in row} for row in rows]
    except (KeyError, ValueError, csv.Error):
        raise fault(BAD_RUN, path=Path(directory, METRICS), problem="is damaged") from None


def read_run(directory: str | Path) -> dict[str, Any]:
    """What ``run.json`` says: params, directory, training, and (after training) figures."""
    path = Path(directory)
    text = _read(path, RUN)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("params"), dict):
        raise fault(BAD_RUN, path=path / RUN, problem="is damaged")
    return found


def data_directory(directory: str | Path) -> Path:
    """Where the paths of a run's ``data`` block start: the directory of the spec it was trained from."""
    return Path(directory, str(read_run(directory).get("directory", ".")))


def _read(path: Path, name: str) -> str:
    if problem := not_a_file(path / name):
        raise fault(BAD_RUN, path=path, problem=f"`{name}` {problem}")
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
    raise fault(BAD_RUN, path=path, problem=problem)


def _read_weights(path: Path, spec: Spec, params: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a file whose header agrees with the spec's text, params and number of parameters."""
    if problem := not_a_file(path):
        raise fault(BAD_WEIGHTS, path=path, problem=problem)
    if not path.is_file():
        raise fault(BAD_RUN, path=path.parent, problem=f"has no `{WEIGHTS}`: no epoch of the training has ended")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            _check_header(path, file.metadata() or {}, spec, params)
            slices = {name: file.get_slice(name) for name in names}
            _check_sizes(path, {n: (s.get_dtype(), s.get_shape()) for n, s in slices.items()}, spec)
            weights = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        problem = f"cannot be read: {str(error).splitlines()[0] if str(error) else 'damaged'}"
        raise fault(BAD_WEIGHTS, path=path, problem=problem) from None
    broken = [name for name, w in weights.items() if w.is_floating_point() and not bool(w.isfinite().all())]
    if broken:
        raise fault(BAD_WEIGHTS, path=path, problem=f"{listed(broken)} has numbers that are not finite")
    scales = [name for name, w in weights.items() if name.startswith("units.scale_") and not bool((w > 0).all())]
    if scales:
        raise fault(BAD_WEIGHTS, path=path, problem=f"{listed(scales)} has scales that are not above 0")
    return weights


def _check_header(path: Path, metadata: Mapping[str, str], spec: Spec, params: dict[str, Any]) -> None:
    if metadata.get("spec") != _plain(spec.text):
        problem = f"the weights were trained with another text than `{SPEC}` has now: restore it, or train again"
        raise fault(BAD_WEIGHTS, path=path, problem=problem)
    if metadata.get("params") != _json(params):
        problem = f"the weights were trained with other params than `{RUN}` has now: restore it, or train again"
        raise fault(BAD_WEIGHTS, path=path, problem=problem)


def _check_sizes(path: Path, header: Mapping[str, tuple[str, Sequence[int]]], spec: Spec) -> None:
    """As many parameters as the plan has, of one floating type, and as many ranks as the orders have. Units may have
    another type than the parameters."""
    kinds = {kind for name, (kind, _) in header.items() if not _is_unit(name)}
    if not kinds <= {*_TYPES, _RANKS} or len(kinds & set(_TYPES)) > 1:
        raise fault(BAD_WEIGHTS, path=path, problem=f"the numbers have the type {', '.join(sorted(kinds))}")
    ranks = sum(prod(shape) for kind, shape in header.values() if kind == _RANKS)
    numbers = sum(prod(shape) for kind, shape in header.values() if kind != _RANKS)
    parts = [*spec.conditionals.values(), *spec.guide.values()] if spec.model.guide else [spec]
    units = 2 * sum(len(mask) for part in parts for mask in measured_elements(part.model, part.plan.groups).values())
    if numbers != spec.plan.parameters + units:
        also = f" and {units:,} units" if units else ""
        problem = f"it holds {numbers:,} numbers where the plan has {spec.plan.parameters:,} parameters{also}"
        raise fault(BAD_WEIGHTS, path=path, problem=problem)
    declared = sum(v.size * len(v.orders.orders) for part in parts for v in part.model.observed)
    if ranks != declared:
        raise fault(BAD_WEIGHTS, path=path, problem=f"it holds {ranks:,} ranks where the orders have {declared:,}")


def _compare(path: Path, found: Mapping[str, Tensor], model: Compiled) -> None:
    wanted = model.state_dict()
    if set(found) != set(wanted):
        differing = sorted(set(found) ^ set(wanted))
        raise fault(BAD_WEIGHTS, path=path, problem=f"{listed(differing)} are in one of file and plan only")
    for name, weight in wanted.items():
        for what, has, needs in (
            ("shape", list(found[name].shape), list(weight.shape)),
            ("type", found[name].dtype, weight.dtype),
        ):
            if has != needs and not (what == "type" and _is_unit(name) and has in _TYPES.values()):
                problem = f"`{name}` has the {what} {has} where the plan has {needs}"
                raise fault(BAD_WEIGHTS, path=path, problem=problem)


def _is_unit(name: str) -> bool:
    """Whether this is a center or a scale of the standardization, which versions before this one kept in the
    parameters' type."""
    return "units.center_" in name or "units.scale_" in name


def _order_files(spec: Spec) -> list[str]:
    """The files that explicit orders are read from, relative to the spec. Absolute ones stay where they are."""
    found = []
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
            raise fault(BAD_RUN, path=spec.source.name, problem=problem)
        found.append(name)
    return found


def _plain(text: str) -> str:
    """Text that safetensors can keep: bytes that are not UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def _rounded(value: Any) -> Any:
    return "" if value is None else f"{value:.6f}" if isinstance(value, float) else value
