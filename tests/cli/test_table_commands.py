"""From a table to a model of it, by the command line: new, train, eval, score, sample, impute, predict."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ardsl.cli import main

ROWS = 300


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table that has gaps, the spec written for it, and its run."""
    path = tmp_path_factory.mktemp("table")
    generator = np.random.default_rng(0)
    kind = generator.choice(["oak", "elm", "ash"], ROWS)
    size = (generator.normal(size=ROWS) + 3 * (kind == "oak")).round(2).astype(str)
    size[::9] = ""
    with (path / "trees.csv").open("w", newline="") as file:
        rows = zip(range(ROWS), kind, size, generator.integers(0, 5, ROWS), strict=True)
        csv.writer(file).writerows([["id", "kind", "size", "rings"], *rows])
    assert run("new", path / "trees.csv", "-o", path / "trees.ar").exit_code == 0
    done = run("train", path / "trees.ar", "--out", path / "run", "--epochs", 3, "-q")
    assert done.exit_code == 0, done.output
    return path


def rows(path: Path) -> list[dict[str, str]]:
    return [*csv.DictReader(path.read_text().splitlines())]


def test_new_tells_what_it_leaves_out_and_never_writes_over(trained: Path) -> None:
    again = run("new", trained / "trees.csv", "-o", trained / "trees.ar")
    assert again.exit_code == 2 and "is there already: choose another name, or --force" in again.output
    forced = run("new", trained / "trees.csv", "-o", trained / "forced.ar", "--force")
    assert forced.output.splitlines() == [
        f"wrote {trained / 'forced.ar'}: 3 columns of {trained / 'trees.csv'}, left out:",
        "  id: looks like an identifier: a different integer in every row",
        "Next:",
        f"  ardsl train {trained / 'forced.ar'}",
    ]
    assert run("check", trained / "forced.ar").exit_code == 0
    assert run("fmt", "--check", trained / "forced.ar").exit_code == 0


@pytest.mark.thorough
def test_every_question_of_a_table_s_user(trained: Path) -> None:
    data = ["--data", trained / "trees.csv"]
    assert f"examples      {ROWS}" in run("eval", trained / "run", *data).output
    assert run("score", trained / "run", *data, "--by-column", "-o", trained / "s.csv").exit_code == 0
    scores = rows(trained / "s.csv")
    assert len(scores) == ROWS and set(scores[0]) == {"row", "log_prob", "most_unlikely", "kind", "size", "rings"}
    assert scores[0]["size"] == "" and scores[0]["kind"] != ""
    assert run("sample", trained / "run", "-n", 20, "-o", trained / "x.csv").exit_code == 0
    assert {row["kind"] for row in rows(trained / "x.csv")} <= {"oak", "elm", "ash"}
    filled = run("impute", trained / "run", *data, "-o", trained / "f.csv", "--seed", 1)
    assert filled.output == f"wrote {trained / 'f.csv'}: 34 cells filled in 34 rows\n"
    before, after = rows(trained / "trees.csv"), rows(trained / "f.csv")
    assert all(a["size"] and (not b["size"] or a == b) for a, b in zip(after, before, strict=True))
    told = run("predict", trained / "run", "kind", *data, "-o", trained / "p.csv")
    assert told.exit_code == 0 and "accuracy      0." in told.output
    assert "rms error" in run("predict", trained / "run", "size", *data).output


def test_an_order_that_does_not_allow_it_is_exit_1(trained: Path) -> None:
    text = (trained / "trees.ar").read_text().replace('any(orders = 6, train = "all")', "[size, kind, rings]")
    (trained / "fixed.ar").write_text(text.replace("marginalize", "drop"))
    assert run("train", trained / "fixed.ar", "--out", trained / "fixed", "--epochs", 1, "-q").exit_code == 0
    for command in (["impute", trained / "fixed"], ["predict", trained / "fixed", "kind"]):
        found = run(*command, "--data", trained / "trees.csv", "-o", trained / "o.csv")
        assert found.exit_code == 1 and len(found.output.splitlines()) == 1 and "is missing" in found.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["new", "x.xls", "-o", "y.ar"], "`.xls` files are not read"),
        (["new", "x.npz", "-o", "y.ar"], "there is no such file"),
        (["new", "trees.csv", "-o", "y.txt"], "a spec's name ends in .ar"),
        (["predict", "run", "kinds", "--data", "trees.csv"], "the model has no column `kinds`: did you mean `kind`?"),
        (["impute", "run", "--data", "trees.csv", "-o", "f.xls"], "filled tables are written to .csv"),
    ],
)
def test_bad_use_is_one_line(words: list[str], message: str, trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    found = run(*words)
    assert found.exit_code == 2 and len(found.output.splitlines()) == 1 and message in found.output
