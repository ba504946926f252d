"""A sweep is its trainings, one by one; one that was cut short ends as the unbroken one, and trains nothing twice."""

from __future__ import annotations

import math
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from safetensors.torch import load_file

import ardsl
from ardsl.runs.reading import STATE, WEIGHTS
from ardsl.training.sweeps import sweep as module
from ardsl.training.sweeps.results import Result
from ardsl.training.sweeps.search import Range
from tests.support.runtime_specs import correlated

TEXT = """
param width = 4
param rate = 1e-2
observed x[4] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [width])
train { batch = 50  epochs = 2  optimizer = sgd(rate = rate) }
"""
DATA = {"train": correlated(100), "valid": correlated(60, seed=1)}
GRID: dict[str, Any] = {"rate": [0.1, 1], "width": [4, 8]}
SEARCH: dict[str, Any] = {"rate": Range(1e-3, 1), "width": Range(2, 9)}
STEPS = 4
"""Of a training: two batches, twice."""


def sweep(out: Path, over: dict[str, Any] = GRID, text: str = TEXT, **options: Any) -> list[Result]:
    spec = options.pop("spec", None) or ardsl.loads(text)
    return ardsl.sweep(spec, over, options.pop("data", DATA), out, device="cpu", progress=False, **options)


def timeless(results: list[Result]) -> list[Result]:
    return [replace(result, seconds=None, directory=Path(result.directory.name)) for result in results]


class StopAt(Callback):
    """Ctrl-C in the step of that number, counted over all trainings."""

    def __init__(self, step: float) -> None:
        self.step, self.taken = step, 0

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, index: int) -> None:
        self.taken += 1
        if self.taken > self.step:
            self.step = math.inf
            os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture
def with_callback(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callback], None]:
    """The trainings of a sweep have this callback."""

    def use(callback: Callback) -> None:
        def fit(*args: Any, callbacks: Any, **more: Any) -> ardsl.Run:
            return ardsl.fit(*args, callbacks=[*callbacks, callback], **more)

        monkeypatch.setattr(module, "fit", fit)

    return use


@pytest.mark.thorough
def test_a_sweep_is_its_trainings_the_best_first(tmp_path: Path) -> None:
    results = sweep(tmp_path / "all")
    assert [result.valid for result in results] == sorted(result.valid or 0 for result in results)
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        *("results.csv", "width=4,rate=0.1", "width=4,rate=1.0", "width=8,rate=0.1", "width=8,rate=1.0")
    ]
    for result in results:
        run = ardsl.fit(ardsl.loads(TEXT, **result.params), DATA, tmp_path / "one", device="cpu", progress=False)
        assert (result.valid, result.best_epoch, result.ended) == (run.best_valid, run.best_epoch, "epochs")
        assert result.parameters == run.model.spec.plan.parameters and result.standard_error
        ours, theirs = load_file(result.directory / WEIGHTS), load_file(tmp_path / "one" / WEIGHTS)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


@pytest.mark.thorough
@pytest.mark.parametrize("over, options", [(GRID, {}), (SEARCH, {"trials": 4})], ids=["grid", "search"])
@pytest.mark.parametrize(
    "breaks",
    [
        pytest.param([1], marks=pytest.mark.slow),
        pytest.param([STEPS - 1], marks=pytest.mark.slow),
        [6, 5],
        [0, 2, STEPS, 1],
    ],
)
def test_broken_and_unbroken_sweeps_agree(
    over: dict[str, Any],
    options: dict[str, Any],
    breaks: list[int],
    tmp_path: Path,
    with_callback: Callable[[Callback], None],
) -> None:
    whole = sweep(tmp_path / "whole", over, **options)
    for step in breaks:
        with_callback(StopAt(step))
        with pytest.raises(KeyboardInterrupt):
            sweep(tmp_path / "broken", over, **options)
    counter = StopAt(math.inf)
    with_callback(counter)
    assert timeless(sweep(tmp_path / "broken", over, **options)) == timeless(whole)
    assert counter.taken == 4 * STEPS - sum(step + 1 for step in breaks), "something was trained twice"
    for result in whole:
        ours = load_file(tmp_path / "broken" / result.directory.name / WEIGHTS)
        theirs = load_file(result.directory / WEIGHTS)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert not list(tmp_path.rglob(STATE))


