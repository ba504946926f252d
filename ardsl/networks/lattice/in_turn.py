"""The evaluator by time steps as one by steps, where each site along time is drawn by a step of its own."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.inputs import LatticeInputs
from ardsl.networks.lattice.module import LatticeNetwork
from ardsl.networks.lattice.ring import RingStepper, runs_along
from ardsl.networks.lattice.schedule import source_slices
from ardsl.networks.stepper import Run


class InTurn(LatticeInputs):
    """A ring whose time steps come between the steps of others' draws."""

    def __init__(self, network: LatticeNetwork, run: Run) -> None:
        super().__init__(network, run)
        self._ring = RingStepper(network, run.batch)
        self._place = {int(step): place for place, step in enumerate(np.sort(run.draw_step))}
        """The ring's number of each step."""
        self._stale = True

    @staticmethod
    def fits(network: LatticeNetwork, run: Run) -> bool:
        """Says whether a network runs along time, its sites are drawn one after another, and all of its other sources
        are known before the first, what of them no site reads included: a step makes known what it draws, and nothing
        else."""
        if not runs_along(network.wiring) or network.given.aligned:
            return False
        group = network.plan.group
        own, places = group.targets[0].variable.name, source_slices(group)
        others = [int(run.element_step[place].max()) for name, place in places.items() if name != own]
        in_turn, per_site = np.argsort(network.wiring.lattice.rank), network.wiring.lattice.elements_per_site
        return bool(
            (np.diff(run.draw_step[in_turn]) > 0).all()
            and np.array_equal(run.element_step[places[own]][::per_site], run.draw_step)
            and max([-1, *others]) < run.draw_step.min()
        )

    def start(self, known: Tensor) -> None:
        self._take(-1, known)
        self._stale = True

    def parameters(self, step: int) -> Tensor:
        if self._stale:
            self._ring.start(torch.cat([*self._given.values(), self._like.new_zeros(0, self._batch)]))
            self._stale = False
        return self._ring.parameters(self._place[step])

    def write(self, step: int, inputs: Tensor) -> None:
        if step in self._place:
            self._ring.write(self._place[step], inputs)
        else:
            self._take(step, inputs)

    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        raise RuntimeError("the variable's own elements are drawn, each by a step of its own")

    def refresh(self) -> None:
        self._ring.refresh()

    def caches(self) -> Iterable[Tensor]:
        return self._given.values()

    def select(self, rows: Tensor) -> None:
        super().select(rows)
        self._ring.select(rows)
