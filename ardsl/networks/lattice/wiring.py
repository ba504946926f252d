"""A lattice network as data: maps of features over the sites of an array, and the layers between them.

Whatever is built from these layers has both evaluators and a plan: a new network is a new list of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.layer import Layer, Pointwise
from ardsl.relations.stencil import Stencil
from ardsl.relations.translated import Reading

INPUT = "input"
"""The map of what the variable's elements give a network."""

Limits = Sequence[int | None]
"""The distance along each axis that a site may read; None: without limit."""


@dataclass(frozen=True, eq=False)
class Wiring:
    """The layers of a network, in the order of evaluation; the last gives the parameters of every site's draw."""

    lattice: Lattice
    input_features: int
    """Of each group."""
    layers: tuple[Layer, ...]

    @cached_property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Groups and features of each map."""
        given = {INPUT: (self.lattice.groups, self.input_features)}
        return given | {layer.target: (layer.groups, layer.features) for layer in self.layers}

    def readings(self, layer: Layer) -> tuple[Reading, ...]:
        """All that a layer reads, what is added included."""
        itself = pointwise(len(self.lattice.shape), np.eye(layer.groups, dtype=bool))
        return (*layer.sources, *((name, itself) for name in layer.added))

    @cached_property
    def convolutions(self) -> tuple[Convolve, ...]:
        """The layers with weights."""
        return tuple(layer for layer in self.layers if isinstance(layer, Convolve))

    @cached_property
    def functions(self) -> tuple[Pointwise, ...]:
        """The layers without."""
        return tuple(layer for layer in self.layers if isinstance(layer, Pointwise))

    @property
    def output(self) -> str:
        return self.layers[-1].target

    @property
    def ranked(self) -> bool:
        return any(layer.ranked for layer in self.convolutions)


def pointwise(axes: int, groups: np.ndarray) -> Stencil:
    """A site reads its own position; ``groups`` says which group reads which, bool [target groups, source groups]."""
    return Stencil(((0,) * axes,), groups[None])


def weights(wiring: Wiring, layer: Layer) -> Sequence[tuple[int, int]]:
    """For each source, how many weights a convolution has, and how many of them a stencil lets through."""
    counts = []
    for source, stencil in layer.sources:
        groups, features = wiring.sizes[source]
        pairs = layer.features * features
        counts.append((layer.groups * groups * len(stencil.offsets) * pairs, int(stencil.reads.sum()) * pairs))
    return counts
