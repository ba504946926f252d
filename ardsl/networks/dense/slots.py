"""Slots: a draw's context as a short list of places, for tables and for parameters tied between draws.

With tied parameters a slot means the same for every draw: the same element of another variable, or the same distance
back. Draws that are tied along some axes only, as along time, are of several kinds, one for each place along the other
axes: they share the slots, and each kind reads some of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ardsl.networks.group import Group, TargetBlock
from ardsl.relations import Order, Sparse
from ardsl.relations.boxes import unraveled


@dataclass(frozen=True, eq=False)
class Slots:
    """Slot ``s`` of the draws at place ``p`` is source element ``gather[p, s]``, or −1 where there is none (outside the
    array): int64 [places, slots].

    Draw ``d`` is at ``place[d]`` and of ``kind[d]``; kind ``k`` reads the slots in ``read[k]``, bool [kinds, slots].
    ``absent[s]`` tells whether slot ``s`` is missing for any draw.
    """

    gather: np.ndarray
    elements: int
    place: np.ndarray
    kind: np.ndarray
    read: np.ndarray

    @property
    def absent(self) -> np.ndarray:
        return np.any(self.gather < 0, axis=0)

    def relation(self) -> Sparse:
        """Draws × source elements, read off the slots themselves."""
        draw, slot = np.nonzero((self.gather >= 0)[self.place] & self.read[self.kind])
        return Sparse.of_pairs(len(self.place), self.elements, draw, self.gather[self.place[draw], slot])


def _of_one_kind(gather: np.ndarray, elements: int) -> Slots:
    """Slots that all draws have, each at a place of its own."""
    draws, slots = gather.shape
    return Slots(gather, elements, np.arange(draws), np.zeros(draws, dtype=np.int64), np.ones((1, slots), dtype=bool))


def own_slots(group: Group, orders: Mapping[str, Order]) -> Slots:
    """Each draw's context elements in ascending order: slots that mean something else for every draw."""
    declared = group.declared(orders).listed()
    gather = np.full((group.draws, declared.most), -1, dtype=np.int64)
    gather[declared.target, np.arange(declared.count) - declared.starts[declared.target]] = declared.read
    return _of_one_kind(gather, group.elements)


def tied_slots(group: Group, orders: Mapping[str, Order], axes: tuple[int, ...] | None = None) -> Slots:
    """Slots that mean the same for every draw: by distance where a context moves with the target, else by element. Of
    some ``axes``, the same for all draws that differ along these alone."""
    target = group.targets[0]
    draws = [np.zeros(0, dtype=np.int64)]
    elements, slots, count = list(draws), list(draws), 0
    for context, (_, source, own, relation) in zip(target.factor.contexts, group.readings(orders), strict=True):
        draw, read = relation.pairs(own)
        numbers = context.selection.slots(orders[target.variable.name], own[draw], read, axes)
        distinct, slot = np.unique(_numbered(numbers), return_inverse=True)
        draws.append(draw)
        elements.append(group.columns(source)[read])
        slots.append(count + slot.reshape(-1))
        count += len(distinct)
    draw, slot, element = (np.concatenate(parts) for parts in (draws, slots, elements))
    if axes is None:
        gather = np.full((group.draws, count), -1, dtype=np.int64)
        gather[draw, slot] = element
        return _of_one_kind(gather, group.elements)
    at = unraveled(target.elements[:, 0], target.variable.shape)
    place, kind = (
        np.unique(_numbered([c for axis, c in enumerate(at) if (axis in axes) == tied]), return_inverse=True)[1]
        for tied in (True, False)
    )
    place, kind = (np.resize(numbers, group.draws) for numbers in (place, kind))  # of one alone, all have it
    gather = np.full((int(place.max()) + 1, count), -1, dtype=np.int64)
    gather[place[draw], slot] = element
    read_slots = np.zeros((int(kind.max()) + 1, count), dtype=bool)
    read_slots[kind[draw], slot] = True
    return Slots(gather, group.elements, place, kind, read_slots)


def axes_of(target: TargetBlock, tied: bool | tuple[str, ...]) -> tuple[int, ...] | None:
    """The axes that an option names along which draws are tied; None where these are all that draws differ along."""
    if isinstance(tied, bool):
        return None
    axes = tuple(number for number, axis in enumerate(target.variable.axes) if axis.name in tied)
    drawn = set(range(len(target.variable.shape))) - set(target.factor.event_axes)
    return None if drawn <= set(axes) else axes


def slot_features(group: Group, slots: Slots) -> np.ndarray:
    """Inputs of each slot, int64 [slots]: its element's features, and one more that says it is there where it may be
    absent."""
    some = slots.gather.max(axis=0, initial=-1)
    return group.element_features[some] + slots.absent if len(some) else np.zeros(0, dtype=np.int64)


def slot_columns(group: Group, slots: Slots) -> np.ndarray:
    """The column of the group's inputs that each input of the slots is, int64 [places, inputs]; two more columns are a
    constant 0 (a feature that is absent) and a constant 1 (the slot is there)."""
    zero, one = group.features, group.features + 1
    first = np.searchsorted(group.feature_element, np.arange(group.elements))
    columns = [np.zeros((len(slots.gather), 0), dtype=np.int64)]
    for slot, width in enumerate(slot_features(group, slots).tolist()):
        element = slots.gather[:, slot]
        there = (element >= 0)[:, None]
        place = first[np.maximum(element, 0)][:, None] + np.arange(width - int(slots.absent[slot]))
        columns.append(np.where(there, place, zero))
        if slots.absent[slot]:
            columns.append(np.where(there, one, zero))
    return np.concatenate(columns, axis=1)


def _numbered(parts: list[np.ndarray]) -> np.ndarray:
    """One number for each tuple of whole numbers, in their order."""
    numbers = np.zeros(1, dtype=np.int64)
    for part in parts:
        low, high = part.min(initial=0), part.max(initial=0)
        numbers = numbers * (high - low + 1) + (part - low)
    return numbers
