"""Faults of data and runs as one line each."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ardsl.diagnostics import Rule
from ardsl.errors import DataError

_LONGEST = 60


def fault(rule: Rule, **values: Any) -> DataError:
    """The error of a rule, its message filled in and kept to one printable line."""
    return DataError(rule.code, one_line(rule.message.format(**values)))


def one_line(text: str) -> str:
    """Text that stays on its line and cannot steer a terminal: other characters are replaced."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def shown(value: object) -> str:
    """A value as messages show it: text in quotes, numbers plain, long ones cut."""
    return cut(repr(str(value)) if isinstance(value, str) else str(value))


def cut(text: str) -> str:
    """Text, its end left out where it is long."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def not_a_file(path: str | Path) -> str | None:
    """Why a path is not to be opened as a file: reading a pipe or a device may never end. None also where there is
    nothing: opening it says so."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(mode):
        return "is a directory"
    return None if stat.S_ISREG(mode) else "is a pipe or a device, not a file"


def listed(names: object, most: int = 6) -> str:
    """Names in back quotes; past ``most`` of them only their number is told."""
    every = list(names)  # type: ignore[call-overload]
    rest = len(every) - most
    few = ", ".join(f"`{cut(str(name))}`" for name in every[:most])
    return few + (f" and {rest:,} more" if rest > 0 else "") if every else "none"
