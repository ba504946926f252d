"""Training on windows of time: which examples an epoch has how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ardsl.compiler.compile import Compiled
from ardsl.compiler.likelihood.spans import lengths_along_time
from ardsl.compiler.window import parts
from ardsl.data.splits import Examples, count
from ardsl.queries.evaluate import values_in_batches

_AT_ONCE = 1 << 22
"""Elements that are looked at together."""


@dataclass(frozen=True)
class Windows:
    """Windows of ``length`` time steps: an epoch has each example as often, ``times`` [examples], as it has windows."""

    length: int
    times: np.ndarray

    @property
    def visits(self) -> float:
        """Windows for each example, on average."""
        return float(self.times.mean())


def windows(lengths: np.ndarray, length: int) -> Windows:
    """The windows of examples of these lengths; none is longer than the longest of them."""
    length = max(1, min(length, int(lengths.max())))
    return Windows(length, parts(torch.from_numpy(lengths), length).numpy())


def along_time(model: Compiled, examples: Examples, window: int | None) -> tuple[Windows | None, np.ndarray | None]:
    """The windows that examples are trained on; or, where they are trained on whole and differ in their lengths, these,
    int64 [examples]."""
    if model.latent:  # latent variables are inferred from whole examples
        return None, None
    targets = [plan.group.targets[0].variable for plan in model.spec.plan.groups if plan.receptive_field is not None]
    if any(target.varies for target in targets):
        batches = values_in_batches(model, examples, max(1, _AT_ONCE // max(target.size for target in targets)))
        batch_lengths = (
            torch.stack([*lengths_along_time(model.spec.plan, values).values()]).amax(0) for _, values in batches
        )
        lengths: np.ndarray = torch.cat([part.cpu() for part in batch_lengths]).numpy()
    elif targets:
        lengths = np.full(count(examples), max(target.shape[0] for target in targets))
    else:
        return None, None
    if window is not None:
        return windows(lengths, window), None
    return None, lengths if (lengths != lengths[0]).any() else None
