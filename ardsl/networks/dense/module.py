"""Masked dense networks in torch: masks multiply the weights in the forward pass, and the weights keep all their
values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.dense.banded import Band, banded_linear, bands
from ardsl.networks.dense.plan import relations
from ardsl.networks.design import Design
from ardsl.networks.module import NetworkModule, in_order, lasting, linear_, transforming
from ardsl.networks.stepper import Orders

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "leaky_relu": F.leaky_relu,
}


MOST_MASKS = 1 << 26
"""Numbers of masks that are made before they are asked for."""
SMALLEST_BANDED = 1 << 17
"""Weights with fewer numbers are multiplied by their whole mask: the calls for bands would cost more than they save."""


Masks = tuple[list[Tensor | None], Tensor | None]
"""Of the layers, and of the direct path; None where all is let through."""


class DenseNetwork(NetworkModule):
    """A network whose parameters depend on exactly the inputs that its plan's masks let through (MADE, Eq. 9–11).

    ``weights[l]`` are the hidden layers' and the output's, ``direct`` the input-to-output path's; each is multiplied by
    its mask in the forward pass. Their columns and rows are in the order in which the first order's masks are
    staircases (``inputs`` and ``outputs``: the feature or parameter at each place), so that training can
    multiply by the masks' real shape.
    """

    _sorted: Tensor | None
    _unsorted: Tensor | None

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        hidden = [layer for layer in plan.layers if not layer.direct]
        direct = [layer for layer in plan.layers if layer.direct]
        self.weights = nn.ParameterList([torch.empty(layer.outputs, layer.inputs) for layer in hidden])
        self.direct = nn.Parameter(torch.empty(direct[0].outputs, direct[0].inputs)) if direct else None
        self.biases = nn.ParameterList([torch.empty(layer.outputs) for layer in hidden or direct])
        for weight, bias in zip(self.weights, self.biases, strict=False):
            linear_(weight, bias)
        if self.direct is not None:
            linear_(self.direct, None if hidden else self.biases[-1])
        self._layers = len(hidden)
        self.activation = ACTIVATIONS[plan.options["activation"]]
        first = relations(plan.group, plan.options, plan.group.orders(0))
        self._inputs, self._outputs = first.layout(plan.group)
        self.register_buffer("_sorted", _index(self._inputs), persistent=False)
        self.register_buffer("_unsorted", _index(np.argsort(self._outputs)), persistent=False)
        self._large = any(layer.inputs * layer.outputs >= SMALLEST_BANDED for layer in plan.layers)
        self._bands: tuple[torch.dtype, list[list[Band] | Tensor | None]] | None = None
        self._masks: dict[int, Masks] = {}
        if plan.group.order_count * sum(layer.inputs * layer.outputs for layer in plan.layers) <= MOST_MASKS:
            for k in range(plan.group.order_count):
                self.masks(k)  # made before a tracer looks in

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.biases[-1].copy_(parameters[torch.as_tensor(self._outputs, device=parameters.device)])
            if self.direct is not None:
                self.direct.zero_()

    def masks(self, orders: Orders) -> Masks:
        """The masks of ``weights`` and of ``direct``, 0/1 in the weights' dtype; kept for declared orders."""
        if not isinstance(orders, int):
            return self._in_place(self._make_masks(orders))
        kept = self._masks.get(orders)
        if kept is None:
            kept = self._masks[orders] = self._make_masks(orders)
        placed = self._in_place(kept)
        if self.plan.group.order_count == 1 and placed is not kept:
            self._masks[orders] = placed
        return placed

    def _in_place(self, masks: Masks) -> Masks:
        """Masks of the weights' dtype and device: the same, where they are."""
        layers, direct = masks
        bias = in_order(self.biases)[-1]
        dtype, device = bias.dtype, bias.device
        for mask in (*layers, direct):
            if mask is not None and (mask.dtype != dtype or mask.device != device):
                break
        else:
            return masks
        return _moved(masks, device, dtype)

    @lasting
    def _make_masks(self, orders: Orders) -> Masks:
        group = self.plan.group
        by_variable = group.orders(orders) if isinstance(orders, int) else orders
        masked = relations(group, self.plan.options, by_variable)
        rows, columns = group.output_draw[self._outputs], group.feature_element[self._inputs]
        layers = [relation.matrix() for relation in masked.hidden]
        if layers:
            layers[0] = layers[0][:, columns]
            layers[-1] = layers[-1][rows]
        direct = masked.direct.matrix()[rows][:, columns] if masked.direct is not None else None
        # One order is asked for at every step: keep its masks ready to multiply. Several would take four times the
        # room.
        dtype = self.biases[-1].dtype if group.order_count == 1 else torch.bool

        def tensor(mask: np.ndarray) -> Tensor | None:
            if mask.all():
                return None
            return torch.from_numpy(np.ascontiguousarray(mask)).to(self.biases[-1].device, dtype)

        return [tensor(m) for m in layers], None if direct is None else tensor(direct)

    def masked(self, masks: Masks) -> tuple[list[Tensor], Tensor | None]:
        """The weights of the layers and of the direct path with their masks applied."""
        layers, direct = masks
        weights = [_masked(weight, mask) for weight, mask in zip(in_order(self.weights), layers, strict=True)]
        return weights, None if self.direct is None else _masked(self.direct, direct)

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        product, layers = self._products(inputs, orders), self._layers
        inputs = self.sorted_inputs(inputs)
        if not layers:
            return _reorder(product(0, inputs), self._unsorted)
        hidden, options = inputs, self.plan.options
        for number in range(layers - 1):
            above = self.activation(product(number, hidden))
            if options["residual"] and number and above.shape == hidden.shape:
                above = above + hidden
            if self.training and options["dropout"]:
                above = F.dropout(above, options["dropout"])
            hidden = above
        parameters = product(layers - 1, hidden)
        if self.direct is not None:
            parameters = parameters + product(layers, inputs)
        return _reorder(parameters, self._unsorted)

    def _products(self, inputs: Tensor, orders: Orders) -> Callable[[int, Tensor], Tensor]:
        """The masked linear map of each layer, by number; the direct path's is the last."""
        weights, last = in_order(self.weights), (None,) if self._layers else ()
        biases: tuple[Tensor | None, ...] = (*in_order(self.biases), *last)
        parameters = weights if self.direct is None else (*weights, self.direct)
        if self._large and self._takes_bands(inputs, orders):
            staircases = self._staircases()

            def product(n: int, x: Tensor) -> Tensor:
                mask, weight = staircases[n], parameters[n]
                if isinstance(mask, list):
                    return banded_linear(x, weight, biases[n], mask)
                return F.linear(x, _masked(weight, mask), biases[n])

            return product
        layers, direct = self.masks(orders)
        masks = (*layers, direct)
        return lambda n, x: F.linear(x, _masked(parameters[n], masks[n]), biases[n])

    def _takes_bands(self, inputs: Tensor, orders: Orders) -> bool:
        """Says whether the products may be made by the masks' real shape: on the CPU, under the one order, and where no
        tracer and no transform of ``torch.func`` looks in. In evaluation gradients are torch's own, since others than
        training may ask for them in forward mode, too."""
        like = self.biases[-1]
        if self.plan.group.order_count > 1 or orders != 0 or inputs.device.type != "cpu" or inputs.dtype != like.dtype:
            return False
        if not self.training and torch.is_grad_enabled():
            return False
        return not (torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu") or transforming())

    @lasting
    def _staircases(self) -> list[list[Band] | Tensor | None]:
        """The way each masked product is made: in bands, or, where the weight is too small to be worth it,
        with the whole mask."""
        like = self.biases[-1]
        if self._bands is None or self._bands[0] != like.dtype:
            layers, direct = self.masks(0)
            masks = [*layers, direct] if self.direct is not None else layers
            products = [m if m is None or m.numel() < SMALLEST_BANDED else bands(m.bool().numpy(), like) for m in masks]
            self._bands = (like.dtype, products)
        return self._bands[1]

    def sorted_inputs(self, inputs: Tensor) -> Tensor:
        """Inputs [batch, columns] in the order of the weights' columns."""
        return _reorder(inputs, self._sorted)

    @property
    def layout(self) -> tuple[np.ndarray, np.ndarray]:
        """The feature at each of the weights' columns, and the parameter at each of their rows."""
        return self._inputs, self._outputs


@lasting
def _moved(masks: Masks, device: torch.device, dtype: torch.dtype) -> Masks:
    *layers, direct = [None if m is None else m.to(device, dtype) for m in (*masks[0], masks[1])]
    return layers, direct


def _index(order: np.ndarray) -> Tensor | None:
    """An order as an index, or None where it changes nothing."""
    return None if (order[1:] > order[:-1]).all() else torch.as_tensor(order)


def _reorder(numbers: Tensor, index: Tensor | None) -> Tensor:
    """Columns [batch, n] in another order."""
    return numbers if index is None else numbers.index_select(1, index)


def _masked(weight: Tensor, mask: Tensor | None) -> Tensor:
    return weight if mask is None else weight * mask
