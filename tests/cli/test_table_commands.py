"""From a table to a model of it, by the command line: new, train, eval, score, sample, impute, predict."""

from __future__ import annotations

import csv
import json
import re
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


@pytest.mark.thorough
def test_what_one_order_does_not_give_is_summed_over_or_estimated(trained: Path) -> None:
    text = (trained / "trees.ar").read_text().replace('any(orders = 6, train = "all")', "[size, kind, rings]")
    (trained / "fixed.ar").write_text(text.replace("marginalize", "drop"))
    assert run("train", trained / "fixed.ar", "--out", trained / "fixed", "--epochs", 1, "-q").exit_code == 0
    (trained / "few.csv").write_text("kind,size,rings\n,1.5,2\noak,,3\n,,1\nelm,0.5,2\n")
    data = ["--data", trained / "few.csv", "-o", trained / "o.csv"]
    for options, note in (
        ([], r"note: 2 rows estimated, from samples \(effective samples [\d,]+ at least\)"),
        (["--likely"], ""),  # a number alone, or first, is summed over a grid
        (["--median"], r"note: 1 row estimated, from samples \(effective samples \d+ at least\)"),
    ):
        found = run("impute", trained / "fixed", *data, "--seed", 0, *options)
        assert found.exit_code == 0, found.output
        wrote, *said = found.output.splitlines()
        assert wrote.endswith("4 cells filled in 3 rows") and re.fullmatch(note, "".join(said))
        assert all(row["kind"] and row["size"] for row in rows(trained / "o.csv"))
    found = run("predict", trained / "fixed", "size", *data)
    assert found.exit_code == 0 and "estimated" not in found.output
    found = run("predict", trained / "fixed", "kind", *data)
    assert found.exit_code == 0 and "note: 2 rows estimated, since other cells are missing\n" in found.output
    for options in ([], ["--by-column"]):
        found = run("score", trained / "fixed", *data, *options)
        assert found.output == (
            f"wrote the log-probabilities of 4 rows to {trained / 'o.csv'}\n"
            "note: 2 rows estimated, since values are missing: see `standard_error`\n"
        )
        scored = rows(trained / "o.csv")
        assert all(np.isfinite(float(row["log_prob"])) for row in scored)
        assert [row["standard_error"] != "" for row in scored] == [False, True, True, False]


def test_an_exact_answer_says_that_it_is_of_one_joint_of_several(trained: Path) -> None:
    number, joint = run("probability", trained / "run", "rings > 2 | kind = oak").output.splitlines()
    assert re.fullmatch(r"probability   0\.\d+ exact \(of one joint of several\)", number)
    assert joint == "of            the mean over 6 orders, each of which draws what is given first"
    shown = json.loads(run("probability", trained / "run", "rings > 2 | kind = oak", "--json").output)
    assert shown["exact"] and shown["several"]


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


UNKNOWN = (
    "note: 2 values are outside the domains that the model knows, and taken as missing: 1 in `kind` such as 'yew', "
    "1 in `rings` such as '77'\n"
)


@pytest.mark.thorough
def test_gaps_are_filled_in_every_way_and_unknown_values_are_noted(trained: Path) -> None:
    (trained / "few.csv").write_text("id,kind,size,rings\n7,oak,,2\n8,yew,1.5,3\n9,elm,,77\n")
    data = ["--data", trained / "few.csv", "-o", trained / "f.csv"]
    once = run("impute", trained / "run", *data, "--seed", 1)
    assert once.output == f"{UNKNOWN}wrote {trained / 'f.csv'}: 2 cells filled in 2 rows\n"
    assert [(row["kind"], row["rings"]) for row in rows(trained / "f.csv")] == [
        ("oak", "2"),
        ("yew", "3"),
        ("elm", "77"),
    ]
    several = run("impute", trained / "run", *data, "--seed", 1, "--draws", 3)
    assert several.output.endswith("filled in 2 rows, 3 times\n")
    filled = rows(trained / "f.csv")
    assert [row["draw"] for row in filled] == ["1"] * 3 + ["2"] * 3 + ["3"] * 3
    assert len({row["size"] for row in filled if row["id"] == "7"}) == 3
    for fill in ("--mean", "--median", "--likely"):
        assert run("impute", trained / "run", *data, fill).exit_code == 0
        assert all(row["size"] for row in rows(trained / "f.csv"))
    refused = run("impute", trained / "run", *data, "--unknown", "error")
    assert refused.exit_code == 2 and refused.output.endswith(
        "few.csv, line 3, column `kind`: `row.kind` takes one of `ash`, `elm`, `oak` (category), not 'yew'\n"
    )
    scored = run("score", trained / "run", *data, "--by-column")
    assert scored.output == f"{UNKNOWN}wrote the log-probabilities of 3 rows to {trained / 'f.csv'}\n"


@pytest.mark.thorough
def test_predictions_are_compared_as_asked(trained: Path) -> None:
    data = ["--data", trained / "trees.csv"]
    told = run("predict", trained / "run", "size", *data, "--quantiles", "0.1,0.975", "-o", trained / "p.csv")
    assert told.exit_code == 0 and "rms error" in told.output and "(of the mean)" in told.output
    assert [*rows(trained / "p.csv")[0]] == ["row", "size", "mean", "q10", "q97.5", "actual", "log_prob"]
    assert "(absolute, of the median)" in run("predict", trained / "run", "size", *data, "--median").output
    rings = run("predict", trained / "run", "rings", *data, "-o", trained / "p.csv")
    assert "accuracy" in rings.output
    numbers = ["mean", "q05", "q50", "q95", *(f"p({ring})" for ring in range(5))]
    assert [*rows(trained / "p.csv")[0]] == ["row", "rings", *numbers, "actual", "log_prob"]
    assert "rms error" in run("predict", trained / "run", "rings", *data, "--mean").output
    for words, message in (
        (["kind", "--mean"], "`kind` is a category, whose values are not in an order: it has no mean"),
        (["size", "--likely"], "`size` has numbers without end: no value is met exactly"),
    ):
        refused = run("predict", trained / "run", *words, *data)
        assert refused.exit_code == 2 and refused.output == f"error: {message}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["predict", "run", "size", "--quantiles", "5"], "takes shares between 0 and 1, such as 0.05,0.95, not 5"),
        (["predict", "run", "size", "--mean", "--median"], "give --mean or --median"),
        (
            ["impute", "run", "-o", "f.csv", "--mean", "--draws", "2"],
            "--mean is the same every time: leave --draws out",
        ),
        (["impute", "run", "-o", "f.csv", "--unknown", "drop"], "'drop' is not one of 'missing', 'error'"),
    ],
)
def test_options_that_do_not_fit_are_said(words: list[str], message: str) -> None:
    refused = run(*words)
    assert refused.exit_code == 2 and message in refused.output
