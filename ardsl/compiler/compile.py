"""From a spec to the module that stands for it."""

from __future__ import annotations

from typing import Literal

import torch

from ardsl.arguments import checked_name, checked_seed
from ardsl.common.wording import shown
from ardsl.compiler.latent.model import LatentModel
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

    Raises ``ArdslError`` where the seed is no seed, or the device or type cannot be had.
    """
    spec, seed = as_spec(spec), checked_seed(seed)
    checked_name(init, "init", ("start", "random"))
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise ArdslError(f"the dtype of a model is a floating one, such as torch.float32, not {shown(dtype)}")
    # Weights made in inference mode could neither be trained nor watched for changes.
    with torch.random.fork_rng(devices=[]), torch.inference_mode(False):
        torch.manual_seed(seed)
        model = LatentModel(spec) if spec.model.guide else AutoregressiveModel(spec)
        if init == "random":
            _randomize_equal_weights(model)
        try:
            return model.to(device=device, dtype=dtype)
        except (RuntimeError, AssertionError, TypeError, ValueError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise ArdslError(f"there is no device {shown(device)} here: {reason}") from None


@torch.no_grad()
def _randomize_equal_weights(model: Compiled) -> None:
    """Adds normal noise of the variance 1 / inputs to the weights [outputs, inputs, …] that are 0, or one row again
    and again."""
    for weight in model.parameters():
        if weight.ndim < 2 or not weight.numel():
            continue
        rows = weight.flatten(1)
        if bool((rows == rows[0, 0]).all()) or (len(rows) > 1 and bool((rows == rows[:1]).all())):
            weight.add_(torch.randn_like(weight) / rows.shape[1] ** 0.5)
