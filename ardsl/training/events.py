"""The training curve as TensorBoard reads it: the extra `tensorboard`."""

from __future__ import annotations

import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback

from ardsl.diagnostics.rules.data import UNUSABLE_OPTION
from ardsl.errors import data_error

EVENTS = "tensorboard"
"""The folder of the event files, in the run folder."""


class Events(Callback):
    """An event for every epoch of the curve and no other, however often the training was cut short.

    The nats per example (``nats/train``, ``nats/valid``) and the learning rate of the epoch's last step (``rate``), by
    the number of the epoch.
    """

    def __init__(self, run: str | Path) -> None:
        if find_spec("tensorboard") is None:
            problem = "`tensorboard` needs the package of that name: `pip install 'ardsl[tensorboard]'`"
            raise data_error(UNUSABLE_OPTION, problem=problem)
        self._directory = Path(run, EVENTS)
        self._writer: Any = None
        self._written = 0
        self._rate = 0.0

    def on_train_start(self, trainer: Any, learner: Any) -> None:
        if not trainer.is_global_zero:
            return
        from torch.utils.tensorboard import SummaryWriter

        self._written = len(learner.metrics)
        self._pass_a_second()
        # Readers forget the epochs that the training had been through after the checkpoint it resumes from.
        self._writer = SummaryWriter(self._directory, purge_step=self._written + 1)

    def _pass_a_second(self) -> None:
        """Files are read in the order of their names, which have the second: a later one must not be of the same."""
        newest = max((path.stat().st_mtime for path in self._directory.glob("events.*")), default=0.0)
        time.sleep(min(max(int(newest) + 1 - time.time(), 0.0), 1.0))

    def on_train_batch_start(self, trainer: Any, learner: Any, batch: Any, index: int) -> None:
        self._rate = trainer.optimizers[0].param_groups[0]["lr"]

    # An epoch is measured after the callbacks heard of its end: it is written when the next begins, or none does.

    def on_train_epoch_start(self, trainer: Any, learner: Any) -> None:
        self._write(learner.metrics)

    def on_train_end(self, trainer: Any, learner: Any) -> None:
        self._close(learner.metrics)

    def on_exception(self, trainer: Any, learner: Any, exception: BaseException) -> None:
        self._close(learner.metrics)

    def _write(self, metrics: list[dict[str, Any]]) -> None:
        if self._writer is None or len(metrics) == self._written:
            return
        row = metrics[-1]
        for name in ("train", "valid"):
            if row[name] is not None:
                self._writer.add_scalar(f"nats/{name}", row[name], row["epoch"])
        self._writer.add_scalar("rate", self._rate, row["epoch"])
        self._writer.flush()  # before a checkpoint that this epoch is in: a kill leaves no gap
        self._written = len(metrics)

    def _close(self, metrics: list[dict[str, Any]]) -> None:
        self._write(metrics)
        if self._writer is not None:
            self._writer.close()
            self._writer = None
