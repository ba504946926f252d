"""The deep network asked with a mask in torch: evaluated whole, and by steps that carry on the first layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.asked import EVERY, AskedNetwork, AskedStepper, Questions
from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.module import in_order, linear_
from ardsl.networks.stepper import Run


class DenseLayers(nn.Module):
    """Dense layers that read the features of what is known, and which elements are: the first layer has columns for
    all of a group's features, and after these one for each of its elements."""

    def __init__(self, group: Group, hidden: Iterable[int], options: Mapping[str, Any]) -> None:
        super().__init__()
        widths = [group.features + group.elements, *hidden, len(group.output_draw)]
        sizes = list(zip(widths[1:], widths, strict=False))
        self.weights = nn.ParameterList([torch.empty(*size) for size in sizes])
        self.biases = nn.ParameterList([torch.empty(outputs) for outputs, _ in sizes])
        for weight, bias in zip(self.weights, self.biases, strict=True):
            linear_(weight, bias)
        self._activation = ACTIVATIONS[options["activation"]]
        self._residual, self._dropout = options["residual"], options["dropout"]

    def forward(self, features: Tensor, known: Tensor, outputs: slice = EVERY) -> Tensor:
        """Features [batch, columns] of known elements, and which these are, bool [batch, elements], to all outputs, or
        to some."""
        hidden = self.hidden(self._linear(0, torch.cat([features, known.to(features.dtype)], 1)))
        return F.linear(hidden, in_order(self.weights)[-1][outputs], in_order(self.biases)[-1][outputs])

    def hidden(self, first: Tensor) -> Tensor:
        """The last hidden layer, [..., units], from what the first one sums up, [..., units]."""
        below = self._activated(first)
        for number in range(1, len(self.weights) - 1):
            above = self._activated(self._linear(number, below))
            below = above + below if self._residual and above.shape == below.shape else above
        return below

    def _activated(self, sums: Tensor) -> Tensor:
        units = self._activation(sums)
        return F.dropout(units, self._dropout) if self.training and self._dropout else units

    def _linear(self, number: int, below: Tensor) -> Tensor:
        return F.linear(below, in_order(self.weights)[number], in_order(self.biases)[number])


@dataclass(frozen=True, eq=False)
class DeepPart:
    """Consecutive contexts by what their first layer reads and what their last layer gives."""

    chains: tuple[tuple[Tensor, Tensor | None], ...]
    """The columns of the first context of each chain, and those that each further one adds, [contexts, most]: fewer
    are filled up with the column after the last."""
    products: tuple[tuple[Tensor | None, Tensor], ...]
    """The outputs that are asked for, [contexts, count], and of which contexts, of all where None: those of as many
    outputs are one product."""
    back: Tensor
    """The place of each output among those of the products."""


