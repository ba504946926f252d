"""Receptive fields: how far the networks of a plan read, by the relations that they realize."""

from __future__ import annotations

import numpy as np

from ardsl.model.model import Factor
from ardsl.networks.design import Design
from ardsl.relations.layering import TooLargeError


def realized_reach(plan: Design, factor: Factor, start: int, stop: int) -> tuple[int, ...] | None:
    """The largest distance along each axis between an element that a factor draws and one of its own variable that is
    read for it, under the first order; 0 along an axis where none is read. The factor's draws are those from ``start``
    to ``stop`` of its group. None where finding it would take too long."""
    group, relation = plan.group, plan.realized[0]
    targets = [target for target in group.targets if target.factor is factor]
    shape, drawn = targets[0].variable.shape, np.concatenate([target.elements for target in targets])
    rows = relation if stop - start == group.draws else relation.select(range(start, stop))
    elements = group.elements_of(targets[0].variable)
    try:
        return tuple(rows.farthest(axis, shape, drawn, elements) for axis in range(len(shape)))
    except TooLargeError:
        return None
