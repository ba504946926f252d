"""Whatever spec is accepted holds what the language promises: on generated ones, and on those that once failed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from ardsl.diagnostics import Source
from ardsl.spec import diagnose
from tests.support.described import Described
from tests.support.generator import broken_texts, specs
from tests.support.known import excused
from tests.support.properties import problems
from tests.support.regressions import REGRESSIONS

SHARDS, EACH = 6, 50
LONG_SHARDS, LONG_EACH = 20, 250


def run(shard: int, examples: int) -> None:
    """So many generated specs, the same each time where tests are repeatable."""

    phases = [phase for phase in Phase if phase is not Phase.explain]

    @settings(max_examples=examples, phases=phases, suppress_health_check=list(HealthCheck), deadline=None)
    @given(specs())
    def holds(described: Described) -> None:
        assert problems(described.text, described, excused(described)) == []

    (seed(shard)(holds) if settings().derandomize else holds)()


@pytest.mark.parametrize("shard", [0, *(pytest.param(k, marks=pytest.mark.thorough) for k in range(1, SHARDS))])
def test_generated_specs(shard: int) -> None:
    run(shard, EACH)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS, SHARDS + LONG_SHARDS))
def test_many_generated_specs(shard: int) -> None:
    run(shard, LONG_EACH)


@pytest.mark.parametrize("name", REGRESSIONS)
def test_specs_that_once_failed(name: str) -> None:
    assert problems(REGRESSIONS[name]) == []


@settings(max_examples=100, deadline=None)
@given(broken_texts())
def test_any_text_gives_a_spec_or_diagnostics(text: str) -> None:
    diagnostics, spec = diagnose(Source(text))
    assert (spec is None) == any(d.severity == "error" for d in diagnostics)
