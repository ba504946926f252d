"""Training: ``fit`` a spec to data on Lightning's Trainer."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from signal import Signals
from typing import Any, Literal

import torch
from lightning.pytorch import Callback
from lightning.pytorch.utilities.exceptions import SIGTERMException

from ardsl.common.wording import plural
from ardsl.compiler.compile import Compiled, compile_model
from ardsl.data.lengths import with_lengths
from ardsl.data.splits import Examples, Splits, load_data, take
from ardsl.diagnostics.rules.data import BAD_CHECKPOINT, BAD_RUN, NOT_FINITE, UNUSABLE_OPTION
from ardsl.errors import DataError, data_error
from ardsl.model.settings import TrainSettings
from ardsl.outputs.curve import save_curve
from ardsl.outputs.drawing import can_draw
from ardsl.runs.folder import RunFolder, check_earlier
from ardsl.runs.reading import CURVE, STATE, read_metrics, read_run
from ardsl.runs.restore import restore
from ardsl.spec import Spec, as_spec
from ardsl.system.devices import find_device
from ardsl.system.processes import Processes
from ardsl.system.signals import Unfinished, pass_on
from ardsl.training.batches import Batches, fingerprint
from ardsl.training.distributed.launch import launch
from ardsl.training.distributed.processes import join
from ardsl.training.interrupts import AtOnce, Interrupts
from ardsl.training.learner import Diverged, Interrupted, Learner, Unfit
from ardsl.training.options import (
    AfterEpoch,
    check_carried,
    check_precision,
    count_devices,
    override,
    recorded_options,
    split_callbacks,
)
from ardsl.training.progress import Progress
from ardsl.training.reports import announce, conclude, figures, warn_of_collapse
from ardsl.training.samples import Samples
from ardsl.training.trainer import few_threads, make_trainer, quiet, seeded
from ardsl.training.windows import along_time

_ROWS = 5
_WRITE_SHARE = 0.02
"""The share of the time that writing may take: a better epoch that comes too soon is written with a later one."""


@dataclass
class Run:
    """A finished training: ``model`` has the best weights, in evaluation mode.

    ``metrics`` holds a dict for each epoch (epoch, seconds, train and valid in nats per example); ``best_valid`` is the
    lowest validation loss, None without validation data. ``stopped`` says why it ended: after all ``epochs``, by
    ``patience``, or ``interrupted`` by a signal, Ctrl-C or SIGTERM, which ``signal`` names; ``fit(…, resume=True)``
    resumes an interrupted training.
    """

    model: Compiled = field(repr=False)
    metrics: list[dict[str, Any]] = field(repr=False)
    best_epoch: int
    best_valid: float | None
    seconds: float
    stopped: Literal["epochs", "patience", "interrupted"]
    directory: Path | None = None
    signal: Signals | None = None


class TrainingError(DataError):
    """The training diverged. ``run`` has the weights of the best good epoch, None where there was none."""

    def __init__(self, error: DataError, run: Run | None) -> None:
        Exception.__init__(self, str(error))
        self.code = error.code
        self.run = run


def fit(
    spec: Spec,
    data: Any = None,
    out: str | Path | None = None,
    *,
    epochs: int | None = None,
    device: str | torch.device = "auto",
    devices: int | None = None,
    strategy: str | None = None,
    seed: int | None = None,
    precision: str | None = None,
    data_dir: str | Path | None = None,
    callbacks: Sequence[Callback | AfterEpoch] = (),
    progress: bool = True,
    resume: bool = False,
    checkpoint_every: float = 60.0,
    fast_dev_run: bool = False,
    tensorboard: bool = False,
    lengths: Any = None,
) -> Run:
    """Trains the maximum-likelihood model of a spec: the weights of the epoch that validates best.

    ``data`` is a path, an array or tensor, a dict of these by variable or by split, a data frame or a Dataset; by
    default what the spec's ``data`` block names, relative to the spec or to ``data_dir``. ``out`` is the run folder,
    written as the training goes. ``epochs``, ``seed`` and ``precision`` override the ``train`` block. The same seed on
    the same machine gives the same weights.

    The folder also keeps a checkpoint, written every ``checkpoint_every`` seconds. With ``resume`` a training that was
    cut short resumes from it, and ends with the weights of the unbroken one, bit for bit; one that had ended is given
    back, one that has no checkpoint yet begins.

    With ``devices`` above 1 as many processes train together, each on a device of its own (on the CPU, a share of the
    cores), by Lightning's ``strategy`` (``"ddp"``, a copy of the model in each, or ``"fsdp"``, a share of it): the
    spec's ``batch`` is that of all together, so the result is that of one process but for rounding. ``callbacks`` then
    run in those processes. A script started by torchrun trains in the processes it was started in.

    ``callbacks`` are called as the training goes: functions of a row of ``metrics`` after each epoch (of several
    processes in the first), and objects of Lightning's ``Callback`` with its trainer and the module that is trained,
    whose ``model`` is the one that ``fit`` gives back: :mod:`ardsl.training.events` is one.

    The first Ctrl-C or SIGTERM ends the training after the current step. Ctrl-C gives the run so far, with ``stopped =
    "interrupted"``, or is raised (``KeyboardInterrupt``) where no epoch has ended; a second one ends it at once.
    A ``KeyboardInterrupt`` that a callback raises does as Ctrl-C, at once; in one of several processes it is raised.
    SIGTERM is raised again once the run is kept: by default it ends the process.

    ``fast_dev_run`` tries everything on one batch, in one step and one validation, and writes nothing. ``tensorboard``
    writes the curve as event files, too: the extra of that name. ``lengths`` [examples] ends each example of ``data``
    where a variable's length varies.
    """
    if fast_dev_run:
        out, epochs, resume, tensorboard = None, 1, False, False
    if as_spec(spec).plan.parameters == 0:
        raise data_error(UNUSABLE_OPTION, problem=f"`{spec.name}` has no free parameters: there is nothing to train")
    settings = override(spec.model.train, epochs, seed, precision)
    lightning_callbacks, functions = split_callbacks(callbacks)
    chosen_device = find_device(device)
    check_precision(settings.precision, chosen_device, strategy)
    processes = join(chosen_device.type)
    local_devices = count_devices(devices, strategy, str(device), chosen_device, processes)
    if resume and out is None:
        raise data_error(UNUSABLE_OPTION, problem="`resume` needs the run folder, `out`")
    if tensorboard:
        lightning_callbacks = (*lightning_callbacks, _events(out))
    options = recorded_options(settings, local_devices if processes.world == 1 else processes.world, strategy)
    earlier = processes.from_first(lambda: check_earlier(out, spec, options) if resume and out is not None else None)
    if earlier == "ended" and out is not None:
        shown = progress and processes.first
        Progress(0, shown=shown).say(f"the training in {out} has ended: there is nothing to resume")
        return _ended(Path(out), chosen_device)
    training = _Training(
        spec=spec,
        settings=settings,
        splits=_load_splits(spec, settings, with_lengths(spec, data, lengths), data_dir, one_batch=fast_dev_run),
        device=chosen_device,
        out=None if out is None else Path(out),
        options=options,
        resume=earlier is not None,
        progress=progress,
        checkpoint_every=checkpoint_every,
        callbacks=lightning_callbacks,
        functions=functions,
        trial=fast_dev_run,
    )
    return _train(training, processes, local_devices)


def _load_splits(
    spec: Spec, settings: TrainSettings, data: Any, data_dir: str | Path | None, *, one_batch: bool
) -> Splits:
    """Loads the data of a training in its precision; with ``one_batch`` the first batch of each split alone."""
    splits = load_data(spec, data, data_dir=data_dir, dtype=_dtype(settings))
    if one_batch:
        first = slice(0, settings.batch)
        splits = replace(splits, train=take(splits.train, first), valid=splits.valid and take(splits.valid, first))
    return splits


def _dtype(settings: TrainSettings) -> torch.dtype:
    """The type of data and weights; lower precisions are those of the products in a step alone."""
    return torch.float64 if settings.precision == "64" else torch.float32


def _train(training: _Training, processes: Processes, local_devices: int) -> Run:
    """Trains in this process, or starts one for each of several devices; a signal that ended it is sent on."""
    try:
        if local_devices == 1 or processes.world > 1:
            run = training.run(processes)
        else:
            check_carried([*training.callbacks, *training.functions])
            run = launch(training, local_devices)
    except Unfinished as error:
        pass_on(error.number)
        raise
    pass_on(run.signal)
    return run


@dataclass(frozen=True)
class _Training:
    """The arguments of a training, checked, as each process that takes part in it gets them.

    ``options`` are those that the run folder records, ``functions`` those called after each epoch; ``trial`` is a fast
    development run.
    """

    spec: Spec
    settings: TrainSettings
    splits: Splits
    device: torch.device
    out: Path | None
    options: dict[str, Any]
    resume: bool
    progress: bool
    checkpoint_every: float
    callbacks: tuple[Callback, ...]
    functions: tuple[AfterEpoch, ...]
    trial: bool

    def run(self, processes: Processes) -> Run:
        with processes.connected(), ExitStack() as held:
            return _Fit(self, processes, held).run()


class _Fit:
    """One training from start to end, in one of its processes."""

    def __init__(self, training: _Training, processes: Processes, held: ExitStack) -> None:
        self.training, self.processes, self.settings = training, processes, training.settings
        self.splits, settings, device = training.splits, training.settings, training.device
        if processes.world > 1 and device.type == "cuda":
            device = torch.device("cuda", processes.local_rank)
        self.device = device
        self.sharded = processes.world > 1 and training.options["strategy"] == "fsdp"
        self.model = self._compile()
        self.model.standardize_by(training.splits.train)
        self.progress = Progress(settings.epochs, shown=training.progress and processes.first)
        self.folder: RunFolder | None = None
        self._fingerprint = fingerprint(self.splits.train, self.splits.valid)
        if len(set(processes.gather(self._fingerprint))) > 1:
            raise data_error(UNUSABLE_OPTION, problem="the processes of the training have different data")
        state = processes.from_first(lambda: self._open_folder(held))
        train = _on_device(self.splits.train, device)
        windows = along_time(self.model, train, settings.window)
        self.batches = Batches(train, settings.batch, settings.seed, processes.rank, processes.world, *windows)
        valid = None
        if self.splits.valid is not None:
            own = take(self.splits.valid, slice(processes.rank, None, processes.world))
            valid = _on_device(own, device)
        events = (self._after_epoch, self._between_steps)
        try:
            self.learner = Learner(self.model, settings, valid, self.batches, processes, self.sharded, *events, state)
        except Unfit:
            raise self._unfit() from None
        if state is not None:
            self.batches.epoch, self.batches.start = len(self.learner.metrics), self.learner.done
            steps = plural(self.learner.steps, "step")
            self.progress.say(f"going on in epoch {len(self.learner.metrics) + 1}, after {steps}")
        self._written_at, self._write_cost, self._unwritten = 0.0, 0.0, False
        self._sample_files: Samples | None = None
        self._checkpointed_at, self._checkpoint_cost = time.perf_counter(), 0.0

    def _compile(self) -> Compiled:
        return compile_model(self.training.spec, seed=self.settings.seed, dtype=_dtype(self.settings))

    def _open_folder(self, held: ExitStack) -> dict[str, Any] | None:
        """Opens the run folder, in the first process alone, and loads the state to resume from, if there is one."""
        training = self.training
        state = None
        if training.out is not None:
            folder = RunFolder(training.out, training.spec, training.options, training.resume)
            self.folder = held.enter_context(folder)
            if self.folder.kept is not None:
                self.progress.say(f"the earlier run is kept in {self.folder.kept}")
        announce(self.progress, training.spec, self.splits)
        if self.folder is not None:
            state = self.folder.load_state()
        if state is not None and state.get("data") != self._fingerprint:
            raise data_error(BAD_CHECKPOINT, path=training.out, problem="the training began with other data")
        return state

    def run(self) -> Run:
        settings, learner, processes = self.settings, self.learner, self.processes
        stopped: Literal["epochs", "patience", "interrupted"] = "epochs"
        diverged: Diverged | None = None
        epochs_before = len(self.learner.metrics)
        rows = math.ceil(settings.batch / processes.world)
        threads = few_threads(self.model.spec, rows)
        with quiet(), seeded(settings.seed, self.device), threads, Interrupts(self._interrupt) as interrupts:
            callbacks = [*self.training.callbacks, interrupts]
            ahead = (settings.epochs - epochs_before, self.training.trial)
            trainer = make_trainer(settings, self.device, processes, self.sharded, callbacks, *ahead)
            try:
                if settings.epochs:
                    trainer.fit(learner, train_dataloaders=self.batches)
                if len(learner.metrics) < settings.epochs:
                    stopped = "patience"
            except Diverged as error:
                diverged = error
            except Unfit:
                raise self._unfit() from None
            except (Interrupted, SIGTERMException):  # before the first step Lightning is first to see a SIGTERM
                stopped = "interrupted"
            except AtOnce:
                raise Unfinished(Signals.SIGINT) from None
            except SystemExit:
                if interrupts.raised is None:
                    raise
                if learner.best is None or processes.world > 1:  # the other processes have not heard of it
                    raise interrupts.raised from None
                stopped, learner.interrupted = "interrupted", Signals.SIGINT
        if stopped == "interrupted":
            learner.interrupted = learner.interrupted or Signals.SIGTERM
            if learner.best is None:
                raise Unfinished(learner.interrupted)
        run = self._finish(stopped, diverged is not None)
        self.progress.close()
        if diverged is not None:
            raise self._divergence(run, diverged.index)
        return run

    def _unfit(self) -> DataError:
        path = "" if self.training.out is None else self.training.out / STATE
        return data_error(BAD_CHECKPOINT, path=path, problem="does not fit the spec")

    def _divergence(self, run: Run, index: int | None) -> TrainingError:
        epoch = len(self.learner.metrics)
        step = ""
        if index is not None:
            rows = self.batches.rows(epoch, index)
            few = ", ".join(map(str, rows[:_ROWS])) + (" …" if len(rows) > _ROWS else "")
            step = f", step {epoch * self.batches.count + index + 1:,} (rows {few})"
        good = self.learner.best is not None
        where = f" in {run.directory}" if run.directory else ""
        kept = f"the weights of epoch {run.best_epoch} are kept{where}" if good else "no epoch was good"
        error = data_error(NOT_FINITE, epoch=epoch + 1, step=step, kept=kept)
        return TrainingError(error, run if good else None)

    def _finish(self, stopped: Literal["epochs", "patience", "interrupted"], diverged: bool) -> Run:
        """Puts the best weights into the model and on disk, and writes the final figures."""
        best = self.learner.best
        # What is whole again cannot be put into a model that is split.
        model = (self._compile() if self.sharded else self.model).to(self.device)
        if best is not None:
            model.load_state_dict(best.weights)
        model.eval()
        seconds = time.perf_counter() - self.learner.started
        valid = best.valid if best else None
        number = best.epoch if best else 0
        folder = self.folder
        if folder is not None and (best is not None or not diverged):
            folder.save_weights(model.state_dict())
            folder.save_metrics(self.learner.metrics)
            self._samples(folder).save(model)
            if len(self.learner.metrics) > 1 and can_draw():
                save_curve(folder.path / CURVE, self.learner.metrics, number)
            reason = "diverged" if diverged else stopped
            folder.save_figures(figures(model.spec, self.learner.metrics, number, valid, seconds, reason))
            if reason in ("epochs", "patience"):
                folder.drop_state()
        nll = None if valid is None else valid.nll
        signal = self.learner.interrupted
        conclude(self.progress, model.spec, number, valid, seconds, stopped, folder.path if folder else None)
        if number:
            warn_of_collapse(self.progress, self.learner.metrics[number - 1])
        return Run(model, self.learner.metrics, number, nll, seconds, stopped, self.training.out, signal)

    def _after_epoch(self, learner: Learner, improved: bool) -> None:
        row = learner.metrics[-1]
        left = row["seconds"] / row["epoch"] * (self.settings.epochs - row["epoch"])
        self.progress.epoch(row, improved, left)
        if self.processes.first:
            for function in self.training.functions:
                function(dict(row))
        self._unwritten |= improved
        started = time.perf_counter()
        if self.folder is None or self._write_cost > _WRITE_SHARE * (started - self._written_at):
            return
        self.folder.save_metrics(learner.metrics)
        better, self._unwritten = self._unwritten and learner.best is not None, False
        if better:
            self.folder.save_weights(learner.best.weights)  # type: ignore[union-attr]
        self._written_at = time.perf_counter()
        self._write_cost = self._written_at - started
        if better and not self.sharded:
            self._samples(self.folder).save_if_due(learner.kept)

    def _samples(self, folder: RunFolder) -> Samples:
        if self._sample_files is None:
            self._sample_files = Samples(folder.path, self.splits, self.settings.seed)
        return self._sample_files

    def _between_steps(self, learner: Learner) -> None:
        """Writes a checkpoint when it is time, and ends the training here if a signal asked for that."""
        now = time.perf_counter()
        every = max(self.training.checkpoint_every, self._checkpoint_cost / _WRITE_SHARE)
        signals = [learner.interrupted == number for number in (Signals.SIGINT, Signals.SIGTERM)]
        due, by_user, terminated = self.processes.any(now - self._checkpointed_at > every, *signals)
        interrupted = by_user or terminated
        if self.training.out is not None and (due or interrupted) and learner.steps:
            state = learner.state()
            if self.folder is not None:
                self.folder.save_state(state | {"data": self._fingerprint})
            self._checkpointed_at = time.perf_counter()
            self._checkpoint_cost = self._checkpointed_at - now
        if interrupted:
            learner.interrupted = Signals.SIGTERM if terminated else Signals.SIGINT
            raise Interrupted

    def _interrupt(self, number: Signals) -> None:
        """Asks for the end after the current step, which may take long; called by a signal."""
        self.learner.interrupt(number)
        if number == Signals.SIGINT:
            self.progress.say_now("stopping after the current step; Ctrl-C again stops at once")


def _events(out: str | Path | None) -> Callback:
    from ardsl.training.events import Events

    if out is None:
        raise data_error(UNUSABLE_OPTION, problem="`tensorboard` needs the run folder, `out`")
    return Events(out)


def _on_device(examples: Examples, device: torch.device) -> Examples:
    """Moves examples to a GPU where they take a small part of its memory: then no step waits for a transfer."""
    if device.type != "cuda":
        return examples
    size = sum(value.nbytes for value in examples.values())
    free = torch.cuda.mem_get_info(device)[0]
    return {name: value.to(device) for name, value in examples.items()} if size < free // 4 else examples


def _ended(path: Path, device: torch.device) -> Run:
    """The run of a folder whose training has ended."""
    try:
        figures, rows = read_run(path)["figures"], read_metrics(path)
        valid = figures.get("valid", {}).get("nll")
        outcome = (figures["best_epoch"], valid, figures["seconds"], figures["stopped"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise data_error(BAD_RUN, path=path, problem="its figures are damaged") from None
    return Run(restore(path, device), rows, *outcome, path)
