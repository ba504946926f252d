"""Parameters, their arithmetic, and their values from outside."""

from __future__ import annotations

import math

import pytest

from ardsl.diagnostics import Sink, Source, Span
from ardsl.language import syntax
from ardsl.model.check import check_model
from ardsl.relations import Order
from tests.support.model_specs import codes, model_of, resolve

HEAD = 'param n = 4\nparam rate = 0.5\nparam name = "a"\nparam on = true\nparam sizes = [8, 8]\n'
USES = "observed x[n] : real\np(x[i] | x[<i]) = normal via made(hidden = sizes, a = rate, b = name, c = on)"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", 14),
        ("(2 + 3) * 4", 20),
        ("-3 + 1", -2),
        ("8 / 2", 4),
        ("7 / 2", 3.5),
        ("1 / 4", 0.25),
        ("2.0 * 3", 6.0),
        ('"a"', "a"),
        ("true", True),
        ("[1, 2 * 3, [4]]", (1, 6, (4,))),
        ("1e3", 1000.0),
    ],
)
def test_arithmetic(expression: str, value: object) -> None:
    found = model_of(f"param v = {expression}\nobserved x : real\np(x) = normal via made(v = v)").params["v"]
    assert found == value
    assert type(found) is type(value)


def test_options_keep_their_places() -> None:
    text = HEAD + USES
    call = model_of(text).factors[0].network
    assert call.options == {"hidden": (8, 8), "a": 0.5, "b": "a", "c": True}
    assert {k: text[s.start : s.end] for k, s in call.option_spans.items()} == {
        "hidden": "hidden = sizes",
        "a": "a = rate",
        "b": "b = name",
        "c": "c = on",
    }


def test_words_stand_for_themselves_in_options() -> None:
    text = "observed x : real\np(x) = normal via made(activation = relu, inner = nade(hidden = 3))"
    call = model_of(text).factors[0].network
    assert call.options["activation"] == "relu"
    assert call.options["inner"].options == {"hidden": 3}


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("n", 6, 6),
        ("rate", 2, 2.0),
        ("rate", 0.1, 0.1),
        ("name", "b", "b"),
        ("on", False, False),
        ("sizes", [9], (9,)),
        ("sizes", (), ()),
    ],
)
def test_overrides(name: str, given: object, value: object) -> None:
    found = model_of(HEAD + USES, **{name: given}).params[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("n", 6.0),
        ("n", "6"),
        ("n", True),
        ("n", 2**70),
        ("rate", "x"),
        ("rate", False),
        ("rate", math.inf),
        ("on", 1),
        ("rate", math.nan),
        ("name", 3),
        ("sizes", 8),
        ("sizes", ["a"]),
        ("sizes", [0.5]),
        ("sizes", [True]),
        ("n", None),
    ],
)
def test_overrides_of_another_type(name: str, given: object) -> None:
    _, diagnostics = resolve(HEAD + USES, **{name: given})
    assert [d.code for d in diagnostics] == ["AR109"]
    assert (HEAD + USES)[diagnostics[0].span.start :].startswith(name)


def test_overridden_values_flow_on() -> None:
    text = "param n = 4\nparam m = 2 * n\nobserved x[m] : real\np(x[i] | x[<i]) = normal"
    assert model_of(text, n=5).variables["x"].shape == (10,)


def test_unknown_override() -> None:
    _, diagnostics = resolve(HEAD + USES, raet=3)
    assert [(d.code, d.help) for d in diagnostics] == [("AR108", "did you mean `rate`?")]


def test_numbers_beyond_bounds_in_a_tree() -> None:
    """A tree may come from elsewhere than the parser."""
    at = Span(0, 0)
    for value in (10**400, math.inf, math.nan):
        number = syntax.Number(value, "n", span=at)
        statement = syntax.ParamStatement(syntax.Name("n", span=at), number, span=at)
        variable = syntax.VariableStatement(
            "observed", syntax.Name("x", span=at), None, syntax.Reference("real", span=at), span=at
        )
        source = Source("")
        sink = Sink(source)
        assert check_model(syntax.Tree((statement, variable), (), source), sink) is None
        assert [d.code for d in sink.errors] == ["AR106", "AR140"]


def test_sizes_are_bounded_before_anything_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "rank", property(lambda order: pytest.fail("ranks were computed")))
    assert codes("observed x[1000000000000] : real\np(x[i] | x[<i]) = normal") == ["AR111"]
    assert codes("observed x[9223372036854775807, 9223372036854775807] : real\np(x) = normal") == ["AR111"]
    assert codes("observed x[100000000] : real\norder x by any(orders = 100)\np(x[i] | x[<i]) = normal") == []
