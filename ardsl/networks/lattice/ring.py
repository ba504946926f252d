"""Causal networks time step by time step: of a map, only what some layer still reads is kept.

Every time step takes the same calls. What layers read of earlier ones is known before it begins, and is gathered at
once, to stand beside what they read of the time step itself: one product for each layer. Memory does not grow with time
(Paine et al. 2016, Fast WaveNet Generation Algorithm, keeps a queue for each layer).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.layers import Convolution
from ardsl.networks.lattice.module import LatticeNetwork
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.layer import Layer, Pointwise
from ardsl.networks.lattice.wiring import INPUT, Wiring
from ardsl.networks.stepper import TimeStepper
from ardsl.networks.tape import Tape

_SECTION = 4096
"""Time steps whose maps of what is given are made at once."""


def runs_along(wiring: Wiring) -> bool:
    """Says whether time is the slowest axis and the only one of positions, and of what layers read of earlier time
    steps each reads one map of its own."""
    lattice = wiring.lattice
    if len(lattice.shape) != 1 or lattice.priority is None or lattice.priority[0][0] != 0:
        return False
    past = [layer for layer in wiring.layers if any(_delays(wiring, layer))]
    read = [name for layer in past for name, _ in layer.sources]
    return len(read) == len(past) == len(set(read))


def _delays(wiring: Wiring, layer: Layer) -> list[int]:
    """The delays of a layer: how many time steps before its own it reads its sources."""
    way = wiring.lattice.priority[0][1] if wiring.lattice.priority else 1
    return [-way * offset for _, stencil in layer.sources for (offset,) in stencil.offsets]


class RingStepper(TimeStepper):
    """Features are [features, batch], those of a map's groups one after another."""

    def __init__(self, network: LatticeNetwork, batch: int) -> None:
        self._network, self._wiring, self._batch = network, network.wiring, batch
        lattice = network.wiring.lattice
        assert runs_along(network.wiring)  # as the layers of networks along time do
        self._like = next(network.parameters()).detach()
        self._groups: list[int] = np.argsort(lattice.rank[: lattice.groups]).tolist()
        """The groups of a time step's sites, in the order in which they are drawn."""
        self._forward = lattice.along_time
        self._turn = 0
        """The current time step, counted in the order of time."""
        self._rooms: list[Tensor] = []
        self._now: dict[str, Tensor] = {}
        """Each map at the time step."""
        self._columns: dict[str, Tensor] = {}
        """The inputs of a layer that reads several time steps, or several maps, [inputs, batch]."""
        self._weights: list[tuple[Tensor, Callable[[], Tensor]]] = []
        """Weights as they are laid out here, and what lays out those that there are now."""
        self._given: dict[str, Tensor] = {}
        """The features of what is given, [batch, features] by variable."""
        self._rings = self._make_rings()
        self._place_together()
        for name, (groups, features) in self._wiring.sizes.items():
            self._now.setdefault(name, self._room(groups * features))
        convolutions = [layer for layer in self._wiring.convolutions if not layer.added]
        self._bases = {layer.target: self._room(layer.groups * layer.features) for layer in convolutions}
        """The sums that are the same at all time steps: bias, and what is given."""
        self._maps_during: Callable[[slice], Tensor]
        self._maps = self._room(0)
        """The features that maps add at each position of a section of time, [positions, features, batch]."""
        self._section = -1
        self._map = self._room(network.given.map_features)
        self._scratch: dict[int, Tensor] = {}
        self._gathers = Tape()
        for ring in self._rings:
            ring.record(self._gathers)
        self._tapes = [self._recorded(group) for group in range(lattice.groups)]

    # What there is room for

    def _room(self, *shape: int) -> Tensor:
        self._rooms.append(self._like.new_zeros(*shape, self._batch))
        return self._rooms[-1]

    def _make_rings(self) -> list[_Ring]:
        """For the layers that read earlier time steps, those of one size and number of delays together."""
        by_size: dict[tuple[int, int, bool], list[Layer]] = {}
        for layer in self._wiring.layers:
            delays = _delays(self._wiring, layer)
            if any(delays):
                groups, features = self._wiring.sizes[layer.sources[0][0]]
                by_size.setdefault((groups * features, len(delays), 0 in delays), []).append(layer)
        rings = []
        for (size, count, has_now), layers in by_size.items():
            read = np.array([_delays(self._wiring, layer) for layer in layers])
            store = self._room(int(read.max(axis=1).sum()), size)
            columns = self._room(len(layers), count, size)
            # What is of the time step itself is written where the product reads it.
            now = columns[:, read[0].tolist().index(0)] if has_now else self._room(len(layers), size)
            self._now |= {layer.sources[0][0]: view for layer, view in zip(layers, now, strict=True)}
            self._columns |= {layer.target: view.flatten(0, 1) for layer, view in zip(layers, columns, strict=True)}
            rings.append(_Ring(read, store, columns.flatten(0, 1), now))
        return rings

    def _place_together(self) -> None:
        """Maps that one layer adds up stand side by side, so that one product serves them all."""
        dropped = {function.target: function.source for function in self._wiring.functions if function.for_training}
        for layer in self._wiring.layers:
            names = [dropped.get(name, name) for name, _ in layer.sources]
            sizes = {self._wiring.sizes[name] for name in names}
            if len(names) > 1 and len(sizes) == 1 and not any(name in self._now for name in names):
                ((groups, features),) = sizes
                block = self._room(len(names), groups * features)
                self._now |= dict(zip(names, block, strict=True))
                self._columns[layer.target] = block.flatten(0, 1)

    # What a site's tape has

    def _recorded(self, group: int) -> Tape:
        """Each map of one group at the time step, of which it reads no group that is drawn later."""
        tape, convolutions = Tape(), {layer.target: layer for layer in self._wiring.convolutions}
        functions = {function.target: function for function in self._wiring.functions}
        for layer in self._wiring.layers:
            if layer.target in functions:
                self._apply(functions[layer.target], group, tape)
            else:
                self._convolve(convolutions[layer.target], group, tape)
        return tape

    def _part(self, name: str, group: int) -> Tensor:
        """A map of one group at the time step."""
        return _of(group, self._now[name], self._wiring.sizes[name][1])

    def _apply(self, function: Pointwise, group: int, tape: Tape) -> None:
        """A function of a map's own features."""
        if function.for_training:
            self._now[function.target] = self._now[function.source]
        source, into = self._part(function.source, group), self._part(function.target, group)
        function.record(tape, source, into, lambda like: self._scratch.setdefault(len(like), self._room(len(like))))
        for name in function.added:
            tape.record(into.add_, self._part(name, group))

    def _convolve(self, layer: Convolve, group: int, tape: Tape) -> None:
        sums = [self._part(name, group) for name in layer.added] or [self._base(layer, group, tape)]
        numbers = range(len(layer.sources))
        if layer.target in self._columns:
            every = self._kept(lambda: torch.cat([self._weight(layer, number, group) for number in numbers], 1))
            products = [(every, self._columns[layer.target])]
        else:
            products = [
                (self._kept(partial(self._weight, layer, number, group)), self._now[layer.sources[number][0]])
                for number in numbers
            ]
        layer.record(tape, sums, products, self._part(layer.target, group))

    def _base(self, layer: Layer, group: int, tape: Tape) -> Tensor:
        """The sum that does not depend on the variable, with what maps add at the time step."""
        base, locate = _of(group, self._bases[layer.target], layer.features), self._convolution(layer).locate
        if locate is None:
            return base
        made = torch.empty_like(base)
        weight = self._kept(lambda: _of(group, locate.detach(), layer.features))
        tape.record(torch.addmm, base, weight, self._map, out=made)
        return made

    def _weight(self, layer: Layer, number: int, group: int) -> Tensor:
        """A group's weights on a source at each of its time steps, [outputs, time steps · inputs]."""
        weight = _of(group, self._convolution(layer).weights()[number].detach(), layer.features)
        return weight.transpose(1, 2).flatten(1)

    def _kept(self, make: Callable[[], Tensor]) -> Tensor:
        """A copy of weights: a stream keeps those that it began with."""
        kept = make().clone(memory_format=torch.contiguous_format)
        self._weights.append((kept, make))
        return kept

    def _convolution(self, layer: Layer) -> Convolution:
        return self._network.convolution(layer.target)

    # What a time step computes

    def refresh(self) -> None:
        for kept, make in self._weights:
            kept.copy_(make())

    def caches(self) -> Iterable[Tensor]:
        return self._rooms

    def select(self, rows: Tensor) -> None:
        super().select(rows)
        self._take_given({name: value[rows] for name, value in self._given.items()})
        self._section = -1

    def start(self, known: Tensor, first: int = 0) -> None:
        self._turn, self._section = first, -1
        for ring in self._rings:
            ring.store.zero_()
        group = self._network.plan.group
        sources = [source for source in group.sources if source.variable is not group.targets[0].variable]
        blocks = known.T.split([source.features for source in sources], 1)
        self._take_given({source.variable.name: features for source, features in zip(sources, blocks, strict=True)})

    def _take_given(self, given: dict[str, Tensor]) -> None:
        self._given = given
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
        """All that the time step reads of earlier ones, and its part of the maps."""
        if self._network.given.map_features:
            last = self._wiring.lattice.positions - 1
            self._map.copy_(self._map_of(self._turn if self._forward else last - self._turn))
        for ring in self._rings:
            ring.turn(self._turn)
        self._gathers.play()
        if len(self._groups) > 1:  # groups that are drawn later have nothing yet
            for value in self._now.values():
                value.zero_()

    def _map_of(self, position: int) -> Tensor:
        section, place = divmod(position, _SECTION)
        if section != self._section:
            first = section * _SECTION
            maps = self._maps_during(slice(first, first + _SECTION))
            self._section, self._maps = section, maps.permute(2, 1, 0).contiguous()
        return self._maps[place]

    def parameters(self, step: int) -> Tensor:
        place = step % len(self._groups)
        if place == 0:
            self._begin()
        group = self._groups[place]
        self._tapes[group].play()
        return self._part(self._wiring.output, group)

    def write(self, step: int, inputs: Tensor) -> None:
        place = step % len(self._groups)
        self._part(INPUT, self._groups[place]).copy_(inputs)
        if place == len(self._groups) - 1:
            for ring in self._rings:
                ring.keep()
            self._turn += 1


