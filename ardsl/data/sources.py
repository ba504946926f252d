"""Sources: a path, an array or a mapping, opened as named arrays. Nothing in a file is ever executed."""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ardsl.common.memory import memory_problem
from ardsl.common.wording import listed, size
from ardsl.data.formats import images, sounds, tables, texts
from ardsl.data.formats.folders import SPLIT, Folder, Header
from ardsl.data.formats.tables import Table
from ardsl.data.formats.texts import Text
from ardsl.diagnostics.rules.data import NO_SUCH_KEY, UNREADABLE, WRONG_FORMAT, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.model.arrays import reading_arrays
from ardsl.system.files import not_a_file

SUFFIXES = (".npz", ".npy", *tables.SUFFIXES, *texts.SUFFIXES)
_PICKLED = "holds pickled Python objects, which are never loaded: save numbers, or text of a fixed width"


@dataclass
class Source:
    """Named arrays, read when they are asked for, or a ``table`` read in blocks. A nameless array is the ``only`` one.

    ``key`` is what ``#KEY`` chose.
    """

    name: str
    keys: tuple[str, ...]
    read: Callable[[str], np.ndarray] | None = field(repr=False, default=None)
    key: str | None = None
    only: bool = False
    table: Table | None = None
    in_memory: bool = False
    """Named by the user, not by a file: names must be the variables'."""
    positional: bool = False
    """The parts of an example, in the order of the observed variables, then the given ones."""
    row_name: Callable[[int], str] | None = field(repr=False, default=None)
    """What messages call an example, where it has a name of its own: a picture's file, or a line of text."""
    text: Text | None = None
    header: Callable[[str], Header | None] = field(repr=False, default=lambda _: None)
    """The shape and the type of an array, by its header, where it can be known before the array is read."""

    @property
    def is_table(self) -> bool:
        return self.table is not None

    @property
    def bound(self) -> int | None:
        """The most rows that the blocks have together; None where there is one block."""
        return self.table.bound if self.table is not None else None

    def blocks(self, keys: Sequence[str]) -> Iterator[tuple[dict[str, Any], int]]:
        """All rows of these arrays or columns, a block at a time: the columns of a table are pyarrow arrays. And the
        number of the block's first row."""
        if self.table is None:
            assert self.read is not None  # a source has one or the other
            yield {key: self.read(key) for key in (keys or ("",))}, 0
            return
        first = 0
        for block in _guarded_blocks(self.table, list(dict.fromkeys(keys))):
            yield block, first
            first += len(next(iter(block.values())))

    def place(self, key: str) -> str:
        """What messages call an array."""
        if self.only or self.table is not None or self.row_name is not None:
            return self.name
        return f"`{key}`" if self.in_memory else key if self.positional else f"{self.name}#{key}"


def open_source(data: Any, directory: str | Path = ".", rate: int | None = None) -> Source:
    """The source that ``data`` is: a path (relative to ``directory``), an array, a mapping, a frame or a Dataset.
    Sounds must have ``rate`` moments a second, where it is given."""
    if isinstance(data, (str, Path)):
        return _open_path(data, Path(directory), rate)
    if isinstance(data, Mapping):
        arrays = {str(key): value for key, value in data.items()}
        return Source("the data", tuple(arrays), lambda key: _array(arrays[key], f"`{key}`"), in_memory=True)
    if hasattr(data, "columns") and hasattr(data, "__getitem__"):  # a data frame, of any library
        return open_source({str(name): np.asarray(data[name]) for name in data.columns})
    if isinstance(data, torch.utils.data.Dataset):
        return _open_dataset(data)
    if isinstance(data, (np.ndarray, torch.Tensor, list, tuple)) or hasattr(data, "__array__"):
        whole = _array(data, "the data")
        return Source("the data", (), lambda _: whole, only=True)
    kinds = "a path, an array, a tensor, a dict of these, a data frame or a Dataset"
    raise data_error(WRONG_FORMAT, problem=f"data must be {kinds}, not {type(data).__name__}")


def split_key(source: str) -> tuple[str, str | None]:
    """``PATH#KEY`` as its two halves."""
    path, mark, key = str(source).partition("#")
    return path, key if mark else None


