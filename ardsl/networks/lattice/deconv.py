"""``deconv``: a source grows to a map of features at every position, by transposed convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.model.model import Context
from ardsl.networks.context import ContextNetwork, ContextPlan
from ardsl.networks.group import SourceBlock
from ardsl.networks.network import Option
from ardsl.networks.plan import LayerPlan
from ardsl.relations import Everything

if TYPE_CHECKING:
    import torch

REACH = 3
"""Cells along each axis that a transposed convolution reads for each position: its kernel is three strides wide."""


@dataclass(frozen=True)
class Step:
    """One layer: from a map of the shape ``coarse`` to one ``strides`` times finer. The first of a source without
    positions is ``dense``, and ``coarse`` is the shape of what it gives then."""

    inputs: int
    outputs: int
    """Features of each cell."""
    coarse: tuple[int, ...]
    strides: tuple[int, ...]
    dense: bool = False
    summary: bool = False
    """The mean over all cells of the map below is added, through weights of its own."""

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(size * stride for size, stride in zip(self.coarse, self.strides, strict=True))

    @property
    def weights(self) -> int:
        if self.dense:
            return self.inputs * self.outputs * prod(self.coarse)
        taps = prod(REACH * stride for stride in self.strides)
        return self.inputs * self.outputs * (taps + self.summary)

    @property
    def multiplications(self) -> int:
        if self.dense:
            return self.weights
        each = self.inputs * self.outputs
        return each * (prod(self.shape) * REACH ** len(self.shape) + self.summary)


def steps(source: SourceBlock, positions: tuple[int, ...], hidden: Sequence[int]) -> list[Step]:
    """One layer for each number of features in ``hidden``, the last of them at all ``positions``.

    A source that has positions of its own, coarser by whole numbers, grows from there; any other starts with a dense
    layer. Strides rise with the layers: what is computed at the full resolution is little.
    """
    located = _located(source, positions)
    if located is not None:
        coarse, inputs = located, source.features // prod(located)
        strides = _spread([fine // size for fine, size in zip(positions, coarse, strict=True)], len(hidden))
    else:
        halved = [_halvings(size, len(hidden) - 1) for size in positions]
        coarse = tuple(size >> times for size, times in zip(positions, halved, strict=True))
        inputs = source.features
        strides = [(1,) * len(positions), *_spread([1 << times for times in halved], len(hidden) - 1)]
    found = []
    for number, (outputs, stride) in enumerate(zip(hidden, strides, strict=True)):
        first = number == 0
        found.append(Step(inputs, outputs, coarse, stride, first and located is None, first and located is not None))
        coarse, inputs = found[-1].shape, outputs
    return found


def _located(source: SourceBlock, positions: tuple[int, ...]) -> tuple[int, ...] | None:
    """The source's own positions, if its first axes are such."""
    variable = source.variable
    if variable.is_record or len(variable.shape) < max(2, len(positions)):
        return None
    return variable.shape[: len(positions)]


def _halvings(size: int, most: int) -> int:
    times = 0
    while times < most and size % 2 == 0 and size > 2:
        size, times = size // 2, times + 1
    return times


def _spread(factors: Sequence[int], layers: int) -> list[tuple[int, ...]]:
    """Strides whose product along each axis is its factor, rising: prime by prime, where they are least."""
    columns = []
    for factor in factors:
        strides = [1] * layers
        for prime in _primes(factor):
            at = min(range(layers), key=lambda k: (strides[k], -k))
            strides[at] *= prime
        columns.append(sorted(strides))
    return list(zip(*columns, strict=True))


def _primes(number: int) -> list[int]:
    """Largest first."""
    found, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return found[::-1]


class Deconv(ContextNetwork):
    name = "deconv"
    doc = "transposed convolutions from a coarser map, or from a vector, to a map at every position"
    paper = "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, Eq. 4"
    options = (Option("hidden", "sizes", (64,), "the features of each map, the coarsest first", 1, 10_000),)

    def problems(self, context: Context, source: SourceBlock, positions: tuple[int, ...]) -> Iterator[Diagnostic]:
        located = _located(source, positions) or ()
        for size, fine in zip(located, positions, strict=False):
            if fine % size:
                assert context.network is not None  # its own
                yield rules.NO_RESOLUTION.at(
                    context.network.span, network=self.name, variable=source.variable.name, size=size, fine=fine
                )
                return

    def plan(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> ContextPlan:
        layers = []
        for number, step in enumerate(steps(source, positions, options["hidden"])):
            below = source.features if step.dense else prod(step.coarse) * step.inputs
            outputs = prod(step.shape) * step.outputs
            biases = outputs if step.dense else step.outputs
            layers.append(
                LayerPlan(
                    name=f"{source.variable.name} {number}",
                    inputs=below,
                    outputs=outputs,
                    parameters=step.weights + biases,
                    connections=step.weights + biases,
                    flops=2 * step.multiplications,
                    relation=Everything(outputs, below),
                    activation="relu",
                    activated=outputs,
                )
            )
        return ContextPlan(tuple(layers), options["hidden"][-1])

    def build(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> torch.nn.Module:
        from ardsl.networks.lattice.growing import Growing

        return Growing(steps(source, positions, options["hidden"]))
