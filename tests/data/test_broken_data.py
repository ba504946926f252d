"""A data file that is broken, or is no data at all, is refused with one line that names the file and the place."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ardsl
from tests.support.hostile import Payload, command, refusal
from tests.support.runtime_specs import PEOPLE

HEADER, GOOD = b"age,city,member,visits\n", b"41,Bern,1,3\n"
ROWS = 500
SPEC = f"model people\n{PEOPLE}train {{ epochs = 1  batch = 20 }}\n"
SPECIAL = "error[AR501]: DIR/FILE: is a pipe or a device, not a file"
DAMAGED = "error[AR501]: DIR/FILE: is cut short or damaged"
PICKLED = "holds pickled Python objects, which are never loaded: save numbers, or text of a fixed width"
BLANK = "error[AR507]: DIR/FILE, line 1: the first line must name the columns, and is blank"
NUL = "holds NUL bytes: is this a text file?"
LONG = "a cell of more than 131,072 characters: is a quote left open?"
SCORED = "; `score` takes it as missing in every row"
CITIES = "`person.city` takes one of `Bern`, `Chur`, `New York` (category), not"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("people")
    (home / "people.ar").write_text(SPEC)
    (home / "good.csv").write_bytes(HEADER + GOOD * 40)
    ardsl.fit(ardsl.loads(SPEC), home / "good.csv", home / "run", device="cpu", progress=False)
    return home


def refused(source: str, trained: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What `eval` and `train` say of a file, the same but for the way out that `eval` names; the folder as ``DIR``, the
    file as ``FILE``."""
    monkeypatch.chdir(directory)
    told = refusal("eval", str(trained / "run"), "--data", source)
    assert told.removesuffix(SCORED) == refusal(
        "train", str(trained / "people.ar"), "--data", f"train={source}", "-q", "--device", "cpu"
    )
    assert not (directory / "runs").exists() and not (directory / "executed").exists()
    return told.replace(str(directory), "DIR").replace(source, "FILE")


