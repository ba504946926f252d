"""Faults of data and runs as one line each."""

from __future__ import annotations

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
    text = repr(str(value)) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def listed(names: object, most: int = 6) -> str:
    """Names in back quotes; past ``most`` of them only their number is told."""
    every = [f"`{name}`" for name in names]  # type: ignore[attr-defined]
    rest = len(every) - most
    return ", ".join(every[:most]) + (f" and {rest} more" if rest > 0 else "") if every else "none"
