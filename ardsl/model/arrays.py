"""Reading numpy's files: nothing in one is executed; whatever is wrong with one is a ``ValueError`` or ``OSError``."""

from __future__ import annotations

import lzma
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    tokenize.TokenError,  # numpy reads what it takes for a header of Python 2 by its tokens
    ArithmeticError,
    LookupError,
    TypeError,
    RuntimeError,
    EOFError,
    SyntaxError,
)


@contextmanager
def reading_arrays() -> Iterator[None]:
    """For ``numpy.load``, and for taking arrays out of what it gives."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _DAMAGED:
        raise ValueError("not a whole file of arrays") from None
