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
    """The parameters of a dense network's draws for inputs [columns, batch] under an order of each example.

    ``rank`` [batch, elements] is the place of each element of the variable in an example's order; [1, elements] where
    all have the same. ``like`` are parameters for the same inputs under orders with the ``same`` first elements. The
    numbers of the examples are next to each other in memory, so that units of some levels, and the parameters of a
    draw, are blocks.
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
        self._network, self._levels, self._inputs = network, levels, inputs
        self._rank = rank.to(torch.int32).T.contiguous()  # [elements, batch or 1]
        own = self._rank[levels.column.clamp(min=0)] + 1
        self._source_level = own.masked_fill_((levels.column < 0).unsqueeze(1), 0)  # [columns, batch or 1]
        self._hidden: list[Tensor] = []  # [units, batch] of each hidden layer
        self._evaluate([] if like is None else like._hidden, same)

    @classmethod
    def of(cls, network: DenseNetwork, levels: DenseLevels, inputs: Tensor, rank: Tensor) -> DenseByRank:
        """The parameters for inputs [batch, columns] in the group's own order."""
        return cls(network, levels, network.sorted_inputs(inputs).T.contiguous(), rank)

    def moved(self, rank: Tensor, same: int) -> DenseByRank:
        """The parameters under other orders, which begin with the ``same`` elements that they began with."""
        return DenseByRank(self._network, self._levels, self._inputs, rank, self, same)

    def _evaluate(self, before: list[Tensor], same: int) -> None:
        """Computes the activations of each hidden layer; ``before`` are those of the units of the levels up to
        ``same``."""
        network = self._network
        weights, biases = in_order(network.weights), in_order(network.biases)
        for number, unit_levels in enumerate(self._levels.units):
            first = int(np.searchsorted(unit_levels, same, side="right")) if before else 0
            weight, bias = weights[number][first:], biases[number][first:]
            if number == 0:
                new = self._first_layer(weight, bias, unit_levels[first:])
            else:
                new = self._further_layer(number, weight, bias, first)
            new = network.activation(new)
            if network.plan.options["residual"] and number and len(unit_levels) == len(self._hidden[number - 1]):
                new = new + self._hidden[number - 1][first:]
            self._hidden.append(torch.cat([before[number][:first], new]) if first else new)

    def _first_layer(self, weight: Tensor, bias: Tensor, unit_levels: np.ndarray) -> Tensor:
        if self._uniform:
            levels = torch.as_tensor(unit_levels, device=weight.device)[:, None]
            return torch.addmm(bias[:, None], weight * (levels >= self._source_level.T), self._inputs)
        new = self._inputs.new_empty(len(weight), self._inputs.shape[1])
        distinct, starts = np.unique(unit_levels, return_index=True)
        ends = np.append(starts, len(unit_levels))[1:]
        for level, start, stop in zip(distinct.tolist(), starts, ends, strict=True):
            read = torch.where(self._source_level <= level, self._inputs, 0.0)
            torch.addmm(bias[start:stop, None], weight[start:stop], read, out=new[start:stop])
        return new

    def _further_layer(self, number: int, weight: Tensor, bias: Tensor, first: int) -> Tensor:
        """Some units of a layer, from ``first`` on, each of which reads units below of its own level and lower ones: in
        blocks, which leave out the columns that no unit of theirs reads."""
        mask, units, below = self._levels.masks[number - 1], self._levels.units, self._hidden[number - 1]
        if mask is None:
            return torch.addmm(bias[:, None], weight, below)
        new = below.new_empty(len(weight), below.shape[1])
        for start in range(0, len(weight), _BLOCK):
            stop = min(start + _BLOCK, len(weight))
            read = int(np.searchsorted(units[number - 1], units[number][first + stop - 1], side="right"))
            masked = weight[start:stop, :read] * mask[first + start : first + stop, :read]
            torch.addmm(bias[start:stop, None], masked, below[:read], out=new[start:stop])
        return new

    @property
    def _uniform(self) -> bool:
        """True where all examples are under one order."""
        return self._rank.shape[1] == 1

    def together(self, draws: Sequence[int]) -> list[Tensor]:
        """The parameters of some draws, [batch, width] each, as of :meth:`parameters`: under one order for all examples
        by one product."""
        if not self._uniform or len(draws) < 2:
            return [self.parameters(draw) for draw in draws]
        network, levels = self._network, self._levels
        own = torch.cat([levels.rows[draw] for draw in draws])
        widths = [len(levels.rows[draw]) for draw in draws]
        drawn = self._rank[[levels.elements[draw] for draw in draws], 0]
        level = drawn.repeat_interleave(torch.tensor(widths, device=drawn.device))[:, None]
        parameters = network.biases[-1][own, None]
        if self._hidden:
            count = int(np.searchsorted(levels.units[-1], int(drawn.max()), side="right"))
            unit_levels = torch.as_tensor(levels.units[-1][:count], device=drawn.device)
            weight = in_order(network.weights)[-1][own, :count] * (unit_levels <= level)
            parameters = torch.addmm(parameters, weight, self._hidden[-1][:count])
        if network.direct is not None:
            direct = network.direct[own] * (level >= self._source_level.T)
            parameters = torch.addmm(parameters, direct, self._inputs)
        return [block.T for block in parameters.expand(-1, self._inputs.shape[1]).split(widths)]

    def parameters(self, draw: int, rows: Tensor | None = None) -> Tensor:
        """The parameters of a draw, [batch, width]; of some examples alone where ``rows`` are given."""
        if (
            rows is not None and 2 * len(rows) > self._inputs.shape[1]
        ):  # to choose most of them takes longer than it saves
            return self.parameters(draw)[rows]
        network, levels = self._network, self._levels
        own = levels.rows[draw]
        level = self._rank[levels.elements[draw]]  # [batch or 1]
        inputs, source_level = self._inputs, self._source_level
        units = self._hidden[-1] if self._hidden else None
        if rows is not None:
            inputs, units = inputs[:, rows], None if units is None else units[:, rows]
            if not self._uniform:
                level, source_level = level[rows], source_level[:, rows]
        parameters = network.biases[-1][own, None]
        if units is not None:
            weight = in_order(network.weights)[-1][own]
            if self._uniform:
                count = int(np.searchsorted(levels.units[-1], int(level), side="right"))
                units, weight = units[:count], weight[:, :count]
            else:
                unit_levels = torch.as_tensor(levels.units[-1], device=units.device, dtype=level.dtype)[:, None]
                units = torch.where(unit_levels <= level, units, 0.0)
            parameters = torch.addmm(parameters, weight, units)
        if network.direct is not None:
            direct, read = network.direct[own], source_level <= level
            direct, inputs = (direct * read.T, inputs) if self._uniform else (direct, torch.where(read, inputs, 0.0))
            parameters = torch.addmm(parameters, direct, inputs)
        return parameters.expand(-1, inputs.shape[1]).T
