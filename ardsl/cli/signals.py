"""SIGTERM, where a command has something to say before it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED, TERMINATED = 130, 143
"""Exit codes: what a shell makes of a process that SIGINT, or SIGTERM, has ended."""


class Terminated(BaseException):
    """The process is to end."""


def ending(error: BaseException) -> tuple[str, int]:
    """The word and the exit code for what a signal has ended."""
    return ("terminated", TERMINATED) if isinstance(error, Terminated) else ("interrupted", INTERRUPTED)


@contextmanager
def raising_sigterm() -> Iterator[None]:
    """Makes SIGTERM an exception within the block."""

    def end(*_: object) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():  # no other may handle signals
        yield
        return
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