def _open_path(source: str | Path, directory: Path, rate: int | None) -> Source:
    written, key = split_key(str(source))
    path = Path(directory, written)
    suffix = path.suffix.lower()
    name = str(path)
    if os.path.isdir(path):  # False for whatever cannot be a path
        folder = _guarded(name, lambda: Folder.open(path, rate))
        chosen = folder.only(key)
        if chosen is None and key is not None and key not in folder.keys and SPLIT in folder.columns:
            there = listed(sorted(set(folder.columns[SPLIT].tolist())))
            raise data_error(
                NO_SUCH_KEY, path=name, problem=f"none of its files is of the split `{key}`: there are {there}"
            )
        key, folder = (key, folder) if chosen is None else (None, chosen)
        return Source(
            name,
            folder.keys,
            folder.read,
            key=key,
            row_name=folder.name,
            header=lambda key: _guarded(name, lambda: folder.header(key)),
        )
    if problem := "there is no such file" if "\0" in name else not_a_file(path):
        raise data_error(UNREADABLE, path=name, problem=problem)
    if suffix not in SUFFIXES:
        if not suffix and not os.path.exists(path):
            raise data_error(UNREADABLE, path=name, problem="there is no such file or folder")
        if suffix in (*images.SUFFIXES, *sounds.SUFFIXES):
            raise data_error(WRONG_FORMAT, problem=f"{name} is one example: give the folder that it is in")
        what = f"`{suffix}` files are not read" if suffix else "a file without a suffix is not read"
        raise data_error(WRONG_FORMAT, problem=f"{name}: {what}; there are {', '.join(SUFFIXES)}, and folders")
    if suffix in tables.SUFFIXES:
        table = _guarded(name, lambda: tables.open_table(path, name))
        return Source(name, table.header, key=key, table=table)
    if suffix in texts.SUFFIXES:
        if key is not None:
            raise data_error(UNREADABLE, path=name, problem=f"a `.txt` file is one text: it has no key `{key}`")
        text = _guarded(name, lambda: Text.open(path))
        return Source(name, text.keys, text.read, row_name=text.row_name, text=text)
    found = _load(path, name, lambda loaded: loaded if isinstance(loaded, np.ndarray) else tuple(loaded.files))
    if isinstance(found, np.ndarray):
        if found.dtype.itemsize == 0:
            raise data_error(UNREADABLE, path=name, problem="is no array of values")
        if key is not None:
            raise data_error(UNREADABLE, path=name, problem=f"a `.npy` file is one array: it has no key `{key}`")
        return Source(name, (), lambda _: found, only=True)

    def read(wanted: str) -> np.ndarray:
        array = _load(path, f"{name}#{wanted}", lambda loaded: loaded[wanted])
        if not isinstance(array, np.ndarray) or array.dtype.itemsize == 0:
            raise data_error(UNREADABLE, path=f"{name}#{wanted}", problem="is no array of values")
        return array

    return Source(name, found, read, key, header=lambda key: _load(path, f"{name}#{key}", lambda it: _header(it, key)))


def _header(file: Any, key: str) -> Header | None:
    """What the header of an array in a `.npz` file says; None where it is none that could be read without the array.

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
    """What ``use`` takes of a ``.npy`` or ``.npz`` file; an array of its own is mapped, not read."""

    def read() -> Any:
        if path.suffix.lower() == ".npy":
            with reading_arrays():
                return use(np.load(path, mmap_mode="c", allow_pickle=False))
        with (
            reading_arrays(),
            path.open("rb") as file,
        ):  # numpy leaves a file that it opened itself to the garbage collector
            return use(np.load(file, allow_pickle=False))

    return _guarded(name, read)


def _guarded_blocks(table: Table, columns: list[str]) -> Iterator[dict[str, Any]]:
    blocks = table.blocks(columns)
    while (block := _guarded(table.name, lambda: next(blocks, None))) is not None:
        yield block


def _guarded(name: str, read: Callable[[], Any]) -> Any:
    """What ``read`` gives; whatever is wrong with the file is one line."""
    try:
        return read()
    except FileNotFoundError:
        problem = "there is no such file"
    except PermissionError:
        problem = "may not be read (permission denied)"
    except OSError as error:
        problem = f"cannot be read: {os.strerror(error.errno).lower()}" if error.errno else "is cut short or damaged"
        if error.errno == errno.ENOMEM:
            problem = f"is larger than the memory, with its {size(os.path.getsize(split_key(name)[0]))}"
    except MemoryError as error:
        problem = memory_problem(error) or ""
    except ValueError as error:
        # numpy offers pickle for anything it does not know, so only its words tell an object array from noise.
        objects = "Object arrays" in str(error) or "Python objects" in str(error)
        problem = _PICKLED if objects else "is cut short or damaged"
    raise data_error(UNREADABLE, path=name, problem=problem)


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


def _parts(arrays: list[np.ndarray]) -> Source:
    if len(arrays) == 1:
        return open_source(arrays[0])
    named = {f"part {k}": array for k, array in enumerate(arrays)}
    return Source("the Dataset", tuple(named), open_source(named).read, positional=True)


def _stacked(values: Iterable[Any], place: str) -> np.ndarray:
    try:
        return np.stack([_array(value, place) for value in values])
    except (ValueError, TypeError):
        raise data_error(WRONG_SHAPE, place=place, problem="the examples differ in shape") from None
