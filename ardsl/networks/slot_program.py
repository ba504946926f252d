"""The step evaluator of networks that keep nothing between draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.module import Program


class SlotProgram(Program):
    """Evaluates any network that computes each draw from its own inputs alone: nothing is shared between draws, so
    there is nothing to cache."""

    def __init__(
        self,
        rows: Callable[[Tensor, np.ndarray], Tensor],
        input_step: np.ndarray,
        draw_step: np.ndarray,
        like: Tensor,
        batch: int,
    ) -> None:
        self._rows = rows
        self._inputs = torch.zeros(len(input_step), batch, dtype=like.dtype, device=like.device)
        # Only the steps that concern this network: a model of many networks has many more.
        known = {-1, *input_step.tolist()}
        self._columns = {s: torch.as_tensor(np.flatnonzero(input_step == s), device=like.device) for s in known}
        self._draws = {s: np.flatnonzero(draw_step == s) for s in set(draw_step.tolist())}

    def start(self, inputs: Tensor) -> None:
        self._inputs[self._columns[-1]] = inputs

    def raw(self, step: int) -> Tensor:
        return self._rows(self._inputs.T, self._draws[step]).flatten(1).T

    def write(self, step: int, inputs: Tensor) -> None:
        self._inputs[self._columns[step]] = inputs
