"""The page of every rule: its own code, title and words, and examples that are as they say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain

import pytest

from ardsl.diagnostics import Diagnostic, Rule, Sink, Source
from ardsl.diagnostics import rules as rules_package
from ardsl.diagnostics.rules import RULES
from ardsl.language import parse
from ardsl.spec import diagnose

TRANSCRIPT = "its examples show a command and its files"
UNCHECKED = dict.fromkeys(["AR108", "AR109"], TRANSCRIPT)
UNCHECKED |= dict.fromkeys(("AR420", "AR434"), "no spec raises it: it is a fault of a network plug-in")
UNCHECKED |= {code: TRANSCRIPT for code in RULES if code.startswith("AR5")}
"""Rules whose examples are no specs, with the reason."""

CHECKED = [rule for rule in RULES.values() if rule.code not in UNCHECKED]


def errors(diagnostics: list[Diagnostic]) -> set[str]:
    return {d.code for d in diagnostics if d.severity == "error"}


def declared() -> Iterator[Rule]:
    """Every rule of every module of rules, found without the registry."""
    modules = (module for module in vars(rules_package).values() if hasattr(module, "__spec__"))
    return chain.from_iterable((r for r in vars(module).values() if isinstance(r, Rule)) for module in modules)


def test_registry() -> None:
    """All rules are registered, each under its own code, which no other rule has."""
    assert all(code == rule.code for code, rule in RULES.items())
    assert {rule.code for rule in declared()} == set(RULES)


@pytest.mark.parametrize("part", ["title", "explanation"])
def test_words(part: str) -> None:
    words = Counter(getattr(rule, part) for rule in RULES.values())
    assert all(text.strip() for text in words)
    assert [text for text, count in words.items() if count > 1] == []


@pytest.mark.parametrize("rule", CHECKED, ids=lambda rule: rule.code)
def test_wrong(rule: Rule) -> None:
    """What the page calls wrong raises the rule, with its severity, and is refused exactly where the rule refuses."""
    found = diagnose(Source(rule.wrong))[0]
    assert rule.severity in {d.severity for d in found if d.code == rule.code}
    if rule.severity != "error":
        assert errors(found) == set()


@pytest.mark.parametrize("rule", CHECKED, ids=lambda rule: rule.code)
def test_right(rule: Rule) -> None:
    """What the page calls right is no error. A rule of the syntax may show a few lines of a spec: they parse."""
    found = diagnose(Source(rule.right))[0]
    assert rule.code not in {d.code for d in found}
    if rule.code.startswith("AR0"):
        sink = Sink(Source(rule.right))
        parse(sink.source, sink)
        assert sink.errors == []
    else:
        assert errors(found) == set()


def test_unchecked() -> None:
    """Every exception is a rule that there is."""
    assert set(UNCHECKED) <= set(RULES)
