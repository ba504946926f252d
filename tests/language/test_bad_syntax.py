"""The exact messages of the bad specs of the syntax."""

from __future__ import annotations

from pathlib import Path

import pytest

from ardsl.diagnostics import Rule
from ardsl.diagnostics.rules import syntax
from tests.support import golden

SPECS = golden.specs("syntax")


@pytest.mark.parametrize("path", SPECS, ids=[p.stem for p in SPECS])
def test_messages(path: Path) -> None:
    golden.check(path)


def test_each_rule_has_a_bad_spec() -> None:
    shown = "".join(p.with_suffix(".txt").read_text(encoding="utf-8") for p in SPECS)
    codes = {rule.code for rule in vars(syntax).values() if isinstance(rule, Rule)}
    assert {code for code in codes if f"[{code}]" not in shown} == set()
