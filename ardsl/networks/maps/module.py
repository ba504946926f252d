"""The torch side of maps: layers that grow finer or coarser, and the networks made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.design import Design
from ardsl.networks.maps.shapes import REACH, Step, positions
from ardsl.networks.module import NetworkModule, Span, linear_
from ardsl.networks.stepper import Orders

_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


class MapNetwork(NetworkModule):
    """Maps from the sources to the resolution of the target, residual blocks, and the parameters of each cell."""

    def __init__(self, plan: Design, steps: Sequence[Step], cells: tuple[int, ...]) -> None:
        super().__init__()
        self.plan = plan
        self._cells = cells
        self._map = steps[0].source
        self._from = [(s.features, positions(s.variable)) for s in plan.group.sources]
        self.layers = nn.ModuleList(map(_layer, steps))
        count = plan.options["blocks"]
        self.blocks = nn.ModuleList(nn.ModuleList(_Block(step) for _ in range(count)) for step in steps)
        output = plan.layers[-1]
        width = output.outputs // prod(cells)
        self.weight = nn.Parameter(torch.empty(width, output.inputs if not cells else steps[-1].outputs))
        self.bias = nn.Parameter(torch.empty(width))
        linear_(self.weight, self.bias)

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.bias.copy_(parameters[: len(self.bias)])

    def forward(self, inputs: Tensor, orders: Orders = 0, span: Span | None = None) -> Tensor:
        value = self._side_by_side(inputs)
        for layer, blocks in zip(self.layers, self.blocks, strict=True):
            value = F.relu(layer(value))
            for block in blocks:  # type: ignore[attr-defined]
                value = block(value)
        if not self._cells:
            return F.linear(value.flatten(1), self.weight, self.bias)
        return F.linear(value.movedim(1, -1), self.weight, self.bias).flatten(1)

    def _side_by_side(self, inputs: Tensor) -> Tensor:
        """The sources as one map [batch, features, *cells], or as one vector where none has rows and columns."""
        if not self._map:
            return inputs
        maps = []
        for features, where in zip(inputs.split([size for size, _ in self._from], 1), self._from, strict=True):
            if where[1] is None:
                maps.append(features[..., None, None].expand(-1, -1, *self._map))
            else:
                maps.append(features.unflatten(1, (*self._map, -1)).movedim(-1, 1))
        return maps[0] if len(maps) == 1 else torch.cat(maps, 1)


class Growing(nn.Module):
    """Features of a source [batch, features] to a map [batch, features, *positions], each number of which depends on
    the whole source."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(map(_layer, steps))
        self._shape = steps[0].source

    def forward(self, features: Tensor) -> Tensor:
        value = features
        if self._shape:
            value = features.unflatten(1, (*self._shape, -1)).movedim(-1, 1)
        for layer in self.layers:
            value = F.relu(layer(value))
        return value


def _layer(step: Step) -> nn.Module:
    return _Dense(step) if step.dense else _Coarser(step) if step.down else _Finer(step)


class _Dense(nn.Module):
    """[batch, features] to [batch, outputs, *shape]."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._shape = step.shape
        self.linear = nn.Linear(step.inputs, step.weights // step.inputs)

    def forward(self, value: Tensor) -> Tensor:
        return self.linear(value).unflatten(1, (-1, *self._shape))


class _Finer(nn.Module):
    """[batch, inputs, *coarse] to [batch, outputs, *shape]: a transposed convolution, which reads the cells around each
    position, and perhaps what all cells amount to."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._strides, self._axes = step.strides, len(step.strides)
        self.weight = nn.Parameter(torch.empty(step.inputs, step.outputs, *(REACH * s for s in step.strides)))
        self.bias = nn.Parameter(torch.zeros(step.outputs))
        self.summary = _summary(step)
        # He et al. 2015, Eq. 10: what relu is given keeps its variance.
        bound = (6 / (step.inputs * REACH**self._axes)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, value: Tensor) -> Tensor:
        finer = _TRANSPOSED[self._axes](value, self.weight, self.bias, stride=self._strides, padding=self._strides)
        return _summarized(finer, value, self.summary)


class _Coarser(nn.Module):
    """[batch, inputs, *fine] to [batch, outputs, *shape], the other way round."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self._strides = step.strides
        self.weight = nn.Parameter(torch.empty(step.outputs, step.inputs, *(REACH * s for s in step.strides)))
        self.bias = nn.Parameter(torch.zeros(step.outputs))
        self.summary = _summary(step)
        bound = (6 / self.weight[0].numel()) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, value: Tensor) -> Tensor:
        coarser = F.conv2d(value, self.weight, self.bias, stride=self._strides, padding=self._strides)
        return _summarized(coarser, value, self.summary)


class _Block(nn.Module):
    """A residual block (He et al. 2016, Identity Mappings in Deep Residual Networks), which begins as the identity."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(step.outputs, step.outputs, 3, padding=1) for _ in range(2))
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, value: Tensor) -> Tensor:
        return value + self.second(F.relu(self.first(F.relu(value))))


def _summary(step: Step) -> nn.Parameter | None:
    """Weights for the mean over all cells."""
    if not step.summary:
        return None
    bound = step.inputs**-0.5
    return nn.Parameter(torch.empty(step.outputs, step.inputs).uniform_(-bound, bound))


def _summarized(map: Tensor, below: Tensor, summary: nn.Parameter | None) -> Tensor:
    if summary is None:
        return map
    mean = below.flatten(2).mean(2)
    return map + (mean @ summary.T).unflatten(1, (-1, *[1] * (map.ndim - 2)))
