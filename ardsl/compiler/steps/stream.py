"""Samples along time as a stream: chunk after chunk, each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ardsl.arguments import checked_count
from ardsl.compiler.arrays.lengths import cut
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.noise import noise_along_time
from ardsl.compiler.steps.prefix import along_time, beginning, conditions, moments_of
from ardsl.compiler.steps.series import Series
from ardsl.families.domains import MuLaw
from ardsl.model.model import Variable


def stream(
    density: Density, given: Any, count: int, moments: int, length: int | None, begin: Any, seed: int | None
) -> Iterator[Tensor]:
    """See :meth:`AutoregressiveModel.stream`."""
    variable = along_time(density, "a stream")
    count, moments = checked_count(count, "samples"), checked_count(moments, "time steps of a chunk", 1)
    values = cut(conditions(density, count, given), None, density.spec.model.given)
    first = density.like.new_zeros(count, 0) if begin is None else beginning(begin, variable, count, density.like)
    last = moments_of(variable, length, first.shape[1])
    return _chunks(density, variable, values, first, last, moments, seed)


@torch.no_grad()
def _chunks(
    density: Density,
    variable: Variable,
    given: Values,
    first: Tensor,
    last: int,
    moments: int,
    seed: int | None,
) -> Iterator[Tensor]:
    """What follows the ``first`` elements up to the ``last`` moment, so many moments at a time."""
    plan, count, done = density.spec.plan.groups[0], len(first), first.shape[1]
    each, draws = (size // variable.shape[0] for size in (variable.size, plan.group.draws))  # of a moment
    begun = density.units.standardized({variable.name: first}, slice(0, done))[variable.name]
    noise = noise_along_time(
        plan, count, seed, density.like, range(done // each * draws, last * draws), moments * draws
    )
    domain = variable.element_domain(0)
    whole = domain.discrete and not isinstance(domain, MuLaw)
    # An evaluator of its own: others may sample between two chunks.
    for chunk in Series(density, count).run(density.units.standardized(given), begun, noise):
        part = slice(done, done + chunk.shape[1])
        done = part.stop
        outward = density.units.restored({variable.name: chunk}, part)[variable.name]
        shaped = outward.clone().reshape(
            count, chunk.shape[1] // each, *variable.shape[1:]
        )  # ready for gradients again
        yield shaped.round().long() if whole else shaped
