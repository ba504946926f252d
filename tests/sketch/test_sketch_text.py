"""Whatever a table calls its columns and its labels: its spec has just these columns, or one line says why there is
none."""

from __future__ import annotations

import csv
import os
import unicodedata
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.cli import main
from ardsl.data.splits import load_split
from ardsl.language import format_tree
from ardsl.sketch.draft import sketch

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
AWKWARD = st.sampled_from(
    ["x\nparam injected = 1 #", '"', "\\", "\\n", "\u2028", "\r", "\x1b[2J", "}", "# a", "\ufeff", "{split}", "row",
     "i", "\u202e", "", " ", "a,b", "order", "p", "1", "-", "é", "\x00", "\\u{41}", "model", "\u00a0a", "/*", "'"]
)  # fmt: skip
NAMES = st.lists(st.one_of(AWKWARD, TEXT), min_size=1, max_size=4, unique=True)
LABELS = st.lists(st.one_of(AWKWARD, TEXT), min_size=2, max_size=4, unique=True)


@pytest.mark.thorough
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=NAMES, labels=LABELS, as_csv=st.booleans())
@example(names=["x\nparam injected = 1 #", "b"], labels=["u", "v\r"], as_csv=True)
@example(names=["\x1b]0;title\x07", "b\x00"], labels=["\x1b[2J", "v"], as_csv=False)
def test_any_names_and_labels(names: list[str], labels: list[str], as_csv: bool, tmp_path: Path) -> None:
    cells = [[labels[(k * k + n) % len(labels)] for k in range(24)] for n in range(len(names))]
    columns = dict(zip(names, cells, strict=True))
    path = tmp_path / ("t.csv" if as_csv else "t.parquet")
    if as_csv:
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([list(columns), *zip(*columns.values(), strict=True)])
    else:
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    output = tmp_path / "t.ar"
    try:
        text, count, left_out = sketch(path, output)
    except ardsl.DataError as error:
        assert str(error).isprintable()
        return
    assert not any(
        unicodedata.category(c) in ("Cc", "Zl", "Zp") or c in "\u202a\u202b\u202d\u202e" for c in text if c != "\n"
    )
    spec = ardsl.loads(text)
    assert format_tree(spec.tree) == text
    assert set(spec.model.params) == set() and set(spec.variables) == {"row"}
    fields = spec.variables["row"].fields
    assert count == len(fields) and count + len(left_out) == len(names)
    output.write_text(text, encoding="utf-8")
    data = load_split(ardsl.load(output), None, "train")["row"]
    assert data.shape[1] == count  # each field finds its column, and each label its code


def test_what_cannot_be_a_spec_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is no UTF-8 text can stand in no spec."""
    monkeypatch.chdir(tmp_path)
    folder = os.fsdecode(b"t\xff")
    os.mkdir(folder)
    Path(folder, "t.csv").write_text("a,b\n" + "1,x\n0,y\n1,y\n" * 9)
    Path("t.ar").write_text("what was there")
    result = CliRunner().invoke(main, ["new", f"{folder}/t.csv", "-o", "t.ar", "--force"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error[AR530]: t.ar: no spec can be written for this table: ")
    assert result.stderr.count("\n") == 1
    assert Path("t.ar").read_text() == "what was there"
    assert sorted(path.name for path in Path(".").iterdir()) == sorted([folder, "t.ar"])
