"""How a training goes, in one short line an epoch."""

from __future__ import annotations

import sys
from typing import TextIO


class Progress:
    """Lines on standard error: on a terminal the epoch's line is written over, elsewhere each stands."""

    def __init__(self, epochs: int, *, shown: bool = True, stream: TextIO | None = None) -> None:
        self.epochs = epochs
        self.shown = shown
        self._stream = stream if stream is not None else sys.stderr
        self._terminal = self._stream.isatty()
        self._open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self.shown:
            self.close()
            print(text, file=self._stream, flush=True)

    def epoch(self, number: int, train: float, valid: float | None, best: bool, seconds: float, left: float) -> None:
        """The line of an epoch; ``seconds`` since the start, ``left`` the estimate at most."""
        if not self.shown:
            return
        measured = f"train {train:.4f}" + ("" if valid is None else f"  valid {valid:.4f}{' *' if best else '  '}")
        ahead = f"  about {duration(left)} left" if number < self.epochs else ""
        text = f"epoch {number:>{len(str(self.epochs))}}/{self.epochs}  {measured}  {duration(seconds)}{ahead}"
        if self._terminal:
            print(f"\r{text}\x1b[K", end="", file=self._stream, flush=True)
            self._open = True
        else:
            print(text, file=self._stream, flush=True)

    def close(self) -> None:
        """Ends a line that was written over."""
        if self._open:
            print(file=self._stream, flush=True)
            self._open = False


def duration(seconds: float) -> str:
    """Seconds as people say them: ``8.1 s``, ``4 min 10 s``, ``2 h 05 min``."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
