"""The layers of WaveNet: blocks of dilated causal convolutions with gated units, residuals and skip connections.

van den Oord et al. 2016, WaveNet: A Generative Model for Raw Audio, figures 3 and 4, and Eq. 2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.drop import Drop
from ardsl.networks.lattice.ops.gate import Gate
from ardsl.networks.lattice.ops.layer import Layer, Pointwise
from ardsl.networks.lattice.ops.relu import Relu
from ardsl.networks.lattice.wiring import INPUT, Limits, Wiring, pointwise
from ardsl.relations.stencil import Stencil


def wavenet(lattice: Lattice, input_features: int, width: int, options: Mapping[str, Any], limits: Limits) -> Wiring:
    """The layers under one order, for families of ``width`` parameters."""
    return Wiring(lattice, input_features, tuple(_layers(lattice, width, options, limits)))


def delays(options: Mapping[str, Any], limits: Limits) -> list[tuple[int, ...]]:
    """The number of time steps before its own that each layer reads, the first layer first: a window takes away what
    would reach beyond it."""
    left = limits[0]
    delays_by_layer = []
    dilations = [1 << layer for layer in range(options["layers"])] * options["blocks"]
    all_delays = [(1,), *(tuple(k * dilation for k in range(options["kernel"])) for dilation in dilations)]
    for wanted_delays in all_delays:
        kept = tuple(delay for delay in wanted_delays if left is None or delay <= left)
        left = None if left is None else left - max(kept, default=0)
        delays_by_layer.append(kept)
    return delays_by_layer


def reach(options: Mapping[str, Any], limits: Limits) -> int:
    """The receptive field of the last layer: the number of earlier time steps that it reads."""
    return sum(max(layer_delays, default=0) for layer_delays in delays(options, limits))


def _layers(lattice: Lattice, width: int, options: Mapping[str, Any], limits: Limits) -> Iterator[Layer]:
    groups = lattice.groups
    features, skip = (-(-options[name] // groups) for name in ("features", "skip"))
    every, itself = np.ones((groups, groups), dtype=bool), np.eye(groups, dtype=bool)

    def convolve(sources: list[tuple[str, tuple[int, ...]]], target: str, width: int, **more: Any) -> Layer:
        first = sources[0][0] == INPUT
        read = [(name, _before(lattice, times, every, same=not first)) for name, times in sources]
        return Convolve(target, groups, width, tuple(r for r in read if r[1].offsets), **more)

    def apply(function: type[Pointwise], source: str, target: str, width: int) -> Layer:
        return function(target, groups, width, ((source, pointwise(1, itself)),))

    first, *dilated = delays(options, limits)
    now = (0,)
    # A channel also reads, of its own time step, the channels before it.
    yield convolve([(INPUT, (*first, 0) if groups > 1 else first)], "residual 0", features, conditioned=True)
    gates = []
    for number, times in enumerate(dilated, 1):
        below, gate = f"residual {number - 1}", f"gate {number}"
        yield convolve([(below, times)], f"dilated {number}", 2 * features, conditioned=True)
        yield apply(Gate, f"dilated {number}", gate, features)
        if options["dropout"]:
            yield apply(Drop, gate, f"drop {number}", features)
            gate = f"drop {number}"
        gates.append(gate)
        if number < len(dilated):
            yield convolve([(gate, now)], f"residual {number}", features, added=(below,))
    yield convolve([(gate, now) for gate in gates], "skip", skip)
    yield apply(Relu, "skip", "skip relu", skip)
    yield convolve([("skip relu", now)], "tail", skip)
    yield apply(Relu, "tail", "tail relu", skip)
    yield convolve([("tail relu", now)], "output", width)


def _before(lattice: Lattice, times: tuple[int, ...], every: np.ndarray, same: bool) -> Stencil:
    """Reading so long before, in the order of time: that of the indices, or the other way."""
    way = lattice.priority[0][1] if lattice.priority else 1
    offsets = sorted((-way * time,) for time in times)
    return lattice.before(Stencil(tuple(offsets), np.repeat(every[None], len(offsets), axis=0)), same)
