"""Plans of dense networks: masked layers between labels, composed to what the network realizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ardsl.networks.dense.labels import label
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group
from ardsl.relations import Order, Relation

PACKED = 8
"""Weights are stored for what is read alone where all of them would be so many times more."""


@dataclass(frozen=True, eq=False)
class DenseRelations:
    """The connections that each masked layer lets through, under one order.

    ``hidden[0]`` is units × source elements, each further one units × units below, the last draws × units; empty where
    there are no hidden layers. ``direct`` is draws × source elements, or None.
    """

    hidden: tuple[Relation, ...]
    direct: Relation | None
    units: tuple[np.ndarray, ...]
    """The labels of each hidden layer's units."""
    listed: bool
    """True where all of these list their pairs, since they are few."""

    def layout(self, group: Group) -> tuple[np.ndarray, np.ndarray]:
        """Orders of the input features and of the output numbers in which the masks are staircases: the columns of a
        layer by how few rows read them, the rows by how little they read."""
        read = self.direct if self.direct is not None else self.hidden[0]
        inputs = np.argsort(-read.column_counts()[group.feature_element], kind="stable")
        last = self.hidden[-1] if self.hidden else read
        outputs = np.argsort(last.row_counts()[group.output_draw], kind="stable")
        return inputs, outputs

    def through_hidden(self) -> Relation | None:
        """The composition of the hidden layers: draws × source elements."""
        if not self.hidden:
            return None
        realized = self.hidden[0]
        for layer in self.hidden[1:]:
            realized = realized.then(layer)
        return realized

    def realized(self) -> Relation:
        """The relation that all paths together realize: draws × source elements."""
        hidden = self.through_hidden()
        if hidden is None or self.direct is None:
            realized = self.direct if hidden is None else hidden
            assert realized is not None  # a dense network has a hidden layer or a direct path
            return realized
        return hidden.union(self.direct)


def relations(group: Group, options: Mapping[str, Any], orders: Mapping[str, Order]) -> DenseRelations:
    """The masks of every layer under the given orders of the target variables."""
    labelling = label(group.declared(orders))
    widths = options["hidden"] if group.elements else ()  # with nothing to read there is nothing to compute
    units = tuple(labelling.units(width) for width in widths)
    layers: list[Relation] = []
    if units:
        layers.append(labelling.inputs(units[0]))
        layers += [labelling.between(above, below) for below, above in zip(units, units[1:], strict=False)]
        layers.append(labelling.outputs(units[-1]))
    direct = labelling.direct() if options["direct"] or not units else None
    return DenseRelations(tuple(layers), direct, units, labelling.listed)


def plan_dense(group: Group, network: str, options: Mapping[str, Any]) -> Design:
    """The plan of a masked dense network, for each of the group's orders."""
    under = [relations(group, options, group.orders(k)) for k in range(group.order_count)]
    first = under[0]
    features, outputs = group.element_features, group.draw_outputs
    ones = [np.ones(len(labels), dtype=np.int64) for labels in first.units]
    counts = [features, *ones, outputs]
    sources = [*counts[: len(first.hidden)], *([features] if first.direct is not None else [])]
    read = _read(first, sources) if group.mixed is None else None
    layers = []
    for number, relation in enumerate(first.hidden):
        last = number == len(first.hidden) - 1
        name = "output" if last else f"hidden {number + 1}"
        activation = None if last else options["activation"]
        packed = read[number] if read is not None else None
        layers.append(masked_layer(name, relation, counts[number], counts[number + 1], activation, packed=packed))
    if first.direct is not None:
        packed = read[-1] if read is not None else None
        layer = masked_layer("direct", first.direct, features, outputs, bias=not first.hidden, packed=packed)
        layers.append(replace(layer, direct=True))
    hidden = tuple(through for r in under if (through := r.through_hidden()) is not None)  # all of them, or none
    return Design(
        group,
        network,
        dict(options),
        tuple(layers),
        tuple(r.realized() for r in under),
        hidden if hidden and first.direct is not None else None,
        "remove `direct = false`, or widen the hidden layers" if network == "made" else None,
    )


def _read(dense: DenseRelations, source_sizes: list[np.ndarray]) -> list[int] | None:
    """The most numbers that an output of each layer, and at last of the direct path, reads, where these are few: None
    where it would not pay to store weights for these alone."""
    if not dense.listed:
        return None
    layers = [*dense.hidden, *([dense.direct] if dense.direct is not None else [])]
    read = [int(layer.totals(sizes).max(initial=0)) for layer, sizes in zip(layers, source_sizes, strict=True)]
    packed = sum(layer.targets * most for layer, most in zip(layers, read, strict=True))
    masked = sum(layer.targets * int(sizes.sum()) for layer, sizes in zip(layers, source_sizes, strict=True))
    return read if PACKED * packed <= masked else None


def masked_layer(
    name: str,
    relation: Relation,
    source_sizes: np.ndarray,
    target_sizes: np.ndarray,
    activation: str | None = None,
    bias: bool = True,
    packed: int | None = None,
) -> LayerPlan:
    """A masked linear layer between things that take several numbers each (features of an element, parameters of a
    draw). ``packed``: for so many inputs each output stores weights, and for no others."""
    inputs, outputs = int(source_sizes.sum()), int(target_sizes.sum())
    if (source_sizes == source_sizes[:1]).all():
        connections = int((relation.row_counts() * target_sizes).sum()) * int(source_sizes[0] if inputs else 0)
    else:
        connections = int(target_sizes @ relation.totals(source_sizes))
    weights = outputs * (inputs if packed is None else packed)
    return LayerPlan(
        name=name,
        inputs=inputs,
        outputs=outputs,
        parameters=weights + (outputs if bias else 0),
        connections=connections,
        flops=2 * weights,
        relation=relation,
        activation=activation,
        packed=packed,
    )
