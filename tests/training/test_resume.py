"""A training that was cut short and goes on ends with the weights of the unbroken one, bit for bit."""

from __future__ import annotations

import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file, save_file

import ardsl
from ardsl.runs.checkpoint import load_state, save_state
from ardsl.runs.reading import METRICS, STATE, WEIGHTS
from tests.support.runtime_specs import correlated

SPECS = {
    "dropout, cosine": (
        "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8, 8], dropout = 0.3)\n"
        "train { batch = 30  epochs = 5  schedule = cosine(warmup = 5)  optimizer = adam(rate = 0.05) }\n"
    ),
    "drawn orders, plateau, patience": (
        'observed x[4] : binary\norder x by any(orders = 2, train = "all")\n'
        "p(x[i] | x[<i]) = bernoulli via made(hidden = [8], dropout = 0.1)\n"
        "train { batch = 32  epochs = 6  schedule = plateau(patience = 1)  patience = 2  optimizer = sgd(rate = 1, "
        "momentum = 0.9) }\n"
    ),
    "average, accumulation": (
        "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8], dropout = 0.1)\n"
        "train { batch = 30  epochs = 4  accumulate = 3  ema = 0.9  optimizer = adamw(rate = 0.02) }\n"
    ),
    "windows of time": (
        "observed x[time: 4] : binary\n"
        "p(x[t] | x[<t]) = bernoulli via wavenet(blocks = 1, layers = 2, features = 4, skip = 4, dropout = 0.1)\n"
        "train { batch = 30  epochs = 3  window = 2  optimizer = adam(rate = 0.05) }\n"
    ),
    "latent, annealed": (
        "latent z[2] : real\nobserved x[4] : binary\np(z) = normal(0, 1)\n"
        "p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])\n"
        "q(z | x) = normal via mlp(hidden = [8], dropout = 0.1)\n"
        "train { batch = 30  epochs = 4  anneal = 2  free_bits = 0.1  ema = 0.9  optimizer = adam(rate = 0.02) }\n"
    ),
    "asked with a mask, linear": (
        'observed x[4] : binary\norder x by any(orders = 2, train = "all")\n'
        "p(x[i] | x[<i]) = bernoulli via nade(hidden = [8, 8], dropout = 0.1)\n"
        "train { batch = 30  epochs = 5  schedule = linear  optimizer = sgd(rate = 0.1, momentum = 0.9) }\n"
    ),
    "asked under one order": (
        "observed x[4] : binary\n"
        "p(x[i] | x[<i]) = bernoulli via conv_nade(features = 3, kernels = 2, hidden = 4, dropout = 0.1)\n"
        "train { batch = 32  epochs = 3  patience = 1  ema = 0.9  optimizer = adam(rate = 0.02) }\n"
    ),
    "adagrad, exponential": (
        "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli\n"
        "train { batch = 64  epochs = 4  schedule = exponential(factor = 0.8)  optimizer = adagrad(rate = 0.1) }\n"
    ),
}


KILLS = 8


class StopAt(Callback):
    """Ctrl-C, or another signal, after so many steps."""

    def __init__(self, step: int, number: int = signal.SIGINT) -> None:
        self.step: float = step
        self.number = number

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if module.steps >= self.step:
            self.step = math.inf
            os.kill(os.getpid(), self.number)


def train(text: str, out: Path, **options: Any) -> ardsl.Run:
    data = {"train": correlated(200), "valid": correlated(60, seed=1)}
    return ardsl.fit(ardsl.loads(text), data, out, device="cpu", progress=False, **options)


def same(a: Path, b: Path) -> bool:
    first, second = load_file(a / WEIGHTS), load_file(b / WEIGHTS)
    curves = [[row.split(",")[2:] for row in (path / METRICS).read_text().splitlines()] for path in (a, b)]
    return (
        first.keys() == second.keys()
        and all(torch.equal(first[name], second[name]) for name in first)
        and (curves[0] == curves[1])
    )


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(
    "breaks", [pytest.param([3], marks=pytest.mark.slow), pytest.param([7], marks=pytest.mark.slow), [1, 2, 9, 14]]
)
def test_broken_and_unbroken_trainings_agree(name: str, breaks: list[int], tmp_path: Path) -> None:
    train(SPECS[name], tmp_path / "whole")
    resume = False
    for step in breaks:
        try:
            run = train(SPECS[name], tmp_path / "broken", resume=resume, callbacks=[StopAt(step)])
            assert run.stopped == "interrupted"
        except KeyboardInterrupt:
            pass  # no epoch had ended
        assert (tmp_path / "broken" / STATE).is_file()
        resume = True
    run = train(SPECS[name], tmp_path / "broken", resume=True)
    assert run.stopped in ("epochs", "patience")
    assert same(tmp_path / "whole", tmp_path / "broken")
    assert not (tmp_path / "broken" / STATE).exists()


