"""A lattice network as data: maps of features over the sites of an array, and the layers between them.

Whatever is built from these layers has both evaluators and a plan: a new network is a new list of layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ardsl.networks.lattice.lattice import Lattice
from ardsl.relations.ranked import Cut
from ardsl.relations.stencil import Stencil
from ardsl.relations.translated import Reading

INPUT = "input"
"""The map of what the variable's elements give a network."""

Limits = Sequence[int | None]
"""How far along each axis a site may read; None: without limit."""

Kind = Literal["convolve", "gate", "relu", "drop"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One map, from maps before it.

    ``convolve``: the weighted sum over what each stencil reads, with a bias; ``gate``: tanh(first half of the features)
    · σ(second half) (van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, Eq. 2); ``relu``;
    ``drop``: dropout. ``features`` are those of each group. The maps ``added`` are added at every site, and a
    convolution has no bias then. ``conditioned``: all that is given is added, through weights of its own; ``aligned``:
    what is given for the position.

    ``ranked``: of the stencil's sites each position reads those of a lower rank (``before``), or also of its own
    (``until``), which is for orders that do not look the same from everywhere.
    """

    kind: Kind
    target: str
    groups: int
    features: int
    sources: tuple[Reading, ...]
    added: tuple[str, ...] = ()
    conditioned: bool = False
    aligned: bool = False
    ranked: Cut | None = None


@dataclass(frozen=True, eq=False)
class Wiring:
    """The layers of a network, in the order of evaluation; the last gives the raw numbers of every site's draw."""

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

    @property
    def output(self) -> str:
        return self.layers[-1].target

    @property
    def ranked(self) -> bool:
        return any(layer.ranked for layer in self.layers)


def pointwise(axes: int, groups: np.ndarray) -> Stencil:
    """A site reads its own position; ``groups`` says which group reads which, bool [target groups, source groups]."""
    return Stencil(((0,) * axes,), groups[None])


def weights(wiring: Wiring, layer: Layer) -> Sequence[tuple[int, int]]:
    """For each source, how many weights a convolution has, and how many of them a stencil lets through."""
    found = []
    for source, stencil in layer.sources:
        groups, features = wiring.sizes[source]
        pairs = layer.features * features
        found.append((layer.groups * groups * len(stencil.offsets) * pairs, int(stencil.reads.sum()) * pairs))
    return found
