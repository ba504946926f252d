"""Networks as other packages would write them: a sound one, and some that are wrong in one thing each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.diagnostics import Diagnostic
from ardsl.networks.context import ContextNetwork, ContextPlan
from ardsl.networks.dense.designs import DenseDesign
from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.networks import Linear
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group, SourceBlock
from ardsl.networks.module import NetworkModule
from ardsl.networks.network import Network
from ardsl.networks.stepper import Orders
from ardsl.relations import Everything


class Straight(Linear):
    name = "straight"
    doc = "a linear network by another name"
    examples = {
        "bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via straight\ncheck complete(x)\n",
        "conditioned": "given z : real\nobserved x[3] : category(3)\np(x[i] | x[<i], z) = categorical via straight\n",
    }


class Squares(Network):
    """A network of its own, with nothing inherited but the interfaces."""

    name = "squares"
    doc = "parameters are linear in each context and its squares"
    examples = {
        "numbers": "observed x[4] : real\np(x[i] | x[<i]) = normal via squares\ncheck complete(x)\n",
        "bits, drawn backwards": (
            "given z : binary\nobserved x[2, 2] : binary\norder x by reverse\n"
            "p(x[i] | x[<i], z) = bernoulli via squares\n"
        ),
        "two factors": (
            "observed a : category(3)\nobserved b[2] : binary\nnet body = squares\n"
            "p(a) = categorical via body\np(b[i] | b[<i], a) = bernoulli via body\n"
        ),
    }

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        realized = tuple(group.declared(group.orders(k)) for k in range(group.order_count))
        inputs, outputs = 2 * group.features, len(group.output_draw)
        weights = (inputs + 1) * outputs
        layer = LayerPlan("squares", inputs, outputs, weights, weights, 2 * inputs * outputs, realized[0])
        return SquaresDesign(group, self.name, dict(options), (layer,), realized)


@dataclass(frozen=True, repr=False)
class SquaresDesign(Design):
    def build(self) -> SquaresModule:
        return SquaresModule(self)


class SquaresModule(NetworkModule):
    def __init__(self, design: Design) -> None:
        super().__init__()
        (layer,), group = design.layers, design.group
        self.weight = nn.Parameter(torch.zeros(layer.outputs, layer.inputs))
        self.bias = nn.Parameter(torch.zeros(layer.outputs))
        self.masks = [
            torch.from_numpy(relation.matrix()[group.output_draw][:, np.tile(group.feature_element, 2)])
            for relation in design.realized
        ]

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        assert isinstance(orders, int)  # the examples have declared ones
        return F.linear(torch.cat([inputs, inputs**2], 1), self.weight * self.masks[orders], self.bias)

    def start_at(self, parameters: Tensor) -> None:
        self.bias.data.copy_(parameters)


class Unmasked(Straight):
    name = "unmasked"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via unmasked\n"}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        designed = super().design(group, options)
        return _UnmaskedDesign(**vars(designed)) if isinstance(designed, Design) else designed


@dataclass(frozen=True, repr=False)
class _UnmaskedDesign(DenseDesign):
    def build(self) -> DenseNetwork:
        return _Unmasked(self)


class _Unmasked(DenseNetwork):
    """It multiplies by no mask, in either evaluator."""

    def masked(self, masks: tuple[list[Tensor], Tensor | None]) -> tuple[list[Tensor], Tensor | None]:
        return list(self.weights), self.direct

    def _products(self, inputs: Tensor, orders: Orders) -> Callable[[int, Tensor], Tensor]:
        weights, biases = [*self.weights, self.direct], [*self.biases, None]
        return lambda n, x: F.linear(x, weights[n], biases[n])  # type: ignore[arg-type]


class Boastful(Straight):
    name = "boastful"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via boastful\n"}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        designed = super().design(group, options)
        if not isinstance(designed, Design):
            return designed
        return replace(designed, realized=(Everything(group.draws, group.elements),))


class Elsewhere(Straight):
    name = "elsewhere"
    examples = {"bits": "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via linear\n"}


class Unshown(Network):
    """It has no examples."""

    name = "unshown"
    doc = "nothing to see"

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        raise NotImplementedError


EXAMPLE = "observed x[3] : binary\np(x[i] | x[<i]) = bernoulli via {name}\n"


class Designless(Network):
    name, doc = "designless", "a network that does not say how it is designed"
    examples = {"bits": EXAMPLE.format(name=name)}


class Raising(Straight):
    name = "raising"
    examples = {"bits": EXAMPLE.format(name=name)}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        raise ValueError("no such thing")


class Nothing(Straight):
    name = "nothing"
    examples = {"bits": EXAMPLE.format(name=name)}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        return []


class Unbuilt(Squares):
    name = "unbuilt"
    examples = {"bits": EXAMPLE.format(name=name)}

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        design = super().design(group, options)
        assert isinstance(design, Design)
        return Design(design.group, self.name, {}, design.layers, design.realized)


class Mapped(ContextNetwork):
    """A network of contexts that fails where it plans."""

    name, doc = "mapped", "a map that is never made"

    def plan(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> ContextPlan:
        raise KeyError("map")

    def build(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> nn.Module:
        raise NotImplementedError