@pytest.mark.thorough
@pytest.mark.parametrize("step", [3, 6, 13, 20])
def test_a_termination_at_any_step_is_no_end(step: int, tmp_path: Path) -> None:
    """Also in an epoch's last step, after which Lightning's own handling of the signal comes first."""
    text = SPECS["dropout, cosine"]
    train(text, tmp_path / "whole")
    heard: list[bool] = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append((tmp_path / "broken" / STATE).is_file()))
    try:
        with suppress(KeyboardInterrupt):  # where no epoch had ended
            run = train(text, tmp_path / "broken", callbacks=[StopAt(step, signal.SIGTERM)])
            assert (run.stopped, run.signal) == ("interrupted", signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [True]  # once, and the run was kept by then
    train(text, tmp_path / "broken", resume=True)
    assert same(tmp_path / "whole", tmp_path / "broken")


def test_a_training_that_has_ended_is_given_back(tmp_path: Path) -> None:
    first = train(SPECS["dropout, cosine"], tmp_path)
    again = train(SPECS["dropout, cosine"], tmp_path, resume=True)
    assert (again.best_epoch, again.best_valid, again.stopped) == (first.best_epoch, first.best_valid, "epochs")
    assert [row["epoch"] for row in again.metrics] == [1, 2, 3, 4, 5]
    x = correlated(20)
    assert torch.equal(again.model.log_prob(x), first.model.log_prob(x))


def test_without_a_checkpoint_the_training_begins(tmp_path: Path) -> None:
    text = SPECS["adagrad, exponential"]
    train(text, tmp_path / "whole")
    train(text, tmp_path / "new", resume=True)
    assert same(tmp_path / "whole", tmp_path / "new")


def _only(*names: str) -> Callable[[Path], None]:
    def keep(path: Path) -> None:
        for file in path.iterdir():
            if file.name not in names:
                file.unlink()

    return keep


@pytest.mark.thorough
@pytest.mark.parametrize("kept", [(), ("run.json",), ("run.json", "spec.ar"), (".run.json.x.part",)])
def test_a_training_killed_before_it_had_begun_begins(kept: tuple[str, ...], tmp_path: Path) -> None:
    text = SPECS["adagrad, exponential"]
    train(text, tmp_path / "whole")
    train(text, tmp_path / "broken")
    (tmp_path / "broken" / ".run.json.x.part").write_text("{")
    _only(*kept)(tmp_path / "broken")
    if "run.json" in kept:
        run = json.loads((tmp_path / "broken" / "run.json").read_text())
        (tmp_path / "broken" / "run.json").write_text(json.dumps({k: v for k, v in run.items() if k != "figures"}))
    train(text, tmp_path / "broken", resume=True)
    assert same(tmp_path / "whole", tmp_path / "broken")
    assert (tmp_path / "broken" / "spec.ar").is_file() and not list((tmp_path / "broken").glob(".*"))


def _broken_off(path: Path) -> None:
    train(SPECS["dropout, cosine"], path, callbacks=[StopAt(10)])


def test_only_the_same_training_is_gone_on_with(tmp_path: Path) -> None:
    text = SPECS["dropout, cosine"]
    _broken_off(tmp_path)
    kept = (tmp_path / STATE).read_bytes()
    for told, other, options in [
        ("another spec, or other params", text.replace("8, 8", "8, 9"), {}),
        ("`seed` 0, not 3", text, {"seed": 3}),
        ("`epochs` 5, not 7", text, {"epochs": 7}),
    ]:
        with pytest.raises(ardsl.DataError, match=f"AR522.*{told}"):
            train(other, tmp_path, resume=True, **options)
    data = {"train": correlated(200, seed=8), "valid": correlated(60, seed=1)}
    with pytest.raises(ardsl.DataError, match="AR522.*other data"):
        ardsl.fit(ardsl.loads(text), data, tmp_path, device="cpu", progress=False, resume=True)
    with pytest.raises(ardsl.DataError, match="AR510.*needs the run folder"):
        ardsl.fit(ardsl.loads(text), data, device="cpu", progress=False, resume=True)
    assert (tmp_path / STATE).read_bytes() == kept


def _changed(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        state = load_state(path)
        change(state)
        save_state(path, state)

    return spoil


SPOILED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "empty": (lambda p: p.write_bytes(b""), "is damaged"),
    "cut short": (lambda p: p.write_bytes(p.read_bytes()[:-100]), "is damaged"),
    "a pickle": (lambda p: torch.save({"a": torch.zeros(2)}, p), "is damaged"),
    "no state": (lambda p: save_file({"0": torch.zeros(2)}, p), "is damaged"),
    "no JSON": (lambda p: save_file({"0": torch.zeros(2)}, p, {"state": "{"}), "is damaged"),
    "deep JSON": (lambda p: save_file({}, p, {"state": "[" * 100_000}), "is damaged"),
    "a list": (lambda p: save_file({}, p, {"state": json.dumps({"list": []})}), "is damaged"),
    "an absent tensor": (lambda p: save_file({}, p, {"state": json.dumps({"tensor": "7"})}), "is damaged"),
    "an unknown kind": (lambda p: save_file({}, p, {"state": json.dumps({"eval": "1"})}), "is damaged"),
    "a weight of another shape": (
        _changed(lambda s: s["model"].update({next(iter(s["model"])): torch.zeros(3)})),
        "does not fit",
    ),
    "no optimizer": (_changed(lambda s: s.pop("optimizer")), "does not fit"),
    "no steps": (_changed(lambda s: s.update(steps=None)), "does not fit"),
    "another optimizer's state": (_changed(lambda s: s["optimizer"]["param_groups"].clear()), "does not fit"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_checkpoint_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    _broken_off(tmp_path)
    spoil, told = SPOILED[name]
    spoil(tmp_path / STATE)
    with pytest.raises(ardsl.DataError, match=f"AR522.*{told}"):
        train(SPECS["dropout, cosine"], tmp_path, resume=True)


def test_states_come_back_as_they_were(tmp_path: Path) -> None:
    state = {
        "a": [1, 2.5, None, True, "é", float("inf")],
        "b": {0: (torch.arange(3), {"c": torch.ones((), dtype=torch.float64)}), "1": []},
    }
    save_state(tmp_path / "s", state)
    found = load_state(tmp_path / "s")
    assert found["a"] == state["a"]
    assert list(found["b"]) == [0, "1"] and isinstance(found["b"][0], tuple)
    assert torch.equal(found["b"][0][0], torch.arange(3)) and found["b"][0][1]["c"].dtype == torch.float64
    with pytest.raises(TypeError, match="function in a checkpoint"):
        save_state(tmp_path / "s", {"f": lambda: 0})


@pytest.mark.thorough
def test_an_earlier_run_is_kept(tmp_path: Path) -> None:
    text = SPECS["adagrad, exponential"]
    train(text, tmp_path / "run")
    first = (tmp_path / "run" / WEIGHTS).read_bytes()
    train(text, tmp_path / "run", seed=5)
    train(text, tmp_path / "run", seed=6)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "run.1", "run.2"]
    assert (tmp_path / "run.1" / WEIGHTS).read_bytes() == first != (tmp_path / "run" / WEIGHTS).read_bytes()


TRAIN = "import torch; torch.set_num_threads(1); from ardsl.cli import main; main(prog_name='ardsl')"


def command(folder: Path, out: str, *more: str) -> list[str]:
    words = ["train", str(folder / "s.ar"), "--out", str(folder / out), "--checkpoint-every", "0", "-q"]
    words += ["--device", "cpu", "--data", f"train={folder / 'train.npy'}", "--data", "valid=0.2", *more]
    return [sys.executable, "-c", TRAIN, *words]


@pytest.mark.thorough
@pytest.mark.parametrize("file", [STATE, pytest.param(METRICS, marks=pytest.mark.slow)])
def test_a_termination_keeps_the_run(file: str, tmp_path: Path) -> None:
    """Before the first epoch has ended, or after."""
    np.save(tmp_path / "train.npy", correlated(2000).numpy())
    (tmp_path / "s.ar").write_text(SPECS["dropout, cosine"].replace("epochs = 5", "epochs = 5000"))
    with subprocess.Popen(command(tmp_path, "run"), stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (tmp_path / "run" / file).exists():
            time.sleep(0.01)
        process.terminate()
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 143 and told.splitlines()[-1].endswith("--resume")
    assert file == STATE or ardsl.restore(tmp_path / "run").dims == 4


@pytest.mark.slow
@pytest.mark.parametrize("name", SPECS)
def test_a_training_killed_again_and_again_ends_as_the_unbroken_one(name: str, tmp_path: Path) -> None:
    """SIGKILL at random moments, with a checkpoint after every step, so that many fall into a write."""
    chosen = random.Random(0)
    np.save(tmp_path / "train.npy", correlated(2000).numpy())
    (tmp_path / "s.ar").write_text(
        SPECS[name].replace("epochs = ", "epochs = 3").replace("patience = 2", "patience = 40")
    )
    subprocess.run(command(tmp_path, "whole"), check=True, capture_output=True)
    state = tmp_path / "broken" / STATE
    kills = 0
    while kills < KILLS and (state.exists() or not (tmp_path / "broken" / WEIGHTS).exists()):  # it has not ended
        before = state.stat().st_mtime_ns if state.exists() else 0
        with subprocess.Popen(command(tmp_path, "broken", "--resume"), stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns != before):
                time.sleep(0.002)
            time.sleep(chosen.uniform(0, 0.2))
            process.kill()
        kills += 1
    assert kills > KILLS // 2
    subprocess.run(command(tmp_path, "broken", "--resume"), check=True, capture_output=True)
    assert same(tmp_path / "whole", tmp_path / "broken")
    assert not list((tmp_path / "broken").glob(".*"))
