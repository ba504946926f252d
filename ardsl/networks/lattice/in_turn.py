"""The evaluator moment by moment as a step evaluator, where each site along time is drawn by a step of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from ardsl.networks.lattice.inputs import LatticeInputs
from ardsl.networks.lattice.ring import RingProgram, runs_along
from ardsl.networks.lattice.schedule import SourceSteps

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork


class InTurn(LatticeInputs):
    """Steps of others' draws may come between."""

    def __init__(self, network: LatticeNetwork, element_step: np.ndarray, draw_step: np.ndarray, batch: int) -> None:
        super().__init__(network, element_step, batch)
        self._ring = RingProgram(network, batch)
        groups = network.wiring.lattice.groups
        self._group = {int(step): draw % groups for draw, step in enumerate(draw_step)}
        self._stale = True

    @staticmethod
    def fits(network: LatticeNetwork, element_step: np.ndarray, draw_step: np.ndarray) -> bool:
        """Whether a network runs along time, its sites are drawn one after another, and what else it reads is known
        before the first."""
        if not runs_along(network.wiring) or network.given.aligned:
            return False
        steps, in_turn = SourceSteps.of(network, element_step), np.argsort(network.wiring.lattice.rank)
        return bool(
            (np.diff(draw_step[in_turn]) > 0).all()
            and np.array_equal(steps.own, draw_step)
            and steps.last_given < draw_step.min()
        )

    def start(self, inputs: Tensor) -> None:
        self._take(-1, inputs)
        self._stale = True

    def raw(self, step: int) -> Tensor:
        if self._stale:
            self._ring.start(self._network.by_source(self._features.T))
            self._stale = False
        return self._ring.raw(self._group[step])

    def write(self, step: int, inputs: Tensor) -> None:
        if step in self._group:
            self._ring.write(self._group[step], inputs)
        else:
            self._take(step, inputs)

    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        raise AssertionError("the variable's own elements are drawn, each by a step of its own")
