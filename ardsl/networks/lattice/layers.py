"""Stencil layers in torch: weights for every offset that is read, as a convolution over all positions at once.

Maps are [batch, groups · features, *positions], in the memory format that puts features last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.lattice.given import Spread
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.layer import Layer
from ardsl.networks.lattice.wiring import Wiring
from ardsl.networks.module import Span
from ardsl.relations.ranked import Ranked
from ardsl.relations.stencil import Stencil

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class StencilWeight(nn.Module):
    """The weights of one source of a convolution: [outputs, inputs, offsets], where outputs and inputs count the
    features of all groups, group by group. Where a group does not read another, a mask multiplies the weights."""

    mask: Tensor | None

    def __init__(self, stencil: Stencil, outputs: int, inputs: int) -> None:
        super().__init__()
        self.stencil = stencil
        self.low = tuple(min(along) for along in zip(*stencil.offsets, strict=True))
        self.high = tuple(max(along) for along in zip(*stencil.offsets, strict=True))
        groups, sources = stencil.reads.shape[1:]
        self.outputs, self.inputs = outputs, inputs
        """Features of each group."""
        count = len(stencil.offsets)
        self.weight = nn.Parameter(torch.empty(groups * outputs, sources * inputs, count))
        whole = bool(stencil.reads.all())
        mask = np.repeat(np.repeat(stencil.reads.transpose(1, 2, 0), outputs, axis=0), inputs, axis=1)
        self.register_buffer("mask", None if whole else torch.from_numpy(mask.copy()), persistent=False)
        apart = np.array(stencil.offsets).T - np.array(self.low)[:, None]
        self._dilation = [max(1, int(np.gcd.reduce(along))) for along in apart]
        shape = [int(along.max()) // step + 1 for along, step in zip(apart, self._dilation, strict=True)]
        places = np.ravel_multi_index(apart // np.array(self._dilation)[:, None], shape)
        self._shape = shape
        full = len(places) == int(np.prod(shape)) and bool((np.diff(places) == 1).all())
        self.register_buffer("_places", None if full else torch.from_numpy(places), persistent=False)

    @property
    def masked(self) -> Tensor:
        """The weights that count, [outputs, inputs, offsets]."""
        return self.weight if self.mask is None else self.weight * self.mask

    def kernel(self) -> Tensor:
        """The weights of the box around all offsets, those that a dilation passes over left out: [outputs, inputs,
        *box]."""
        weight = self.masked
        if self._places is not None:
            box = weight.new_zeros(*weight.shape[:2], int(np.prod(self._shape)))
            weight = box.index_copy(2, self._places, weight)  # type: ignore[arg-type]
        return weight.unflatten(2, self._shape)

    def forward(self, value: Tensor, bias: Tensor | None) -> Tensor:
        """[batch, inputs, *positions] to [batch, outputs, *positions]."""
        axes = len(self._shape)
        ends = reversed(list(zip(self.low, self.high, strict=True)))  # torch counts axes from the last
        sides = [side for low, high in ends for side in (-low, high)]
        if any(sides):  # where a side is negative, it is cut off
            value = F.pad(value, sides)
        kernel = self.kernel()
        if not len(kernel):  # of families whose parameters are all fixed; torch convolves to one feature or more
            sizes = zip(value.shape[2:], kernel.shape[2:], self._dilation, strict=True)
            return value.new_zeros(len(value), 0, *(size - (width - 1) * step for size, width, step in sizes))
        if axes > 1:  # features last, without the name of a memory format, which torch.vmap does not know
            kernel = kernel.movedim(1, -1).contiguous().movedim(-1, 1)
        return _CONVOLUTIONS[axes](value, kernel, bias, dilation=self._dilation)


class RankedWeight(StencilWeight):
    """The same where each position has a mask of its own (Jain, Abbeel & Pathak 2020): neighbours are gathered, those
    that may not be read as zeros."""

    _near: Tensor

    def __init__(self, relation: Ranked, outputs: int, inputs: int) -> None:
        super().__init__(relation.stencil, outputs, inputs)
        pairs = zip(relation.stencil.offsets, relation.stencil.reads, strict=True)
        near = np.stack([relation.neighbours(offset, reads) for offset, reads in pairs])  # offset, site, source group
        groups, sources = relation.groups
        positions = relation.targets // groups
        near = near.reshape(len(near), positions, groups, sources)
        # The zero that stands for what is not read comes after all positions.
        place = np.where(near < 0, positions, near // sources).transpose(2, 3, 0, 1)
        self.register_buffer("_near", torch.from_numpy(np.ascontiguousarray(place)), persistent=False)

    def forward(self, value: Tensor, bias: Tensor | None) -> Tensor:
        batch, shape = value.shape[0], value.shape[2:]
        groups, sources, _, positions = self._near.shape
        padded = F.pad(value.reshape(batch, sources, self.inputs, positions), (0, 1))
        weight = self.masked.unflatten(0, (groups, self.outputs)).unflatten(2, (sources, self.inputs))
        outputs = []
        for group in range(groups):
            read = [padded[:, s].index_select(2, self._near[group, s].reshape(-1)) for s in range(sources)]
            columns = torch.stack(read, 1).reshape(batch, -1, positions)  # source group, feature and offset
            outputs.append(weight[group].flatten(1) @ columns)
        result = torch.stack(outputs, 1).reshape(batch, groups * self.outputs, *shape)
        return result if bias is None else result + bias.reshape(1, -1, *[1] * len(shape))


def during(value: Tensor, span: Span) -> Tensor:
    """Cuts a span of time steps out of a map [batch, features, time steps]; zero where they do not exist."""
    return span.of(value.transpose(1, 2), 0.0).transpose(1, 2)


@dataclass(frozen=True)
class Features:
    """The features of what is given: ``whole`` [batch, features], which every position reads; ``maps``, each position
    of which depends on whole sources, and ``aligned``, where each position reads its own: [batch, features,
    *positions].
    """

    whole: Tensor | None
    maps: Tensor | None
    aligned: Tensor | None

    def during(self, span: Span) -> Features:
        """Cuts a span of time steps out of what is given."""
        located = (self.maps, self.aligned)
        maps, aligned = (None if features is None else during(features, span) for features in located)
        return Features(self.whole, maps, aligned)

    def located(self, layer: Layer) -> Tensor | None:
        """The features that a layer adds position by position."""
        chosen = (self.maps if layer.conditioned else None, self.aligned if layer.aligned else None)
        located = [features for features in chosen if features is not None]
        return torch.cat(located, 1) if located else None


class Upsampled(nn.Module):
    """Upsamples a source of a lower rate to each time step, or to some: [batch, source features] to [batch, features,
    time steps].

    Learned, it is a transposed convolution whose kernel is its stride (van den Oord et al. 2016, WaveNet, section 2.5).
    """

    _cell: Tensor
    _phase: Tensor

    def __init__(self, spread: Spread) -> None:
        super().__init__()
        cell, phase = spread.cells()
        self.register_buffer("_cell", torch.from_numpy(cell), persistent=False)
        self.register_buffer("_phase", torch.from_numpy(phase), persistent=False)
        self._features = features = spread.features
        self.weight = self.bias = None
        if spread.learned:
            self.weight = nn.Parameter(torch.empty(spread.phases, features, features))
            self.bias = nn.Parameter(torch.zeros(features))
            nn.init.uniform_(self.weight, -((3 / features) ** 0.5), (3 / features) ** 0.5)

    def forward(self, value: Tensor, steps: slice = slice(None)) -> Tensor:
        value = value.unflatten(1, (-1, self._features))
        cell, phase = self._cell[steps], self._phase[steps]
        if steps != slice(None) and bool((cell >= 0).any()):  # only the cells that they are at, which follow another
            inside = cell[cell >= 0]
            first, last = int(inside.min()), int(inside.max())
            value, cell = value[:, first : last + 1], torch.where(cell >= 0, cell - first, -1)
        cells = F.pad(value, (0, 0, 0, 1))  # outside the source is a zero
        if self.weight is None or self.bias is None:
            return cells[:, cell].transpose(1, 2)
        phases = torch.einsum("bcf,pgf->bcpg", cells, self.weight)
        return phases[:, cell, phase].transpose(1, 2) + self.bias[:, None]


class Convolution(nn.Module):
    """A ``convolve`` layer: the sum over its sources, a bias or what is added, and what is given."""

    def __init__(self, wiring: Wiring, layer: Convolve, ranked: list[Ranked], whole: int, located: int) -> None:
        super().__init__()
        self.layer = layer
        outputs = layer.groups * layer.features
        self.sources = nn.ModuleList()
        for (source, stencil), relation in zip(layer.sources, ranked, strict=True):
            sizes = layer.features, wiring.sizes[source][1]
            self.sources.append(RankedWeight(relation, *sizes) if layer.ranked else StencilWeight(stencil, *sizes))
        self.bias = None if layer.added else nn.Parameter(torch.empty(outputs))
        self.condition = nn.Parameter(torch.empty(outputs, whole)) if layer.conditioned and whole else None
        # A family without free parameters leaves no output, and torch has no convolution to none.
        self.locate = nn.Parameter(torch.empty(outputs, located)) if located and outputs else None
        self._initialize(wiring, whole, located)

    def _initialize(self, wiring: Wiring, whole: int, located: int) -> None:
        """torch's own initialization of convolutions, by the inputs that a unit has."""
        layer = self.layer
        read = sum(
            int(stencil.reads.sum()) * wiring.sizes[source][1] / layer.groups for source, stencil in layer.sources
        )
        bound = max(1.0, read) ** -0.5
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound)
            for given, count in ((self.condition, whole), (self.locate, located)):
                if given is not None:
                    given.uniform_(-(count**-0.5), count**-0.5)

    def weights(self) -> list[Tensor]:
        """Of each source, [outputs, inputs, offsets]."""
        return [weight.get_parameter("weight") for weight in self.sources]

    def forward(self, maps: dict[str, Tensor], given: Features) -> Tensor:
        layer, bias = self.layer, self.bias
        total: Tensor | None = None
        for (source, _), weight in zip(layer.sources, self.sources, strict=True):
            product = weight(maps[source], bias if total is None else None)
            total = product if total is None else total + product
        for name in layer.added:
            total = maps[name] if total is None else total + maps[name]
        axes = next(iter(maps.values())).ndim - 2
        if total is None:
            like = next(iter(maps.values()))
            assert bias is not None  # a layer that adds nothing has one
            total = bias.reshape(1, -1, *[1] * axes).expand(like.shape[0], -1, *like.shape[2:])
        if self.condition is not None and given.whole is not None:
            total = total + (given.whole @ self.condition.T).unflatten(1, (-1, *[1] * axes))
        located = given.located(layer)
        if self.locate is not None and located is not None:
            total = total + _CONVOLUTIONS[axes](located, self.locate.unflatten(1, (-1, *[1] * axes)))
        return total
