"""Training on windows of time: which examples an epoch has how often."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.spans import lengths_along_time, parts
from ardsl.runtime.data import Examples
from ardsl.runtime.evaluate import values_in_batches

_AT_ONCE = 256


@dataclass(frozen=True)
class Windows:
    """``length`` moments of each example, which an epoch has ``times`` [examples]: as often as it has such windows."""

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


def along_time(
    model: AutoregressiveModel, examples: Examples, window: int | None
) -> tuple[Windows | None, np.ndarray | None]:
    """The windows that examples are trained on; or, where they are trained on whole and differ in their lengths, these,
    int64 [examples]."""
    if not any(variable.varies for variable in model.spec.model.observed) and window is None:
        return None, None
    found = []
    for _, values in values_in_batches(model, examples, _AT_ONCE):
        each = lengths_along_time(model.spec.plan, values)
        if not each:
            return None, None
        found.append(torch.stack(list(each.values())).amax(0).cpu())
    lengths: np.ndarray = torch.cat(found).numpy()
    if window is not None:
        return windows(lengths, window), None
    return None, lengths if (lengths != lengths[0]).any() else None
