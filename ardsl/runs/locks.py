"""One process at a time writes a folder: the operating system's lock of a file in it, which ends with the process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ardsl.diagnostics.rules.data import BAD_RUN, IN_USE
from ardsl.errors import data_error

LOCK = ".lock"
"""The file that is locked. What a killed process leaves of it locks nothing."""


@contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Keeps a folder, which it makes where there is none, for this process. The lock moves with the folder.

    Raises ``DataError`` where another process, or another training of this one, is ``doing`` something in it, or where
    nothing can be written there.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
        kept = (folder / LOCK).stat().st_ino
    except Timeout:
        raise data_error(IN_USE, path=folder, doing=doing) from None
    except OSError as error:
        reason = "not a directory" if isinstance(error, FileExistsError) else (error.strerror or str(error)).lower()
        problem = f"cannot be written ({reason}): choose another with --out"
        raise data_error(BAD_RUN, path=folder, problem=problem) from None
    try:
        yield
    finally:
        _remove(folder / LOCK, kept)
        lock.release(force=True)


def _remove(path: Path, number: int) -> None:
    """Removes the file that was locked, not one that has taken its place since the folder was moved."""
    if path.exists() and path.stat().st_ino == number:
        path.unlink()
