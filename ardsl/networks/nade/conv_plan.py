"""Convolutions asked with a mask, as data: their shapes, and what they reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ardsl.networks.design import LayerPlan
from ardsl.networks.group import Group
from ardsl.networks.nade.deep import dense_layers
from ardsl.relations import Everything, Matrix, Relation


@dataclass(frozen=True)
class Convolution:
    """One convolution, from ``inputs`` features of an array of the shape ``source`` to ``outputs`` of ``target``.

    Without padding it narrows the array by the ``kernel`` less one along each axis; ``full`` padding widens it by as
    much.
    """

    inputs: int
    outputs: int
    source: tuple[int, ...]
    kernel: tuple[int, ...]
    full: bool

    @property
    def target(self) -> tuple[int, ...]:
        way = 1 if self.full else -1
        return tuple(size + way * (taps - 1) for size, taps in zip(self.source, self.kernel, strict=True))

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs * prod(self.kernel)

    def plan(self, name: str, times: int, activation: str | None) -> LayerPlan:
        """The layer as data, in a likelihood that evaluates it so many times."""
        inputs, outputs = self.inputs * prod(self.source), self.outputs * prod(self.target)
        return LayerPlan(
            name=name,
            inputs=inputs,
            outputs=outputs,
            parameters=self.weights + self.outputs,
            connections=self.weights + self.outputs,
            flops=2 * times * self.weights * prod(self.source if self.full else self.target),
            relation=Everything(outputs, inputs),
            activation=activation,
        )


@dataclass(frozen=True)
class Positions:
    """A group's only variable as an array of positions: its first axes, the other ones being features of each."""

    shape: tuple[int, ...]
    elements: int
    """Of a position."""
    features: int
    """Of a position, without those that say which of its elements are known."""
    outputs: int

    @classmethod
    def of(cls, group: Group, axes: int) -> Positions:
        """The first ``axes`` axes are positions, as far as none is covered by a draw."""
        variable, events = group.targets[0].variable, group.targets[0].factor.event_axes
        shape = variable.shape[: min(axes, *events)] if events else variable.shape[:axes]
        elements = prod(variable.shape[len(shape) :])
        features = elements * variable.element_domain(0).features
        return cls(shape, elements, features, len(group.output_draw) // prod(shape))


def convolutions(positions: Positions, features: int, kernels: Sequence[int]) -> list[Convolution]:
    """The convolutions that narrow an array as far as its axes go, and those that widen it again."""
    layers: list[Convolution] = []
    inputs, shape = positions.features + positions.elements, positions.shape
    for width in kernels:
        kernel = tuple(min(width, size) for size in shape)
        layers.append(Convolution(inputs, features, shape, kernel, full=False))
        inputs, shape = features, layers[-1].target
    for narrowing in reversed(layers[:]):
        outputs = positions.outputs if narrowing is layers[0] else features
        layers.append(Convolution(features, outputs, shape, narrowing.kernel, full=True))
        shape = layers[-1].target
    return layers


def layers_beside(group: Group, options: Mapping[str, Any], contexts: int) -> list[LayerPlan]:
    """The layers beside the convolutions: one from what else is read to the features of the first, and the dense
    network."""
    layers = []
    others = other_columns(group)
    if len(others):
        weights = len(others) * options["features"]
        layers.append(
            LayerPlan(
                name="given",
                inputs=len(others),
                outputs=options["features"],
                parameters=weights,
                connections=weights,
                flops=2 * contexts * weights,
                relation=Everything(options["features"], len(others)),
            )
        )
    return layers + (dense_layers(group, options, contexts, "dense ", carried=False) if options["dense"] else [])


def other_columns(group: Group) -> np.ndarray:
    """The columns of other variables than the drawn one, int64: features, and after all of the group's features one
    for each element."""
    others = group.elements_of(group.targets[0].variable) < 0
    return np.concatenate([np.flatnonzero(others[group.feature_element]), group.features + np.flatnonzero(others)])


def reached(group: Group, positions: Positions, layers: Sequence[Convolution], declared: Relation) -> Relation:
    """What is declared and within the receptive field of the convolutions; all that other variables give is."""
    low, high = receptive_field(layers)
    if all((axis == 0).all() for axis in low) and all(
        (axis == size - 1).all() for axis, size in zip(high, positions.shape, strict=True)
    ):
        return declared
    target = group.targets[0]
    draws = np.unravel_index(target.elements[:, 0] // positions.elements, positions.shape)
    own = group.elements_of(target.variable)
    elements = np.unravel_index(np.maximum(own, 0) // positions.elements, positions.shape)
    within = np.ones((group.draws, group.elements), dtype=bool)
    for at, place, lowest, highest in zip(draws, elements, low, high, strict=True):
        within &= (lowest[at][:, None] <= place) & (place <= highest[at][:, None])
    return Matrix(declared.matrix() & (within | (own < 0)))


def receptive_field(layers: Sequence[Convolution]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The first and the last index along each axis that each position of the last layer reads of the first one's
    input. Stretches compose to stretches, since neighbours overlap or touch."""
    low = [np.arange(size) for size in layers[0].source]
    high = list(low)
    for layer in layers:
        for axis, (taps, source, target) in enumerate(zip(layer.kernel, layer.source, layer.target, strict=True)):
            index = np.arange(target)
            first = np.maximum(index - (taps - 1), 0) if layer.full else index
            last = np.minimum(index, source - 1) if layer.full else index + taps - 1
            low[axis], high[axis] = low[axis][first], high[axis][last]
    return low, high
