"""Files of pictures as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.runtime.faults import fault

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = ("1", "L", "RGB")
"""Pillow's names of black and white, grey, and colour."""
_MOST_PIXELS = 1 << 26
"""A file of a few bytes may claim any size."""


def read(folder: Path, files: Sequence[str]) -> np.ndarray:
    """Pictures of one size: uint8 [pictures, rows, columns], or [pictures, rows, columns, 3] in colour."""
    whole: np.ndarray | None = None
    for row, file in enumerate(files):
        name = str(folder / file)
        picture = _picture(name)
        if whole is None:
            whole = np.empty((len(files), *picture.shape), dtype=np.uint8)
        if picture.shape != whole.shape[1:]:
            problem = f"is {_described(picture)}, and {files[0]} is {_described(whole[0])}"
            raise fault(UNREADABLE, path=name, problem=problem)
        whole[row] = picture
    return np.zeros((0, 0, 0), dtype=np.uint8) if whole is None else whole


def _picture(name: str) -> np.ndarray:
    """The pixels of a file: uint8 [rows, columns] or [rows, columns, 3]; 0 and 255 where it is black and white."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with _quiet(), Image.open(name) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise Image.DecompressionBombError
            picture = _plain(ImageOps.exif_transpose(opened))
            if picture.mode not in _MODES:
                known = "black and white, grey or RGB: save it as one of these"
                raise fault(UNREADABLE, path=name, problem=f"has the mode {opened.mode}, and images are {known}")
            pixels = np.asarray(picture)
            return pixels.astype(np.uint8) * (255 if picture.mode == "1" else 1)
    except PermissionError:
        problem = "may not be read (permission denied)"
    except Image.DecompressionBombError:
        problem = f"claims more than {_MOST_PIXELS:,} pixels"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        problem = "is no image, or is damaged"
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