TABLES: dict[str, tuple[bytes, str]] = {
    "semicolons, then commas": (
        b"age;city;member;visits\n" + GOOD,
        "error[AR507]: DIR/FILE, line 2: 1 cell where the header has 4",
    ),
    "bars": (
        b"age|city|member|visits\n41|Bern|1|3\n",
        "error[AR502]: DIR/FILE: there is no column `age` for `person`: there are `age|city|member|visits`",
    ),
    "a short first row": (
        HEADER + b"41,Bern\n" + GOOD * ROWS,
        "error[AR507]: DIR/FILE, line 2: 2 cells where the header has 4",
    ),
    "a short late row": (
        HEADER + GOOD * ROWS + b"41,Bern,1\n" + GOOD,
        "error[AR507]: DIR/FILE, line 502: 3 cells where the header has 4",
    ),
    "a long first row": (
        HEADER + b"41,Bern,1,3,4\n" + GOOD,
        "error[AR507]: DIR/FILE, line 2: 5 cells where the header has 4",
    ),
    "a long late row": (
        HEADER + GOOD * ROWS + b"41,Bern,1,3,\n",
        "error[AR507]: DIR/FILE, line 502: 5 cells where the header has 4",
    ),
    "Latin-1 in the header": (b"\xe2ge" + HEADER[3:], "error[AR507]: DIR/FILE, line 1: not UTF-8 text (byte 0xe2)"),
    "Latin-1 in a late row": (
        HEADER + GOOD * ROWS + b"41,Z\xfcrich,1,3\n",
        "error[AR507]: DIR/FILE, line 502: not UTF-8 text (byte 0xfc)",
    ),
    "UTF-16": (
        (HEADER + GOOD).decode().encode("utf-16"),
        "error[AR507]: DIR/FILE, line 1: not UTF-8 text (byte 0xff)",
    ),
    "UTF-16 without its mark": (
        (HEADER + GOOD).decode().encode("utf-16-le"),
        f"error[AR507]: DIR/FILE, line 1: {NUL}",
    ),
    "an unseen category": (
        HEADER + GOOD * ROWS + b"41,Basel,1,3\n",
        f"error[AR504]: DIR/FILE, line 502, column `city`: {CITIES} 'Basel'",
    ),
    "text in a number": (
        HEADER + GOOD + b"41 years,Bern,1,3\n",
        "error[AR504]: DIR/FILE, line 3, column `age`: `person.age` takes a finite number (real), not '41 years'",
    ),
    "infinite": (
        HEADER + GOOD + b"-Infinity,Bern,1,3\n",
        "error[AR504]: DIR/FILE, line 3, column `age`: `person.age` takes a finite number (real), not '-Infinity'",
    ),
    "out of range": (
        HEADER + GOOD + b"41,Bern,2,3\n",
        "error[AR504]: DIR/FILE, line 3, column `member`: `person.member` takes 0 or 1 (binary), not '2'",
    ),
    "empty": (b"", "error[AR501]: DIR/FILE: the file is empty"),
    "line ends alone": (b"\n\r\n\n", "error[AR501]: DIR/FILE: the file is empty"),
    "blanks": (b"  \n \t\n", BLANK),
    "commas alone": (b",,,\n" + GOOD, BLANK),
    "a header alone": (HEADER, "error[AR503]: DIR/FILE: there are no examples"),
    "NUL in the header": (b"\0" + HEADER + GOOD, f"error[AR507]: DIR/FILE, line 1: {NUL}"),
    "NUL in a cell": (HEADER + GOOD + b"41,Be\0rn,1,3\n", f"error[AR507]: DIR/FILE, line 3: {NUL}"),
    "NUL at the end": (HEADER + GOOD + bytes(4096), f"error[AR507]: DIR/FILE, line 3: {NUL}"),
    "NUL alone": (bytes(4096), f"error[AR507]: DIR/FILE, line 1: {NUL}"),
    "an unclosed quote": (
        HEADER + b'41,"Bern,1,3\n' + GOOD,
        "error[AR507]: DIR/FILE, line 2: a quote is opened here, or in a line after it, and never closed",
    ),
    "an unclosed quote before much": (
        HEADER + GOOD + b'41,"Bern,1,3\n' + GOOD * 20_000,
        f"error[AR507]: DIR/FILE, line 3: {LONG}",
    ),
    "an unclosed quote in the header": (
        b'age,"' + HEADER[4:] + GOOD * 20_000,
        f"error[AR507]: DIR/FILE, line 1: {LONG}",
    ),
    "a quote in the middle": (
        HEADER + GOOD + b'41,Be"rn,1,3\n',
        f"error[AR504]: DIR/FILE, line 3, column `city`: {CITIES} 'Be\"rn': did you mean `Bern`?",
    ),
    "a column twice": (
        b"age," + HEADER + b"1," + GOOD,
        "error[AR507]: DIR/FILE, line 1: the column `age` is named twice",
    ),
    "a column missing": (
        b"age,member,visits\n41,1,3\n",
        "error[AR502]: DIR/FILE: there is no column `city` for `person`: there are `age`, `member`, `visits`" + SCORED,
    ),
    "a misspelt column": (
        HEADER.replace(b"member", b"membr") + GOOD,
        "error[AR502]: DIR/FILE: there is no column `member` for `person`: did you mean `membr`?",
    ),
    "no header": (
        b"41,1,0,3\n" * 2,
        "error[AR507]: DIR/FILE, line 1: the first line must name the columns, and holds numbers",
    ),
    "very many columns": (
        b",".join(b"c%d" % i for i in range(100_000)) + b"\n",
        "error[AR502]: DIR/FILE: there is no column `age` for `person`: there are `c0`, `c1`, `c2`, `c3`, `c4`, `c5` "
        "and 99,994 more",
    ),
    "a name of a page": (
        b"a" * 9_000 + b",b\n1,2\n",
        f"error[AR502]: DIR/FILE: there is no column `age` for `person`: there are `{'a' * 60}…`, `b`",
    ),
    "gzip": (gzip.compress(HEADER + GOOD), "error[AR507]: DIR/FILE, line 1: not UTF-8 text (byte 0x8b)"),
    "a zip archive": (b"PK\3\4\x14\0\0\0\x08\0" + bytes(90), f"error[AR507]: DIR/FILE, line 1: {NUL}"),
    "a Parquet file": (b"PAR1\x15\x04\x15\0\x15" + bytes(40) + b"PAR1", f"error[AR507]: DIR/FILE, line 1: {NUL}"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(90), "error[AR507]: DIR/FILE, line 1: not UTF-8 text (byte 0x89)"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table(name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, expected = TABLES[name]
    (tmp_path / "t.csv").write_bytes(content)
    assert refused("t.csv", trained, tmp_path, monkeypatch) == expected


SUFFIXES = ("csv", "parquet", "npz", "npy")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_file(suffix: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, a folder, a pipe that nobody writes to, a device without end, and a circle of links."""
    (tmp_path / f"folder.{suffix}").mkdir()
    os.mkfifo(tmp_path / f"pipe.{suffix}")
    (tmp_path / f"zero.{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"circle.{suffix}").symlink_to(f"circle.{suffix}")
    for name, expected in {
        "absent": "error[AR501]: DIR/FILE: there is no such file",
        "folder": "error[AR501]: DIR/FILE: is a folder without images and sounds (.png, .jpg, .jpeg, .wav, .flac)",
        "pipe": SPECIAL,
        "zero": SPECIAL,
        "circle": "error[AR501]: DIR/FILE: cannot be read: too many levels of symbolic links",
        "a" * 300: "error[AR501]: DIR/FILE: cannot be read: file name too long",
    }.items():
        assert refused(f"{name}.{suffix}", trained, tmp_path, monkeypatch) == expected


def not_utf8() -> Any:
    import pyarrow

    offsets, text = np.array([0, 2, 4], np.int32), b"\xff\xfeBe"
    return pyarrow.Array.from_buffers(pyarrow.string(), 2, [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(text)])


def typed(kind: str) -> Callable[[], Any]:
    def make() -> Any:
        import pyarrow

        return pyarrow.array([1, 2]).cast(getattr(pyarrow, kind)("us" if kind == "timestamp" else None))

    return make


COLUMNS: dict[str, tuple[str, Callable[[], Any], str]] = {
    "lists": ("age", lambda: [[1.0], [2.0]], "error[AR503]: DIR/FILE, column `age`: holds list<"),
    "timestamps": ("age", typed("timestamp"), "error[AR503]: DIR/FILE, column `age`: holds timestamp[us], where numb"),
    "records": ("age", lambda: [{"a": 1}] * 2, "error[AR503]: DIR/FILE, column `age`: holds struct<a: int64>, where"),
    "bytes": ("city", lambda: [b"Bern"] * 2, "error[AR503]: DIR/FILE, column `city`: holds binary, where numbers or t"),
    "nothing": ("age", lambda: [None, None], "error[AR505]: DIR/FILE: 2 missing in 2 of 2 rows (age 2): `missing = dr"),
    "text": ("age", lambda: ["1", "x"], "error[AR504]: DIR/FILE, row 1, column `age`: `person.age` takes a finite num"),
    "numbers": ("city", lambda: [1, 2], f"error[AR504]: DIR/FILE, row 0, column `city`: {CITIES} '1' (and 1 more like"),
    "infinite": ("age", lambda: [1.0, np.inf], "error[AR504]: DIR/FILE, row 1, column `age`: `person.age` takes a fin"),
    "below 0": ("visits", lambda: [1, -2], "error[AR504]: DIR/FILE, row 1, column `visits`: `person.visits` takes 0, "),
    "not UTF-8": ("city", not_utf8, "error[AR503]: DIR/FILE, column `city`: holds text that is not UTF-8"),
    "a number that is not UTF-8": ("age", not_utf8, "error[AR503]: DIR/FILE, column `age`: holds text that is not UTF"),
}


def parquet(path: Path, **columns: Any) -> bytes:
    import pyarrow
    from pyarrow.parquet import write_table

    good = {"age": [1.0, 2.0], "city": ["Bern", "Chur"], "member": [0, 1], "visits": [1, 2]}
    write_table(pyarrow.table(good | columns), path)
    return path.read_bytes()


@pytest.mark.parametrize("name", COLUMNS)
def test_a_parquet_column(name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    column, values, expected = COLUMNS[name]
    parquet(tmp_path / "t.parquet", **{column: values()})
    assert refused("t.parquet", trained, tmp_path, monkeypatch).startswith(expected)


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: b"",
        lambda whole: whole[:-40],
        lambda whole: whole[40:],
        lambda whole: whole[:4] + bytes(60) + whole[64:],
        lambda whole: whole[:-60] + b"\xff" * 40 + whole[-20:],
        lambda whole: HEADER + GOOD,
    ],
    ids=["empty", "no end", "no start", "a hole", "noise in the footer", "text"],
)
def test_a_damaged_parquet_file(
    change: Callable[[bytes], bytes], trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t.parquet").write_bytes(change(parquet(tmp_path / "whole.parquet")))
    assert refused("t.parquet", trained, tmp_path, monkeypatch) == DAMAGED


def headed(shape: str, kind: str = "'<f8'") -> bytes:
    """The start of a ``.npy`` file that claims a shape."""
    return raw(f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n")


def raw(header: str) -> bytes:
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header.encode() + bytes(64)


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


ARRAYS: dict[str, tuple[bytes, str]] = {
    "no array": (b"hello " * 100, ""),
    "a pickle": (pickle.dumps(Payload(Path("executed"))), ""),
    "objects": (saved(np.array([{}], dtype=object)), PICKLED),
    "cut short": (saved(np.zeros((9, 4)))[:200], ""),
    "cut in the header": (saved(np.zeros((9, 4)))[:20], ""),
    "terabytes": (headed("(1000000000000, 4)"), ""),
    "too many rows to count": (headed(f"({2**64}, 4)"), ""),
    "too many values to count": (headed(f"({2**40}, {2**40})"), ""),
    "less than nothing": (headed("(-5, 4)"), ""),
    "half a row": (headed("(1.5, 4)"), ""),
    "a truth for a number": (headed("(True, 4)"), ""),
    "an unknown type": (headed("(2, 4)", "'zz'"), ""),
    "values of no bytes": (headed("(99999999999, 4)", "'<U0'"), "is no array of values"),
    "open brackets": (raw("(" * 9_000), ""),
    "a list for a header": (raw("[1]"), ""),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array(name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, problem = ARRAYS[name]
    (tmp_path / "a.npy").write_bytes(content)
    problem = problem or "is cut short or damaged"
    assert refused("a.npy", trained, tmp_path, monkeypatch) == f"error[AR501]: DIR/FILE: {problem}"


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_of_an_archive(name: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, problem = ARRAYS[name]
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("person.npy", content)
    problem = {
        "no array": "is no array of values",
        "a pickle": "is no array of values",
    }.get(name, problem or "is cut short or damaged")
    assert refused("a.npz", trained, tmp_path, monkeypatch) == f"error[AR501]: DIR/FILE#person: {problem}"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_archive(method: int, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with zipfile.ZipFile(tmp_path / "whole.npz", "w", method) as archive:
        archive.writestr("person.npy", saved(np.random.default_rng(0).normal(size=(20, 4))))
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[:60] + b"\xff" * 140 + whole[200:])
    assert refused("a.npz", trained, tmp_path, monkeypatch) == f"{DAMAGED.replace('FILE', 'FILE#person')}"


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 50], ids=["empty", "a start", "text"])
def test_no_archive(content: bytes, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    assert refused("a.npz", trained, tmp_path, monkeypatch) == DAMAGED


def test_an_array_of_python_2_is_read_without_a_word(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(headed("(2L, 4L)"))
    result = command("eval", str(trained / "run"), "--data", str(tmp_path / "a.npy"))
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.slow
@pytest.mark.parametrize("start, line", [(b"", 1), (HEADER, 2), (HEADER + GOOD * 9, 11)])
def test_a_line_of_a_gigabyte(start: bytes, line: int, trained: Path, tmp_path: Path) -> None:
    """In a process of its own, whose peak memory is this file's alone."""
    path = tmp_path / "t.csv"
    path.write_bytes(start)
    with path.open("r+b") as file:
        file.truncate(1 << 30)
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from tests.support.hostile import command, refusal\n"
        "assert command('eval', sys.argv[2], '--data', sys.argv[3]).exit_code == 0\n"
        "print(refusal('eval', sys.argv[2], '--data', sys.argv[4]))"
    )
    words = (str(Path(__file__).parents[2]), str(trained / "run"), str(trained / "good.csv"), str(path))
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"error[AR507]: {path}, line {line}: longer than 16 MB: is this a table?\n"
