"""From a spec to the module that stands for it."""

from __future__ import annotations

from typing import Literal

import torch

from ardsl.compiler.latent import LatentModel
from ardsl.compiler.model import AutoregressiveModel
from ardsl.errors import ArdslError
from ardsl.spec import Spec, as_spec

Compiled = AutoregressiveModel | LatentModel


def compile_model(
    spec: Spec,
    seed: int = 0,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    init: Literal["start", "random"] = "start",
) -> Compiled:
    """The spec as a torch module with fresh weights, the same for the same seed.

    A fresh model reads nothing yet, or little: training starts best where direct weights, residual blocks and tables
    add nothing to the distributions that the biases give. With ``init = "random"`` these weights are drawn, too, so
    that what an output depends on shows in its gradient.
    """
    if init not in ("start", "random"):
        raise ArdslError(f'`init` is "start" or "random", not {init!r}')
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LatentModel(spec) if as_spec(spec).model.guide else AutoregressiveModel(spec)
        if init == "random":
            _draw_what_is_alike(model)
    return model.to(device=device, dtype=dtype)


@torch.no_grad()
def _draw_what_is_alike(model: Compiled) -> None:
    """Adds normal noise of the variance 1 / inputs to the weights [outputs, inputs, …] that are 0, or one row again
    and again."""
    for weight in model.parameters():
        if weight.ndim < 2 or not weight.numel():
            continue
        rows = weight.flatten(1)
        if bool((rows == rows[0, 0]).all()) or (len(rows) > 1 and bool((rows == rows[:1]).all())):
            weight.add_(torch.randn_like(weight) / rows.shape[1] ** 0.5)
