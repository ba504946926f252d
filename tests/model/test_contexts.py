"""Targets and contexts: what each spelling reads."""

from __future__ import annotations

import numpy as np
import pytest

from ardsl.model.alignment import first_outside
from ardsl.relations import Affine, AxisPart, Earlier, Everything, Listed, Part, Selection
from tests.support.model_specs import codes, model_of, resolve


def selection(declarations: str, factor: str) -> Selection:
    """The last context of a factor."""
    return model_of(f"{declarations}\n{factor}").factors[-1].contexts[-1].selection


LINE = "observed x[8] : real"
GRID = "observed x[4, 6] : real"
SIDE = "given y[8] : real\nobserved x[8] : real"


@pytest.mark.parametrize("factor", ["p(x[i] | x[<i])", "p(x[t] | x[<t])", "p(x[i] | x[<])", "p(x | x[<])"])
def test_earlier_under_any_spelling(factor: str) -> None:
    assert selection(LINE, f"{factor} = normal") == Earlier()


@pytest.mark.parametrize("factor", ["p(x[i] | x[<i])", "p(x[r, c] | x[<])", "p(x | x[<])"])
def test_earlier_on_a_lattice(factor: str) -> None:
    assert selection(GRID, f"{factor} = normal") == Earlier()


@pytest.mark.parametrize(
    ("window", "found"),
    [
        ("within 3", Earlier(limits=(3, 3))),
        ("within (2, 5)", Earlier(limits=(2, 5))),
        ("within (2, *)", Earlier(limits=(2, None))),
        ("within (*, *)", Earlier()),
        ("last 8", Earlier(last=8)),
        ("last 2 * 3 + 1", Earlier(last=7)),
    ],
)
def test_windows(window: str, found: Earlier) -> None:
    assert selection(GRID, f"p(x[i] | x[<i] {window}) = normal") == found


def shifted(offset: int, axis: int = 0) -> AxisPart:
    at = Affine(axis, offset=offset)
    return AxisPart(at, at)


@pytest.mark.parametrize(
    ("context", "part"),
    [
        ("x[t-1]", shifted(-1)),
        ("x[1 * t - 3 + 2]", shifted(-1)),
        ("x[(2 * t - 2) / 2]", shifted(-1)),
        ("x[t-3..t-1]", AxisPart(Affine(0, offset=-3), Affine(0, offset=-1))),
        ("x[..t-1]", AxisPart(None, Affine(0, offset=-1))),
        ("x[t+1..]", AxisPart(Affine(0, offset=1), None)),
        ("x[3]", AxisPart(Affine(None, offset=3), Affine(None, offset=3))),
        ("x[t - t + 3]", AxisPart(Affine(None, offset=3), Affine(None, offset=3))),
        ("x[7 - t]", AxisPart(Affine(0, -1, offset=7), Affine(0, -1, offset=7))),
        ("x[t / 2 - 1]", AxisPart(Affine(0, 1, 0, 2, -1), Affine(0, 1, 0, 2, -1))),
        ("x[(t - 1) / 2]", AxisPart(Affine(0, 1, 1, 2, -1), Affine(0, 1, 1, 2, -1))),
        ("x[t / 2 / 2]", AxisPart(Affine(0, 1, 0, 4), Affine(0, 1, 0, 4))),
        ("x[(t / 2 + 1) / 2]", AxisPart(Affine(0, 1, 2, 4), Affine(0, 1, 2, 4))),
        ("x[-(-t)]", shifted(0)),
    ],
)
def test_index_arithmetic(context: str, part: AxisPart) -> None:
    assert selection(LINE, f"p(x[t] | {context}) = normal") == Part((8,), (8,), (part,))


def test_index_arithmetic_computes_what_it_says() -> None:
    """The one form of an index gives, at every coordinate, what the expression does."""
    t = np.arange(8)
    for text in ("(t + 3) / 2", "(3 * t - 5) / 4 + 1", "(6 * t + 4) / 4", "((t + 1) / 2 - 3) / 2", "2 * t - t / 1"):
        found = selection(LINE, f"p(x[t] | x[{text}]) = normal")
        assert isinstance(found, Part)
        at = found.parts[0].low
        assert at is not None
        assert at.at((t,), 8).tolist() == eval(text.replace("/", "//"), {"t": t}).tolist()  # noqa: S307


def test_coordinates_of_several_axes() -> None:
    assert selection(GRID, "p(x[t, i] | x[t, ..i-1]) = normal") == Part(
        (4, 6), (4, 6), (shifted(0), AxisPart(None, Affine(1, offset=-1)))
    )
    assert selection(GRID, "p(x[t, i] | x[..t-1, *]) = normal") == Part(
        (4, 6), (4, 6), (AxisPart(None, Affine(0, offset=-1)), AxisPart())
    )
    assert selection(GRID, "p(x[r, *] | x[r-1, *]) = multivariate_normal") == Part(
        (4, 6), (4, 6), (shifted(-1), AxisPart())
    )


