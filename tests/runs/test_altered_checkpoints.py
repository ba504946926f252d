"""A checkpoint with anything altered is gone on from, or refused in one clear line: every leaf of one, in turn."""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback

import ardsl
from ardsl.runs.checkpoint import load_state, save_state
from ardsl.runs.reading import STATE
from tests.support.runtime_specs import correlated

TEXT = """observed x[4] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [3], dropout = 0.1)
train {{ epochs = 2  batch = 20  {settings} }}
"""
SETTINGS = {
    "plateau": "optimizer = adam(rate = 0.01)  patience = 2  schedule = plateau(patience = 1)  ema = 0.9",
    "cosine": "optimizer = sgd(rate = 0.1, momentum = 0.5)  schedule = cosine",
}
MORE = [
    "adamw(rate = 0.01)",
    "rmsprop(rate = 0.01)",
    "adagrad(rate = 0.01)",
    "adadelta(rate = 0.01)",
    "sgd(rate = 0.1)",
]
REFUSAL = "error[AR522]: {path}: {problem}"


class Stop(Callback):
    """In the second epoch."""

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        if module.steps == 4:
            os.kill(os.getpid(), signal.SIGINT)


def train(settings: str, out: Path, **options: Any) -> None:
    data = {"train": correlated(60), "valid": correlated(20, seed=1)}
    ardsl.fit(ardsl.loads(TEXT.format(settings=settings)), data, out, device="cpu", progress=False, **options)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where a state's values are; its lists, too, are altered as such."""
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], (*path, key))
        return
    yield path
    if isinstance(value, list | tuple):
        for place, each in enumerate(value):
            yield from leaves(each, (*path, place))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def altered(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    if isinstance(value, dict):
        return value | {key: altered(value[key], tuple(rest), new)}
    parts = list(value)
    parts[key] = altered(parts[key], tuple(rest), new)
    return type(value)(parts)


def others(value: Any) -> list[Any]:
    if isinstance(value, torch.Tensor):
        return [value.flatten()[:0], None, torch.full_like(value, math.nan if value.is_floating_point() else -7)]
    return [None, "text", -1, math.nan, math.inf, 10**30, [], {}, True]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    home = tmp_path_factory.mktemp("begun")
    for name, settings in SETTINGS.items():
        train(settings, home / name, callbacks=[Stop()])
    return {name: home / name for name in SETTINGS}


def outcome(name: str, begun: dict[str, Path], run: Path, state: dict[str, Any]) -> str:
    """Nothing where the training went on to its end, else the one line."""
    shutil.rmtree(run, ignore_errors=True)
    shutil.copytree(begun[name], run)
    save_state(run / STATE, state)
    try:
        train(SETTINGS[name], run, resume=True)
    except ardsl.DataError as error:
        assert "\n" not in str(error)
        return str(error)
    return ""


def _cases(name: str, state: dict[str, Any]) -> list[tuple[tuple[Any, ...], Any]]:
    return [(path, new) for path in leaves(state) for new in others(at(state, path))]


def check(name: str, begun: dict[str, Path], run: Path, share: int) -> None:
    """Every ``share``-th alteration."""
    state = load_state(begun[name] / STATE)
    assert outcome(name, begun, run, state) == ""
    for path, new in _cases(name, state)[::share]:
        told = outcome(name, begun, run, altered(state, path, new))
        assert told == "" or told.startswith(("error[AR522]", "error[AR511]")), (path, new, told)


@pytest.mark.thorough
@pytest.mark.parametrize("name", SETTINGS)
def test_some_alterations(name: str, begun: dict[str, Path], tmp_path: Path) -> None:
    check(name, begun, tmp_path / "run", 37)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_all_alterations(name: str, begun: dict[str, Path], tmp_path: Path) -> None:
    check(name, begun, tmp_path / "run", 1)


@pytest.mark.parametrize(
    "path, new",
    [
        (("optimizer", "param_groups", 0, "betas"), None),
        (("optimizer", "param_groups", 0, "maximize"), "text"),
        (("optimizer", "param_groups", 0, "lr"), math.nan),
        (("optimizer", "state", 0, "exp_avg"), torch.zeros(1)),
        (("schedules", 0, "patience"), "text"),
        (("stopping", "wait_count"), None),
        (("metrics", 0, "train"), math.nan),
        (("seconds",), math.nan),
        (("steps",), 10**30),
        (("best", 0), 7),
        (("tally", 1), "text"),
    ],
)
def test_what_does_not_fit_is_refused(path: tuple[Any, ...], new: Any, begun: dict[str, Path], tmp_path: Path) -> None:
    state = load_state(begun["plateau"] / STATE)
    told = outcome("plateau", begun, tmp_path / "run", altered(state, path, new))
    assert told == REFUSAL.format(path=tmp_path / "run" / STATE, problem="does not fit the spec")


@pytest.mark.parametrize("optimizer", MORE)
def test_every_optimizer_is_gone_on_with(optimizer: str, tmp_path: Path) -> None:
    train(f"optimizer = {optimizer}", tmp_path / "broken", callbacks=[Stop()])
    train(f"optimizer = {optimizer}", tmp_path / "broken", resume=True)
    train(f"optimizer = {optimizer}", tmp_path / "whole")
    broken, whole = (ardsl.restore(tmp_path / name).state_dict() for name in ("broken", "whole"))
    assert all(torch.equal(broken[name], whole[name]) for name in whole)
