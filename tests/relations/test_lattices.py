"""Relations of lattices against their unrolling: composition with borders, sweeps, cuts by rank, differences."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ardsl.relations import Earlier, Matrix
from ardsl.relations.lexicographic import priority
from ardsl.relations.order import raster, reverse
from ardsl.relations.ranked import Ranked, compose_ranked
from ardsl.relations.stencil import Stencil
from ardsl.relations.translated import Reading, Translated, compose
from tests.support.strategies import any_order, shapes, stencils
from tests.support.unrolled import cells, check, farthest, unroll

quick = settings(max_examples=150, deadline=None)
small = shapes(axes=3, extent=5)
Maps = list[tuple[str, list[Reading]]]


@st.composite
def networks(draw: st.DrawFn, axes: int) -> tuple[int, Maps]:
    ways = draw(st.lists(st.sampled_from([-1, 0, 1]), min_size=axes, max_size=axes))
    groups = {"input": draw(st.integers(1, 3))}
    maps: Maps = []
    for number in range(draw(st.integers(1, 4))):
        own = draw(st.integers(1, 3))
        sources = draw(st.lists(st.sampled_from(sorted(groups)), min_size=1, max_size=2))
        maps.append((f"map {number}", [(s, draw(stencils(ways, own, groups[s]))) for s in sources]))
        groups[f"map {number}"] = own
    return groups["input"], maps


def unrolled(shape: tuple[int, ...], groups: int, maps: Maps) -> dict[str, np.ndarray]:
    """Every path, one site at a time."""
    places = cells(shape)
    found = {"input": np.eye(len(places) * groups, dtype=bool)}
    counts = {"input": groups}
    for name, readings in maps:
        counts[name] = readings[0][1].reads.shape[1]
        rows = np.zeros((len(places) * counts[name], len(places) * groups), dtype=bool)
        for (source, stencil), (number, place) in product(readings, enumerate(places)):
            for offset, reads in zip(stencil.offsets, stencil.reads, strict=True):
                other = tuple(a + b for a, b in zip(place, offset, strict=True))
                if other in places:
                    for target, read in zip(*np.nonzero(reads), strict=True):
                        site = places.index(other) * counts[source] + read
                        rows[number * counts[name] + target] |= found[source][site]
        found[name] = rows
    return found


@pytest.mark.thorough
@quick
@given(st.data(), small, st.integers(1, 2))
def test_a_composition_is_the_union_of_all_paths(data: st.DataObject, shape: tuple[int, ...], each: int) -> None:
    assume(shape and prod(shape))
    groups, maps = data.draw(networks(len(shape)))
    matrices = unrolled(shape, groups, maps)
    for number, (name, _) in enumerate(maps):
        matrix = np.repeat(matrices[name], each, axis=1)
        relation = compose(shape, groups, maps[: number + 1]).of_elements(each)
        check(relation, matrix)
        targets, sources = relation.entries()
        assert matrix[targets, sources * each].all()


@pytest.mark.thorough
@quick
@given(st.data(), small, st.integers(1, 3))
def test_the_farthest_that_a_composition_reads(data: st.DataObject, shape: tuple[int, ...], each: int) -> None:
    """Where sites are the elements of an array, or all the channels of a position."""
    assume(shape and prod(shape))
    groups = data.draw(st.integers(1, 3)) if each == 1 else 1
    stencil = data.draw(stencils([data.draw(st.sampled_from([-1, 0, 1])) for _ in shape], groups, groups))
    relation = compose(shape, groups, [("map", [("input", stencil)])]).of_elements(each)
    array = (*shape, groups * each) if groups * each > 1 or data.draw(st.booleans()) else shape
    elements = np.arange(prod(array))
    targets = elements.reshape(-1, each)
    sources = data.draw(st.sampled_from([elements, elements[::-1], np.where(elements < 2, elements, -1)]))
    for axis in range(len(array)):
        found = relation.farthest(axis, array, targets, sources)
        assert found == farthest(relation.matrix(), axis, array, targets, sources)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_a_sweep_is_a_schedule_and_where_it_says_so_the_shortest(data: st.DataObject, shape: tuple[int, ...]) -> None:
    assume(shape and prod(shape))
    groups = data.draw(st.integers(1, 3))
    axes = data.draw(st.permutations(range(len(shape))))
    ways = data.draw(st.lists(st.sampled_from([-1, 1]), min_size=len(shape) + 1, max_size=len(shape) + 1))
    stencil = data.draw(stencils([0] * len(shape), groups, groups))
    earlier = np.zeros_like(stencil.reads)
    for place in np.ndindex(*earlier.shape):
        offset = stencil.offsets[place[0]]
        ahead = [-offset[axis] * ways[axis] for axis in axes] + [(place[1] - place[2]) * ways[-1]]
        earlier[place] = ahead > [0] * len(ahead)
    stencil = stencil.only(earlier)
    assume(stencil.offsets)
    relation = compose(shape, groups, [("map", [("input", stencil)])])
    found = relation.sweep()
    assert found is not None
    steps = found.steps()
    targets, sources = np.nonzero(relation.matrix())
    assert (steps[targets] > steps[sources]).all()
    assert steps.max() + 1 == found.depth
    if found.shortest:
        assert (steps == Matrix(relation.matrix()).layers()).all()
    assert (relation.layers() == Matrix(relation.matrix()).layers()).all()


def test_the_sweeps_of_pixelcnns() -> None:
    """A 7 × 7 first layer and any number of 3 × 3 ones: 136 steps for 28 × 28 (a skew of four columns a row)."""
    one = np.ones((1, 1), dtype=bool)

    def square(radius: int, last: int) -> Stencil:
        offsets = [o for o in product(range(-radius, 1), range(-radius, radius + 1)) if o < (0, last)]
        return Stencil(tuple(offsets), np.broadcast_to(one, (len(offsets), 1, 1)))

    for depth in (0, 3, 15):
        maps: Maps = [("map 0", [("input", square(3, 0))])]
        maps += [(f"map {n + 1}", [(f"map {n}", square(1, 1))]) for n in range(depth)]
        found = compose((28, 28), 1, maps).sweep()
        assert found is not None and found.shortest and found.depth == 136


@pytest.mark.thorough
@quick
@given(st.data(), small, st.sampled_from(["before", "until", None]))
def test_cuts_by_rank(data: st.DataObject, shape: tuple[int, ...], cut: str | None) -> None:
    assume(shape and prod(shape))
    groups = data.draw(st.integers(1, 2))
    rank = data.draw(any_order((*shape, groups))).rank
    relations, matrices = [], []
    for _ in range(2):
        stencil = data.draw(stencils([0] * len(shape), groups, groups))
        relation = Ranked(shape, stencil, rank, cut)  # type: ignore[arg-type]
        matrix = unrolled(shape, groups, [("map", [("input", stencil)])])["map"]
        if cut is not None:
            behind = rank[:, None] - rank[None, :]
            matrix &= behind > 0 if cut == "before" else behind >= 0
        check(relation, matrix)
        relations.append(relation)
        matrices.append(matrix)
    first, second = relations
    maps = [("one", [("input", first)]), ("two", [("one", second), ("input", first)])]
    composed = compose_ranked(prod(shape) * groups, maps)
    assert (composed == ((matrices[1].astype(int) @ matrices[0] > 0) | matrices[0])).all()


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_what_a_composition_has_beyond_what_is_declared(data: st.DataObject, shape: tuple[int, ...]) -> None:
    """Both ways, whatever the stencils, under orders that look the same from everywhere."""
    assume(shape and prod(shape))
    axes = data.draw(st.permutations(range(len(shape))))
    order = data.draw(st.sampled_from([raster(shape, axes), reverse(shape)]))
    limits = data.draw(st.none() | st.tuples(*[st.none() | st.integers(0, 3)] * len(shape)))
    declared = Earlier(limits).relation(order)
    stencil = data.draw(stencils([0] * len(shape), 1, 1))
    realized = compose(shape, 1, [("map", [("input", stencil)])])
    one, other = unroll(Earlier(limits), order, shape), realized.matrix()
    leaks = realized.minus(declared)
    assert isinstance(leaks, Translated)
    check(leaks, other & ~one)
    check(declared.minus(realized), one & ~other)


@pytest.mark.thorough
@quick
@given(st.data(), small)
def test_orders_that_compare_coordinates(data: st.DataObject, shape: tuple[int, ...]) -> None:
    axes = data.draw(st.permutations(range(len(shape))))
    order = data.draw(st.sampled_from([raster(shape, axes), reverse(shape)]) | any_order(shape))
    compared = priority(order)
    assume(compared is not None)
    places = [tuple(way * place[axis] for axis, way in compared or ()) for place in cells(shape)]
    ranked = [place for place, _ in sorted(zip(places, order.rank.tolist(), strict=True), key=lambda pair: pair[1])]
    assert ranked == sorted(places)
