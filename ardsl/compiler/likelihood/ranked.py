"""Conditionals of a variable trained on all orders, where each example is under an order of its own.

Questions about rows with gaps put what is observed first, and which elements these are differs from row to row. A dense
network evaluates all of them at once (``networks/dense/ranked.py``), and one that is asked with a mask takes what each
example knows; of other networks the examples of equal orders are evaluated together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.families.distributions import Conditional
from ardsl.model.model import Variable
from ardsl.networks.asked import AskedNetwork
from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.ranked import DenseByRank, DenseLevels, levels_of
from ardsl.relations import Order
from ardsl.relations.order import explicit


def ranks(order: Order, *later: Tensor) -> Tensor:
    """The rank of each element where sets of elements, bool [examples, elements], come after all others, the later
    sets after the earlier: int64 [examples, elements], or [1, elements] where all examples have the same."""
    place = torch.tensor(order.rank, dtype=torch.int64)[None]
    for number, elements in enumerate(later, 1):
        if bool((elements == elements[:1]).all()):
            elements = elements[:1]
        place = place.to(elements.device) + elements * (number * order.rank.size)
    return place.argsort(1).argsort(1)


class ByRank(Protocol):
    """Parameters of the draws of one network, where each example is under an order of its own."""

    def parameters(self, draw: int, rows: Tensor | None = None) -> Tensor:
        """The parameters of a draw, [batch, width]; of some examples alone where ``rows`` are given."""

    def together(self, draws: Sequence[int]) -> list[Tensor]:
        """The parameters of some draws, [batch, width] each."""

    def moved(self, rank: Tensor, same: int) -> ByRank:
        """The parameters under other orders, which begin with the ``same`` elements that they began with."""


@dataclass(frozen=True)
class Draw:
    """The draw of an element: its network's group, its block there, and its number within the block and the group."""

    group: int
    block: int
    within_block: int
    within_group: int
    conditional: Conditional


class RankedVariable:
    """A variable trained on all orders, whose conditionals are asked for under an order of each example."""

    def __init__(self, density: Density, variable: Variable) -> None:
        self.density, self.variable = density, variable
        self.draws: dict[int, Draw] = {}
        """By element."""
        self._levels: dict[int, DenseLevels | None] = {}
        for index, group in enumerate(density.groups):
            first = 0
            for block, target in enumerate(group.targets):
                if target.variable is variable:
                    network = density.networks_by_group[index]
                    self._levels[index] = levels_of(network) if isinstance(network, DenseNetwork) else None
                    conditional = density.conditionals[index][block]
                    for number, element in enumerate(target.elements[:, 0].tolist()):
                        self.draws[element] = Draw(index, block, number, first + number, conditional)
                first += target.draws

    @property
    def order_free(self) -> bool:
        """True where a conditional depends on what comes before alone, not on the order in which: of networks asked
        with a mask."""
        networks = [self.density.networks_by_group[index] for index in self._levels]
        return all(isinstance(network, AskedNetwork) and network.any_order for network in networks)

    def under(self, values: Values, rank: Tensor) -> Ranked:
        """The conditionals for complete values under the orders of these ranks, [batch or 1, elements]."""
        networks: dict[int, ByRank] = {}
        for index, levels in self._levels.items():
            network = self.density.networks_by_group[index]
            if levels is not None and isinstance(network, DenseNetwork):
                networks[index] = DenseByRank.of(network, levels, self.density.inputs(index, values), rank)
            elif isinstance(network, AskedNetwork) and network.any_order:
                networks[index] = _ByQuestion(network, self.density.inputs(index, values), rank)
            else:
                networks[index] = _ByPattern(self.density, index, self.variable, values, rank)
        return Ranked(self, values[self.variable.name], networks)


