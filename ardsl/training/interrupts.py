"""Ctrl-C and SIGTERM, while a training runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any

from lightning.pytorch import Callback

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class AtOnce(BaseException):
    """The user wants the training to end now, not after its step. No handler of errors, Lightning's for Ctrl-C
    included, may take it for one of its own."""


class Interrupts(Callback):
    """Within its block the first Ctrl-C or SIGTERM calls ``ask`` with its number, which is to end the training after
    its step; a further Ctrl-C raises ``AtOnce``."""

    def __init__(self, ask: Callable[[signal.Signals], None]) -> None:
        self._ask = ask
        self._asked = False
        self._before: dict[signal.Signals, Any] = {}
        self.raised: KeyboardInterrupt | None = None
        """The interrupt that a callback raised; Lightning makes an exit of the process of it."""

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

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        if isinstance(exception, KeyboardInterrupt):
            self.raised = exception

    def _handle(self) -> None:
        for number in self._before:
            signal.signal(number, self._heard)

    def _heard(self, number: int, _: object) -> None:
        if self._asked and number == signal.SIGINT:
            raise AtOnce
        if not self._asked:
            self._asked = True
            self._ask(signal.Signals(number))
