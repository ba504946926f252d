"""Each fault is reported once, where it is; what stands beside it is read as if it were not there."""

from __future__ import annotations

from itertools import combinations

import pytest

from ardsl.diagnostics import Rule
from ardsl.diagnostics.rules import syntax as rules
from ardsl.language.mistakes import CHARACTERS, MISTAKES
from tests.support.texts import read

RULES = [rule for rule in vars(rules).values() if isinstance(rule, Rule)]
CASES = [(m.rule.code, example) for m in MISTAKES for example in m.examples]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_examples_match_their_mistake(number: int) -> None:
    mistake = MISTAKES[number]
    for example in mistake.examples:
        _, (diagnostic,) = read(example)
        assert diagnostic.code == mistake.rule.code, example
        if mistake.help is None:
            assert diagnostic.help is None


@pytest.mark.parametrize("code, example", CASES)
def test_a_mistake_between_statements_costs_its_own_statement_alone(code: str, example: str) -> None:
    tree, diagnostics = read(f"param before = 1\n{example}\nobserved after : real\n")
    assert [d.code for d in diagnostics] == [code]
    assert diagnostics[0].line == 2
    assert len(tree.statements) == 2


@pytest.mark.parametrize("rule", RULES, ids=[r.code for r in RULES])
def test_rules_wrong_and_right(rule: Rule) -> None:
    assert rule.code in {d.code for d in read(rule.wrong)[1]}
    assert read(rule.right)[1] == []


FAULTS = [
    "param width 500",
    "observed x[28, 28 : binary",
    "obseved y : real",
    "p(x | x<i) = bernoulli",
    "q(z = normal via mlp(hidden = [3])",
    'model "no name"',
    'data { train = "a.npz }',
    "record person {\n  age real\n  income : binary\n}",
    "check complete x",
    "order x",
    "order x,",
    "net body =",
    "train { batch = 100, epochs = 3 }",
    "param a = 3;",
]


@pytest.mark.parametrize("three", list(combinations(FAULTS, 3)), ids=str)
def test_three_faults_give_three_reports(three: tuple[str, ...]) -> None:
    text = "param ok = 1\n" + "\nobserved fine : real\n".join(three) + "\ncheck complete(x)\n"
    tree, diagnostics = read(text)
    assert len(diagnostics) == 3, [str(d) for d in diagnostics]
    for fault, diagnostic in zip(three, diagnostics, strict=True):
        start = text.index(fault)
        assert start <= diagnostic.span.start <= start + len(fault)
    assert len(tree.statements) == 4


@pytest.mark.parametrize("first", FAULTS)
@pytest.mark.parametrize("second", FAULTS)
def test_neighbours_do_not_hide_each_other(first: str, second: str) -> None:
    _, diagnostics = read(f"{first}\n{second}\n")
    assert len(diagnostics) == 2, [str(d) for d in diagnostics]


def test_reading_stops_after_twenty_faults() -> None:
    _, diagnostics = read("param = 1\n" * 100)
    assert len(diagnostics) == 21 and diagnostics[-1].code == "AR020"


@pytest.mark.parametrize("character", CHARACTERS)
def test_characters_that_mean_nothing(character: str) -> None:
    _, (diagnostic,) = read(f"param a {character} = 1")
    assert diagnostic.code == "AR006" and diagnostic.help == CHARACTERS[character]


@pytest.mark.parametrize(
    "text, message, help",
    [
        ("obseved x : real", "no statement starts with `obseved`", "did you mean `observed`?"),
        ("observe x : real", "no statement starts with `observe`", "did you mean `observed`?"),
        ("P(x) = normal", "no statement starts with `P`", "did you mean `p`?"),
        ("x = 3", "no statement starts with `x`", "a parameter is declared by `param x = …`"),
        ("x ~ normal", "no statement starts with `x`", "a factor is written `p(x) = …`"),
        ("// a comment", "no statement starts with `/`", "a comment starts with `#`"),
        ("order x raster", "`by` is missing before `raster`", None),
        ("p(x) = bernoulli made(hidden = [3])", "`via` is missing before `made`", None),
        ("p(x | y z) = f", "`,` is missing before `z`", None),
        ("net n = made(hidden 500)", "`=` is missing before `500`", None),
        ("observed x binary", "`:` is missing before `binary`", None),
        ("p(x | ) = f", "expected a variable, found `)`", None),
        ("p(x) = f via", "the factor ends too early: expected a value", None),
        ("check complete x", "expected `(`, found `x`", None),
        ("data { train = }", "expected a value, found `}`", None),
    ],
)
def test_messages(text: str, message: str, help: str | None) -> None:
    _, (diagnostic,) = read(text)
    assert (diagnostic.message, diagnostic.help) == (message, help)


@pytest.mark.parametrize("text", [example for _, example in CASES] + FAULTS)
def test_messages_name_no_terminal(text: str) -> None:
    _, diagnostics = read(text)
    for diagnostic in diagnostics:
        words = f"{diagnostic.message} {[label.text for label in diagnostic.labels]}"
        for terminal in ("LPAR", "RSQB", "ASSIGN", "NAME", "UP_TO", "$END", "INTEGER", "COMMA"):
            assert terminal not in words
