"""Strictly earlier: every context on the variable itself reads only what has a lower rank."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.relations import Order, Relation
from ardsl.relations.arrays import NONE


@dataclass(frozen=True)
class Violation:
    """An element of the variable that would read one not drawn before it; ``always``: so do all that read anything."""

    target: int
    source: int
    always: bool


def first_violation(relation: Relation, elements: range, order: Order) -> Violation | None:
    """The first target element, by index, that reads one of its own or a higher rank; None if the context is legal.

    ``relation`` gives what ``elements`` of the variable read of the variable itself.
    """
    highest = relation.greatest(order.rank)
    wrong = highest >= order.rank[elements.start : elements.stop : elements.step]
    if not wrong.any():
        return None
    position = int(np.argmax(wrong))
    target, read = elements[position], relation.reads(position)
    source = int(read[np.argmax(order.rank[read] >= order.rank[target])])
    return Violation(target, source, bool(wrong[highest > NONE].all()))
