"""No command's output replaces a file that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result

from ardsl.cli import main
from ardsl.cli.app import COMMANDS
from ardsl.outputs.drawing import can_draw

TABLE = """model table
param width = 4
record row { a : binary  b : binary }
p(row[i] | row[<i]) = bernoulli via made(hidden = width)
data { train = "train.csv"  valid = "valid.csv"  test = "test.csv" }
train { epochs = 1 }
"""
LATENT = """model latent
observed x[4] : binary
latent z[1] : real
p(z) = normal(0, 1)
p(x | z) = bernoulli via mlp(hidden = 4)
q(z | x) = normal via mlp(hidden = 4)
data { train = "train.npz"  valid = "valid.npz"  test = "test.npz" }
train { epochs = 1 }
"""
PICTURE = """model picture
observed x[2, 2] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = 4)
data { train = "train.png"  test = "other.png" }
"""
OUTPUTS = {
    "graph": ("graph", "picture.ar"),
    "plan": ("plan", "picture.ar"),
    "verify": ("verify", "picture.ar"),
    "score": ("score", "table"),
    "impute": ("impute", "table"),
    "predict": ("predict", "table", "b"),
    "sample": ("sample", "table"),
    "calibrate": ("calibrate", "table"),
    "reconstruct": ("reconstruct", "latent"),
    "new": ("new", "link.csv", "--force"),
}
"""Each command that writes one file, as it is called."""
INPUTS = {
    **dict.fromkeys(("graph", "plan", "verify"), ("train.png", "other.png")),
    **dict.fromkeys(("score", "impute", "predict"), ("train.csv", "valid.csv", "test.csv", "table/metrics.csv")),
    "sample": ("train.csv", "test.csv", "table/metrics.csv"),
    "reconstruct": ("train.npz", "valid.npz", "test.npz"),
}
FOLDERS = {"train", "sweep"}
"""Commands whose output is a folder, which is to be new or an earlier one of theirs."""


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with tables, arrays, a spec of each kind, and their runs."""
    path = tmp_path_factory.mktemp("inputs")
    generator = np.random.default_rng(0)
    for split in ("train", "valid", "test", "mine"):
        rows = generator.integers(0, 2, (12, 2))
        (path / f"{split}.csv").write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows))
        np.savez(path / f"{split}.npz", x=generator.integers(0, 2, (12, 4)))
    for name in ("train.png", "other.png"):
        (path / name).write_bytes(b"a picture of mine")
    (path / "picture.ar").write_text(PICTURE)
    (path / "table.ar").write_text(TABLE)
    (path / "latent.ar").write_text(LATENT)
    for name in ("table", "latent"):
        done = run("train", str(path / f"{name}.ar"), "--out", str(path / name), "-q")
        assert done.exit_code == 0, done.output
    return path


def refused(words: tuple[str, ...], output: Path | str, read: Path) -> None:
    """The command with this output is refused in one line, and leaves what it reads as it was."""
    before = read.read_bytes()
    result = run(*words, "-o", str(output))
    assert (result.exit_code, result.stderr, result.stdout) == (
        2,
        f"error[AR530]: {output}: the command reads this file: choose another name\n",
        "",
    )
    assert read.read_bytes() == before


def test_every_command_with_an_output_is_here() -> None:
    context = click.Context(main)
    flags = {"-o", "--output", "--out"}
    writing = {
        name
        for name in COMMANDS
        for option in main.get_command(context, name).params  # type: ignore[union-attr]
        if flags & set(option.opts)
    }
    assert writing == set(OUTPUTS) | FOLDERS


@pytest.mark.parametrize(("command", "name"), [(c, name) for c, names in INPUTS.items() for name in names])
def test_outputs_are_not_the_data_of_the_spec(
    place: Path, command: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "folder").mkdir(exist_ok=True)
    link = place / "folder" / f"{command}-{Path(name).name}"
    link.unlink(missing_ok=True)
    link.symlink_to(place / name)
    for output in (name, place / name, f"folder/../{name}", link):
        refused(OUTPUTS[command], output, place / name)
    assert link.is_symlink()


@pytest.mark.parametrize("command", ["score", "impute", "predict"])
def test_outputs_are_not_the_data_of_the_option(place: Path, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    refused((*OUTPUTS[command], "--data", "mine.csv"), "mine.csv", place / "mine.csv")
    (place / "elsewhere").mkdir(exist_ok=True)
    elsewhere = place / "elsewhere" / "test.csv"
    elsewhere.write_bytes((place / "test.csv").read_bytes())
    refused((*OUTPUTS[command], "--data-dir", "elsewhere"), elsewhere, elsewhere)


def test_reconstructions_are_not_the_array_that_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    refused((*OUTPUTS["reconstruct"], "--data", "mine.npz#x"), "mine.npz", place / "mine.npz")


@pytest.mark.skipif(not can_draw(), reason="needs matplotlib")
def test_histograms_are_no_picture_of_the_data(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "mine.png").unlink(missing_ok=True)
    (place / "mine.png").symlink_to("mine.csv")
    refused((*OUTPUTS["calibrate"], "--data", "mine.csv"), "mine.png", place / "mine.csv")


def test_a_new_spec_is_not_its_table(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "rows.ar").write_bytes((place / "mine.csv").read_bytes())
    (place / "link.csv").unlink(missing_ok=True)
    os.link(place / "rows.ar", place / "link.csv")
    refused(OUTPUTS["new"], "rows.ar", place / "link.csv")


def test_files_in_a_folder_of_data_are_kept(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    (place / "pictures").mkdir(exist_ok=True)
    (place / "pictures" / "0.png").write_bytes(b"a picture of mine")
    (place / "folder.ar").write_text(PICTURE.replace("train.png", "pictures"))
    refused(("graph", "folder.ar"), "pictures/0.png", place / "pictures" / "0.png")


@pytest.mark.parametrize("words", [("train", "table.ar"), ("sweep", "results.ar", "--over", "width=3,4", "-q")])
def test_folders_of_runs_keep_what_is_read(
    place: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    (place / "results.csv").write_bytes((place / "train.csv").read_bytes())
    (place / "results.ar").write_text(TABLE.replace("train.csv", "results.csv"))
    before = {path: path.read_bytes() for path in place.iterdir() if path.is_file()}
    result = run(*words, "--out", ".")
    assert result.exit_code == 2, result.output
    assert {path: path.read_bytes() for path in before} == before


def test_earlier_outputs_are_replaced(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    for _ in range(2):
        assert run("score", "table", "-o", "scores.csv").exit_code == 0
