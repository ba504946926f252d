"""Slots: a draw's context as a short list of places, for tables and for parameters tied between draws.

Slot ``s`` of draw ``d`` is source element ``gather[d, s]``, or −1 where there is none (outside the array). With tied
parameters a slot means the same for every draw: the same element of another variable, or the same distance back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ardsl.networks.group import Group
from ardsl.relations import Order, Sparse


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
        numbers = context.selection.slots(orders[target.variable.name], own[draw], read)
        distinct, slot = np.unique(_numbered(numbers), return_inverse=True)
        draws.append(draw)
        elements.append(group.columns(source)[read])
        slots.append(count + slot.reshape(-1))
        count += len(distinct)
    gather = np.full((group.draws, count), -1, dtype=np.int64)
    gather[np.concatenate(draws), np.concatenate(slots)] = np.concatenate(elements)
    return Slots(gather, group.elements)


def _numbered(parts: list[np.ndarray]) -> np.ndarray:
    """One number for each tuple of whole numbers, in their order."""
    numbers = np.zeros(1, dtype=np.int64)
    for part in parts:
        low, high = part.min(initial=0), part.max(initial=0)
        numbers = numbers * (high - low + 1) + (part - low)
    return numbers
