"""Networks over slots in torch: conditional probability tables, and dense networks tied between draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.dense.slot_plan import table_shape
from ardsl.networks.dense.slots import Slots, axes_of, slot_columns, slot_features, tied_slots
from ardsl.networks.design import Design
from ardsl.networks.module import NetworkModule, in_order, lasting, linear_
from ardsl.networks.stepper import Orders
from ardsl.relations import Order


class _Address(NamedTuple):
    """The address of each draw's row: the number at ``gather`` [draws, slots] of the codes and, after these, of the
    ``absent`` values of slots that have nothing, times ``stride``, and ``offset`` [draws]."""

    gather: Tensor
    stride: Tensor
    offset: Tensor
    absent: Tensor


class TableNetwork(NetworkModule):
    """A row of parameters for each value of a draw's context: ``rows`` [rows, width]."""

    reads = "codes"

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        self._shape = table_shape(plan.group, plan.options, plan.group.orders(0))
        self.rows = nn.Parameter(torch.zeros(self._shape.rows, plan.group.targets[0].family.width))
        self._addresses: dict[int, _Address] = {}
        self.address(0)  # made before a tracer looks in

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.rows.copy_(parameters[: self.rows.shape[1]].expand_as(self.rows))

    def address(self, orders: Orders) -> _Address:
        """The address of each draw's row under some orders; kept for declared orders."""
        if isinstance(orders, int):
            kept = self._addresses.get(orders)
            if kept is None or kept[0].device != self.rows.device:
                kept = self._addresses[orders] = self._make_address(self.plan.group.orders(orders))
            return kept
        return self._make_address(orders)

    @lasting
    def _make_address(self, orders: Mapping[str, Order]) -> _Address:
        shape = table_shape(self.plan.group, self.plan.options, orders)
        gather = shape.slots.gather
        # A tied table keeps its last row along a slot for draws that have nothing there.
        absent, place = np.unique(shape.levels - 1, return_inverse=True)
        gather = np.where(gather < 0, self.plan.group.elements + place.reshape(gather.shape), gather)
        parts = (gather, shape.stride, shape.offset, absent)
        return _Address(*(torch.as_tensor(np.ascontiguousarray(p), device=self.rows.device) for p in parts))

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        return self.look_up(inputs, self.address(orders)).flatten(1)

    def look_up(self, codes: Tensor, address: _Address, draws: np.ndarray | None = None) -> Tensor:
        """The parameters of all draws, or of some, given codes [batch, elements]: [batch, draws, width]."""
        gather, stride, offset, absent = address
        if isinstance(draws, np.ndarray):
            gather, stride, offset = gather[draws], stride[draws], offset[draws]
        if gather.shape[1] == 0:
            return self.rows[offset].expand(codes.shape[0], -1, -1)
        known = torch.cat([codes.long(), absent.expand(codes.shape[0], -1)], 1)
        return self.rows[offset + (stride * known[:, gather]).sum(-1)]


class _Tied(NamedTuple):
    """How a tied network is applied: the column of each of its inputs, [places, inputs], two more columns being a
    constant 0 (a feature that is absent) and a constant 1 (the slot is there); the places of the draws, and the first
    of their outputs among those of the place, where there are several kinds."""

    gather: Tensor
    place: np.ndarray
    first: Tensor | None


class TiedNetwork(NetworkModule):
    """One dense network applied to the slots of every place; a slot that may be absent has one more input, 1 where it
    is there. It gives the draws of all kinds at its place; a linear one masks what each kind reads."""

    _mask: Tensor | None

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        self.weights = nn.ParameterList([torch.empty(layer.outputs, layer.inputs) for layer in plan.layers])
        self.biases = nn.ParameterList([torch.empty(layer.outputs) for layer in plan.layers])
        for weight, bias in zip(self.weights, self.biases, strict=True):
            linear_(weight, bias)
        self.activation = ACTIVATIONS[plan.options["activation"]]
        self._width = int(plan.group.draw_outputs[0])
        slots = self._slots(0)
        self._kinds = len(slots.read)
        mask = np.repeat(np.repeat(slots.read, slot_features(plan.group, slots), axis=1), self._width, axis=0)
        self.register_buffer("_mask", None if mask.all() else torch.from_numpy(mask), persistent=False)
        self._applied: dict[int, _Tied] = {}
        self.applied(0)  # made before a tracer looks in

    def _slots(self, orders: Orders) -> Slots:
        group = self.plan.group
        by_variable = group.orders(orders) if isinstance(orders, int) else orders
        return tied_slots(group, by_variable, axes_of(group.targets[0], self.plan.options["tied"]))

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():  # all draws begin with the same
            self.biases[-1].copy_(parameters[: self._width].repeat(self._kinds))

    def applied(self, orders: Orders) -> _Tied:
        """How it is applied under some orders; kept for declared orders."""
        if not isinstance(orders, int):
            return self._apply_under(orders)
        kept = self._applied.get(orders)
        if kept is None or kept.gather.device != self.biases[-1].device:
            kept = self._applied[orders] = self._apply_under(orders)
        return kept

    @lasting
    def _apply_under(self, orders: Orders) -> _Tied:
        slots, device = self._slots(orders), self.biases[-1].device
        first = torch.as_tensor(slots.kind * self._width, device=device) if len(slots.read) > 1 else None
        return _Tied(torch.as_tensor(slot_columns(self.plan.group, slots), device=device), slots.place, first)

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        gather, place, first = self.applied(orders)
        parameters = self._evaluate(inputs, gather)
        return (parameters if first is None else self._of_draws(parameters, place, first)).flatten(1)

    def rows(self, inputs: Tensor, applied: _Tied, draws: np.ndarray) -> Tensor:
        """The parameters of some draws given features [batch, features]: [batch, draws, width]."""
        gather, place, first = applied
        if first is None:  # each draw is at a place of its own
            return self._evaluate(inputs, gather[draws])
        places, of_draw = np.unique(place[draws], return_inverse=True)
        parameters = self._evaluate(inputs, gather[places])
        return self._of_draws(parameters, of_draw, first[draws])

    def _of_draws(self, parameters: Tensor, place: np.ndarray, first: Tensor) -> Tensor:
        """Those of each draw, by its place and the first output of its kind, out of [batch, places, outputs]."""
        at_place = parameters[:, torch.as_tensor(place, device=parameters.device)]
        outputs = first[:, None] + torch.arange(self._width, device=first.device)
        return at_place.gather(2, outputs.expand(parameters.shape[0], -1, -1))

    def _evaluate(self, inputs: Tensor, gather: Tensor) -> Tensor:
        """The outputs at some places, [batch, places, outputs]."""
        hidden = F.pad(F.pad(inputs, (0, 1)), (0, 1), value=1.0)[:, gather]
        (*weights, last), (*biases, last_bias) = in_order(self.weights), in_order(self.biases)
        for weight, bias in zip(weights, biases, strict=True):
            hidden = self.activation(F.linear(hidden, weight, bias))
            if self.training and self.plan.options["dropout"]:
                hidden = F.dropout(hidden, self.plan.options["dropout"])
        return F.linear(hidden, last if self._mask is None else last * self._mask, last_bias)
