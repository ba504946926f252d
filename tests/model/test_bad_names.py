"""The exact messages of the bad specs of names, shapes, contexts, factors, settings and orders."""

from __future__ import annotations

from pathlib import Path

import pytest

from ardsl.diagnostics import Rule
from ardsl.diagnostics.rules import contexts, factors, names, orders, pedantic, settings
from tests.support import golden
from tests.support.model_specs import codes, resolve, stage

SPECS = golden.specs("names")
RULES = [
    rule
    for module in (names, contexts, factors, settings, orders, pedantic)
    for rule in vars(module).values()
    if isinstance(rule, Rule)
]
FROM_OUTSIDE = (names.UNKNOWN_OVERRIDE, names.OVERRIDE_TYPE)
"""These are about parameters that a command sets; their examples are commands."""


@pytest.mark.parametrize("path", SPECS, ids=[p.stem for p in SPECS])
def test_messages(path: Path) -> None:
    golden.check(path, stage)


def test_each_rule_has_a_bad_spec() -> None:
    shown = "".join(p.with_suffix(".txt").read_text(encoding="utf-8") for p in SPECS)
    assert [rule.code for rule in RULES if rule not in FROM_OUTSIDE and f"[{rule.code}]" not in shown] == []


@pytest.mark.parametrize("rule", [r for r in RULES if r not in FROM_OUTSIDE], ids=lambda rule: rule.code)
def test_examples_of_rules(rule: Rule) -> None:
    assert codes(rule.wrong) == [rule.code]
    model, diagnostics = resolve(rule.right)
    assert [str(d) for d in diagnostics] == []
    assert model is not None


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_rules_explain_themselves(rule: Rule) -> None:
    assert len(rule.explanation) > 40
    assert rule.wrong != rule.right
    assert rule.severity == ("warning" if rule.code.startswith("AR9") else "error")