@pytest.mark.parametrize("context", ["y", "y[*]", "y[..]"])
def test_the_whole_of_another(context: str) -> None:
    assert selection(SIDE, f"p(x[t] | {context}) = normal") == Everything(8, 8)


def test_parameters_in_indices() -> None:
    assert selection(f"param lag = 2\n{LINE}", "p(x[t] | x[t - lag]) = normal") == Part((8,), (8,), (shifted(-2),))


def test_an_index_hides_a_parameter() -> None:
    model, diagnostics = resolve("param t = 3\nobserved x[8] : real\np(x[t] | x[t - 1]) = normal")
    assert [d.code for d in diagnostics] == ["AR904"]
    assert model is not None
    assert model.factors[0].contexts[0].selection == Part((8,), (8,), (shifted(-1),))


RECORD = "record person { age : real  education : category(3)  income : binary }\n"


def test_fields() -> None:
    model = model_of(
        RECORD
        + "p(person.education) = default\np(person.age | person.education) = normal\n"
        + "p(person.income | person[<]) = default"
    )
    education, age, income = model.factors
    assert (education.elements, age.elements, income.elements) == (range(1, 2), range(0, 1), range(2, 3))
    assert age.contexts[0].selection == Listed(1, 3, (1,))
    assert income.contexts[0].selection == Earlier(elements=range(2, 3))
    assert [f.name for f in age.families] == ["normal"]


def test_field_of_another_record() -> None:
    assert selection(RECORD + "observed x[8] : real\np(person[i]) = default", "p(x[t] | person.age) = normal") == (
        Listed(8, 3, (0,))
    )


def test_a_scalar_family_on_a_whole_variable() -> None:
    model = model_of("given y[2, 2] : real\nobserved x[8] : real\np(x | y[1, *]) = normal")
    (factor,) = model.factors
    assert (factor.elements, factor.event_axes, factor.families[0].event) == (range(8), (), 1)
    at = Affine(None, offset=1)
    assert factor.contexts[0].selection == Part((8,), (2, 2), (AxisPart(at, at), AxisPart()))


@pytest.mark.parametrize(
    ("size", "context"),
    [
        (8, "y[t]"),
        (8, "y[t-1]"),
        (8, "y[t+1]"),
        (8, "y[t-2..t+2]"),
        (7, "y[t-1]"),
        (4, "y[t / 2]"),
        (5, "y[(t+1)/2]"),
        (4, "y[t / 2 - 1]"),
        (4, "y[..t / 2]"),
        (15, "y[2 * t]"),
        (8, "y[7 - t]"),
        (4, "y[(t - 1) / 2]"),
        (1, "y[t / 8]"),
    ],
)
def test_alignments_inside(size: int, context: str) -> None:
    assert codes(f"given y[{size}] : real\nobserved x[8] : real\np(x[t] | {context}) = normal") == []


@pytest.mark.parametrize(
    ("size", "context", "first", "index"),
    [
        (7, "y[t]", 7, 7),
        (3, "y[t / 2]", 6, 3),
        (4, "y[..t]", 4, 4),
        (4, "y[(t+1)/2]", 7, 4),
        (14, "y[2 * t]", 7, 14),
        (4, "y[t-1]", 5, 4),
        (7, "y[7 - t]", 0, 7),
        (8, "y[6 - t]", 7, -1),
        (4, "y[t-2..t+2]", 4, 4),
    ],
)
def test_alignments_outside(size: int, context: str, first: int, index: int) -> None:
    _, diagnostics = resolve(f"given y[{size}] : real\nobserved x[8] : real\np(x[t] | {context}) = normal")
    assert diagnostics[0].code == "AR128"
    if context != "y[t-2..t+2]":
        assert f"at `x[{first}]` it is {index}" in diagnostics[0].message


def test_own_offsets_may_leave_the_array() -> None:
    for context in ("x[t-7]", "x[2 * t]", "x[t-100..t-1]", "x[t+3]"):
        assert codes(f"observed x[8] : real\np(x[t] | {context}) = normal") == []


def test_first_outside_agrees_with_trying() -> None:
    for multiplier in (-3, -1, 1, 2, 5):
        for divisor in (1, 2, 3):
            for offset in range(-6, 7):
                index = Affine(0, multiplier, 0, divisor, offset)
                actual = [multiplier * t // divisor + offset for t in range(9)]
                aligned = [multiplier * t // divisor for t in range(9)]
                if multiplier > 0:
                    out = [t for t in range(9) if actual[t] >= 5 and aligned[t] >= 5]
                else:
                    out = [t for t in range(9) if not 0 <= actual[t] < 5]
                assert first_outside(index, 9, 5) == (out[0] if out else None), index


def test_big_variables_cost_nothing() -> None:
    text = "given y[1000000] : real\nobserved x[100000000] : real\np(x[t] | x[<t], x[t-1], y[t / 100]) = normal"
    model = model_of(text)
    assert "rank" not in vars(model.variables["x"].orders.order)
