"""Causal networks moment by moment: of a map, only what some layer still reads is kept.

Every moment takes the same calls. What layers read of earlier moments is known before it begins, and is gathered at
once, to stand beside what they read of their own moment: one product for each layer. Memory does not grow with time
(Paine et al. 2016, Fast WaveNet Generation Algorithm, keeps a queue for each layer).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.inputs import Call
from ardsl.networks.lattice.layers import Convolution
from ardsl.networks.lattice.wiring import INPUT, Layer, Wiring
from ardsl.networks.module import MomentProgram

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork

_SECTION = 4096
"""Moments whose maps of what is given are made at once."""


def runs_along(wiring: Wiring) -> bool:
    """Whether time is the slowest axis and the only one of positions, and of what layers read of earlier moments each
    reads one map of its own."""
    lattice = wiring.lattice
    if len(lattice.shape) != 1 or lattice.priority is None or lattice.priority[0][0] != 0:
        return False
    past = [layer for layer in wiring.layers if any(_delays(wiring, layer))]
    read = [name for layer in past for name, _ in layer.sources]
    return len(read) == len(past) == len(set(read))


def _delays(wiring: Wiring, layer: Layer) -> list[int]:
    """How long before its own moment a layer reads its sources."""
    way = wiring.lattice.priority[0][1] if wiring.lattice.priority else 1
    return [-way * offset for _, stencil in layer.sources for (offset,) in stencil.offsets]


class RingProgram(MomentProgram):
    """Features are [features, batch], those of a map's groups one after another."""

    def __init__(self, network: LatticeNetwork, batch: int) -> None:
        self._network, self._wiring, self._batch = network, network.wiring, batch
        lattice = network.wiring.lattice
        assert runs_along(network.wiring)  # as the layers of networks along time do
        self._like = next(network.parameters()).detach()
        self.groups = np.argsort(lattice.rank[: lattice.groups]).tolist()
        self._forward = lattice.along_time
        self._turn = 0
        """The moment at work, counted in the order of time."""
        self._now: dict[str, Tensor] = {}
        """Each map at the moment."""
        self._columns: dict[str, Tensor] = {}
        """What a layer reads of several moments, or of several maps, [inputs, batch]."""
        self._rings = self._make_rings()
        self._place_together()
        for name, (groups, features) in self._wiring.sizes.items():
            self._now.setdefault(name, self._room(groups * features))
        convolutions = [layer for layer in self._wiring.layers if layer.kind == "convolve" and not layer.added]
        self._bases = {layer.target: self._room(layer.groups * layer.features) for layer in convolutions}
        """What does not change from moment to moment: bias, and what is given."""
        self._maps_during: Callable[[slice], Tensor]
        self._maps = self._room(0)
        """What maps add at each position of a section of time, [positions, features, batch]."""
        self._section = -1
        self._map = self._room(network.given.map_features)
        self._scratch: dict[int, Tensor] = {}
        self._gathers = [call for ring in self._rings for call in ring.calls]
        self._calls = [self._prepared(group) for group in range(lattice.groups)]

    # What there is room for

    def _room(self, *shape: int) -> Tensor:
        return self._like.new_zeros(*shape, self._batch)

    def _make_rings(self) -> list[_Ring]:
        """For the layers that read earlier moments, those alike together."""
        alike: dict[tuple[int, int, bool], list[Layer]] = {}
        for layer in self._wiring.layers:
            delays = _delays(self._wiring, layer)
            if any(delays):
                groups, features = self._wiring.sizes[layer.sources[0][0]]
                alike.setdefault((groups * features, len(delays), 0 in delays), []).append(layer)
        rings = []
        for (size, count, has_now), layers in alike.items():
            read = np.array([_delays(self._wiring, layer) for layer in layers])
            store = self._room(int(read.max(axis=1).sum()), size)
            columns = self._room(len(layers), count, size)
            # What is of the moment itself is written where the product reads it.
            now = columns[:, read[0].tolist().index(0)] if has_now else self._room(len(layers), size)
            self._now |= {layer.sources[0][0]: each for layer, each in zip(layers, now, strict=True)}
            self._columns |= {layer.target: each.flatten(0, 1) for layer, each in zip(layers, columns, strict=True)}
            rings.append(_Ring(read, store, columns.flatten(0, 1), now))
        return rings

    def _place_together(self) -> None:
        """Maps that one layer adds up stand side by side, so that one product serves them all."""
        dropped = {layer.target: layer.sources[0][0] for layer in self._wiring.layers if layer.kind == "drop"}
        for layer in self._wiring.layers:
            names = [dropped.get(name, name) for name, _ in layer.sources]
            sizes = {self._wiring.sizes[name] for name in names}
            if len(names) > 1 and len(sizes) == 1 and not any(name in self._now for name in names):
                ((groups, features),) = sizes
                block = self._room(len(names), groups * features)
                self._now |= dict(zip(names, block, strict=True))
                self._columns[layer.target] = block.flatten(0, 1)

    # The calls of a site

    def _prepared(self, group: int) -> list[Call]:
        """Each map of one group at the moment, of which it reads no group that is drawn later."""
        calls: list[Call] = []
        for layer in self._wiring.layers:
            (self._convolve if layer.kind == "convolve" else self._apply)(layer, group, calls)
        return calls

    def _part(self, name: str, group: int) -> Tensor:
        """A map of one group at the moment."""
        return _of(group, self._now[name], self._wiring.sizes[name][1])

    def _apply(self, layer: Layer, group: int, calls: list[Call]) -> None:
        """A function of a map's own features."""
        name = layer.sources[0][0]
        if layer.kind == "drop":  # nothing is dropped where samples are drawn
            self._now[layer.target] = self._now[name]
        source, into = self._part(name, group), self._part(layer.target, group)
        if layer.kind == "gate":
            half = layer.features
            tanh = self._scratch.setdefault(half, self._room(half))
            calls.append((torch.tanh, (source[:half],), {"out": tanh}))
            calls.append((torch.sigmoid, (source[half:],), {"out": into}))
            calls.append((into.mul_, (tanh,), {}))
        elif layer.kind == "relu":
            calls.append((torch.clamp_min, (source, 0.0), {"out": into}))
        calls += [(into.add_, (self._part(name, group),), {}) for name in layer.added]

    def _convolve(self, layer: Layer, group: int, calls: list[Call]) -> None:
        into = self._part(layer.target, group)
        sums = [self._part(name, group) for name in layer.added] or [self._base(layer, group, calls)]
        weights = [self._weight(layer, number, group) for number in range(len(layer.sources))]
        products = [(weight, self._now[name]) for weight, (name, _) in zip(weights, layer.sources, strict=True)]
        if layer.target in self._columns:
            products = [(torch.cat(weights, 1), self._columns[layer.target])]
        start, *more = sums
        for weight, value in products:
            calls.append((torch.addmm, (start, weight, value), {"out": into}))
            start = into
        if not products:
            calls.append((into.copy_, (start,), {}))
        calls += [(into.add_, (each,), {}) for each in more]

    def _base(self, layer: Layer, group: int, calls: list[Call]) -> Tensor:
        """What does not depend on the variable, with what maps add at the moment."""
        base, locate = _of(group, self._bases[layer.target], layer.features), self._convolution(layer).locate
        if locate is None:
            return base
        made = torch.empty_like(base)
        weight = _of(group, locate.detach(), layer.features).clone()
        calls.append((torch.addmm, (base, weight, self._map), {"out": made}))
        return made

    def _weight(self, layer: Layer, number: int, group: int) -> Tensor:
        """A group's weights on a source at each of its moments, [outputs, moments · inputs]."""
        weight = _of(group, self._convolution(layer).weights()[number].detach(), layer.features)
        # A copy: what is begun goes on with the weights that there were.
        return weight.transpose(1, 2).flatten(1).clone(memory_format=torch.contiguous_format)

    def _convolution(self, layer: Layer) -> Convolution:
        return self._network.convolution(layer.target)

    # What a moment computes

    def start(self, given: Mapping[str, Tensor], first: int = 0) -> None:
        self._turn, self._section = first, -1
        for ring in self._rings:
            ring.store.zero_()
        if self._network.given.map_features:
            self._maps_during = self._network.maps_during(given)
        whole = self._network.whole(given)
        for target, base in self._bases.items():
            convolution = self._network.convolution(target)
            assert convolution.bias is not None  # a layer that adds nothing has one
            base.copy_(convolution.bias[:, None].expand_as(base))
            if convolution.condition is not None and whole is not None:
                base.add_(convolution.condition @ whole.T)

    def _begin(self) -> None:
        """All that the moment reads of earlier ones, and its part of the maps."""
        if self._network.given.map_features:
            last = self._wiring.lattice.positions - 1
            self._map.copy_(self._map_of(self._turn if self._forward else last - self._turn))
        for ring in self._rings:
            ring.turn(self._turn)
        for function, arguments, into in self._gathers:
            function(*arguments, **into)
        if len(self.groups) > 1:  # groups that are drawn later have nothing yet
            for value in self._now.values():
                value.zero_()

    def _map_of(self, position: int) -> Tensor:
        section, place = divmod(position, _SECTION)
        if section != self._section:
            first = section * _SECTION
            maps = self._maps_during(slice(first, first + _SECTION))
            self._section, self._maps = section, maps.permute(2, 1, 0).contiguous()
        return self._maps[place]

    def raw(self, group: int) -> Tensor:
        if group == self.groups[0]:
            self._begin()
        for function, arguments, into in self._calls[group]:
            function(*arguments, **into)
        return self._part(self._wiring.output, group)

    def write(self, group: int, inputs: Tensor) -> None:
        self._part(INPUT, group).copy_(inputs)
        if group == self.groups[-1]:
            for ring in self._rings:
                ring.keep()
            self._turn += 1


