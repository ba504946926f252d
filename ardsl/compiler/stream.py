"""Samples along time as a stream: chunk after chunk, each as soon as it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ardsl.compiler.guards import evaluating
from ardsl.compiler.values import blank, by_name, check_given, cut, expand_given, flat
from ardsl.errors import ArdslError
from ardsl.families.domains import MuLaw

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel


def stream(
    model: AutoregressiveModel, given: Any, count: int, moments: int, length: int | None, seed: int | None
) -> Iterator[Tensor]:
    """See :meth:`AutoregressiveModel.stream`."""
    observed = model.spec.model.observed
    if len(model.groups) != 1 or len(observed) != 1 or model.spec.plan.groups[0].back is None:
        raise ArdslError("a stream is of one variable along time, as `wavenet` draws it")
    if not isinstance(moments, int) or moments < 1:
        raise ArdslError(f"a chunk has at least 1 moment, not {moments!r}")
    variable = observed[0]
    conditioning = {
        name: flat(value, model.spec.variables[name], model.like)
        for name, value in by_name(given, model.spec.model.given, "`given`").items()
    }
    check_given(conditioning, model.spec.model.given)
    values = {variable.name: blank(variable, count, model.like)} | expand_given(conditioning, count)
    lengths = None if length is None else [length] * count
    values = model.units.inward(cut(values, lengths, tuple(model.spec.variables.values()), drawn=True))
    noise = model.noise(count, seed)
    domain = variable.element_domain(0)
    whole = domain.discrete and not isinstance(domain, MuLaw)
    with torch.no_grad(), evaluating(model):
        for chunk in model.sampler((0,), count).stream(values, noise, moments):
            shaped = chunk.reshape(count, -1, *variable.shape[1:])
            yield shaped.round().long() if whole else shaped
