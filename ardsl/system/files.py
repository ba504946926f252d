"""Files: written whole or not at all, and opened only where they are files."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import data_error

_SUFFIX = ".part"


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary file beside ``path`` that takes its place when the block ends, and vanishes when the block fails.

    A reader sees the old file or the whole new one, at any time and after a crash.
    """
    path = Path(path)
    if path.is_dir():
        raise data_error(BAD_OUTPUT, path=path, problem="is a directory")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.", suffix=_SUFFIX)
    except OSError as error:
        raise data_error(BAD_OUTPUT, path=path, problem=_reason(error)) from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        _publish(part, path)
    except OSError as error:
        raise data_error(BAD_OUTPUT, path=path, problem=_reason(error)) from None
    finally:
        part.unlink(missing_ok=True)


def parts(directory: str | Path, names: Iterable[str]) -> list[Path]:
    """Lists what writers of these files are writing, or have left where they were killed."""
    return [part for name in names for part in Path(directory).glob(f".{escape(name)[:40]}.*{_SUFFIX}")]


def remove_parts(directory: str | Path, names: Iterable[str]) -> None:
    """Removes what writers of these files that were killed have left; no other process may be writing them."""
    for part in parts(directory, names):
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Text as UTF-8, newlines as they are."""
    with replacing(path) as part:
        part.write_bytes(text.encode("utf-8", "surrogateescape"))


def _publish(part: Path, path: Path) -> None:
    # mkstemp makes files for the owner alone; a result is as readable as any new file.
    mask = os.umask(0)
    os.umask(mask)
    part.chmod(0o666 & ~mask)
    with part.open("rb+") as file:  # on disk before it gets its name: a crash must not leave an empty file under it
        os.fsync(file.fileno())
    os.replace(part, path)


def _reason(error: OSError) -> str:
    return f"cannot be written: {(error.strerror or str(error)).lower()}"


def not_a_file(path: str | Path) -> str | None:
    """Says why a path is not to be opened as a file: reading a pipe or a device may never end. None for a file, and
    where there is nothing: opening it says so."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(mode):
        return "is a directory"
    return None if stat.S_ISREG(mode) else "is a pipe or a device, not a file"
