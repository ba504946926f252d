"""Distributions of one cell given the rest of its example."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import Cells, by_pattern, filled, pattern_rows, present, with_last
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


def cell_log_probs(model: Density, values: Values, variable: Variable, element: int, candidates: Tensor) -> Tensor:
    """log p(cell = c | rest) of each example under a model trained on all orders: [examples, n], in nats.

    Takes what :func:`joint_log_probs` takes. The orders that draw the cell after all that is observed give it without
    a sum over the cell's values (Uria, Murray & Larochelle 2014, section 4).
    """
    patterns, restore = by_pattern(_without_gap(values, variable, element), model.may_miss, model.spec.variables)
    candidates = candidates.expand(len(values[variable.name]), -1)
    log_probs = [
        _given_observed(model, pattern_values, missing, variable, element, candidates[rows.to(candidates.device)])
        for (pattern_values, missing), rows in zip(patterns, pattern_rows(patterns, restore), strict=True)
    ]
    return log_probs[0] if restore is None else torch.cat(log_probs)[restore]


def _without_gap(values: Values, variable: Variable, element: int) -> Values:
    """Values with a legal one in the cell."""
    cell = np.arange(variable.size) == element
    return filled(values, {variable.name: cell}, {variable.name: variable})


def _given_observed(
    model: Density, values: Values, missing: Cells, variable: Variable, element: int, candidates: Tensor
) -> Tensor:
    """:func:`cell_log_probs` of examples that miss the same elements: each order's conditional, weighted by the order's
    probability given what is observed."""
    cell: Cells = {variable.name: np.arange(variable.size) == element}
    absent = {variable.name: cell[variable.name] | missing.get(variable.name, False)}
    weights, conditionals = [], []
    for k in range(len(variable.orders)):
        observed = []
        for index, group in enumerate(model.groups):
            if group.mixed is not variable:
                continue
            order = with_last(group, k, cell, missing)
            for block, (target, log_prob) in enumerate(
                zip(group.targets, model.draw_log_probs(index, values, order), strict=True)
            ):
                if target.variable is not variable:
                    continue
                mask = present(target, [(values, absent)])
                observed.append(
                    (log_prob if mask is None else torch.where(mask.to(log_prob.device), log_prob, 0.0)).sum(1)
                )
                draws = np.flatnonzero(target.elements[:, 0] == element)
                if len(draws):
                    conditional = model.conditionals[index][block]
                    parameters = model.conditional_parameters(index, values, order)[block][:, draws]
                    conditionals.append(conditional.log_prob(parameters, candidates))
        weights.append(torch.stack(observed).sum(0))
    weight = torch.stack(weights).log_softmax(0)  # of each order, given what is observed
    return (weight.unsqueeze(-1) + torch.stack(conditionals)).logsumexp(0)
