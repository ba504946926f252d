"""A folder of pictures as data: labels by folder or by table, and one line for whatever is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import ardsl
from ardsl.data.splits import load_split
from ardsl.spec import Spec

GREY = "given label : category(3)\nobserved x[4, 5] : integer(0, 255)\np(x[i] | x[<i], label) = categorical via made\n"
COLOUR = "observed x[4, 5, 3] : integer(0, 255)\np(x[i] | x[<i]) = categorical via made(hidden = [4])\n"


def pictures(folder: Path, shape: tuple[int, ...] = (4, 5), suffix: str = ".png") -> dict[str, np.ndarray]:
    """Six pictures in three folders."""
    made = {}
    for number in range(6):
        path = folder / str(number % 3) / f"p{number}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, shape).astype(np.uint8)
        Image.fromarray(pixels).save(path)
        made[str(path)] = pixels
    return made


def load(spec: Spec | str, folder: Path) -> dict[str, np.ndarray]:
    spec = ardsl.loads(spec) if isinstance(spec, str) else spec
    found = load_split(spec, folder, "test", dtype=torch.float32)
    return {name: value.numpy() for name, value in found.items()}


def test_pictures_come_in_the_order_of_their_paths_with_their_folders(tmp_path: Path) -> None:
    made = pictures(tmp_path)
    found = load(GREY, tmp_path)
    names = sorted(made)
    assert (found["x"] == np.stack([made[name] for name in names])).all()
    assert found["label"].tolist() == [int(Path(name).parent.name) for name in names]


def test_colour_and_black_and_white(tmp_path: Path) -> None:
    made = pictures(tmp_path / "colour", (4, 5, 3))
    found = load(COLOUR, tmp_path / "colour")
    assert (found["x"] == np.stack([made[name] for name in sorted(made)])).all()
    bits = np.random.default_rng(0).integers(0, 2, (4, 5)).astype(bool)
    (tmp_path / "bits").mkdir()
    Image.fromarray(bits).save(tmp_path / "bits" / "a.png")
    text = "observed x[4, 5] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [4])\n"
    assert (load(text, tmp_path / "bits")["x"][0] == bits).all()


def test_a_table_of_labels(tmp_path: Path) -> None:
    made = pictures(tmp_path)
    names = [str(Path(name).relative_to(tmp_path)) for name in sorted(made)]
    rows = [f"{name},{number % 3}" for number, name in enumerate(names)]
    (tmp_path / "labels.csv").write_text("file,label\n" + "\n".join(reversed(rows)) + "\n")
    assert load(GREY, tmp_path)["label"].tolist() == [0, 1, 2, 0, 1, 2]


def test_a_model_trains_on_pictures(tmp_path: Path) -> None:
    pictures(tmp_path)
    run = ardsl.fit(ardsl.loads(GREY), tmp_path, epochs=1, device="cpu", progress=False)
    assert run.best_epoch == 1


def test_a_palette_and_an_opaque_picture_lose_nothing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 4, (4, 5, 3)).astype(np.uint8) * 60
    opaque = np.concatenate([pixels, np.full((4, 5, 1), 255, np.uint8)], axis=2)
    Image.fromarray(opaque).save(tmp_path / "a.png")
    Image.fromarray(pixels).quantize(64).save(tmp_path / "b.png")
    found = load(COLOUR, tmp_path)["x"]
    assert (found[0] == pixels).all() and (found[1] == pixels).all()


def test_black_and_white_is_what_the_variable_has(tmp_path: Path) -> None:
    """White is 1 of a binary variable, from a file of two colours or of greys; of others it is 255."""
    bits = np.random.default_rng(0).integers(0, 2, (4, 5)).astype(bool)
    Image.fromarray(bits).save(tmp_path / "a.png")
    Image.fromarray(bits.astype(np.uint8) * 255).save(tmp_path / "b.png")
    for domain, white in (("binary", 1), ("integer(0, 255)", 255)):
        for axes in ("4, 5", "4, 5, 1"):
            text = f"observed x[{axes}] : {domain}\np(x[i] | x[<i]) = default via made(hidden = [4])\n"
            assert (load(text, tmp_path)["x"].reshape(2, 4, 5) == bits * white).all()


def truncated(folder: Path) -> None:
    path = folder / "1" / "p4.png"
    path.write_bytes(path.read_bytes()[:60])


def other_size(folder: Path) -> None:
    Image.fromarray(np.zeros((5, 5), dtype=np.uint8)).save(folder / "1" / "p4.png")


def in_colour(folder: Path) -> None:
    Image.fromarray(np.zeros((4, 5, 3), dtype=np.uint8)).save(folder / "1" / "p4.png")


def transparent(folder: Path) -> None:
    Image.fromarray(np.zeros((4, 5, 4), dtype=np.uint8)).save(folder / "1" / "p4.png")


def text(folder: Path) -> None:
    (folder / "1" / "p4.png").write_text("not a picture")


def huge(folder: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(folder / "1" / "p4.png")


def out_of_range(folder: Path) -> None:
    (folder / "1" / "p4.png").rename(folder / "7.png")
    (folder / "9").mkdir()
    (folder / "7.png").rename(folder / "9" / "p4.png")


def no_label(folder: Path) -> None:
    (folder / "labels.csv").write_text("file,label\n0/p0.png,1\n")


def named_twice(folder: Path) -> None:
    names = [f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.png")]
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name},1\n" for name in [*names, names[0]]))


def no_picture(folder: Path) -> None:
    names = [f"{path.parent.name}/{path.name}" for path in folder.glob("*/*.png")]
    (folder / "labels.csv").write_text("file,label\n" + "".join(f"{name},1\n" for name in [*names, "0/q.png"]))


def no_folders(folder: Path) -> None:
    for path in list(folder.glob("*/*.png")):
        path.rename(folder / path.name)


def none(folder: Path) -> None:
    for path in folder.glob("*/*.png"):
        path.unlink()


def all_of_another_size(folder: Path) -> None:
    for path in folder.glob("*/*.png"):
        Image.fromarray(np.zeros((6, 6), dtype=np.uint8)).save(path)


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "cut short": (truncated, r"1/p4\.png: is no image, or is damaged"),
    "of another size": (other_size, r"1/p4\.png: is 5 × 5 pixels, and 0/p0\.png is 5 × 4 pixels"),
    "in colour": (in_colour, r"1/p4\.png: is 5 × 4 pixels in colour, and 0/p0\.png is 5 × 4 pixels"),
    "transparent": (
        transparent,
        r"1/p4\.png: has the mode RGBA, and images are black and white, grey or RGB: save it as one of these",
    ),
    "text": (text, r"1/p4\.png: is no image, or is damaged"),
    "huge": (huge, r"1/p4\.png: claims more than 67,108,864 pixels"),
    "a label out of range": (out_of_range, r"9/p4\.png.*`label`.*9"),
    "a picture without a label": (no_label, r"labels\.csv: says nothing of 0/p3\.png and 4 more"),
    "a picture named twice": (named_twice, r"labels\.csv: names ./p.\.png twice"),
    "a label without a picture": (no_picture, r"labels\.csv: names 0/q\.png, and there is no such file"),
    "no labels": (
        no_folders,
        r"there is no array `label`: its files are in no folders that would be their labels",
    ),
    "no pictures": (none, r"is a folder without images and sounds \(\.png, \.jpg, \.jpeg, \.wav, \.flac\)"),
    "all of another size": (all_of_another_size, r"`x` needs rows of the shape \[4, 5\], not \[6, 6\]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_is_one_line_with_the_file(name: str, tmp_path: Path) -> None:
    pictures(tmp_path)
    spoil, told = BROKEN[name]
    spoil(tmp_path)
    with pytest.raises(ardsl.DataError, match=told) as caught:
        load(GREY, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("domain", "low", "high"), [("real", 0, 256), ("unit_interval", 0, 1)])
def test_dequantized_pictures_are_within_a_step_of_their_values(
    domain: str, low: float, high: float, tmp_path: Path
) -> None:
    """And the same at each reading."""
    pictures(tmp_path)
    text = f"observed x[4, 5] : {domain}\np(x[i] | x[<i]) = default via made(hidden = [4])\n"
    text += "data { dequantize = true }\n"
    values = load(GREY, tmp_path)["x"].astype(np.float64)
    first, again = load(text, tmp_path)["x"], load(text, tmp_path)["x"]
    assert (first == again).all() and first.min() > low - 1e-6 and first.max() < high
    apart = first.astype(np.float64) * 256 / high - values
    assert apart.min() >= -1e-4 and apart.max() <= 1 + 1e-4 and 0.4 < apart.mean() < 0.6


def test_other_numbers_stay_what_they_are(tmp_path: Path) -> None:
    spec = ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal via made\ndata { dequantize = true }\n")
    found = load_split(spec, np.array([[0.5, 1.0], [2.0, 3.0]]), "train", dtype=torch.float64)
    assert found["x"].tolist() == [[0.5, 1.0], [2.0, 3.0]]


@pytest.mark.parametrize("strange", [300, -5])
def test_integers_that_are_no_bytes_are_refused(strange: int) -> None:
    text = "observed x[2] : unit_interval\np(x[i] | x[<i]) = beta via made\ndata { dequantize = true }\n"
    x = np.array([[0, 255], [7, strange]], dtype=np.int16)
    with pytest.raises(
        ardsl.DataError, match=rf"row 1: `x\[1\]` takes a number strictly between .*, not {strange}\.0$"
    ):
        load_split(ardsl.loads(text), x, "train")
    assert load_split(ardsl.loads(text), x[:1], "train")["x"].shape == (1, 2)