class DeepNade(AskedNetwork):
    """Dense layers asked with a mask."""

    def __init__(self, plan: Design) -> None:
        super().__init__(plan)
        self.layers = DenseLayers(plan.group, plan.options["hidden"], plan.options)

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.layers.biases[-1].copy_(parameters)

    def ask(self, inputs: Tensor, known: Tensor, outputs: slice = EVERY) -> Tensor:
        return self.layers(self.known_features(inputs, known), known, outputs)

    def part(self, asked: Questions, first: int, last: int) -> DeepPart:
        starts = np.flatnonzero(~asked.contexts.continues[first:last]) + first
        starts = np.concatenate([[first], starts[starts > first]])
        ends = [*starts[1:], last] if last > first else []
        chains = tuple(self._chain(asked, start, end) for start, end in zip(starts.tolist(), ends, strict=False))
        outputs, counts = asked.outputs(first, last), np.diff(asked.ends[first : last + 1])
        begins = asked.ends[first:last] - asked.ends[first]
        products, places = [], [np.zeros(0, dtype=np.int64)]
        for count in np.unique(counts[counts > 0]):
            contexts = np.flatnonzero(counts == count)
            place = begins[contexts][:, None] + np.arange(count)
            places.append(place.ravel())
            products.append(
                (None if len(contexts) == last - first else self.index(contexts), self.index(outputs[place]))
            )
        return DeepPart(chains, tuple(products), self.index(np.argsort(np.concatenate(places))))

    def _chain(self, asked: Questions, start: int, end: int) -> tuple[Tensor, Tensor | None]:
        held = self.index(asked.columns(start))
        if end - start == 1:
            return held, None
        added = asked.added_columns.select(np.arange(start + 1, end))
        columns = np.full((added.targets, added.most), added.sources)
        columns[added.target, np.arange(len(added.read)) - added.starts[added.target]] = added.read
        return held, self.index(columns)

    def answers(self, inputs: Tensor, part: DeepPart) -> Tensor:
        """The first layer is carried on from one context to the next, and of the last one only what is asked for is
        computed."""
        hidden = self.layers.hidden(self._first_layer(inputs, part))
        weight, bias = in_order(self.layers.weights)[-1], in_order(self.layers.biases)[-1]
        answers = [hidden.new_zeros(0, inputs.shape[0])]
        for contexts, outputs in part.products:
            read = hidden if contexts is None else hidden[contexts]
            answers.append(
                torch.baddbmm(bias[outputs][:, :, None], weight[outputs], read.transpose(1, 2)).flatten(0, 1)
            )
        return answers[1].T if len(answers) == 2 else torch.cat(answers)[part.back].T

    def _first_layer(self, inputs: Tensor, part: DeepPart) -> Tensor:
        """The sums of the first layer given each context, [contexts, batch, units]: of one that continues the one
        before, that one's and what it adds."""
        weight, bias = in_order(self.layers.weights)[0], in_order(self.layers.biases)[0]
        batch, elements = inputs.shape[0], self.plan.group.elements
        read = torch.cat([inputs, inputs.new_ones(batch, elements), inputs.new_zeros(batch, 1)], 1)
        padded = torch.cat([weight, weight.new_zeros(weight.shape[0], 1)], 1).T
        chains = [bias.new_zeros(0, batch, bias.shape[0])]
        for held, added in part.chains:
            sums = torch.addmm(bias, read[:, held], padded[held])[None]
            if added is not None:
                steps = torch.bmm(read.T[added].transpose(1, 2), padded[added])
                sums = torch.cat([sums, steps]).cumsum(0)
            chains.append(sums)
        return chains[1] if len(chains) == 2 else torch.cat(chains)


class DeepStepper(AskedStepper):
    """Evaluates the network by steps: the sums of the first layer are carried on from one context to the next."""

    def __init__(self, network: DeepNade, run: Run) -> None:
        super().__init__(network, run)
        self._layers, group = network.layers, network.plan.group
        like = self._inputs
        self._ones = like.new_ones(group.elements, run.batch)
        self._read = torch.cat([self._inputs, self._ones])
        self._inputs = self._read[: group.features]
        self._weight = like.new_empty(self._read.shape[0], len(self._layers.biases[0]))
        self._sums = like.new_empty(self._weight.shape[1], run.batch)
        self._at = -1
        """The context that the sums are of; −1 before the first."""
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        self._weight.copy_(self._layers.weights[0].T)
        self._at = -1

    def start(self, known: Tensor) -> None:
        super().start(known)
        self._at = -1

    def _answer(self, context: int, outputs: Tensor) -> Tensor:
        chain = self._asked.contexts.chain
        carried = 0 <= self._at <= context and chain[self._at] == chain[context]
        if not carried:
            self._sums.copy_(self._layers.biases[0][:, None].expand_as(self._sums))
        columns = self._asked.columns(context, self._at if carried else None)
        self._at = context
        index = torch.as_tensor(columns, device=self._sums.device)
        self._sums.addmm_(self._weight[index].T, self._read[index])
        hidden = self._layers.hidden(self._sums.T)
        return torch.addmm(self._layers.biases[-1][outputs][:, None], self._layers.weights[-1][outputs], hidden.T)

    def caches(self) -> Iterable[Tensor]:
        yield self._read
        yield self._sums
