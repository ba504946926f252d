"""Several processes train as one does: the same rows, the same weights but for rounding, and the same after a kill."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning.pytorch import Callback
from safetensors.torch import load_file

import ardsl
from ardsl.queries.evaluate import evaluate_examples
from ardsl.runs.reading import METRICS, STATE, WEIGHTS
from ardsl.system.processes import Processes
from ardsl.training.batches import Batches
from ardsl.training.distributed.launch import launch
from ardsl.training.fit import TrainingError
from tests.support.runtime_specs import correlated

pytestmark = pytest.mark.thorough

MADE = "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8, 8])\n"
DROPOUT = MADE.replace("[8, 8]", "[8, 8], dropout = 0.3")
DRAWN = (
    'observed x[4] : binary\norder x by any(orders = 3, train = "all")\n'
    "p(x[i] | x[<i]) = bernoulli via made(hidden = [8], dropout = 0.1)\n"
)
ASKED = DRAWN.replace("made(hidden = [8], dropout = 0.1)", "nade(hidden = [8, 8])")
RATE = "optimizer = adam(rate = 0.02)"


def data(n: int = 211) -> dict[str, Any]:
    return {"train": correlated(n), "valid": correlated(61, seed=1)}


def fit(text: str, out: Path | None = None, **options: Any) -> ardsl.Run:
    options = {"data": data(), "device": "cpu", "progress": False} | options
    return ardsl.fit(ardsl.loads(text), out=out, **options)


def apart(a: ardsl.Run, b: ardsl.Run) -> float:
    """The largest difference between two runs' weights."""
    first, second = a.model.state_dict(), b.model.state_dict()
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first if first[name].numel())


def same(a: Path, b: Path) -> bool:
    """Whether two folders have the same weights and the same curve."""
    first, second = load_file(a / WEIGHTS), load_file(b / WEIGHTS)
    curves = [[row.split(",")[2:] for row in (path / METRICS).read_text().splitlines()] for path in (a, b)]
    equal = first.keys() == second.keys() and all(map(torch.equal, first.values(), second.values()))
    return equal and curves[0] == curves[1]


# What each process has


@given(st.integers(1, 60), st.integers(1, 20), st.integers(1, 9), st.integers(0, 3))
def test_the_processes_rows_are_those_of_one(examples: int, batch: int, world: int, seed: int) -> None:
    """Each global batch of every epoch is dealt out, and the weighted mean of the processes' means is its mean."""
    x = {"x": torch.arange(examples, dtype=torch.float64)}
    parts = [Batches(x, batch, seed, rank, world) for rank in range(world)]
    one = Batches(x, batch, seed)
    for _ in range(2):
        epochs = zip(one, *parts, strict=True)
        for index, (whole, *dealt) in enumerate(epochs):
            own = [part["x"][: b.own(index)] for part, b in zip(dealt, parts, strict=True)]
            assert all(len(part["x"]) == max(1, len(mine)) for part, mine in zip(dealt, own, strict=True))
            assert sorted(torch.cat(own).tolist()) == sorted(whole["x"].tolist())
            assert all(torch.equal(mine, whole["x"][r::world]) for r, mine in enumerate(own))
            means = [float(part["x"].mean()) * b.weight(index) for part, b in zip(dealt, parts, strict=True)]
            assert np.mean(means) == pytest.approx(float(whole["x"].mean()))
            assert one.weight(index) == 1


class Counted(Processes):
    """One of several processes, as a validation sees it: the others' counts are handed to it."""

    def __init__(self, others: list[Any]) -> None:
        self.others = others

    def gather(self, value: Any) -> list[Any]:
        self.others.append(value)
        return list(self.others)


@given(st.integers(1, 40), st.integers(1, 7))
def test_split_validation_is_the_whole_one(examples: int, world: int) -> None:
    model = ardsl.compile(ardsl.loads(MADE), dtype=torch.float64)
    x = correlated(examples)
    whole = evaluate_examples(model, {"x": x}, 4)
    found: list[Any] = []
    for rank in range(world):
        merged = evaluate_examples(model, {"x": x[rank::world]}, 4, Counted(found))
    assert merged.examples == examples
    assert merged.nll == pytest.approx(whole.nll, rel=1e-12)
    assert merged.standard_error == pytest.approx(whole.standard_error, rel=1e-9, nan_ok=True)


