"""Masked dense networks in torch: the mask stands in the expression, never in the data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.dense.banded import Band, banded_linear, bands
from ardsl.networks.dense.plan import relations
from ardsl.networks.dense.program import DenseProgram
from ardsl.networks.module import Configuration, NetworkModule, linear_
from ardsl.networks.plan import GroupPlan

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "leaky_relu": F.leaky_relu,
}


SMALLEST_BANDED = 1 << 17
"""Weights with fewer numbers are multiplied by their whole mask: the calls for bands would cost more than they save."""


class DenseNetwork(NetworkModule):
    """A network whose raw numbers depend on exactly the inputs that its plan's masks let through (MADE, Eq. 9–11).

    ``weights[l]`` are the hidden layers' and the output's, ``direct`` the input-to-output path's; each is multiplied by
    its mask in the forward pass. Their columns and rows stand in the order in which the first order's masks are
    staircases (``inputs`` and ``outputs``: which feature or raw number stands at each place), so that training can
    multiply by the masks' real shape.
    """

    _sorted: Tensor | None
    _unsorted: Tensor | None

    def __init__(self, plan: GroupPlan) -> None:
        super().__init__()
        self.plan = plan
        hidden = [layer for layer in plan.layers if layer.name != "direct"]
        direct = [layer for layer in plan.layers if layer.name == "direct"]
        self.weights = nn.ParameterList([torch.empty(layer.outputs, layer.inputs) for layer in hidden])
        self.direct = nn.Parameter(torch.empty(direct[0].outputs, direct[0].inputs)) if direct else None
        self.biases = nn.ParameterList([torch.empty(layer.outputs) for layer in hidden or direct])
        for weight, bias in zip(self.weights, self.biases, strict=False):
            linear_(weight, bias)
        if self.direct is not None:
            linear_(self.direct, None if hidden else self.biases[-1])
        self.activation = ACTIVATIONS[plan.options["activation"]]
        first = relations(plan.group, plan.options, plan.group.orders(0))
        self._inputs, self._outputs = first.layout(plan.group)
        self.register_buffer("_sorted", _index(self._inputs), persistent=False)
        self.register_buffer("_unsorted", _index(np.argsort(self._outputs)), persistent=False)
        self._bands: tuple[torch.dtype, list[list[Band] | Tensor]] | None = None
        self._masks: dict[int, tuple[list[Tensor], Tensor | None]] = {}
        self._masked: tuple[tuple[object, ...], tuple[list[Tensor], Tensor | None]] | None = None

    def start_at(self, raw: Tensor) -> None:
        with torch.no_grad():
            self.biases[-1].copy_(raw[torch.as_tensor(self._outputs, device=raw.device)])
            if self.direct is not None:
                self.direct.zero_()

    def masks(self, configuration: Configuration) -> tuple[list[Tensor], Tensor | None]:
        """The masks of ``weights`` and of ``direct``, 0/1 in the weights' dtype; kept for declared orders."""
        bias = self.biases[-1]
        if isinstance(configuration, int):
            kept = self._masks.get(configuration)
            if kept is None or (kept[0] or [kept[1]])[0].device != bias.device:  # type: ignore[list-item]
                kept = self._masks[configuration] = self._make_masks(configuration)
            layers, direct = kept
            return [m.to(bias.dtype) for m in layers], None if direct is None else direct.to(bias.dtype)
        layers, direct = self._make_masks(configuration)
        return [m.to(bias.dtype) for m in layers], None if direct is None else direct.to(bias.dtype)

    @torch.inference_mode(False)  # what is kept may be of use for gradients later
    def _make_masks(self, configuration: Configuration) -> tuple[list[Tensor], Tensor | None]:
        group = self.plan.group
        orders = group.orders(configuration) if isinstance(configuration, int) else configuration
        found = relations(group, self.plan.options, orders)
        rows, columns = group.output_draw[self._outputs], group.feature_element[self._inputs]
        layers = [relation.matrix() for relation in found.hidden]
        if layers:
            layers[0] = layers[0][:, columns]
            layers[-1] = layers[-1][rows]
        direct = found.direct.matrix()[rows][:, columns] if found.direct is not None else None
        # One order is asked for at every step: keep its masks ready to multiply. Several would take four times the
        # room.
        dtype = self.biases[-1].dtype if group.order_count == 1 else torch.bool

        def tensor(mask: np.ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(mask)).to(self.biases[-1].device, dtype)

        return [tensor(m) for m in layers], None if direct is None else tensor(direct)

    def train(self, mode: bool = True) -> DenseNetwork:
        self._masked = None  # weights that are split over processes are put together in the same place, unversioned
        return super().train(mode)

    def masked(self, configuration: Configuration) -> tuple[list[Tensor], Tensor | None]:
        """The weights with their masks applied; without gradients, the last ones are kept until they change."""
        if torch.is_grad_enabled():
            self._masked = None  # a step is coming, and a fused optimizer's leaves no mark on the weights
            return self._apply_masks(configuration)
        parameters = [*self.weights, *([self.direct] if self.direct is not None else [])]
        key = (configuration, *((p.data_ptr(), p._version, p.dtype) for p in parameters))
        if self._masked is None or self._masked[0] != key or not isinstance(configuration, int):
            self._masked = (key, self._apply_masks(configuration))
        return self._masked[1]

    def _apply_masks(self, configuration: Configuration) -> tuple[list[Tensor], Tensor | None]:
        masks, direct = self.masks(configuration)
        weights = [weight * mask for weight, mask in zip(self.weights, masks, strict=True)]
        return weights, None if self.direct is None else self.direct * direct  # type: ignore[operator]

    def forward(self, inputs: Tensor, configuration: Configuration = 0) -> Tensor:
        products = self._products(inputs, configuration)
        inputs = _reorder(inputs, self._sorted)
        if not len(self.weights):
            return _reorder(products(0, inputs), self._unsorted)
        hidden = inputs
        for number in range(len(self.weights) - 1):
            above = self.activation(products(number, hidden))
            if self.plan.options["residual"] and number and above.shape == hidden.shape:
                above = above + hidden
            if self.training and self.plan.options["dropout"]:
                above = F.dropout(above, self.plan.options["dropout"])
            hidden = above
        raw = products(len(self.weights) - 1, hidden)
        if self.direct is not None:
            raw = raw + products(len(self.weights), inputs)
        return _reorder(raw, self._unsorted)

    def _products(self, inputs: Tensor, configuration: Configuration) -> Callable[[int, Tensor], Tensor]:
        """The masked linear map of each layer, by number; the direct path's is the last."""
        biases = [*self.biases, None] if len(self.weights) else list(self.biases)
        banded = (
            self.training and self.plan.group.order_count == 1 and configuration == 0 and inputs.device.type == "cpu"
        )
        if banded and torch.is_grad_enabled() and inputs.dtype == self.biases[-1].dtype and not _autocast(inputs):
            self._masked = None
            parameters, parts = [*self.weights, self.direct], self._staircases()

            def product(n: int, x: Tensor) -> Tensor:
                part, weight = parts[n], parameters[n]
                if isinstance(part, Tensor):
                    return F.linear(x, weight * part, biases[n])
                return banded_linear(x, weight, biases[n], part)

            return product
        weights, direct = self.masked(configuration)
        masked = [*weights, direct]
        return lambda n, x: F.linear(x, masked[n], biases[n])  # type: ignore[arg-type]

    def _staircases(self) -> list[list[Band] | Tensor]:
        """How each masked product is made in training: in bands, or, where the weight is too small to be worth it, with
        the whole mask."""
        like = self.biases[-1]
        if self._bands is None or self._bands[0] != like.dtype:
            layers, direct = self.masks(0)
            masks = [*layers, *([direct] if direct is not None else [])]
            parts = [bands(m.bool().numpy(), like) if m.numel() >= SMALLEST_BANDED else m for m in masks]
            self._bands = (like.dtype, parts)
        return self._bands[1]

    def program(
        self, order: int, element_step: np.ndarray, draw_step: np.ndarray, steps: int, batch: int
    ) -> DenseProgram:
        weights, direct = self.masked(order)
        group = self.plan.group
        return DenseProgram(
            weights=weights,
            masks=self.masks(order)[0][:-1],
            biases=[b.detach() for b in self.biases],
            direct=direct,
            activation=self.plan.options["activation"],
            residual=self.plan.options["residual"],
            input_step=element_step[group.feature_element],
            output_step=draw_step[group.output_draw],
            layout=(self._inputs, self._outputs),
            steps=steps,
            batch=batch,
        )


def _index(order: np.ndarray) -> Tensor | None:
    """An order as an index, or None where it changes nothing."""
    return None if (order[1:] > order[:-1]).all() else torch.as_tensor(order)


def _reorder(numbers: Tensor, index: Tensor | None) -> Tensor:
    """Columns [batch, n] in another order."""
    return numbers if index is None else numbers.index_select(1, index)


def _autocast(like: Tensor) -> bool:
    return torch.is_autocast_enabled(like.device.type)
