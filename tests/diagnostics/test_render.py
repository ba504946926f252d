"""Diagnostics look as they should, on any line, and never break a terminal."""

from __future__ import annotations

import json
import re
import tracemalloc

import pytest

from ardsl.diagnostics import Diagnostic, Label, Rule, Source, Span
from ardsl.diagnostics.explain import explain
from ardsl.diagnostics.render import WIDTH, render, render_all, to_json
from ardsl.diagnostics.rules import RULES
from ardsl.errors import ArdslError

CHAIN = """\
model chain

param width = 500
observed x[28] : binary
order x by raster
p(x[t] | x[<t], x[t+1]) = bernoulli via made(hidden = [500])
"""


def _at(text: str, part: str, words: str = "") -> Label:
    start = text.index(part)
    return Label(Span(start, start + len(part)), words)


def _error(text: str, *labels: Label, notes: tuple[str, ...] = (), help: str | None = None) -> Diagnostic:
    return Diagnostic("AR203", "error", "this is wrong", labels, notes, help, Source(text, "specs/chain.ar"))


def test_the_look_of_a_message() -> None:
    diagnostic = Diagnostic(
        "AR203",
        "error",
        "`x[t+1]` comes after `x[t]` in the order",
        (_at(CHAIN, "x[t+1]", "not known yet when x[t] is drawn"), _at(CHAIN, "raster", "order declared here")),
        ("at t = 0 this reads x[1], which is drawn second",),
        "remove `x[t+1]`, or declare an order in which it comes first",
        Source(CHAIN, "specs/chain.ar"),
    )
    assert render(diagnostic) == (
        """\
error[AR203]: `x[t+1]` comes after `x[t]` in the order
  --> specs/chain.ar:6:17
   |
 5 | order x by raster
   |            ------ order declared here
 6 | p(x[t] | x[<t], x[t+1]) = bernoulli via made(hidden = [500])
   |                 ^^^^^^ not known yet when x[t] is drawn
   = note: at t = 0 this reads x[1], which is drawn second
   = help: remove `x[t+1]`, or declare an order in which it comes first"""
    )


def _body(diagnostic: Diagnostic) -> list[str]:
    return render(diagnostic).splitlines()[3:]


def test_two_labels_on_one_line() -> None:
    text = "p(x | y) = normal"
    assert _body(_error(text, _at(text, "y", "second"), _at(text, "x", "first"))) == [
        " 1 | p(x | y) = normal",
        "   |   - first",
        "   |       ^ second",
    ]


def test_spans_over_several_lines() -> None:
    text = "net body = made(\n  hidden = [3],\n  depth = 2\n)\n"
    assert _body(_error(text, Label(Span(11, text.index(")") + 1), "too small"))) == [
        " 1 | net body = made(",
        "   |            ^^^^^",
        "...",
        " 4 | )",
        "   | ^ too small",
    ]


def test_line_numbers_are_right_aligned() -> None:
    text = "a\n" * 8 + "b\nc\n"
    assert _body(_error(text, _at(text, "b", "one"), _at(text, "c", "two"))) == [
        "  9 | b",
        "    | ^ one",
        " 10 | c",
        "    | - two",
    ]


@pytest.mark.parametrize(
    "text, underlined, column",
    [("日本語 x", "x", 7), ("e\u0301 x", "x", 2), ("\tx", "x", 4), ("ab\tx", "x", 4), ("ａx", "x", 2)],
)
def test_the_underline_stands_below_the_part(text: str, underlined: str, column: int) -> None:
    _, mark = _body(_error(text, _at(text, underlined)))
    assert mark == "   | " + " " * column + "^"


def test_wide_characters_are_underlined_in_full() -> None:
    assert _body(_error("x 日本語", _at("x 日本語", "日本語")))[1] == "   |   ^^^^^^"


def test_empty_spans_and_the_end_of_the_text() -> None:
    text = "param width =\n"
    assert _body(_error(text, Label(Span(13, 13), "here"))) == [" 1 | param width =", "   |              ^ here"]
    assert _body(_error(text, Label(Span(14, 14), "here")))[-1] == "   | ^ here"
    assert _body(_error("", Label(Span(0, 0), "here")))[-1] == "   | ^ here"


@pytest.mark.parametrize("at", [0, 10, 300, 985, 999])
def test_long_lines_are_clipped_around_the_part(at: int) -> None:
    text = "a" * at + "X" + "b" * (999 - at)
    line, mark = _body(_error(text, _at(text, "X", "here")))
    assert len(line) <= WIDTH + 7
    assert line[mark.index("^")] == "X"


@pytest.mark.parametrize("at", [0, 5, 1_999_000, 3_999_999])
def test_a_line_of_a_whole_file_is_looked_at_around_the_part(at: int) -> None:
    text = "a" * at + "X" + "b" * (3_999_999 - at)
    error = _error(text, _at(text, "X", "here"))
    tracemalloc.start()
    line, mark = _body(error)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000
    assert len(line) <= WIDTH + 7 and line[mark.index("^")] == "X"


def test_what_could_steer_a_terminal_is_replaced() -> None:
    text = "x \x1b[31m \u202e \ud800 \x07"
    shown = render(_error(text, _at(text, "x", "\x1b[0m")))
    shown.encode("utf-8")
    assert not set(shown) & set("\x1b\u202e\x07")


def test_colors_add_nothing_but_colors() -> None:
    diagnostic = _error(CHAIN, _at(CHAIN, "x[t+1]", "here"), notes=("a note",), help="a help")
    colored = render(diagnostic, color=True)
    assert "\x1b[1;31m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render(diagnostic)


def test_a_closing_line_counts() -> None:
    error = _error(CHAIN, _at(CHAIN, "raster"))
    warning = Diagnostic("AR204", "warning", "odd", error.labels, source=error.source)
    assert render_all([]) == ""
    assert render_all([error]).endswith("\n\n1 error")
    assert render_all([warning, error, error]).endswith("\n\n2 errors and 1 warning")


def test_plain_data() -> None:
    data = to_json(_error(CHAIN, _at(CHAIN, "x[t+1]", "late"), _at(CHAIN, "raster", "here"), notes=("n",), help="h"))
    assert json.loads(json.dumps(data)) == data
    place = {"line": 6, "column": 17, "end_line": 6, "end_column": 23}
    assert data == {
        "code": "AR203",
        "severity": "error",
        "message": "this is wrong",
        "file": "specs/chain.ar",
        **place,
        "labels": [
            {**place, "text": "late"},
            {"line": 5, "column": 12, "end_line": 5, "end_column": 18, "text": "here"},
        ],
        "notes": ["n"],
        "help": "h",
    }


@pytest.mark.parametrize("rule", [r for r in RULES.values() if r.code < "AR1"], ids=lambda r: r.code)
def test_pages(rule: Rule) -> None:
    page = explain(rule.code.lower())
    assert page.startswith(f"{rule.code}: {rule.title}")
    assert "Wrong:" in page and "Right:" in page
    assert max(map(len, page.splitlines())) < 100 and page.count("\n") < 60
    assert page.isascii() or page.encode("utf-8")


def test_an_unknown_code_names_the_nearest() -> None:
    with pytest.raises(ArdslError, match="did you mean `AR001`"):
        explain("AR0001")
