"""Hypothesis strategies for orders, contexts and relations on small index spaces."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import strategies as st

from ardsl.relations import Affine, AxisPart, Earlier, Everything, Labelled, Levels, Listed, Order, Part, Selection
from ardsl.relations import order as orders

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


def _array(entries: st.SearchStrategy[int], count: int) -> st.SearchStrategy[np.ndarray]:
    return st.lists(entries, min_size=count, max_size=count).map(lambda found: np.array(found, dtype=np.int64))
