"""``ardsl check`` and ``ardsl fmt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ardsl.cli.output import complain, formula, print_file, say, show_diagnostics
from ardsl.cli.specs import diagnose_source, json_option, print_diagnostics, read_source, set_option
from ardsl.common.wording import plural

if TYPE_CHECKING:
    from ardsl.diagnostics import Diagnostic
    from ardsl.spec import Spec


@click.command("check")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@set_option
@json_option
def check_command(files: tuple[str, ...], settings: dict[str, str], as_json: bool) -> int:
    """Check specs, and print what is wrong with them. `-` reads standard input.

    Exits with 1 where a spec has errors; warnings are no errors.
    """
    from ardsl.errors import ArdslError

    code = 0
    everything: list[Diagnostic] = []
    for file in files:
        try:
            source = read_source(file)
        except ArdslError as error:
            complain(str(error))
            code = 2
            continue
        diagnostics, spec = diagnose_source(source, settings)
        everything += diagnostics
        code = code or int(spec is None)
        if not as_json:
            if diagnostics:
                show_diagnostics(diagnostics, err=False)
            if spec is not None:
                say(f"{source.name}: {_verdict(spec, diagnostics)}")
    if as_json:
        print_diagnostics(everything, valid=code == 0)
    return code


def _verdict(spec: Spec, warnings: list[Diagnostic]) -> str:
    verdict = "sound and complete" if spec.report.complete else "sound, with blind spots"
    noted = f" ({plural(len(warnings), 'warning')})" if warnings else ""
    return f"{verdict}{noted}: {formula(spec)}"


@click.command("fmt")
@click.argument("files", metavar="FILE…", nargs=-1, required=True)
@click.option("--check", "only_check", is_flag=True, help="Change nothing; exit with 1 where a file would change.")
def fmt_command(files: tuple[str, ...], only_check: bool) -> int:
    """Bring specs into the canonical layout, comments kept. `-` formats standard input to standard output.

    A spec that cannot be parsed stays as it is, and the exit code is 1.
    """
    from ardsl.errors import ArdslError

    code = 0
    for file in files:
        try:
            code = max(code, _format(file, only_check))
        except ArdslError as error:
            complain(str(error))
            code = 2
    return code


def _format(file: str, only_check: bool) -> int:
    from ardsl.diagnostics import Sink
    from ardsl.language import format_tree, parse

    source = read_source(file)
    sink = Sink(source)
    tree = parse(source, sink)
    if sink.errors:
        show_diagnostics(sink)
        return 1
    text = format_tree(tree)
    if file == "-":
        if not only_check:
            print_file(text)
        return int(only_check and text != source.text)
    if Path(file).read_bytes() == text.encode():
        return 0
    if only_check:
        say(f"{source.name}: would change")
        return 1
    _write(Path(file), text)
    say(f"{source.name}: formatted")
    return 0


def _write(path: Path, text: str) -> None:
    """Over the file itself, also behind a link, with its permissions kept."""
    from ardsl.system.files import write_text

    path = path.resolve()
    mode = path.stat().st_mode
    write_text(path, text)
    path.chmod(mode & 0o7777)
