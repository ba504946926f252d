"""Estimates of log-likelihoods, as training maximizes them: unbiased, of the likelihood or of a bound on it."""

from __future__ import annotations

from functools import reduce
from typing import cast

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.base import Rows
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import by_pattern, with_legal_values
from ardsl.compiler.likelihood.questions import draw_questions
from ardsl.compiler.likelihood.spans import lengths_along_time
from ardsl.compiler.window import Window
from ardsl.networks.asked import AskedNetwork
from ardsl.networks.stepper import Orders


def estimate(
    model: Density,
    values: Values,
    generator: np.random.Generator | None,
    window: Window | None = None,
    rows: Rows | None = None,
    *,
    ask: bool = True,
) -> Tensor:
    """An estimate of log p of each example, [batch] in nats, or of a bound on it: under one order for all, in a window,
    and of networks asked with a mask by one question for each example.

    ``rows``: which of a batch's rows these examples are; all of them by default. ``ask``: False evaluates networks
    asked with a mask exactly, under the one order, for what takes a logarithm of several likelihoods' sum.
    """
    if model.plain and window is None and not (model.asks and ask):
        return model.log_prob_of(values, complete=True)
    if generator is None and model.estimated:
        generator = np.random.default_rng(int(torch.randint(1 << 62, ())))
    chosen = _draw_orders(model, generator)
    asked = [ask and network.asked for network in model.networks_by_group]
    patterns, restore = ([], None) if all(asked) else by_pattern(values, model.may_miss, model.spec.variables)
    lengths = lengths_along_time(model.spec.plan, values)
    log_probs = []
    for index, group in enumerate(model.groups):
        if window is not None and index in lengths:
            span = window.span(lengths[index])
            (log_prob,) = model.draw_log_probs(index, values, validate=False, span=span)
            log_probs.append(window.of_all(log_prob.sum(-1), lengths[index]))
            continue
        if asked[index]:
            assert generator is not None  # the model is estimated
            rows = rows or Rows(len(next(iter(values.values()))))
            log_probs.append(_asked(model, index, values, generator, rows))
            continue
        orders = chosen[group.mixed.name] if group.mixed else 0
        by_block = model.present_log_probs(index, patterns, orders, validate=False)
        group_log_prob = _sum([log_prob.sum(-1) for log_prob in by_block])
        log_probs.append(group_log_prob if restore is None else group_log_prob[restore])
    total = _sum(log_probs)
    if window is not None and lengths:
        total = window.of_example(total, reduce(torch.maximum, lengths.values()))
    return total


def _asked(model: Density, group: int, values: Values, generator: np.random.Generator, rows: Rows) -> Tensor:
    """The estimate of a group's log-probability, [batch], by one question for each example."""
    network = cast(AskedNetwork, model.networks_by_group[group])
    known, weight = draw_questions(network, values, model.may_miss, generator, rows)
    values = with_legal_values(values, model.may_miss)
    parameters = model.split(group, network.ask(model.inputs(group, values), known))
    log_probs = torch.cat(model.block_log_probs(group, parameters, values, validate=False), 1)
    return torch.where(weight > 0, weight * log_probs, 0.0).sum(-1)


def _sum(terms: list[Tensor]) -> Tensor:
    return terms[0] if len(terms) == 1 else torch.stack(terms).sum(0)


def _draw_orders(model: Density, generator: np.random.Generator | None) -> dict[str, Orders]:
    """An order for each variable under ``any``: one of its K, or with ``train = "all"`` a fresh one."""
    mixed = [variable for variable in model.spec.model.observed if variable.orders.mixed]
    if generator is None or not mixed:
        return {}
    declared = {v.name: v.orders.orders[0] for v in model.spec.variables.values()}
    chosen: dict[str, Orders] = {}
    for variable in mixed:
        orders = variable.orders
        if orders.train_all:
            chosen[variable.name] = declared | {variable.name: orders.draw(generator)}
        else:
            chosen[variable.name] = int(generator.integers(len(orders)))
    return chosen
