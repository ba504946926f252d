"""Samples and scores as files, by suffix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

import ardsl
from ardsl.data.kinds import is_image
from ardsl.diagnostics.rules import RULES
from ardsl.outputs.images import grid
from ardsl.outputs.samples import check_output, write_samples
from ardsl.outputs.tables import write_scores
from ardsl.outputs.waves import save_waveforms
from ardsl.queries.evaluate import Scores
from tests.support.runtime_specs import made

IMAGE = "observed x[5, 4] : integer(0, 3)\np(x) = default\n"


def test_a_grid_reads_row_by_row() -> None:
    pictures = np.stack([np.full((300, 200), shade, np.uint8) for shade in (0, 50, 255)])
    found = grid(pictures)
    assert found.shape == (605, 405)  # two pictures with a margin of a pixel all round, and a line between them
    assert [found[1, 1], found[1, 204], found[304, 1]] == [0, 50, 255]
    assert {int(found[302, 0]), int(found[0, 202]), int(found[303, 203])} == {96}
    assert found[0, 204] == found[300 + 1, 204] == 96


def test_small_pictures_are_enlarged() -> None:
    assert grid(np.zeros((1, 28, 28), np.uint8)).shape == (30 * 18, 30 * 18)
    assert grid(np.zeros((64, 28, 28, 3), np.uint8)).shape == (8 * 61 - 1, 8 * 61 - 1, 3)


def test_a_png_spans_black_to_white(tmp_path: Path) -> None:
    spec = ardsl.loads(IMAGE)
    write_samples(tmp_path / "s.png", spec, torch.tensor([0, 1, 2, 3]).repeat(2, 5, 1))
    with Image.open(tmp_path / "s.png") as picture:
        shades = set(np.asarray(picture).reshape(-1).tolist())
    assert shades == {0, 85, 96, 170, 255}
    assert list(tmp_path.iterdir()) == [tmp_path / "s.png"]


def test_real_pictures_span_nearly_all_of_their_values(tmp_path: Path) -> None:
    spec = ardsl.loads("observed x[40, 40] : real\np(x) = normal\n")
    values = torch.linspace(10, 20, 1600).reshape(1, 40, 40).clone()
    values[0, 0, 0] = -1e6
    write_samples(tmp_path / "s.png", spec, values)
    with Image.open(tmp_path / "s.png") as picture:
        shades = np.asarray(picture)
    assert (shades.min(), shades.max()) == (0, 255)
    assert abs(int(np.median(shades[(shades > 0) & (shades != 96)])) - 127) < 6


PICTURES = {
    "[4, 4] : binary": True,
    "[4, 4, 3] : integer(0, 255)": True,
    "[4, 4, 1] : binary": True,
    "[4, 4] : real": True,
    "[4, 4, 2] : binary": False,
    "[16] : binary": False,
    "[2, 8] : binary": False,
    "[4, 4] : count": False,
}


@pytest.mark.parametrize(("declared", "expected"), PICTURES.items())
def test_which_variables_are_pictures(declared: str, expected: bool) -> None:
    spec = ardsl.loads(f"observed x{declared}\np(x) = default\n")
    assert is_image(spec.variables["x"]) is expected


def test_scores_are_a_table(tmp_path: Path) -> None:
    numbers, exact = np.array([-1.5, -2.25]), np.zeros(2)
    write_scores(tmp_path / "s.csv", Scores(numbers, exact))
    assert (tmp_path / "s.csv").read_text() == "row,log_prob\n0,-1.5\n1,-2.25\n"
    write_scores(tmp_path / "s.csv", Scores(numbers, np.array([0, 0.5]), bounded=True))
    assert (tmp_path / "s.csv").read_text() == "row,log_prob_bound,standard_error\n0,-1.5,\n1,-2.25,0.5\n"


def test_an_npz_has_the_forms_of_the_data(tmp_path: Path) -> None:
    spec = ardsl.loads(IMAGE)
    write_samples(tmp_path / "new" / "s.npz", spec, ardsl.compile(spec).sample(3, seed=0))
    with np.load(tmp_path / "new" / "s.npz") as found:
        assert found["x"].shape == (3, 5, 4)
        assert found["x"].dtype == np.int64


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    for name, problem in {"s.jpg": "samples are written to", "s.png": "no variable is an image"}.items():
        with pytest.raises(ardsl.DataError, match=f"AR530.*{problem}"):
            check_output(tmp_path / name, made())
        with pytest.raises(ardsl.DataError, match=f"AR530.*{problem}"):
            write_samples(tmp_path / name, made(), torch.zeros(2, 4))
    (tmp_path / "d.csv").mkdir()
    scores = Scores(np.zeros(2), np.zeros(2))
    with pytest.raises(ardsl.DataError, match=r"AR530.*is a directory"):
        write_scores(tmp_path / "d.csv", scores)
    (tmp_path / "file").touch()
    with pytest.raises(ardsl.DataError, match=r"AR530.*cannot be written"):
        write_scores(tmp_path / "file" / "s.csv", scores)
    with pytest.raises(ardsl.DataError, match=r"AR530.*scores are written to \.csv"):
        write_scores(tmp_path / "s.txt", scores)


def test_every_rule_of_data_and_runs_has_a_page() -> None:
    for code, rule in RULES.items():
        if code.startswith("AR5"):
            assert len(rule.explanation) > 60
            assert rule.wrong
            assert rule.right


def test_a_sound_stands_above_its_spectrum(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The two share their time axis, though windows of a spectrogram leave out both ends."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    spec = ardsl.loads("observed wave[time: 600] : real\np(wave) = default\ndata { rate = 1000 }\n")
    lengths = np.array([600, 300, 100])
    save_waveforms(tmp_path / "w.png", torch.rand(3, 600), spec.model.observed[0], 1000, lengths)
    limits = [axes.get_xlim() for axes in drawn[0].axes]
    assert limits == [(0, length / 1000) for length in lengths for _ in "ab"]
