"""Missing values under ``any(orders = K, train = "all")``: the orders place them last, where they marginalize away.

A model trained on all orders has a conditional for every element given any set of others. Under an order that draws
what is missing last, Σ over the missing values of p(x) is the product of the observed elements' conditionals: exact for
that model. It is not the marginal of the mixture of the K declared orders, which draw the missing elements anywhere
(Uria, Murray & Larochelle, 2014, section 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, as_array, blank
from ardsl.model.model import Variable
from ardsl.networks.group import Group, TargetBlock
from ardsl.networks.stepper import Orders
from ardsl.relations import Order
from ardsl.relations.order import explicit

Cells = Mapping[str, np.ndarray]
"""A set of elements: masks by variable, bool [elements]; variables without any are left out."""

Pattern = tuple[Values, Cells]
"""Examples that miss the same elements, with legal values there."""


def by_pattern(
    values: Values, variables: Sequence[Variable], every: Mapping[str, Variable]
) -> tuple[list[Pattern], Tensor | None]:
    """Splits examples by the elements of ``variables`` that they miss (NaN).

    Gives each pattern, and the index that restores the examples' order from the patterns one after the other; None
    where nothing is missing. ``every`` has all variables by name.
    """
    if not any(values[v.name].isnan().any() for v in variables):
        return [(values, {})], None
    absent = as_array(torch.cat([values[v.name].isnan() for v in variables], dim=1))
    ends = np.cumsum([v.size for v in variables])[:-1]
    masks, which = np.unique(absent, axis=0, return_inverse=True)
    rows = [torch.from_numpy(np.flatnonzero(which.reshape(-1) == number)) for number in range(len(masks))]
    patterns: list[Pattern] = []
    for absent_elements, chosen in zip(masks, rows, strict=True):
        split = zip(variables, np.split(absent_elements, ends), strict=True)
        cells = {v.name: mask for v, mask in split if mask.any()}
        own = {name: value[chosen.to(value.device)] for name, value in values.items()}
        patterns.append((filled(own, cells, every), cells))
    return patterns, torch.cat(rows).argsort()


def pattern_rows(patterns: Sequence[Pattern], restore: Tensor | None) -> tuple[Tensor, ...]:
    """The rows of each pattern's examples among all, int64 [examples of the pattern], as :func:`by_pattern` split
    them."""
    sizes = [len(next(iter(values.values()))) for values, _ in patterns]
    rows = torch.arange(sum(sizes)) if restore is None else restore.argsort()
    return rows.split(sizes)


def filled(values: Values, cells: Cells, variables: Mapping[str, Variable]) -> Values:
    """Values with legal ones in the cells."""
    complete = dict(values)
    for name, mask in cells.items():
        value = values[name]
        absent = torch.from_numpy(mask).to(value.device)
        complete[name] = torch.where(absent, blank(variables[name], len(value), value), value)
    return complete


def with_legal_values(values: Values, variables: Sequence[Variable]) -> Values:
    """Values with legal ones where they are missing (NaN), of some variables."""
    legal = dict(values)
    for variable in variables:
        value = values[variable.name]
        legal[variable.name] = torch.where(value.isnan(), blank(variable, len(value), value), value)
    return legal


def present(target: TargetBlock, patterns: Sequence[Pattern]) -> Tensor | None:
    """The draws of a block that each example has, bool [examples, draws], of all patterns one after the other; None
    where it has all."""
    name, first = target.variable.name, target.elements[:, 0]
    if not any(name in cells and cells[name][first].any() for _, cells in patterns):
        return None
    nothing = np.zeros(target.variable.size, dtype=bool)
    masks = [~cells.get(name, nothing)[first] for _, cells in patterns]
    counts = [len(values[name]) for values, _ in patterns]
    return torch.from_numpy(np.repeat(np.stack(masks), counts, axis=0))


def placed_last(order: Order, last: np.ndarray) -> Order:
    """The order with some elements, bool [elements], after all others; both keep their own order."""
    draws = order.permutation
    return explicit(order.shape, np.concatenate([draws[~last[draws]], draws[last[draws]]]))


def with_last(group: Group, chosen: Orders, *cells: Cells) -> Orders:
    """A group's orders with cells of its targets last, the later sets after the earlier; ``chosen`` itself where there
    are none."""
    for later in cells:
        if group.mixed is not None and group.mixed.name in later:
            orders = group.orders(chosen) if isinstance(chosen, int) else dict(chosen)
            chosen = orders | {group.mixed.name: placed_last(orders[group.mixed.name], later[group.mixed.name])}
    return chosen
