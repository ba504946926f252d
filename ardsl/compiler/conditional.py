"""Conditionals that no single factor is: a cell given the rest of its example, and what is missing given the rest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import networkx
import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.missing import Cells, by_pattern, filled, present, with_last
from ardsl.compiler.values import Values
from ardsl.errors import ArdslError
from ardsl.families.distributions import Conditional
from ardsl.model.model import Variable
from ardsl.networks.module import Configuration

if TYPE_CHECKING:
    from ardsl.compiler.compile import Compiled
    from ardsl.compiler.model import AutoregressiveModel

_DRAWS = 256
"""What the most likely value of an infinite domain is chosen from."""


class OrderForbids(ArdslError):
    """The spec's order does not give a distribution of these elements given the others."""


def require_plain(model: Compiled) -> None:
    """Refuses models with latent variables, and those in which a value that is missing could as well be beyond the
    end."""
    latent = next((v.name for v in model.spec.variables.values() if v.kind == "latent"), None)
    if latent is not None:
        raise ArdslError(f"`{latent}` is latent, and this takes models without latent variables")
    varying = next((v.name for v in model.spec.variables.values() if v.varies), None)
    if varying is not None:
        raise ArdslError(f"the length of `{varying}` varies, and this takes variables of a fixed length")


# One cell given the rest


def joint_log_probs(
    model: AutoregressiveModel, values: Values, variable: Variable, element: int, candidates: Tensor
) -> Tensor:
    """log p of each example with candidate values c [n] or [examples, n], in the model's units, in the cell: [examples,
    n]. Over its sum or integral over c it is p(cell | rest), by Bayes' rule."""
    rows = len(values[variable.name])
    candidates = candidates.expand(rows, -1)
    repeated = {name: value.repeat_interleave(candidates.shape[1], 0) for name, value in values.items()}
    own = repeated[variable.name].clone()
    own[:, element] = candidates.reshape(-1)
    return model.log_prob_of(repeated | {variable.name: own}).reshape(rows, -1)


def cell_log_probs(
    model: AutoregressiveModel, values: Values, variable: Variable, element: int, candidates: Tensor
) -> Tensor:
    """log p(cell = c | rest) of each example, as :func:`joint_log_probs` takes and gives, of a model trained on all
    orders: of the orders that draw the cell after all that is observed, without a sum over its values."""
    rows = len(values[variable.name])
    parts, back = by_pattern(_known(values, variable, element), model.may_miss, model.spec.variables)
    where = torch.arange(rows) if back is None else back.argsort()
    chosen = candidates.expand(rows, -1)[where.to(candidates.device)].split([len(p[variable.name]) for p, _ in parts])
    found = [
        _given_observed(model, part, cells, variable, element, each)
        for (part, cells), each in zip(parts, chosen, strict=True)
    ]
    return found[0] if back is None else torch.cat(found)[back]


def _known(values: Values, variable: Variable, element: int) -> Values:
    """The values with a legal one in the cell."""
    cell = np.arange(variable.size) == element
    return filled(values, {variable.name: cell}, {variable.name: variable})


def _given_observed(
    model: AutoregressiveModel, values: Values, missing: Cells, variable: Variable, element: int, candidates: Tensor
) -> Tensor:
    cell: Cells = {variable.name: np.arange(variable.size) == element}
    apart = {variable.name: cell[variable.name] | missing.get(variable.name, False)}
    weights, conditionals = [], []
    for k in range(len(variable.orders)):
        observed = []
        for index, group in enumerate(model.groups):
            if group.mixed is not variable:
                continue
            order = with_last(group, k, cell, missing)
            for block, (target, part) in enumerate(
                zip(group.targets, model.draw_log_probs(index, values, order), strict=True)
            ):
                if target.variable is not variable:
                    continue
                mask = present(target, [(values, apart)])
                observed.append((part if mask is None else torch.where(mask.to(part.device), part, 0.0)).sum(1))
                draws = np.flatnonzero(target.elements[:, 0] == element)
                if len(draws):
                    conditional = model.conditionals[index][block]
                    raw = model.raw(index, values, order)[block][:, draws]
                    conditionals.append(conditional.log_prob(raw, candidates))
        weights.append(torch.stack(observed).sum(0))
    weight = torch.stack(weights).log_softmax(0)  # of each order, given what is observed
    return (weight.unsqueeze(-1) + torch.stack(conditionals)).logsumexp(0)


# What is missing given the rest


@torch.no_grad()
def complete(model: AutoregressiveModel, values: Values, seed: int | None, likely: bool) -> Values:
    """Every NaN of the values (in the model's units) drawn from its distribution given what is there; with ``likely``
    the most likely value at each draw instead. Raises ``OrderForbids`` where the order draws a missing element before
    one that is there."""
    everywhere = model.spec.model.observed
    parts, back = by_pattern(values, everywhere, model.spec.variables)
    if back is None:
        return values
    noise = model.noise(len(back), seed)
    rows = back.argsort().split([len(part[everywhere[0].name]) for part, _ in parts])
    found = []
    for (part, missing), index in zip(parts, rows, strict=True):
        _check_order(model, missing)
        here = noise.rows(index)
        for chosen, some in _order_of_each(model, part, missing, here.orders, likely):
            mine = {name: value[some] for name, value in part.items()}
            drawn = _draw(model, mine, missing, chosen, None if likely else here.rows(some).draws)
            for name in missing:
                part[name][some] = drawn[name]
        found.append(part)
    return {name: torch.cat([part[name] for part in found])[back] for name in values}


