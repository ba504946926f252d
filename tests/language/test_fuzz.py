"""Any text gives a tree or diagnostics, soon; a tree survives being written and read again."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from ardsl.diagnostics.render import render_all, to_json
from ardsl.language import format_tree
from tests.support.texts import grammatical, mangled, read


def holds(text: str) -> None:
    """The promises of parser, renderer and formatter for one text."""
    gc.disable()  # a collection here would walk the heap of the test, not of the parser
    try:
        start = time.process_time()
        tree, diagnostics = read(text)
        seconds = time.process_time() - start
    finally:
        gc.enable()
    assert seconds < 1
    render_all(diagnostics).encode("utf-8")
    for diagnostic in diagnostics:
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(text)
        assert to_json(diagnostic)["line"] == diagnostic.line
    assert len({d.span.start for d in diagnostics}) == len(diagnostics)
    if not diagnostics:
        once = format_tree(tree)
        again, faults = read(once)
        assert not faults
        assert again == tree
        assert [c.text for c in again.comments] == [c.text for c in tree.comments]
        assert format_tree(again) == once


@pytest.mark.thorough
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(grammatical())
def test_texts_from_the_grammar(text: str) -> None:
    holds(text)


@pytest.mark.thorough
@settings(max_examples=250, deadline=None)
@given(mangled())
def test_mangled_specs(text: str) -> None:
    holds(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_arbitrary_texts(text: str) -> None:
    holds(text)


@pytest.mark.slow
@settings(max_examples=2_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(grammatical())
def test_thousands_of_texts_from_the_grammar(text: str) -> None:
    holds(text)


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(20))
def test_a_hundred_thousand_texts(batch: int) -> None:
    """In batches: what has been tried is kept in memory, so that nothing is tried twice."""

    @seed(batch)
    @settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.one_of(mangled(), mangled(), mangled(), st.text(max_size=80)))
    def run(text: str) -> None:
        holds(text)

    run()
