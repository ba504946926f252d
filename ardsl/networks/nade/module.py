"""The shallow network in torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.module import NetworkModule, lasting, linear_
from ardsl.networks.nade.blockwise import Pieces, Weights, evaluate, pieces_of
from ardsl.networks.nade.plan import Reading, ShallowPlan, own_features, reading
from ardsl.networks.stepper import Orders
from ardsl.relations.arrays import expanded

MOST_READY = 1 << 14
"""Draws, over all orders, whose blocks are made before they are asked for."""


class Evaluation(NamedTuple):
    """The blocks of rows; where draws are tied, the input at each place of theirs, [places, inputs], and the outputs of
    the group's draws among those of all places."""

    pieces: Pieces
    gather: Tensor | None
    rows: Tensor | None


class ShallowNade(NetworkModule):
    """One hidden layer for each draw, of the sum of what it reads: ``h = g(ρ (c + Σ W_i x_i))``, and from there its
    parameters ``V h + b``.

    ``inputs`` is W [features, H], shared by all draws, without the rows that are V's where it is transposed; ``bias``
    is c [H], ``outputs`` V [outputs, H], ``biases`` b [outputs], and ``scale`` ρ [draws] or None. Of tied draws the
    features are those of their slots, and ``draws`` and outputs are those of their kinds: the positions along the tied
    axes are as many further examples.
    """

    _shared: Tensor | None

    def __init__(self, plan: ShallowPlan) -> None:
        super().__init__()
        self.plan = plan
        hidden, group, options = plan.options["hidden"], plan.group, plan.options
        read = self.reading(0)
        features, outputs = int(read.features.sum()), int(read.outputs.sum())
        shared = own_features(group, options, read)
        own = np.flatnonzero(shared < 0)
        self.inputs = nn.Parameter(torch.empty(len(own), hidden))
        self.outputs = nn.Parameter(torch.empty(outputs, hidden))
        self.bias = nn.Parameter(torch.zeros(hidden))
        self.biases = nn.Parameter(torch.zeros(outputs))
        linear_(self.outputs, None)
        with torch.no_grad():
            self.inputs.uniform_(-(max(features, 1) ** -0.5), max(features, 1) ** -0.5)
        self.scale = nn.Parameter(torch.as_tensor(_first_scales(read)).to(self.bias)) if options["scaled"] else None
        places = None
        if len(own) < features:
            places = np.where(shared < 0, outputs, shared)
            places[own] += np.arange(len(own))
        self.register_buffer("_shared", None if places is None else torch.as_tensor(places), persistent=False)
        self._pieces: dict[int, Evaluation] = {}
        if group.order_count * group.draws <= MOST_READY:
            for k in range(group.order_count):
                self.pieces(k)  # made before a tracer looks in

    def reading(self, orders: Orders) -> Reading:
        """What the draws read under some orders."""
        if isinstance(orders, int):
            return self.plan.readings[orders]
        return reading(self.plan.group, self.plan.options, orders)

    def start_at(self, parameters: Tensor) -> None:
        read, counts = self.reading(0), self.plan.group.draw_outputs
        first = np.unique(read.kind, return_index=True)[1]  # a draw of each kind
        rows = expanded((np.cumsum(counts) - counts)[first], counts[first])[1]
        with torch.no_grad():
            self.biases.copy_(parameters[torch.as_tensor(rows, device=parameters.device)])

    @torch.no_grad()
    def unsaturate(self) -> None:
        """A sum has as many terms as there are features, not as there are units."""
        features, hidden = len(self.all_inputs()), len(self.bias)
        if features > hidden:
            self.inputs.mul_(hidden / features)
            if self._shared is not None:
                self.outputs.mul_(hidden / features)
        if self.scale is not None:
            self.scale.sub_(3.5)

    def pieces(self, orders: Orders) -> Evaluation:
        """The blocks of rows under some orders; kept for declared orders."""
        if not isinstance(orders, int):
            return self._make_pieces(orders)
        kept, like = self._pieces.get(orders), self.bias
        if kept is None or kept.pieces.like.dtype != like.dtype or kept.pieces.like.device != like.device:
            kept = self._pieces[orders] = self._make_pieces(orders)
        return kept

    @lasting
    def _make_pieces(self, orders: Orders) -> Evaluation:
        read = self.reading(orders)
        like = torch.empty(0, dtype=self.bias.dtype, device=self.bias.device)
        pieces = pieces_of(read.blocks, like)
        if read.gather is None:
            return Evaluation(pieces, None, None)
        outputs = int(read.outputs.sum())
        first = read.place * outputs + (np.cumsum(read.outputs) - read.outputs)[read.kind]
        rows = expanded(first, read.outputs[read.kind])[1]
        gather = read.gather[:, read.blocks.features]
        return Evaluation(pieces, *(torch.as_tensor(index, device=self.bias.device) for index in (gather, rows)))

    def all_inputs(self) -> Tensor:
        """W whole, [features, H]."""
        if self._shared is None:
            return self.inputs
        return torch.cat([self.outputs, self.inputs]).index_select(0, self._shared)

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        pieces, gather, rows = self.pieces(orders)
        if gather is None:
            placed = inputs if pieces.features is None else inputs.index_select(1, pieces.features)
            return self._evaluate(placed, pieces, 1)
        padded = F.pad(F.pad(inputs, (0, 1)), (0, 1), value=1.0)
        parameters = self._evaluate(padded[:, gather].flatten(0, 1), pieces, len(gather))
        return parameters.unflatten(0, (inputs.shape[0], len(gather))).flatten(1).index_select(1, rows)

    def _evaluate(self, placed: Tensor, pieces: Pieces, places: int) -> Tensor:
        """The parameters of all kinds of draws, [batch · places, outputs], for the inputs in order of their places."""
        weight, outputs, kept = self.all_inputs(), self.outputs, None
        weight = weight if pieces.features is None else weight.index_select(0, pieces.features)
        sorted_outputs = outputs if pieces.outputs is None else outputs.index_select(0, pieces.outputs)
        if self.training and self.plan.options["dropout"]:
            ones = placed.new_ones(placed.shape[0] // places, len(self.bias))
            kept = F.dropout(ones, self.plan.options["dropout"])  # the same units of all draws of an example
            kept = kept.repeat_interleave(places, 0)
        scale = None if self.scale is None else self.scale.index_select(0, pieces.draw)
        weights = Weights(weight, self.bias, sorted_outputs, scale, kept)
        parameters = evaluate(placed, weights, pieces, self.plan.options["activation"])
        if pieces.unsorted is not None:
            parameters = parameters.index_select(1, pieces.unsorted)
        return parameters + self.biases


def _first_scales(read: Reading) -> np.ndarray:
    """Scales [draws] by which the sums of all draws begin as wide as that of one who reads everything."""
    added = read.contexts.added
    sums = np.concatenate([[0], np.cumsum(read.features[added.read])])
    sizes = sums[added.starts[1:]] - sums[added.starts[read.contexts.chain]]
    return np.sqrt(max(int(read.features.sum()), 1) / np.maximum(sizes, 1))[read.contexts.of_draw]