@dataclass(frozen=True)
class Ranked:
    """The conditionals of a variable's elements for some examples, each under an order of its own."""

    variable: RankedVariable
    value: Tensor
    networks: dict[int, ByRank]

    def moved(self, rank: Tensor, same: int) -> Ranked:
        """The conditionals under other orders, which begin with the ``same`` elements that they began with."""
        moved = {index: network.moved(rank, same) for index, network in self.networks.items()}
        return Ranked(self.variable, self.value, moved)

    def parameters(self, element: int, rows: Tensor | None = None) -> Tensor:
        """The parameters of an element's conditional, [batch, width]; of some examples alone where ``rows`` are
        given."""
        draw = self.variable.draws[element]
        return self.networks[draw.group].parameters(draw.within_group, rows)

    def log_prob(self, element: int, rows: Tensor | None = None, *, validate: bool = False) -> Tensor:
        """log p of an element's values given what comes before it, [batch], in nats; standardized as the values are."""
        return self._of(element, self.parameters(element, rows), rows, validate)

    def log_probs(self, elements: Sequence[int], *, validate: bool = False) -> dict[int, Tensor]:
        """:meth:`log_prob` of several elements."""
        draws = self.variable.draws
        log_probs = {}
        for group, network in self.networks.items():
            own = [element for element in elements if draws[element].group == group]
            parameters = network.together([draws[element].within_group for element in own])
            for element, raw in zip(own, parameters, strict=True):
                log_probs[element] = self._of(element, raw, None, validate)
        return log_probs

    def _of(self, element: int, parameters: Tensor, rows: Tensor | None, validate: bool) -> Tensor:
        value = self.value[:, element] if rows is None else self.value[rows, element]
        return self.variable.draws[element].conditional.log_prob(parameters, value, validate=validate)


def observed_log_prob(under: Ranked, absent: Tensor, validate: bool) -> Tensor:
    """log p of what is observed of each example, [examples]: of all elements but those that are ``absent``, bool
    [examples, elements], which come last."""
    return log_probs_of(under, ~absent, validate).sum(1)


def log_probs_of(under: Ranked, asked: Tensor, validate: bool) -> Tensor:
    """log p of some elements given what comes before them, [examples, elements]; 0 where it is not asked for, bool
    [examples, elements]. ``validate``: values may be outside their domains."""
    log_probs = under.value.new_zeros(asked.shape)
    everywhere, anywhere = asked.all(0).tolist(), asked.any(0).tolist()
    whole = [element for element in range(asked.shape[1]) if everywhere[element]]
    for element, log_prob in under.log_probs(whole, validate=validate).items():
        log_probs[:, element] = log_prob
    for element in range(asked.shape[1]):
        if anywhere[element] and not everywhere[element]:
            rows = torch.nonzero(asked[:, element]).flatten()
            log_probs[rows, element] = under.log_prob(element, rows, validate=validate).to(log_probs.dtype)
    return log_probs


@dataclass(frozen=True)
class _ByQuestion:
    """Parameters of a network that may be asked given any elements: of each draw by one question."""

    network: AskedNetwork
    inputs: Tensor
    rank: Tensor
    """Of each element, [batch or 1, elements]."""

    def moved(self, rank: Tensor, same: int) -> _ByQuestion:
        return replace(self, rank=rank)

    def together(self, draws: Sequence[int]) -> list[Tensor]:
        return [self.parameters(draw) for draw in draws]

    def parameters(self, draw: int, rows: Tensor | None = None) -> Tensor:
        if rows is None:
            return self.network.of_draw(draw, self.inputs, self.rank)
        return self.network.of_draw(draw, self.inputs[rows], self.rank if len(self.rank) == 1 else self.rank[rows])


class _ByPattern:
    """Parameters of any network: the examples of equal orders are evaluated together."""

    def __init__(self, density: Density, group: int, variable: Variable, values: Values, rank: Tensor) -> None:
        self._density, self._group, self._variable, self._values = density, group, variable, values
        orders, which = torch.unique(rank, dim=0, return_inverse=True)
        rows = [torch.nonzero(which == number).flatten() for number in range(len(orders))]
        evaluated = []
        for order, own in zip(orders, rows, strict=True):
            under = density.groups[group].orders(0) | {
                variable.name: explicit(variable.orders.orders[0].shape, order.argsort().cpu().numpy())
            }
            chosen = values if len(orders) == 1 else {name: value[own] for name, value in values.items()}
            evaluated.append([b.flatten(1) for b in density.conditional_parameters(group, chosen, under)])
        restore = torch.cat(rows).argsort()
        self._parameters = []
        for target, blocks in zip(density.groups[group].targets, zip(*evaluated, strict=True), strict=True):
            block = blocks[0] if len(blocks) == 1 else torch.cat(blocks)[restore]
            self._parameters += block.unflatten(1, (target.draws, -1)).unbind(1)

    def moved(self, rank: Tensor, same: int) -> _ByPattern:
        return _ByPattern(self._density, self._group, self._variable, self._values, rank)

    def together(self, draws: Sequence[int]) -> list[Tensor]:
        return [self._parameters[draw] for draw in draws]

    def parameters(self, draw: int, rows: Tensor | None = None) -> Tensor:
        parameters = self._parameters[draw]
        return parameters if rows is None else parameters[rows]
