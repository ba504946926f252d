"""Plans of dense networks: masked layers between labels, composed to what the network realizes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ardsl.networks.dense.labels import label
from ardsl.networks.group import Group
from ardsl.networks.plan import GroupPlan, LayerPlan
from ardsl.relations import Levels, Matrix, Order, Relation


@dataclass(frozen=True, eq=False)
class DenseRelations:
    """What each masked layer lets through, under one order.

    ``hidden[0]`` is units × source elements, each further one units × units below, the last draws × units; empty where
    there are no hidden layers. ``direct`` is draws × source elements, or None.
    """

    hidden: tuple[Relation, ...]
    direct: Relation | None
    units: tuple[np.ndarray, ...]
    """The labels of each hidden layer's units."""

    def layout(self, group: Group) -> tuple[np.ndarray, np.ndarray]:
        """Orders of the input features and of the output numbers in which the masks are staircases: the columns of a
        layer by how few rows read them, the rows by how little they read."""
        read = self.direct if self.direct is not None else self.hidden[0]
        inputs = np.argsort(-_column_counts(read)[group.feature_element], kind="stable")
        last = self.hidden[-1] if self.hidden else read
        outputs = np.argsort(last.row_counts()[group.output_draw], kind="stable")
        return inputs, outputs

    def through_hidden(self) -> Relation | None:
        """The composition of the hidden layers: draws × source elements."""
        if not self.hidden:
            return None
        realized = self.hidden[0]
        for layer in self.hidden[1:]:
            realized = layer.after(realized)  # type: ignore[attr-defined]
        return realized

    def realized(self) -> Relation:
        """What any path realizes: draws × source elements."""
        hidden = self.through_hidden()
        if hidden is None or self.direct is None:
            found = self.direct if hidden is None else hidden
            assert found is not None  # a dense network has a hidden layer or a direct path
            return found
        return hidden.union(self.direct)  # type: ignore[attr-defined]


def _column_counts(relation: Relation) -> np.ndarray:
    """How many targets read each source."""
    if isinstance(relation, Levels):
        return Levels(-relation.source_level, -relation.target_level).row_counts()
    return relation.matrix().sum(axis=0)


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
    return DenseRelations(tuple(layers), direct, units)


def plan_dense(group: Group, network: str, options: Mapping[str, Any]) -> GroupPlan:
    """The plan of a masked dense network, for each of the group's orders."""
    under = [relations(group, options, group.orders(k)) for k in range(group.order_count)]
    first = under[0]
    features = np.bincount(group.feature_element, minlength=group.elements)
    outputs = np.bincount(group.output_draw, minlength=group.draws)
    ones = [np.ones(len(labels), dtype=np.int64) for labels in first.units]
    counts = [features, *ones, outputs]
    layers = []
    for number, relation in enumerate(first.hidden):
        last = number == len(first.hidden) - 1
        name = "output" if last else f"hidden {number + 1}"
        layers.append(
            masked_layer(name, relation, counts[number], counts[number + 1], None if last else options["activation"])
        )
    if first.direct is not None:
        layers.append(masked_layer("direct", first.direct, features, outputs, bias=not first.hidden))
    hidden = tuple(found for r in under if (found := r.through_hidden()) is not None)  # all of them, or none
    return GroupPlan(
        group,
        network,
        dict(options),
        tuple(layers),
        tuple(_drawing(r.realized(), outputs) for r in under),
        hidden if hidden and first.direct is not None else None,
        "remove `direct = false`, or widen the hidden layers" if network == "made" else None,
    )


def _drawing(realized: Relation, outputs: np.ndarray) -> Relation:
    """A draw without raw numbers (all its parameters are fixed) depends on nothing."""
    return realized if outputs.all() else Matrix(realized.matrix() & (outputs > 0)[:, None])


def masked_layer(
    name: str,
    relation: Relation,
    source_sizes: np.ndarray,
    target_sizes: np.ndarray,
    activation: str | None = None,
    bias: bool = True,
) -> LayerPlan:
    """A masked linear layer between things that take several numbers each (features of an element, raw numbers of a
    draw)."""
    inputs, outputs = int(source_sizes.sum()), int(target_sizes.sum())
    if (source_sizes == source_sizes[:1]).all():
        connections = int((relation.row_counts() * target_sizes).sum()) * int(source_sizes[0] if inputs else 0)
    else:
        connections = int(target_sizes @ (relation.matrix() @ source_sizes))
    return LayerPlan(
        name=name,
        inputs=inputs,
        outputs=outputs,
        parameters=inputs * outputs + (outputs if bias else 0),
        connections=connections,
        flops=2 * inputs * outputs,
        relation=relation,
        activation=activation,
    )
