"""Every construct of the language is read as what it says, with the place of each part."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from ardsl.diagnostics import Sink, Source, Span
from ardsl.language import grammar, parse, syntax
from tests.support.texts import EXAMPLES, read


def _nodes(node: Any) -> Iterator[syntax.Node]:
    if isinstance(node, tuple):
        for item in node:
            yield from _nodes(item)
    elif isinstance(node, syntax.Node):
        yield node
        for part in fields(node):
            yield from _nodes(getattr(node, part.name))


def _statement(text: str) -> Any:
    tree, diagnostics = read(text)
    assert not diagnostics, [str(d) for d in diagnostics]
    (statement,) = tree.statements
    return statement


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_read(name: str) -> None:
    tree, diagnostics = read(EXAMPLES[name])
    assert [str(d) for d in diagnostics] == []
    assert tree.statements


@pytest.mark.parametrize("name", EXAMPLES)
def test_spans_cover_what_they_stand_for(name: str) -> None:
    text = EXAMPLES[name]
    tree, _ = read(text)
    for statement in tree.statements:
        for node in _nodes(statement):
            written = text[node.span.start : node.span.end]
            assert written == written.strip() != ""
            if isinstance(node, syntax.Name | syntax.Number):
                assert written == node.text
            elif isinstance(node, syntax.Reference):
                assert written == node.name
            elif isinstance(node, syntax.Call):
                assert written.startswith(node.function.text) and written.endswith(")")
            for part in fields(node):
                for child in _nodes(getattr(node, part.name)):
                    assert node.span.start <= child.span.start and child.span.end <= node.span.end


def test_statements_stand_in_the_order_of_the_text() -> None:
    tree, _ = read("model m observed x : real p(x) = normal")
    assert [type(s).__name__ for s in tree.statements] == ["ModelStatement", "VariableStatement", "FactorStatement"]


def test_context_parts() -> None:
    (first, second, third) = _statement(
        "p(x | noise wave[<t], x[<i] within (2, 5, *) via f, noise via deconv(hidden = [32])) = normal"
    ).contexts
    assert first.noise and first.place.indices == (syntax.Before(_name("t"), span=Span(0, 0)),)
    assert [type(n).__name__ for n in second.window.limits] == ["Number", "Number", "Star"]
    assert second.network.name == "f"
    assert not third.noise and third.place.variable.text == "noise" and third.network.function.text == "deconv"


def test_one_limit_in_parentheses_is_one_limit() -> None:
    assert _statement("p(x | x[<i] within (3)) = f") == _statement("p(x | x[<i] within 3) = f")


def test_indices() -> None:
    indices = _statement("p(x[<, *, ..i-1, t-3..t-1, t.., .., 3 * (i + 1)]) = f").target.indices
    assert [type(i).__name__ for i in indices] == ["Before", "Star", "Range", "Range", "Range", "Range", "Binary"]
    assert indices[4].high is None and indices[5] == syntax.Range(None, None, span=Span(0, 0))


def test_operators_bind_as_usual() -> None:
    value = _statement("param a = -1 - 2 * 3 - 4").value
    assert value.operator == "-" and value.right.value == 4
    assert value.left.right.operator == "*" and isinstance(value.left.left, syntax.Negative)


def test_axes() -> None:
    named, open_ended = _statement("observed x[row: width * 2, ..16000] : real").axes
    assert (named.name.text, named.up_to, open_ended.name, open_ended.up_to) == ("row", False, None, True)
    assert _statement("observed x : real").axes is None


def test_claims() -> None:
    claim = _statement("check independent(a[0], person.age | c, d) ")
    assert [p.variable.text for p in claim.arguments + claim.given] == ["a", "person", "c", "d"]
    bound = _statement("check reach(x, row) >= 2 * n")
    assert bound.operator == ">=" and bound.bound.operator == "*"


def test_strings_and_their_escapes() -> None:
    assert _statement(r'model m "a \"b\" \\ \n\t…"').doc == 'a "b" \\ \n\t…'


def test_numbers_keep_their_spelling() -> None:
    value = _statement("param rate = 1e-3").value
    assert (value.value, value.text) == (0.001, "1e-3")
    assert isinstance(_statement("param n = 007").value.value, int)


@pytest.mark.parametrize("word", ["order", "last", "via", "observed", "p", "noise", "within", "by", "train", "model"])
def test_keywords_serve_as_names(word: str) -> None:
    text = f"""
        param {word} = {word}
        record {word} {{ {word} : {word} ~ {word}  {word} : {word} }}
        data {{ {word} = {word}  {word} = {word}({word} = {word}) }}
        p({word}[{word}] | {word}[<{word}], {word}.{word} via {word}) = {word} via {word}
    """
    tree, diagnostics = read(text)
    assert [str(d) for d in diagnostics] == []
    assert len(tree.statements) == 4


def test_keywords_end_at_a_word_boundary() -> None:
    _, (diagnostic,) = read("modelmade foo")
    assert diagnostic.code == "AR002"


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_tabs_and_byte_order_marks(ending: str) -> None:
    text = "\ufeffparam a = 1" + ending + "# one" + ending + "\tobserved x : real # two" + ending
    tree, diagnostics = read(text)
    assert not diagnostics and len(tree.statements) == 2
    assert [text[c.span.start : c.span.end] for c in tree.comments] == ["# one", "# two"]


def test_a_mark_in_a_string_is_no_comment() -> None:
    tree, _ = read('model m "a # b" # c')
    assert [c.text for c in tree.comments] == ["# c"]


def test_trees_know_their_source() -> None:
    source = Source("model m")
    assert parse(source, Sink(source)).source is source
    assert is_dataclass(syntax.Tree)


def _name(text: str) -> syntax.Name:
    return syntax.Name(text, span=Span(0, 0))


def test_tables_are_kept_only_in_a_folder_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = grammar._cache_file()
    assert kept is not None and Path(kept).parent == tmp_path / "ardsl"
    (tmp_path / "ardsl").chmod(0o777)
    assert grammar._cache_file() is None
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    assert grammar._cache_file() is None


def test_damaged_tables_are_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = grammar._parser.__wrapped__()
    kept = Path(str(grammar._cache_file()))
    kept.write_bytes(kept.read_bytes()[:100])
    again = grammar._parser.__wrapped__()
    text = "observed x : binary\np(x) = bernoulli\n"
    assert first.parse(text) == again.parse(text)


def test_a_character_by_its_number() -> None:
    assert _statement(r'model m "\u{1b}[2J \u{41}\u{1F600} \u{0}"').doc == "\x1b[2J A\U0001f600 \x00"


@pytest.mark.parametrize("escape", [r"\u{d800}", r"\u{110000}", r"\u{}", r"\u{1234567}", r"\u41", r"\x1b"])
def test_no_character(escape: str) -> None:
    _, diagnostics = read(f'model m "{escape}"')
    assert [d.code for d in diagnostics] == ["AR007"]
