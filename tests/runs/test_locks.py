"""One process at a time writes a run folder, or a sweep's; what a killed one has left keeps nobody out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch import Callback

import ardsl
from ardsl.runs.locks import LOCK
from ardsl.runs.reading import STATE, WEIGHTS
from ardsl.training.fit import Run
from tests.support.runtime_specs import correlated

TEXT = """model t
param width = 4
observed x[4] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = width)
train { epochs = 3  batch = 50 }
"""
HOLD = """
import sys, time
from pathlib import Path
from ardsl.runs.locks import locked
with locked(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    time.sleep(60)
"""
BUSY = "error[AR523]: {path}: another process is {doing} in it: wait for its end, or choose another folder with --out"


def holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def fit(out: Path, **options: Any) -> Run:
    data = {"train": correlated(100), "valid": correlated(50, seed=1)}
    return ardsl.fit(ardsl.loads(TEXT), data, out, device="cpu", progress=False, **options)


def refused(path: Path, doing: str = "training") -> str:
    return f"^{re.escape(BUSY.format(path=path, doing=doing))}$"


def test_a_folder_that_another_process_trains_into_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "run"
    fit(path)
    before = {file.name: file.read_bytes() for file in path.iterdir()}
    with holder(path) as process:
        with pytest.raises(ardsl.DataError, match=refused(path)):
            fit(path)
        assert {file.name: file.read_bytes() for file in path.iterdir() if file.name != LOCK} == before
        process.kill()
    assert (path / LOCK).exists()  # and still keeps nobody out
    fit(path)
    assert not (path / LOCK).exists() and not (tmp_path / "run.1" / LOCK).exists()
    assert (path / WEIGHTS).exists() and (tmp_path / "run.1" / WEIGHTS).exists()


class Second(Callback):
    """A training that begins while one is at work in the folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refusals: list[str] = []

    def on_train_epoch_start(self, trainer: object, module: object) -> None:
        with pytest.raises(ardsl.DataError) as caught:
            fit(self.path)
        self.refusals.append(str(caught.value))


def test_two_trainings_at_once(tmp_path: Path) -> None:
    second = Second(tmp_path / "run")
    for _ in range(2):  # into a new folder, and over an earlier run
        run = fit(tmp_path / "run", callbacks=[second])
        assert [row["epoch"] for row in run.metrics] == [1, 2, 3]
    assert second.refusals == [BUSY.format(path=tmp_path / "run", doing="training")] * 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.1"]
    fit(tmp_path / "run")  # the folder is free again


class Stop(Callback):
    def on_train_batch_start(self, trainer: object, module: object, batch: object, index: int) -> None:
        raise ZeroDivisionError


def test_a_training_that_fails_lets_go(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as kept:  # its traceback keeps all that the training had
            fit(tmp_path / "run", callbacks=[Stop()])
    assert kept.tb is not None and not (tmp_path / "run" / LOCK).exists()


@pytest.mark.slow
def test_a_killed_training_keeps_nobody_out(tmp_path: Path) -> None:
    program = (
        "import ardsl, sys\nfrom tests.support.runtime_specs import correlated\n"
        f"spec = ardsl.loads({TEXT.replace('epochs = 3', 'epochs = 100000')!r})\n"
        "ardsl.fit(spec, {'train': correlated(100)}, sys.argv[1], device='cpu', checkpoint_every=0, progress=False)\n"
    )
    path = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=Path(__file__).parents[2]) as process:
        while not (path / STATE).exists():
            assert process.poll() is None
            time.sleep(0.01)
        with pytest.raises(ardsl.DataError, match=refused(path)):
            fit(path)
        os.kill(process.pid, signal.SIGKILL)
    fit(path)
    assert (tmp_path / "run.1" / STATE).exists()


def test_one_sweep_at_a_time(tmp_path: Path) -> None:
    data = {"train": correlated(100), "valid": correlated(50, seed=1)}

    def sweep() -> int:
        spec = ardsl.loads(TEXT)
        return len(ardsl.sweep(spec, {"width": [3, 4]}, data, tmp_path / "s", device="cpu", progress=False))

    (tmp_path / "s").mkdir()
    with holder(tmp_path / "s") as process:
        with pytest.raises(ardsl.DataError, match=refused(tmp_path / "s", "working on a sweep")):
            sweep()
        process.kill()
    assert sweep() == 2 and sweep() == 2
    assert not list(tmp_path.rglob(LOCK))


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    problem = "cannot be written (not a directory): choose another with --out"
    with pytest.raises(ardsl.DataError, match=re.escape(f"{tmp_path}/file/run: {problem}")):
        fit(tmp_path / "file" / "run")
