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
from ardsl.relations import Affine, Earlier, Order, Part, Sparse
from ardsl.relations.boxes import unraveled


@dataclass(frozen=True, eq=False)
class Slots:
    """``gather`` is int [draws, slots]; ``absent[s]`` tells whether slot ``s`` is missing for any draw."""

    gather: np.ndarray
    elements: int

    @property
    def absent(self) -> np.ndarray:
        return np.any(self.gather < 0, axis=0)

    def relation(self) -> Sparse:
        """Draws × source elements, read off the slots themselves."""
        draw, slot = np.nonzero(self.gather >= 0)
        return Sparse.of_pairs(len(self.gather), self.elements, draw, self.gather[draw, slot])


def own_slots(group: Group, orders: Mapping[str, Order]) -> Slots:
    """Each draw's context elements in ascending order: slots that mean something else for every draw."""
    declared = group.declared(orders).listed()
    gather = np.full((group.draws, declared.most), -1, dtype=np.int64)
    gather[declared.target, np.arange(declared.count) - declared.starts[declared.target]] = declared.read
    return Slots(gather, group.elements)


def tied_slots(group: Group, orders: Mapping[str, Order]) -> Slots:
    """Slots that mean the same for every draw: by distance where a context moves with the target, else by element."""
    target = group.targets[0]
    draws = [np.zeros(0, dtype=np.int64)]
    elements, slots, count = list(draws), list(draws), 0
    for context, (_, source, own, relation) in zip(target.factor.contexts, group.readings(orders), strict=True):
        draw, read = relation.pairs(own)
        distinct, slot = np.unique(_keys(context, target, draw, read, orders), return_inverse=True)
        draws.append(draw)
        elements.append(group.columns(source)[read])
        slots.append(count + slot.reshape(-1))
        count += len(distinct)
    gather = np.full((group.draws, count), -1, dtype=np.int64)
    gather[np.concatenate(draws), np.concatenate(slots)] = np.concatenate(elements)
    return Slots(gather, group.elements)


def _keys(
    context: Context, target: TargetBlock, draw: np.ndarray, read: np.ndarray, orders: Mapping[str, Order]
) -> np.ndarray:
    """A number for each pair of a draw and an element that it reads, which tells the elements of a draw apart in a way
    that is the same for every draw."""
    selection = context.selection
    element = target.elements[draw, 0]
    if isinstance(selection, Earlier):
        order = orders[target.variable.name]
        if selection.limits is None:
            # Elements of one rank are told apart by their place in it.
            by_rank, starts = order.by_rank
            place = np.empty(order.size, dtype=np.int64)
            place[by_rank] = np.arange(order.size) - starts[order.rank[by_rank]]
            return _numbered([order.rank[element] - order.rank[read], place[read]])
        here, there = (np.unravel_index(each, target.variable.shape) for each in (element, read))
        return _numbered([a - b for a, b in zip(here, there, strict=True)])
    if isinstance(selection, Part):
        bounds = selection.bounds(element - target.factor.elements.start)
        places = unraveled(read, selection.source_shape)
        return _numbered(
            [
                (high if _moves(part.high) else low if _moves(part.low) else 0) - at
                for part, (low, high), at in zip(selection.parts, bounds, places, strict=True)
            ]
        )
    return read


def _moves(bound: Affine | None) -> bool:
    return bound is not None and bound.axis is not None


def _numbered(parts: list[np.ndarray]) -> np.ndarray:
    """One number for each tuple of whole numbers, in their order."""
    numbers = np.zeros(1, dtype=np.int64)
    for part in parts:
        low, high = part.min(initial=0), part.max(initial=0)
        numbers = numbers * (high - low + 1) + (part - low)
    return numbers
