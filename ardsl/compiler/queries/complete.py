"""Completion: missing values drawn from their distribution given the rest of their example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import Cells, with_last
from ardsl.compiler.likelihood.ranked import RankedVariable, observed_log_prob, ranks
from ardsl.compiler.steps.draws import Draw, FromNoise, Known, MostLikely, most_likely
from ardsl.compiler.steps.evaluator import Evaluator, Lender
from ardsl.compiler.steps.noise import Noise
from ardsl.errors import ArdslError
from ardsl.model.model import Variable
from ardsl.networks.stepper import Orders

_AT_ONCE = 1 << 11
"""Examples that are completed at once."""


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
    for pattern, _ in _patterns(missing):
        forbidden = _forbidden(density, pattern)
        if forbidden is not None:
            raise OrderForbids(f"{forbidden}: `model.draws` draws given any cells, and `impute` fills any gap")
    completed = values | {
        v.name: torch.where(missing[v.name], blank(v, len(values[v.name]), values[v.name]), values[v.name])
        for v in variables
    }
    incomplete = torch.nonzero(torch.cat([mask.any(1, keepdim=True) for mask in missing.values()], 1).any(1)).flatten()
    for rows in incomplete.split(_AT_ONCE) if len(incomplete) else ():
        chunk = {name: value[rows] for name, value in completed.items()}
        gaps = {name: mask[rows] for name, mask in missing.items()}
        _complete_rows(density, lender, chunk, gaps, noise.rows(rows), likely)
        for name in missing:
            completed[name][rows] = chunk[name]
    return completed


def gives(density: Density, missing: Mapping[str, Tensor]) -> Tensor:
    """Says of which examples the orders draw what is missing after all that it depends on, so that :func:`complete`
    fills them: bool [examples]. ``missing``, bool [examples, elements] by variable."""
    given = torch.ones(len(next(iter(missing.values()))), dtype=torch.bool)
    for pattern, rows in _patterns(missing):
        given[rows] = _forbidden(density, pattern) is None
    return given


def _complete_rows(
    density: Density, lender: Lender, values: Values, missing: Mapping[str, Tensor], noise: Noise, likely: bool
) -> None:
    """Writes draws into ``values`` where they are missing.

    Examples of one pattern of gaps and one order are drawn step by step together, each activation once. Where there are
    more of these groups than gaps in an example, all examples are evaluated together under orders of their own.
    """
    chosen = {
        variable: _choose_orders(density, variable, values, missing[variable.name], noise, likely)
        for variable in density.spec.model.observed
        if variable.orders.mixed and bool(missing[variable.name].any())
    }
    groups = list(_by_orders(density, missing, chosen))
    gaps = {name: int(mask.sum(1).max()) for name, mask in missing.items() if bool(mask.any())}
    by_rank = [variable for variable in density.may_miss if variable.name in gaps]
    if len(by_rank) == len(gaps) and len(groups) > sum(gaps.values()):
        for variable in by_rank:
            _draw_by_rank(density, variable, values, missing[variable.name], chosen[variable], noise, likely)
        return
    for orders, key, rows in groups:
        chunk = {name: value[rows] for name, value in values.items()}
        known = {name: ~mask[rows] for name, mask in missing.items()}
        draw: Draw = MostLikely() if likely else FromNoise(noise.rows(rows).draws)
        draw_unknown(density, lender, chunk, known, orders, key, draw)
        for name in missing:
            values[name][rows] = chunk[name]


def _draw_by_rank(
    density: Density, variable: Variable, values: Values, missing: Tensor, chosen: Tensor, noise: Noise, likely: bool
) -> None:
    """Writes draws of a variable into ``values``, each example under its ``chosen`` order with what is missing last."""
    ranked = RankedVariable(density, variable)
    rank = _ranks(variable, missing, chosen)
    observed = (~missing).sum(1)
    value = values[variable.name]
    for step in range(int(missing.sum(1).max())):
        rows = torch.nonzero(observed + step < variable.size).flatten()
        under = ranked.under({name: each[rows] for name, each in values.items()}, rank[rows])
        here = rank[rows] == (observed[rows] + step)[:, None]
        for element in torch.nonzero(here.any(0)).flatten().tolist():
            own = torch.nonzero(here[:, element]).flatten()
            draw, parameters = ranked.draws[element], under.parameters(element, own)
            if likely:
                drawn = most_likely(draw.conditional, parameters)
            else:
                uniforms = noise.draws[draw.group][draw.block][rows[own], draw.within_block]
                drawn = draw.conditional.sample(parameters, uniforms)
            value[rows[own], element] = drawn.to(value.dtype)


def _ranks(variable: Variable, missing: Tensor, chosen: Tensor) -> Tensor:
    """The rank of each element under each example's chosen order, [examples], with what is missing last."""
    under = torch.stack([ranks(order, missing).expand(missing.shape) for order in variable.orders.orders])
    return under.gather(0, chosen[None, :, None].expand(1, *missing.shape))[0]


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


