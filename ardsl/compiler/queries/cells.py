"""Distributions of one cell given the rest of its example."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.ranked import RankedVariable, log_probs_of, observed_log_prob, ranks
from ardsl.families.distributions import Conditional
from ardsl.model.model import Variable

_EVALUATIONS = 1 << 14
"""Examples times candidates whose log-probabilities are in work at once."""


def joint_log_probs(model: Density, values: Values, variable: Variable, element: int, candidates: Tensor) -> Tensor:
    """log p of each example with candidate values in one cell: [examples, n], in nats.

    ``candidates`` c are [n] or [examples, n], standardized as ``values`` are. Divided by its sum or integral over c,
    p is p(cell = c | rest), by Bayes' rule.
    """
    candidates = candidates.expand(len(values[variable.name]), -1)
    return model.log_prob_of(_with_candidates(values, variable, element, candidates)).reshape(candidates.shape)


def relative_log_probs(model: Density, values: Values, variable: Variable, element: int, candidates: Tensor) -> Tensor:
    """:func:`joint_log_probs` up to a number that is the same for all candidates of an example.

    Only what reads the cell is evaluated for every candidate, and nothing where the cell is drawn after all others.
    """
    readers = _readers(model, variable, element)
    if readers is None:
        return joint_log_probs(model, values, variable, element, candidates)
    candidates = candidates.expand(len(values[variable.name]), -1)
    complete = _with_candidates(values, variable, element, candidates[:, :1])
    validate = not model.all_inside(complete)
    group, block, draw = _draw_of(model, variable, element)
    parameters = model.conditional_parameters(group, complete, validate=validate)[block][:, draw]
    log_probs = _each(model.conditionals[group][block], parameters, candidates)
    if not readers:
        return log_probs
    repeated = _with_candidates(values, variable, element, candidates)
    for index, blocks in readers.items():
        of_blocks = model.conditional_parameters(index, repeated, validate=validate)
        for number, draws in blocks.items():
            target, conditional = model.groups[index].targets[number], model.conditionals[index][number]
            value = repeated[target.variable.name][:, target.elements[draws].reshape(-1)]
            if conditional.joint:
                value = value.unflatten(1, (len(draws), -1))
            own = conditional.log_prob(of_blocks[number][:, draws], value, validate=validate)
            log_probs = log_probs + own.sum(1).reshape(candidates.shape)
    return log_probs


def _with_candidates(values: Values, variable: Variable, element: int, candidates: Tensor) -> Values:
    """The values of each example repeated with each of its candidates, [examples, n], in one cell."""
    repeated = {name: value.repeat_interleave(candidates.shape[1], 0) for name, value in values.items()}
    own = repeated[variable.name].clone()
    own[:, element] = candidates.reshape(-1)
    return repeated | {variable.name: own}


def _each(conditional: Conditional, parameters: Tensor, candidates: Tensor) -> Tensor:
    """log p of candidates [examples, n] under parameters [..., examples, width]: [..., examples, n]."""
    levels = conditional.domain.levels
    if levels is None or levels > candidates.shape[-1]:
        return conditional.log_prob(parameters.unsqueeze(-2), candidates)
    table = conditional.log_table(parameters)
    inside, code = conditional.domain.inside(candidates), conditional.domain.code(candidates)
    index = torch.where(inside, code, 0).long().expand(*table.shape[:-1], -1)
    return torch.where(inside, table.gather(-1, index), -torch.inf)


def _draw_of(model: Density, variable: Variable, element: int) -> tuple[int, int, int]:
    """The group, the block and the number within the block of the draw of an element."""
    return next(
        (index, block, int(draw))
        for index, group in enumerate(model.groups)
        for block, target in enumerate(group.targets)
        if target.variable is variable
        for draw in np.flatnonzero((target.elements == element).any(1))
    )


def _readers(model: Density, variable: Variable, element: int) -> dict[int, dict[int, np.ndarray]] | None:
    """The draws that read a cell, by group and target block; None where the likelihood is no product of one term for
    each draw, or has the cell in a term with others."""
    own_group, own_block, _ = _draw_of(model, variable, element)
    if not model.plain or model.conditionals[own_group][own_block].joint:
        return None
    readers: dict[int, dict[int, np.ndarray]] = {}
    for index, (group, plan) in enumerate(zip(model.groups, model.spec.plan.groups, strict=True)):
        source = next((source for source in group.sources if source.variable is variable), None)
        column = -1 if source is None else int(group.columns(source)[element])
        if column < 0:
            continue
        if plan.receptive_field is not None:
            return None
        read = plan.realized[0].columns([column]).row_counts() > 0
        by_block = np.split(read, np.cumsum([target.draws for target in group.targets])[:-1])
        blocks = {block: np.flatnonzero(draws) for block, draws in enumerate(by_block) if draws.any()}
        if blocks:
            readers[index] = blocks
    return readers


@dataclass(frozen=True)
class CellMixture:
    """The distribution of one cell given what is observed of its example, under a model trained on all orders.

    It is a mixture over the K orders of the cell's conditional where each order draws first what is observed, then the
    cell: ``log_weights`` [orders, examples] are those of each order given what is observed, and ``parameters``
    [orders, examples, width] those of the cell's conditional. Where this is the same under all orders there is one.
    """

    conditional: Conditional
    log_weights: Tensor
    parameters: Tensor

    def log_prob(self, candidates: Tensor) -> Tensor:
        """log p of candidate values [n] or [examples, n], standardized as the model's values are: [examples, n]."""
        candidates = candidates.expand(self.log_weights.shape[1], -1)
        rows = max(1, _EVALUATIONS // candidates.shape[1])
        log_probs = [
            (log_weights.unsqueeze(-1) + _each(self.conditional, parameters, own)).logsumexp(0)
            for log_weights, parameters, own in zip(
                self.log_weights.split(rows, 1), self.parameters.split(rows, 1), candidates.split(rows), strict=True
            )
        ]
        return torch.cat(log_probs)


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
    conditional = ranked.draws[element].conditional
    if ranked.order_free:
        under = ranked.under(complete, ranks(variable.orders.orders[0], cell, missing & ~cell))
        parameters = under.parameters(element)[None]
        return CellMixture(conditional, parameters.new_zeros(parameters.shape[:2]), parameters)
    log_probs, by_order = [], []
    for order in variable.orders.orders:
        under = ranked.under(complete, ranks(order, cell, missing & ~cell))
        log_probs.append(observed_log_prob(under, missing | cell, validate))
        by_order.append(under.parameters(element))
    return CellMixture(conditional, torch.stack(log_probs).log_softmax(0), torch.stack(by_order))


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
    if ranked.order_free:
        log_prob = torch.full_like(complete[variable.name], torch.nan)
        for element in torch.nonzero(observed.any(0)).flatten().tolist():
            cell = torch.zeros_like(missing)
            cell[:, element] = True
            under = ranked.under(complete, ranks(variable.orders.orders[0], cell, missing & ~cell))
            log_prob[:, element] = under.log_prob(element, validate=validate).to(log_prob.dtype)
        return log_prob.masked_fill(missing, torch.nan)
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
