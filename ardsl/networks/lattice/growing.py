"""The torch side of ``deconv``: maps that grow to the resolution of what they condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.lattice.deconv import REACH, Step

_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: F.conv_transpose1d,
    2: F.conv_transpose2d,
    3: F.conv_transpose3d,
}


class Growing(nn.Module):
    """Features of a source [batch, features] to a map [batch, features, *positions], each number of which depends on
    the whole source."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Dense(step) if step.dense else _Finer(step) for step in steps)
        first = steps[0]
        self._shape = None if first.dense else first.coarse

    def forward(self, features: Tensor) -> Tensor:
        value = features
        if self._shape is not None:
            value = features.unflatten(1, (*self._shape, -1)).movedim(-1, 1)
        for layer in self.layers:
            value = F.relu(layer(value))
        return value


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
        self.summary = nn.Parameter(torch.empty(step.outputs, step.inputs)) if step.summary else None
        # He et al. 2015, Eq. 10: what relu is given keeps its variance.
        bound = (6 / (step.inputs * REACH**self._axes)) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        if self.summary is not None:
            nn.init.uniform_(self.summary, -(step.inputs**-0.5), step.inputs**-0.5)

    def forward(self, value: Tensor) -> Tensor:
        finer = _TRANSPOSED[self._axes](value, self.weight, self.bias, stride=self._strides, padding=self._strides)
        if self.summary is None:
            return finer
        mean = value.flatten(2).mean(2)
        return finer + (mean @ self.summary.T).unflatten(1, (-1, *[1] * self._axes))
