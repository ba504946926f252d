"""Samples along time as a stream: chunk after chunk, each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ardsl.compiler.beginning import along_time, beginning, conditions, moments_of
from ardsl.compiler.noise import noise_along_time
from ardsl.compiler.series import SeriesSampler
from ardsl.compiler.values import cut
from ardsl.errors import ArdslError
from ardsl.families.domains import MuLaw

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel


@torch.no_grad()
def stream(
    model: AutoregressiveModel, given: Any, count: int, moments: int, length: int | None, begin: Any, seed: int | None
) -> Iterator[Tensor]:
    """See :meth:`AutoregressiveModel.stream`."""
    variable = along_time(model, "a stream")
    if not isinstance(moments, int) or moments < 1:
        raise ArdslError(f"a chunk has at least 1 moment, not {moments!r}")
    plan, each = model.spec.plan.groups[0], variable.size // variable.shape[0]
    values = cut(conditions(model, count, given), None, model.spec.model.given)
    first = model.like.new_zeros(count, 0) if begin is None else beginning(begin, variable, count, model.like)
    last = moments_of(variable, length, first.shape[1])
    begun = slice(0, first.shape[1])
    values, first = model.units.inward(values), model.units.inward({variable.name: first}, begun)[variable.name]
    draws = plan.group.draws // variable.shape[0]  # of a moment
    ahead = range(first.shape[1] // each * draws, last * draws)
    noise = noise_along_time(plan, count, seed, model.like, ahead, moments * draws)
    domain, done = variable.element_domain(0), first.shape[1]
    whole = domain.discrete and not isinstance(domain, MuLaw)
    # A sampler of its own: others may sample between two chunks.
    for chunk in SeriesSampler(model, count, ()).run(values, first, noise):
        part = slice(done, done + chunk.shape[1])
        done = part.stop
        outward = model.units.outward({variable.name: chunk}, part)[variable.name]
        shaped = outward.clone().reshape(count, -1, *variable.shape[1:])  # which may be used for gradients again
        yield shaped.round().long() if whole else shaped