# What is refused, before any process starts


@pytest.mark.parametrize(
    "options, told",
    [
        ({"devices": 0}, "`devices` must be an integer of at least 1, not 0"),
        ({"devices": 2.0}, "`devices` must be an integer of at least 1, not 2.0"),
        ({"devices": 2, "strategy": "dpp"}, "there is no strategy `dpp`: there are ddp, fsdp"),
        ({"precision": "16", "strategy": "fsdp"}, "precision 16 needs a GPU"),
    ],
)
def test_unusable_options_are_told_in_one_line(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ardsl.DataError, match=told) as caught:
        fit(MADE, **options)
    assert "\n" not in str(caught.value)


def test_a_callback_of_the_main_script_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rows, "__module__", "__main__")
    with pytest.raises(ardsl.DataError, match="AR510.*cannot import the callback `Rows` from the main script"):
        fit(MADE, devices=2, callbacks=[Rows(Path())])


@pytest.mark.parametrize("began, now", [(2, 1), (1, 2), (2, 3)])
def test_only_as_many_devices_go_on(began: int, now: int, tmp_path: Path) -> None:
    """Another number of them would round, and drop out, otherwise."""
    fit(MADE + "train { epochs = 1 }", tmp_path)
    run = json.loads((tmp_path / "run.json").read_text())
    assert "devices" not in run["training"]
    if began > 1:
        run["training"]["devices"] = began
    (tmp_path / "run.json").write_text(json.dumps(run))
    with pytest.raises(ardsl.DataError, match=f"AR522.*began with `devices` {began}, not {now}"):
        fit(MADE + "train { epochs = 1 }", tmp_path, devices=now, resume=True)


# Against one process


