"""A model under training: what Lightning's loop calls, at each step and at the end of each epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from ardsl.compiler.model import AutoregressiveModel
from ardsl.model.settings import TrainSettings
from ardsl.runtime.data import Examples, count
from ardsl.runtime.evaluate import Evaluation, evaluate_examples
from ardsl.runtime.optimizers import make_optimizer, make_schedule

_LOOK = 100
"""Steps between looks at the loss: each look waits for the device."""


class Diverged(Exception):
    """The loss is infinite or NaN."""


class Interrupted(Exception):
    """The user wants the training to end now."""


@dataclass
class Best:
    """The weights with the lowest validation loss so far; without validation data, those of the last epoch."""

    epoch: int
    weights: dict[str, Tensor]
    valid: Evaluation | None


class _Tally:
    """A running sum on the device: a step adds to it without waiting for its own result."""

    def __init__(self, device: torch.device) -> None:
        exact = torch.float32 if device.type == "mps" else torch.float64
        self._sum = torch.zeros((), dtype=exact, device=device)
        self._count = 0

    def add(self, mean: Tensor, size: int) -> None:
        self._sum.add_(mean.detach(), alpha=size)
        self._count += size

    def mean(self) -> float:
        return float(self._sum) / max(self._count, 1)


class Learner(LightningModule):
    """Minimizes ``model.loss``; after every epoch measures the exact validation likelihood and keeps the best weights.

    ``metrics`` has a row for each epoch: epoch, seconds since the start, and the nats per example on ``train`` (the
    mean over the epoch's batches, as they were trained on) and ``valid`` (None without validation data).
    """

    def __init__(
        self,
        model: AutoregressiveModel,
        settings: TrainSettings,
        valid: Examples | None,
        steps: int,
        after_epoch: Callable[[Learner, bool], None],
    ) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.valid_examples = valid
        self.total_steps = steps
        self.after_epoch = after_epoch
        self.metrics: list[dict[str, Any]] = []
        self.best: Best | None = None
        self.interrupted = False
        self.started = time.perf_counter()
        self._orders = np.random.default_rng((settings.seed, 1))
        self._tally = _Tally(self.device)

    def configure_optimizers(self) -> Any:
        settings = self.settings
        # The gradients' scaler of precision 16 and clipping go together only outside the fused kernel.
        fused = not (settings.precision == "16" and settings.clip is not None)
        optimizer = make_optimizer(settings.optimizer, self.model.parameters(), fused=fused)
        schedule = make_schedule(settings.schedule, optimizer, self.total_steps)
        return optimizer if schedule is None else {"optimizer": optimizer, "lr_scheduler": schedule}

    def on_train_epoch_start(self) -> None:
        self._tally = _Tally(self.device)

    def training_step(self, batch: Mapping[str, Tensor], index: int) -> Tensor:
        if self.interrupted:
            raise Interrupted
        loss = self.model.loss(dict(batch), self._orders)
        self._tally.add(loss, count(batch))
        if index % _LOOK == _LOOK - 1:
            self._train_nats()
        return loss

    def on_train_epoch_end(self) -> None:
        train = self._train_nats()
        valid = None
        if self.valid_examples is not None:
            valid = evaluate_examples(self.model, self.valid_examples)
            if not math.isfinite(valid.nll):
                raise Diverged
        elif not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise Diverged
        improved = valid is None or self.best is None or self.best.valid is None or valid.nll < self.best.valid.nll
        self.metrics.append(
            {
                "epoch": len(self.metrics) + 1,
                "seconds": time.perf_counter() - self.started,
                "train": train,
                "valid": None if valid is None else valid.nll,
            }
        )
        if improved:
            self._keep(valid)
        # What early stopping and the plateau schedule watch.
        self.log("watched", train if valid is None else valid.nll)
        self.after_epoch(self, improved)

    def _train_nats(self) -> float:
        """The epoch's mean training loss so far."""
        mean = self._tally.mean()
        if not math.isfinite(mean):
            raise Diverged
        return mean

    def _keep(self, valid: Evaluation | None) -> None:
        weights = self.model.state_dict()
        if self.best is None:
            self.best = Best(len(self.metrics), {n: w.detach().clone() for n, w in weights.items()}, valid)
            return
        self.best.epoch, self.best.valid = len(self.metrics), valid
        for name, weight in weights.items():
            self.best.weights[name].copy_(weight)
