"""Orders that compare coordinates one after another: what is earlier then depends on distances alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ardsl.relations import ranks
from ardsl.relations.order import Order

Priority = tuple[tuple[int, int], ...]
"""Axes from the slowest on, each with its way: 1 where a lower coordinate is drawn first, −1 where a higher is."""


def priority(order: Order) -> Priority | None:
    """The axes, in turn, by which an order compares coordinates, with their directions; None where it does not. Axes
    that one draw covers are left out."""
    if order.recipe is ranks.raster:
        return tuple((axis, 1) for axis in order.arguments[0])
    if order.recipe is ranks.reverse:
        return tuple((axis, -1) for axis in range(len(order.shape)))
    if order.recipe is ranks.drawn_together:
        draws, events = order.arguments
        kept = [axis for axis in range(len(order.shape)) if axis not in events]
        draw_priority = priority(draws)
        return None if draw_priority is None else tuple((kept[axis], way) for axis, way in draw_priority)
    return None


def earlier_in_box(
    axes: Priority, at: Sequence[np.ndarray], boxes: Sequence[tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """The number of elements of each box (given per axis by its first and last index) that come before the element at
    these coordinates, which lies in it: int64, shaped like a coordinate."""
    widths = [high - low + 1 for low, high in boxes]
    rest = np.ones_like(at[0])
    for axis, width in enumerate(widths):  # what no comparison is about is read whole
        if axis not in {a for a, _ in axes}:
            rest = rest * width
    count = np.zeros_like(at[0])
    for axis, way in reversed(axes):  # equal in all the slower axes, lower in this, anything in the faster ones
        low, high = boxes[axis]
        count = count + rest * ((at[axis] - low) if way > 0 else (high - at[axis]))
        rest = rest * widths[axis]
    return count
