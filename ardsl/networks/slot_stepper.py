"""The evaluator by steps of networks that keep nothing between draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.group import Group
from ardsl.networks.module import NetworkModule
from ardsl.networks.stepper import Run, Stepper


class SlotStepper(Stepper):
    """Evaluates any network that computes each draw from its own inputs alone: nothing is shared between draws, so
    there is nothing to cache.

    ``rows`` gives the parameters of some draws: inputs [batch, columns] and draws [n] to [batch, n, width]. It reads
    the network's own weights, which therefore are always those that there are. ``input_step``: the step of each input.
    ``like`` has the type and the device of what it reads; codes are read in one that holds them all, single precision
    at least.
    """

    def __init__(
        self,
        rows: Callable[[Tensor, np.ndarray], Tensor],
        input_step: np.ndarray,
        run: Run,
        like: Tensor,
        reads: Literal["features", "codes"] = "features",
    ) -> None:
        self._rows = rows
        dtype = like.dtype if reads == "features" else torch.promote_types(like.dtype, torch.float32)
        self._inputs = torch.zeros(len(input_step), run.batch, dtype=dtype, device=like.device)
        self._columns = {s: torch.as_tensor(c, device=like.device) for s, c in _by_step(input_step).items()}
        self._draws = _by_step(run.draw_step)

    def start(self, known: Tensor) -> None:
        if -1 in self._columns:
            self._inputs[self._columns[-1]] = known

    def parameters(self, step: int) -> Tensor:
        return self._rows(self._inputs.T, self._draws[step]).flatten(1).T

    def write(self, step: int, inputs: Tensor) -> None:
        self._inputs[self._columns[step]] = inputs

    def refresh(self) -> None:
        """Nothing is kept of the weights."""

    def caches(self) -> Iterable[Tensor]:
        yield self._inputs


def whole_stepper(group: Group, module: NetworkModule, run: Run) -> SlotStepper:
    """The slow, obvious evaluator of any network: all of it again at every step."""

    def rows(inputs: Tensor, draws: np.ndarray) -> Tensor:
        return module(inputs, run.orders)[:, np.flatnonzero(np.isin(group.output_draw, draws))]

    columns_of = group.feature_element if module.reads == "features" else np.arange(group.elements)
    like = next(module.parameters(), torch.zeros(()))
    return SlotStepper(rows, run.element_step[columns_of], run, like, module.reads)


def _by_step(steps: np.ndarray) -> dict[int, np.ndarray]:
    """The places that each step has, ascending."""
    order = np.argsort(steps, kind="stable")
    known, first = np.unique(steps[order], return_index=True)
    return dict(zip(known.tolist(), np.split(order, first[1:]), strict=False))  # nothing is split into one part
