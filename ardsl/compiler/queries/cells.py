"""Distributions of one cell given the rest of its example."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.ranked import RankedVariable, log_probs_of, observed_log_prob, ranks
from ardsl.families.distributions import Conditional
from ardsl.model.model import Variable


def joint_log_probs(model: Density, values: Values, variable: Variable, element: int, candidates: Tensor) -> Tensor:
    """log p of each example with candidate values in one cell: [examples, n], in nats.

    ``candidates`` c are [n] or [examples, n], standardized as ``values`` are. Divided by its sum or integral over c,
    p is p(cell = c | rest), by Bayes' rule.
    """
    rows = len(values[variable.name])
    candidates = candidates.expand(rows, -1)
    repeated = {name: value.repeat_interleave(candidates.shape[1], 0) for name, value in values.items()}
    own = repeated[variable.name].clone()
    own[:, element] = candidates.reshape(-1)
    return model.log_prob_of(repeated | {variable.name: own}).reshape(rows, -1)


@dataclass(frozen=True)
class CellMixture:
    """The distribution of one cell given what is observed of its example, under a model trained on all orders.

    It is a mixture over the K orders of the cell's conditional where each order draws first what is observed, then the
    cell: ``log_weights`` [orders, examples] are those of each order given what is observed, and ``parameters``
    [orders, examples, width] those of the cell's conditional.
    """

    conditional: Conditional
    log_weights: Tensor
    parameters: Tensor

    def log_prob(self, candidates: Tensor) -> Tensor:
        """log p of candidate values [n] or [examples, n], standardized as the model's values are: [examples, n]."""
        log_prob = self.conditional.log_prob(self.parameters.unsqueeze(-2), candidates)
        return (self.log_weights.unsqueeze(-1) + log_prob).logsumexp(0)

    def log_table(self) -> Tensor:
        """log p of every value of a finite domain, in the order of their codes: [examples, values]."""
        return (self.log_weights.unsqueeze(-1) + self.conditional.log_table(self.parameters)).logsumexp(0)


def cell_mixture(model: Density, values: Values, variable: Variable, element: int) -> CellMixture:
    """The distribution of a cell given the rest of each example, under a model trained on all orders.

    NaN is a missing value; the cell's own value is not looked at. The orders that draw the cell after all that is
    observed give it without a sum over the cell's values (Uria, Murray & Larochelle 2014, section 4).
    """
    ranked = RankedVariable(model, variable)
    complete, missing = _filled(values, variable)
    validate = not model.all_inside(complete)
    cell = torch.zeros_like(missing)
    cell[:, element] = True
    log_probs, parameters = [], []
    for order in variable.orders.orders:
        under = ranked.under(complete, ranks(order, cell, missing & ~cell))
        log_probs.append(observed_log_prob(under, missing | cell, validate))
        parameters.append(under.parameters(element))
    conditional = ranked.draws[element].conditional
    return CellMixture(conditional, torch.stack(log_probs).log_softmax(0), torch.stack(parameters))


def cell_log_probs(model: Density, values: Values, variable: Variable, element: int, candidates: Tensor) -> Tensor:
    """log p(cell = c | rest) of each example under a model trained on all orders: [examples, n], in nats.

    ``candidates`` c are [n] or [examples, n], standardized as ``values`` are. See :func:`cell_mixture`.
    """
    return cell_mixture(model, values, variable, element).log_prob(candidates)


def each_cell_log_prob(model: Density, values: Values, variable: Variable) -> Tensor:
    """log p(cell | rest) of what each cell of a variable holds, under a model trained on all orders: [examples,
    elements], in nats and standardized as ``values`` are; NaN where it is missing.

    The same as :func:`cell_log_probs` of each cell by itself, which repeats most of the work: under an order with the
    cell moved back all that was drawn before it is as it was.
    """
    ranked = RankedVariable(model, variable)
    complete, missing = _filled(values, variable)
    validate = not model.all_inside(complete)
    observed = ~missing
    count = observed.sum(1)
    shape = (len(variable.orders), *missing.shape)
    weights = complete[variable.name].new_zeros(shape)
    conditionals = complete[variable.name].new_zeros(shape)
    for k, order in enumerate(variable.orders.orders):
        rank = ranks(order, missing)
        under = ranked.under(complete, rank)
        log_probs = log_probs_of(under, observed, validate)
        for place in range(int(count.max()) if len(count) else 0):
            last = (count if len(rank) > 1 else count[:1])[:, None] - 1
            here, after = rank == place, (rank > place) & (rank <= last)
            moved = under.moved(torch.where(here, last, torch.where(after, rank - 1, rank)), place)
            own = log_probs_of(moved, (here | after) & observed, validate)
            weight = torch.where(after, own, torch.where(here, 0.0, log_probs)).sum(1, keepdim=True)
            weights[k] += torch.where(here, weight, 0.0)
            conditionals[k] += torch.where(here, own, 0.0)
    log_prob = (weights.log_softmax(0) + conditionals).logsumexp(0)
    return log_prob.masked_fill(missing, torch.nan)


def _filled(values: Values, variable: Variable) -> tuple[Values, Tensor]:
    """Values with legal ones for missing ones of a variable, and where these are: bool [examples, elements]."""
    value = values[variable.name]
    missing = value.isnan()
    return values | {variable.name: torch.where(missing, blank(variable, len(value), value), value)}, missing
