"""What is wrong with data is one exact line: file, variable or column, row, the value and what is allowed."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ardsl
from ardsl.data.splits import load_data
from ardsl.spec import Spec
from tests.support.runtime_specs import CONDITIONAL, PEOPLE, made

HEADER = "age,city,member,visits\n"
GOOD = "41,Bern,1,3\n"


def people(data: str = "") -> Spec:
    return ardsl.loads(f"{PEOPLE}data {{ {data} }}")


def message(spec: Spec, data: Any = None, directory: Path | None = None) -> str:
    """The one line, paths under the test's folder as ``DIR``."""
    with pytest.raises(ardsl.DataError) as found:
        load_data(spec, data, data_dir=directory)
    text = str(found.value)
    assert "\n" not in text
    return text if directory is None else text.replace(str(directory), "DIR")


TABLES = {
    "not a number": (
        HEADER + GOOD + "forty,Chur,0,1\nfifty,Chur,0,1\n",
        "error[AR504]: DIR/t.csv, line 3, column `age`: `person.age` takes a finite number (real), not 'forty' "
        "(and 1 more like it)",
    ),
    "infinite": (
        HEADER + "inf,Chur,0,1\n",
        "error[AR504]: DIR/t.csv, line 2, column `age`: `person.age` takes a finite number (real), not 'inf'",
    ),
    "too large for float32": (
        HEADER + "1e60,Chur,0,1\n",
        "error[AR504]: DIR/t.csv, line 2, column `age`: `person.age` takes a finite number up to 3.4e38, "
        "where single precision ends (real), not '1e60'",
    ),
    "unknown label": (
        HEADER + GOOD + GOOD + "41,Churr,0,1\n",
        "error[AR504]: DIR/t.csv, line 4, column `city`: `person.city` takes one of `Bern`, `Chur`, `New York` "
        "(category), not 'Churr': did you mean `Chur`?",
    ),
    "not binary": (
        HEADER + "41,Bern,2,1\n",
        "error[AR504]: DIR/t.csv, line 2, column `member`: `person.member` takes 0 or 1 (binary), not '2'",
    ),
    "not a count": (
        HEADER + '"41","Bern",1,"2.5"\n',
        "error[AR504]: DIR/t.csv, line 2, column `visits`: `person.visits` takes 0, 1, 2 … (count), not '2.5'",
    ),
    "after a cell of two lines": (
        'age,city,member,visits,note\n1,Bern,1,1,"two\nlines"\n2,Bern,1,-1,\n',
        "error[AR504]: DIR/t.csv, line 4, column `visits`: `person.visits` takes 0, 1, 2 … (count), not '-1'",
    ),
    "missing values": (
        HEADER + "?,Bern,,1\n" + GOOD + " NA ,Chur,0,1\n",
        "error[AR505]: DIR/t.csv: 3 missing in 2 of 3 rows (age 2, member 1): `missing = drop` in the `data` block "
        "leaves these rows out",
    ),
    "missing column": (
        "age,town,member,visit\n" + GOOD,
        "error[AR502]: DIR/t.csv: there is no column `city` for `person`: there are `age`, `town`, `member`, `visit`",
    ),
    "misspelt column": (
        "age,citty,member,visits\n" + GOOD,
        "error[AR502]: DIR/t.csv: there is no column `city` for `person`: did you mean `citty`?",
    ),
    "ragged": (HEADER + GOOD + "41,Bern\n", "error[AR507]: DIR/t.csv, line 3: 2 cells where the header has 4"),
    "column twice": (
        "age,age,member,visits\n" + GOOD,
        "error[AR507]: DIR/t.csv, line 1: the column `age` is named twice",
    ),
    "no header": (
        "1,2,3,4\n5,6,7,8\n",
        "error[AR507]: DIR/t.csv, line 1: the first line must name the columns, and holds numbers",
    ),
    "empty": ("", "error[AR501]: DIR/t.csv: the file is empty"),
    "no rows": (HEADER, "error[AR503]: DIR/t.csv: there are no examples"),
    "not UTF-8": (
        HEADER.encode() + b"41,Z\xfcrich,0,1\n",
        "error[AR507]: DIR/t.csv, line 2: not UTF-8 text (byte 0xfc)",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_refused(name: str, tmp_path: Path) -> None:
    content, expected = TABLES[name]
    (tmp_path / "t.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    assert message(people(), "t.csv", tmp_path) == expected


def test_a_dropped_row_does_not_shift_the_lines_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEADER + ",Bern,1,1\n" + GOOD + "1,Bern,1,x\n")
    expected = "error[AR504]: DIR/t.csv, line 4, column `visits`: `person.visits` takes 0, 1, 2 … (count), not 'x'"
    assert message(people("missing = drop"), "t.csv", tmp_path) == expected


def test_every_row_dropped(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(HEADER + ",Bern,1,1\n")
    expected = "error[AR505]: DIR/t.csv: 1 missing in 1 of 1 rows (age 1): no row is complete"
    assert message(people("missing = drop"), "t.csv", tmp_path) == expected


def save(**arrays: Any) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)


def truncated(path: Path) -> None:
    np.savez(path, x=np.zeros((100, 4), np.uint8))
    path.write_bytes(path.read_bytes()[:300])


def member_cut(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00")


def encrypted(path: Path) -> None:
    np.savez(path, x=np.zeros((2, 4), np.uint8))
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[6] |= 1
    content[directory + 8] |= 1
    path.write_bytes(content)


ARCHIVES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no such key": (
        save(train=np.zeros((2, 4)), other=np.zeros(1)),
        "d.npz#trian",
        "error[AR502]: DIR/d.npz: there is no array `trian` for `x`: did you mean `train`?",
    ),
    "nothing fits": (
        save(a=np.zeros((2, 4)), b=np.zeros(1)),
        "d.npz",
        "error[AR502]: DIR/d.npz: there is no array `x`: there are `a`, `b`",
    ),
    "wrong shape": (
        save(x=np.zeros((2, 2, 2))),
        "d.npz",
        "error[AR503]: DIR/d.npz#x: `x` needs rows of the shape [4], not [2, 2]",
    ),
    "no axis": (save(x=np.zeros(())), "d.npz", "error[AR503]: DIR/d.npz#x: `x` needs an array of examples"),
    "no rows": (save(x=np.zeros((0, 4))), "d.npz", "error[AR503]: DIR/d.npz: there are no examples"),
    "complex": (
        save(x=np.zeros((2, 4), complex)),
        "d.npz",
        "error[AR503]: DIR/d.npz#x: `x` needs numbers, not the type complex128",
    ),
    "outside": (
        save(x=np.array([[0, 1, 0, 1], [0, 0, 7, 255]], np.uint8)),
        "d.npz",
        "error[AR504]: DIR/d.npz#x, row 1: `x[2]` takes 0 or 1 (binary), not 7 (and 1 more like it)",
    ),
    "fractions": (
        save(x=np.full((1, 4), 0.25)),
        "d.npz",
        "error[AR504]: DIR/d.npz#x, row 0: `x[0]` takes 0 or 1 (binary), not 0.25 (and 3 more like it): "
        "nothing is binarized here",
    ),
    "NaN": (
        save(x=np.array([[0, np.nan, np.nan, 1], [0, 0, 0, 0]])),
        "d.npz",
        "error[AR505]: DIR/d.npz: 2 missing in 1 of 2 rows (x 2): `missing = drop` in the `data` block leaves these "
        "rows out",
    ),
    "pickled": (
        save(x=np.array([{"a": 1}], dtype=object)),
        "d.npz",
        "error[AR501]: DIR/d.npz#x: holds pickled Python objects, which are never loaded: save numbers, or text of a "
        "fixed width",
    ),
    "truncated": (truncated, "d.npz", "error[AR501]: DIR/d.npz: is cut short or damaged"),
    "a member cut short": (member_cut, "d.npz", "error[AR501]: DIR/d.npz#x: is cut short or damaged"),
    "encrypted": (encrypted, "d.npz", "error[AR501]: DIR/d.npz#x: is cut short or damaged"),
    "noise": (lambda p: p.write_bytes(bytes(range(256))), "d.npz", "error[AR501]: DIR/d.npz: is cut short or damaged"),
    "nothing": (lambda p: p.touch(), "d.npz", "error[AR501]: DIR/d.npz: is cut short or damaged"),
    "a directory": (
        lambda p: p.mkdir(),
        "d.npz",
        "error[AR501]: DIR/d.npz: is a folder without images and sounds (.png, .jpg, .jpeg, .wav, .flac)",
    ),
    "absent": (lambda p: None, "d.npz#x", "error[AR501]: DIR/d.npz: there is no such file"),
    "another format": (
        lambda p: None,
        "d.mat",
        "error[AR506]: DIR/d.mat: `.mat` files are not read; there are .npz, .npy, .csv, .tsv, .parquet, .txt, "
        "and folders",
    ),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_is_refused(name: str, tmp_path: Path) -> None:
    make, source, expected = ARCHIVES[name]
    make(tmp_path / "d.npz")
    assert message(made(), source, tmp_path) == expected


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    expected = "error[AR501]: DIR/d.npz: may not be read (permission denied)"
    assert message(made(), "d.npz", tmp_path) == expected


def test_no_file_name_can_break_the_line(tmp_path: Path) -> None:
    assert "\x1b" not in message(made(), "a\nb\x1b[31m.npz", tmp_path)


def dataset(*tensors: torch.Tensor) -> torch.utils.data.Dataset[Any]:
    return torch.utils.data.TensorDataset(*tensors)


MEMORY: dict[str, tuple[Any, str]] = {
    "a list of unequal rows": ([[0, 1], [0]], "error[AR503]: the data: is no array: its rows differ in shape"),
    "unknown name": ({"y": torch.zeros(2, 4)}, "error[AR502]: the data: there is no array `x`: there are `y`"),
    "too many parts": (
        dataset(torch.zeros(2, 4), torch.zeros(2)),
        "error[AR503]: the Dataset: its examples have 2 parts where `x` need one each",
    ),
    "outside": (
        torch.tensor([[0, 0, 0, 3]]),
        "error[AR504]: the data, row 0: `x[3]` takes 0 or 1 (binary), not 3",
    ),
}


@pytest.mark.parametrize("name", MEMORY)
def test_data_in_memory_is_refused(name: str) -> None:
    data, expected = MEMORY[name]
    assert message(made(), data) == expected


def test_what_is_no_data() -> None:
    expected = (
        "error[AR506]: data must be a path, an array, a tensor, a dict of these, a data frame or a Dataset, not int"
    )
    assert message(made(), 3) == expected


def test_no_data_at_all() -> None:
    expected = 'error[AR500]: there is no train data: write `data { train = "PATH" }` in the spec, or give a source'
    assert message(made()) == expected


def test_one_array_for_two_variables() -> None:
    expected = "error[AR502]: the data: is one array, but the model has the variables `x`, `label`"
    assert message(ardsl.loads(CONDITIONAL), np.zeros((2, 2, 3))) == expected


def test_different_numbers_of_examples() -> None:
    data = {"x": np.zeros((5, 2, 3)), "label": np.zeros(4)}
    expected = "error[AR503]: the data: the numbers of examples differ: `x` 5, `label` 4"
    assert message(ardsl.loads(CONDITIONAL), data) == expected


DOMAINS = {
    "category(3)": (3, "a code from 0 to 2 (category), not 3"),
    "integer(-1, 4)": (5, "an integer from -1 to 4 (integer), not 5"),
    "count": (-1, "0, 1, 2 … (count), not -1"),
    "positive": (0, "a finite number above 0 (positive), not 0"),
    "unit_interval": (1.0, "a number strictly between 0 and 1 (unit_interval), not 1.0"),
    "angle": (6.0, "radians from −π to π (angle), not 6.0"),
    "mulaw(16)": (1000, "audio from −1 to 1 (mulaw), not 1000: divide 16-bit samples by 32768"),
}


@pytest.mark.parametrize("domain", DOMAINS)
def test_each_domain_says_what_it_takes(domain: str) -> None:
    value, expected = DOMAINS[domain]
    spec = ardsl.loads(f"observed y : {domain}\np(y) = default\n")
    assert message(spec, np.array([value])) == f"error[AR504]: the data, row 0: `y` takes {expected}"


def test_too_near_the_border_for_the_precision() -> None:
    spec = ardsl.loads("observed y : positive\np(y) = default\n")
    text = message(spec, np.array([1e-60]))
    assert re.search(r"not 1e-60: too near the border for the precision of the training$", text)
    assert load_data(spec, np.array([1e-60]), dtype=torch.float64).train["y"].item() == 1e-60
