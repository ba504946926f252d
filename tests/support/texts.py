"""Specs for the tests of the language, and the strategies that mangle them."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from ardsl.diagnostics import Diagnostic, Sink, Source
from ardsl.language import parse
from ardsl.language.faults import STATEMENTS
from ardsl.language.grammar import grammar_text
from ardsl.language.syntax import Tree

_FOLDER = Path(__file__).parents[1] / "language/examples"
EXAMPLES = {path.stem: path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.ar"))}


def read(text: str) -> tuple[Tree, list[Diagnostic]]:
    """A text's tree and what is wrong with it."""
    source = Source(text)
    sink = Sink(source)
    tree = parse(source, sink)
    return tree, list(sink)


_SIGNS = list("()[]{},:=|.~+-*/<>\"#\\\n\t\r;'") + ["..", "<=", "=="]
_WORDS = ["1", "0.5", "1e9", "x", "p", "q", "p(", "q(", "noise", "via", "within", "last", "by", "order", "true", '"a"']
_KEYWORDS = ["model", "observed", "param", "obseved", "data", "train", "\ufeff", "\x00", "\ud800", "é", "“", "日"]
_PIECES = st.sampled_from(_SIGNS + _WORDS + _KEYWORDS)


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """An example with a few pieces removed, doubled, swapped or put in."""
    text = draw(st.sampled_from(sorted(EXAMPLES.values())))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        change = draw(st.integers(0, 3))
        if change == 0:
            text = text[:start] + text[end:]
        elif change == 1:
            text = text[:end] + text[start:end] + text[end:]
        elif change == 2:
            text = text[:start] + draw(_PIECES) + text[start:]
        else:
            text = text[:start] + draw(_PIECES) + text[end:]
    return text


def grammatical() -> st.SearchStrategy[str]:
    """Texts made by the grammar itself; most are specs, some run into one another where tokens touch."""
    words = {terminal: st.just(f" {word} ") for word, terminal in STATEMENTS.items()}
    words |= {t: st.just(f" {t.lower()} ") for t in ("BY", "VIA", "WITHIN", "LAST", "NOISE", "TRUE", "FALSE")}
    names = st.sampled_from(["x", "y", "person", "order", "p", "made", "last", "noise", "via", "data"])
    return from_lark(
        Lark(grammar_text(), parser="lalr"),
        explicit={
            **words,
            "NAME": names.map(lambda name: f" {name} "),
            "INTEGER": st.integers(0, 10**20).map(lambda n: f" {n} "),
            "REAL": st.floats(0, allow_infinity=False, allow_nan=False).map(lambda r: f" {r!r} "),
            "STRING": st.text(st.characters(exclude_characters='"\\\r\n'), max_size=5).map(lambda s: f'"{s}"'),
            "COMMENT": st.just("# a comment\n"),
        },
    )
