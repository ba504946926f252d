"""``ardsl probability`` and ``ardsl sample --where``, of a model that has to estimate."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import ardsl
from ardsl.cli import main

SPEC = """
record tree {
  height : real ~ normal
  width  : real ~ normal
  kind   : category("oak", "elm")
}
p(tree[i] | tree[<i]) = default via linear
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("trees") / "run"
    generator = np.random.default_rng(0)
    height = generator.normal(10, 2, 400)
    width = 0.1 * height + generator.normal(0, 0.1, 400)
    kind = (generator.random(400) < 0.3).astype(float)
    ardsl.fit(ardsl.loads(SPEC), np.stack([height, width, kind], 1), out=path, epochs=20, progress=False)
    return path


@pytest.mark.thorough
def test_probability(trees: Path) -> None:
    exact, joint = run("probability", trees, "width > 1 | height = 10").output.splitlines()
    assert re.fullmatch(r"probability   0\.\d+ exact", exact)
    assert joint == "of            the joint distribution of the spec"
    words = ["probability", trees, "width > 1", "--samples", 4_000, "--seed", 0]
    estimate = run(*words).output.splitlines()[0]
    assert re.fullmatch(r"probability   0\.\d+ ± [\d.e-]+ \(effective samples [\d,]+ of 4,000\)", estimate)
    shown = json.loads(run(*words, "--json").output)
    assert list(shown) == ["probability", "exact", "standard_error", "effective_samples", "samples", "joint", "several"]
    assert shown["several"] is False
    assert not shown["exact"] and shown["samples"] == 4_000
    assert f"{shown['probability']:.6g}" == estimate.split()[1]


@pytest.mark.thorough
def test_rows_in_which_something_holds(trees: Path, tmp_path: Path) -> None:
    table = tmp_path / "rows.csv"
    done = run("sample", trees, "-n", 200, "--where", "width > 1.3 and kind = elm", "--seed", 0, "-o", table)
    first, second = done.output.splitlines()
    assert first == f"wrote 200 samples to {table}"
    assert re.fullmatch(r"weighted: \d+\.\d% of them are distinct, effective samples [\d,]+ of [\d,]+", second)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert len(rows) == 200
    assert all(float(row["width"]) > 1.3 and row["kind"] == "elm" for row in rows)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "words, said",
    [
        (
            ["probability", "hight > 3"],
            "error[AR540]: `hight > 3`: there is no column `hight`: did you mean `height`?",
        ),
        (
            ["probability", "height > 3 | kind = oak and kind = elm"],
            "error: `kind = oak and kind = elm` cannot hold: nothing can be asked given it",
        ),
        (
            ["sample", "-o", "rows.csv", "--where", "height > 3 | kind = oak"],
            "error[AR540]: `height > 3 | kind = oak`: a condition behind `|` has no place here",
        ),
        (
            ["sample", "-o", "rows.csv", "--where", "kind in {}"],
            "error: `kind in {}` cannot hold: nothing can be drawn given it",
        ),
    ],
)
def test_one_line(trees: Path, words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(words[0], trees, *words[1:])
    assert done.exit_code == 2
    assert done.output == f"{said}\n"
