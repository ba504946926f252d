"""Estimates of log-likelihoods, as training maximizes them: unbiased, of the likelihood or of a bound on it."""

from __future__ import annotations

from functools import reduce

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import by_pattern
from ardsl.compiler.likelihood.spans import lengths_along_time
from ardsl.compiler.window import Window
from ardsl.networks.stepper import Orders


def estimate(
    model: Density, values: Values, generator: np.random.Generator | None, window: Window | None = None
) -> Tensor:
    """An estimate of log p of each example, [batch] in nats, or of a bound on it: under one order for all, and in a
    window."""
    if model.plain and window is None:
        return model.log_prob_of(values, complete=True)
    chosen = _draw_orders(model, generator)
    patterns, restore = by_pattern(values, model.may_miss, model.spec.variables)
    lengths = lengths_along_time(model.spec.plan, values)
    log_probs = []
    for index, group in enumerate(model.groups):
        if window is not None and index in lengths:
            span = window.span(lengths[index])
            (log_prob,) = model.draw_log_probs(index, values, validate=False, span=span)
            log_probs.append(window.of_all(log_prob.sum(-1), lengths[index]))
            continue
        orders = chosen[group.mixed.name] if group.mixed else 0
        by_block = model.present_log_probs(index, patterns, orders, validate=False)
        group_log_prob = _sum([log_prob.sum(-1) for log_prob in by_block])
        log_probs.append(group_log_prob if restore is None else group_log_prob[restore])
    total = _sum(log_probs)
    if window is not None and lengths:
        total = window.of_example(total, reduce(torch.maximum, lengths.values()))
    return total


def _sum(terms: list[Tensor]) -> Tensor:
    return terms[0] if len(terms) == 1 else torch.stack(terms).sum(0)


def _draw_orders(model: Density, generator: np.random.Generator | None) -> dict[str, Orders]:
    """An order for each variable under ``any``: one of its K, or with ``train = "all"`` a fresh one."""
    mixed = [variable for variable in model.spec.model.observed if variable.orders.mixed]
    if not mixed:
        return {}
    if generator is None:
        generator = np.random.default_rng(int(torch.randint(1 << 62, ())))
    declared = {v.name: v.orders.orders[0] for v in model.spec.variables.values()}
    chosen: dict[str, Orders] = {}
    for variable in mixed:
        orders = variable.orders
        if orders.train_all:
            chosen[variable.name] = declared | {variable.name: orders.draw(generator)}
        else:
            chosen[variable.name] = int(generator.integers(len(orders)))
    return chosen
