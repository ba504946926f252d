"""Progress of a training, in one short line an epoch."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from ardsl.common.wording import printable


class Progress:
    """Prints lines on standard error: on a terminal the epoch's line is written over, elsewhere each stands.

    Where standard error takes nothing any more, its reader gone or the disk full, the training goes on in silence.
    """

    def __init__(self, epochs: int, *, shown: bool = True, stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.shown = shown
        self._stream = stream if stream is not None else sys.stderr
        self.shown &= self._stream is not None  # a process may have none
        self._terminal = self.shown and self._stream.isatty()
        self._open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.shown:
            self.close()
            self._print(f"{printable(text)}\n")

    def say_now(self, text: str) -> None:
        """A line from a signal's handler, in the midst of whatever else is printed."""
        try:
            if self.shown:
                os.write(self._stream.fileno(), f"{chr(10) if self._open else ''}{printable(text)}\n".encode())
                self._open = False
        except (OSError, ValueError):
            pass

    def epoch(self, row: Mapping[str, Any], best: bool, left: float) -> None:
        """The line of an epoch, from the ``row`` of its figures; ``left`` is the estimate of the time to come."""
        if not self.shown:
            return
        number, valid, seconds = row["epoch"], row["valid"], row["seconds"]
        measured = f"train {row['train']:.4f}"
        measured += "" if valid is None else f"  valid {valid:.4f}{' *' if best else '  '}"
        measured += "".join(f"  {name} {value:.2f}" for name, value in row.items() if name.startswith("kl "))
        ahead = f"  about {duration(left)} left" if number < self.epochs else ""
        text = f"epoch {number:>{len(str(self.epochs))}}/{self.epochs}  {measured}  {duration(seconds)}{ahead}"
        if self._terminal:
            self._print(f"\r{printable(text)}\x1b[K")
            self._open = True
        else:
            self._print(f"{printable(text)}\n")

    def close(self) -> None:
        """Ends a line that was written over."""
        if self._open:
            self._print("\n")
            self._open = False

    def _print(self, text: str) -> None:
        try:
            print(text, end="", file=self._stream, flush=True)
        except (OSError, ValueError):  # ValueError: closed
            self.shown = self._open = False


def duration(seconds: float) -> str:
    """Seconds as people say them: ``8.1 s``, ``4 min 10 s``, ``2 h 05 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
