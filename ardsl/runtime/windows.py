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


def windows(model: AutoregressiveModel, examples: Examples, length: int) -> Windows:
    """The windows of a data set; none is longer than the longest example."""
    found = []
    for _, values in values_in_batches(model, examples, _AT_ONCE):
        found.append(torch.stack(list(lengths_along_time(model.spec.plan, values).values())).amax(0).cpu())
    lengths = torch.cat(found)
    length = max(1, min(length, int(lengths.max())))
    return Windows(length, parts(lengths, length).numpy())
