"""What the tests of hostile files share: commands that must end in time, and with one clear line."""

from __future__ import annotations

import os
import pickle
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from ardsl.cli import main

SECONDS = 20
MEGABYTES = 300


class TooSlow(BaseException):
    """A command hangs. No handler of errors may take it for one of the file's."""


@contextmanager
def bounded(megabytes: int = MEGABYTES) -> Iterator[None]:
    """The block must end soon, and may raise this process's peak memory by no more than this."""

    def late(*_: object) -> None:
        raise TooSlow(f"not done after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert grown < megabytes << 10, f"{grown >> 10} MB more"


def command(*words: str) -> Result:
    """``command("eval", "run")``: its exit code, standard output and standard error, in time and in little memory."""
    with bounded():
        result = CliRunner().invoke(main, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code != 70, result.stderr
    assert "Traceback" not in result.output
    return result


def refusal(*words: str) -> str:
    """The one line on standard error of a command that cannot be carried out as given."""
    result = command(*words)
    assert result.exit_code == 2, result.output
    assert result.stderr.endswith("\n") and len(result.stderr.splitlines()) == 1, result.stderr
    assert len(result.stderr) < 1_000
    assert all(c.isprintable() for c in result.stderr.rstrip("\n"))
    return result.stderr.rstrip("\n")


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def pickled(path: Path, trace: Path) -> None:
    """A pickle in place of a file; whoever loads it leaves ``trace``."""
    path.unlink(missing_ok=True)
    path.write_bytes(pickle.dumps(Payload(trace)))
