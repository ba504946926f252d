"""Diagnostics for people and for machines: the source line with the offending part underlined, or plain data."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ardsl.common.wording import one_line, printable, shortened
from ardsl.diagnostics.diagnostic import Diagnostic, Label
from ardsl.diagnostics.source import Source, Span

WIDTH = 120
"""Columns of source shown; a longer line is cut around what is underlined."""

_LONGEST = 20_000
"""Characters of a line that are looked at, around what is underlined: a line may be a whole file."""

_TAB = 4
_COLORS = {"error": "1;31", "warning": "1;33", "note": "1;36", "frame": "1;34", "strong": "1"}


@dataclass(frozen=True)
class _Paint:
    on: bool

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{_COLORS[style]}m{text}\x1b[0m" if self.on and text else text


@dataclass(frozen=True)
class _Mark:
    """An underline on one line: display columns ``[start, end)``, its sign, and the words beside it."""

    start: int
    end: int
    sign: str
    text: str


def render(diagnostic: Diagnostic, color: bool = False) -> str:
    """A diagnostic as a person reads it: headline, place, the lines involved with underlines, notes and help."""
    paint = _Paint(color)
    source = diagnostic.source
    shown = _shown_lines(diagnostic)
    gutter = len(str(max(shown, default=diagnostic.line)))
    lines = [
        paint(diagnostic.severity, f"{diagnostic.severity}[{diagnostic.code}]")
        + paint("strong", f": {one_line(diagnostic.message)}")
    ]
    if diagnostic.labels:
        place = f"{source.name}:{diagnostic.line}:{diagnostic.column}"
        lines.append(" " * (gutter + 1) + paint("frame", "-->") + " " + printable(place))
        lines.append(" " * (gutter + 2) + paint("frame", "|"))
        before = None
        for number, labels in sorted(shown.items()):
            if before is not None and number > before + 1:
                lines.append(paint("frame", "..."))
            lines += _source_line(source, number, labels, gutter, diagnostic.severity, paint)
            before = number
    for word, text in [("note", n) for n in diagnostic.notes] + [("help", h) for h in [diagnostic.help] if h]:
        first, *more = printable(shortened(text), keep="\n").split("\n")
        lead = " " * (gutter + 2)
        lines.append(f"{lead}{paint('frame', '=')} {paint('strong', word)}: {first}")
        lines += [f"{lead}  {' ' * len(word)}  {line}" for line in more]
    return "\n".join(line.rstrip() for line in lines)


def render_all(diagnostics: Iterable[Diagnostic], color: bool = False) -> str:
    """All diagnostics, a blank line between them, and a closing line that counts errors and warnings."""
    listed = list(diagnostics)
    if not listed:
        return ""
    counts = [_count(sum(d.severity == s for d in listed), s) for s in ("error", "warning")]
    closing = " and ".join(c for c in counts if c)
    return "\n\n".join([*(render(d, color) for d in listed), *([closing] if closing else [])])


def to_json(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain data. Lines and columns count from 1; an end is the place after the last character."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "file": diagnostic.source.name,
        **_place(diagnostic.source, diagnostic.span),
        "labels": [{**_place(diagnostic.source, label.span), "text": label.text} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
    }


def _place(source: Source, span: Span) -> dict[str, int]:
    line, column = source.position(span.start)
    end_line, end_column = source.position(span.end)
    return {"line": line, "column": column, "end_line": end_line, "end_column": end_column}


def _count(number: int, word: str) -> str:
    return "" if number == 0 else f"{number} {word}" if number == 1 else f"{number} {word}s"


def _shown_lines(diagnostic: Diagnostic) -> dict[int, list[tuple[Label, bool]]]:
    """For each line to show the labels with a part on it, the primary one marked."""
    shown: dict[int, list[tuple[Label, bool]]] = {}
    for index, label in enumerate(diagnostic.labels):
        first = diagnostic.source.position(label.span.start)[0]
        last = diagnostic.source.position(max(label.span.end - 1, label.span.start))[0]
        for number in dict.fromkeys((first, last)):
            shown.setdefault(number, []).append((label, index == 0))
    return shown


def _source_line(
    source: Source, number: int, labels: list[tuple[Label, bool]], gutter: int, severity: str, paint: _Paint
) -> list[str]:
    line = source.line(number)
    places = [_part(source, number, line, label) for label, _ in labels]
    left = max(0, min(start for start, _ in places) - _LONGEST // 2) if len(line) > _LONGEST else 0
    text = line[left : left + _LONGEST]
    marks = [
        _mark(text, start - left, end - left, label.text if _ends_on(source, number, label) else "", primary)
        for (start, end), (label, primary) in zip(places, labels, strict=True)
    ]
    marks.sort(key=lambda m: (m.start, m.sign != "^"))
    focus = next((m for m in marks if m.sign == "^"), marks[0])
    shown, shift, width = _window(_expand(text), focus)
    frame = paint("frame", "|")
    lines = [f" {paint('frame', f'{number:>{gutter}}')} {frame} {shown}"]
    for mark in marks:
        start = min(max(mark.start - shift, 0), width)
        end = min(max(mark.end - shift, start + 1), max(width, start + 1))
        underline = mark.sign * (end - start) + (f" {one_line(mark.text)}" if mark.text else "")
        style = severity if mark.sign == "^" else "frame"
        lines.append(f"{' ' * (gutter + 2)}{frame} {' ' * start}{paint(style, underline)}")
    return lines


def _part(source: Source, number: int, line: str, label: Label) -> tuple[int, int]:
    """The columns at which a label starts and ends on one line, in characters from 0."""
    first, column = source.position(label.span.start)
    start = column - 1 if number == first else len(line) - len(line.lstrip())
    if not _ends_on(source, number, label):
        return start, len(line)
    end_column = source.position(max(label.span.end - 1, label.span.start))[1]
    return start, end_column if label.span.end > label.span.start else start


def _ends_on(source: Source, number: int, label: Label) -> bool:
    """Of a span over several lines, the words are on the last."""
    return number == source.position(max(label.span.end - 1, label.span.start))[0]


def _mark(text: str, start: int, end: int, words: str, primary: bool) -> _Mark:
    """The underline of the characters from ``start`` to ``end`` of a text, in display columns."""
    cells = _columns(text)
    start = min(max(start, 0), len(text))
    end = min(max(start, end), len(text))
    width = max(cells[end] - cells[start], 1)
    return _Mark(cells[start], cells[start] + width, "^" if primary else "-", words)


def _window(cells: list[tuple[str, int]], focus: _Mark) -> tuple[str, int, int]:
    """A line as shown, the display columns cut off at its left, and its width."""
    total = sum(width for _, width in cells)
    if total <= WIDTH:
        return "".join(c for c, _ in cells), 0, total
    left = min(max(focus.start - WIDTH // 3, 0), total - WIDTH)
    shown, column, shift = "", 0, None
    for character, width in cells:
        if left <= column and column + width <= left + WIDTH:
            shift = column if shift is None else shift
            shown += character
        column += width
    shift = shift or 0
    if shift > 0:
        shown, shift = "…" + shown, shift - 1
    return shown + ("…" if left + WIDTH < total else ""), shift, WIDTH + 1


def _width(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _expand(text: str) -> list[tuple[str, int]]:
    """Each character as shown (tabs as spaces, unprintable ones replaced) with its width in columns."""
    cells: list[tuple[str, int]] = []
    column = 0
    for character in text:
        if character == "\t":
            width = _TAB - column % _TAB
            cells.append((" " * width, width))
        else:
            shown = character if unicodedata.category(character) == "Zs" else printable(character)
            width = _width(shown)
            cells.append((shown, width))
        column += width
    return cells


def _columns(text: str) -> list[int]:
    """The display column at which each character of a line starts, and the one after the last."""
    columns = [0]
    for _, width in _expand(text):
        columns.append(columns[-1] + width)
    return columns
