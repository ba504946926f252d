"""Faults of data and runs as one line each."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from ardsl.common.wording import one_line
from ardsl.diagnostics import Rule
from ardsl.errors import DataError


def fault(rule: Rule, **values: Any) -> DataError:
    """The error of a rule, its message filled in and kept to one printable line."""
    return DataError(rule.code, one_line(rule.message.format(**values)))


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
