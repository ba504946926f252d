"""The oracle of questions: joint distributions by enumeration, and what follows from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

import ardsl
from ardsl.relations.order import explicit
from tests.support.properties import every_value

Cell = tuple[str, int]


@dataclass
class Table:
    """All joint values of a model of finitely many: ``values`` [states, elements] by variable, and the ``log_prob`` of
    each, [states]."""

    values: dict[str, Tensor]
    log_prob: Tensor

    def column(self, cell: Cell) -> Tensor:
        return self.values[cell[0]][:, cell[1]]

    def where(self, known: Mapping[Cell, float]) -> Tensor:
        """The states in which cells have these values, bool [states]."""
        held = torch.ones(len(self.log_prob), dtype=torch.bool)
        for cell, value in known.items():
            held &= (self.column(cell) - value).abs() < 1e-9
        return held

    def log_mass(self, states: Tensor) -> float:
        return float(self.log_prob[states].logsumexp(0)) if bool(states.any()) else -np.inf


def table(
    model: ardsl.AutoregressiveModel,
    given: Mapping[str, Tensor] | None = None,
    first: tuple[Cell, ...] = (),
    then: tuple[Cell, ...] = (),
) -> Table:
    """The joint distribution of a model; of one trained on all orders, the mean over its orders with the cells of
    ``first`` before all others, then those of ``then``."""
    variables = model.spec.model.observed
    data = every_value(list(variables))
    assert data is not None
    states = len(next(iter(data.values())))
    rows = {name: value.expand(states, *value.shape[1:]) for name, value in (given or {}).items()}
    flat = {v.name: data[v.name].reshape(states, v.size) for v in variables}
    with torch.no_grad():
        if isinstance(model, ardsl.LatentModel) or not any(v.orders.train_all for v in variables):
            return Table(flat, model.log_prob(data, rows or None))
        values = model.values(data, rows or None)
        total = torch.zeros(states, dtype=torch.float64)
        mixed = {v.name: len(v.orders.orders) for v in variables if v.orders.mixed}
        for name in {**mixed, **dict.fromkeys(v.name for v in variables)}:
            under = [_under(model, values, name, k, first, then) for k in range(mixed.get(name, 1))]
            total += torch.stack(under).logsumexp(0) - np.log(len(under))
    return Table(flat, total)


def _under(
    model: ardsl.AutoregressiveModel,
    values: dict[str, Tensor],
    name: str,
    k: int,
    first: tuple[Cell, ...],
    then: tuple[Cell, ...],
) -> Tensor:
    """log p of a variable given those it reads, under its k-th order with some cells moved to the front."""
    total = torch.zeros(len(values[name]), dtype=torch.float64)
    for index, group in enumerate(model.groups):
        if name not in {target.variable.name for target in group.targets}:
            continue
        chosen = {}
        for variable in {t.variable.name: t.variable for t in group.targets}.values():
            order = variable.orders.orders[k if variable.name == name else 0]
            if variable.orders.train_all and not order.event_axes and not variable.varies:
                turn = [
                    0 if (variable.name, e) in first else 1 if (variable.name, e) in then else 2
                    for e in order.permutation
                ]
                order = explicit(order.shape, order.permutation[np.argsort(turn, kind="stable")])
            chosen[variable.name] = order
        for target, log_prob in zip(group.targets, model.draw_log_probs(index, values, chosen), strict=True):
            if target.variable.name == name:
                total += log_prob.sum(1)
    return total
