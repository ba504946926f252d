"""``ardsl sweep``: its table, its lines for errors of use, and how an interrupted one goes on."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.commands import Run

SPEC = """model small
param width = 4
param rate = 1e-2
param act = "relu"
param sizes = [width]
observed x[4] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = sizes, activation = act)
data { train = "data.npy"  valid = 0.25 }
train { epochs = 1  batch = 20  optimizer = sgd(rate = rate) }
"""


@pytest.fixture
def spec(here: Path) -> str:
    np.save("data.npy", np.random.default_rng(0).integers(0, 2, (60, 4)))
    Path("small.ar").write_text(SPEC)
    return "small.ar"


def rows(path: str = "sweeps/small/results.csv") -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_is_sorted_and_kept(run: Run, spec: str) -> None:
    result = run("sweep", spec, "--over", "width=4,8", "--over", "rate=0.01,1", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert "[1/4] width=4,rate=0.01" in result.stderr and "epoch 1/1" in result.stderr
    found = rows()
    assert [float(row["valid"]) for row in found] == sorted(float(row["valid"]) for row in found)
    header, _, *lines, last = result.stdout.splitlines()
    assert " ".join(header.split()) == "width rate valid nats best epoch parameters seconds ended by"
    for line, row in zip(lines, found, strict=True):
        shown = f"{float(row['valid']):.4f} ± {float(row['standard_error']):.4f}"
        assert line.split()[:2] == [row["width"], row["rate"]] and shown in line and line.endswith("epochs")
    best = f"sweeps/small/width={found[0]['width']},rate={found[0]['rate']}"
    assert last == f"The best of 4 runs is in {best}; the table is sweeps/small/results.csv."
    assert run("eval", best, "--split", "valid").exit_code == 0


@pytest.mark.parametrize(
    "words, folders",
    [
        (["--over", "sizes=[4],[4, 8]"], {"sizes=[4]", "sizes=[4,8]"}),
        (["--over", 'act=relu,"tanh"'], {"act=relu", "act=tanh"}),
        (["--over", "rate=1,1.0,0.1", "--set", "width=2"], {"rate=1.0", "rate=0.1"}),
        (["--over", "width=3..3000", "--trials", "1"], None),
    ],
)
def test_values_are_written_as_in_the_language(words: list[str], folders: set[str] | None, run: Run, spec: str) -> None:
    result = run("sweep", spec, "-q", "--out", "there", "--device", "cpu", *words)
    assert result.exit_code == 0 and result.stderr == ""
    found = {path.name for path in Path("there").iterdir() if path.is_dir()}
    assert found == folders if folders else len(found) == 1 and 3 <= int(rows("there/results.csv")[0]["width"]) <= 3000


@pytest.mark.parametrize(
    "words, told",
    [
        (["--over", "widht=4"], "there is no parameter `widht` to sweep over: did you mean `width`?"),
        (["--over", "width=4,big"], '`width` is an integer and cannot be set to `"big"`'),
        (["--over", "width=1.5"], "`width` is an integer and cannot be set to `1.5`"),
        (["--over", "width="], "`width=` has no values to try"),
        (["--over", "width=4,,8"], "`width=4,,8` has an empty value"),
        (["--over", "width"], "is not of the form NAME=V1,V2,… or NAME=LOW..HIGH"),
        (["--over", "width=4", "--over", "width=8"], "`width` is there twice"),
        (["--over", "width=4", "--set", "width=8"], "`width` is given to --set and to --over"),
        (["--over", "width=4..8"], "the range of `width` needs a number of trials, --trials N"),
        (["--over", "width=8..4", "--trials", "2"], "the range 8..4 of `width` is empty"),
        (["--over", "act=1..2", "--trials", "2"], "`act` is a string, and takes no range"),
        (["--over", "width=1..2,4", "--trials", "2"], '`width` is an integer and cannot be set to `"1..2"`'),
        (["--over", "width=4", "--trials", "0"], "0 is not in the range"),
        ([], "Missing option '--over'"),
        (["--over", "width=4", "--data", "train=nope.npy"], "nope.npy: there is no such file"),
        (["--over", "width=4", "--device", "abacus"], "AR510"),
        (["--over", "width=4", "--out", "data.npy"], "data.npy: cannot be written (not a directory): choose another"),
    ],
)
def test_errors_of_use_are_one_line(words: list[str], told: str, run: Run, spec: str) -> None:
    result = run("sweep", spec, "-q", *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1 and told in result.stderr
    assert not Path("sweeps").exists()


@pytest.mark.parametrize("package, words", [("optuna", ["--trials", "2"]), ("tensorboard", ["--tensorboard"])])
def test_what_to_install_is_one_line(
    package: str, words: list[str], run: Run, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ardsl.training import events
    from ardsl.training.sweeps import search

    for module in (events, search):
        monkeypatch.setattr(module, "find_spec", lambda name: None)
    result = run("sweep", spec, "-q", "--over", "width=4", *words)
    extra = {"optuna": "sweep"}.get(package, package)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
    assert f"`pip install 'ardsl[{extra}]'`" in result.stderr


def test_without_validation_data_nothing_begins(run: Run, spec: str) -> None:
    Path(spec).write_text(Path(spec).read_text().replace("valid = 0.25", ""))
    result = run("sweep", spec, "-q", "--over", "width=4")
    assert result.exit_code == 2 and "there is no valid data" in result.stderr and result.stderr.count("\n") == 1
    assert run("sweep", spec, "-q", "--over", "width=4", "--data", "valid=0.5").exit_code == 0


def test_a_rejected_combination_is_shown_as_check_shows_it(run: Run, spec: str) -> None:
    result = run("sweep", spec, "--over", "width=4,0,8")
    assert result.exit_code == 1 and not Path("sweeps").exists()
    checked = run("check", spec, "--set", "width=0").stdout.splitlines()
    shown = result.stderr.splitlines()
    assert "   = note: this is so with width = 0" in shown
    assert {line for line in checked if "AR404" in line} <= set(shown)
    Path(spec).write_text("param width = = 4\n")
    broken = run("sweep", spec, "--over", "width=4")
    assert broken.exit_code == 1 and "small.ar:1:15" in broken.stderr


def test_runs_that_diverge_are_rows(run: Run, spec: str) -> None:
    result = run("sweep", spec, "-q", "--over", "rate=1e38,0.1")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[3].split()[:2] == ["1e+38", "-"]
    assert [(row["ended"], row["valid"] == "") for row in rows()] == [("epochs", False), ("diverged", True)]
    alone = run("sweep", spec, "-q", "--over", "rate=1e38", "--out", "alone")
    assert alone.exit_code == 1 and "No run has a validation loss" in alone.stdout


def test_an_interrupted_sweep_says_how_to_go_on(run: Run, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ardsl.training.sweeps import sweep

    whole, begun = sweep.fit, []

    def fit(*args: Any, **options: Any) -> Any:
        begun.append(args[2])
        if len(begun) == 2:
            raise KeyboardInterrupt
        return whole(*args, **options)

    words = ["sweep", spec, "-q", "--over", "act=relu,tanh", "--device", "cpu"]
    monkeypatch.setattr(sweep, "fit", fit)
    monkeypatch.setattr("sys.argv", ["ardsl", *words])
    result = run(*words)
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == f"interrupted; resume with `ardsl {' '.join(words)}`\n"
    assert len(rows()) == 1
    assert run(*words).exit_code == 0 and len(rows()) == 2
    assert [path.name for path in begun] == ["act=relu", "act=tanh", "act=tanh"]


def test_training_and_sweeping_write_events_where_they_are_asked_to(run: Run, spec: str) -> None:
    assert run("train", spec, "-q", "--tensorboard", "--out", "one").exit_code == 0
    assert run("sweep", spec, "-q", "--over", "width=4", "--tensorboard", "--out", "more").exit_code == 0
    assert run("sweep", spec, "-q", "--over", "width=4", "--out", "none").exit_code == 0
    assert {path.parent.parent.as_posix() for path in Path().rglob("events.out.*")} == {"one", "more/width=4"}
