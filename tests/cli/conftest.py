"""Commands run in this process, with their output kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ardsl.cli import main
from tests.support.commands import BAD, GOOD, Run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory with a good and a bad spec."""
    monkeypatch.chdir(tmp_path)
    Path("good.ar").write_text(GOOD)
    Path("bad.ar").write_text(BAD)
    yield tmp_path


@pytest.fixture
def run(here: Path) -> Run:
    """``run("check", "good.ar")``: its exit code, standard output and standard error."""

    def invoke(*words: str, stdin: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(main, list(words), input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return invoke
