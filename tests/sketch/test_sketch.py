"""The spec that is written for a table: it checks, it trains, and its choices are those of the columns."""

from __future__ import annotations

import csv
import datetime
from collections import Counter
from collections.abc import Callable
from itertools import combinations
from math import log
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import ardsl
from ardsl.language import format_tree
from ardsl.sketch.draft import _mutual_information, sketch
from ardsl.spec import Spec

ROWS = 400
Make = Callable[[np.random.Generator], list[object]]


def write(path: Path, columns: dict[str, list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])


def new(path: Path, columns: dict[str, list[object]]) -> tuple[Spec, str, list[str]]:
    write(path / "t.csv", columns)
    text, count, left_out = sketch(path / "t.csv", path / "t.ar")
    (path / "t.ar").write_text(text)
    spec = ardsl.load(path / "t.ar")
    assert format_tree(spec.tree) == text
    assert count == spec.variables["row"].size
    return spec, text, left_out


CASES: dict[str, tuple[Make, str]] = {
    "binary": (lambda g: g.integers(0, 2, ROWS).tolist(), "binary"),
    "levels": (lambda g: g.integers(3, 9, ROWS).tolist(), "integer(3, 8)"),
    "amounts": (lambda g: (g.integers(0, 9, ROWS) ** 5).tolist(), "integer(0, 41000)"),
    "below zero": (lambda g: g.integers(-300, 301, ROWS).tolist(), "integer(-450, 450)"),
    "decimals": (lambda g: g.normal(3, 9, ROWS).round(2).tolist(), "real"),
    "skewed": (lambda g: g.lognormal(2, 1.5, ROWS).round(3).tolist(), "positive"),
    "with zeros": (lambda g: (g.lognormal(2, 1.5, ROWS) * g.integers(0, 2, ROWS)).round(3).tolist(), "real"),
    "text": (lambda g: g.choice(["b", 'say "a"', "c, d"], ROWS).tolist(), 'category("b", "c, d", "say \\"a\\"")'),
    "words": (lambda g: g.choice(["True", "False"], ROWS).tolist(), 'category("False", "True")'),
    "huge integers": (lambda g: g.integers(0, 10**12, ROWS).tolist(), "real"),
    "mixed": (lambda g: [*g.integers(0, 3, ROWS - 1).tolist(), "none"], 'category("0", "1", "2", "none")'),
}


@pytest.mark.parametrize("name", CASES)
def test_a_domain_for_a_column(name: str, tmp_path: Path) -> None:
    make, domain = CASES[name]
    generator = np.random.default_rng(0)
    spec, _, _ = new(tmp_path, {"x": make(generator), "y": generator.normal(size=ROWS).tolist()})
    fields = {f.name: str(f.domain) for f in spec.variables["row"].fields}
    if domain.startswith("category"):
        assert sorted(fields["x"][9:-1].split(", ")) == sorted(domain[9:-1].split(", "))
    else:
        assert fields["x"] == domain


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    spec, text, left_out = new(
        tmp_path,
        {
            "": list(range(ROWS)),
            "user_id": generator.permutation(ROWS).tolist(),
            "when": list(range(5, 5 + ROWS)),
            "name": [f"Ann {i}" for i in range(ROWS)],
            "same": ["x"] * ROWS,
            "empty": [""] * ROWS,
            "kept": generator.normal(size=ROWS).tolist(),
        },
    )
    assert [f.name for f in spec.variables["row"].fields] == ["kept"]
    assert [each.partition(":")[0] for each in left_out] == [
        "(a column without a name)", "user_id", "when", "name", "same", "empty",
    ]  # fmt: skip
    assert all(f"#   {each}" in text for each in left_out)


def test_columns_of_other_kinds_are_left_out(tmp_path: Path) -> None:
    times = pyarrow.array([datetime.datetime(2026, 1, 1)] * 3)
    table = pyarrow.table({"x": [1.5, 2.5, None], "when": times, "many": [[1], [2], [3]], "kind": ["a", "b", "a"]})
    pyarrow.parquet.write_table(table, tmp_path / "t.parquet")
    text, count, left_out = sketch(tmp_path / "t.parquet", tmp_path / "t.ar")
    assert count == 2 and "1 of 3 missing" in text
    assert left_out == [
        "when: holds timestamp[us], neither numbers nor text",
        "many: holds list<element: int64>, neither numbers nor text",
    ]


