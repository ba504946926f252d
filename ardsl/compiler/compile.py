"""From a spec to the module that stands for it."""

from __future__ import annotations

import torch

from ardsl.compiler.latent import LatentModel
from ardsl.compiler.model import AutoregressiveModel
from ardsl.spec import Spec, as_spec

Compiled = AutoregressiveModel | LatentModel


def compile_model(
    spec: Spec, seed: int = 0, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
) -> Compiled:
    """The spec as a torch module with fresh weights, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LatentModel(spec) if as_spec(spec).model.guide else AutoregressiveModel(spec)
    return model.to(device=device, dtype=dtype)
