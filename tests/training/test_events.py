"""TensorBoard's events are those of the training curve: each epoch once, however often the training was cut short."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from lightning.pytorch import Callback

import ardsl
from ardsl.training import events
from ardsl.training.events import EVENTS, Events
from tests.support.runtime_specs import MADE, correlated, made

SETTINGS = "batch = 50  epochs = 4  optimizer = adam(rate = 0.02)  schedule = exponential(factor = 0.5)"


class StopAt(Callback):
    """Ctrl-C after so many steps."""

    def __init__(self, step: float) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if module.steps >= self.step:
            self.step = math.inf
            os.kill(os.getpid(), signal.SIGINT)


def train(out: Path | None, settings: str = SETTINGS, valid: bool = True, **options: Any) -> ardsl.Run:
    data = {"train": correlated(200)} | ({"valid": correlated(60, seed=1)} if valid else {})
    return ardsl.fit(made(settings), data, out, device="cpu", progress=False, tensorboard=True, **options)


def curves(out: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(out / EVENTS)).Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def agree(found: dict[str, list[tuple[int, float]]], metrics: list[dict[str, Any]]) -> bool:
    wanted = {
        f"nats/{name}": [(row["epoch"], pytest.approx(row[name], rel=1e-6)) for row in metrics]
        for name in ("train", "valid")
        if metrics[0][name] is not None
    }
    return {tag: values for tag, values in found.items() if tag != "rate"} == wanted


@pytest.mark.parametrize("valid", [True, False])
def test_events_are_the_curve_and_the_rate(valid: bool, tmp_path: Path) -> None:
    run = train(tmp_path, valid=valid)
    found = curves(tmp_path)
    assert agree(found, run.metrics)
    assert found["rate"] == [(epoch, pytest.approx(0.02 * 0.5 ** (epoch - 1))) for epoch in (1, 2, 3, 4)]


@pytest.mark.thorough
@pytest.mark.parametrize("breaks", [[4], [1, 7, 9], [15]])
def test_an_epoch_is_there_once_however_often_the_training_was_cut_short(breaks: list[int], tmp_path: Path) -> None:
    for step in breaks:
        with suppress(KeyboardInterrupt):  # where no epoch had ended
            train(tmp_path, resume=True, callbacks=[StopAt(step)])
    run = train(tmp_path, resume=True)
    assert agree(curves(tmp_path), run.metrics)


@pytest.mark.thorough
def test_epochs_after_the_checkpoint_are_forgotten(tmp_path: Path) -> None:
    """A kill leaves events of epochs that come again, in files that sort anywhere among those of the same second."""
    with suppress(KeyboardInterrupt):
        train(tmp_path, callbacks=[StopAt(5)])
    from torch.utils.tensorboard import SummaryWriter

    before = {path.name for path in (tmp_path / EVENTS).iterdir()}
    with SummaryWriter(tmp_path / EVENTS) as writer:
        (written,) = [path for path in (tmp_path / EVENTS).iterdir() if path.name not in before]
        for epoch in (2, 3, 4):
            writer.add_scalar("nats/train", 99.0, epoch)
    host, rest = written.name.rsplit(".", 2)[0], "99999999.9"  # as of the process with the highest number
    written.rename(written.with_name(f"{host}.{rest}"))
    run = train(tmp_path, resume=True)
    assert agree(curves(tmp_path), run.metrics)


def test_what_was_measured_before_the_divergence_is_there(tmp_path: Path) -> None:
    class Spoil(Callback):
        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
            if module.steps == 9:
                next(module.parameters()).data.fill_(math.nan)

    with pytest.raises(ardsl.DataError, match="AR511"):
        train(tmp_path, callbacks=[Spoil()])
    assert [step for step, _ in curves(tmp_path)["nats/valid"]] == [1, 2]


def test_patience_ends_the_events_too(tmp_path: Path) -> None:
    run = train(tmp_path, "batch = 50  epochs = 50  patience = 1  optimizer = sgd(rate = 1e-9)")
    assert len(run.metrics) < 50 and agree(curves(tmp_path), run.metrics)


def test_one_process_of_many_writes(tmp_path: Path) -> None:
    callback, learner = Events(tmp_path), SimpleNamespace(metrics=[])
    trainer = SimpleNamespace(is_global_zero=False, optimizers=[SimpleNamespace(param_groups=[{"lr": 1.0}])])
    callback.on_train_start(trainer, learner)
    callback.on_train_batch_start(trainer, learner, {}, 0)
    learner.metrics.append({"epoch": 1, "train": 1.0, "valid": None})
    callback.on_train_epoch_start(trainer, learner)
    callback.on_train_end(trainer, learner)
    assert not list(tmp_path.iterdir())


def test_without_tensorboard_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "find_spec", lambda name: None)
    with pytest.raises(ardsl.DataError, match=r"^error\[AR510\]: .*`pip install 'ardsl\[tensorboard\]'`$"):
        train(tmp_path)
    assert not list(tmp_path.iterdir())


def test_events_need_a_run_folder() -> None:
    with pytest.raises(ardsl.DataError, match="AR510.*`tensorboard` needs the run folder"):
        train(None)
    assert train(None, fast_dev_run=True).metrics


@pytest.mark.slow
def test_tensorboard_is_not_imported_unasked(tmp_path: Path) -> None:
    program = (
        "import sys, torch, ardsl\n"
        f"spec = ardsl.loads({MADE!r})\n"
        "data = torch.zeros(20, 4)\n"
        "ardsl.fit(spec, data, sys.argv[1], epochs=1, device='cpu', progress=False)\n"
        "sys.exit('tensorboard' in sys.modules or 'ardsl.training.events' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "run")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
