"""Labels and characters where models take the user's arrays: they are the codes that stand for them."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import ardsl
from ardsl.compiler.arrays.labels import coded

LABELS = 'given sex : category("f", "m")\nobserved h : real\np(h | sex) = normal via table\n'
TEXT = """observed x[time: ..6] : category("a", "b", ".", end = ".")
p(x[t] | x[<t]) = categorical via wavenet(blocks = 1, layers = 2, features = 4, skip = 4)
"""
WORD = """given w[place: 3] : category("a", "b")
observed h : real
p(h | w) = normal via linear
"""
RECORD = """record r {
  a : category("u", "v")
  b : real
}
p(r[i] | r[<i]) = default via made(hidden = 4)
"""


def compiled(text: str) -> ardsl.AutoregressiveModel:
    model = ardsl.compile(ardsl.loads(text), seed=0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    assert isinstance(model, ardsl.AutoregressiveModel)
    return model


@pytest.mark.parametrize(
    "labels",
    [
        ["f", "m", "m"],
        ("f", "m", "m"),
        [["f"], ["m"], ["m"]],
        np.array(["f", "m", "m"]),
        np.array(["f", "m", "m"], dtype=object),
        np.array([b"f", b"m", b"m"]),
        pytest.importorskip("pyarrow").array(["f", "m", "m"]),
    ],
    ids=lambda labels: type(labels).__name__,
)
def test_labels_of_what_is_given(labels: object) -> None:
    model, h, codes = compiled(LABELS), torch.tensor([0.3, -1.0, 2.0]), torch.tensor([0, 1, 1])
    assert torch.equal(model.log_prob(h, {"sex": labels}), model.log_prob(h, {"sex": codes}))
    assert torch.equal(model.sample(3, {"sex": labels}, seed=0), model.sample(3, {"sex": codes}, seed=0))


def test_one_label_for_all_samples() -> None:
    model = compiled(LABELS)
    assert torch.equal(model.sample(3, {"sex": "m"}, seed=0), model.sample(3, {"sex": torch.tensor([1])}, seed=0))


def test_texts() -> None:
    model = compiled(TEXT)
    nan = torch.nan
    codes = torch.tensor([[0, 1, 2, nan, nan, nan], [0, 0, 1, 0, 2, nan], [1, 2, nan, nan, nan, nan]])
    expected = model.log_prob(codes)
    assert torch.equal(model.log_prob(["ab", "aaba", "b"]), expected)  # the end is where they end
    assert torch.equal(model.log_prob(["ab.", "aaba.", "b."]), expected)
    assert torch.equal(model.log_prob([list("ab."), list("aab")])[:1], expected[:1])
    assert torch.allclose(model.log_prob("ab"), expected[:1])
    begun = model.sample(2, prefix="ab", seed=0)
    assert torch.equal(begun, model.sample(2, prefix=torch.tensor([0, 1]), seed=0))
    both = model.sample(2, prefix=["ab", "ba"], seed=0)
    assert torch.equal(both, model.sample(2, prefix=torch.tensor([[0, 1], [1, 0]]), seed=0))


def test_a_text_that_is_given() -> None:
    model, h = compiled(WORD), torch.zeros(2)
    for word in ("aba", ["a", "b", "a"], ["aba", "aba"], [list("aba"), list("aba")]):
        assert torch.equal(model.log_prob(h, {"w": word}), model.log_prob(h, {"w": torch.tensor([0, 1, 0])}))


def test_records() -> None:
    model = compiled(RECORD)
    expected = model.log_prob(torch.tensor([[0, 1.5], [1, -2.0]]))
    rows = [["u", 1.5], ["v", -2.0]]
    assert torch.equal(model.log_prob(rows), expected)
    assert torch.equal(model.log_prob(np.array(rows)), expected)  # all of it text
    assert torch.equal(model.log_prob(np.array(rows, dtype=object)), expected)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("mm", "`sex` takes one of `f`, `m`, not 'mm': did you mean `m`?"),
        (["f", "x"], "`sex` takes one of `f`, `m`, not 'x'"),
        ([["f"], ["f", "m"]], "`sex` is no array: its rows differ in shape"),
        ([{}, "f"], "`sex` must be numbers, not {}"),
        (["f", None], '`sex` takes values of category("f", "m"), not nan'),
    ],
)
def test_what_is_no_label(text: object, problem: str) -> None:
    with pytest.raises(ardsl.ArdslError, match=f"^{re.escape(problem)}$"):
        compiled(LABELS).sample(2, {"sex": text})


@pytest.mark.parametrize(
    "spec, call, problem",
    [
        (TEXT, lambda m: m.log_prob(["abc"]), "`x` takes one of `a`, `b`, `.`, not 'c'"),
        (TEXT, lambda m: m.log_prob(["abababa"]), "`x` must have the shape [batch, 6], not [1, 7]"),
        (TEXT, lambda m: m.sample(2, prefix=["ab", "b"]), "the prefixes of `x` are of one length, and these differ"),
        (RECORD, lambda m: m.log_prob([["u", "x"]]), "`r.b` must be numbers, not 'x'"),
        (RECORD, lambda m: m.log_prob([["w", 0]]), "`r.a` takes one of `u`, `v`, not 'w'"),
        (RECORD, lambda m: m.log_prob([["u"]]), "`r` has 2 fields, and needs a value for each"),
        (LABELS, lambda m: m.log_prob("abc", {"sex": "f"}), "`h` must be numbers, not 'abc'"),
    ],
)
def test_text_that_fits_nothing(spec: str, call: object, problem: str) -> None:
    with pytest.raises(ardsl.ArdslError, match=f"^{re.escape(problem)}$"):
        call(compiled(spec))  # type: ignore[operator]


@pytest.mark.thorough
@given(st.lists(st.lists(st.sampled_from(["one", "2", "three "]), min_size=3, max_size=3), min_size=1, max_size=4))
def test_shapes_are_kept(rows: list[list[str]]) -> None:
    variable = ardsl.loads('observed x[3] : category("one", "2", "three ")\np(x) = categorical\n').variables["x"]
    codes = np.array([[("one", "2", "three ").index(label) for label in row] for row in rows])
    assert np.array_equal(coded(rows, variable), codes)  # type: ignore[arg-type]
    assert np.array_equal(coded(np.array(rows), variable), codes)  # type: ignore[arg-type]
    assert coded(codes, variable) is codes
