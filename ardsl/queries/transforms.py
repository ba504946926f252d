"""Probability integral transforms of observed values under the conditionals that the model draws them from.

If x ~ F then u = F(x) is uniform, and the u of an example's draws, each under its conditional given those before it in
the order, are independent (Rosenblatt, 1952). Where F jumps, u is uniform on the jump (Brockwell, 2007). Two ways:

- a finite domain has a table of probabilities: u = F(x − 1) + V · p(x), V uniform;
- elsewhere x is ranked among ``DRAWS`` draws from the same conditional: (rank + V) / (DRAWS + 1), ties broken at
  random. Under the model x is one more such draw, so its rank takes each value equally often: no distribution function
  is needed. A draw of several elements at once is ranked by its log-density.

Under ``any(orders = K)`` an example's order k is drawn by p_k(x) / Σ_j p_j(x): (k, x) is then a draw from the model's
joint distribution of both, and the transforms under order k are independent and uniform.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.missing import Cells, by_pattern, pattern_rows, with_last
from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.queries.complete import drawn_order
from ardsl.errors import ArdslError
from ardsl.families.distributions import Conditional
from ardsl.networks.group import TargetBlock

DRAWS = 99
"""Draws among which a value without a table of probabilities is ranked."""
_LARGEST_TABLE = 256
"""Values of a finite domain, past which ranks cost less than a table; but a categorical draw reads its table anyway."""
_NUMBERS = 1 << 20
"""Numbers in work at once, beside the network's."""

Transforms = dict[str, np.ndarray]
"""By variable, float32 [examples, draws]; NaN where the value is missing."""


@dataclass(frozen=True)
class Randomness:
    """Uniform numbers by where they are used: the same for an example whatever batch it is in, on any device."""

    seed: int
    first: int
    """The number of the batch's first example in the data."""

    def __call__(self, shape: tuple[int, ...], group: int, block: int = 0, draw: int = 0) -> Tensor:
        """[examples, …] in [0, 1), float64 on the CPU; ``draw`` is 0 for V, and 1 to ``DRAWS`` for what is drawn."""
        per_example = int(np.prod(shape[1:], dtype=np.int64))
        step, skip = divmod(self.first * per_example, 4)  # the generator counts in steps of four numbers
        generator = np.random.Generator(np.random.Philox(key=self.seed, counter=[step, draw, block, group]))
        return torch.from_numpy(generator.random(skip + shape[0] * per_example)[skip:].reshape(shape))


