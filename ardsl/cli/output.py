"""What commands print: tables, numbers and JSON, for terminals and for pipes."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from textwrap import shorten
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ardsl.spec import Spec


MOST_ROWS = 40
"""Rows of a table that people are shown; --json has all."""
LONGEST_FORMULA = 400
"""Characters of a factorization that people are shown."""


def on_terminal(stream: IO[Any]) -> bool:
    """Whether to colour: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def printable(text: str) -> str:
    """Text that stays on its line and cannot steer a terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def error_line(message: str) -> str:
    """One line for an error of use; a message with a code says ``error`` already."""
    line = " ".join(printable(part) for part in message.splitlines() if part.strip())
    return line if line.startswith("error[") else f"error: {line}"


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, total: bool = False) -> None:
    """A table: ``left`` columns of words, then numbers to the right; ``total`` sets the last row apart."""
    import sys

    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = on_terminal(sys.stdout)
    plain = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n")
    table = Table(box=plain, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(header):
        justify = "left" if number < left else "right"
        table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=not terminal)  # type: ignore[arg-type]
    for number, row in enumerate(rows):
        table.add_row(*map(Text, row), end_section=total and number == len(rows) - 2)
    console = Console(markup=False, highlight=False, no_color=not terminal, width=None if terminal else 10_000)
    with console.capture() as captured:
        console.print(table)
    click.echo("\n".join(f"  {line}".rstrip() for line in captured.get().splitlines()))


def formula(spec: Spec) -> str:
    """The factorization of a spec, and its guide's, cut where it would fill pages."""
    plans = [spec.plan] + ([spec.plan.guide] if spec.plan.guide is not None else [])
    return shorten("; ".join(plan.formula for plan in plans), LONGEST_FORMULA, placeholder=" …")


def size(count: float) -> str:
    """Bytes in a unit that suits them: ``1.4 MiB``."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} TiB"


def plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def spelled(value: object) -> str:
    """A value as a spec would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)
