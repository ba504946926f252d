"""Completion: missing values drawn from their distribution given the rest of their example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import Cells, by_pattern, pattern_rows, with_last
from ardsl.compiler.steps.draws import Draw, FromNoise, Known, MostLikely
from ardsl.compiler.steps.evaluator import Evaluator, Lender
from ardsl.compiler.steps.noise import Noise
from ardsl.errors import ArdslError
from ardsl.networks.stepper import Orders


class OrderForbids(ArdslError):
    """The error of an order that gives no distribution of the missing elements given the others."""


@torch.no_grad()
def complete(density: Density, lender: Lender, values: Values, noise: Noise, *, likely: bool) -> Values:
    """Values with every NaN drawn from its distribution given those that are there: standardized, as ``values`` are.

    With ``likely`` each draw takes its most likely value instead. Raises ``OrderForbids`` where the order draws a
    missing element before one that is there.
    """
    variables = density.spec.model.observed
    missing = {v.name: values[v.name].isnan() for v in variables}
    for pattern in _patterns(missing):
        _check_order(density, pattern)
    initial = {
        v.name: torch.where(missing[v.name], blank(v, len(values[v.name]), values[v.name]), values[v.name])
        for v in variables
    }
    completed = values | initial
    for orders, key, rows in _by_orders(density, values, completed, noise.orders, likely):
        chunk = {name: value[rows] for name, value in completed.items()}
        known = {name: ~mask[rows] for name, mask in missing.items()}
        draw: Draw = MostLikely() if likely else FromNoise(noise.rows(rows).draws)
        draw_unknown(density, lender, chunk, known, orders, key, draw)
        for name in missing:
            completed[name][rows] = chunk[name]
    return completed


def draw_unknown(
    density: Density,
    lender: Lender,
    values: Values,
    known: Mapping[str, Tensor],
    orders: Sequence[Orders],
    key: object,
    draw: Draw,
) -> None:
    """Draws what is not ``known``, bool [examples, elements] by variable, into ``values``, under the orders of each
    group, which have the ``key``: nothing known is to depend on it."""
    always_known = {name: mask.all(0).cpu().numpy() for name, mask in known.items()}
    if any(bool((mask != mask[:1]).any()) for mask in known.values()):  # else what is known is never drawn
        draw = Known(known, draw)
    count = len(next(iter(values.values())))
    evaluator_key = ("complete", key, count, *(mask.tobytes() for mask in always_known.values()))
    with lender.lend(density, evaluator_key, partial(Evaluator, density, orders, count, always_known)) as evaluator:
        evaluator.run(values, draw)


def _patterns(missing: Mapping[str, Tensor]) -> list[Cells]:
    """The different sets of elements that examples miss; an example that misses nothing gives an empty one."""
    ends = np.cumsum([mask.shape[1] for mask in missing.values()])[:-1]
    distinct = np.unique(torch.cat(tuple(missing.values()), 1).cpu().numpy(), axis=0)
    split = (zip(missing, np.split(pattern, ends), strict=True) for pattern in distinct)
    return [{name: mask for name, mask in cells if mask.any()} for cells in split]


def _by_orders(
    density: Density, values: Values, filled: Values, uniforms: Mapping[str, Tensor], likely: bool
) -> Iterator[tuple[list[Orders], object, Tensor]]:
    """Splits the examples by the orders that draw what they miss: each group's orders, a key for these, and the rows.

    Of a variable trained on all orders those that draw what is missing last; of one under several orders the one that
    is drawn by its probability given what is observed.
    """
    mixed = [v for v in density.spec.model.observed if v.orders.mixed]
    incomplete = {v.name: values[v.name].isnan().any(1) for v in mixed}
    observed = filled | {v.name: values[v.name] for v in density.may_miss}
    patterns, restore = by_pattern(observed, density.may_miss, density.spec.variables)
    for (pattern_values, cells), rows in zip(patterns, pattern_rows(patterns, restore), strict=True):
        choice = torch.zeros(len(rows), max(1, len(mixed)), dtype=torch.long)  # rows without columns are none
        log_probs = (
            density.order_log_probs([(pattern_values, cells)])
            if any(bool(incomplete[v.name][rows].any()) for v in mixed)
            else {}
        )
        for column, variable in enumerate(mixed):
            if variable.name in log_probs:
                under = log_probs[variable.name]
                chosen = under.argmax(0) if likely else drawn_order(under, uniforms[variable.name][rows])
                choice[:, column] = torch.where(incomplete[variable.name][rows], chosen, 0).cpu()
        names = [v.name for v in mixed]
        for numbers in torch.unique(choice, dim=0):
            k = dict(zip(names, numbers.tolist(), strict=False))
            orders = [with_last(g, k[g.mixed.name] if g.mixed is not None else 0, cells) for g in density.groups]
            key = (*numbers.tolist(), *((name, cell.tobytes()) for name, cell in cells.items()))
            yield orders, key, rows[torch.nonzero((choice == numbers).all(1)).flatten()]


def _check_order(model: Density, missing: Cells) -> None:
    variables = model.spec.variables
    for name, mask in missing.items():
        variable = variables[name]
        if variable not in model.may_miss and not mask.all():
            for order in variable.orders.orders:
                rank = order.rank
                together = len(order.event_axes) > 0  # one draw covers elements of one rank, or they are independent
                if rank[mask].min() < rank[~mask].max() + together:
                    early = variable.element_name(int(np.flatnonzero(mask)[rank[mask].argmin()]))
                    late = variable.element_name(int(np.flatnonzero(~mask)[rank[~mask].argmax()]))
                    when = "after" if rank[mask].min() < rank[~mask].max() else "together with"
                    target = "a target without `*`, " if together else ""
                    raise OrderForbids(
                        f"`{early}` is missing and `{late}`, which the order draws {when} it, is there: a spec with "
                        f'{target}`order {name} by any(orders = 8, train = "all")` and a dense network fills any gap'
                    )
        for factor in model.spec.model.factors:
            reader = factor.variable
            reads = reader != name and any(context.variable == name for context in factor.contexts)
            if reads and not (reader in missing and missing[reader].all()):
                raise OrderForbids(f"`{name}` has missing values and `{reader}`, which is drawn given them, is there")


def drawn_order(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """An order for each example, drawn by its probability given the example, p_k / Σ p_j: from log p_k
    [orders, examples] and uniforms [examples]."""
    weight = log_probs.double().softmax(0)
    weight = torch.where(weight.isnan(), 1 / len(weight), weight)  # the example is impossible under each of them
    return (uniforms >= weight.cumsum(0)).sum(0).clamp(max=len(weight) - 1)
