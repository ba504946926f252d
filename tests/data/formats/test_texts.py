"""Text as data: each line an example, its characters the labels of a category."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import ardsl
from ardsl.cli import main
from ardsl.data.formats.texts import is_text
from ardsl.data.splits import load_split
from ardsl.outputs.samples import write_samples

SPEC = """\
observed x[..6] : category(" ", "a", "b", "é", "\\n", end = "\\n")
p(x[i] | x[<i]) = categorical via wavenet(blocks = 1, layers = 2, features = 4, skip = 4)
train { batch = 2  epochs = 2 }
"""


def test_a_line_is_an_example_and_empty_lines_are_none(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("ab\n\né a\nb", encoding="utf-8")
    found = load_split(ardsl.loads(SPEC), str(path), "train")["x"].numpy()
    expected = np.full((3, 6), np.nan)
    expected[0, :2], expected[1, :3], expected[2, :1] = [1, 2], [3, 0, 1], [2]
    np.testing.assert_array_equal(found, expected)


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    spec = ardsl.loads(SPEC)
    x = ardsl.compile(spec, seed=0).sample(20, seed=0)
    assert isinstance(x, torch.Tensor)
    path = tmp_path / "samples.txt"
    write_samples(path, spec, x)
    lines = path.read_text(encoding="utf-8").split("\n")
    assert len(lines) == 21 and lines[-1] == ""
    found = load_split(spec, str(path), "train")["x"]
    kept = x[[bool(line) for line in lines[:-1]]].float()
    ended = (kept == 4).cumsum(1) > 0
    torch.testing.assert_close(found, kept.masked_fill(ended, torch.nan), equal_nan=True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"ab\nax\n", "words.txt, line 2: `x[1]` takes one of ` `, `a`, `b`, `é` (category), not 'x'"),
        (b"xy", "line 1: `x[0]` takes one of ` `, `a`, `b`, `é` (category), not 'x' (and 1 more like it)"),
        (b"a\xff", "words.txt: is not UTF-8: byte 1 is invalid start byte"),
        (b"a\xef\xbb\xbfb", "line 1: `x[1]` takes one of ` `, `a`, `b`, `é` (category), not '\\ufeff'"),
        (b"ab\naaaaaaab", "words.txt, line 2: has 8 places, and `x` at most 6"),
        (b"\n\n", "words.txt: there are no examples"),
    ],
)
def test_text_that_does_not_fit(content: bytes, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(ardsl.DataError) as caught:
        load_split(ardsl.loads(SPEC), str(path), "train")
    assert problem in str(caught.value)


def test_what_a_text_ends_with_does_not_stand_in_it(tmp_path: Path) -> None:
    """It would cut a line short without a word. A mark of the byte order is none of its characters."""
    spec = ardsl.loads(SPEC.replace('"\\n"', '"."'))
    path = tmp_path / "words.txt"
    path.write_text("\ufeffab\n", encoding="utf-8")
    assert load_split(spec, str(path), "train")["x"][0, :2].tolist() == [1, 2]
    path.write_text("a.b.\n")
    with pytest.raises(ardsl.DataError, match=r"`x\[1\]` takes one of .* not '\.' \(and 1 more like it\)"):
        load_split(spec, str(path), "train")


def test_text_for_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("ab\n")
    for declared in ("x[..6] : binary", 'x[..6] : category("one", "two")', "x[..6] : category(4)"):
        spec = ardsl.loads(f"observed {declared}\np(x[i] | x[<i]) = default via made(hidden = [4])\n")
        assert not is_text(spec.variables["x"])
        with pytest.raises(ardsl.DataError, match="is text, and `x` has no characters"):
            load_split(spec, str(path), "train")
        with pytest.raises(ardsl.DataError, match="no variable is text"):
            write_samples(tmp_path / "out.txt", spec, ardsl.compile(spec).sample(2))
    with pytest.raises(ardsl.DataError, match="has no key `train`"):
        load_split(ardsl.loads(SPEC), f"{path}#train", "train")


def test_a_model_of_text_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "m.ar").write_text(SPEC, encoding="utf-8")
    (tmp_path / "words.txt").write_text("ab\né a\nb\nbab\n", encoding="utf-8")
    out = tmp_path / "run"
    run = CliRunner()
    spec, data = str(tmp_path / "m.ar"), str(tmp_path / "words.txt")
    trained = run.invoke(main, ["train", spec, "--data", f"train={data}", "--out", str(out), "--device", "cpu"])
    assert trained.exit_code == 0 and f"samples in {out / 'samples.txt'}" in trained.output
    assert len((out / "samples.txt").read_text(encoding="utf-8").split("\n")) == 17
    written = tmp_path / "more.txt"
    found = run.invoke(main, ["sample", str(out), "-n", "5", "--prefix", "ab", "-o", str(written), "--seed", "1"])
    assert found.exit_code == 0
    assert all(line.startswith("ab") for line in written.read_text(encoding="utf-8").splitlines())
    refused = run.invoke(main, ["sample", str(out), "--begin", "axb", "-o", str(written)])
    assert refused.exit_code == 2 and "--prefix: `x[1]` takes one of" in refused.output and "not 'x'" in refused.output