def _of(group: int, value: Tensor, features: int) -> Tensor:
    """A group's rows, of those of all groups one after another."""
    return value[group * features : (group + 1) * features]


class _Ring:
    """Maps of one size, each kept for as long as its layer reads it: row t mod length, from its first on, holds moment
    t. ``delays[m]`` are those at which map m is read, into ``columns`` [maps · delays, features, batch]."""

    def __init__(self, delays: np.ndarray, store: Tensor, columns: Tensor, now: Tensor) -> None:
        self.store, self.now = store, now
        length = delays.max(axis=1)
        first = np.cumsum(length) - length
        delays = np.concatenate([delays.reshape(-1), np.zeros_like(length)])
        count = len(columns) // len(length)
        self._shift, self._length, self._first = (
            torch.from_numpy(each).to(store.device)
            for each in (-delays, np.append(length.repeat(count), length), np.append(first.repeat(count), first))
        )
        self._rows = torch.empty_like(self._shift)
        """Of what is read, and of what is kept."""
        self._kept = self._rows[len(columns) :]
        # Where a moment itself is read, it is written over what is gathered.
        self.calls: list[Call] = [(torch.index_select, (store, 0, self._rows[: len(columns)]), {"out": columns})]

    def turn(self, turn: int) -> None:
        torch.add(self._shift, turn, out=self._rows)
        self._rows.remainder_(self._length).add_(self._first)

    def keep(self) -> None:
        self.store.index_copy_(0, self._kept, self.now)
