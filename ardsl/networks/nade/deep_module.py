"""The deep network asked with a mask in torch: evaluated whole, and by steps that carry on the first layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.networks.asked import AskedNetwork, AskedStepper, Questions
from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.module import in_order, linear_
from ardsl.networks.stepper import Run
from ardsl.relations import Sparse
from ardsl.relations.arrays import expanded


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

    def forward(self, features: Tensor, known: Tensor) -> Tensor:
        """Features [batch, columns] of known elements, and which these are, bool [batch, elements], to all outputs."""
        read = torch.cat([features, known.to(features.dtype)], 1)
        return F.linear(self.hidden(self._linear(0, read)), in_order(self.weights)[-1], in_order(self.biases)[-1])

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


class DeepNade(AskedNetwork):
    """Dense layers asked with a mask."""

    def __init__(self, plan: Design) -> None:
        super().__init__(plan)
        self.layers = DenseLayers(plan.group, plan.options["hidden"], plan.options)

    def start_at(self, parameters: Tensor) -> None:
        with torch.no_grad():
            self.layers.biases[-1].copy_(parameters)

    def ask(self, inputs: Tensor, known: Tensor) -> Tensor:
        return self.layers(self.known_features(inputs, known), known)

    def answers(self, inputs: Tensor, asked: Questions, first: int, last: int) -> Tensor:
        """The first layer is carried on from one context to the next, and of the last one only what is asked for is
        computed."""
        hidden = self.layers.hidden(self._first_layer(inputs, asked, first, last))
        weight, bias = in_order(self.layers.weights)[-1], in_order(self.layers.biases)[-1]
        outputs, counts = asked.outputs(first, last), np.diff(asked.ends[first : last + 1])
        starts = asked.ends[first:last] - asked.ends[first]
        answers, places = [], []
        for count in np.unique(counts[counts > 0]):  # those of as many outputs are one product
            contexts = np.flatnonzero(counts == count)
            place = starts[contexts][:, None] + np.arange(count)
            index = torch.as_tensor(outputs[place], device=inputs.device)
            read = hidden if len(contexts) == last - first else hidden[torch.as_tensor(contexts, device=inputs.device)]
            answers.append(torch.baddbmm(bias[index][:, :, None], weight[index], read.transpose(1, 2)).flatten(0, 1))
            places.append(place.ravel())
        if len(answers) == 1:
            return answers[0].T
        back = np.argsort(np.concatenate([np.zeros(0, dtype=np.int64), *places]))
        return torch.cat([hidden.new_zeros(0, len(inputs)), *answers])[torch.as_tensor(back, device=inputs.device)].T

    def _first_layer(self, inputs: Tensor, asked: Questions, first: int, last: int) -> Tensor:
        """The sums of the first layer given each context, [contexts, batch, units]: of one that continues the one
        before, that one's and what it adds."""
        group, columns = self.plan.group, added_columns(asked)
        weight, bias = in_order(self.layers.weights)[0], in_order(self.layers.biases)[0]
        # Contexts add different numbers of columns: the last column of all, of zeros, stands for those that one lacks.
        read = torch.cat([inputs, inputs.new_ones(len(inputs), group.elements), inputs.new_zeros(len(inputs), 1)], 1)
        padded = torch.cat([weight, weight.new_zeros(len(weight), 1)], 1).T
        starts = np.flatnonzero(~asked.contexts.continues[first:last])
        starts = np.concatenate([[0], starts[starts > 0]])
        ends = [*starts[1:], last - first]
        chains = []
        for start, end in zip(starts.tolist(), ends, strict=True):
            held = _tensor(columns_of(asked, columns, first + start), inputs)
            sums = torch.addmm(bias, read[:, held], padded[held])[None]
            if end - start > 1:
                added = columns.select(np.arange(first + start + 1, first + end))
                index = np.full((added.targets, added.most), len(padded) - 1)
                index[added.target, np.arange(len(added.read)) - added.starts[added.target]] = added.read
                places = _tensor(index, inputs)
                steps = torch.bmm(read.T[places].transpose(1, 2), padded[places])
                sums = torch.cat([sums, steps]).cumsum(0)
            chains.append(sums)
        return chains[0] if len(chains) == 1 else torch.cat(chains)


def added_columns(asked: Questions) -> Sparse:
    """The columns of the first layer that each context has beyond the one before: contexts × columns."""
    group, added = asked.group, asked.contexts.added
    sizes = group.element_features
    owner, feature = expanded((np.cumsum(sizes) - sizes)[added.read], sizes[added.read])
    contexts = np.concatenate([added.target[owner], added.target])
    columns = np.concatenate([feature, group.features + added.read])
    return Sparse.of_pairs(len(asked), group.features + group.elements, contexts, columns)


def columns_of(asked: Questions, added: Sparse, context: int) -> np.ndarray:
    """All columns of the first layer that a context has."""
    return added.read[added.starts[asked.contexts.chain[context]] : added.starts[context + 1]]


def _tensor(index: np.ndarray, like: Tensor) -> Tensor:
    return torch.as_tensor(index, device=like.device)


class DeepStepper(AskedStepper):
    """Evaluates the network by steps: the sums of the first layer are carried on from one context to the next."""

    def __init__(self, network: DeepNade, run: Run) -> None:
        super().__init__(network, run)
        self._layers, group = network.layers, network.plan.group
        self._added = added_columns(self._asked)
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
        chain, added = self._asked.contexts.chain, self._added
        if 0 <= self._at <= context and chain[self._at] == chain[context]:
            columns = added.read[added.starts[self._at + 1] : added.starts[context + 1]]
        else:
            self._sums.copy_(self._layers.biases[0][:, None].expand_as(self._sums))
            columns = columns_of(self._asked, added, context)
        self._at = context
        index = _tensor(columns, self._sums)
        self._sums.addmm_(self._weight[index].T, self._read[index])
        hidden = self._layers.hidden(self._sums.T)
        return torch.addmm(self._layers.biases[-1][outputs][:, None], self._layers.weights[-1][outputs], hidden.T)

    def caches(self) -> Iterable[Tensor]:
        yield self._read
        yield self._sums
