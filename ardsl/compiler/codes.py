"""Draws of a finite domain as codes: what a sampler passes from step to step without values between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.families.encoding import encode_features

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel

_MOST_CODES = 1 << 16


def code_table(model: AutoregressiveModel) -> Tensor | None:
    """The features of every code, [codes, features], where all draws of a model are of one finite domain, element by
    element, and its only network reads those of each."""
    if len(model.groups) != 1 or len(model.groups[0].targets) != 1:
        return None
    group, target, reads = model.groups[0], model.groups[0].targets[0], model.networks[0].reads
    domain = target.variable.element_domain(0)
    own = [s for s in group.sources if s.variable is target.variable]
    if target.factor.event_axes or target.variable.is_record or not domain.levels or domain.levels > _MOST_CODES:
        return None
    if reads != "features" or len(own) != 1 or not np.array_equal(own[0].elements, target.elements[:, 0]):
        return None
    codes = torch.arange(domain.levels, dtype=model.like.dtype, device=model.like.device)
    return encode_features(domain, model.conditionals[0][0].decode(codes, codes.dtype))
