"""Questions for networks asked with a mask, drawn at random: what of each example is known, and how much each answer
counts for the weighted log-probabilities to be on average the log-likelihood.

A likelihood asks as many questions as there are contexts; a step of training asks one of each example. Where contexts
are all that is earlier, under all orders, it is an order and a number n of draws that are known, uniform over
0 … D − 1; all others are asked for at once, and each counts D / (D − n) times (Uria, Murray & Larochelle 2014). Else it
is one context of an order, and the draws that have it are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, as_array
from ardsl.compiler.base import Rows
from ardsl.compiler.likelihood.missing import placed_last
from ardsl.model.model import Variable
from ardsl.networks.asked import AskedNetwork
from ardsl.networks.contexts import Contexts
from ardsl.networks.group import Group
from ardsl.networks.realize import owners


class DrawnQuestions(NamedTuple):
    """A question for each example: the source elements that are known, bool [batch, elements], and the weight of each
    draw's log-probability given these, [batch, draws]."""

    known: Tensor
    weight: Tensor


def draw_questions(
    network: AskedNetwork, values: Values, may_miss: Sequence[Variable], generator: np.random.Generator, rows: Rows
) -> DrawnQuestions:
    """Draws a question for each example. A missing value (NaN), of a variable that ``may_miss`` one, is neither known
    nor asked for: orders draw it last."""
    group, like = network.plan.group, next(network.parameters())
    present = _present(group, values, may_miss)
    if network.any_order:
        known, weight = _of_all_later(group, present, generator, rows)
    elif group.mixed is not None and group.mixed.orders.train_all:
        known, weight = _of_fresh_orders(network, group.mixed, values, present, generator, rows)
    else:
        known, weight = _of_declared_orders(network, present, generator, rows)
    return DrawnQuestions(torch.from_numpy(known).to(like.device), torch.from_numpy(weight).to(like.device, like.dtype))


def _present(group: Group, values: Values, may_miss: Sequence[Variable]) -> np.ndarray:
    """The draws of each example that are not missing, bool [batch, draws]."""
    batch = len(next(iter(values.values())))
    blocks = []
    for target in group.targets:
        if target.variable in may_miss:
            blocks.append(~as_array(values[target.variable.name][:, target.elements[:, 0]].isnan()))
        else:
            blocks.append(np.ones((batch, target.draws), dtype=bool))
    return np.concatenate(blocks, axis=1)


def _of_all_later(
    group: Group, present: np.ndarray, generator: np.random.Generator, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """Any number of draws is known, and all others are asked for."""
    drawn = generator.random((rows.size, 1 + group.draws))[rows.own]
    share, place = drawn[:, 0], drawn[:, 1:]
    place[~present] = 1.0  # after all that is there
    count = present.sum(axis=1)
    number = np.minimum(share * count, np.maximum(count - 1, 0)).astype(np.int64)  # 0 … count − 1
    in_order = np.concatenate([np.full((len(place), 1), -1.0), np.sort(place, axis=1)], axis=1)
    chosen = place <= np.take_along_axis(in_order, number[:, None], axis=1)
    weight = (present & ~chosen) * (count / np.maximum(count - number, 1))[:, None]
    (owner,) = owners([group])
    return np.where(owner >= 0, chosen[:, owner], True), weight


def _of_declared_orders(
    network: AskedNetwork, present: np.ndarray, generator: np.random.Generator, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    """A context of one of the declared orders."""
    group = network.plan.group
    shares = generator.random((rows.size, 2))[rows.own]
    number = (shares[:, 0] * group.order_count).astype(np.int64)
    known = np.zeros((len(shares), group.elements), dtype=bool)
    weight = np.zeros(present.shape)
    for k in np.unique(number):
        under = np.flatnonzero(number == k)
        contexts = network.questions(int(k)).contexts
        known[under], weight[under] = _of_contexts(contexts, present[under], shares[under, 1])
    return known, weight


def _of_fresh_orders(
    network: AskedNetwork,
    mixed: Variable,
    values: Values,
    present: np.ndarray,
    generator: np.random.Generator,
    rows: Rows,
) -> tuple[np.ndarray, np.ndarray]:
    """A context of a fresh order for each example, that has what is missing last."""
    group = network.plan.group
    seeds = generator.integers(1 << 62, size=rows.size)[rows.own]
    missing = as_array(values[mixed.name].isnan())
    known = np.zeros((len(seeds), group.elements), dtype=bool)
    weight = np.zeros(present.shape)
    for row, seed in enumerate(seeds.tolist()):
        own = np.random.default_rng(seed)
        order = mixed.orders.draw(own)
        if missing[row].any() and not mixed.varies:
            order = placed_last(order, missing[row])
        contexts = network.questions(group.orders() | {mixed.name: order}).contexts
        known[row], weight[row] = _of_contexts(contexts, present[row : row + 1], own.random(1))
    return known, weight


def _of_contexts(contexts: Contexts, present: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The context of a draw of each example that is not missing: its elements, bool [batch, elements], and the weights
    of all draws that have it, [batch, draws]. ``share`` [batch], uniform, chooses the draw."""
    count = present.sum(axis=1)
    place = np.minimum(share * count, np.maximum(count - 1, 0)).astype(np.int64)
    draw = (present.cumsum(axis=1) > place[:, None]).argmax(axis=1)
    chosen = contexts.of_draw[draw]
    same = (contexts.of_draw == chosen[:, None]) & present
    return contexts.rows(chosen), same * (count / np.maximum(same.sum(axis=1), 1))[:, None]
