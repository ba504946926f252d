"""The output of commands: tables, numbers and JSON, for terminals and for pipes."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import IO, TYPE_CHECKING, Any

import click

from ardsl.common.wording import one_line, printable

if TYPE_CHECKING:
    from ardsl.diagnostics import Diagnostic
    from ardsl.spec import Spec


MOST_ROWS = 40
"""Rows of a table that people are shown; --json has all."""
LONGEST_FORMULA = 400
"""Characters of a factorization that people are shown."""
_LAYOUT = "\n\t"


def on_terminal(stream: IO[Any] | None) -> bool:
    """Says whether to colour: on a terminal, unless NO_COLOR is set."""
    return stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")


def say(line: str = "", err: bool = False) -> None:
    """Prints one line, with nothing in it that could steer a terminal: paths and labels may hold anything."""
    _write(f"{printable(line)}\n", err)


def complain(message: str) -> None:
    """Prints an error as one line on standard error; a message with a code says ``error`` already."""
    line = one_line(" ".join(part for part in message.splitlines() if part.strip()))
    say(line if line.startswith("error[") else f"error: {line}", err=True)


@contextmanager
def noting_warnings() -> Iterator[None]:
    """Says warnings as notes on standard error, one line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        finally:
            for warning in caught:
                say(f"note: {one_line(str(warning.message))}", err=True)


def print_text(text: str, err: bool = False) -> None:
    """Prints lines of the program's own."""
    _write(f"{printable(text, keep=_LAYOUT)}\n", err)


def print_file(text: str) -> None:
    """Prints what is to be a file: to the letter, unless on a terminal."""
    exact = sys.stdout is None or not sys.stdout.isatty()
    _write(text if exact else printable(text, keep=_LAYOUT))


def show_diagnostics(diagnostics: Iterable[Diagnostic], err: bool = True) -> None:
    """Prints diagnostics with the lines that they are about, in colour on a terminal."""
    from ardsl.diagnostics.render import render_all

    text = render_all(diagnostics, on_terminal(sys.stderr if err else sys.stdout))
    if text:
        _write(f"{text}\n", err)


def print_json(value: Any) -> None:
    """Prints one JSON object, in ASCII."""
    _write(f"{json.dumps(value, indent=2)}\n")


def _write(text: str, err: bool = False) -> None:
    """Writes to standard output or standard error. Raises ``ArdslError`` where the output cannot take it.

    Nobody hears of a standard error that is closed or full: the command goes on.
    """
    from ardsl.errors import ArdslError

    try:
        click.echo(text, nl=False, err=err)
    except OSError as error:
        discard(sys.stderr if err else sys.stdout)
        if err:
            return
        if isinstance(error, BrokenPipeError):
            raise
        problem = (error.strerror or str(error)).lower()
        raise ArdslError(f"standard output cannot be written: {problem}") from None


def discard(stream: IO[Any]) -> None:
    """Leads a stream that takes nothing any more to nowhere, or what is still buffered would be a failure at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # not a file of the system's
        return


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, total: bool = False) -> None:
    """A table: ``left`` columns of words, then numbers to the right; ``total`` sets the last row apart."""
    from rich.box import Box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = on_terminal(sys.stdout)
    plain = Box("    \n    \n -- \n    \n    \n -- \n    \n    \n")
    table = Table(box=plain, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, name in enumerate(header):
        justify = "left" if number < left else "right"
        table.add_column(Text(printable(name)), justify=justify, overflow="fold", no_wrap=not terminal)  # type: ignore[arg-type]
    for number, row in enumerate(rows):
        table.add_row(*map(Text, map(printable, row)), end_section=total and number == len(rows) - 2)
    console = Console(markup=False, highlight=False, no_color=not terminal, width=None if terminal else 10_000)
    with console.capture() as captured:
        console.print(table)
    _write("".join(f"  {line}".rstrip() + "\n" for line in captured.get().splitlines()))


def formula(spec: Spec) -> str:
    """The factorization of a spec, and its guide's, cut where it would fill pages."""
    plans = [spec.plan] + ([spec.plan.guide] if spec.plan.guide is not None else [])
    return shorten("; ".join(plan.formula for plan in plans), LONGEST_FORMULA, placeholder=" …")


def spelled(value: object) -> str:
    """A value as a spec would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return (
        f'"{value}"' if type(value) is str else str(value)
    )  # a name, which is a string of its own type, has no quotes
