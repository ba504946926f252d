"""Files of sound as arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.runtime.faults import fault

SUFFIXES = (".wav", ".flac")
_UNKNOWN = 0x7FFFF000
"""At least what is written as the length of a file that is not known yet."""


def read(folder: Path, files: Sequence[str], rate: int | None, kind: str) -> np.ndarray:
    """All files one after the other: ``float32`` from −1 to 1, or ``int16`` [moments]."""
    counts = lengths(folder, files, rate)
    whole = np.empty(int(counts.sum()), dtype=kind)
    start = 0
    for file, count in zip(files, counts.tolist(), strict=True):
        name = str(folder / file)
        whole[start : start + count] = _opened(name, lambda opened, n=count, at=name: _moments(opened, n, kind, at))
        start += count
    return whole


def lengths(folder: Path, files: Sequence[str], rate: int | None) -> np.ndarray:
    """How many moments each file has, by its header: int64 [files]. All have one channel and one rate."""
    found: list[int] = []
    for file in files:
        name = str(folder / file)
        channels, own, frames = _opened(name, lambda opened: (opened.channels, opened.samplerate, opened.frames))
        if channels != 1:
            raise fault(UNREADABLE, path=name, problem=f"has {channels} channels: mix them down to one")
        if rate is not None and own != rate:
            other = f"{files[0]} has" if found else "the sounds are to have"
            problem = f"has {own:,} time steps a second, and {other} {rate:,}: resample it"
            raise fault(UNREADABLE, path=name, problem=problem)
        if _is_cut(name):
            raise fault(UNREADABLE, path=name, problem="is cut short")
        if not frames:
            raise fault(UNREADABLE, path=name, problem="is empty")
        rate = own
        found.append(frames)
    return np.array(found, dtype=np.int64)


def _moments(file: Any, count: int, kind: str, name: str) -> np.ndarray:
    found: np.ndarray = file.read(dtype=kind)
    if len(found) != count:
        raise fault(UNREADABLE, path=name, problem=f"is cut short: of {count:,} time steps there are {len(found):,}")
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise fault(UNREADABLE, path=name, problem="has time steps that are no numbers (NaN)")
    return found


def _is_cut(name: str) -> bool:
    """Whether a `.wav` file ends before its header says so, which libsndfile takes for a shorter sound."""
    with open(name, "rb") as file:
        start = file.read(8)
        said = int.from_bytes(start[4:], "little")
        return start[:4] == b"RIFF" and said < _UNKNOWN and said + 8 > os.fstat(file.fileno()).st_size


def _opened(name: str, use: Any) -> Any:
    """What ``use`` takes of a file; whatever is wrong with it is one line."""
    try:
        import soundfile
    except ImportError:
        problem = "is sound, which takes soundfile: `pip install 'ardsl[sound]'`"
        raise fault(UNREADABLE, path=name, problem=problem) from None
    if not os.path.exists(name):
        raise fault(UNREADABLE, path=name, problem="does not exist")
    try:
        with soundfile.SoundFile(name) as file:
            return use(file)
    except PermissionError:
        problem = "may not be read (permission denied)"
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError):
        problem = "is no sound, or is damaged"
    raise fault(UNREADABLE, path=name, problem=problem)
