"""Tables read in blocks: the same data as whole, from CSV and Parquet, with gaps where the model may miss values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch

import ardsl
from ardsl.data import examples
from ardsl.data.formats import csv, parquet
from ardsl.data.formats.cells import column_values
from ardsl.data.splits import load_data, load_split
from ardsl.families.domains import Category
from ardsl.spec import Spec
from tests.support.runtime_specs import PEOPLE, spec_in

ANY = PEOPLE + 'order person by any(orders = 2, train = "all")\n'
ROWS = 2000
SUFFIXES = (*csv.SUFFIXES, *parquet.SUFFIXES)


def columns(gaps: bool = False) -> dict[str, list[object]]:
    generator = np.random.default_rng(0)
    found: dict[str, list[object]] = {
        "age": [round(a, 2) for a in generator.normal(40, 9, ROWS)],
        "city": generator.choice(["Bern", "Chur", "New York"], ROWS).tolist(),
        "note": ["two\nlines" if i % 7 == 0 else f"nr, {i}" for i in range(ROWS)],
        "member": generator.integers(0, 2, ROWS).tolist(),
        "visits": generator.poisson(3, ROWS).tolist(),
    }
    for place in range(0, ROWS, 11) if gaps else ():
        found["age" if place % 2 else "city"][place] = None
    return found


def write(path: Path, gaps: bool = False) -> None:
    table = pyarrow.table(columns(gaps))
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(table, path, row_group_size=300)
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        cells = [[_cell(value) for value in row.values()] for row in table.to_pylist()]
        path.write_text("\n\n".join(separator.join(row) for row in [table.column_names, *cells]))


def _cell(value: object) -> str:
    return "" if value is None else f'"{value}"' if isinstance(value, str) else str(value)


def spec(text: str = PEOPLE, data: str = "", directory: object = ".") -> Spec:
    return spec_in(directory, f"{text}data {{ {data} }}")


def expected() -> torch.Tensor:
    codes = {"Bern": 0, "Chur": 1, "New York": 2}
    found = columns()
    return torch.tensor(
        [
            [float(found[name][i]) for name in ("age",)]
            + [codes[str(found["city"][i])], float(found["member"][i]), float(found["visits"][i])]
            for i in range(ROWS)
        ],
        dtype=torch.float32,
    )


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_blocks_are_the_whole(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "_BLOCK", 1 << 12)
    write(tmp_path / f"t{suffix}")
    found = load_data(spec(), tmp_path / f"t{suffix}").train["person"]
    assert torch.equal(found, expected())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_large_data_is_kept_in_a_file(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mapped, and split in place: the same rows as in memory."""
    write(tmp_path / f"t{suffix}")
    with_share = spec(data="valid = 0.3")
    whole = load_data(with_share, {"person": expected()})
    monkeypatch.setattr(examples, "_SHARE", 1 << 60)
    monkeypatch.setattr("ardsl.data.splits._CHUNK", 17)
    mapped = load_data(with_share, tmp_path / f"t{suffix}")
    assert torch.equal(mapped.train["person"], whole.train["person"])
    assert mapped.valid is not None and whole.valid is not None
    assert torch.equal(mapped.valid["person"], whole.valid["person"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_missing_values_are_gaps(suffix: str, tmp_path: Path) -> None:
    write(tmp_path / f"t{suffix}", gaps=True)
    found = load_data(spec(ANY, "missing = marginalize"), tmp_path / f"t{suffix}").train["person"]
    gaps = torch.zeros(ROWS, 4, dtype=torch.bool)
    for place in range(0, ROWS, 11):
        gaps[place, 0 if place % 2 else 1] = True
    assert torch.equal(found.isnan(), gaps)
    assert torch.equal(found[~gaps], expected()[~gaps])


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_missing_values_are_counted_by_column_over_blocks(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "_BLOCK", 1 << 12)
    write(tmp_path / f"t{suffix}", gaps=True)
    with pytest.raises(
        ardsl.DataError, match=r"182 missing in 182 of 2,000 rows \(age 91, city 91\): `missing = drop`"
    ):
        load_data(spec(), tmp_path / f"t{suffix}")
    dropped = load_data(spec(data="missing = drop"), tmp_path / f"t{suffix}")
    assert len(dropped.train["person"]) == ROWS - 182 and dropped.dropped == {"train": 182}


def test_what_others_read_may_not_be_missing(tmp_path: Path) -> None:
    text = ANY + "observed late : binary\np(late | person) = bernoulli via mlp(hidden = [4])\n"
    (tmp_path / "t.csv").write_text("age,city,member,visits,late\n41,,1,3,0\n")
    with pytest.raises(ardsl.DataError, match="city 1.: only variables under `any.…, train = .all..` that no other"):
        load_data(spec(text, "missing = marginalize"), tmp_path / "t.csv")


def test_a_bad_cell_of_a_late_block_is_told_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "_BLOCK", 1 << 12)
    lines = ["age,city,member,visits", *["41,Bern,1,3"] * 3000, "41,Bern,1,3.5"]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(ardsl.DataError, match=r"t.csv, line 3002, column `visits`: .* not '3.5'$"):
        load_data(spec(), tmp_path / "t.csv")


def test_absent_columns_are_missing(tmp_path: Path) -> None:
    """For filling and predicting: a column of an element asked for may be lacking."""
    (tmp_path / "t.csv").write_text("age,member,visits\n41,1,\n")
    found = load_split(spec(), tmp_path / "t.csv", missing="keep", absent=["person.city"])["person"]
    assert found.isnan().tolist() == [[False, True, False, True]]
    with pytest.raises(ardsl.DataError, match="no column `city`"):
        load_split(spec(), tmp_path / "t.csv", missing="keep")


@pytest.mark.parametrize(
    ("domain", "row"), [("binary", [0, 1, 1]), ("integer(-5, -2)", [-5, -3, -2]), ("positive", [1, 2, 3])]
)
def test_arrays_may_have_gaps_too(domain: str, row: list[float]) -> None:
    text = (
        f'observed x[3] : {domain}\norder x by any(orders = 2, train = "all")\n'
        "p(x[i] | x[<i]) = default via made(hidden = [4])\n"
    )
    x = np.array([[*row[:2], np.nan], row])
    found = load_data(spec(text, "missing = marginalize"), x).train["x"]
    assert torch.equal(found.isnan(), torch.tensor([[False, False, True], [False] * 3]))


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_an_npy_is_mapped_not_read(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    found = load_data(
        spec("observed x[3] : real\np(x[i] | x[<i]) = normal via made(hidden = [4])\n"), tmp_path / "x.npy"
    )
    assert torch.equal(found.train["x"], torch.from_numpy(x))
    assert "x.npy" in Path("/proc/self/maps").read_text()


TEXTS = [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()]


@pytest.mark.parametrize("kind", [*TEXTS, *(pyarrow.dictionary(pyarrow.int32(), text) for text in TEXTS[:2])], ids=str)
def test_text_of_any_type_of_arrow_is_text(kind: pyarrow.DataType) -> None:
    column = pyarrow.array(["b", None, " a", "7"]).cast(kind)
    codes, _ = column_values(column, Category(3, ("a", "b", "7")), "here")
    np.testing.assert_array_equal(codes, [1, np.nan, 0, 2])
