"""Lattice networks in torch: their layers over all positions at once, and the way in and out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.lattice.given import alignment, given
from ardsl.networks.lattice.layers import Convolution, Features, Upsampled, gated
from ardsl.networks.lattice.plan import located_features, ranked_readings
from ardsl.networks.lattice.wiring import INPUT, Wiring
from ardsl.networks.module import Configuration, NetworkModule, Program
from ardsl.networks.plan import GroupPlan


class LatticeNetwork(NetworkModule):
    """A network of stencil layers, whose raw numbers depend on exactly the sites that its plan's stencils reach."""

    def __init__(self, plan: GroupPlan, wiring: Wiring) -> None:
        super().__init__()
        self.plan, self.wiring = plan, wiring
        # Along time, what comes later is read by nothing.
        self.narrows = len(wiring.lattice.shape) == 1 and (wiring.lattice.priority or ((),))[0] == (0, 1)
        self.given = given(plan.group, wiring.lattice, plan.options.get("upsampling", "repeated"))
        whole = self.given.whole_features
        self.convolutions = nn.ModuleDict()
        for layer in wiring.layers:
            if layer.kind == "convolve":
                ranked = [relation for _, relation in ranked_readings(wiring, layer)][: len(layer.sources)]
                located = located_features(layer, self.given)
                self.convolutions[_key(layer.target)] = Convolution(wiring, layer, ranked, whole, located)
        self.maps = nn.ModuleDict()
        for each in self.given.through:
            self.maps[each.source.variable.name] = each.network.build(each.source, each.positions, each.options)
        for spread in self.given.spread:
            self.maps[spread.source.variable.name] = Upsampled(spread)
        self.dropout = float(plan.options["dropout"])
        self._alignments = [torch.from_numpy(alignment(part, wiring.lattice)) for _, part in self.given.aligned]

    def convolution(self, target: str) -> Convolution:
        return self.convolutions[_key(target)]  # type: ignore[return-value]

    def start_at(self, raw: Tensor) -> None:
        last = self.convolution(self.wiring.output)
        assert last.bias is not None  # the output adds nothing
        with torch.no_grad():
            last.bias.copy_(raw[: len(last.bias)])  # draw by draw, and the draws of all positions begin alike

    def forward(self, inputs: Tensor, configuration: Configuration = 0, moments: int | None = None) -> Tensor:
        lattice = self.wiring.lattice
        own, given = self.inputs(inputs)
        maps = {INPUT: own.unflatten(1, (*lattice.shape, -1)).movedim(-1, 1)}
        if moments is not None:
            maps[INPUT], given = maps[INPUT][..., :moments], given.first(moments)
        for layer in self.wiring.layers:
            source = maps[layer.sources[0][0]] if layer.sources else None
            if layer.kind == "convolve":
                maps[layer.target] = self.convolution(layer.target)(maps, given)
                continue
            assert source is not None
            if layer.kind == "gate":
                value = gated(source, layer.groups)
            elif layer.kind == "relu":
                value = F.relu(source)
            else:
                value = F.dropout(source, self.dropout, self.training)
            for name in layer.added:
                value = value + maps[name]
            maps[layer.target] = value
        output = maps[self.wiring.output]
        if moments is not None:
            output = F.pad(output, (0, lattice.shape[0] - moments))
        return output.movedim(1, -1).flatten(1)

    def inputs(self, inputs: Tensor) -> tuple[Tensor, Features]:
        """The variable's own features [batch, elements · features], and what is given."""
        shape = self.wiring.lattice.shape
        parts = dict(self._by_source(inputs))
        own = parts[self.plan.group.targets[0].variable.name]
        whole = [parts[source.variable.name] for source in self.given.whole]
        aligned = []
        for (source, _), index in zip(self.given.aligned, self._alignments, strict=True):
            part = parts[source.variable.name].unflatten(1, (len(source.elements), -1))
            read = F.pad(part, (0, 0, 0, 1))[:, index.to(inputs.device)]  # what lies outside is a zero
            aligned.append(read.flatten(2).movedim(2, 1).unflatten(2, shape))
        mapped = [each.source.variable.name for each in self.given.through]
        mapped += [each.source.variable.name for each in self.given.spread]
        maps = [self.maps[name](parts[name]) for name in mapped]
        found = (torch.cat(each, 1) if each else None for each in (whole, maps, aligned))
        return own, Features(*found)

    def _by_source(self, inputs: Tensor) -> Iterator[tuple[str, Tensor]]:
        start = 0
        for source in self.plan.group.sources:
            yield source.variable.name, inputs[:, start : start + source.features]
            start += source.features

    def program(self, order: int, element_step: np.ndarray, draw_step: np.ndarray, steps: int, batch: int) -> Program:
        from ardsl.networks.lattice.program import LatticeProgram
        from ardsl.networks.lattice.ring import RingProgram, fits

        if fits(self, element_step, draw_step):
            return RingProgram(self, element_step, draw_step, batch)
        return LatticeProgram(self, element_step, draw_step, batch)


def _key(target: str) -> str:
    """A map's name as a parameter may be called."""
    return target.replace(" ", "_")
