"""Designs: networks as data, layer by layer, each with its relation and cost, before any weight exists. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ardsl.common.wording import plural, truncated
from ardsl.networks.group import Group
from ardsl.relations import Order, Relation

if TYPE_CHECKING:
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.stepper import Run, Stepper, TimeStepper


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
    direct: bool = False
    """True for the layer that leads from the network's inputs to its outputs, past all others."""


@dataclass(frozen=True)
class Design:
    """A network made for the factors that share it: its layers, what they realize, and how it is built and evaluated.

    Designs are made once, without torch; ``build`` and the steppers import it. A plug-in has to write ``build``.

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
    """The help for a network with blind spots: how it would realize all that is declared."""
    receptive_field: int | None = None
    """The number of earlier time steps that a time step reads, of a network that runs along time, the first axis; None
    for others. A network along time can be evaluated at some time steps only."""
    tied_axes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By variable, the axes along which parameters are tied: all elements along them share their weights."""

    def __repr__(self) -> str:
        factors = truncated(", ".join(factor.text for factor in self.group.factors))
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

    def declared(self, orders: Mapping[str, Order]) -> Relation:
        """The relation that the group declares under the given orders, draws × source elements, in a form that compares
        well with what is realized."""
        return self.group.declared(orders)

    def build(self) -> NetworkModule:
        """Makes the torch module, with fresh weights."""
        raise NotImplementedError(f"the design of `{self.network}` does not say how it is built")

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        """Makes the evaluator by steps of a module that :meth:`build` made. This one runs the whole module at every
        step: right for any network, and slow; a network that can compute each activation once has its own."""
        from ardsl.networks.slot_stepper import whole_stepper

        return whole_stepper(self.group, module, run)

    def time_stepper(self, module: NetworkModule, batch: int) -> TimeStepper:
        """Makes the evaluator by time steps, of a network that runs along time."""
        raise NotImplementedError(f"`{self.network}` does not run along time")