def _check_order(model: AutoregressiveModel, missing: Cells) -> None:
    variables = model.spec.variables
    readers = networkx.DiGraph(model.spec.graph)
    for name, mask in missing.items():
        variable = variables[name]
        if variable not in model.may_miss and not mask.all():
            for order in variable.orders.orders:
                rank = order.rank
                together = len(order.event_axes) > 0  # one draw covers elements of one rank, or they are independent
                if rank[mask].min() < rank[~mask].max() + together:
                    early = variable.element_name(int(np.flatnonzero(mask)[rank[mask].argmin()]))
                    late = variable.element_name(int(np.flatnonzero(~mask)[rank[~mask].argmax()]))
                    raise OrderForbids(
                        f"`{early}` is missing and `{late}`, which the order draws after it, is there: a spec with "
                        f'`order {name} by any(orders = 8, train = "all")` and a dense network fills any gap'
                    )
        for reader in readers.successors(name):
            if reader != name and not (reader in missing and missing[reader].all()):
                raise OrderForbids(f"`{name}` has missing values and `{reader}`, which is drawn given them, is there")


def _order_of_each(
    model: AutoregressiveModel, values: Values, missing: Cells, uniforms: Mapping[str, Tensor], likely: bool
) -> Iterator[tuple[dict[str, int], Tensor]]:
    """The examples by the order that draws each mixed variable: by its probability given what is observed."""
    rows = len(next(iter(values.values())))
    choice = torch.zeros(rows, len(uniforms), dtype=torch.long)
    each = model.order_log_probs([(values, missing)]) if set(uniforms) & set(missing) else {}
    for column, name in enumerate(uniforms):
        if name in missing:
            drawn = each[name].argmax(0) if likely else drawn_order(each[name], uniforms[name])
            choice[:, column] = drawn.cpu()
    if not uniforms:
        yield {}, torch.arange(rows)
        return
    for row in torch.unique(choice, dim=0):
        yield dict(zip(uniforms, row.tolist(), strict=True)), torch.nonzero((choice == row).all(1)).flatten()


def drawn_order(log_probs: Tensor, uniforms: Tensor) -> Tensor:
    """An order for each example, drawn by its probability given the example, p_k / Σ p_j: from log p_k
    [orders, examples] and uniforms [examples]."""
    weight = log_probs.double().softmax(0)
    weight = torch.where(weight.isnan(), 1 / len(weight), weight)  # the example is impossible under each of them
    return (uniforms >= weight.cumsum(0)).sum(0).clamp(max=len(weight) - 1)


def _draw(
    model: AutoregressiveModel,
    values: Values,
    missing: Cells,
    chosen: Mapping[str, int],
    noise: tuple[tuple[Tensor, ...], ...] | None,
) -> Values:
    """The missing elements, one rank after the other; without ``noise`` the most likely value of each."""
    values = dict(values)
    for name in networkx.topological_sort(model.spec.graph):
        if name not in missing:
            continue
        variable = model.spec.variables[name]
        k = chosen.get(name, 0)
        for index, group in enumerate(model.groups):
            if all(target.variable is not variable for target in group.targets):
                continue
            order = with_last(group, k if group.mixed is variable else 0, missing)
            _draw_group(model, values, index, variable, missing[name], order, noise)
    return values


def _draw_group(
    model: AutoregressiveModel,
    values: Values,
    index: int,
    variable: Variable,
    mask: np.ndarray,
    order: Configuration,
    noise: tuple[tuple[Tensor, ...], ...] | None,
) -> None:
    group = model.groups[index]
    rank = (group.orders(order) if isinstance(order, int) else order)[variable.name].rank
    for step in np.unique(rank[mask]):
        raw = model.raw(index, values, order)
        for block, target in enumerate(group.targets):
            draws = np.flatnonzero(mask[target.elements[:, 0]] & (rank[target.elements[:, 0]] == step))
            if target.variable is not variable or not len(draws):
                continue
            conditional, numbers = model.conditionals[index][block], raw[block][:, draws]
            if noise is None:
                drawn = _most_likely(conditional, numbers)
            else:
                drawn = conditional.sample(numbers, noise[index][block][:, draws])
            elements = target.elements[draws].reshape(-1)
            values[variable.name][:, elements] = drawn.reshape(len(drawn), -1).to(numbers.dtype)


def _most_likely(conditional: Conditional, raw: Tensor) -> Tensor:
    """The mode of each draw: exact in a finite domain, elsewhere the likeliest of evenly spread draws."""
    if conditional.domain.levels is not None and not conditional.law.joint:
        return conditional.decode(conditional.log_table(raw).argmax(-1), raw.dtype)
    engine = torch.quasirandom.SobolEngine(max(conditional.family.uniforms, 1))
    uniforms = (engine.draw(_DRAWS, dtype=raw.dtype) + 0.5 / _DRAWS).clamp(max=1 - 0.5 / _DRAWS).to(raw.device)
    uniforms = uniforms[:, : conditional.family.uniforms]
    best, highest = None, None
    for uniform in uniforms:
        drawn = conditional.sample(raw, uniform.expand(*raw.shape[:-1], -1))
        log_prob = conditional.log_prob(raw, drawn)
        if best is None or highest is None:
            best, highest = drawn, log_prob
            continue
        better = log_prob > highest
        highest = torch.where(better, log_prob, highest)
        best = torch.where(better.unsqueeze(-1) if drawn.ndim > better.ndim else better, drawn, best)
    assert best is not None  # there are draws
    return best
