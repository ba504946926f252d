"""Sources: a path, an array or a mapping, opened as named arrays. Nothing in a file is ever executed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ardsl.data.formats import arrays, csv, images, parquet, sounds, texts
from ardsl.data.formats.folders import open_folder
from ardsl.data.formats.source import Arrays, Source, guarded
from ardsl.diagnostics.rules.data import UNREADABLE, WRONG_FORMAT, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.system.files import not_a_file

FORMATS: dict[str, Callable[[Path, str | None], Source]] = {
    **dict.fromkeys(arrays.SUFFIXES, arrays.open_file),
    **dict.fromkeys(csv.SUFFIXES, csv.open_file),
    **dict.fromkeys(parquet.SUFFIXES, parquet.open_file),
    **dict.fromkeys(texts.SUFFIXES, texts.open_file),
}
"""The function that opens a file, by the suffix of its name."""


def open_source(data: Any, directory: str | Path = ".", rate: int | None = None) -> Source:
    """The source that ``data`` is: a path (relative to ``directory``), an array, a mapping, a frame or a Dataset.
    Sounds must have ``rate`` samples a second, where it is given."""
    if isinstance(data, (str, Path)):
        return _open_path(data, Path(directory), rate)
    if isinstance(data, Mapping):
        named = {str(key): value for key, value in data.items()}
        return Arrays("the data", tuple(named), lambda key: _array(named[key], f"`{key}`"), in_memory=True)
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):  # a data frame, of any library
        return open_source({str(name): np.asarray(data[name]) for name in data.columns})
    if isinstance(data, torch.utils.data.Dataset):
        return _open_dataset(data)
    if isinstance(data, (np.ndarray, torch.Tensor, list, tuple)) or hasattr(data, "__array__"):
        whole = _array(data, "the data")
        return Arrays("the data", (), lambda _: whole, only=True)
    kinds = "a path, an array, a tensor, a dict of these, a data frame or a Dataset"
    raise data_error(WRONG_FORMAT, problem=f"data must be {kinds}, not {type(data).__name__}")


def split_key(source: str) -> tuple[str, str | None]:
    """``PATH#KEY`` as its two halves."""
    path, mark, key = str(source).partition("#")
    return path, key if mark else None


def _open_path(source: str | Path, directory: Path, rate: int | None) -> Source:
    written, key = split_key(str(source))
    path = Path(directory, written)
    name = str(path)
    if os.path.isdir(path):  # False for whatever cannot be a path
        return guarded(name, lambda: open_folder(path, key, rate))
    if problem := "there is no such file" if "\0" in name else not_a_file(path):
        raise data_error(UNREADABLE, path=name, problem=problem)
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix](path, key)
    if not suffix and not os.path.exists(path):
        raise data_error(UNREADABLE, path=name, problem="there is no such file or folder")
    if suffix in (*images.SUFFIXES, *sounds.SUFFIXES):
        raise data_error(WRONG_FORMAT, problem=f"{name} is one example: give the folder that it is in")
    what = f"`{suffix}` files are not read" if suffix else "a file without a suffix is not read"
    raise data_error(WRONG_FORMAT, problem=f"{name}: {what}; there are {', '.join(FORMATS)}, and folders")


def _array(value: Any, place: str) -> np.ndarray:
    """An array in memory as numpy's."""
    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
        return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    try:
        return np.asarray(value)
    except ValueError:
        raise data_error(WRONG_SHAPE, place=place, problem="is no array: its rows differ in shape") from None


def _open_dataset(data: Any) -> Source:
    """A map-style Dataset's examples, stacked; parts of a tuple are named by their place."""
    if isinstance(data, torch.utils.data.TensorDataset):
        return _parts([_array(t, "the Dataset") for t in data.tensors])
    try:
        count = len(data)
    except TypeError:
        raise data_error(WRONG_FORMAT, problem="a Dataset needs a length: iterable ones are not read") from None
    examples = [data[i] for i in range(count)]
    if not examples:
        raise data_error(WRONG_SHAPE, place="the Dataset", problem="there are no examples")
    first = examples[0]
    if isinstance(first, Mapping):
        return open_source({key: _stacked((e[key] for e in examples), f"`{key}`") for key in first})
    if isinstance(first, tuple):
        return _parts([_stacked((e[k] for e in examples), f"part {k}") for k in range(len(first))])
    return open_source(_stacked(examples, "the Dataset"))


def _parts(parts: list[np.ndarray]) -> Source:
    if len(parts) == 1:
        return open_source(parts[0])
    named = {f"part {k}": array for k, array in enumerate(parts)}
    return Arrays("the Dataset", tuple(named), lambda key: named[key], positional=True)


def _stacked(values: Iterable[Any], place: str) -> np.ndarray:
    try:
        return np.stack([_array(value, place) for value in values])
    except (ValueError, TypeError):
        raise data_error(WRONG_SHAPE, place=place, problem="the examples differ in shape") from None