class Rows(Callback):
    """Writes down the rows that a process trains on: a line for each epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[float] = []

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        self.rows += batch["x"][: module.source.own(module.done)].flatten().tolist()

    def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
        with (self.folder / str(module.processes.rank)).open("a") as file:
            file.write(json.dumps(self.rows) + "\n")
        self.rows.clear()


@pytest.mark.parametrize("devices", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_every_row_is_trained_on_once_an_epoch(devices: int, tmp_path: Path) -> None:
    """The last batch has one row."""
    text = "observed x : real\np(x) = normal via free\ntrain { batch = 10  epochs = 3  precision = 64 }\n"
    rows = torch.arange(31, dtype=torch.float64)
    fit(text, data={"train": rows, "valid": rows}, devices=devices, callbacks=[Rows(tmp_path)])
    epochs = [map(json.loads, path.read_text().splitlines()) for path in sorted(tmp_path.iterdir())]
    seen = list(zip(*epochs, strict=True))
    assert len(seen) == 3
    for parts in seen:
        assert Counter(row for part in parts for row in part) == Counter(rows.tolist())


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        "batch = 25  epochs = 23",  # the last batch has 11 rows, and there are 207 steps
        "batch = 30  epochs = 26  accumulate = 3",  # and here 1: the second process has none of it
        "batch = 30  epochs = 8  clip = 0.05  ema = 0.9  schedule = cosine(warmup = 5)",
        "batch = 50  epochs = 60  schedule = plateau(patience = 1)  patience = 2",
    ],
)
@pytest.mark.parametrize(
    "text", [MADE, DRAWN.replace(", dropout = 0.1", ""), ASKED], ids=["made", "drawn orders", "asked with a mask"]
)
def test_two_processes_end_with_the_weights_of_one(text: str, settings: str) -> None:
    text = f"{text}train {{ {settings}  precision = 64  {RATE} }}\n"
    one, two = (fit(text, devices=devices) for devices in (1, 2))
    assert apart(one, two) < 1e-8
    assert (one.stopped, one.best_epoch, len(one.metrics)) == (two.stopped, two.best_epoch, len(two.metrics))
    for row, other in zip(one.metrics, two.metrics, strict=True):
        assert [row["train"], row["valid"]] == pytest.approx([other["train"], other["valid"]], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, settings",
    [
        (MADE, "clip = 0.05  ema = 0.9  schedule = cosine(warmup = 5)"),
        (DRAWN.replace(", dropout = 0.1", ""), "accumulate = 3  optimizer = sgd(rate = 0.5, momentum = 0.9)"),
        (MADE.replace("made(hidden = [8, 8])", "linear"), "optimizer = adagrad(rate = 0.1)"),
        ("observed x[4] : binary\np(x) = bernoulli via free\n", "optimizer = rmsprop(rate = 0.01)"),
    ],
)
def test_processes_with_a_share_of_the_weights_each_end_with_those_of_one(
    text: str, settings: str, tmp_path: Path
) -> None:
    """Also where the training was cut short."""
    text = f"{text}train {{ batch = 30  epochs = 12  precision = 64  {settings} }}\n"
    with pytest.raises(ardsl.DataError, match="AR512"):
        fit(text, tmp_path, devices=2, strategy="fsdp", checkpoint_every=0, callbacks=[Killed(50)])
    with pytest.raises(ardsl.DataError, match="AR522.*began with `strategy` fsdp, not ddp"):
        fit(text, tmp_path, devices=2, resume=True)
    one, whole = fit(text), fit(text, devices=2, strategy="fsdp")
    broken = fit(text, tmp_path, devices=2, strategy="fsdp", resume=True)
    assert apart(one, whole) < 1e-8
    assert apart(whole, broken) == 0
    assert [row["valid"] for row in one.metrics] == pytest.approx([row["valid"] for row in whole.metrics], rel=1e-9)


@pytest.mark.slow
def test_dropout_differs_between_processes_and_not_between_runs() -> None:
    text = f"{DROPOUT}train {{ batch = 30  epochs = 3 }}\n"
    one, two, again = (fit(text, devices=devices) for devices in (1, 2, 2))
    assert apart(one, two) > 1e-4
    assert apart(two, again) == 0


@pytest.mark.slow
def test_a_divergence_is_told_as_one_process_tells_it() -> None:
    """At a row that one of the processes has, of a family that keeps the data's units."""
    text = "observed x : real\np(x) = normal(scale = 1) via free\ntrain { batch = 8  epochs = 9 }\n"
    rows = torch.randn(64)
    rows[5] = 1e30  # its square is infinite
    told = []
    for devices in (1, 2):
        with pytest.raises(TrainingError, match="AR511.*in epoch 1, step [1-8] .*: no epoch was good") as caught:
            fit(text, data={"train": rows}, devices=devices)
        told.append(str(caught.value))
        assert caught.value.run is None
    assert told[0] == told[1]


# Kills


TRAIN = "import torch; torch.set_num_threads(1); from ardsl.cli import main; main(prog_name='ardsl')"


def command(folder: Path, out: str, *more: str) -> list[str]:
    words = ["train", str(folder / "s.ar"), "--out", str(folder / out), "--checkpoint-every", "0", "-q"]
    words += ["--device", "cpu", "--devices", "2", "--data", f"train={folder / 'train.npy'}", "--data", "valid=0.2"]
    return [sys.executable, "-c", TRAIN, *words, *more]


def workers(process: subprocess.Popen[Any]) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended with the one before
            os.kill(pid, signal.SIGKILL)


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def break_off(folder: Path, chosen: random.Random, victim: str) -> str:
    """Start or go on with a training, and kill one of its processes, or all, at a random moment: some in the midst of
    writing a checkpoint, some as it starts. Gives the messages; fails where a process does not end."""
    state = folder / "broken" / STATE
    before = state.stat().st_mtime_ns if state.exists() else 0
    limit = time.monotonic() + (chosen.uniform(0, 5) if victim == "at any time" else 60)
    process = subprocess.Popen(command(folder, "broken", "--resume"), stdout=-3, stderr=-1, text=True)
    with process:
        while not (state.exists() and state.stat().st_mtime_ns != before) and time.monotonic() < limit:
            time.sleep(0.002)
        time.sleep(chosen.uniform(0, 0.3))
        started = workers(process)
        everyone = [process.pid, *started]
        named = {"first": started[:1], "second": started[1:], "starter": [process.pid]}
        kill(named.get(victim, everyone))
        _, told = process.communicate(timeout=30)
    deadline = time.monotonic() + 10
    while not gone(started):
        assert time.monotonic() < deadline, "a process goes on without the others"
        time.sleep(0.01)
    return told


