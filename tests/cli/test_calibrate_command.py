"""``calibrate``, on small tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.commands import Run

SPEC = """
record row {
  a : real
  b : category("x", "y")
  c : count
}
order row by any(orders = 2, train = "all")
p(row[i] | row[<i]) = default via made(hidden = [8])
data { train = "t.csv"  valid = 0.3  test = "t.csv"  missing = marginalize }
train { epochs = 1  batch = 100 }
"""
WIDE = """
observed x[5, 8] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [8])
data { train = "x.npy"  test = "x.npy" }
train { epochs = 1  batch = 100 }
"""


@pytest.fixture
def trained(run: Run) -> str:
    """A run folder; the table beside it has empty cells."""
    random = np.random.default_rng(0)
    rows = [f"{random.normal():.3f},{random.choice(['x', 'y'])},{random.poisson(3)}" for _ in range(100)]
    Path("t.csv").write_text("\n".join(["a,b,c", *rows, "1.0,,3", ",x,", "0.5,y,"]) + "\n")
    Path("t.ar").write_text(SPEC)
    assert run("train", "t.ar", "-q").exit_code == 0
    return "runs/t"


@pytest.mark.thorough
def test_a_table_a_picture_and_a_verdict(run: Run, trained: str) -> None:
    result = run("calibrate", trained)
    assert (result.exit_code, result.stderr) == (0, "")
    examples, test, header, _, *rows, picture, verdict = result.stdout.splitlines()
    assert examples == "examples  103"
    assert test == "test      Kolmogorov–Smirnov, of each element's u = F(x | context) against uniform"
    assert header.split() == ["element", "observed", "KS", "distance", "p-value"]
    assert [row.split()[:2] for row in rows] == [["row.a", "102"], ["row.b", "102"], ["row.c", "101"]]
    assert picture == "histograms: runs/t/calibration.png"
    assert "from uniform at 1 % (Bonferroni over 3)" in verdict
    with Image.open("runs/t/calibration.png") as image:
        assert image.format == "PNG" and image.size[0] > 500


@pytest.mark.thorough
def test_the_same_seed_prints_the_same(run: Run, trained: str) -> None:
    first = run("calibrate", trained, "-o", "one.png").stdout
    assert first.replace("one.png", "two.png") == run("calibrate", trained, "-o", "two.png", "--seed", "0").stdout
    assert first != run("calibrate", trained, "-o", "one.png", "--seed", "1").stdout
    assert Path("one.png").is_file() and not Path("runs/t/calibration.png").exists()


def test_data_of_another_kind_differs(run: Run, trained: str) -> None:
    Path("other.csv").write_text("a,b,c\n" + "9.5,x,40\n" * 50)
    lines = run("calibrate", trained, "--data", "other.csv").stdout.splitlines()
    assert lines[0] == "examples  50" and lines[-1].startswith("3 of 3 elements differ from uniform at 1 %")
    assert sum(line.endswith("differs") for line in lines) == 3


@pytest.mark.thorough
def test_of_many_elements_the_farthest_are_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ardsl.outputs.drawing.can_draw", lambda: False)  # which takes longer than all else
    x = np.random.default_rng(0).integers(0, 2, (60, 5, 8)).astype(np.uint8)
    x[:, 2, 3] = 1
    np.save("x.npy", x)
    Path("wide.ar").write_text(WIDE)
    assert run("train", "wide.ar", "-q").exit_code == 0
    _, _, told, _, _, *rows, verdict = run("calibrate", "runs/wide").stdout.splitlines()
    assert told == "elements  40; the 20 farthest from uniform:"
    assert len(rows) == 20 and rows[0].split()[:2] == ["x[2,", "3]"]
    assert verdict == "1 of 40 elements differs from uniform at 1 % (Bonferroni over 40): x[2, 3]"


def test_without_matplotlib_the_table_is_shown(run: Run, trained: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ardsl.outputs.drawing.can_draw", lambda: False)
    result = run("calibrate", trained)
    assert result.exit_code == 0 and "row.a" in result.stdout and "histograms" not in result.stdout
    assert result.stderr == "note: the histograms need matplotlib: pip install 'ardsl[plot]'\n"
    assert not Path("runs/t/calibration.png").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["RUN", "-o", "p.svg"], "error[AR530]: p.svg: the histograms are written to .png"),
        (["RUN", "-o", "t.csv/p.png"], "error[AR530]: t.csv/p.png: cannot be written: "),
        (["RUN", "--data", "absent.csv"], "absent.csv: there is no such file"),
        (["RUN", "--seed", "-1"], "error: Invalid value for '--seed': -1 is not in the range"),
        (["runs/absent"], "error[AR520]: runs/absent: there is no such run folder"),
    ],
)
def test_errors_of_use_are_one_line(run: Run, trained: str, words: list[str], told: str) -> None:
    result = run("calibrate", *(word.replace("RUN", trained) for word in words))
    assert result.exit_code == 2
    assert told in result.stderr and result.stderr.count("\n") == 1
