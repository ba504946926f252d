"""Plans: layers as data, each with its relation and cost, before any weight exists. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ardsl.common.wording import cut, plural
from ardsl.networks.group import Group
from ardsl.relations import Relation


@dataclass(frozen=True)
class LayerPlan:
    """One layer: which of its inputs each of its outputs may depend on, and what it costs.

    ``parameters`` counts the weights and biases stored; ``connections`` those a mask lets through; ``flops`` the
    multiply-adds of one example, each counted as two.
    """

    name: str
    inputs: int
    outputs: int
    parameters: int
    connections: int
    flops: int
    relation: Relation = field(repr=False)
    activation: str | None = None
    activated: int = 0
    """Numbers that its activation keeps for the backward pass, where it has one of several inputs."""
    packed: int | None = None
    """Of a layer whose outputs read few of its inputs and store no weights for the others: how many each has weights
    for."""


@dataclass(frozen=True)
class GroupPlan:
    """How the factors that share one network are realized.

    ``realized`` holds, for each of the group's orders, the relation draws × source elements that the layers compose
    to; ``hidden`` the same without the direct input-to-output path (None where the network has none).
    """

    group: Group
    network: str
    options: dict[str, Any]
    layers: tuple[LayerPlan, ...]
    realized: tuple[Relation, ...] = field(repr=False)
    hidden: tuple[Relation, ...] | None = field(repr=False, default=None)
    completion: str | None = None
    """How the network would realize all that is declared, where it does not."""
    back: int | None = None
    """Of a network that runs along time, the first axis: how many moments back it reads. Such a one can be evaluated at
    some moments only."""
    alike: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By variable, the axes along which the network treats all elements alike."""

    def __repr__(self) -> str:
        factors = cut(", ".join(factor.text for factor in self.group.factors))
        return f"<{self.network} for {factors}: {plural(self.parameters, 'parameter')}>"

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def flops(self) -> int:
        return sum(layer.flops for layer in self.layers)

    @property
    def activations(self) -> int:
        """Numbers kept for the backward pass of one example."""
        return sum(layer.outputs + layer.activated for layer in self.layers) + self.group.features


@dataclass(frozen=True)
class Plan:
    """The whole model's plan. ``formula`` is the factorization it realizes; ``steps`` the sampling steps."""

    groups: tuple[GroupPlan, ...]
    formula: str
    steps: int
    batch: int
    """The batch size activation memory is reported for."""
    window: int | None = None
    """Of what runs along time, how many moments a training step sees."""
    guide: Plan | None = None
    """That of the ``q`` factors, where there are latent variables. All sums count it in."""

    def __repr__(self) -> str:
        sizes = f"{plural(self.parameters, 'parameter')}, {plural(self.steps, 'sampling step')}"
        return f"<plan of {cut(self.formula)}: {sizes}>"

    @property
    def every(self) -> tuple[GroupPlan, ...]:
        """The groups, and those of the guide."""
        return self.groups + (self.guide.groups if self.guide is not None else ())

    @property
    def layers(self) -> tuple[LayerPlan, ...]:
        return tuple(layer for group in self.every for layer in group.layers)

    @property
    def parameters(self) -> int:
        return sum(group.parameters for group in self.every)

    @property
    def flops(self) -> int:
        """Of one example's likelihood under one order (of its bound, where there are latent variables)."""
        return sum(group.flops for group in self.every)

    @property
    def activation_bytes(self) -> int:
        """Of one training batch, in float32."""
        return round(4 * self.batch * sum(group.activations * self._share(group) for group in self.every))

    def _share(self, group: GroupPlan) -> float:
        """Which part of the moments a training step evaluates."""
        if self.window is None or group.back is None:
            return 1
        return min(1, (self.window + group.back) / group.group.targets[0].variable.shape[0])