def test_the_order_follows_information(tmp_path: Path) -> None:
    """A column that tells two others comes before them; noise comes last."""
    generator = np.random.default_rng(0)
    key = generator.integers(0, 8, ROWS)
    spec, _, _ = new(
        tmp_path,
        {
            "noise": generator.normal(size=ROWS).tolist(),
            "half": (key // 2).tolist(),
            "key": key.tolist(),
            "low": (key % 4).tolist(),
        },
    )
    variable = spec.variables["row"]
    order = [variable.fields[e].name for e in variable.orders.order.permutation]
    assert order[0] == "key" and order[-1] == "noise"


def test_gaps_give_a_model_of_all_orders_that_trains(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=ROWS).round(2)
    spec, _, _ = new(
        tmp_path,
        {
            "first name": ["" if i % 9 == 0 else value for i, value in enumerate(generator.choice(["a", "b"], ROWS))],
            "order": x.tolist(),
            "2nd": ["?" if i % 7 == 0 else value for i, value in enumerate((2 * x + 1).round(2))],
        },
    )
    assert sorted(f.name for f in spec.variables["row"].fields) == ["c_2nd", "c_order", "first_name"]
    assert spec.model.data.missing == "marginalize" and spec.variables["row"].orders.train_all
    run = ardsl.fit(spec, epochs=2, progress=False)
    assert run.metrics[-1]["valid"] < run.metrics[0]["valid"] + 1
    assert ardsl.evaluate(run.model, tmp_path / "t.csv").examples == ROWS


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,b\n", "there are no examples"),
        ("a,b\n1,x\n1,x\n", "no column is left to model: a: constant, '1' in every row; b: constant"),
        ("", "the file is empty"),
    ],
)
def test_a_table_without_anything_to_model(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(ardsl.DataError, match=message):
        sketch(tmp_path / "t.csv", tmp_path / "t.ar")


def test_two_columns_have_two_orders(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{k % 5 or ''},{k % 3}\n" for k in range(40)))
    text, _, _ = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    assert 'any(orders = 2, train = "all")' in text
    assert "default via nade(hidden = [64, 64], activation = gelu, dropout = 0.1)" in text
    ardsl.loads(text)


def test_a_column_that_reads_as_one_number_is_constant(tmp_path: Path) -> None:
    """Differences beyond the digits of double precision are none to a model; those within them are."""
    rows = "".join(f"{10**30 + k}.5,{10**25 + k},{10**9 + k / 1000:.3f},{k % 7}\n" for k in range(200))
    (tmp_path / "t.csv").write_text("a,b,c,d\n" + rows)
    text, _, left_out = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    read_with = "in every row to the 16 digits that numbers are read with"
    assert left_out == [f"a: constant, 1e+30 {read_with}", f"b: constant, 1e+25 {read_with}"]
    spec = ardsl.loads(text)
    assert {f.name: str(f.domain) for f in spec.variables["row"].fields} == {"c": "real", "d": "integer(0, 6)"}


def test_infinite_numbers_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{'inf' if k == 7 else k / 7},{k % 3}\n" for k in range(40)))
    text, _, left_out = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    assert left_out == ["a: holds infinite numbers"] and "a :" not in text


@pytest.mark.parametrize(("size", "taken"), [(1e30, True), (-1e30, True), (1e39, False), (-1e300, False)])
def test_numbers_that_a_model_does_not_hold_are_left_out(tmp_path: Path, size: float, taken: bool) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{size * (1 + (7 * k % 40))},{k % 3}\n" for k in range(40)))
    text, _, left_out = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    ardsl.loads(text)
    assert ("  a : " in text) == taken
    assert left_out == ([] if taken else ["a: holds numbers beyond 3.4e+38, which single precision does not hold"])
    assert max(map(len, text.splitlines())) <= 120


def test_text_that_a_person_reads_as_numbers_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n" + "".join(f"{k % 4},5;{k % 3}%\n" for k in range(40)))
    text, _, _ = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    assert text.count("numbers are written as 12.5, without `%`") == 2


def test_information_of_every_pair_is_that_of_the_pair() -> None:
    """Counted at once, each pair has the plug-in estimate of its own table, less (cells − rows − columns + 1) / 2n."""
    generator = np.random.default_rng(0)
    columns = [generator.integers(low, high, 200) for low, high in ((0, 2), (1, 6), (0, 1), (0, 9), (2, 5))]
    columns.append(columns[3] // 3)
    found = _mutual_information(columns)
    for a, b in combinations(range(len(columns)), 2):
        pairs = Counter(zip(columns[a].tolist(), columns[b].tolist(), strict=True))
        first, second = Counter(columns[a].tolist()), Counter(columns[b].tolist())
        information = sum(n / 200 * log(n * 200 / first[x] / second[y]) for (x, y), n in pairs.items())
        bias = (len(pairs) - len(first) - len(second) + 1) / 400
        assert found[a, b] == found[b, a] == pytest.approx(information - bias)


@pytest.mark.thorough
def test_a_table_of_many_columns(tmp_path: Path) -> None:
    """In the order of the table, past the number that is compared; names that come to the same are numbered."""
    generator = np.random.default_rng(0)
    header = [f"c{i}" if i % 2 else "?" * (i % 200 + 1) + "!" * (i // 200) for i in range(1_001)]
    rows = [header, *generator.normal(size=(8, 1_001)).round(2).tolist()]
    table = tmp_path / "wide.csv"
    table.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
    text, columns, left_out = sketch(table, tmp_path / "wide.ar")
    spec = ardsl.loads(text)
    assert columns == 1_001 and not left_out
    assert [field.name for field in spec.variables["row"].fields[:4]] == ["column", "c1", "column_2", "c3"]
    assert (spec.variables["row"].orders.orders[0].rank == np.arange(1_001)).all()


def test_the_ends_of_a_range_are_told_apart(tmp_path: Path) -> None:
    rows = [1.7e9 + k / 8 for k in (1, 3, 4, 10, 7)]
    (tmp_path / "t.csv").write_text("time\n" + "".join(f"{row}\n" for row in rows))
    text, _, _ = sketch(tmp_path / "t.csv", tmp_path / "t.ar")
    assert "# decimal, 1,700,000,000.125 to 1,700,000,001.25" in text
