"""Lattice networks in torch: their layers over all positions at once, and the way in and out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from ardsl.networks.design import Design
from ardsl.networks.lattice.given import alignment, given
from ardsl.networks.lattice.layers import Convolution, Features, Upsampled, during
from ardsl.networks.lattice.plan import located_features, ranked_readings
from ardsl.networks.lattice.wiring import INPUT, Wiring
from ardsl.networks.module import NetworkModule, Span
from ardsl.networks.stepper import Orders


class LatticeNetwork(NetworkModule):
    """A network of stencil layers, whose parameters depend on exactly the sites that its plan's stencils reach."""

    def __init__(self, plan: Design, wiring: Wiring) -> None:
        super().__init__()
        self.plan, self.wiring = plan, wiring
        self.given = given(plan.group, wiring.lattice, plan.options.get("upsampling", "repeated"))
        whole = self.given.whole_features
        self.convolutions = nn.ModuleDict()
        for layer in wiring.convolutions:
            ranked = [relation for _, relation in ranked_readings(wiring, layer)][: len(layer.sources)]
            located = located_features(layer, self.given)
            self.convolutions[_key(layer.target)] = Convolution(wiring, layer, ranked, whole, located)
        self.maps = nn.ModuleDict()
        for through in self.given.through:
            self.maps[through.source.variable.name] = through.build()
        for spread in self.given.spread:
            self.maps[spread.source.variable.name] = Upsampled(spread)
        self._functions = {function.target: function for function in wiring.functions}
        self.dropout = float(plan.options["dropout"])
        reading = [r for layer in wiring.layers for r in layer.sources]
        self._read_later = {name for name, stencil in reading if any(map(any, stencil.offsets))}
        self._alignments = [torch.from_numpy(alignment(part, wiring.lattice)) for _, part in self.given.aligned]

    def convolution(self, target: str) -> Convolution:
        return self.convolutions[_key(target)]  # type: ignore[return-value]

    def start_at(self, parameters: Tensor) -> None:
        last = self.convolution(self.wiring.output)
        assert last.bias is not None  # the output adds nothing
        with torch.no_grad():
            last.bias.copy_(parameters[: len(last.bias)])  # one position's draws: all positions begin with the same

    def forward(self, inputs: Tensor, orders: Orders = 0, span: Span | None = None) -> Tensor:
        output = self.maps_of(inputs, span)[self.wiring.output].movedim(1, -1)
        return (output if span is None else output[:, -span.length :]).flatten(1)

    def maps_of(self, inputs: Tensor, span: Span | None = None) -> dict[str, Tensor]:
        """Evaluates every map, by name [batch, features, *positions]: with a span, at its time steps and their
        receptive field."""
        own, given = self.inputs(inputs)
        maps = {INPUT: own.unflatten(1, (*self.wiring.lattice.shape, -1)).movedim(-1, 1)}
        before = None
        if span is not None:
            wide = span.widened(self.plan.receptive_field or 0)
            maps[INPUT], given = during(maps[INPUT], wide), given.during(wide)
            if isinstance(wide.first, Tensor) and bool((wide.first < 0).any()):
                # Before the first time step there are no features, not those of a layer that reads none.
                before = during(own.new_ones(own.shape[0], 1, *self.wiring.lattice.shape), wide)
        functions, dropout = self._functions, self.dropout if self.training else 0.0
        for layer in self.wiring.layers:
            if layer.target in functions:
                value = functions[layer.target].evaluate(maps, dropout)
            else:
                value = self.convolution(layer.target)(maps, given)
            maps[layer.target] = value if before is None or layer.target not in self._read_later else value * before
        return maps

    def inputs(self, inputs: Tensor) -> tuple[Tensor, Features]:
        """The variable's own features [batch, elements · features], and what is given."""
        by_source = self.by_source(inputs)
        return by_source[self.plan.group.targets[0].variable.name], self.features(by_source)

    def features(self, by_source: Mapping[str, Tensor]) -> Features:
        """The features of what is given, in the forms that layers read, from [batch, features] by variable."""
        shape = self.wiring.lattice.shape
        aligned = []
        for (source, _), index in zip(self.given.aligned, self._alignments, strict=True):
            own = by_source[source.variable.name].unflatten(1, (len(source.elements), -1))
            read = F.pad(own, (0, 0, 0, 1))[:, index.to(own.device)]  # sites outside read a zero
            aligned.append(read.flatten(2).movedim(2, 1).unflatten(2, shape))
        maps = [module(by_source[name]) for name, module in self.maps.items()]
        return Features(
            self.whole(by_source),
            *(torch.cat(features_of, 1) if features_of else None for features_of in (maps, aligned)),
        )

    def whole(self, by_source: Mapping[str, Tensor]) -> Tensor | None:
        """The features that all positions read as they are, [batch, features]."""
        features = [by_source[source.variable.name] for source in self.given.whole]
        return torch.cat(features, 1) if features else None

    def maps_during(self, by_source: Mapping[str, Tensor]) -> Callable[[slice], Tensor]:
        """Along time, the maps of what is given at some time steps, [batch, features, steps], with the weights that
        there are now. What is of a lower rate is made as it is asked for; other maps are made as a whole."""
        names = [conditioned.source.variable.name for conditioned in self.given.through]
        through = [self.maps[name](by_source[name]) for name in names]
        spread = []
        for name in [conditioned.source.variable.name for conditioned in self.given.spread]:
            weights = {key: weight.detach().clone() for key, weight in self.maps[name].named_parameters()}
            spread.append((self.maps[name], weights, by_source[name]))

        def during(steps: slice) -> Tensor:
            maps = [value[:, :, steps] for value in through]
            maps += [functional_call(module, weights, (value, steps)) for module, weights, value in spread]
            return torch.cat(maps, 1)

        return during

    def by_source(self, inputs: Tensor) -> dict[str, Tensor]:
        """The group's inputs [batch, features] by variable."""
        sources = self.plan.group.sources
        blocks = inputs.split([source.features for source in sources], 1)
        return {source.variable.name: features for source, features in zip(sources, blocks, strict=True)}


def _key(target: str) -> str:
    """A map's name as a parameter may be called."""
    return target.replace(" ", "_")
