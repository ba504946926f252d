"""The exact messages about networks, and the exit code of every bad spec there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ardsl.cli import main
from ardsl.diagnostics import Rule, Sink, Source
from ardsl.diagnostics.rules import networks
from ardsl.networks.registry import registered
from ardsl.spec import diagnose
from tests.support import golden
from tests.support.plugins import Boastful

RULES = [rule for rule in vars(networks).values() if isinstance(rule, Rule) and rule.wrong]
EVERY = sorted(golden.BAD_SPECS.glob("*/*.ar"))


def stage(source: Source, sink: Sink) -> None:
    """Everything that checking a spec does."""
    for diagnostic in diagnose(source)[0]:
        sink.add(diagnostic)


@pytest.mark.parametrize("path", golden.specs("networks"), ids=lambda path: path.stem)
def test_messages(path: Path) -> None:
    golden.check(path, stage)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_examples_of_rules(rule: Rule) -> None:
    assert rule.code in {d.code for d in diagnose(Source(rule.wrong))[0]}
    assert diagnose(Source(rule.right))[0] == []


@pytest.mark.parametrize("path", EVERY, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_exit_code(path: Path) -> None:
    """1 where a message is an error, 0 where all are warnings."""
    messages = path.with_suffix(".txt").read_text(encoding="utf-8")
    done = CliRunner().invoke(main, ["check", str(path)])
    assert done.exit_code == (1 if "error[" in messages else 0), done.output


def test_a_plan_that_leaks_is_refused_even_where_nothing_could_be_drawn_first() -> None:
    """Every draw of this one reads every other."""
    with registered(Boastful):
        (found,) = diagnose(Source(Boastful.examples["bits"], "spec.ar"))[0]
    message = "the network of `p(x[i] | x[<i])` leaks: 10 pairs are realized but not declared"
    assert (found.code, found.message) == ("AR420", message)
