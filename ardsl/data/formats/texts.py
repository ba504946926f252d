"""Text, line by line: each line is an example, of one character after another."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from ardsl.common.wording import listed, shown
from ardsl.compiler.arrays.labels import characters, is_text
from ardsl.data.formats.source import LENGTHS, Arrays, guarded
from ardsl.diagnostics.rules.data import OUTSIDE_DOMAIN, UNREADABLE, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.families.domains import Domain
from ardsl.model.model import Variable

SUFFIXES = (".txt",)
TEXT = "text"
"""The characters of all lines, one line after the other."""


def open_file(path: Path, key: str | None) -> Text:
    """Reads a text. Raises ``DataError`` for what is none."""
    if key is not None:
        raise data_error(UNREADABLE, path=path, problem=f"a `.txt` file is one text: it has no key `{key}`")
    encoded = guarded(str(path), path.read_bytes)
    try:
        whole = io.TextIOWrapper(io.BytesIO(encoded), encoding="utf-8-sig").read()  # with newlines of every kind
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8: byte {error.start:,} is {error.reason}"
        raise data_error(UNREADABLE, path=path, problem=problem) from None
    lines = [(number, line) for number, line in enumerate(whole.split("\n"), 1) if line]
    return Text(str(path), tuple(line for _, line in lines), tuple(number for number, _ in lines))


class Text(Arrays):
    """The lines of a file that are not empty: ``text`` has the code points of their characters, int32 [characters of
    all lines], and ``text_lengths`` [lines] says where each ends."""

    def __init__(self, name: str, lines: tuple[str, ...], numbers: tuple[int, ...]) -> None:
        """Takes the lines and their numbers in the file, from 1."""
        super().__init__(name, (TEXT, f"{TEXT}{LENGTHS}"), self._read, row_name=self._row_name)
        self.lines, self.numbers = lines, numbers

    def _row_name(self, row: int) -> str:
        return f"{self.name}, line {self.numbers[row]}"

    def _read(self, key: str) -> np.ndarray:
        if key == TEXT:
            return np.frombuffer("".join(self.lines).encode("utf-32-le"), dtype="<i4")
        return np.array([len(line) for line in self.lines], dtype=np.int64)

    def offered(self, variable: Variable, alone: bool) -> str | None:
        return TEXT if alone else None

    def fitted(self, key: str, values: np.ndarray, variable: Variable) -> np.ndarray:
        return self.codes(variable) if key == TEXT else values

    def codes(self, variable: Variable) -> np.ndarray:
        """The characters of all lines as codes of a variable's labels. Raises ``DataError`` for one that is none."""
        if not is_text(variable):
            needed = '`category("a", "b", …)` along one axis'
            problem = f"is text, and `{variable.name}` has no characters: {needed}"
            raise data_error(WRONG_SHAPE, place=self.name, problem=problem)
        domain = variable.element_domain(0)
        character_codes, strange = codes(self.read(TEXT), domain)
        if len(strange):
            ends = np.cumsum(self.read(f"{TEXT}{LENGTHS}"))
            row = int(np.searchsorted(ends, strange[0], side="right"))
            place = int(strange[0]) - int(ends[row]) + len(self.lines[row])
            raise data_error(
                OUTSIDE_DOMAIN,
                place=self._row_name(row),
                element=f"{variable.name}[{place}]",
                allowed=f"one of {listed(characters(domain))}",
                domain=domain.name,
                value=shown(self.lines[row][place]),
                more=f" (and {len(strange) - 1:,} more like it)" if len(strange) > 1 else "",
            )
        return character_codes


def codes(points: np.ndarray, domain: Domain) -> tuple[np.ndarray, np.ndarray]:
    """Code points as the codes of a domain's characters, int64, and the places of those that are none: what a text ends
    with is not in it."""
    known = np.array([-1 if code == domain.end else ord(label) for code, label in enumerate(domain.labels or ())])
    order = np.argsort(known)
    nearest = order[np.searchsorted(known, points, sorter=order).clip(max=len(known) - 1)]
    return nearest, np.flatnonzero(known[nearest] != points)
