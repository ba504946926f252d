"""The model of a run folder: its weights, compared with the spec's plan before they are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ardsl.common.wording import listed
from ardsl.compiler.compile import Compiled, compile_model
from ardsl.compiler.standardization import measured_elements
from ardsl.diagnostics import Source
from ardsl.diagnostics.rules.data import BAD_RUN, BAD_WEIGHTS
from ardsl.errors import ArdslError, SpecError, data_error
from ardsl.runs.reading import RUN, SPEC, WEIGHTS, as_json, data_directory, plain, read_file, read_run
from ardsl.spec import Spec, diagnose
from ardsl.system.devices import find_device
from ardsl.system.files import not_a_file

_TYPES = {"F32": torch.float32, "F64": torch.float64}
_RANKS = "I32"
"""The type orders are kept in, beside the weights."""


def restore(directory: str | Path, device: str | torch.device = "cpu") -> Compiled:
    """Restores the trained model of a run folder, in evaluation mode: the same log-probabilities, bit for bit on one
    machine.

    Nothing in the folder is executed, and the weights' names and shapes are compared with the spec's plan before
    anything of their size is allocated.
    """
    path = Path(directory)
    place = find_device(device)
    params = read_run(path)["params"]
    text = read_file(path, SPEC)
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
        raise data_error(BAD_WEIGHTS, path=path / WEIGHTS, problem=str(error)) from None
    model.data_directory = str(data_directory(path))
    return model.to(place).eval()


def _read_weights(path: Path, spec: Spec, params: dict[str, Any]) -> dict[str, Tensor]:
    """The weights of a file whose header agrees with the spec's text, params and number of parameters."""
    if problem := not_a_file(path):
        raise data_error(BAD_WEIGHTS, path=path, problem=problem)
    if not path.is_file():
        raise data_error(BAD_RUN, path=path.parent, problem=f"has no `{WEIGHTS}`: no epoch of the training has ended")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            names = list(file.keys())
            _check_header(path, file.metadata() or {}, spec, params)
            slices = {name: file.get_slice(name) for name in names}
            _check_sizes(path, {n: (s.get_dtype(), s.get_shape()) for n, s in slices.items()}, spec)
            weights = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        problem = f"cannot be read: {str(error).splitlines()[0] if str(error) else 'damaged'}"
        raise data_error(BAD_WEIGHTS, path=path, problem=problem) from None
    broken = [name for name, w in weights.items() if w.is_floating_point() and not bool(w.isfinite().all())]
    if broken:
        raise data_error(BAD_WEIGHTS, path=path, problem=f"{listed(broken)} has numbers that are not finite")
    scales = [name for name, w in weights.items() if name.startswith("units.scale_") and not bool((w > 0).all())]
    if scales:
        raise data_error(BAD_WEIGHTS, path=path, problem=f"{listed(scales)} has scales that are not above 0")
    return weights


def _check_header(path: Path, metadata: Mapping[str, str], spec: Spec, params: dict[str, Any]) -> None:
    if metadata.get("spec") != plain(spec.text):
        problem = f"the weights were trained with another text than `{SPEC}` has now: restore it, or train again"
        raise data_error(BAD_WEIGHTS, path=path, problem=problem)
    if metadata.get("params") != as_json(params):
        problem = f"the weights were trained with other params than `{RUN}` has now: restore it, or train again"
        raise data_error(BAD_WEIGHTS, path=path, problem=problem)


def _check_sizes(path: Path, header: Mapping[str, tuple[str, Sequence[int]]], spec: Spec) -> None:
    """Refuses other numbers of parameters than the plan has, and of ranks than the orders have. Parameters have one
    floating type; units may have
    another type than the parameters."""
    kinds = {kind for name, (kind, _) in header.items() if not _is_unit(name)}
    if not kinds <= {*_TYPES, _RANKS} or len(kinds & set(_TYPES)) > 1:
        raise data_error(BAD_WEIGHTS, path=path, problem=f"the numbers have the type {', '.join(sorted(kinds))}")
    ranks = sum(prod(shape) for kind, shape in header.values() if kind == _RANKS)
    numbers = sum(prod(shape) for kind, shape in header.values() if kind != _RANKS)
    parts = [*spec.conditionals.values(), *spec.guide.values()] if spec.model.guide else [spec]
    units = 2 * sum(
        len(mask) for part_spec in parts for mask in measured_elements(part_spec.model, part_spec.plan.groups).values()
    )
    if numbers != spec.plan.parameters + units:
        also = f" and {units:,} units" if units else ""
        problem = f"it holds {numbers:,} numbers where the plan has {spec.plan.parameters:,} parameters{also}"
        raise data_error(BAD_WEIGHTS, path=path, problem=problem)
    declared = sum(v.size * len(v.orders.orders) for part_spec in parts for v in part_spec.model.observed)
    if ranks != declared:
        raise data_error(BAD_WEIGHTS, path=path, problem=f"it holds {ranks:,} ranks where the orders have {declared:,}")


def _compare(path: Path, weights: Mapping[str, Tensor], model: Compiled) -> None:
    expected = model.state_dict()
    if set(weights) != set(expected):
        differing = sorted(set(weights) ^ set(expected))
        raise data_error(BAD_WEIGHTS, path=path, problem=f"{listed(differing)} are in one of file and plan only")
    for name, weight in expected.items():
        for what, has, needs in (
            ("shape", list(weights[name].shape), list(weight.shape)),
            ("type", weights[name].dtype, weight.dtype),
        ):
            if has != needs and not (what == "type" and _is_unit(name) and has in _TYPES.values()):
                problem = f"`{name}` has the {what} {has} where the plan has {needs}"
                raise data_error(BAD_WEIGHTS, path=path, problem=problem)


def _is_unit(name: str) -> bool:
    """Says whether this is a center or a scale of the standardization, which versions before this one kept in the
    parameters' type."""
    return "units.center_" in name or "units.scale_" in name