def _patterns(missing: Mapping[str, Tensor]) -> list[tuple[Cells, Tensor]]:
    """The different sets of elements that examples miss, with the rows of these; an example that misses nothing has an
    empty one."""
    ends = np.cumsum([mask.shape[1] for mask in missing.values()])[:-1]
    together = torch.cat(tuple(missing.values()), 1).cpu().numpy()
    distinct, which = np.unique(together, axis=0, return_inverse=True)
    patterns: list[tuple[Cells, Tensor]] = []
    for number, pattern in enumerate(distinct):
        cells = zip(missing, np.split(pattern, ends), strict=True)
        rows = torch.from_numpy(np.flatnonzero(which.reshape(-1) == number))
        patterns.append(({name: mask for name, mask in cells if mask.any()}, rows))
    return patterns


def _choose_orders(
    density: Density, variable: Variable, values: Values, missing: Tensor, noise: Noise, likely: bool
) -> Tensor:
    """The order that draws what each example misses, int64 [examples]: drawn by its probability given what is observed,
    or the most likely one. Of a variable trained on all orders these draw what is missing last."""
    rows = torch.nonzero(missing.any(1)).flatten()
    chosen = torch.zeros(len(missing), dtype=torch.int64, device=missing.device)
    own = {name: value[rows] for name, value in values.items()}
    log_probs = _order_log_probs(density, variable, own, missing[rows])
    chosen[rows] = log_probs.argmax(0) if likely else drawn_order(log_probs, noise.orders[variable.name][rows])
    return chosen


def _order_log_probs(density: Density, variable: Variable, values: Values, missing: Tensor) -> Tensor:
    """log p of what is observed of each example under each order of a variable, [orders, examples]."""
    validate = not density.all_inside(values)
    if variable in density.may_miss:
        ranked, orders = RankedVariable(density, variable), variable.orders.orders
        under = (ranked.under(values, ranks(order, missing)) for order in orders)
        return torch.stack([observed_log_prob(conditionals, missing, validate) for conditionals in under])
    log_probs = values[variable.name].new_zeros(len(variable.orders), len(missing))
    for index, group in enumerate(density.groups):
        for k in range(len(variable.orders)) if group.mixed is variable else ():
            blocks = density.draw_log_probs(index, values, k, validate=validate)
            for target, log_prob in zip(group.targets, blocks, strict=True):
                if target.variable is variable:
                    log_probs[k] += log_prob.masked_fill(missing[:, target.elements[:, 0]], 0.0).sum(1)
    return log_probs


def _by_orders(
    density: Density, missing: Mapping[str, Tensor], chosen: Mapping[Variable, Tensor]
) -> Iterator[tuple[list[Orders], object, Tensor]]:
    """Splits the examples by the orders that draw what they miss: each group's orders, a key for these, and the
    rows."""
    last = {v.name: missing[v.name] for v in density.may_miss if v in chosen}
    columns = [order[:, None] for order in chosen.values()] + [mask.long() for mask in last.values()]
    if not columns:
        yield [0] * len(density.groups), (), torch.arange(len(next(iter(missing.values()))))
        return
    distinct, which = torch.unique(torch.cat(columns, 1), dim=0, return_inverse=True)
    for number in range(len(distinct)):
        rows = torch.nonzero(which == number).flatten()
        k = {variable.name: int(order[rows[0]]) for variable, order in chosen.items()}
        cells = {name: mask[rows[0]].cpu().numpy() for name, mask in last.items()}
        cells = {name: mask for name, mask in cells.items() if mask.any()}
        orders = [with_last(g, k.get(g.mixed.name, 0) if g.mixed is not None else 0, cells) for g in density.groups]
        yield orders, distinct[number].cpu().numpy().tobytes(), rows


def _forbidden(model: Density, missing: Cells) -> str | None:
    """Why the orders do not give what is missing from what is there; None where they do."""
    variables = model.spec.variables
    for name, mask in missing.items():
        variable = variables[name]
        if variable not in model.may_miss and not mask.all():
            orders = variable.orders.orders
            for order in orders:
                rank = order.rank
                together = len(order.event_axes) > 0  # one draw covers elements of one rank, or they are independent
                if rank[mask].min() < rank[~mask].max() + together:
                    early = variable.element_name(int(np.flatnonzero(mask)[rank[mask].argmin()]))
                    late = variable.element_name(int(np.flatnonzero(~mask)[rank[~mask].argmax()]))
                    when = "after" if rank[mask].min() < rank[~mask].max() else "together with"
                    which = "the order draws" if len(orders) == 1 else f"one of its {len(orders):,} orders draws"
                    return f"`{early}` is missing and `{late}`, which {which} {when} it, is there"
        for factor in model.spec.model.factors:
            reader = factor.variable
            reads = reader != name and any(context.variable == name for context in factor.contexts)
            if reads and not (reader in missing and missing[reader].all()):
                return f"`{name}` has missing values and `{reader}`, which is drawn given them, is there"
    return None


def drawn_order(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """An order for each example, drawn by its probability given the example, p_k / Σ p_j: from log p_k
    [orders, examples] and uniforms [examples]."""
    weight = log_probs.double().softmax(0)
    weight = torch.where(weight.isnan(), 1 / len(weight), weight)  # the example is impossible under each of them
    return (uniforms >= weight.cumsum(0)).sum(0).clamp(max=len(weight) - 1)
