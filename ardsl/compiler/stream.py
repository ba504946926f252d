"""Samples along time as a stream: chunk after chunk, each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ardsl.compiler.beginning import along_time, start
from ardsl.compiler.sampler import Sampler
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
    values, known = start(model, count, given, None if length is None else [length] * count, begin)
    noise = model.noise(count, seed)
    domain = variable.element_domain(0)
    whole = domain.discrete and not isinstance(domain, MuLaw)
    sampler = Sampler(model, (0,), count, ())  # of its own: others may sample between two chunks
    for chunk in sampler.stream(values, noise, known, moments):
        shaped = chunk.clone().reshape(count, -1, *variable.shape[1:])  # which may be used for gradients again
        yield shaped.round().long() if whole else shaped
