"""Hypothesis strategies for orders, contexts and relations on small index spaces."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import strategies as st

from ardsl.relations import (
    Affine,
    AxisPart,
    Band,
    Beside,
    Earlier,
    Everything,
    Labelled,
    Levels,
    Listed,
    Matrix,
    Order,
    Part,
    Relation,
    Selection,
    Stacked,
    Union,
)
from ardsl.relations import order as orders
from ardsl.relations.ranked import Ranked
from ardsl.relations.stencil import Stencil
from ardsl.relations.translated import compose

seeds = st.integers(0, 2**32)


def shapes(axes: int = 3, extent: int = 5) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, extent), max_size=axes).map(tuple)


@st.composite
def total_orders(draw: st.DrawFn, shape: tuple[int, ...]) -> Order:
    """Any total order of an array."""
    kinds = ["raster", "reverse", "snake", "diagonal", "shuffle", "explicit", "any"]
    kind = draw(st.sampled_from(kinds + ["spiral"] * (len(shape) == 2)))
    if kind == "raster":
        return orders.raster(shape, draw(st.permutations(range(len(shape)))))
    if kind == "shuffle":
        return orders.shuffle(shape, draw(seeds))
    if kind == "explicit":
        return orders.explicit(shape, draw(st.permutations(range(prod(shape)))))
    if kind == "any":
        return orders.any_orders(shape, 1, draw(seeds)).order
    return getattr(orders, kind)(shape)


@st.composite
def weak_orders(draw: st.DrawFn, shape: tuple[int, ...]) -> Order:
    """Any weak order of an array."""
    kind = draw(st.sampled_from(["multiscale", "checkerboard", "blocks"]))
    if kind == "multiscale":
        return orders.multiscale(shape, draw(st.sampled_from([2, 4, 8])))
    if kind == "blocks":
        return orders.blocks(shape, draw(st.lists(st.integers(1, 4), min_size=len(shape), max_size=len(shape))))
    return orders.checkerboard(shape)


@st.composite
def any_order(draw: st.DrawFn, shape: tuple[int, ...]) -> Order:
    """A total or weak order, or one over draws that cover some axes."""
    events = tuple(axis for axis in range(len(shape)) if draw(st.booleans()))
    if events and draw(st.booleans()):
        kept = tuple(size for axis, size in enumerate(shape) if axis not in events)
        return orders.drawn_together(draw(total_orders(kept) | weak_orders(kept)), shape, events)
    return draw(total_orders(shape) | weak_orders(shape))


@st.composite
def earlier(draw: st.DrawFn, shape: tuple[int, ...]) -> Earlier:
    """``x[<]``, whole or windowed, of all elements or some."""
    limits = draw(st.none() | st.tuples(*(st.none() | st.integers(0, 4) for _ in shape)))
    last = draw(st.none() | st.integers(1, 4))
    size = prod(shape)
    start = draw(st.integers(0, size - 1))
    return Earlier(limits, last, draw(st.none() | st.just(range(start, draw(st.integers(start + 1, size))))))


@st.composite
def parts(draw: st.DrawFn, target: tuple[int, ...], source: tuple[int, ...]) -> Part:
    """Any box that moves with the target's coordinates."""

    def affine() -> Affine:
        axis = draw(st.sampled_from([None, *range(len(target))]))
        if axis is None:
            return Affine(None, offset=draw(st.integers(-2, 5)))
        return Affine(
            axis,
            draw(st.sampled_from([1, 1, 1, 2, -1])),
            draw(st.integers(-2, 2)),
            draw(st.sampled_from([1, 1, 2, 3])),
            draw(st.integers(-2, 2)),
        )

    axes = []
    for _ in source:
        exact = affine()
        open_low, open_high = AxisPart(None, affine()), AxisPart(affine(), None)
        axes.append(draw(st.sampled_from([AxisPart(), AxisPart(exact, exact), open_low, open_high])))
    return Part(target, source, tuple(axes))


@st.composite
def selections(draw: st.DrawFn, shape: tuple[int, ...]) -> Selection:
    """Any context of a variable of this shape on itself."""
    size = prod(shape)
    listed = st.lists(st.integers(0, size - 1), max_size=4).map(lambda read: Listed(size, size, tuple(read)))
    return draw(parts(shape, shape) | earlier(shape).map(_whole) | listed | st.just(Everything(size, size)))


def _whole(context: Earlier) -> Earlier:
    return Earlier(context.limits, context.last)


def levels(targets: int, sources: int) -> st.SearchStrategy[Levels]:
    level = st.integers(-1, 4)
    return st.builds(Levels, _array(level, targets), _array(level, sources))


