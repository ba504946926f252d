"""Formatting changes the layout alone, and nothing the second time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ardsl.language import format_tree
from ardsl.language.layout import WIDTH
from tests.support.texts import EXAMPLES, read


def formatted(text: str) -> str:
    """The canonical form of a text, checked to be one: the same tree and comments, and stable."""
    tree, diagnostics = read(text)
    assert [str(d) for d in diagnostics] == []
    once = format_tree(tree)
    again, diagnostics = read(once)
    assert [str(d) for d in diagnostics] == []
    assert again == tree
    assert [c.text for c in again.comments] == [c.text for c in tree.comments]
    assert format_tree(again) == once
    return once


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_canonical(name: str) -> None:
    assert formatted(EXAMPLES[name]) == EXAMPLES[name]


@pytest.mark.parametrize("name", EXAMPLES)
def test_layout_carries_no_meaning(name: str) -> None:
    lines = EXAMPLES[name].splitlines()
    formatted("\n\n\n".join(lines))
    formatted("\r\n".join("\t" + line for line in lines))
    tree, _ = read(EXAMPLES[name])
    packed = EXAMPLES[name]
    for comment in reversed(tree.comments):
        packed = packed[: comment.span.start] + packed[comment.span.end :]
    assert read(packed.replace("\n", " "))[0] == tree


@pytest.mark.thorough
@given(st.data())
def test_any_spacing_is_accepted(data: st.DataObject) -> None:
    """Comments and line breaks may stand wherever a space may."""
    text = data.draw(st.sampled_from([t for t in EXAMPLES.values() if '" ' not in t]))
    spaces = [i for i, c in enumerate(text) if c == " "]
    chosen = data.draw(st.lists(st.sampled_from(spaces), max_size=5, unique=True))
    gap = st.sampled_from([" # note\n", "\n", "\n\n\n", "  ", "\n# a\n# b\n", "\r\n", "\t"])
    tree, _ = read(text)
    comments = [(c.span.start, c.span.end) for c in tree.comments]
    for at in sorted(chosen, reverse=True):
        if not any(start <= at < end for start, end in comments) and text[:at].rsplit("\n")[-1].count('"') % 2 == 0:
            text = text[:at] + data.draw(gap) + text[at + 1 :]
    assert "\r" not in formatted(text)


def test_runs_are_aligned() -> None:
    text = "param a=1\nparam width=2\n\nparam b=3\ngiven a:real\nobserved long[3]:real\n# apart\nlatent z:real"
    assert formatted(text) == (
        "param a     = 1\nparam width = 2\n\nparam b = 3\n"
        "given    a       : real\nobserved long[3] : real\n# apart\nlatent   z       : real\n"
    )


def test_factors_are_aligned_where_they_are_about_as_wide() -> None:
    text = "p(a)=f\np(abc|x)=f\np(a | bbbbbbbbbbbbb, ccccccccccccccccc, ddddddddddddddd)=f\np(a)=f"
    assert formatted(text) == (
        "p(a)       = f\np(abc | x) = f\np(a | bbbbbbbbbbbbb, ccccccccccccccccc, ddddddddddddddd) = f\np(a) = f\n"
    )


def test_comments_stay_where_they_stood() -> None:
    text = (
        "\n\n# first\n\n\n\nparam a = 1 # beside\n# above\nparam b = [ # in a list\n1, 2]# beside\n"
        "data { # head\n# above x\nx = 1 # beside x\n\n\n# between\ny = 2\n# last\n} # end\n# the end\n\n"
    )
    assert formatted(text) == (
        "# first\n\nparam a = 1  # beside\n# above\n# in a list\nparam b = [1, 2]  # beside\n"
        "data {  # head\n  # above x\n  x = 1  # beside x\n\n  # between\n  y = 2\n  # last\n}  # end\n# the end\n"
    )


def test_blocks_stay_on_one_line_or_on_many() -> None:
    assert formatted("data{a=1 b=2}\ntrain{\n\nrate=0.10 n=2}") == (
        "data { a = 1  b = 2 }\ntrain {\n  rate = 0.10\n  n    = 2\n}\n"
    )
    assert formatted("data{a=1}\ntrain{b=2}") == "data  { a = 1 }\ntrain { b = 2 }\n"
    assert formatted("data{}") == "data { }\n"
    long = formatted("train { " + " ".join(f"setting_{i} = {i}" for i in range(12)) + " }")
    assert long.count("\n") == 14


def test_parentheses_are_written_where_they_are_needed() -> None:
    text = "param a = ((1)) - (2 - 3) * -(4 + 5) / (6 * 7) + (8 * 9) - (-x)"
    assert formatted(text) == "param a = 1 - (2 - 3) * -(4 + 5) / (6 * 7) + 8 * 9 - -x\n"


def test_indices_are_tight() -> None:
    text = "p(x[ t ]|x[ t - 3 .. t-1 ],y[ .. t/80 , * ],x[ r- 1,c ], x[2 * (i+1)], x[t/80 - 1]) = f"
    assert formatted(text) == ("p(x[t] | x[t-3..t-1], y[..t / 80, *], x[r-1, c], x[2 * (i + 1)], x[t / 80 - 1]) = f\n")


@pytest.mark.parametrize(
    "text",
    [
        "param order = [" + ", ".join(map(str, range(784))) + "]",
        "net body = made(" + ", ".join(f"argument_{i} = [{i}, {i}, f(x = {i})]" for i in range(20)) + ")",
        "p(x[i] | " + ", ".join(f"context_{i}[<i]" for i in range(30)) + ") = normal via made(hidden = [1, 2])",
        "order " + ", ".join(f"variable_{i}" for i in range(40)),
        "check independent(" + ", ".join(f"variable_{i}" for i in range(40)) + " | a, b) <= 3",
        "train { a = made(hidden = [" + ", ".join(map(str, range(100))) + "]) }",
        "record r { a : category(" + ", ".join(f'"value {i}"' for i in range(40)) + ") ~ categorical }",
    ],
)
def test_long_lines_are_broken(text: str) -> None:
    assert all(len(line) <= WIDTH for line in formatted(text).splitlines())


def test_what_cannot_be_broken_stays_long() -> None:
    text = "param doc = " + '"' + "x" * 200 + '"\n'
    assert formatted(text) == text


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff", "# only a comment", "# one\n\n\n# two\n"])
def test_texts_without_statements(text: str) -> None:
    formatted(text)
