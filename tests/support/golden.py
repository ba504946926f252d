"""Bad specs and their exact messages: each ``NAME.ar`` of a folder stands beside the ``NAME.txt`` it must give.

As a script it writes the messages anew (``python -m tests.support.golden``), to be read before they are committed;
``UPDATE_GOLDEN=1 pytest`` does the same from within the tests.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ardsl.diagnostics import Sink, Source
from ardsl.diagnostics.render import render_all
from ardsl.language import parse

BAD_SPECS = Path(__file__).parents[1] / "bad_specs"


def parse_only(source: Source, sink: Sink) -> None:
    """The stage that finds the faults of the syntax."""
    parse(source, sink)


def specs(folder: str) -> list[Path]:
    """The bad specs of a folder, by name."""
    return sorted((BAD_SPECS / folder).glob("*.ar"))


def messages(path: Path, stage: Callable[[Source, Sink], object] = parse_only) -> str:
    """All that a stage says about a file, as it would be printed."""
    source = Source(path.read_bytes().decode("utf-8", "surrogateescape"), path.name, str(path.parent))
    sink = Sink(source)
    stage(source, sink)
    return render_all(sink) + "\n"


def check(path: Path, stage: Callable[[Source, Sink], object] = parse_only) -> None:
    """Fails where the messages of a file differ from the ones beside it."""
    found, beside = messages(path, stage), path.with_suffix(".txt")
    if os.environ.get("UPDATE_GOLDEN"):
        beside.write_text(found, encoding="utf-8")
    assert found == beside.read_text(encoding="utf-8")


def update(folder: str, stage: Callable[[Source, Sink], object] = parse_only) -> None:
    """Writes the messages of a folder's specs beside them."""
    for path in specs(folder):
        path.with_suffix(".txt").write_text(messages(path, stage), encoding="utf-8")


if __name__ == "__main__":
    update("syntax")
