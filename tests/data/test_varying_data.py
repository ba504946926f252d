"""Data of varying length: read, trained on, measured."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import ardsl
from ardsl.data.splits import load_split

SPEC = "observed x[time: ..5] : {domain}\np(x[t] | x[<t]) = default via made(hidden = [4])\n"
ROWS = [[1, 0, 1], [], [0, 1, 1, 0, 1], [1]]
LENGTHS = np.array([len(row) for row in ROWS])


def beside() -> np.ndarray:
    return np.array([row + [9] * (6 - len(row)) for row in ROWS])


def one_after_the_other() -> np.ndarray:
    return np.array([value for row in ROWS for value in row])


@pytest.mark.parametrize("x", [beside(), one_after_the_other(), beside()[:, :5].astype(float)])
def test_both_layouts_are_read(x: np.ndarray, tmp_path: Path) -> None:
    spec = ardsl.loads(SPEC.format(domain="binary"))
    np.savez(tmp_path / "d.npz", train=x, train_lengths=LENGTHS)
    for data in ({"x": x, "x_lengths": LENGTHS}, str(tmp_path / "d.npz")):
        found = load_split(spec, data, "train")["x"].numpy()
        assert found.shape == (4, 5)
        assert [row[~np.isnan(row)].tolist() for row in found] == ROWS


def test_a_bare_array_ends_where_it_does(tmp_path: Path) -> None:
    """One shorter than the variable, or padded with NaN, in memory or as a file of its own."""
    spec = ardsl.loads(SPEC.format(domain="binary") + "train { epochs = 1 }\n")
    padded = np.where(np.arange(5) < LENGTHS[:, None], beside()[:, :5], np.nan)
    for x, ends in ((padded, LENGTHS), (beside()[:, 4:] % 2, [2] * 4)):
        np.save(tmp_path / "d.npy", x)
        for data in (x, {"x": x}, str(tmp_path / "d.npy")):
            found = load_split(spec, data, "train")["x"].numpy()
            assert (~np.isnan(found)).sum(1).tolist() == list(ends)
    run = ardsl.fit(spec, padded, progress=False, device="cpu")
    assert ardsl.evaluate(run.model, padded).examples == 4


@pytest.mark.parametrize("hole", [(0, 1), (2, 0)])
def test_gaps_are_told_by_their_row(hole: tuple[int, int]) -> None:
    x = np.ones((4, 5))
    x[hole] = np.nan
    with pytest.raises(ardsl.DataError, match=rf"row {hole[0]} has gaps \(NaN\) before its end"):
        load_split(ardsl.loads(SPEC.format(domain="real")), x, "train")


def test_text_is_read_up_to_its_end() -> None:
    spec = ardsl.loads(SPEC.format(domain='category("a", "b")'))
    x = np.array([["a", "b", "?!", ""], ["b", "b", "b", "a"]])
    found = load_split(spec, {"x": x, "x_lengths": np.array([2, 4])}, "train")["x"].numpy()
    assert found[0, :2].tolist() == [0, 1] and np.isnan(found[0, 2:]).all()
    assert found[1, :4].tolist() == [1, 1, 1, 0]


@pytest.mark.parametrize(
    ("x", "lengths", "problem"),
    [
        (beside(), np.array([3, 0, 6, 1]), r"row 2 has 6 places, and `x` at most 5"),
        (beside(), np.array([3, 0, 5]), r"3 lengths need an array of the shape \[3, 5\] or \[8\], not \[4, 6\]"),
        (beside(), np.array([3.0, 0, 5, 1]), r"lengths are integers"),
        (beside(), np.array([3, 0, -5, 1]), r"lengths are integers of at least 0"),
        (beside(), np.array([4, 0, 5, 1]), r"row 0: `x\[3\]` takes 0 or 1"),
    ],
)
def test_lengths_that_do_not_fit(x: np.ndarray, lengths: np.ndarray, problem: str) -> None:
    with pytest.raises(ardsl.DataError, match=problem) as caught:
        load_split(ardsl.loads(SPEC.format(domain="binary")), {"x": x, "x_lengths": lengths}, "train")
    assert "\n" not in str(caught.value)


def test_likelihoods_count_the_elements_that_there_are() -> None:
    spec = ardsl.loads("observed x[..5] : binary\np(x) = bernoulli\n")
    model = ardsl.compile(spec)
    found = ardsl.evaluate(model, {"x": beside(), "x_lengths": LENGTHS})
    assert found.nll == pytest.approx(LENGTHS.sum() * math.log(2) / 4, rel=1e-6)
    assert found.bits_per_dim == pytest.approx(1.0, rel=1e-6)


def test_a_training_with_lengths(tmp_path: Path) -> None:
    spec = ardsl.loads(SPEC.format(domain="binary") + "train { epochs = 3 batch = 2 optimizer = adam(rate = 0.01) }\n")
    first = ardsl.fit(spec, beside(), lengths=LENGTHS, progress=False, device="cpu")
    again = ardsl.fit(spec, {"x": one_after_the_other(), "x_lengths": LENGTHS}, progress=False, device="cpu")
    measured = [ardsl.evaluate(run.model, {"x": beside(), "x_lengths": LENGTHS}).nll for run in (first, again)]
    assert measured[0] == measured[1] and math.isfinite(measured[0])
    for refused in (ardsl.calibrate, lambda model, data: ardsl.fit(spec, [beside()] * 2, lengths=LENGTHS[None])):
        with pytest.raises(ardsl.ArdslError):
            refused(first.model, {"x": beside(), "x_lengths": LENGTHS})
