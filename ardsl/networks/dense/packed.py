"""Dense networks of long windows in torch: weights are stored for what is read, and for nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.module import NetworkModule, linear_
from ardsl.networks.stepper import Orders
from ardsl.relations import Sparse
from ardsl.relations.arrays import distinct, expanded


class PackedLinear(nn.Module):
    """A linear map of rows that each read a few of the inputs: ``weight`` [rows, width, read] has ``width`` outputs for
    each of them, ``bias`` is [rows, width], and ``places`` [rows, read] says which inputs these are. A row that reads
    fewer has the place after the last input instead, where a 0 is."""

    def __init__(self, relation: Sparse, source_sizes: np.ndarray, width: int, read: int, bias: bool) -> None:
        super().__init__()
        self.inputs, self.rows = int(source_sizes.sum()), relation.targets
        ends = np.cumsum(source_sizes)
        pair, number = expanded((ends - source_sizes)[relation.read], source_sizes[relation.read])
        row = relation.target[pair]
        counts = np.bincount(row, minlength=relation.targets)
        self.places = np.full((relation.targets, read), self.inputs)
        self.places[row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)] = number
        self.register_buffer("_gather", torch.as_tensor(self.places), persistent=False)
        self._gather: Tensor
        self.weight = nn.Parameter(torch.empty(relation.targets, width, read))
        self.bias = nn.Parameter(torch.empty(relation.targets, width)) if bias else None
        linear_(self.weight.data.flatten(0, 1), None if self.bias is None else self.bias.data)

    def forward(self, inputs: Tensor, rows: np.ndarray | None = None) -> Tensor:
        """Inputs [batch, inputs] to the outputs of all rows, or of some, [batch, rows · width]."""
        index = slice(None) if rows is None else torch.as_tensor(rows, device=inputs.device)
        gather, weight = self._gather[index], self.weight[index]
        products = torch.einsum("bir,iwr->biw", F.pad(inputs, (0, 1))[:, gather], weight)
        return (products if self.bias is None else products + self.bias[index]).flatten(1)


class PackedNetwork(NetworkModule):
    """The network of :class:`~ardsl.networks.dense.module.DenseNetwork` where its masks let so little through that only
    this is stored: ``layers`` to the hidden units and the output, and ``direct`` from the input to the output."""

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        group = plan.group
        features, numbers = group.element_features, group.draw_outputs
        same_count = bool((numbers == numbers[0]).all())
        self._ends = None if same_count else np.cumsum(numbers)

        def layer(planned: LayerPlan, below: np.ndarray, bias: bool = True) -> PackedLinear:
            relation, width = planned.relation.listed(), 1
            assert planned.packed is not None  # which is why this network is built
            if planned.activation is None and same_count:
                width = int(numbers[0])
            elif planned.activation is None:
                relation = relation.select(group.output_draw)
            return PackedLinear(relation, below, width, planned.packed, bias)

        hidden = [planned for planned in plan.layers if not planned.direct]
        below = [features, *(np.ones(planned.outputs, dtype=np.int64) for planned in hidden[:-1])]
        self.layers = nn.ModuleList(map(layer, hidden, below))
        direct = [planned for planned in plan.layers if planned.direct]
        self.direct = layer(direct[0], features, bias=not hidden) if direct else None
        self.activation = ACTIVATIONS[plan.options["activation"]]

    def start_at(self, parameters: Tensor) -> None:
        last: PackedLinear = self.layers[-1] if len(self.layers) else self.direct  # type: ignore[assignment]
        with torch.no_grad():
            if self.direct is not None:
                self.direct.weight.zero_()
            last.bias.copy_(parameters.view_as(last.bias))  # type: ignore[union-attr, arg-type]

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        return self._evaluate(inputs, [None] * max(len(self.layers) - 1, 0), None)

    def rows(self, inputs: Tensor, draws: np.ndarray) -> Tensor:
        """The parameters of some draws, for which those units are computed that they depend on."""
        outputs = draws
        if self._ends is not None:
            first = np.concatenate([[0], self._ends])
            outputs = expanded(first[draws], np.diff(first)[draws])[1]
        layers: list[PackedLinear] = list(self.layers)  # type: ignore[arg-type]
        units: list[np.ndarray] = []
        for above in layers[:0:-1]:
            read = distinct(above.places[units[0] if units else outputs])
            units.insert(0, read[read < above.inputs])
        return self._evaluate(inputs, units, outputs)

    def _evaluate(self, inputs: Tensor, units: Sequence[np.ndarray | None], outputs: np.ndarray | None) -> Tensor:
        """Some rows of the output, of each hidden layer only some ``units`` being computed; None stands for all."""
        hidden = inputs
        layers: list[PackedLinear] = list(self.layers)  # type: ignore[arg-type]
        for number, (layer, layer_units) in enumerate(zip(layers, units, strict=False)):
            above = self.activation(layer(hidden, layer_units))
            if self.plan.options["residual"] and number and layer.rows == hidden.shape[1]:
                above = above + (hidden if layer_units is None else hidden[:, layer_units])
            if self.training and self.plan.options["dropout"]:
                above = F.dropout(above, self.plan.options["dropout"])
            if layer_units is not None:
                above, computed = inputs.new_zeros(inputs.shape[0], layer.rows), above
                above[:, layer_units] = computed
            hidden = above
        parts = [layer(hidden, outputs) for layer in layers[-1:]]
        parts += [self.direct(inputs, outputs)] if self.direct is not None else []
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]
