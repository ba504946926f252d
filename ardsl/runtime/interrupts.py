"""Ctrl-C and SIGTERM, while a training runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts(Callback):
    """Within its block the first Ctrl-C or SIGTERM calls ``ask``, which is to end the training after its step; a second
    Ctrl-C ends it at once."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():  # no other may handle signals
            self._before = {number: signal.getsignal(number) for number in _SIGNALS}
            self._handle()
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def on_train_start(self, *_: Any) -> None:
        """Lightning has just put a handler of its own before ours: it speaks to the other processes as the signal
        comes, in the midst of whatever they say to each other."""
        self._handle()

    def _handle(self) -> None:
        for number in self._before:
            signal.signal(number, self._asked)

    def _asked(self, *_: object) -> None:
        self._ask()
        signal.signal(signal.SIGINT, self._before[signal.SIGINT])
