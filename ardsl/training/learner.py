"""A model under training: what Lightning's loop calls, at each step and at the end of each epoch."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ardsl.common.memory import memory_problem
from ardsl.compiler.compile import Compiled
from ardsl.compiler.window import Window
from ardsl.data.splits import Examples
from ardsl.errors import ArdslError
from ardsl.model.settings import TrainSettings
from ardsl.queries.evaluate import Evaluation, evaluate_examples
from ardsl.runs.checkpoint import require_like
from ardsl.system.processes import Processes
from ardsl.training.batches import DRAWN, Batches
from ardsl.training.distributed.sharding import joined_shares, load_optimizer, split
from ardsl.training.optimizers import check_optimizer, make_optimizer, make_schedule

_LOOK = 100
"""Steps between looks at the loss: each look waits for the device."""


def _average(decay: float, averaged: Any, weights: Any, count: Tensor) -> None:
    """The moving average after so many steps. At first it forgets faster, or the weights that the training began with
    would long count for most of it."""
    steps = int(count)
    get_ema_multi_avg_fn(min(decay, (1 + steps) / (10 + steps)))(averaged, weights, count)


class Diverged(Exception):
    """The loss is infinite or NaN: after batch ``index`` of the epoch, or where None after its end."""

    def __init__(self, index: int | None = None) -> None:
        super().__init__(index)
        self.index = index


class Interrupted(Exception):
    """The user wants the training to end now."""


class Unfit(Exception):
    """A state is not one of this training."""


@dataclass
class Best:
    """The weights with the lowest validation loss so far; without validation data, those of the last epoch."""

    epoch: int
    weights: dict[str, Tensor]
    valid: Evaluation | None


class _Tally:
    """An epoch's losses: a step leaves its own on the device, without waiting for it. Of several processes each counts
    its own, and all look at the same steps."""

    def __init__(
        self, device: torch.device, processes: Processes, total: float = 0.0, examples: int = 0, batches: int = 0
    ) -> None:
        self._processes = processes
        exact = torch.float32 if device.type == "mps" else torch.float64
        self._recent = torch.zeros(_LOOK, dtype=exact, device=device)
        self._sizes: list[int] = []
        self.total, self.examples, self.batches = total, examples, batches

    def add(self, mean: Tensor, size: int) -> None:
        self._recent[len(self._sizes)] = mean.detach()
        self._sizes.append(size)
        if len(self._sizes) == _LOOK:
            self.look()

    def look(self) -> None:
        """Count what was left on the device. Raises ``Diverged`` at the first loss of any process that is no number."""
        recent = self._recent[: len(self._sizes)].cpu().double().numpy()
        broken = [*np.flatnonzero(~np.isfinite(recent)).tolist(), _LOOK]
        earliest = min(self._processes.gather(broken[0]))
        if earliest < _LOOK:
            raise Diverged(self.batches + earliest)
        self.total += float(recent @ np.asarray(self._sizes, dtype=np.float64))
        self.examples += sum(self._sizes)
        self.batches += len(self._sizes)
        self._sizes.clear()

    def of_all(self) -> tuple[float, int]:
        """The sum of the losses, and the examples, of all processes."""
        self.look()
        totals, examples = zip(*self._processes.gather((self.total, self.examples)), strict=True)
        return sum(totals), sum(examples)


class Learner(LightningModule):
    """Minimizes ``model.objective``; after every epoch measures the validation likelihood (with latent variables the
    lower bound on it) and keeps the best weights.

    ``metrics`` has a row for each epoch: epoch, seconds since the start, and the nats per example on ``train`` (the
    mean over the epoch's batches, as they were trained on) and ``valid`` (None without validation data).

    Everything random in a step is a function of the seed and the step's number (dropout's also of the process's), so
    that :meth:`state`, taken between two steps, is all there is to resume from.

    Of several processes each has its own rows of ``batches`` and of ``valid``; weights, figures and decisions are the
    same in all.
    """

    def __init__(
        self,
        model: Compiled,
        settings: TrainSettings,
        valid: Examples | None,
        batches: Batches,
        processes: Processes,
        sharded: bool,
        after_epoch: Callable[[Learner, bool], None],
        between_steps: Callable[[Learner], None],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.valid_examples = valid
        self.source = batches
        self.batches = batches.count
        self.processes = processes
        self.sharded = sharded
        self.after_epoch = after_epoch
        self.between_steps = between_steps
        self.metrics: list[dict[str, Any]] = []
        self.best: Best | None = None
        self.interrupted: signal.Signals | None = None
        """The signal that asked for the training's end."""
        self.started = time.perf_counter()
        self.steps = 0
        self._resumed = state
        self._divergences: Mapping[str, Tensor] = {}
        """The mean divergence of each latent variable over the last batch, in nats."""
        self._tally = _Tally(self.device, processes)
        self._average: AveragedModel | None = None
        if settings.ema is not None:
            self._average = AveragedModel(model, multi_avg_fn=partial(_average, settings.ema))
            self._average.requires_grad_(False)  # several processes would wait for its gradients
        if state is not None:
            self._go_on(state)

    def configure_model(self) -> None:
        if self.sharded and self.device_mesh is not None:
            for model in dict.fromkeys((self.model, self.kept)):
                split(model, self.device_mesh["data_parallel"])

    def configure_optimizers(self) -> Any:
        settings = self.settings
        # Lightning clips gradients under mixed precision only outside the fused kernel, and not every optimizer has one
        # for weights that are split.
        fused = not (settings.precision in ("16", "bf16") and settings.clip is not None) and not self.sharded
        optimizer = make_optimizer(settings.optimizer, self.model.parameters(), fused=fused)
        steps = math.ceil(self.batches / settings.accumulate) * settings.epochs
        schedule = make_schedule(settings.schedule, optimizer, steps)
        return optimizer if schedule is None else {"optimizer": optimizer, "lr_scheduler": schedule}

    @property
    def kept(self) -> Compiled:
        """The model that is measured: the one under training, or the average of its weights."""
        return self.model if self._average is None else self._average.module  # type: ignore[return-value]

    def interrupt(self, number: signal.Signals) -> None:
        """Asks, for a signal, for the training's end after the current step."""
        self.interrupted = number

    # What is kept of a training

    @property
    def done(self) -> int:
        """The number of batches of the current epoch that are done."""
        return self.steps - len(self.metrics) * self.batches

    def state(self) -> dict[str, Any]:
        """All that the steps to come depend on, between two steps of an epoch or before the first. Collective."""
        tally = self._tally.of_all()
        best = self.best
        stopping = self.trainer.early_stopping_callback
        return {
            "steps": self.steps,
            "seconds": time.perf_counter() - self.started,
            "metrics": self.metrics,
            "tally": tally,
            "best": best and (best.epoch, best.weights, best.valid and asdict(best.valid)),
            "model": joined_shares(dict(self.model.state_dict())),
            "average": self._average and joined_shares(dict(self._average.state_dict())),
            "optimizer": joined_shares(self.trainer.optimizers[0].state_dict()),
            "schedules": [config.scheduler.state_dict() for config in self.trainer.lr_scheduler_configs],
            "stopping": stopping and stopping.state_dict(),
            "precision": self.trainer.precision_plugin.state_dict(),
        }

    def _go_on(self, state: Mapping[str, Any]) -> None:
        """Take up a state, but for what Lightning has yet to make."""
        with _fitting():
            require_like({"steps": 0, "seconds": 0.0, "tally": (0.0, 0)}, {k: state[k] for k in _COUNTED})
            _require_finite(state["seconds"], state["tally"][0])
            weights = dict(self.model.state_dict())
            require_like(weights, state["model"])
            self.model.load_state_dict(state["model"])
            if self._average is not None:
                require_like(dict(self._average.state_dict()), state["average"])
                self._average.load_state_dict(state["average"])
            self.steps, self.metrics = state["steps"], [self._checked(row, k) for k, row in enumerate(state["metrics"])]
            if not 0 <= self.done <= self.batches or self.steps > self.settings.epochs * self.batches:
                raise ValueError("steps that are not of these epochs")
            self.started = time.perf_counter() - state["seconds"]
            if state["best"] is not None:
                epoch, best, valid = state["best"]
                require_like((1, weights), (epoch, best))
                if not 1 <= epoch <= len(self.metrics):
                    raise ValueError("an epoch that has not been")
                self.best = Best(epoch, dict(best), None if valid is None else _checked_evaluation(valid))

    def _checked(self, row: Mapping[str, Any], before: int) -> dict[str, Any]:
        """A row of the curve, that of the epoch after so many. Raises ``ValueError`` for anything else."""
        valid = None if self.valid_examples is None else 0.0
        divergences = {name: 0.0 for name in row if name.startswith("kl ")}
        require_like({"epoch": 0, "seconds": 0.0, "train": 0.0, "valid": valid} | divergences, row)
        _require_finite(*(value for value in row.values() if value is not None))
        if row["epoch"] != before + 1:
            raise ValueError("another epoch")
        return dict(row)

    def on_train_start(self) -> None:
        state = self._resumed
        if state is None:
            return
        with _fitting():
            trainer = self.trainer
            check_optimizer(self.settings.optimizer, trainer.optimizers[0], state["optimizer"])
            load_optimizer(trainer.optimizers[0], state["optimizer"])
            schedules: list[Any] = [config.scheduler for config in trainer.lr_scheduler_configs]
            parts = [*zip(schedules, state["schedules"], strict=True), (trainer.precision_plugin, state["precision"])]
            if trainer.early_stopping_callback is not None:
                parts.append((trainer.early_stopping_callback, state["stopping"]))
            for part, kept in parts:
                require_like(part.state_dict(), kept)
                part.load_state_dict(kept)

    # Lightning's loop

    def __setattr__(self, name: str, value: Any) -> None:
        # Lightning notes here the name of every hook that it calls, fifty times a step; torch would look through the
        # parameters and modules each time.
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def on_train_epoch_start(self) -> None:
        with _fitting():
            resumed = self._resumed if self.processes.first else None  # the tally of all is in the first's hands
            total, examples = resumed["tally"] if resumed is not None else (0.0, 0)
            self._tally = _Tally(self.device, self.processes, total, examples, self.done)
        self._resumed = None
        self.between_steps(self)

    def training_step(self, batch: Mapping[str, Tensor], index: int) -> Tensor:
        self._seed_step()
        generator = np.random.default_rng((self.settings.seed, 1, self.steps)) if self.model.estimated else None
        if self.settings.anneal:
            self.model.kl_weight = min(1.0, self.steps / (self.settings.anneal * self.batches))
        loss = self.model.objective(dict(batch), generator, self._window(batch), self.source.rows_of(self.done))
        self._divergences = loss.divergences
        self._tally.add(loss.reported, self.source.own(self.done))
        weight = self.source.weight(self.done)
        return loss.value if weight == 1 else loss.value * weight

    def _window(self, batch: Mapping[str, Tensor]) -> Window | None:
        windows = self.source.windows
        return None if windows is None else Window(windows.length, batch[DRAWN], windows.visits)

    def on_train_batch_end(self, outputs: Any, batch: Mapping[str, Tensor], index: int) -> None:
        self.steps += 1
        if self.done % self.settings.accumulate and self.done < self.batches:
            return  # gradients are waiting for more
        if self._average is not None:
            self._average.update_parameters(self.model)
        if self.done < self.batches:
            self.between_steps(self)

    def on_train_epoch_end(self) -> None:
        total, examples = self._tally.of_all()
        train = total / max(examples, 1)
        valid = None
        if self.valid_examples is not None:
            # Networks asked with a mask are asked once for each example, the same each time: all questions take too
            # long, and what an epoch gained shows by few.
            valid = evaluate_examples(self.kept, self.valid_examples, processes=self.processes, exact=False)
            if not math.isfinite(valid.nll):
                raise Diverged
        elif not all(bool(p.isfinite().all()) for p in self.model.parameters()):
            raise Diverged
        improved = valid is None or self.best is None or self.best.valid is None or valid.nll < self.best.valid.nll
        divergences = self._mean_divergences() if valid is None else valid.kl
        self.metrics.append(
            {
                "epoch": len(self.metrics) + 1,
                "seconds": time.perf_counter() - self.started,
                "train": train,
                "valid": None if valid is None else valid.nll,
                **{f"kl {name}": value for name, value in divergences.items()},
            }
        )
        if improved:
            self._keep(valid)
        if self.settings.patience is not None or self.trainer.lr_scheduler_configs:
            self.log("watched", train if valid is None else valid.nll)  # by early stopping and the plateau schedule
        self.after_epoch(self, improved)

    def _mean_divergences(self) -> dict[str, float]:
        """The divergence of each latent variable that the guide draws, over the last batch."""
        return {name: float(value) for name, value in self._divergences.items()}

    def _seed_step(self) -> None:
        """The random state that dropout draws from, for the step at hand."""
        seed = ((self.settings.seed * 1_000_003 + self.steps) * 8_191 + self.processes.rank) % (1 << 63)
        torch.default_generator.manual_seed(seed)
        if self.device.type == "cuda":
            torch.cuda.manual_seed(seed)
        elif self.device.type == "mps":
            torch.mps.manual_seed(seed)

    def _keep(self, valid: Evaluation | None) -> None:
        weights = joined_shares(dict(self.kept.state_dict()))
        if self.best is None:
            self.best = Best(len(self.metrics), {n: w.detach().clone() for n, w in weights.items()}, valid)
            return
        self.best.epoch, self.best.valid = len(self.metrics), valid
        for name, weight in weights.items():
            self.best.weights[name].copy_(weight)


_COUNTED = ("steps", "seconds", "tally")


def _require_finite(*numbers: float) -> None:
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a number that is none")


def _checked_evaluation(valid: Mapping[str, Any]) -> Evaluation:
    """An evaluation as ``asdict`` gave it. Raises ``ValueError`` for anything else."""
    numbers = {"nll": 0.0, "standard_error": 0.0, "bits_per_dim": 0.0, "examples": 0, "seconds": 0.0}
    bound = {"samples": None if valid["samples"] is None else 0, "elbo": None if valid["elbo"] is None else 0.0}
    require_like(numbers | bound | {"kl": dict.fromkeys(valid["kl"], 0.0), "orders": None, "estimated": False}, valid)
    return Evaluation(**valid)


@contextmanager
def _fitting() -> Iterator[None]:
    """Whatever a foreign or tampered state can cause, as one exception."""
    try:
        yield
    except (ArdslError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        if memory_problem(error):
            raise
        raise Unfit from error
