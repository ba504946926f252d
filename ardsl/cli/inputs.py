"""The files that a command reads, which its output must not replace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ardsl.spec import Spec


def keep_inputs(output: str | Path, *inputs: str | Path) -> None:
    """Refuses an output that is one of the inputs, ``PATH`` or ``PATH#KEY``, or a file in one that is a folder.

    Raises:
        DataError: where the output would replace an input, by whatever path or link.
    """
    from ardsl.diagnostics.rules.data import BAD_OUTPUT
    from ardsl.errors import data_error

    if not os.path.exists(output):  # False for whatever cannot be a path
        return
    places = [Path(output), *Path(output).resolve().parents]
    for source in inputs:
        path = str(source).partition("#")[0]
        if os.path.isdir(path):
            replaced = any(os.path.samefile(place, path) for place in places)
        else:
            replaced = os.path.exists(path) and os.path.samefile(output, path)
        if replaced:
            raise data_error(BAD_OUTPUT, path=output, problem="the command reads this file: choose another name")


def inputs_of_spec(file: str, spec: Spec, data_dir: str | Path | None = None) -> Iterator[str | Path]:
    """The file of a spec, and the data that it names, which start at ``data_dir`` or beside it."""
    yield file
    start = spec.source.directory if data_dir is None else data_dir
    block = spec.model.data
    yield from (Path(start, source) for source in (block.train, block.valid, block.test) if isinstance(source, str))


def inputs_of_run(directory: str, spec: Spec, chosen: dict[str, Any] | None = None) -> Iterator[str | Path]:
    """The files of a run folder, the data that its spec names, and those ``chosen`` by the options for data."""
    from ardsl.runs.reading import LINES, METRICS, RUN, SPEC, STATE, WEIGHTS, data_directory

    yield from (Path(directory, name) for name in (RUN, WEIGHTS, METRICS, LINES, STATE))
    yield from inputs_of_spec(str(Path(directory, SPEC)), spec, data_directory(directory))
    if chosen is None:
        return
    if chosen["data"] is not None:
        yield chosen["data"]
    elif chosen["data_dir"] is not None:
        yield from inputs_of_spec(str(Path(directory, SPEC)), spec, chosen["data_dir"])
