"""Receptive fields: how far the networks of a plan read, by the relations that they realize."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ardsl.model.model import Factor, Variable
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.realize import RowRange
from ardsl.relations import Beside, Relation, Translated
from ardsl.relations.relation import NONE

MOST_PAIRS = 1 << 28
"""Draws × elements of a relation that is looked at row by row."""


def realized_reach(plan: Design, factor: Factor, start: int, stop: int) -> tuple[int, ...] | None:
    """The largest distance along each axis between an element that a factor draws and one of its own variable that is
    read for it, under the first order; 0 along an axis where none is read. The factor's draws are those from ``start``
    to ``stop`` of its group. None where finding it would take too long."""
    group, relation = plan.group, plan.realized[0]
    targets = [target for target in group.targets if target.factor is factor]
    variable, drawn = targets[0].variable, np.concatenate([target.elements for target in targets])
    composed = _composed(relation, variable)
    last = len(variable.shape) - 1
    if composed is not None and drawn.size == variable.size and factor.event_axes in ((), (last,)):
        reach = [composed.reach(axis) for axis in range(last + 1)]
        if factor.event_axes:  # all along it is drawn, and read
            reach[last] = variable.shape[last] - 1 if composed.count else 0
        return tuple(reach)
    if _unrolled(relation) > MOST_PAIRS:
        return None
    rows = relation if stop - start == group.draws else RowRange(relation, start, stop)
    at = np.unravel_index(drawn, variable.shape)
    return tuple(_farthest(rows, _along(group, variable, axis), *here) for axis, here in enumerate(map(_ends, at)))


def _ends(coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return coordinates.min(axis=1), coordinates.max(axis=1)


def _composed(relation: Relation, variable: Variable) -> Translated | None:
    """What a lattice network realizes of its own variable, where its order looks the same from everywhere."""
    parts = relation.parts if isinstance(relation, Beside) else (relation,)
    return next((part for part in parts if isinstance(part, Translated) and part.sources == variable.size), None)


def _unrolled(relation: Relation) -> int:
    """How many pairs are looked at to find what is farthest."""
    parts: Sequence[Relation] = relation.parts if isinstance(relation, Beside) else (relation,)
    return sum(part.targets * part.sources for part in parts if type(part).greatest is Relation.greatest)


def _along(group: Group, variable: Variable, axis: int) -> np.ndarray:
    """The coordinate along an axis of each source element that is of the variable itself; ``NONE`` of others."""
    found = [np.zeros(0, dtype=np.int64)]
    for source in group.sources:
        elements = np.asarray(source.elements, dtype=np.int64)
        mine = source.variable is variable
        found.append(np.unravel_index(elements, variable.shape)[axis] if mine else np.full(len(elements), NONE))
    return np.concatenate(found)


def _farthest(rows: Relation, along: np.ndarray, first: np.ndarray, last: np.ndarray) -> int:
    """The largest distance to what is read, of draws that lie between two coordinates each."""
    greatest = rows.greatest(along)
    least = -rows.greatest(np.where(along > NONE, -along, NONE))
    return int(np.maximum(last - least, greatest - first)[greatest > NONE].max(initial=0))
