"""The training curve, in the run folder in three forms."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

import ardsl
from ardsl.outputs.curve import save_curve
from tests.support.runtime_specs import correlated, made


def test_the_curve_is_a_table_lines_and_a_picture(tmp_path: Path) -> None:
    data = {"train": correlated(100), "valid": correlated(50, seed=1)}
    run = ardsl.fit(made("batch = 50  epochs = 3"), data, tmp_path, device="cpu", progress=False)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    with (tmp_path / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["epoch"] for row in lines] == [1, 2, 3] == [int(row["epoch"]) for row in table]
    assert [row["valid"] for row in lines] == [row["valid"] for row in run.metrics]
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (840, 504)


@pytest.mark.parametrize("valid", [True, False])
@pytest.mark.parametrize("count", [1, 2, 300])
def test_curves_of_any_length_are_drawn(count: int, valid: bool, tmp_path: Path) -> None:
    rows = [{"epoch": i + 1, "train": 100 / (i + 1), "valid": 3.0 if valid else None} for i in range(count)]
    save_curve(tmp_path / "c.png", rows, count)
    assert (tmp_path / "c.png").stat().st_size > 1000