def prepare(folder: Path, text: str, settings: str) -> None:
    np.save(folder / "train.npy", correlated(2000).numpy())
    (folder / "s.ar").write_text(f"{text}train {{ {settings} }}\n")
    subprocess.run(command(folder, "whole"), check=True, capture_output=True)


def readable(folder: Path) -> Iterator[bool]:
    """Every file that a reader may open: loading raises where it is damaged."""
    for path in folder.glob("*.safetensors"):
        yield bool(load_file(path))


class Killed(Callback):
    """The end of the second process before a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if module.steps == self.step and module.processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Script:
    """Two trainings as a script has them that torchrun starts: one whole, one broken off."""

    text: str
    folder: Path
    device = torch.device("cpu")

    def run(self, processes: Processes) -> None:
        fit(self.text, self.folder / "whole")
        fit(self.text, self.folder / "broken", checkpoint_every=0, callbacks=[Killed(100)])


@pytest.mark.slow
def test_a_training_whose_process_is_killed_goes_on(tmp_path: Path) -> None:
    text = f"{DROPOUT}train {{ batch = 30  epochs = 15  {RATE} }}\n"
    with pytest.raises(ardsl.DataError, match=r"AR512.*the process of rank 1 was killed \(SIGKILL\)"):
        launch(Script(text, tmp_path), 2)
    assert (tmp_path / "broken" / STATE).exists() and all(readable(tmp_path / "broken"))
    run = fit(text, tmp_path / "broken", devices=2, resume=True)
    assert same(tmp_path / "whole", tmp_path / "broken")
    assert run.metrics[-1]["epoch"] == 15
    kept = load_file(tmp_path / "whole" / WEIGHTS)
    assert all(torch.equal(kept[name], weight) for name, weight in run.model.state_dict().items())


KILLS = ["first", "second", "starter", "all", "at any time"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "text, settings",
    [
        (DROPOUT, "batch = 30  epochs = 120  schedule = cosine(warmup = 5)  ema = 0.9"),
        (DRAWN, "batch = 32  epochs = 120  accumulate = 3  optimizer = sgd(rate = 0.5, momentum = 0.9)"),
    ],
    ids=["dropout", "drawn orders"],
)
def test_a_training_killed_again_and_again_ends_as_the_unbroken_one(text: str, settings: str, tmp_path: Path) -> None:
    prepare(tmp_path, text, settings)
    chosen = random.Random(0)
    broken = tmp_path / "broken"
    kills = 0
    for victim in chosen.sample(KILLS, len(KILLS)):
        break_off(tmp_path, chosen, victim)
        assert all(readable(broken))
        kills += 1
        if (broken / WEIGHTS).exists() and not (broken / STATE).exists():
            break  # the training has ended: it was long before it could be killed
    assert kills > len(KILLS) // 2
    subprocess.run(command(tmp_path, "broken", "--resume"), check=True, capture_output=True)
    assert same(tmp_path / "whole", tmp_path / "broken")
    assert not list((tmp_path / "broken").glob(".*"))


@pytest.mark.slow
def test_a_termination_stops_all_after_a_step(tmp_path: Path) -> None:
    """Also where it reaches one process alone."""
    prepare(tmp_path, DROPOUT, "batch = 30  epochs = 60")
    state = tmp_path / "broken" / STATE
    for whom in (0, 1, 2):
        before = state.stat().st_mtime_ns if state.exists() else 0
        with subprocess.Popen(command(tmp_path, "broken", "--resume"), stdout=-1, text=True) as process:
            while not (state.exists() and state.stat().st_mtime_ns != before):
                time.sleep(0.01)
            os.kill([process.pid, *workers(process)][whom], signal.SIGTERM)
            told, _ = process.communicate(timeout=60)
        assert process.returncode == 143 and told.splitlines()[-1].endswith("--resume")
    subprocess.run(command(tmp_path, "broken", "--resume"), check=True, capture_output=True)
    assert same(tmp_path / "whole", tmp_path / "broken")
