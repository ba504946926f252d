"""Samples along time as a stream: chunk after chunk, each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ardsl.arguments import checked_count
from ardsl.compiler.arrays.lengths import with_nan_beyond_ends
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.noise import noise_along_time
from ardsl.compiler.steps.prefix import checked_prefix, given_values, require_series, series_length
from ardsl.compiler.steps.series import Series
from ardsl.model.model import Variable


def stream(
    density: Density, given: Any, count: int, steps: int, length: int | None, prefix: Any, seed: int | None
) -> Iterator[Tensor]:
    """Chunks of samples, each ``steps`` time steps: see :meth:`AutoregressiveModel.stream`. Arguments are checked at
    once, and nothing is drawn before the first chunk is asked for."""
    variable = require_series(density, "a stream")
    count, steps = checked_count(count, "samples"), checked_count(steps, "time steps of a chunk", 1)
    values = with_nan_beyond_ends(given_values(density, count, given), None, density.spec.model.given)
    first = (
        density.like.new_zeros(count, 0) if prefix is None else checked_prefix(prefix, variable, count, density.like)
    )
    length = series_length(variable, length, first.shape[1])
    return _chunks(density, variable, values, first, length, steps, seed)


@torch.no_grad()
def _chunks(
    density: Density,
    variable: Variable,
    given: Values,
    prefix: Tensor,
    length: int,
    steps: int,
    seed: int | None,
) -> Iterator[Tensor]:
    """The continuation of a prefix [n, elements] up to ``length`` time steps, so many ``steps`` at a time."""
    plan, count, done = density.spec.plan.groups[0], len(prefix), prefix.shape[1]
    width, draws = (size // variable.shape[0] for size in (variable.size, plan.group.draws))  # of a time step
    standardized = density.units.standardized({variable.name: prefix}, slice(0, done))[variable.name]
    noise = noise_along_time(
        plan, count, seed, density.like, range(done // width * draws, length * draws), steps * draws
    )
    whole = variable.element_domain(0).whole
    # An evaluator of its own: others may sample between two chunks.
    for chunk in Series(density, count).run(density.units.standardized(given), standardized, noise):
        elements = slice(done, done + chunk.shape[1])
        done = elements.stop
        restored = density.units.restored({variable.name: chunk}, elements)[variable.name]
        # A copy can take part in gradients again.
        shaped = restored.clone().reshape(count, chunk.shape[1] // width, *variable.shape[1:])
        yield shaped.round().long() if whole else shaped
