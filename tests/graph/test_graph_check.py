"""What the checks of the graph report, and what they let pass."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from ardsl.diagnostics import Rule, Sink, Source
from ardsl.diagnostics.render import render
from ardsl.diagnostics.rules import graph as rules
from ardsl.graph import check
from ardsl.graph.check import check_graph
from ardsl.relations import Affine, AxisPart, Earlier, Part
from ardsl.relations.order import drawn_together, raster
from tests.support.graph_models import codes, diagnostics, factor, model, variable

RULES = [rule for rule in vars(rules).values() if isinstance(rule, Rule)]


def ordered(order: str, context: str, declaration: str = "x[row: 4, column: 4] : binary") -> list[str]:
    return codes(f"observed {declaration}\norder x by {order}\np(x[r, c] | {context}) = bernoulli")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_of_rules(rule: Rule) -> None:
    assert codes(rule.wrong) == [rule.code]
    assert codes(rule.right) == []


def test_the_message_of_a_context_that_is_not_known_yet() -> None:
    text = "observed x[8] : binary\norder x by raster\np(x[t] | x[<t], x[t+1]) = bernoulli"
    shown = render(diagnostics(text)[0])
    assert shown.startswith("error[AR203]: `x[t+1]` comes after `x[t]` in the order\n  --> spec.ar:3:17")
    assert "order declared here" in shown
    assert "not known yet when x[t] is drawn" in shown
    assert "note: x[0] is drawn first, and would read x[1], which is drawn second" in shown
    assert "help: remove `x[t+1]`, or declare an order in which it comes first" in shown


@pytest.mark.parametrize(
    ("order", "context", "legal"),
    [
        ("raster", "x[r-1, c]", True),
        ("raster", "x[r, ..c-1]", True),
        ("raster", "x[..r-1, *]", True),
        ("raster", "x[r-1, c-1..c+1]", True),
        ("raster", "x[r, c+1]", False),
        ("raster", "x[r, c-1..c]", False),
        ("raster(column, row)", "x[r, ..c-1]", True),
        ("raster(column, row)", "x[r-1, c+1]", False),
        ("reverse", "x[r+1, c]", True),
        ("reverse", "x[r-1, c]", False),
        ("snake", "x[r-1, *]", True),
        ("snake", "x[r, c-1]", False),
        ("diagonal", "x[r-1, c+1]", True),
        ("diagonal", "x[r, c+1]", False),
        ("spiral", "x[r-1, c]", False),
        ("checkerboard", "x[r, c-1]", False),
        ("blocks(2, 4)", "x[r-2, *]", True),
        ("blocks(2, 4)", "x[r-1, c]", False),
        ("shuffle(seed = 1)", "x[<]", True),
        ("shuffle(seed = 1)", "x[r-1, c]", False),
        ("any(orders = 3)", "x[<] within 2", True),
        ("any(orders = 3)", "x[r-1, c]", False),
        ("checkerboard", "x[<] last 3", False),
        ("snake", "x[<] last 3", True),
    ],
)
def test_contexts_and_orders(order: str, context: str, legal: bool) -> None:
    found = ordered(order, context)
    assert found == [] if legal else len(found) == 1 and found[0] in ("AR203", "AR206")


def test_the_order_of_a_mixture_is_named() -> None:
    text = "observed x[4] : binary\norder x by any(orders = 20)\np(x[t] | x[t-1]) = bernoulli"
    (found,) = diagnostics(text)
    assert any("of any(orders = 20, seed = 0)" in note for note in found.notes)


def test_elements_of_one_draw_do_not_know_each_other() -> None:
    x = variable("x", (4, 3), drawn_together(raster((4,)), (4, 3), (1,)))
    first_channel = AxisPart(Affine(None), Affine(None))
    for lag, reported in ((1, []), (0, ["AR203"])):
        before = AxisPart(Affine(0, offset=-lag), Affine(0, offset=-lag))
        part = Part((4, 3), (4, 3), (before, first_channel))
        sink = Sink(Source(""))
        check_graph(model([x], [factor(x, [(x, Earlier()), (x, part)], event_axes=(1,))]), sink)
        assert [d.code for d in sink] == reported
        if reported:
            (found,) = sink
            assert found.message.endswith("reads `x` itself")


def test_record_fields() -> None:
    record = 'record r {\n a : real\n b : category("u", "v")\n c : binary\n}\n'
    assert codes(record + "p(r.a) = default\np(r.b | r.a) = default\np(r.c | r.a, r.b) = default") == []
    found = diagnostics(record + "p(r.a | r.c) = default\np(r.b | r.c) = default\np(r.c) = default")
    assert [d.code for d in found] == ["AR203", "AR203"]
    assert "r.a is drawn first, and would read r.c, which is drawn third" in found[0].notes


def test_all_faults_are_found_and_none_twice() -> None:
    text = (
        "observed x[8] : binary\nobserved y[8] : binary\n"
        "p(x[t] | x[t+1], x[t+2], x[<t]) = bernoulli\np(y[t] | y[t]) = bernoulli\n"
        "check steps(x) <= 1\ncheck independent(x[0], x[1])\ncheck steps(y) <= 1"
    )
    assert codes(text) == ["AR203", "AR203", "AR203"]


def test_the_shortest_cycle_is_shown() -> None:
    text = "".join(f"observed {name} : binary\n" for name in "abcd") + (
        "p(a | d) = bernoulli\np(b | a) = bernoulli\np(c | b) = bernoulli\np(d | c, b) = bernoulli"
    )
    (found,) = diagnostics(text)
    assert found.code == "AR201"
    assert found.message.endswith("`d` -> `a` -> `b` -> `d`")
    assert [text[label.span.start : label.span.end] for label in found.labels] == ["d", "a", "b"]


def test_separate_cycles_are_separate_errors() -> None:
    text = "".join(f"observed {name} : binary\n" for name in "abcd")
    text += "p(a | b) = bernoulli\np(b | a) = bernoulli\np(c | d) = bernoulli\np(d | c) = bernoulli"
    assert codes(text) == ["AR201", "AR201"]


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        ("b[t-1]", "a[t-1]", "AR202"),
        ("b[t-1]", "a[t]", "AR202"),
        ("b[..t-1]", "a[..t]", "AR202"),
        ("b[t]", "a[t]", "AR201"),
        ("b[t+1]", "a[t-1]", "AR201"),
        ("b", "a[t-1]", "AR201"),
        ("b[t..]", "a[t-1]", "AR201"),
    ],
)
def test_coupled_series(a: str, b: str, code: str) -> None:
    axes = "observed a[time: 8] : binary\nobserved b[time: 8] : binary\n"
    assert codes(f"{axes}p(a[t] | {a}) = bernoulli\np(b[t] | {b}) = bernoulli") == [code]
    unnamed = axes.replace("time: ", "")
    assert codes(f"{unnamed}p(a[t] | {a}) = bernoulli\np(b[t] | {b}) = bernoulli") == ["AR201"]


def test_orders_of_variables() -> None:
    declared = "".join(f"observed {name} : binary\n" for name in "abc")
    factors = "p(a | c) = bernoulli\np(b) = bernoulli\np(c | b) = bernoulli"
    assert codes(declared + "order b, c, a\n" + factors) == []
    assert codes(declared + "order b, a\n" + factors) == []
    (found,) = diagnostics(declared + "order a, b\n" + factors)
    assert found.code == "AR204" and "`b` -> `c` -> `a`" in found.message and len(found.labels) == 2
    free = "p(a) = bernoulli\np(b) = bernoulli\np(c) = bernoulli"
    assert codes(declared + "order a, b\norder b, c\norder c, a\n" + free) == ["AR205"]


SPRINKLER = (
    "observed a : binary\nobserved b : binary\nobserved c : binary\nobserved d : binary\n"
    "p(a) = bernoulli\np(b) = bernoulli\np(c | a, b) = bernoulli\np(d | c) = bernoulli\n"
)


@pytest.mark.parametrize(
    ("claim", "path"),
    [
        ("a, b", None),
        ("a, b | c", "a -> c <- b"),
        ("a, b | d", "a -> c <- b"),
        ("a, d", "a -> c -> d"),
        ("a, d | c", None),
    ],
)
def test_independence(claim: str, path: str | None) -> None:
    found = diagnostics(f"{SPRINKLER}check independent({claim})")
    if path is None:
        assert found == []
        return
    assert [d.code for d in found] == ["AR209"]
    assert f"open path: {path}" in found[0].notes
    assert any("arrows meet at c" in note for note in found[0].notes) == ("<-" in path)


def test_conditioning_inputs_are_always_given() -> None:
    text = "given g : binary\nobserved a : binary\nobserved b : binary\np(a | g) = bernoulli\np(b | g) = bernoulli\n"
    assert codes(text + "check independent(a, b)") == []
    assert codes(text.replace("given g", "observed g") + "p(g) = bernoulli\ncheck independent(a, b)") == ["AR209"]


def test_independence_of_whole_variables_needs_no_unrolling() -> None:
    text = (
        "given g : binary\nobserved x[1000, 1000] : binary\nobserved y[1000, 1000] : binary\nobserved z : binary\n"
        "p(z | g) = bernoulli\np(x[i] | x[<i], z, g) = bernoulli\np(y[i] | y[<i], z, g) = bernoulli\n"
        "check independent(x[0, 5], y[3, 3] | z)"
    )
    assert codes(text) == []


def test_independence_across_a_mixture_over_orders() -> None:
    text = (
        "observed x[4] : binary\nobserved y : binary\nobserved z : binary\norder x by any(orders = 3)\n"
        "p(z) = bernoulli\np(x[i] | x[<i], z) = bernoulli\np(y | x[0]) = bernoulli\n"
    )
    assert codes(text + "check independent(y, z | x[0])") == []
    (found,) = diagnostics(text + "check independent(y, z | x[1])")
    assert found.code == "AR209" and "x is a mixture over orders" in found.notes[-1]
    assert codes(text + "check independent(x[0], x[1] | z)") == ["AR210"]


def ring(variables: int) -> str:
    declared = [f"observed x{i} : binary" for i in range(variables)]
    factors = [f"p(x{i} | x{(i - 1) % variables}) = bernoulli" for i in range(variables)]
    return "\n".join(declared + factors)


def test_of_a_long_cycle_the_ends_are_shown() -> None:
    (found,) = diagnostics(ring(1000))
    assert found.message == (
        "these variables depend on each other: "
        "`x999` -> `x0` -> `x1` -> `x2` -> … -> `x996` -> `x997` -> `x998` -> `x999`"
    )
    assert found.notes == ("the cycle has 1,000 variables; 7 of them are shown",)
    assert len(found.labels) == 8


def test_a_shortest_cycle_is_shown_among_others() -> None:
    (found,) = diagnostics(ring(60).replace("p(x30 | x29)", "p(x30 | x29, x31)"))
    assert found.message == "these variables depend on each other: `x31` -> `x30` -> `x31`"


@pytest.mark.thorough
def test_the_search_for_a_cycle_grows_with_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Edges that are looked at: at most as many as are allowed, and those of one search."""
    looked: list[int] = []
    search = check._cycle_through

    def counted(node: str, following: Mapping[str, list[str]]) -> list[str]:
        looked.append(sum(map(len, following.values())))
        return search(node, following)

    monkeypatch.setattr(check, "_cycle_through", counted)
    diagnostics(ring(2000))
    assert sum(looked) <= check.MOST_LOOKS + 2000
