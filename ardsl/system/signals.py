"""Signals that end work: Ctrl-C and SIGTERM."""

from __future__ import annotations

import signal


class Unfinished(KeyboardInterrupt):
    """Work was interrupted by a signal ``number`` and has nothing to give."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__(number)
        self.number = number


def pass_on(number: signal.Signals | None) -> None:
    """Raises a signal again, once what it interrupted is in order: the handler that was there before has its turn, by
    default the end of the process. Not Ctrl-C, which tells whoever called ``fit``, not the process."""
    if number not in (None, signal.SIGINT):
        signal.raise_signal(number)
