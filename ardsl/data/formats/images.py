"""Images: ``.png`` and ``.jpg`` files as arrays."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import UNREADABLE
from ardsl.errors import data_error
from ardsl.system.files import not_a_file

SUFFIXES = (".png", ".jpg", ".jpeg")
_MODES = ("1", "L", "RGB")
"""Pillow's names of black and white, grey, and colour."""
_MOST_PIXELS = 1 << 26
"""A file of a few bytes may claim any size."""
_TAIL = 1 << 16
"""Bytes at the end of a `.png` file in which its EXIF data is, if that comes last."""
_ORIENTATION, _ON_SIDE = 0x0112, range(5, 9)
"""EXIF's tag for how an image is turned, and its values that swap rows and columns."""


def shape(folder: Path, files: Sequence[str]) -> tuple[int, ...]:
    """The shape that :func:`read` gives, by the files' headers alone. Raises ``DataError`` where sizes differ."""
    first: tuple[int, ...] | None = None
    for file in files:
        name = str(folder / file)
        claimed = _opened(name, _claimed)
        first = first or claimed
        if claimed[:2] != first[:2]:
            raise _differs(name, claimed, files[0], first)
    return (len(files), *(first or (0, 0)))


def read(folder: Path, files: Sequence[str]) -> np.ndarray:
    """Reads images of one size: uint8 [images, rows, columns], or [images, rows, columns, 3] in colour."""
    shape(folder, files)
    whole: np.ndarray | None = None
    for row, file in enumerate(files):
        name = str(folder / file)
        image = _opened(name, _pixels)
        if whole is None:
            whole = np.empty((len(files), *image.shape), dtype=np.uint8)
        if image.shape != whole.shape[1:]:
            raise _differs(name, image.shape, files[0], whole.shape[1:])
        whole[row] = image
    return np.zeros((0, 0, 0), dtype=np.uint8) if whole is None else whole


def _differs(name: str, shape: tuple[int, ...], other: str, wanted: tuple[int, ...]) -> Exception:
    problem = f"is {_described(shape)}, and {other} is {_described(wanted)}"
    return data_error(UNREADABLE, path=name, problem=problem)


def _opened(name: str, use: Callable[[Any], Any]) -> Any:
    """Gives ``use`` a file's image, of which the header alone has been read; whatever is wrong with the file is one
    line."""
    from PIL import Image, UnidentifiedImageError

    if problem := not_a_file(name):
        raise data_error(UNREADABLE, path=name, problem=problem)
    try:
        with _quiet(), Image.open(name) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise Image.DecompressionBombError
            return use(opened)
    except PermissionError:
        problem = "may not be read (permission denied)"
    except Image.DecompressionBombError:
        problem = f"claims more than {_MOST_PIXELS:,} pixels"
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError):
        problem = "is no image, or is damaged"
    raise data_error(UNREADABLE, path=name, problem=problem)


def _claimed(opened: Any) -> tuple[int, ...]:
    """The shape that an image is to have, as it is turned: (rows, columns), or (rows, columns, 3) in colour."""
    size = opened.size if _is_on_side(opened) else opened.size[::-1]
    return (*size, 3) if opened.mode in ("RGB", "RGBA", "P") else size


def _is_on_side(opened: Any) -> bool:
    """Says whether EXIF wants rows and columns swapped."""
    if opened.format == "PNG" and "exif" not in opened.info:
        # It may come after the pixels, all of which Pillow decodes to look for it.
        with open(opened.filename, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            if b"eXIf" not in file.read():
                return False
    return opened.getexif().get(_ORIENTATION, 1) in _ON_SIDE


def _pixels(opened: Any) -> np.ndarray:
    """The pixels of an image: uint8 [rows, columns] or [rows, columns, 3]; 0 and 255 where it is black and white."""
    from PIL import ImageOps

    image = _plain(ImageOps.exif_transpose(opened))
    if image.mode not in _MODES:
        known = "black and white, grey or RGB: save it as one of these"
        raise data_error(
            UNREADABLE, path=opened.filename, problem=f"has the mode {opened.mode}, and images are {known}"
        )
    pixels = np.asarray(image)
    return pixels.astype(np.uint8) * (255 if image.mode == "1" else 1)


def _plain(image: Any) -> Any:
    """A palette as its colours, and no transparency where nothing is transparent."""
    if image.mode == "P" and "transparency" not in image.info:
        return image.convert("RGB")
    if image.mode in ("RGBA", "LA") and image.getchannel("A").getextrema() == (255, 255):
        return image.convert(image.mode[:-1])
    return image


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Pillow's warnings of large images, which are refused in any case."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _described(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} × {shape[0]} pixels{' in colour' if len(shape) == 3 else ''}"
