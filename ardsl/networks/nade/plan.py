"""Plans of shallow networks: one hidden layer over the sum of what each draw reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ardsl.networks.contexts import Contexts, distinct_contexts
from ardsl.networks.dense.slots import Slots, axes_of, slot_columns, slot_features, tied_slots
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group
from ardsl.networks.nade.blocks import Blocks, make_blocks
from ardsl.relations import Labelled, Levels, Matrix, Order, Relation, Sparse
from ardsl.relations.arrays import expanded


@dataclass(frozen=True, eq=False)
class Reading:
    """What kinds of draws read under one order: ``features`` are the inputs of each slot, ``outputs`` the parameters of
    a draw of each kind.

    Draw ``d`` is of ``kind[d]``, at ``place[d]``: each place has the same network, and ``gather`` [places, features] is
    the input that each of its features is there (see ``slot_columns``). Where draws are not tied all are of kinds of
    their own, at one place, and ``slots`` and ``gather`` are None: their slots are the elements.
    """

    contexts: Contexts
    features: np.ndarray
    outputs: np.ndarray
    by_draw: bool
    """True where each kind has hidden units of its own, though others have its context."""
    kind: np.ndarray
    place: np.ndarray
    slots: Slots | None = None
    gather: np.ndarray | None = None

    @cached_property
    def first_features(self) -> np.ndarray:
        """The first feature of each slot, int64 [slots]."""
        return np.cumsum(self.features) - self.features

    def added(self, place: int, context: int, before: int) -> tuple[np.ndarray, np.ndarray]:
        """The inputs that a context adds to one ``before`` in its chain, or to nothing (−1), at a place; and the
        feature that each of them is there."""
        since = before + 1 if before >= 0 else int(self.contexts.chain[context])
        starts = self.contexts.added.starts
        slots = self.contexts.added.read[starts[since] : starts[context + 1]]
        features = expanded(self.first_features[slots], self.features[slots])[1]
        return features if self.gather is None else self.gather[place, features], features

    @cached_property
    def blocks(self) -> Blocks:
        return make_blocks(self.contexts, self.features, self.outputs, self.by_draw)

    @cached_property
    def relation(self) -> Relation:
        """Draws × elements."""
        by_slot = self.units.select(self.contexts.of_draw[self.kind])
        if self.slots is None:
            return by_slot
        draw, slot = by_slot.pairs(np.arange(len(self.kind)))
        element = self.slots.gather[self.place[draw], slot]
        there = element >= 0
        return Sparse.of_pairs(len(self.kind), self.slots.elements, draw[there], element[there])

    @property
    def places(self) -> int:
        """How many times the network is there for an example."""
        return 1 if self.gather is None else len(self.gather)

    @cached_property
    def units(self) -> Relation:
        """The hidden units of contexts × slots."""
        contexts, added = self.contexts, self.contexts.added
        everyone = np.arange(len(contexts))
        if contexts.continues[1:].all() and not contexts.continues[:1].any():
            level = np.full(added.sources, len(contexts))
            level[added.read] = added.target
            return Levels(everyone, level)
        if int(contexts.sizes.sum()) * 8 > len(contexts) * added.sources:
            return Labelled(everyone, np.arange(added.sources), contexts.rows(everyone))
        owner, place = expanded(added.starts[contexts.chain], contexts.sizes)
        return Sparse.of_pairs(len(contexts), added.sources, owner, added.read[place])

    @cached_property
    def shared(self) -> Relation:
        """Kinds × the contexts whose hidden units they read: each its own."""
        of_draw = self.contexts.of_draw
        return Sparse.of_pairs(len(of_draw), len(self.contexts), np.arange(len(of_draw)), of_draw)


@dataclass(frozen=True, repr=False)
class ShallowPlan(Design):
    """A design with what its draws read under each of the group's orders."""

    readings: tuple[Reading, ...] = field(kw_only=True)


def reading(group: Group, options: Mapping[str, Any], orders: Mapping[str, Order]) -> Reading:
    """What a group's draws read under the given orders."""
    if not options["tied"]:
        contexts = distinct_contexts(group.declared(orders))
        kind, place = np.arange(group.draws), np.zeros(group.draws, dtype=np.int64)
        return Reading(contexts, group.element_features, group.draw_outputs, options["scaled"], kind, place)
    slots = tied_slots(group, orders, axes_of(group.targets[0], options["tied"]))
    return Reading(
        distinct_contexts(Matrix(slots.read)),
        slot_features(group, slots),
        group.draw_outputs[: len(slots.read)],
        options["scaled"],
        slots.kind,
        slots.place,
        slots,
        slot_columns(group, slots),
    )


def own_features(group: Group, options: Mapping[str, Any], read: Reading) -> np.ndarray:
    """The output whose weights each feature has (transposed), −1 of those that have weights of their own: int64
    [features]."""
    output = np.full(int(read.features.sum()), -1)
    if not options["transposed"]:
        return output
    elements, at = np.arange(group.elements), np.zeros(group.elements, dtype=np.int64)
    if read.slots is not None:  # where a slot is, at the first place that has it
        at = (read.slots.gather >= 0).argmax(axis=0)
        elements = read.slots.gather[at, np.arange(len(at))]
    first_output = np.cumsum(read.outputs) - read.outputs
    start = 0
    for target in group.targets:
        draw_of = np.full(target.variable.size, -1)
        if target.elements.shape[1] == 1:
            draw_of[target.elements[:, 0]] = start + np.arange(target.draws)
        own = group.elements_of(target.variable)[elements]
        draw = np.where(own >= 0, draw_of[own], -1)
        shared = (draw >= 0) & (read.features == 1)
        shared[shared] = (read.outputs[read.kind[draw[shared]]] == 1) & (read.place[draw[shared]] == at[shared])
        output[read.first_features[shared]] = first_output[read.kind[draw[shared]]]
        start += target.draws
    return output


def shares_weights(group: Group, options: Mapping[str, Any]) -> bool:
    """Says whether there is an element that is read by the weights of its own draw."""
    return bool((own_features(group, options, reading(group, options, group.orders(0))) >= 0).any())


def layer_plans(group: Group, options: Mapping[str, Any], read: Reading) -> tuple[LayerPlan, ...]:
    """The two layers, as they are evaluated under one order."""
    hidden, features, outputs = options["hidden"], int(read.features.sum()), int(read.outputs.sum())
    blocks = read.blocks
    own = int((own_features(group, options, read) < 0).sum())
    scales = len(read.outputs) if options["scaled"] else 0
    first = LayerPlan(
        name="hidden",
        inputs=features,
        outputs=hidden,
        parameters=(own + 1) * hidden + scales,
        connections=len(blocks.features) * hidden,
        flops=2 * blocks.multiplied * hidden * read.places,
        relation=read.units,
        activation=options["activation"],
        activated=(blocks.kept * read.places - 1) * hidden,
    )
    last = LayerPlan(
        name="output",
        inputs=hidden,
        outputs=outputs,
        parameters=outputs * (hidden + 1),
        connections=outputs * hidden,
        flops=2 * outputs * hidden * read.places,
        relation=read.shared,
    )
    return first, last
