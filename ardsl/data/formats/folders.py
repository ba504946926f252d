"""Folders of images or of sounds: what the files hold, the folder each is in, and what a table says of it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.common.wording import listed
from ardsl.data.formats import csv, images, sounds
from ardsl.data.formats.source import LENGTHS, Arrays, Header, guarded
from ardsl.diagnostics.rules.data import NO_SUCH_KEY, UNREADABLE
from ardsl.errors import data_error
from ardsl.families.domains import Binary
from ardsl.model.model import Variable

IMAGE, LABEL = "image", "label"
SOUND, SAMPLES = "sound", "samples"
"""Sounds from −1 to 1, or as the integers that 16 bits hold; all of them one after the other."""
SPLIT = "split"
TABLES = ("labels.csv", "manifest.csv")
"""A table in the folder: the name of each file, as in the folder, in its first column, and what is known of it."""


def open_folder(path: Path, key: str | None, rate: int | None) -> Folder:
    """Lists the files of a folder and reads its table, not the files. Sounds must have ``rate`` time steps a second;
    None: those of the first."""
    images_there = sorted(_files(path, images.SUFFIXES))
    sounds_there = sorted(_files(path, sounds.SUFFIXES))
    if images_there and sounds_there:
        problem = f"has images ({images_there[0]}) and sounds ({sounds_there[0]})"
        raise data_error(UNREADABLE, path=path, problem=problem)
    files = images_there or sounds_there
    if not files:
        known = ", ".join((*images.SUFFIXES, *sounds.SUFFIXES))
        raise data_error(UNREADABLE, path=path, problem=f"is a folder without images and sounds ({known})")
    columns = {}
    parents = [Path(name).parent.name for name in files]
    if all(parents):
        columns[LABEL] = np.array(parents)
    table = next((path / name for name in TABLES if (path / name).exists()), None)
    if table is not None:
        columns |= _columns(table, files)
    folder = Folder(path, tuple(files), bool(sounds_there), rate, columns, key)
    return folder if key is None else folder.of_split(key)


class Folder(Arrays):
    """The images, or the sounds, of a folder and of the folders in it, by their paths in alphabetical order.

    ``image`` is uint8 [images, rows, columns], or [images, rows, columns, 3] in colour; ``sound`` float32 [time steps
    of all sounds], and ``sound_lengths`` [sounds] says where each ends. ``label`` is the name of the folder that each
    file is in; the other arrays are columns of the folder's table.
    """

    def __init__(
        self,
        path: Path,
        files: tuple[str, ...],
        are_sounds: bool,
        rate: int | None,
        columns: dict[str, np.ndarray],
        key: str | None,
    ) -> None:
        """Takes the files' paths in the folder, and the table's columns with a cell for each of them."""
        own = (SOUND, SAMPLES, f"{SOUND}{LENGTHS}", f"{SAMPLES}{LENGTHS}") if are_sounds else (IMAGE,)
        keys = (*own, *columns)
        super().__init__(str(path), keys, self._read, key=key, header=self._header, row_name=self._row_name)
        self.path, self.files, self.are_sounds, self.rate, self.columns = path, files, are_sounds, rate, columns

    def of_split(self, split: str) -> Folder:
        """Gives the files whose ``split`` the table says is this one; all of them where the name is no split's, but may
        be an array's."""
        chosen = np.flatnonzero(self.columns.get(SPLIT, np.zeros(0, dtype=str)) == split)
        if not len(chosen) and (split in self.keys or SPLIT not in self.columns):
            return self
        if not len(chosen):
            there = listed(sorted(set(self.columns[SPLIT].tolist())))
            problem = f"none of its files is of the split `{split}`: there are {there}"
            raise data_error(NO_SUCH_KEY, path=self.name, problem=problem)
        columns = {name: column[chosen] for name, column in self.columns.items()}
        files = tuple(self.files[row] for row in chosen)
        return Folder(self.path, files, self.are_sounds, self.rate, columns, None)

    def _row_name(self, row: int) -> str:
        return str(self.path / self.files[row])

    def _header(self, key: str) -> Header | None:
        """Gives the shape and the type that images have by the files' headers."""
        if key != IMAGE:
            return None
        return guarded(self.name, lambda: (images.shape(self.path, self.files), np.dtype(np.uint8)))

    def _read(self, key: str) -> np.ndarray:
        if key == IMAGE:
            return images.read(self.path, self.files)
        if key in (SOUND, SAMPLES):
            return sounds.read(self.path, self.files, self.rate, "float32" if key == SOUND else "int16")
        if key in (f"{SOUND}{LENGTHS}", f"{SAMPLES}{LENGTHS}"):
            return sounds.lengths(self.path, self.files, self.rate)
        return self.columns[key]

    def offered(self, variable: Variable, alone: bool) -> str | None:
        if not self.are_sounds:
            return IMAGE if len(variable.shape) in (2, 3) else None
        if len(variable.shape) != 1:
            return None
        return SAMPLES if variable.element_domain(0).whole else SOUND

    def fitted(self, key: str, values: np.ndarray, variable: Variable) -> np.ndarray:
        """Gives images as a variable has them: of a binary one white is 1, and there may be an axis of one channel."""
        if key != IMAGE:
            return values
        if isinstance(variable.domain, Binary):
            values = np.where(values == 255, 1, values)
        return values[..., None] if (*values.shape[1:], 1) == variable.shape else values


def _files(path: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    for folder, _, names in os.walk(path):
        for name in names:
            if name.lower().endswith(suffixes) and not name.startswith("."):
                yield os.path.relpath(os.path.join(folder, name), path)


def _columns(path: Path, files: list[str]) -> dict[str, np.ndarray]:
    """The columns of the table but for the first, for the files in their order."""
    table = csv.open_file(path)
    first, *others = table.keys
    cells: dict[str, list[Any]] = {name: [] for name in table.keys}
    for block, _ in table.blocks(table.keys):
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
