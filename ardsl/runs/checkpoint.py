"""The whole state of a training as one file that is replaced at once: enough to resume bit for bit.

A state is nested dicts, lists and tuples of plain values and tensors. The tensors become those of a safetensors file,
the rest is JSON in its metadata: reading one executes nothing, and allocates no more than the file holds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ardsl.diagnostics.rules.data import BAD_CHECKPOINT
from ardsl.errors import data_error
from ardsl.system.files import not_a_file, replacing

_PLAIN = (bool, int, float, str, type(None))
_LARGEST = 1 << 62


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write a state; the file at ``path`` is the old one until the new one is whole."""
    tensors: dict[str, Tensor] = {}
    text = json.dumps(_packed(state, tensors))
    write_tensors(path, tensors, {"state": text})


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str]) -> None:
    """Tensors of any device as a safetensors file."""
    on_cpu = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as part:
        try:
            save_file(on_cpu, part, metadata)
        except SafetensorError as error:  # its only word for a full disk
            raise OSError(str(error).rpartition("error: ")[2] or str(error)) from None


def load_state(path: Path) -> dict[str, Any]:
    """The state in a file. Raises ``DataError`` where it is no whole checkpoint."""
    if problem := not_a_file(path):
        raise data_error(BAD_CHECKPOINT, path=path, problem=problem)
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            packed = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        state = _unpacked(packed, tensors)
        if not isinstance(state, dict):
            raise TypeError
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise data_error(BAD_CHECKPOINT, path=path, problem="is damaged, or no checkpoint") from None
    return state


def require_like(template: Any, value: Any) -> None:
    """Raises ``ValueError`` where a value of a state lacks its template's form: nested in the same way, with tensors of
    the same shapes and plain values of the same types."""
    if isinstance(template, Tensor):
        same = isinstance(value, Tensor) and value.shape == template.shape
        if not same or value.is_floating_point() != template.is_floating_point():
            raise ValueError("a tensor of another shape")
    elif isinstance(template, dict):
        if not isinstance(value, dict) or value.keys() != template.keys():
            raise ValueError("other keys")
        for key, part in template.items():
            require_like(part, value[key])
    elif isinstance(template, list | tuple):
        if type(value) is not type(template) or len(value) != len(template):
            raise ValueError("another length")
        for part, own in zip(template, value, strict=True):
            require_like(part, own)
    elif isinstance(template, float):
        if isinstance(value, bool) or not isinstance(value, int | float) or _is_too_large(value):
            raise ValueError("no number")
    elif type(value) is not type(template) or (isinstance(value, int) and _is_too_large(value)):
        raise ValueError("another type")


def _is_too_large(value: float) -> bool:
    """Integers that no counter of torch's can hold; floats may be as large as they can."""
    return isinstance(value, int) and abs(value) > _LARGEST


def _packed(value: Any, tensors: dict[str, Tensor]) -> Any:
    """JSON for a value; what JSON cannot distinguish (tuples, keys that are numbers) is written out."""
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[key, _packed(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(item, tensors) for item in value]}
    if isinstance(value, _PLAIN):
        return value
    raise TypeError(f"{type(value).__name__} in a checkpoint")


def _unpacked(value: Any, tensors: dict[str, Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "dict":
        return {key: _unpacked(item, tensors) for key, item in content}
    return {"list": list, "tuple": tuple}[kind](_unpacked(item, tensors) for item in content)
