"""Specs as commands take them: a path or ``-``, with parameters set from outside."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from ardsl.cli.output import print_json

if TYPE_CHECKING:
    from ardsl.diagnostics import Diagnostic, Source
    from ardsl.spec import Spec

STANDARD_INPUT = "<stdin>"
_MOST_BYTES = 4_000_004
"""More than the longest spec can have (a million characters of four bytes), so that the parser still sees it is too
long; the rest of such a file is not read."""
_REAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

F = TypeVar("F", bound=Callable[..., Any])


def spec_argument(function: F) -> F:
    """FILE, one spec."""
    return click.argument("file", metavar="FILE")(function)


def set_option(function: F) -> F:
    """``--set NAME=VALUE``, as often as there are parameters."""
    help = "Set a parameter of the spec; it keeps its type. May be repeated."
    return click.option("--set", "settings", metavar="NAME=VALUE", multiple=True, callback=pairs, help=help)(function)


def json_option(function: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(function)


def pairs(context: click.Context, option: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """``NAME=VALUE`` options as a dict."""
    settings: dict[str, str] = {}
    for value in values:
        name, equals, text = value.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(f"`{value}` is not of the form NAME=VALUE", context, option)
        if name.strip() in settings:
            raise click.BadParameter(f"`{name.strip()}` is given twice", context, option)
        settings[name.strip()] = text.strip()
    return settings


def read_source(file: str) -> Source:
    """The text of a spec; ``-`` is standard input. Raises ``ArdslError`` where it cannot be read."""
    from ardsl.diagnostics import Source
    from ardsl.errors import ArdslError

    name = STANDARD_INPUT if file == "-" else file
    click.get_current_context().meta["ardsl.subject"] = name
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_MOST_BYTES)
        else:
            with open(file, "rb") as stream:
                raw = stream.read(_MOST_BYTES)
    except OSError as error:
        raise ArdslError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    # Any bytes are taken, for the parser to place what is wrong with them.
    text = raw.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    return Source(text, name, "." if file == "-" else str(Path(file).parent))


def diagnose_source(source: Source, settings: dict[str, str]) -> tuple[list[Diagnostic], Spec | None]:
    """All there is to say about a spec under its settings, and the spec where it has no errors."""
    from ardsl.spec import diagnose

    return diagnose(source, overrides(source, settings))


def examine_source(source: Source, settings: dict[str, str]) -> tuple[list[Diagnostic], Spec | None]:
    """The same, with the spec also where its report is all that is wrong."""
    from ardsl.spec import examine

    return examine(source, overrides(source, settings))


def open_spec(file: str, settings: dict[str, str], as_json: bool = False) -> Spec:
    """A spec without errors. Raises ``SpecError`` or ``ArdslError``; with ``as_json``, a rejection is an object too."""
    diagnostics, spec = diagnose_source(read_source(file), settings)
    if spec is None:
        reject(diagnostics, as_json)
    return spec


def reject(diagnostics: list[Diagnostic], as_json: bool) -> NoReturn:
    """End a command for what is wrong with its spec."""
    from ardsl.errors import SpecError

    if not as_json:
        raise SpecError(diagnostics)
    print_diagnostics(diagnostics, valid=False)
    raise click.exceptions.Exit(1)


def print_diagnostics(diagnostics: list[Diagnostic], valid: bool) -> None:
    from ardsl.diagnostics.render import to_json

    print_json({"valid": valid, "diagnostics": [to_json(d) for d in diagnostics]})


def overrides(source: Source, settings: dict[str, str]) -> dict[str, Any]:
    """Settings as values. A parameter that is a string in the spec takes the text as it is."""
    if not settings:
        return {}
    from ardsl.diagnostics import Sink
    from ardsl.language import parse
    from ardsl.language.syntax import ParamStatement, String

    strings = {
        statement.name.text
        for statement in parse(source, Sink(source)).statements
        if isinstance(statement, ParamStatement) and isinstance(statement.value, String)
    }
    return {name: _unquoted(text) if name in strings else literal(text) for name, text in settings.items()}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text


def is_real(text: str) -> bool:
    """Says whether this is how the language writes a number."""
    return _REAL.fullmatch(text) is not None


def literal(text: str) -> Any:
    """A value as the language writes it: a number, ``true`` or ``false``, a string, a list of these; else the text."""
    if is_real(text) and not re.fullmatch(r"[+-]?\d+", text):
        return float(text)
    try:
        value = json.loads(text.removeprefix("+"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return text if isinstance(value, dict) or value is None else value


def split_values(text: str) -> list[str]:
    """Splits a list at the commas that are in no brackets and no quotes."""
    parts, depth, quoted = [""], 0, False
    for character in text:
        quoted ^= character == '"'
        depth += 0 if quoted else (character == "[") - (character == "]")
        if character == "," and not quoted and depth <= 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity: JSON's reader takes them, the language does not
