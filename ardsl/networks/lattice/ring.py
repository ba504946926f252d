"""The step evaluator of causal networks along time: of a map, only what some layer still reads is kept.

Every moment takes the same calls. What layers read of earlier moments is known before it begins, and is gathered at
once, to stand beside what they read of their own moment: one product for each layer. Memory does not grow with time
(Paine et al. 2016, Fast WaveNet Generation Algorithm, keeps a queue for each layer).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.inputs import Call, LatticeInputs
from ardsl.networks.lattice.schedule import SourceSteps
from ardsl.networks.lattice.wiring import INPUT, Layer, Wiring

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork


def fits(network: LatticeNetwork, element_step: np.ndarray, draw_step: np.ndarray) -> bool:
    """Whether a network runs along time, one moment after another, each drawn by a step of its own."""
    wiring, steps = network.wiring, SourceSteps.of(network, element_step)
    lattice = wiring.lattice
    if len(lattice.shape) != 1 or lattice.groups != 1 or lattice.priority is None or network.given.aligned:
        return False
    in_turn = np.argsort(lattice.rank)
    past = [layer for layer in wiring.layers if any(_delays(wiring, layer))]
    read = [name for layer in past for name, _ in layer.sources]
    return bool(
        (np.diff(draw_step[in_turn]) > 0).all()
        and np.array_equal(steps.own, draw_step)
        and steps.last_given < draw_step.min()
        and len(read) == len(past) == len(set(read))
    )


def _delays(wiring: Wiring, layer: Layer) -> list[int]:
    """How long before its own moment a layer reads its sources."""
    way = wiring.lattice.priority[0][1] if wiring.lattice.priority else 1
    return [-way * offset for _, stencil in layer.sources for (offset,) in stencil.offsets]


class RingProgram(LatticeInputs):
    """Evaluates a network moment by moment. Features are [features, batch]."""

    def __init__(self, network: LatticeNetwork, element_step: np.ndarray, draw_step: np.ndarray, batch: int) -> None:
        super().__init__(network, element_step, batch)
        self._positions = np.argsort(draw_step)
        self._turn = np.full(int(draw_step.max()) + 1, -1)
        """The moment that a step draws, counted in the order of time; −1 for none."""
        self._turn[draw_step[self._positions]] = np.arange(len(draw_step))
        self._stale = True
        self._now: dict[str, Tensor] = {}
        """Each map at the moment."""
        self._columns: dict[str, Tensor] = {}
        """What a layer reads of several moments, or of several maps, [inputs, batch]."""
        self._rings = self._make_rings()
        self._place_together()
        for name, (_, features) in self._wiring.sizes.items():
            self._now.setdefault(name, self._room(features))
        convolutions = [layer for layer in self._wiring.layers if layer.kind == "convolve"]
        self._bases = {layer.target: self._room(layer.features) for layer in convolutions if not layer.added}
        """What does not change from moment to moment: bias, and what is given."""
        self._maps: Tensor | None = None
        """What maps add at each position, [positions, features, batch]."""
        self._map = self._room(network.given.map_features)
        self._scratch: dict[int, Tensor] = {}
        self._calls: list[Call] = [call for ring in self._rings for call in ring.calls]
        for layer in self._wiring.layers:
            self._convolve(layer) if layer.kind == "convolve" else self._apply(layer)

    # What there is room for

    def _room(self, *shape: int) -> Tensor:
        return self._like.new_zeros(*shape, self._batch)

    def _make_rings(self) -> list[_Ring]:
        """For the layers that read earlier moments, those alike together."""
        alike: dict[tuple[int, int, bool], list[Layer]] = {}
        for layer in self._wiring.layers:
            delays = _delays(self._wiring, layer)
            if any(delays):
                size = self._wiring.sizes[layer.sources[0][0]][1]
                alike.setdefault((size, len(delays), 0 in delays), []).append(layer)
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
            sizes = {self._wiring.sizes[name][1] for name in names}
            if len(names) > 1 and len(sizes) == 1 and not any(name in self._now for name in names):
                block = self._room(len(names), *sizes)
                self._now |= dict(zip(names, block, strict=True))
                self._columns[layer.target] = block.flatten(0, 1)

    # The calls of a moment

    def _apply(self, layer: Layer) -> None:
        """A function of a map's own features."""
        source, into = self._now[layer.sources[0][0]], self._now[layer.target]
        if layer.kind == "gate":
            half = layer.features
            tanh = self._scratch.setdefault(half, self._room(half))
            self._calls.append((torch.tanh, (source[:half],), {"out": tanh}))
            self._calls.append((torch.sigmoid, (source[half:],), {"out": into}))
            self._calls.append((into.mul_, (tanh,), {}))
        elif layer.kind == "relu":
            self._calls.append((torch.clamp_min, (source, 0.0), {"out": into}))
        else:  # nothing is dropped where samples are drawn
            self._now[layer.target] = source
        self._calls += [(into.add_, (self._now[name],), {}) for name in layer.added]

    def _convolve(self, layer: Layer) -> None:
        into = self._now[layer.target]
        sums = [self._now[name] for name in layer.added] or [self._base(layer)]
        weights = [self._weight(layer, number) for number in range(len(layer.sources))]
        products = [(weight, self._now[name]) for weight, (name, _) in zip(weights, layer.sources, strict=True)]
        if layer.target in self._columns:
            products = [(torch.cat(weights, 1), self._columns[layer.target])]
        start, *more = sums
        for weight, value in products:
            self._calls.append((torch.addmm, (start, weight, value), {"out": into}))
            start = into
        if not products:
            self._calls.append((into.copy_, (start,), {}))
        self._calls += [(into.add_, (each,), {}) for each in more]

    def _base(self, layer: Layer) -> Tensor:
        """What does not depend on the variable, with what maps add at the moment."""
        base, locate = self._bases[layer.target], self._network.convolution(layer.target).locate
        if locate is None:
            return base
        made = torch.empty_like(base)
        self._calls.append((torch.addmm, (base, locate.detach(), self._map), {"out": made}))
        return made

    def _weight(self, layer: Layer, number: int) -> Tensor:
        """A layer's weights on a source at each of its moments, [outputs, moments · inputs]."""
        weight = self._network.convolution(layer.target).weights()[number].detach()
        return weight.transpose(1, 2).flatten(1).contiguous()

    # What a step computes

    def start(self, inputs: Tensor) -> None:
        self._take(-1, inputs)
        self._stale = True
        for ring in self._rings:
            ring.store.zero_()

    def _fill_bases(self) -> None:
        _, given = self._network.inputs(self._features.T)
        for target, base in self._bases.items():
            convolution = self._network.convolution(target)
            assert convolution.bias is not None  # a layer that adds nothing has one
            base.copy_(convolution.bias[:, None].expand_as(base))
            if convolution.condition is not None and given.whole is not None:
                base.add_(convolution.condition @ given.whole.T)
        if given.maps is not None:
            self._maps = given.maps.permute(2, 1, 0).contiguous()

    def raw(self, step: int) -> Tensor:
        if self._stale:  # all that is given is known before the first moment
            self._fill_bases()
            self._stale = False
        turn = int(self._turn[step])
        if self._maps is not None:
            self._map.copy_(self._maps[self._positions[turn]])
        for ring in self._rings:
            ring.turn(turn)
        for function, arguments, into in self._calls:
            function(*arguments, **into)
        return self._now[self._wiring.output]

    def write(self, step: int, inputs: Tensor) -> None:
        if step < 0 or step >= len(self._turn) or self._turn[step] < 0:
            self._take(step, inputs)
            return
        self._now[INPUT].copy_(inputs)
        for ring in self._rings:
            ring.keep()

    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        raise AssertionError("the variable's own elements are drawn, each by a step of its own")


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
