"""Memory that is not there, as one line: what Python, numpy, torch and pyarrow raise says how much was asked for."""

from __future__ import annotations

import re

from ardsl.common.wording import UNITS, size

_SHORT = re.compile(
    "can't allocate memory|cannot allocate memory|out of memory|unable to allocate|bad_alloc|failed to map segment"
    "|(malloc|realloc) of size",
    re.IGNORECASE,
)
_ASKED = re.compile(r"(?:allocate|of size) (?P<number>\d+(?:\.\d+)?)\.? ?(?P<unit>[KMGTPE])?i?B?")


def memory_problem(error: BaseException) -> str | None:
    """Says how much memory could not be had, where that is what an error is about; None where it is another one."""
    text = str(error)
    if not isinstance(error, MemoryError | RuntimeError | ImportError | OSError):
        return None
    if not isinstance(error, MemoryError) and not _SHORT.search(text):
        return None
    asked = _ASKED.search(text)
    if asked is None:
        return "the memory is full"
    power = [unit[0] for unit in UNITS].index(asked["unit"]) if asked["unit"] else 0
    return f"the memory is full: {size(float(asked['number']) * 1024**power)} more could not be had"
