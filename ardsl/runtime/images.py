"""A folder of pictures as arrays: what they show, the folder each stands in, and what a table says of them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import NO_SUCH_KEY, UNREADABLE
from ardsl.runtime import tables
from ardsl.runtime.faults import fault

PICTURES = (".png", ".jpg", ".jpeg")
IMAGE, LABEL = "image", "label"
LABELS = "labels.csv"
"""A table in the folder: the name of each picture, as in the folder, in its first column, and what is known of it."""

_MODES = ("1", "L", "RGB")
"""Pillow's names of black and white, grey, and colour."""
_MOST_PIXELS = 1 << 26
"""A file of a few bytes may claim any size."""


@dataclass
class Folder:
    """The pictures of a folder and of the folders in it, by their paths in alphabetical order.

    ``image`` is uint8 [pictures, rows, columns], or [pictures, rows, columns, 3] in colour; ``label`` the name of the
    folder that each stands in; the other arrays are columns of ``labels.csv``.
    """

    path: Path
    files: tuple[str, ...] = ()
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Lists the pictures and reads the table, not the pictures."""
        files = sorted(_found(path))
        if not files:
            raise fault(UNREADABLE, path=path, problem=f"is a folder without pictures ({', '.join(PICTURES)})")
        columns = {}
        parents = [Path(name).parent.name for name in files]
        if all(parents):
            columns[LABEL] = np.array(parents)
        if (path / LABELS).is_file():
            columns |= _labels(path / LABELS, files)
        return cls(path, tuple(files), columns)

    @property
    def keys(self) -> tuple[str, ...]:
        return (IMAGE, *self.columns)

    def name(self, row: int) -> str:
        return str(self.path / self.files[row])

    def read(self, key: str) -> np.ndarray:
        return self._pictures() if key == IMAGE else self.columns[key]

    def _pictures(self) -> np.ndarray:
        whole: np.ndarray | None = None
        for row in range(len(self.files)):
            picture = _picture(self.name(row))
            if whole is None:
                whole = np.empty((len(self.files), *picture.shape), dtype=np.uint8)
            if picture.shape != whole.shape[1:]:
                problem = f"is {_described(picture)}, and {self.files[0]} is {_described(whole[0])}"
                raise fault(UNREADABLE, path=self.name(row), problem=problem)
            whole[row] = picture
        assert whole is not None  # there are pictures
        return whole


def _found(path: Path) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        for name in names:
            if name.lower().endswith(PICTURES) and not name.startswith("."):
                yield os.path.relpath(os.path.join(folder, name), path)


def _picture(name: str) -> np.ndarray:
    """The pixels of a file: uint8 [rows, columns] or [rows, columns, 3]; 0 and 1 where it is black and white."""
    from PIL import Image, UnidentifiedImageError

    try:
        with _quiet(), Image.open(name) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise Image.DecompressionBombError
            picture = _plain(opened)
            if picture.mode not in _MODES:
                known = "black and white, grey or RGB: save it as one of these"
                raise fault(UNREADABLE, path=name, problem=f"has the mode {opened.mode}, and pictures are {known}")
            return np.asarray(picture).astype(np.uint8)
    except PermissionError:
        problem = "may not be read (permission denied)"
    except Image.DecompressionBombError:
        problem = f"claims more than {_MOST_PIXELS:,} pixels"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        problem = "is no picture, or is damaged"
    raise fault(UNREADABLE, path=name, problem=problem)


def _plain(picture: Any) -> Any:
    """A palette as its colours, and no transparency where nothing is transparent."""
    if picture.mode == "P" and "transparency" not in picture.info:
        return picture.convert("RGB")
    if picture.mode in ("RGBA", "LA") and picture.getchannel("A").getextrema() == (255, 255):
        return picture.convert(picture.mode[:-1])
    return picture


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings of large pictures, which are refused in any case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _described(picture: np.ndarray) -> str:
    return f"{picture.shape[1]} × {picture.shape[0]} pixels{' in colour' if picture.ndim == 3 else ''}"


def _labels(path: Path, files: list[str]) -> dict[str, np.ndarray]:
    """The columns of the table but for the first, for the files in their order."""
    table = tables.open_table(path, str(path))
    first, *others = table.header
    cells: dict[str, list[Any]] = {name: [] for name in table.header}
    for block in table.blocks(list(table.header)):
        for name, column in block.items():
            cells[name] += [None if cell is None else str(cell) for cell in column.to_pylist()]
    row_of = {os.path.normpath(str(name)): row for row, name in enumerate(cells[first])}
    missing = [name for name in files if name not in row_of]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise fault(NO_SUCH_KEY, path=path, problem=f"says nothing of {missing[0]}{more}")
    known = set(files)
    lost = [name for name in row_of if name not in known]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise fault(NO_SUCH_KEY, path=path, problem=f"names {lost[0]}{more}, and there is no such picture")
    chosen = [row_of[name] for name in files]
    return {name: np.array([cells[name][row] or "" for row in chosen]) for name in others}
