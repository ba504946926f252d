"""Arrays of numpy: ``.npz``, several by name, and ``.npy``, one without a name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.data.formats.source import Arrays, Header, Source, guarded
from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.errors import data_error
from ardsl.model.arrays import reading_arrays

SUFFIXES = (".npz", ".npy")


def open_file(path: Path, key: str | None) -> Source:
    """Lists a file's arrays; one of its own is mapped, not read."""
    name = str(path)
    loaded = _load(path, name, lambda file: file if isinstance(file, np.ndarray) else tuple(file.files))
    if isinstance(loaded, np.ndarray):
        if loaded.dtype.itemsize == 0:
            raise data_error(UNREADABLE, path=name, problem="is no array of values")
        if key is not None:
            raise data_error(UNREADABLE, path=name, problem=f"a `.npy` file is one array: it has no key `{key}`")
        return Arrays(name, (), lambda _: loaded, only=True)

    def read(wanted: str) -> np.ndarray:
        array = _load(path, f"{name}#{wanted}", lambda file: file[wanted])
        if not isinstance(array, np.ndarray) or array.dtype.itemsize == 0:
            raise data_error(UNREADABLE, path=f"{name}#{wanted}", problem="is no array of values")
        return array

    def header(wanted: str) -> Header | None:
        return _load(path, f"{name}#{wanted}", lambda file: _header(file, wanted))

    return Arrays(name, loaded, read, key=key, header=header)


def _header(file: Any, key: str) -> Header | None:
    """Reads the header of an array in a `.npz` file; None where it is none that could be read without the array.

    Raises ``ValueError`` where the file has less than its header claims.
    """
    names = {name.removesuffix(".npy"): name for name in file.zip.namelist()}
    entry = file.zip.getinfo(names[key])
    with file.zip.open(entry) as stream:
        try:
            shape, _, kind = _HEADERS[np.lib.format.read_magic(stream)](stream)
        except (ValueError, KeyError):
            return None
    if kind.hasobject or min(shape, default=0) < 0:
        return None
    if math.prod(shape) * kind.itemsize > entry.file_size:
        raise ValueError("cut short")
    return shape, kind


_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def _load(path: Path, name: str, use: Callable[[Any], Any]) -> Any:
    """Opens a file, gives it to ``use``, and closes it."""

    def read() -> Any:
        if path.suffix.lower() == ".npy":
            with reading_arrays():
                return use(np.load(path, mmap_mode="c", allow_pickle=False))
        with (
            reading_arrays(),
            path.open("rb") as file,
        ):  # numpy leaves a file that it opened itself to the garbage collector
            return use(np.load(file, allow_pickle=False))

    return guarded(name, read)
