"""Plans of networks over slots: conditional probability tables, and linear and hidden layers tied between draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ardsl.networks.dense.slots import Slots, axes_of, own_slots, slot_features, tied_slots
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group
from ardsl.relations import Order


def slots_of(group: Group, options: Mapping[str, Any], orders: Mapping[str, Order]) -> Slots:
    return tied_slots(group, orders) if options["tied"] else own_slots(group, orders)


@dataclass(frozen=True, eq=False)
class TableShape:
    """The place of each draw's row in a table: ``offset[d] + Σ_s stride[d, s] · code[d, s]``, of ``rows`` in all."""

    slots: Slots
    levels: np.ndarray
    """int [draws, slots]: how many values each slot has; a slot that may be absent has one more, for that."""
    stride: np.ndarray
    offset: np.ndarray
    rows: int


def element_levels(group: Group) -> list[int | None]:
    """The number of values of each source element, None where it is not finite."""
    return [s.variable.element_domain(e).levels for s in group.sources for e in s.elements]


def table_rows(group: Group, options: Mapping[str, Any]) -> tuple[int | None, int]:
    """The number of rows, and the power of ten that it reaches, both known before anything is allocated: it may be
    astronomical, and is None from 10¹⁵ on."""
    levels = np.array([n or 0 for n in element_levels(group)], dtype=np.int64)
    if options["tied"]:
        slots = tied_slots(group, group.orders(0))
        sizes = levels[slots.gather.max(axis=0, initial=-1)] + slots.absent
        ends = np.array([len(sizes)])
    else:
        declared = group.declared(group.orders(0)).listed()
        sizes, ends = levels[declared.read], declared.starts[1:]
    logs = np.diff(np.concatenate([[0.0], np.cumsum(np.log10(sizes))])[ends], prepend=0.0)
    power = logs.max() + np.log10((10 ** (logs - logs.max())).sum())
    if power >= 15:
        return None, int(power + 1e-9)
    return sum(prod(part.tolist()) for part in np.split(sizes, ends[:-1])), int(power)


def table_shape(group: Group, options: Mapping[str, Any], orders: Mapping[str, Order]) -> TableShape:
    """The layout of a table under the given orders."""
    slots = slots_of(group, options, orders)
    known = np.array([n or 0 for n in element_levels(group)] + [1], dtype=np.int64)
    levels = known[slots.gather]
    if options["tied"]:
        levels = np.broadcast_to(known[slots.gather.max(axis=0, initial=-1)] + slots.absent, slots.gather.shape)
    following = np.cumprod(levels[:, ::-1], axis=1)[:, ::-1]
    stride = np.concatenate([following[:, 1:], np.ones((len(levels), 1), np.int64)], axis=1)[:, : levels.shape[1]]
    sizes = following[:, 0] if levels.shape[1] else np.ones(len(levels), dtype=np.int64)
    if options["tied"]:
        return TableShape(slots, levels, stride, np.zeros(len(levels), np.int64), int(sizes.max(initial=1)))
    return TableShape(slots, levels, stride, np.cumsum(sizes) - sizes, int(sizes.sum()))


def plan_table(group: Group, options: Mapping[str, Any]) -> Design:
    """A row of parameters for every value of every draw's context."""
    shapes = [table_shape(group, options, group.orders(k)) for k in range(group.order_count)]
    realized = tuple(shape.slots.relation() for shape in shapes)
    width = group.targets[0].family.width
    layer = LayerPlan(
        name="table",
        inputs=group.elements,
        outputs=group.draws * width,
        parameters=shapes[0].rows * width,
        connections=shapes[0].rows * width,
        flops=2 * int((shapes[0].slots.gather >= 0).sum()),
        relation=realized[0],
    )
    axes = tied_axes(group) if options["tied"] else {}
    return Design(group, "table", dict(options), (layer,), realized, tied_axes=axes)


def plan_tied(group: Group, network: str, options: Mapping[str, Any]) -> Design:
    """One dense network applied to the slots of every place, which gives the draws of all kinds there."""
    axes = axes_of(group.targets[0], options["tied"])
    slots = [tied_slots(group, group.orders(k), axes) for k in range(group.order_count)]
    realized = tuple(each.relation() for each in slots)
    places, kinds = len(slots[0].gather), len(slots[0].read)
    features = slot_features(group, slots[0])
    sizes = [int(features.sum()), *options.get("hidden", ()), kinds * int(group.draw_outputs[0])]
    layers = []
    for number, (inputs, outputs) in enumerate(zip(sizes, sizes[1:], strict=False)):
        last = number == len(sizes) - 2
        masked = int((slots[0].read @ features).sum()) * int(group.draw_outputs[0])
        layers.append(
            LayerPlan(
                name="tied output" if last else f"tied hidden {number + 1}",
                inputs=inputs,
                outputs=outputs,
                parameters=inputs * outputs + outputs,
                connections=masked if len(sizes) == 2 else inputs * outputs,
                flops=2 * inputs * outputs * places,
                relation=realized[0],
                activation=None if last else options["activation"],
            )
        )
    return Design(group, network, dict(options), tuple(layers), realized, tied_axes=tied_axes(group, axes))


def tied_axes(group: Group, axes: tuple[int, ...] | None = None) -> dict[str, tuple[int, ...]]:
    """The axes, by variable, along which a tied network shares its weights: all ``axes`` of the draws, or some, and
    those that are read by place along them."""
    target = group.targets[0].variable
    if target.is_record:
        return {}
    found = {target.name: tuple(range(len(target.shape))) if axes is None else axes}
    for context in group.factors[0].contexts:
        if context.variable != target.name and context.selection.placed_axes(axes):
            found[context.variable] = context.selection.placed_axes(axes)
    return found
