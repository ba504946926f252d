"""Resolutions of maps: the layers that lead from one to another, inferred from the two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ardsl.model.model import Variable
from ardsl.networks.design import LayerPlan
from ardsl.relations import Everything

REACH = 3
"""Cells along each axis that a convolution reads for each position: its kernel is three strides wide."""
AXES = 2
"""The first axes of a variable that has as many are rows and columns; the others are features of each cell."""


@dataclass(frozen=True)
class Step:
    """One layer, from a map of the shape ``coarse`` to one ``strides`` times finer; of an encoder (``down``) the other
    way. The first of what has no positions is ``dense``, and ``coarse`` is the shape of what it gives then."""

    inputs: int
    outputs: int
    """Features of each cell."""
    coarse: tuple[int, ...]
    strides: tuple[int, ...]
    dense: bool = False
    summary: bool = False
    """The mean over all cells of the map below is added, through weights of its own."""
    down: bool = False

    @property
    def fine(self) -> tuple[int, ...]:
        return tuple(size * stride for size, stride in zip(self.coarse, self.strides, strict=True))

    @property
    def source(self) -> tuple[int, ...]:
        """The shape of what it reads; () of a vector."""
        return () if self.dense else self.fine if self.down else self.coarse

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its output."""
        return self.coarse if self.down else self.fine

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
        of_position = self.inputs * self.outputs
        return of_position * (prod(self.fine) * REACH ** len(self.shape) + self.summary)

    def plan(self, name: str) -> LayerPlan:
        """The layer as data. What a layer reads of all cells, its network makes of the whole source."""
        below = prod(self.source) * self.inputs
        outputs = prod(self.shape) * self.outputs
        parameters = self.weights + (outputs if self.dense else self.outputs)
        return LayerPlan(
            name=name,
            inputs=below,
            outputs=outputs,
            parameters=parameters,
            connections=parameters,
            flops=2 * self.multiplications,
            relation=Everything(outputs, below),
            activation="relu",
            activated=outputs,
        )


def positions(variable: Variable) -> tuple[int, ...] | None:
    """Rows and columns of a variable that has them."""
    if variable.is_record or len(variable.shape) < AXES:
        return None
    return variable.shape[:AXES]


def finer(located: tuple[int, ...] | None, inputs: int, target: tuple[int, ...], hidden: Sequence[int]) -> list[Step]:
    """One layer for each number of features in ``hidden``, the last of them at all positions of the ``target``.

    From a coarser map, by whole numbers, or (``located`` None) from a vector, with a dense layer first. Strides rise
    with the layers: what is computed at the full resolution is little.
    """
    if located is not None:
        coarse = located
        strides = _spread([fine // size for fine, size in zip(target, coarse, strict=True)], len(hidden))
    else:
        halved = [_halvings(size, len(hidden) - 1) for size in target]
        coarse = tuple(size >> times for size, times in zip(target, halved, strict=True))
        strides = [(1,) * len(target), *_spread([1 << times for times in halved], len(hidden) - 1)]
    steps = []
    for number, (outputs, stride) in enumerate(zip(hidden, strides, strict=True)):
        first = number == 0
        steps.append(Step(inputs, outputs, coarse, stride, first and located is None, first and located is not None))
        coarse, inputs = steps[-1].shape, outputs
    return steps


def coarser(source: tuple[int, ...], inputs: int, target: tuple[int, ...] | None, hidden: Sequence[int]) -> list[Step]:
    """The same from a map to a coarser one, the strides falling; or (``target`` None) by halves, as far as sizes and
    layers go. The last layer adds what all cells amount to."""
    if target is not None:
        strides = _spread([size // coarse for size, coarse in zip(source, target, strict=True)], len(hidden))[::-1]
    else:
        halved = [_halvings(size, len(hidden)) for size in source]
        strides = _spread([1 << times for times in halved], len(hidden))[::-1]
    steps = []
    for number, (outputs, stride) in enumerate(zip(hidden, strides, strict=True)):
        coarse = tuple(size // factor for size, factor in zip(source, stride, strict=True))
        summary = target is not None and number == len(hidden) - 1
        steps.append(Step(inputs, outputs, coarse, stride, summary=summary, down=True))
        source, inputs = coarse, outputs
    return steps


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
    factors, divisor = [], 2
    while number > 1:
        while number % divisor == 0:
            factors.append(divisor)
            number //= divisor
        divisor += 1
    return factors[::-1]
