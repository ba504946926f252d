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
from ardsl.networks.dense.slots import Slots, slot_columns, tied_slots
from ardsl.networks.design import Design
from ardsl.networks.module import NetworkModule, linear_
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

    @torch.inference_mode(False)  # what is kept may be of use for gradients later
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


class TiedNetwork(NetworkModule):
    """One dense network applied to every draw's slots; a slot that may be absent has one more input, 1 where it is
    there."""

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        self.weights = nn.ParameterList([torch.empty(layer.outputs, layer.inputs) for layer in plan.layers])
        self.biases = nn.ParameterList([torch.empty(layer.outputs) for layer in plan.layers])
        for weight, bias in zip(self.weights, self.biases, strict=True):
            linear_(weight, bias)
        self.activation = ACTIVATIONS[plan.options["activation"]]
        self._columns: dict[int, Tensor] = {}
        self.gather(0)  # made before a tracer looks in

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.biases[-1].copy_(parameters[: len(self.biases[-1])])

    def gather(self, orders: Orders) -> Tensor:
        """For each draw the column of each of its network's inputs, [draws, inputs]; two more columns are a constant 0
        (a feature that is absent) and a constant 1 (the slot is there)."""
        if isinstance(orders, int):
            kept = self._columns.get(orders)
            if kept is None or kept.device != self.biases[-1].device:
                kept = self._make_gather(tied_slots(self.plan.group, self.plan.group.orders(orders)))
                self._columns[orders] = kept
            return kept
        return self._make_gather(tied_slots(self.plan.group, orders))

    @torch.inference_mode(False)  # what is kept may be of use for gradients later
    def _make_gather(self, slots: Slots) -> Tensor:
        return torch.as_tensor(slot_columns(self.plan.group, slots), device=self.biases[-1].device)

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        return self.evaluate(inputs, self.gather(orders), slice(None)).flatten(1)

    def evaluate(self, inputs: Tensor, gather: Tensor, draws: np.ndarray | slice) -> Tensor:
        """The parameters of some draws given features [batch, features]: [batch, draws, width]."""
        hidden = F.pad(F.pad(inputs, (0, 1)), (0, 1), value=1.0)[:, gather[draws]]
        for weight, bias in zip(self.weights[:-1], self.biases, strict=False):
            hidden = self.activation(F.linear(hidden, weight, bias))
            if self.training and self.plan.options["dropout"]:
                hidden = F.dropout(hidden, self.plan.options["dropout"])
        return F.linear(hidden, self.weights[-1], self.biases[-1])
