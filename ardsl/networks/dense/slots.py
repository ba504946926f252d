"""Slots: a draw's context as a short list of places, for tables and for parameters tied between draws.

Slot ``s`` of draw ``d`` is source element ``gather[d, s]``, or −1 where there is none (outside the array). With tied
parameters a slot means the same for every draw: the same element of another variable, or the same distance back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ardsl.model.model import Context
from ardsl.networks.group import Group, TargetBlock
from ardsl.relations import Earlier, Matrix, Order, Part


@dataclass(frozen=True, eq=False)
class Slots:
    """``gather`` is int [draws, slots]; ``absent[s]`` tells whether slot ``s`` is missing for any draw."""

    gather: np.ndarray
    elements: int

    @property
    def absent(self) -> np.ndarray:
        return np.any(self.gather < 0, axis=0)

    def relation(self) -> Matrix:
        """Draws × source elements, read off the slots themselves."""
        found = np.zeros((len(self.gather), self.elements + 1), dtype=bool)
        np.put_along_axis(found, self.gather, True, axis=1)  # −1 lands in the extra column
        return Matrix(found[:, :-1])


def own_slots(group: Group, orders: Mapping[str, Order]) -> Slots:
    """Each draw's context elements in ascending order: slots that mean something else for every draw."""
    matrix = group.declared(orders).matrix()
    counts = matrix.sum(axis=1)
    gather = np.full((group.draws, int(counts.max(initial=0))), -1, dtype=np.int64)
    draw, element = np.nonzero(matrix)
    position = np.arange(len(draw)) - np.repeat(np.cumsum(counts) - counts, counts)
    gather[draw, position] = element
    return Slots(gather, group.elements)


def tied_slots(group: Group, orders: Mapping[str, Order]) -> Slots:
    """Slots that mean the same for every draw: by distance where a context moves with the target, else by element."""
    target = group.targets[0]
    columns = _columns(group)
    pairs: list[tuple[int, tuple[int, ...], int]] = []
    for number, context in enumerate(target.factor.contexts):
        relation = context.relation(orders[target.variable.name])
        firsts = target.elements[:, 0] - target.factor.elements.start
        for draw, first in enumerate(firsts):
            read = relation.reads(int(first))
            for key, element in zip(_places(context, target, draw, read, orders), read, strict=True):
                pairs.append((draw, (number, *key), columns[context.variable][int(element)]))
    slots = {key: slot for slot, key in enumerate(sorted({key for _, key, _ in pairs}))}
    gather = np.full((group.draws, len(slots)), -1, dtype=np.int64)
    for draw, key, element in pairs:
        gather[draw, slots[key]] = element
    return Slots(gather, group.elements)


def _columns(group: Group) -> dict[str, dict[int, int]]:
    """For each source variable the column of each of its elements."""
    columns: dict[str, dict[int, int]] = {}
    start = 0
    for source in group.sources:
        columns[source.variable.name] = {element: start + i for i, element in enumerate(source.elements)}
        start += len(source.elements)
    return columns


def _places(
    context: Context, target: TargetBlock, draw: int, read: np.ndarray, orders: Mapping[str, Order]
) -> list[tuple[int, ...]]:
    """What tells the elements a draw reads apart in a way that is the same for every draw."""
    selection = context.selection
    element = target.elements[draw, 0]
    if isinstance(selection, Earlier):
        order = orders[target.variable.name]
        if selection.limits is None:
            # Elements of one rank are told apart by their place in it.
            elements, starts = order.by_rank
            place = np.empty(order.size, dtype=np.int64)
            place[elements] = np.arange(order.size) - starts[order.rank[elements]]
            return [(int(order.rank[element] - order.rank[e]), int(place[e])) for e in read]
        here = np.array(np.unravel_index(element, target.variable.shape))[:, None]
        there = np.array(np.unravel_index(read, target.variable.shape))
        return [tuple(map(int, column)) for column in (here - there).T]
    if isinstance(selection, Part):
        there = np.array(np.unravel_index(read, selection.source_shape)).reshape(len(selection.source_shape), -1)
        bounds = selection.bounds(np.array([element - target.factor.elements.start]))
        base = np.array(
            [
                high[0]
                if part.high and part.high.axis is not None
                else low[0]
                if part.low and part.low.axis is not None
                else 0
                for part, (low, high) in zip(selection.parts, bounds, strict=True)
            ],
            dtype=np.int64,
        )
        return [tuple(map(int, column)) for column in (base[:, None] - there).T]
    return [(int(e),) for e in read]
