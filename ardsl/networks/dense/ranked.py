"""Masked dense networks where each example is under an order of its own.

Under a total order a unit's label is a level: the number of elements, the first of the order, that it may read. Units
and their levels are the same under every order of the variable, and so are the masks between hidden layers; an order
only says which elements have been drawn by each level. So an example's order needs no masks: a level's units read the
example's own inputs with 0 for elements that come later, and a draw reads the units of the levels up to its own rank::

    units of level 2 read x[r = 0], x[r = 1]                      r: the rank of an element in the example's order
    the draw of rank 2 reads the units of the levels 0, 1, 2      (and x[r = 0], x[r = 1] by the direct path)

Orders whose first ``same`` elements are alike give the units of the levels up to ``same`` the same activations, which
:meth:`DenseByRank.moved` keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.plan import relations
from ardsl.networks.module import in_order

_BLOCK = 96
"""Units of a layer that are computed by one product."""


@dataclass(frozen=True)
class DenseLevels:
    """The parts of a dense network by level: ``units`` [units] of each hidden layer, ascending; ``column`` [columns],
    the element of the ordered variable that each input is of, −1 for those of others, which are known from the start;
    ``rows`` the parameters of each draw, among the rows of the last weights; ``elements`` the element of each draw."""

    units: tuple[np.ndarray, ...]
    column: Tensor
    rows: tuple[Tensor, ...]
    elements: tuple[int, ...]
    masks: tuple[Tensor | None, ...]
    """Of the hidden layers after the first, by what each unit reads of the layer below."""


def levels_of(network: DenseNetwork) -> DenseLevels | None:
    """The levels of a network whose only factor draws each element of a variable by itself, given all that comes before
    it in any order; None of other networks."""
    group = network.plan.group
    if len(group.factors) != 1 or any(target.elements.shape[1] > 1 for target in group.targets):
        return None
    variable = group.targets[0].variable
    chain = group.chain(group.orders(0))
    reads_own = any(context.variable == variable.name for context in group.factors[0].contexts)
    if chain is None or not reads_own or group.draws != variable.size:
        return None
    inputs, outputs = network.layout
    device = network.biases[-1].device
    draw_of_row = group.output_draw[outputs]
    masks = network.masks(0)[0][1:-1]
    return DenseLevels(
        units=relations(group, network.plan.options, group.orders(0)).units,
        column=torch.as_tensor(group.elements_of(variable)[group.feature_element[inputs]], device=device),
        rows=tuple(torch.as_tensor(np.flatnonzero(draw_of_row == d), device=device) for d in range(group.draws)),
        elements=tuple(int(e) for target in group.targets for e in target.elements[:, 0]),
        masks=tuple(None if mask is None else mask.bool() for mask in masks),
    )


class DenseByRank:
    """The parameters of a dense network's draws for inputs [batch, columns] under an order of each example.

    ``rank`` [batch, elements] is the place of each element of the variable in an example's order; [1, elements] where
    all have the same. ``like`` are parameters for the same inputs under orders with the ``same`` first elements.
    """

    def __init__(
        self,
        network: DenseNetwork,
        levels: DenseLevels,
        inputs: Tensor,
        rank: Tensor,
        like: DenseByRank | None = None,
        same: int = -1,
    ) -> None:
        self._network, self._levels, self._inputs, self._rank = network, levels, inputs, rank
        own = rank[:, levels.column.clamp(min=0)] + 1
        self._source_level = torch.where(levels.column < 0, 0, own)
        self._hidden: list[Tensor] = self._activations([] if like is None else like._hidden, same)

    @classmethod
    def of(cls, network: DenseNetwork, levels: DenseLevels, inputs: Tensor, rank: Tensor) -> DenseByRank:
        """The parameters for inputs in the group's own order."""
        return cls(network, levels, network.sorted_inputs(inputs), rank)

    def moved(self, rank: Tensor, same: int) -> DenseByRank:
        """The parameters under other orders, which begin with the ``same`` elements that they began with."""
        return DenseByRank(self._network, self._levels, self._inputs, rank, self, same)

    def _activations(self, before: list[Tensor], same: int) -> list[Tensor]:
        """The activations of each hidden layer; ``before`` are those of the units of the levels up to ``same``."""
        network = self._network
        weights, biases = in_order(network.weights), in_order(network.biases)
        hidden: list[Tensor] = []
        for number, unit_levels in enumerate(self._levels.units):
            first = int(np.searchsorted(unit_levels, same, side="right")) if before else 0
            weight, bias = weights[number][first:], biases[number][first:]
            if number == 0:
                new = self._first_layer(weight, bias, unit_levels[first:])
            else:
                new = self._further_layer(number, hidden[-1], weight, bias, first)
            new = network.activation(new)
            if network.plan.options["residual"] and number and len(unit_levels) == hidden[-1].shape[1]:
                new = new + hidden[-1][:, first:]
            hidden.append(torch.cat([before[number][:, :first], new], 1) if first else new)
        return hidden

    def _first_layer(self, weight: Tensor, bias: Tensor, unit_levels: np.ndarray) -> Tensor:
        if len(self._source_level) == 1:
            levels = torch.as_tensor(unit_levels, device=weight.device)[:, None]
            return F.linear(self._inputs, weight * (self._source_level <= levels), bias)
        new = self._inputs.new_empty(len(self._inputs), len(weight))
        distinct, starts = np.unique(unit_levels, return_index=True)
        ends = np.append(starts, len(unit_levels))[1:]
        for level, start, stop in zip(distinct.tolist(), starts, ends, strict=True):
            read = torch.where(self._source_level <= level, self._inputs, 0.0)
            torch.addmm(bias[start:stop], read, weight[start:stop].T, out=new[:, start:stop])
        return new

    def _further_layer(self, number: int, below: Tensor, weight: Tensor, bias: Tensor, first: int) -> Tensor:
        """Some units of a layer, from ``first`` on, each of which reads units below of its own level and lower ones: in
        blocks, which leave out the columns that no unit of theirs reads."""
        mask, units = self._levels.masks[number - 1], self._levels.units
        if mask is None:
            return F.linear(below, weight, bias)
        new = below.new_empty(len(below), len(weight))
        for start in range(0, len(weight), _BLOCK):
            stop = min(start + _BLOCK, len(weight))
            read = int(np.searchsorted(units[number - 1], units[number][first + stop - 1], side="right"))
            masked = weight[start:stop, :read] * mask[first + start : first + stop, :read]
            torch.addmm(bias[start:stop], below[:, :read], masked.T, out=new[:, start:stop])
        return new

    def together(self, draws: Sequence[int]) -> list[Tensor]:
        """The parameters of some draws, [batch, width] each, as of :meth:`parameters`: under one order for all examples
        by one product."""
        if len(self._rank) > 1 or len(draws) < 2:
            return [self.parameters(draw) for draw in draws]
        network, levels = self._network, self._levels
        own = torch.cat([levels.rows[draw] for draw in draws])
        widths = [len(levels.rows[draw]) for draw in draws]
        drawn = self._rank[0, [levels.elements[draw] for draw in draws]]
        level = drawn.repeat_interleave(torch.tensor(widths, device=drawn.device))[:, None]
        parameters = network.biases[-1][own, None].expand(-1, len(self._inputs))
        if self._hidden:
            count = int(np.searchsorted(levels.units[-1], int(drawn.max()), side="right"))
            unit_levels = torch.as_tensor(levels.units[-1][:count], device=drawn.device)
            weight = in_order(network.weights)[-1][own, :count] * (unit_levels <= level)
            parameters = torch.addmm(parameters, weight, self._hidden[-1][:, :count].T)
        if network.direct is not None:
            direct = network.direct[own] * (self._source_level <= level)
            parameters = torch.addmm(parameters, direct, self._inputs.T)
        return [block.T for block in parameters.split(widths)]

    def parameters(self, draw: int, rows: Tensor | None = None) -> Tensor:
        """The parameters of a draw, [batch, width]; of some examples alone where ``rows`` are given. The numbers of the
        examples are next to each other in memory, since families take them one parameter after another."""
        network, levels = self._network, self._levels
        own = levels.rows[draw]
        level = self._rank[:, levels.elements[draw], None]
        uniform = len(level) == 1
        inputs, source_level = self._inputs, self._source_level
        units = self._hidden[-1] if self._hidden else None
        if rows is not None:
            inputs, units = inputs[rows], None if units is None else units[rows]
            if not uniform:
                level, source_level = level[rows], source_level[rows]
        parameters = network.biases[-1][own, None].expand(-1, len(inputs))
        if units is not None:
            weight = in_order(network.weights)[-1][own]
            if uniform:
                count = int(np.searchsorted(levels.units[-1], int(level), side="right"))
                units, weight = units[:, :count], weight[:, :count]
            else:
                units = torch.where(torch.as_tensor(levels.units[-1], device=units.device) <= level, units, 0.0)
            parameters = torch.addmm(parameters, weight, units.T)
        if network.direct is not None:
            direct, read = network.direct[own], source_level <= level
            direct, inputs = (direct * read, inputs) if uniform else (direct, torch.where(read, inputs, 0.0))
            parameters = torch.addmm(parameters, direct, inputs.T)
        return parameters.T
