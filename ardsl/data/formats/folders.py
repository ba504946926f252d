"""A folder of pictures or of sounds as arrays: what they hold, the folder each stands in, and what a table says."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.data.formats import images, sounds, tables
from ardsl.data.formats.source import LENGTHS
from ardsl.diagnostics.rules.data import NO_SUCH_KEY, UNREADABLE
from ardsl.errors import data_error
from ardsl.families.domains import Binary
from ardsl.model.model import Variable

IMAGE, LABEL = "image", "label"
SOUND, SAMPLES = "sound", "samples"
"""Sounds from −1 to 1, or as the integers that 16 bits hold; all of them one after the other."""
Header = tuple[tuple[int, ...], np.dtype]
"""What an array's header says of it: its shape and its type."""
SPLIT = "split"
TABLES = ("labels.csv", "manifest.csv")
"""A table in the folder: the name of each file, as in the folder, in its first column, and what is known of it."""


@dataclass(frozen=True)
class Folder:
    """The pictures, or the sounds, of a folder and of the folders in it, by their paths in alphabetical order.

    ``image`` is uint8 [pictures, rows, columns], or [pictures, rows, columns, 3] in colour; ``sound`` float32 [moments
    of all sounds], and ``sound_lengths`` [sounds] says where each ends. ``label`` is the name of the folder that each
    file stands in; the other arrays are columns of the folder's table.
    """

    path: Path
    files: tuple[str, ...] = ()
    heard: bool = False
    """They are sounds."""
    rate: int | None = None
    """Moments in a second that sounds must have; None: those of the first."""
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, rate: int | None = None) -> Folder:
        """Lists the files and reads the table, not the files."""
        files = sorted(_found(path, images.SUFFIXES))
        heard = sorted(_found(path, sounds.SUFFIXES))
        if files and heard:
            raise data_error(UNREADABLE, path=path, problem=f"has images ({files[0]}) and sounds ({heard[0]})")
        files = files or heard
        if not files:
            known = ", ".join((*images.SUFFIXES, *sounds.SUFFIXES))
            raise data_error(UNREADABLE, path=path, problem=f"is a folder without images and sounds ({known})")
        columns = {}
        parents = [Path(name).parent.name for name in files]
        if all(parents):
            columns[LABEL] = np.array(parents)
        table = next((path / name for name in TABLES if (path / name).exists()), None)
        if table is not None:
            columns |= _told(table, files)
        return cls(path, tuple(files), bool(heard), rate, columns)

    def only(self, split: str | None) -> Folder | None:
        """The files whose ``split`` the table says is this one; None where it says so of none."""
        chosen = np.flatnonzero(self.columns.get(SPLIT, np.zeros(0, dtype=str)) == split)
        if not len(chosen):
            return None
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return replace(self, files=tuple(self.files[row] for row in chosen), columns=columns)

    @property
    def keys(self) -> tuple[str, ...]:
        own = (SOUND, SAMPLES, f"{SOUND}{LENGTHS}", f"{SAMPLES}{LENGTHS}") if self.heard else (IMAGE,)
        return (*own, *self.columns)

    def name(self, row: int) -> str:
        return str(self.path / self.files[row])

    def header(self, key: str) -> Header | None:
        """The shape and the type of an array, as the headers of the files say, where no file needs to be read."""
        return (images.shape(self.path, self.files), np.dtype(np.uint8)) if key == IMAGE else None

    def read(self, key: str) -> np.ndarray:
        if key == IMAGE:
            return images.read(self.path, self.files)
        if key in (SOUND, SAMPLES):
            return sounds.read(self.path, self.files, self.rate, "float32" if key == SOUND else "int16")
        if key in (f"{SOUND}{LENGTHS}", f"{SAMPLES}{LENGTHS}"):
            return sounds.lengths(self.path, self.files, self.rate)
        return self.columns[key]


def shown_as(pictures: np.ndarray, variable: Variable) -> np.ndarray:
    """Pictures as a variable has them: of a binary one white is 1, and there may be an axis of one channel."""
    if isinstance(variable.domain, Binary):
        pictures = np.where(pictures == 255, 1, pictures)
    return pictures[..., None] if (*pictures.shape[1:], 1) == variable.shape else pictures


def _found(path: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield os.path.relpath(os.path.join(folder, name), path)


def _told(path: Path, files: list[str]) -> dict[str, np.ndarray]:
    """The columns of the table but for the first, for the files in their order."""
    table = tables.open_table(path, str(path))
    first, *others = table.header
    cells: dict[str, list[Any]] = {name: [] for name in table.header}
    for block in table.blocks(list(table.header)):
        for name, column in block.items():
            cells[name] += [None if cell is None else str(cell) for cell in column.to_pylist()]
    named = [os.path.normpath(str(name)) for name in cells[first]]
    twice = next((name for name, times in Counter(named).items() if times > 1), None)
    if twice is not None:
        raise data_error(NO_SUCH_KEY, path=path, problem=f"names {twice} twice")
    row_of = {name: row for row, name in enumerate(named)}
    missing = [name for name in files if name not in row_of]
    if missing:
        more = f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""
        raise data_error(NO_SUCH_KEY, path=path, problem=f"says nothing of {missing[0]}{more}")
    known = set(files)
    lost = [name for name in row_of if name not in known]
    if lost:
        more = f" and {len(lost) - 1:,} more" if len(lost) > 1 else ""
        raise data_error(NO_SUCH_KEY, path=path, problem=f"names {lost[0]}{more}, and there is no such file")
    chosen = [row_of[name] for name in files]
    return {name: np.array([cells[name][row] or "" for row in chosen]) for name in others}