def labelled(targets: int, sources: int, kinds: tuple[int, int] = (3, 3)) -> st.SearchStrategy[Labelled]:
    table = _array(st.booleans(), kinds[0] * kinds[1]).map(lambda flat: flat.reshape(kinds).astype(bool))
    chosen = (_array(st.integers(0, k - 1), n) for k, n in zip(kinds, (targets, sources), strict=True))
    return st.builds(Labelled, *chosen, table)


@st.composite
def stencils(draw: st.DrawFn, ways: list[int], targets: int, sources: int) -> Stencil:
    """Up to four offsets, some beyond the array; along an axis with a way they go that way only."""
    along = [st.integers(-4, 4) if way == 0 else st.integers(0, 4).map(lambda d, w=way: d * w) for way in ways]
    offsets = draw(st.lists(st.tuples(*along), min_size=1, max_size=4, unique=True))
    some = st.lists(st.booleans(), min_size=targets * sources, max_size=targets * sources)
    reads = [np.array(draw(some)).reshape(targets, sources) for _ in offsets]
    return Stencil(tuple(offsets), np.stack(reads))


@st.composite
def translated(draw: st.DrawFn, shape: tuple[int, ...]) -> Relation:
    """Two layers of stencils over an array, composed."""
    ways = [draw(st.sampled_from([-1, 0, 1])) for _ in shape]
    layers = [(f"{n + 1}", [(f"{n}", draw(stencils(ways, 1, 1)))]) for n in range(draw(st.integers(1, 2)))]
    return compose(shape, 1, layers, "0")


@st.composite
def ranked(draw: st.DrawFn, shape: tuple[int, ...]) -> Relation:
    """A stencil over an array, cut by the rank of an order or not."""
    cut = draw(st.sampled_from(["before", "until", None]))
    return Ranked(shape, draw(stencils([0] * len(shape), 1, 1)), draw(any_order(shape)).rank, cut)


@st.composite
def bands(draw: st.DrawFn, shape: tuple[int, ...]) -> Band:
    """Stretches of the cells along the first axis of an array."""
    cells, each = shape[0], prod(shape[1:])
    low, high = (_array(st.integers(-1, cells), cells * each) for _ in range(2))
    return Band(np.maximum(draw(low), 0), np.minimum(draw(high), cells - 1), cells, each)


def _matrix(targets: int, sources: int) -> st.SearchStrategy[Matrix]:
    entries = _array(st.booleans(), targets * sources)
    return entries.map(lambda flat: Matrix(flat.reshape(targets, sources).astype(bool)))


def plain_relations(shape: tuple[int, ...]) -> st.SearchStrategy[Relation]:
    """A relation of an array's elements with themselves, in any form that is made of no others."""
    size = prod(shape)
    contexts = st.builds(lambda selection, order: selection.relation(order), selections(shape), any_order(shape))
    raster = selections(shape).map(lambda selection: selection.relation(orders.raster(shape)))
    tables = levels(size, size) | labelled(size, size) | _matrix(size, size) | _matrix(size, size).map(Matrix.listed)
    lattices = translated(shape) | ranked(shape) | bands(shape) if shape else st.nothing()
    return contexts | raster | tables | lattices


@st.composite
def relations(draw: st.DrawFn, shape: tuple[int, ...]) -> Relation:
    """A relation of an array's elements with themselves, in any form but that of sources side by side."""
    size = prod(shape)
    one = draw(plain_relations(shape))
    form = draw(st.sampled_from(["plain", "plain", "plain", "union", "rows", "stack", "difference", "nothing"]))
    if form == "union":
        return Union(size, size, (one, draw(plain_relations(shape))))
    if form == "rows":
        return one.select(np.array(draw(st.lists(st.integers(0, size - 1), min_size=size, max_size=size))))
    if form == "stack":
        cut = draw(st.integers(0, size))
        return Stacked(size, size, ((range(cut), one.select(range(cut))),))
    if form == "difference":
        return one.minus(draw(plain_relations(shape)))
    return Union(size, size, ()) if form == "nothing" else one


@st.composite
def side_by_side(draw: st.DrawFn, shape: tuple[int, ...]) -> Beside:
    """Several relations of an array's elements, side by side."""
    return Beside(prod(shape), tuple(draw(st.lists(relations(shape), min_size=1, max_size=3))))


def _array(entries: st.SearchStrategy[int], count: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(entries, min_size=count, max_size=count).map(lambda found: np.array(found, dtype=np.int64))
