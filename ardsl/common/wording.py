"""Text that messages are made of: names, values and numbers as people are shown them, and what is safe to print."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

LONGEST = 60
"""Characters of a name or a value in a message."""
LONGEST_MESSAGE = 900
"""Characters of a message: half a terminal's screen of 24 lines."""
_ENDING = 300
"""Characters that are kept of the end of a longer message, where the way out stands."""
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
"""Of sizes, each 1,024 of the one before."""


def printable(text: str, keep: str = "") -> str:
    """Replaces every character that could steer a terminal, or that none can show, but for those in ``keep``; spaces of
    any kind are plain ones."""
    if text.isprintable():
        return text
    return "".join(c if c in keep or c.isprintable() else _plain(c) for c in text)


def _plain(character: str) -> str:
    return " " if unicodedata.category(character) == "Zs" else "\N{REPLACEMENT CHARACTER}"


def one_line(text: str) -> str:
    """Makes a message printable on one line, and leaves out the middle of one that would fill a screen."""
    return printable(shortened(text))


def shortened(text: str) -> str:
    """Leaves out the middle of a message that would fill a screen."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    return f"{text[: LONGEST_MESSAGE - _ENDING - 3]} … {text[-_ENDING:]}"


def shown(value: object) -> str:
    """Writes a value as messages show it, on one line: text in quotes, numbers plain, long ones cut."""
    return truncated(repr(str(value)) if isinstance(value, str) else " ".join(str(value).split()))


def truncated(text: str) -> str:
    """Leaves out the end of a long text."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


def listed(names: Iterable[object], most: int = 6) -> str:
    """Lists names in back quotes; where they are more than one past ``most``, those past it are counted."""
    every = list(names)
    kept = _kept(len(every), most)
    few = ", ".join(f"`{truncated(str(name))}`" for name in every[:kept])
    return few + (f" and {len(every) - kept:,} more" if len(every) > kept else "") if every else "none"


def series(items: Iterable[object], most: int = 6) -> str:
    """Writes items as in a sentence: ``a``, ``a and b``, ``a, b and c``; where they are more
    than one past ``most``, those past it are counted."""
    every = [str(item) for item in items]
    if (kept := _kept(len(every), most)) < len(every):
        every = [*every[:kept], f"{len(every) - kept:,} more"]
    return " and ".join([", ".join(every[:-1]), every[-1]] if len(every) > 1 else every)


def _kept(count: int, most: int) -> int:
    """Counts the items that a list writes out: one alone is no longer than to say that there is one more."""
    return count if count <= most + 1 else most


def number(value: float) -> str:
    """Writes a number as the shortest decimals that give the same back, and a whole one without a point."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e16 else str(value)


def plural(count: int, noun: str) -> str:
    """Writes a count with its noun: ``1 row``, ``2,000 rows``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: float) -> str:
    """Writes bytes in a unit that suits them: ``1.4 MiB``."""
    power = 0
    while count >= 1024 and power < len(UNITS) - 1:
        count, power = count / 1024, power + 1
    return f"{count:,.1f} {UNITS[power]}" if power else f"{count:.0f} bytes"
