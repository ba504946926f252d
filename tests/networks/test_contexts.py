"""Contexts sorted into chains hold what is declared, each once."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.networks.contexts import Contexts, distinct_contexts
from ardsl.networks.group import make_groups
from ardsl.relations import Levels, Matrix, Sparse
from tests.support.strategies import relations, shapes


def check(contexts: Contexts, matrix: np.ndarray) -> None:
    numbers = np.arange(len(contexts))
    rows = contexts.rows(numbers)
    assert np.array_equal(rows[contexts.of_draw], matrix)
    assert len(np.unique(rows, axis=0)) == len(rows) == len(np.unique(contexts.of_draw))
    assert np.array_equal(contexts.sizes, rows.sum(axis=1))
    for number in numbers.tolist():
        assert sorted(contexts.elements(number)) == np.flatnonzero(rows[number]).tolist()
        new = np.zeros(matrix.shape[1], dtype=bool)
        new[contexts.added.reads(number)] = True
        before = rows[number - 1] if contexts.continues[number] else np.zeros_like(new)
        assert not (new & before).any()
        assert np.array_equal(rows[number], new | before)


@pytest.mark.thorough
@settings(max_examples=100, deadline=None)
@given(st.data(), shapes(axes=2, extent=4))
def test_any_relation(data: st.DataObject, shape: tuple[int, ...]) -> None:
    relation = data.draw(relations(shape))
    check(distinct_contexts(relation), relation.matrix())
    check(distinct_contexts(relation.listed()), relation.matrix())


@pytest.mark.parametrize(
    ("spec", "contexts", "chains"),
    [
        ("observed x[2, 3] : binary\norder x by shuffle(seed = 1)\np(x[i] | x[<i]) = bernoulli via made", 6, 1),
        ("observed x[4, 4] : binary\norder x by multiscale(2)\np(x[i] | x[<i]) = bernoulli via made", 7, 1),
        ("given y : binary\nobserved x[3] : binary\np(x[i] | x[<i], y) = bernoulli via made", 3, 1),
        ("observed x[6] : binary\np(x[i] | x[<i] last 2) = bernoulli via made", 6, 4),
        # the rows of an image, read on one after the other
        ("observed x[3, 4] : binary\np(x[i] | x[<i] within (1, *)) = bernoulli via made", 12, 2),
        ("observed x[3, 3] : binary\np(x[r, c] | x[..r-1, ..c]) = bernoulli via made", 7, 2),
        ("observed x[3] : binary\np(x) = bernoulli", 1, 1),
    ],
)
def test_chains(spec: str, contexts: int, chains: int) -> None:
    group = make_groups(ardsl.loads(spec).model)[0]
    declared = group.declared(group.orders(0))
    found = distinct_contexts(declared)
    check(found, declared.matrix())
    assert (len(found), int((~found.continues).sum())) == (contexts, chains)


def test_long_chains_and_windows_list_no_more_than_they_hold() -> None:
    started = time.process_time()
    chain = distinct_contexts(Levels(np.arange(10_000), np.arange(1, 10_001)))
    assert chain.added.count == 9_999 and chain.continues.sum() == 9_999
    place = np.arange(20_000)
    read = [np.maximum(place - back, 0) for back in range(1, 9)]
    window = Sparse.of_pairs(20_000, 20_000, np.tile(place[8:], 8), np.concatenate([r[8:] for r in read]))
    assert distinct_contexts(window).added.count == window.count
    assert time.process_time() - started < 10


def test_one_element_that_all_read_makes_no_difference_to_how_long_it_takes() -> None:
    """Inclusion is looked for among those who share what few read."""
    n = 4_000
    place = np.arange(n)
    target = np.concatenate([place, place, place, place])
    source = np.concatenate([np.zeros(n, np.int64), 1 + place, 2 + place, np.full(n, n + 2)])
    started = time.process_time()
    contexts = distinct_contexts(Sparse.of_pairs(n, n + 3, target, source))
    assert len(contexts) == n and not contexts.continues.any()
    assert time.process_time() - started < 2


def test_nothing_to_read() -> None:
    contexts = distinct_contexts(Matrix(np.zeros((3, 0), dtype=bool)))
    assert contexts.of_draw.tolist() == [0, 0, 0] and contexts.sizes.tolist() == [0]