@pytest.mark.thorough
def test_what_has_ended_is_not_trained_again(tmp_path: Path, with_callback: Callable[[Callback], None]) -> None:
    first = sweep(tmp_path)
    counter = StopAt(math.inf)
    with_callback(counter)
    assert sweep(tmp_path, {"width": [4, 8], "rate": [0.1, 1]}) == first
    (tmp_path / "results.csv").unlink()
    assert {(r.directory, r.valid, r.seconds) for r in sweep(tmp_path)} == {
        (r.directory, r.valid, r.seconds) for r in first
    }
    assert counter.taken == 0
    shutil.rmtree(first[0].directory)
    assert {result.directory for result in sweep(tmp_path)} == {result.directory for result in first}
    assert counter.taken == STEPS
    wider = sweep(tmp_path, {"width": [16], "rate": [1]})
    assert len(wider) == 5 and counter.taken == 2 * STEPS


@pytest.mark.thorough
def test_a_search_goes_on_to_more_trials(tmp_path: Path) -> None:
    three = sweep(tmp_path / "a", SEARCH, trials=3)
    five = sweep(tmp_path / "a", SEARCH, trials=5)
    assert timeless(five) == timeless(sweep(tmp_path / "b", SEARCH, trials=5))
    assert len(five) == 5 and {result.number for result in three} == {1, 2, 3}
    assert sweep(tmp_path / "a", SEARCH, trials=2) == five
    other = sweep(tmp_path / "c", SEARCH, trials=3, seed=1)
    assert {result.directory.name for result in other}.isdisjoint({result.directory.name for result in three})


def test_a_search_of_few_combinations_tries_each_once(tmp_path: Path) -> None:
    assert len(sweep(tmp_path, GRID, trials=50)) == 4


def test_a_run_that_diverges_is_a_row_and_the_sweep_goes_on(
    tmp_path: Path, with_callback: Callable[[Callback], None]
) -> None:
    over = {"rate": [1e38, 0.1]}
    good, bad = sweep(tmp_path, over)
    assert (good.ended, good.params) == ("epochs", {"rate": 0.1})
    assert (bad.ended, bad.params, bad.valid, bad.best_epoch) == ("diverged", {"rate": 1e38}, None, None)
    assert bad.parameters == good.parameters and bad.seconds is not None
    counter = StopAt(math.inf)
    with_callback(counter)
    assert sweep(tmp_path, over) == [good, bad] and counter.taken == 0


def test_a_combination_inside_the_ranges_may_be_rejected(tmp_path: Path) -> None:
    text = TEXT.replace("width = 4", "width = 8").replace("[width]", "[24 / width]")
    results = sweep(tmp_path, {"width": Range(4, 8)}, text, trials=20)
    assert {result.params["width"]: result.ended for result in results} == {
        4: "epochs", 5: "rejected", 6: "epochs", 7: "rejected", 8: "epochs"
    }  # fmt: skip
    assert sweep(tmp_path, {"width": Range(4, 8)}, text, trials=20) == results
    assert not (tmp_path / "width=5").exists()


def test_a_rejected_combination_is_told_before_any_training(tmp_path: Path) -> None:
    with pytest.raises(ardsl.SpecError) as caught:
        sweep(tmp_path / "s", {"width": [4, 0], "rate": [1, 2]})
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "AR404" and "width = 0, rate = 1.0" in diagnostic.notes[-1]
    with pytest.raises(ardsl.SpecError) as caught:
        sweep(tmp_path / "s", {"width": [0]})
    assert not any("width = 0" in note for note in caught.value.diagnostics[0].notes), "it is so with all"
    assert not (tmp_path / "s").exists()


def test_another_sweep_is_refused_before_any_training(tmp_path: Path) -> None:
    sweep(tmp_path, {"width": [4]})
    for told, over, options in [
        ("another spec", {"width": [9]}, {"text": TEXT + "# changed\n"}),
        ("another spec", {"width": [9]}, {"spec": ardsl.loads(TEXT, rate=0.5)}),
        ("`seed` 0, not 3", {"width": [9]}, {"seed": 3}),
        ("`epochs` 2, not 1", {"width": [9]}, {"epochs": 1}),
        ("`precision` 32, not 64", {"width": [9]}, {"precision": "64"}),
        ("a sweep over width, not rate", {"rate": [1]}, {}),
    ]:
        with pytest.raises(ardsl.DataError, match=told):
            sweep(tmp_path, over, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results.csv", "width=4"]


def test_a_sweep_needs_validation_data(tmp_path: Path) -> None:
    with pytest.raises(ardsl.DataError, match="AR500.*there is no valid data: a sweep compares its runs by it"):
        sweep(tmp_path / "s", data=DATA["train"])
    assert not (tmp_path / "s").exists()


def test_swept_values_win_over_those_set_before(tmp_path: Path) -> None:
    (result,) = sweep(tmp_path, {"width": [8]}, spec=ardsl.loads(TEXT, width=2, rate=0.5))
    assert ardsl.restore(result.directory).spec.model.params == {"width": 8, "rate": 0.5}
