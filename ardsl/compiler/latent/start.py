"""A start for what reads variables that are summed out: one that tells their values apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ardsl.compiler.latent.model import LatentModel

_APART = 0.3
"""The standard deviation of the differences, in raw numbers: small beside the spread of standardized data."""


@torch.no_grad()
def tell_apart(model: LatentModel) -> None:
    """Random differences in weights that begin alike for all that they read, as those of tables and linear networks do.

    Where a variable is summed out, each of its values gets the gradient of its share; from a start that treats all of
    them alike the shares stay alike, and a mixture is trained as one component.
    """
    for name in model.summed:
        part = model.p[name]
        if not part.groups[0].sources:
            continue
        for weight in part.networks.parameters():
            alike = len(weight) > 1 and bool((weight == weight[:1]).all())
            if weight.ndim > 1 and (alike or not bool(weight.any())):
                weight.add_(_APART * torch.randn_like(weight))
