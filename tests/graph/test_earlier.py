"""Contexts against orders: the first illegal pair is the one that looking at every pair finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.graph.earlier import first_violation
from ardsl.relations import Affine, AxisPart, Earlier, Order, Part
from ardsl.relations import order as orders
from tests.support.strategies import any_order, selections, shapes, total_orders
from tests.support.unrolled import unroll

quick = settings(max_examples=40, deadline=None)


@quick
@given(st.data(), shapes(axes=3, extent=4))
def test_first_violation(data: st.DataObject, shape: tuple[int, ...]) -> None:
    context, order = data.draw(selections(shape)), data.draw(any_order(shape))
    read = unroll(context, order, shape)
    wrong = read & (order.rank[None, :] >= order.rank[:, None])
    found = first_violation(context.relation(order), range(order.size), order)
    if not wrong.any():
        assert found is None
        return
    target = int(np.argmax(wrong.any(axis=1)))
    assert found is not None
    assert (found.target, found.source) == (target, int(np.argmax(wrong[target])))
    assert found.always == wrong.any(axis=1)[read.any(axis=1)].all()


@quick
@given(st.data(), shapes(axes=3, extent=5))
def test_earlier_is_earlier(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(any_order(shape))
    assert first_violation(Earlier().relation(order), range(order.size), order) is None
    assert not unroll(Earlier(), order, shape)[order.rank[:, None] <= order.rank[None, :]].any()


@quick
@given(st.data())
def test_only_some_elements_are_targets(data: st.DataObject) -> None:
    order = data.draw(total_orders((6,)))
    part = Part((6,), (6,), (AxisPart(Affine(0, offset=-1), Affine(0, offset=-1)),), range(4, 6))
    wrong = [t for t in (4, 5) if order.rank[t - 1] > order.rank[t]]
    found = first_violation(part, range(4, 6), order)
    assert (found.target if found else None) == (wrong[0] if wrong else None)


def test_large_arrays() -> None:
    side = 500
    before = AxisPart(None, Affine(0, offset=-1))
    near = AxisPart(Affine(1, offset=-50), Affine(1, offset=50))

    def legal(order: Order, *axes: AxisPart) -> bool:
        return first_violation(Part((side, side), (side, side), axes), range(order.size), order) is None

    assert legal(orders.raster((side, side)), before, AxisPart())
    assert legal(orders.snake((side, side)), before, near)
    assert not legal(orders.raster((side, side), (1,)), before, near)
    assert not legal(orders.shuffle((side, side), 0), before, AxisPart())
