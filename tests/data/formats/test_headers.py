"""Data is judged by its headers before it is read: a wrong shape, or a file that claims too much, costs no memory."""

from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

import ardsl
from ardsl.data.splits import load_split
from tests.support.hostile import bounded

GREY = "observed x[4, 5] : {domain}\np(x[i] | x[<i]) = default via made(hidden = 4)\n"
SOUND = "observed x[time: ..60] : real\np(x[t] | x[<t]) = normal via wavenet(blocks = 1, layers = 2, features = 4)\n"
RECORD = "record r {\n  a : real\n  b : real\n}\np(r[i] | r[<i]) = default via made(hidden = 4)\n"


def refusal(text: str, data: Path) -> str:
    """The one line of data that is refused, in time and in little memory."""
    spec = ardsl.loads(text)
    with bounded(100), pytest.raises(ardsl.DataError) as caught:
        load_split(spec, data, "train")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1_000
    return str(caught.value).replace(str(data), "DATA")


def archive(path: Path, shape: tuple[int, ...], kind: str = "<f8", bytes_there: int = 1 << 28) -> Path:
    """An `.npz` file of a few kilobytes that unpacks to a quarter of a gigabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("train.npy", "w", force_zip64=True) as out:
        np.lib.format.write_array_header_1_0(out, {"descr": kind, "fortran_order": False, "shape": shape})  # type: ignore[arg-type]
        for _ in range(bytes_there >> 20):
            out.write(bytes(1 << 20))
    return path


@pytest.mark.thorough
@pytest.mark.parametrize(
    "shape, kind, told",
    [
        ((1 << 5, 1 << 10, 1 << 10), "<f8", "DATA#train: `x` needs rows of the shape [4, 5], not [1024, 1024]"),
        ((1 << 25,), "<f8", "DATA#train: `x` needs rows of the shape [4, 5], not []"),
        ((), "<f8", "DATA#train: `x` needs an array of examples"),
        ((830_000, 4, 5), "<c16", "DATA#train: `x` needs numbers, not the type complex128"),
    ],
)
def test_an_archive_of_a_wrong_shape_is_not_unpacked(
    shape: tuple[int, ...], kind: str, told: str, tmp_path: Path
) -> None:
    assert refusal(GREY.format(domain="real"), archive(tmp_path / "a.npz", shape, kind)) == f"error[AR503]: {told}"


def test_an_archive_that_claims_more_than_it_has(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.npz", (1 << 40, 4, 5), bytes_there=1 << 20)
    assert refusal(GREY.format(domain="real"), path) == "error[AR501]: DATA#train: is cut short or damaged"


def test_arrays_are_read_as_before(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(6, 4, 5))
    np.savez_compressed(tmp_path / "a.npz", train=x.astype("<f4"))
    spec = ardsl.loads(GREY.format(domain="real"))
    assert np.array_equal(load_split(spec, tmp_path / "a.npz", "train")["x"].numpy(), x.astype("<f4"))


@pytest.mark.parametrize("domain", ["binary", "integer(0, 255)"])
def test_pictures_of_a_wrong_size_are_not_decoded(domain: str, tmp_path: Path) -> None:
    Image.new("1", (8192, 4096)).save(tmp_path / "0.png")
    for number in range(1, 40):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    told = "error[AR503]: DATA: `x` needs rows of the shape [4, 5], not [4096, 8192]"
    assert refusal(GREY.format(domain=domain), tmp_path) == told


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_a_picture_that_is_turned_has_the_size_of_what_is_seen(suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (4, 5), 7).save(tmp_path / f"a{suffix}", exif=exif)
    if suffix == ".png":  # its data may also stand behind the pixels
        _exif_last(tmp_path / "a.png")
    assert load_split(ardsl.loads(GREY.format(domain="real")), tmp_path, "train")["x"].shape == (1, 4, 5)


def _exif_last(path: Path) -> None:
    content, chunks, at = path.read_bytes(), [], 8
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        chunks.append(content[at:end])
        at = end
    chunks.sort(key=lambda chunk: (chunk[4:8] == b"IEND", chunk[4:8] == b"eXIf"))
    path.write_bytes(content[:8] + b"".join(chunks))
    with Image.open(path) as opened:
        assert "exif" not in opened.info


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def connection(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # such a path must be short
    try:
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.parametrize("make", [pipe, device, connection], ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", ["b.png", "b.wav", "b.flac", "labels.csv"])
def test_what_is_no_file_in_a_folder(make: Callable[[Path], None], name: str, tmp_path: Path) -> None:
    sounds = name.endswith((".wav", ".flac"))
    if sounds:
        soundfile.write(tmp_path / "a.wav", np.zeros(20), 8000)
    else:
        Image.new("L", (5, 4)).save(tmp_path / "a.png")
    make(tmp_path / name)
    told = refusal(SOUND if sounds else GREY.format(domain="real"), tmp_path)
    assert told == f"error[AR501]: DATA/{name}: is a pipe or a device, not a file"


# Sounds that claim what they have not


def flac(path: Path, claimed: int) -> Path:
    """A sound of 40 moments whose header claims others."""
    soundfile.write(path, np.arange(40, dtype=np.int16), 8000, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    described = int.from_bytes(content[18:26], "big")
    assert described & ((1 << 36) - 1) == 40
    content[18:26] = (described - 40 + claimed).to_bytes(8, "big")
    path.write_bytes(content)
    return path.parent


@pytest.mark.parametrize(
    "claimed, told",
    [
        (0, "does not say how long it is, as streams do not: write it anew (`ffmpeg -i STREAM.flac FILE.flac`)"),
        ((1 << 36) - 1, "claims 68,719,476,735 samples, more than its {size:,} bytes can hold"),
        (1 << 30, "claims 1,073,741,824 samples, more than its {size:,} bytes can hold"),
        (41, "is no sound, or is damaged"),
    ],
)
def test_a_flac_file_that_claims_another_length(claimed: int, told: str, tmp_path: Path) -> None:
    folder = flac(tmp_path / "a.flac", claimed)
    size = (tmp_path / "a.flac").stat().st_size
    assert refusal(SOUND, folder) == f"error[AR501]: DATA/a.flac: {told.format(size=size)}"


def test_a_flac_file_of_silence_is_small_and_read(tmp_path: Path) -> None:
    """Nothing that an encoder makes claims too much."""
    soundfile.write(tmp_path / "a.flac", np.zeros(1_000_000, np.int16), 8000, subtype="PCM_16")
    assert (tmp_path / "a.flac").stat().st_size < 20_000
    told = refusal(SOUND, tmp_path)
    assert told == "error[AR503]: DATA/a.flac: has 1,000,000 places, and `x` at most 60"


# Tables with a quote that is left open


OPEN = "a quote is opened here, or in a line after it, and never closed"
LONG = "a cell of more than 131,072 characters: is a quote left open?"


@pytest.mark.parametrize(
    "row, rows, told",
    [
        ('"4,5\n', 10, f"error[AR507]: DATA, line 3: {OPEN}"),
        ('"4,5\n', 1_000, f"error[AR507]: DATA, line 3: {OPEN}"),
        ('"4,5\n', 1_000_000, f"error[AR507]: DATA, line 3: {LONG}"),
        ('4,"5\n', 1_000_000, f"error[AR507]: DATA, line 3: {LONG}"),
        ('4,"5\n', 10, "error[AR504]: DATA, line 3, column `b`: `r.b` takes a finite number (real), not '5"),
    ],
)
def test_a_quote_that_is_left_open(row: str, rows: int, told: str, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a,b\n1,2\n{row}" + "6,7\n" * rows)
    assert refusal(RECORD, path).startswith(told)
