"""Convolutions asked with a mask in torch, and the dense network beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.asked import EVERY, AskedNetwork
from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.design import Design
from ardsl.networks.nade.conv_plan import Convolution, Positions, other_columns
from ardsl.networks.nade.deep_module import DenseLayers

_CONVOLVED: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


class ConvNetwork(AskedNetwork):
    """Convolutions that read, at each position, the features of what is known and which elements are; a dense network
    of the same is added to what they give."""

    def __init__(self, plan: Design, positions: Positions, layers: Sequence[Convolution]) -> None:
        super().__init__(plan)
        self._shape = positions.shape
        self.layers = nn.ModuleList([_Convolution(layer, last=layer is layers[-1]) for layer in layers])
        others = other_columns(plan.group)
        self.given = nn.Linear(len(others), layers[0].outputs, bias=False) if len(others) else None
        options = {**plan.options, "residual": False}
        self.dense = DenseLayers(plan.group, plan.options["hidden"], options) if plan.options["dense"] else None
        self._activation = ACTIVATIONS[plan.options["activation"]]
        self.register_buffer("_own", torch.as_tensor(_own_columns(plan, positions)), persistent=False)
        self.register_buffer("_others", torch.as_tensor(others), persistent=False)
        self._own: Tensor
        self._others: Tensor

    def start_at(self, parameters: Tensor) -> None:
        bias = self.layers[-1].bias
        assert isinstance(bias, Tensor)
        with torch.no_grad():
            if self.dense is not None:
                bias.zero_()
                self.dense.biases[-1].copy_(parameters)
            else:
                bias.copy_(parameters[: len(bias)])  # one position's draws: all positions begin with the same

    def ask(self, inputs: Tensor, known: Tensor, outputs: slice = EVERY) -> Tensor:
        features = self.known_features(inputs, known)
        read = torch.cat([features, known.to(features.dtype)], 1)
        value = F.pad(read, (0, 1))[:, self._own].movedim(2, 1).unflatten(2, self._shape)
        for number, layer in enumerate(self.layers):
            value = layer(value)
            if number == 0 and self.given is not None:
                value = value + self.given(read[:, self._others]).unflatten(1, (-1, *[1] * len(self._shape)))
            if number < len(self.layers) - 1:
                value = self._activation(value)
        parameters = value.flatten(2).transpose(1, 2).flatten(1)[:, outputs]
        return parameters if self.dense is None else parameters + self.dense(features, known, outputs)


class _Convolution(nn.Module):
    """[batch, inputs, *source] to [batch, outputs, *target]."""

    def __init__(self, layer: Convolution, last: bool) -> None:
        super().__init__()
        self._convolved = _CONVOLVED[len(layer.source)]
        self._padding = tuple(taps - 1 if layer.full else 0 for taps in layer.kernel)
        self._target = layer.target
        self.weight = nn.Parameter(torch.empty(layer.outputs, layer.inputs, *layer.kernel))
        self.bias = nn.Parameter(torch.zeros(layer.outputs))
        # He et al. 2015, Eq. 10: what relu is given keeps its variance. The last layer has none, and begins small.
        bound = ((1 if last else 6) / (layer.inputs * prod(layer.kernel))) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)

    def forward(self, value: Tensor) -> Tensor:
        if not len(self.bias):  # draws have no parameters, and torch no such convolution
            return value.new_zeros(value.shape[0], 0, *self._target)
        return self._convolved(value, self.weight, self.bias, padding=self._padding)


def _own_columns(plan: Design, positions: Positions) -> np.ndarray:
    """The columns that each position reads of the drawn variable, int64 [positions, features]: the features of its
    elements, and which of these are known. The column after the last, of zeros, stands for what no draw reads."""
    group = plan.group
    own = group.elements_of(group.targets[0].variable)
    column = np.full(group.targets[0].variable.size, -1)  # the first column of each of the variable's elements
    mask = np.full(group.targets[0].variable.size, group.features + group.elements)
    first = np.cumsum(group.element_features) - group.element_features
    column[own[own >= 0]] = first[own >= 0]
    mask[own[own >= 0]] = group.features + np.flatnonzero(own >= 0)
    features = positions.features // positions.elements
    columns = np.where(column[:, None] < 0, group.features + group.elements, column[:, None] + np.arange(features))
    count = prod(positions.shape)
    return np.concatenate([columns.reshape(count, -1), mask.reshape(count, -1)], axis=1)
