"""Text, line by line: each line is an example, of one character after another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ardsl.common.wording import listed, shown
from ardsl.compiler.arrays.labels import characters, is_text
from ardsl.data.formats.source import LENGTHS
from ardsl.diagnostics.rules.data import OUTSIDE_DOMAIN, UNREADABLE, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.families.domains import Category
from ardsl.model.model import Variable

SUFFIXES = (".txt",)
TEXT = "text"
"""The characters of all lines, one line after the other."""


@dataclass(frozen=True)
class Text:
    """The lines of a file that are not empty: ``text`` has the code points of their characters, int32 [characters of
    all lines], and ``text_lengths`` [lines] says where each ends."""

    name: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    """Of the lines in the file, from 1."""

    @classmethod
    def open(cls, path: Path) -> Text:
        """Raises ``OSError``, and ``DataError`` for what is no text."""
        try:
            whole = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise data_error(
                UNREADABLE, path=path, problem=f"is not UTF-8: byte {error.start:,} is {error.reason}"
            ) from None
        found = [(number, line) for number, line in enumerate(whole.split("\n"), 1) if line]
        return cls(str(path), tuple(line for _, line in found), tuple(n for n, _ in found))

    keys = (TEXT, f"{TEXT}{LENGTHS}")

    def row_name(self, row: int) -> str:
        return f"{self.name}, line {self.numbers[row]}"

    def read(self, key: str) -> np.ndarray:
        if key == TEXT:
            return np.frombuffer("".join(self.lines).encode("utf-32-le"), dtype="<i4")
        return np.array([len(line) for line in self.lines], dtype=np.int64)

    def codes(self, variable: Variable) -> np.ndarray:
        """The characters of all lines as codes of a variable's labels. Raises ``DataError`` for one that is none."""
        domain = variable.domain
        if not is_text(variable) or not isinstance(domain, Category) or domain.labels is None:
            needed = '`category("a", "b", …)` along one axis'
            problem = f"is text, and `{variable.name}` has no characters: {needed}"
            raise data_error(WRONG_SHAPE, place=self.name, problem=problem)
        found, strange = codes(self.read(TEXT), domain)
        if len(strange):
            ends = np.cumsum(self.read(f"{TEXT}{LENGTHS}"))
            row = int(np.searchsorted(ends, strange[0], side="right"))
            place = int(strange[0]) - int(ends[row]) + len(self.lines[row])
            raise data_error(
                OUTSIDE_DOMAIN,
                place=self.row_name(row),
                element=f"{variable.name}[{place}]",
                allowed=f"one of {listed(characters(domain))}",
                domain=domain.name,
                value=shown(self.lines[row][place]),
                more=f" (and {len(strange) - 1:,} more like it)" if len(strange) > 1 else "",
            )
        return found


def codes(points: np.ndarray, domain: Category) -> tuple[np.ndarray, np.ndarray]:
    """Code points as the codes of a domain's characters, int64, and the places of those that are none: what a text ends
    with does not stand in it."""
    known = np.array([-1 if code == domain.end else ord(label) for code, label in enumerate(domain.labels or ())])
    order = np.argsort(known)
    found = order[np.searchsorted(known, points, sorter=order).clip(max=len(known) - 1)]
    return found, np.flatnonzero(known[found] != points)
