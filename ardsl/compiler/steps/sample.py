"""Samples of a density: of each variable after those it reads, under the orders that the noise chooses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.draws import FromNoise
from ardsl.compiler.steps.evaluator import Evaluator, Lender, whole_stepper
from ardsl.compiler.steps.noise import Noise
from ardsl.compiler.steps.series import Series, draws_in_turn, series
from ardsl.networks.group import Group

MAX_CHUNK = 1024
"""Samples drawn at once: past this, more batch buys no speed, only memory."""
_MIN_SHARE = 16
"""Samples drawn at once under one of several orders, at least: fewer take a step as long."""


def sample(density: Density, lender: Lender, values: Values, noise: Noise, known: int, *, whole: bool) -> None:
    """Draws every observed variable into ``values``, [batch, elements] by variable, which hold what is given, the first
    ``known`` elements of a variable along time, and NaN beyond the end of each example. ``whole``: by running the whole
    networks at every step."""
    shares = list(_by_orders(density.groups, noise))
    several = len({orders for orders, _ in shares}) > 1
    # Noise shares samples out among orders by chance: a few sizes serve them all.
    least = max(_MIN_SHARE, 2 * noise.count // len(shares)) if several else 1
    for orders, rows in shares:
        size = len(rows) if len(shares) == 1 else min(1 << (max(len(rows), least) - 1).bit_length(), MAX_CHUNK)
        padded = torch.cat([rows, rows[-1:].expand(size - len(rows))])
        chunk, uniforms = {name: value[padded] for name, value in values.items()}, noise.rows(padded).draws
        if whole:
            variable = series(density)
            prefix = {variable.name: np.arange(variable.size) < known} if variable is not None and known else None
            Evaluator(density, orders, len(padded), prefix, whole_stepper).run(chunk, FromNoise(uniforms))
        elif known or draws_in_turn(density):
            with lender.lend(density, ("series", len(padded)), partial(Series, density, len(padded))) as along:
                along.sample(chunk, uniforms[0][0], known)
        else:
            make = partial(Evaluator, density, orders, len(padded))
            with lender.lend(density, (orders, len(padded)), make) as evaluator:
                evaluator.run(chunk, FromNoise(uniforms))
        for variable in density.spec.model.observed:
            values[variable.name][rows] = chunk[variable.name][: len(rows)]


def _by_orders(groups: Sequence[Group], noise: Noise) -> Iterator[tuple[tuple[int, ...], Tensor]]:
    """The samples by the orders their noise chooses for each group, in chunks."""
    choice = torch.zeros(noise.count, len(groups), dtype=torch.long)
    for index, group in enumerate(groups):
        if group.mixed is not None:
            chosen = (noise.orders[group.mixed.name] * group.order_count).long()
            choice[:, index] = chosen.clamp(max=group.order_count - 1).cpu()
    for orders in torch.unique(choice, dim=0):
        rows = torch.nonzero((choice == orders).all(dim=1)).flatten()
        for chunk in rows.split(MAX_CHUNK):
            yield tuple(orders.tolist()), chunk
