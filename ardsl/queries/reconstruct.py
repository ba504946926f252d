"""Reconstructions: examples drawn anew given what a model with latent variables infers of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.compile import Compiled
from ardsl.compiler.latent.model import LatentModel
from ardsl.data.kinds import is_image
from ardsl.data.splits import Examples, load_split, take
from ardsl.errors import ArdslError


def reconstruct(
    model: Compiled,
    data: Any = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    most: int = 32,
    keep: Sequence[str] = (),
    seed: int | None = None,
    beside: bool = False,
) -> tuple[dict[str, Tensor], Examples | None, dict[str, np.ndarray]]:
    """Draws the first examples of data (any form that ``fit`` takes) anew given what is inferred of them, by variable;
    what they were given, and where they end. ``keep``: these latent variables only; ``beside``: images to the right
    of the data's."""
    if not isinstance(model, LatentModel):
        raise ArdslError("this takes a model with latent variables, of which something is inferred")
    examples = load_split(model.spec, data, split, data_dir=data_dir or model.data_directory, dtype=model.like.dtype)
    first = take(examples, slice(0, most))
    given = {v.name: first[v.name] for v in model.spec.model.given} or None
    x = {v.name: first[v.name] for v in model.spec.model.observed}
    reconstructed = model.reconstruct(x, given, keep=keep or None, seed=seed)
    reconstructed = reconstructed if isinstance(reconstructed, dict) else {next(iter(x)): reconstructed}
    if beside:
        for variable in filter(is_image, model.spec.model.observed):
            both = [x[variable.name].to(reconstructed[variable.name].dtype), reconstructed[variable.name]]
            reconstructed[variable.name] = torch.cat(both, 2)
    ends = {name: value.cpu().numpy() for name, value in model.lengths(x, given).items()}
    return reconstructed, given, ends
