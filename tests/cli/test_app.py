"""The group: errors of use, internal errors, start-up, and what happens when the reader goes away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ardsl.cli.app import COMMANDS
from tests.support.commands import GOOD, Run

STATIC = ["check", "fmt --check", "graph", "graph -o g.svg", "plan", "verify"]


def test_help_names_every_command(run: Run) -> None:
    page = run("--help").stdout
    for name in COMMANDS:
        assert f"  {name} " in page
        assert run(name, "--help").exit_code == 0


@pytest.mark.parametrize(
    "words, line",
    [
        (["chekc"], "error: there is no command `chekc`: did you mean `check`? (see `main --help`)"),
        (["check"], "error: Missing argument 'FILE…' (see `main check --help`)"),
        (["check", "--jsn", "good.ar"], "error: No such option '--jsn'"),
        (["train", "good.ar", "--epochs", "-1"], "error: Invalid value for '--epochs': -1 is not"),
        (["train", "good.ar", "--data", "x"], "error: Invalid value for '--data': `x` is none of train=PATH"),
        (["sample", "runs/absent", "-o", "x.npz"], "error[AR520]: runs/absent: there is no such run folder"),
    ],
)
def test_an_error_of_use_is_one_line(run: Run, words: list[str], line: str) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(line) and result.stderr.count("\n") == 1


def test_without_a_command_the_help_is_shown(run: Run) -> None:
    result = run()
    assert result.exit_code == 2 and "Commands:" in result.stderr


def test_an_internal_error_is_owned(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("ardsl.cli.check_commands.diagnose_source", broken)
    result = run("check", "good.ar")
    assert result.exit_code == 70
    assert "internal error with good.ar: ZeroDivisionError: two" in result.stderr
    assert "report" in result.stderr and "Traceback" not in result.stderr
    for shown in (run("--debug", "check", "good.ar"), _with_environment(run, monkeypatch)):
        assert shown.exit_code == 70 and "Traceback" in shown.stderr


def _with_environment(run: Run, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("ARDSL_DEBUG", "1")
    return run("check", "good.ar")


def _python(program: str, **extra: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, **extra)  # type: ignore[call-overload, no-any-return]


@pytest.mark.parametrize("command", STATIC)
def test_the_static_commands_import_no_torch(here: Path, command: str) -> None:
    words = [*command.split(), "good.ar"]
    program = (
        f"import sys\nfrom ardsl.cli import main\ncode = main({words!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'lightning', 'pyro', 'matplotlib', 'scipy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(code or (str(heavy) if heavy else 0))"
    )
    done = _python(program)
    assert done.returncode == 0, done.stderr


def test_the_group_itself_is_light() -> None:
    program = (
        "import sys, ardsl.cli\n"
        "heavy = {'numpy', 'lark', 'networkx', 'rich', 'ardsl.spec'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = _python(program)
    assert done.returncode == 0, done.stderr


def _ardsl(*words: str, **extra: object) -> subprocess.CompletedProcess[bytes]:
    program = "from ardsl.cli import main; main()"
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, **extra)  # type: ignore[call-overload, no-any-return]


def test_a_reader_that_goes_away_is_no_error(here: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    program = "from ardsl.cli import main; main()"
    with os.fdopen(write, "wb") as closed:
        done = subprocess.run([sys.executable, "-c", program, "families"], stdout=closed, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.thorough
def test_a_process_gives_the_exit_codes(here: Path) -> None:
    assert _ardsl("check", "good.ar").returncode == 0
    assert _ardsl("check", "bad.ar").returncode == 1
    assert _ardsl("check", "absent.ar").returncode == 2
    assert _ardsl("check", "-", input=GOOD.encode()).stdout.decode().startswith("<stdin>: sound")


def test_a_terminal_without_the_characters_shows_others(here: Path) -> None:
    done = _ardsl("check", "good.ar", env=os.environ | {"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0
    assert done.stdout == b"good.ar: sound and complete: p(x) = ? p(x[i] | x[<i])\n"