def _of(group: int, value: Tensor, features: int) -> Tensor:
    """A group's rows, of those of all groups one after another."""
    return value[group * features : (group + 1) * features]


class _Ring:
    """Maps of one size, each kept for as long as its layer reads it: row t mod length, from its first on, holds time
    step t. ``delays[m]`` are those at which map m is read, into ``columns`` [maps · delays, features, batch]."""

    def __init__(self, delays: np.ndarray, store: Tensor, columns: Tensor, now: Tensor) -> None:
        self.store, self.now = store, now
        length = delays.max(axis=1)
        first = np.cumsum(length) - length
        delays = np.concatenate([delays.reshape(-1), np.zeros_like(length)])
        count = len(columns) // len(length)
        self._shift, self._length, self._first = (
            torch.from_numpy(numbers).to(store.device)
            for numbers in (-delays, np.append(length.repeat(count), length), np.append(first.repeat(count), first))
        )
        self._rows = torch.empty_like(self._shift)
        """Of what is read, and of what is kept."""
        self._kept = self._rows[len(columns) :]
        self._columns = columns

    def record(self, tape: Tape) -> None:
        """Gathers what is read. Where a time step itself is read, it is written over that."""
        tape.record(torch.index_select, self.store, 0, self._rows[: len(self._columns)], out=self._columns)

    def turn(self, turn: int) -> None:
        torch.add(self._shift, turn, out=self._rows)
        self._rows.remainder_(self._length).add_(self._first)

    def keep(self) -> None:
        self.store.index_copy_(0, self._kept, self.now)
