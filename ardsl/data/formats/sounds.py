"""Sounds: ``.wav`` and ``.flac`` files as arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.errors import data_error
from ardsl.system.files import not_a_file

SUFFIXES = (".wav", ".flac")
_UNKNOWN = 0x7FFFF000
"""At least what is written as the length of a `.wav` file that is not known yet."""
_TOTAL = (1 << 36) - 1
"""Of the 8 bytes from byte 18 of a `.flac` file these bits are its length, 0 where that is not known (RFC 9639, 8.2);
bytes 10 and 11 are the most samples that a frame has."""
_LEAST_FRAME = 10
"""Bytes of a frame: a header of 6, a constant for all its samples and a checksum."""


def read(folder: Path, files: Sequence[str], rate: int | None, kind: str) -> np.ndarray:
    """Reads all files, one after the other: ``float32`` from −1 to 1, or ``int16`` [time steps]."""
    counts = lengths(folder, files, rate)
    whole = np.empty(int(counts.sum()), dtype=kind)
    start = 0
    for file, count in zip(files, counts.tolist(), strict=True):
        name = str(folder / file)
        whole[start : start + count] = _opened(name, lambda opened, n=count, at=name: _samples(opened, n, kind, at))
        start += count
    return whole


def lengths(folder: Path, files: Sequence[str], rate: int | None) -> np.ndarray:
    """Reads the time steps of each file from its header: int64 [files]. All have one channel and one rate."""
    counts: list[int] = []
    for file in files:
        name = str(folder / file)
        channels, own, frames = _opened(name, lambda opened: (opened.channels, opened.samplerate, opened.frames))
        if channels != 1:
            raise data_error(UNREADABLE, path=name, problem=f"has {channels} channels: mix them down to one")
        if rate is not None and own != rate:
            other = f"{files[0]} has" if counts else "the sounds are to have"
            problem = f"has {own:,} time steps a second, and {other} {rate:,}: resample it"
            raise data_error(UNREADABLE, path=name, problem=problem)
        if wrong := _problem(name, frames):
            raise data_error(UNREADABLE, path=name, problem=wrong)
        rate = own
        counts.append(frames)
    return np.array(counts, dtype=np.int64)


def _samples(file: Any, count: int, kind: str, name: str) -> np.ndarray:
    samples: np.ndarray = file.read(dtype=kind)
    if len(samples) != count:
        raise data_error(
            UNREADABLE, path=name, problem=f"is cut short: of {count:,} time steps there are {len(samples):,}"
        )
    if samples.dtype.kind == "f" and np.isnan(samples).any():
        raise data_error(UNREADABLE, path=name, problem="has time steps that are no numbers (NaN)")
    return samples


def _problem(name: str, frames: int) -> str | None:
    """Says what is wrong with the number of time steps that a file's header claims; None where nothing is."""
    with open(name, "rb") as file:
        start = file.read(26)
        size = os.fstat(file.fileno()).st_size
    if start[:4] == b"RIFF" and (said := int.from_bytes(start[4:8], "little")) < _UNKNOWN and said + 8 > size:
        return "is cut short"  # libsndfile takes it for a shorter sound
    if start[:4] == b"fLaC" and not int.from_bytes(start[18:26], "big") & _TOTAL:
        return "does not say how long it is, as streams do not: write it anew (`ffmpeg -i STREAM.flac FILE.flac`)"
    if start[:4] == b"fLaC" and frames > size // _LEAST_FRAME * int.from_bytes(start[10:12], "big"):
        return f"claims {frames:,} samples, more than its {size:,} bytes can hold"
    return None if frames else "is empty"


def _opened(name: str, use: Any) -> Any:
    """Gives ``use`` an open file; whatever is wrong with it is one line."""
    try:
        import soundfile
    except ImportError:
        problem = "is sound, which takes soundfile: `pip install 'ardsl[sound]'`"
        raise data_error(UNREADABLE, path=name, problem=problem) from None
    if not os.path.exists(name):
        raise data_error(UNREADABLE, path=name, problem="does not exist")
    if other := not_a_file(name):
        raise data_error(UNREADABLE, path=name, problem=other)
    try:
        with soundfile.SoundFile(name) as file:
            return use(file)
    except PermissionError:
        problem = "may not be read (permission denied)"
    except (soundfile.SoundFileError, OSError, ValueError, RuntimeError):
        problem = "is no sound, or is damaged"
    raise data_error(UNREADABLE, path=name, problem=problem)