@torch.no_grad()
def transforms(model: AutoregressiveModel, values: Values, random: Randomness) -> Transforms:
    """The transforms of a batch of examples, their values standardized (NaN: missing)."""
    known, missing, parameters = _contexts(model, values, random)
    by_variable: Transforms = {}
    for index, group in enumerate(model.groups):
        for block, (target, block_parameters) in enumerate(zip(group.targets, parameters[index], strict=True)):
            name = target.variable.name
            if name not in by_variable:
                events = target.elements.shape[1]
                by_variable[name] = np.empty((len(block_parameters), target.variable.size // events), np.float32)
            transformed = _of_block(model, index, block, block_parameters, known[name], random).numpy()
            if name in missing:
                transformed[missing[name][:, target.elements[:, 0]].cpu().numpy()] = np.nan
            by_variable[name][:, target.elements[:, 0] if target.variable.is_record else slice(None)] = transformed
    return by_variable


# The parameters of each draw's conditional


def _contexts(
    model: AutoregressiveModel, values: Values, random: Randomness
) -> tuple[Values, dict[str, Tensor], list[list[Tensor]]]:
    """The values with legal ones where they are missing, which those are (bool [examples, elements] by variable), and
    each block's parameters [examples, draws, width] under each example's order."""
    count = len(next(iter(values.values())))
    missing = {v.name: values[v.name].isnan() for v in model.may_miss}
    patterns, restore = by_pattern(values, model.may_miss, model.spec.variables)
    parameters = [
        [model.like.new_empty(count, target.draws, target.family.width) for target in group.targets]
        for group in model.groups
    ]
    uniforms = _order_uniforms(model, count, random)
    for (pattern_values, cells), rows in zip(patterns, pattern_rows(patterns, restore), strict=True):
        chosen = _choose_orders(
            model, pattern_values, cells, {name: uniform[rows] for name, uniform in uniforms.items()}
        )
        for index, group in enumerate(model.groups):
            mixed = group.mixed.name if group.mixed is not None else None
            orders = chosen[mixed] if mixed in chosen else torch.zeros(len(rows), dtype=torch.long)
            for k in orders.unique().tolist():
                of_order = torch.nonzero(orders == k).flatten()
                chosen_values = {name: value[of_order.to(value.device)] for name, value in pattern_values.items()}
                for whole, block_parameters in zip(
                    parameters[index],
                    model.conditional_parameters(index, chosen_values, with_last(group, k, cells)),
                    strict=True,
                ):
                    whole[rows[of_order].to(whole.device)] = block_parameters.to(whole.dtype)
    if any(block_parameters.isnan().any() for blocks in parameters for block_parameters in blocks):
        raise ArdslError("the model gives no distribution of some values: its outputs are no numbers")
    if restore is None:
        return patterns[0][0], missing, parameters
    known = {
        name: torch.cat([pattern_values[name] for pattern_values, _ in patterns])[restore.to(value.device)]
        for name, value in values.items()
    }
    return known, missing, parameters


def _order_uniforms(model: AutoregressiveModel, count: int, random: Randomness) -> dict[str, Tensor]:
    """A uniform number for each example and variable under several orders: [examples]."""
    mixed = [v for v in model.spec.model.observed if v.orders.mixed and len(v.orders) > 1]
    return {v.name: random((count,), len(model.groups) + number) for number, v in enumerate(mixed)}


def _choose_orders(
    model: AutoregressiveModel, values: Values, missing: Cells, uniforms: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """An order for each example and variable of ``uniforms``, by its probability given the variable's values."""
    log_probs = model.order_log_probs([(values, missing)]) if uniforms else {}
    return {name: drawn_order(log_probs[name].cpu(), uniform) for name, uniform in uniforms.items()}


# From values and parameters to transforms


def _of_block(
    model: AutoregressiveModel, index: int, block: int, parameters: Tensor, values: Tensor, random: Randomness
) -> Tensor:
    """The transforms of a block's draws, float64 [examples, draws] on the CPU."""
    target, conditional = model.groups[index].targets[block], model.conditionals[index][block]
    count, draws, _ = parameters.shape
    elements = torch.from_numpy(target.elements).to(parameters.device)
    value = values[:, elements.reshape(-1)].reshape(count * draws, -1)
    parameters = parameters.flatten(0, 1)
    v = random((count, draws), index, block).flatten()
    if _has_table(conditional):
        levels = conditional.domain.levels or 1
        sizes = zip(*(tensor.split(max(1, _NUMBERS // levels)) for tensor in (parameters, value[:, 0], v)), strict=True)
        return torch.cat([_by_table(conditional, *chunk) for chunk in sizes]).reshape(count, draws)
    if not conditional.joint:
        value, elements = value[:, 0], elements[:, 0]
    below = torch.zeros(count * draws, dtype=torch.long, device=parameters.device)
    ties = torch.zeros_like(below)
    own = _ranked_by(conditional, parameters, value)
    for drawn in _draws(model, target, conditional, parameters, elements, (random, index, block)):
        rank = _ranked_by(conditional, parameters, drawn)
        below += (rank < own).sum(0)
        ties += (rank == own).sum(0)
    # Uniform from rank to rank + ties + 1: the place among equals, and the place in the cell, at once.
    return ((below.cpu() + v * (ties.cpu() + 1)) / (DRAWS + 1)).reshape(count, draws)


def _has_table(conditional: Conditional) -> bool:
    family, levels = conditional.family, conditional.domain.levels
    if levels is None or conditional.joint:
        return False
    while family.inner is not None:
        family = family.inner
    return levels <= _LARGEST_TABLE or family.name == "categorical"


def _by_table(conditional: Conditional, parameters: Tensor, value: Tensor, v: Tensor) -> Tensor:
    """F(x − 1) + V · p(x): parameters [n, width] and values [n] to [n]."""
    p = conditional.log_table(parameters).softmax(-1)
    # What stands in for a missing value may be outside the domain; its transform is not used.
    code = conditional.domain.code(value).long().clamp(0, p.shape[-1] - 1).unsqueeze(-1)
    below = torch.where(torch.arange(p.shape[-1], device=p.device) < code, p, 0.0).sum(-1)
    at = p.gather(-1, code).squeeze(-1)
    return (below.cpu().double() + v * at.cpu().double()).clamp(max=1.0)


def _ranked_by(conditional: Conditional, parameters: Tensor, value: Tensor) -> Tensor:
    """Gives the numbers that draws are compared by: their values, or the log-density of several elements drawn at
    once."""
    if not conditional.joint:
        return value
    return conditional.log_prob(parameters.expand(*value.shape[:-1], -1), value)


def _draws(
    model: AutoregressiveModel,
    target: TargetBlock,
    conditional: Conditional,
    parameters: Tensor,
    elements: Tensor,
    where: tuple[Randomness, int, int],
) -> Iterator[Tensor]:
    """``DRAWS`` draws for each row of parameters [n, width], some at a time: [some, n], or [some, n, event]."""
    random, index, block = where
    count = len(parameters) // target.draws
    whose = elements.repeat(count, *[1] * (elements.ndim - 1))
    uniforms = conditional.family.uniforms
    at_once = max(1, _NUMBERS // (len(parameters) * max(parameters.shape[-1], uniforms, target.elements.shape[1])))
    for first in range(1, DRAWS + 1, at_once):
        numbers = range(first, min(first + at_once, DRAWS + 1))
        noise = torch.stack([random((count, target.draws, uniforms), index, block, s).flatten(0, 1) for s in numbers])
        drawn = conditional.sample(parameters, noise.to(parameters.dtype).to(parameters.device))
        yield model.units.round_trip(target.variable.name, whose, drawn)
