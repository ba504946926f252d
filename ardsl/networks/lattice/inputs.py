"""The inputs of a lattice network step by step: the variable's own elements, and what is given."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.module import LatticeNetwork
from ardsl.networks.lattice.schedule import source_slices
from ardsl.networks.stepper import Run, Stepper


class LatticeInputs(Stepper):
    """Keeps what is given until all of it is known, and hands on the variable's own elements."""

    def __init__(self, network: LatticeNetwork, run: Run) -> None:
        self._network, self._wiring, self._batch = network, network.wiring, run.batch
        self._element_step = run.element_step
        self._like = next(network.parameters()).detach()
        group = network.plan.group
        self._own = group.targets[0].variable
        self._given = {
            source.variable.name: self._like.new_zeros(source.features, run.batch)
            for source in group.sources
            if source.variable is not self._own
        }
        """The features of what is given, [features, batch] by variable."""

    @abstractmethod
    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        """Features [sites, features, batch] of elements that have become known."""

    def write(self, step: int, inputs: Tensor) -> None:
        self._take(step, inputs)

    def _take(self, step: int, inputs: Tensor) -> None:
        """Columns that a step has made known: the variable's own go to its sites, others wait until all are there."""
        group, start = self._network.plan.group, 0
        for source, place in zip(group.sources, source_slices(group).values(), strict=True):
            known = np.flatnonzero(self._element_step[place] == step)
            if not len(known):
                continue
            features = source.element_features
            count = int(features[known].sum())
            block, start = inputs[start : start + count], start + count
            if source.variable is self._own:
                per_site = self._wiring.lattice.elements_per_site
                self._take_own(known[::per_site] // per_site, block.reshape(len(known) // per_site, -1, self._batch))
            else:
                first = np.cumsum(features) - features
                rows = np.concatenate([np.arange(first[e], first[e] + features[e]) for e in known])
                self._given[source.variable.name][torch.from_numpy(rows)] = block

    def _conditions(self) -> dict[str, Tensor]:
        """The features of what is given, as the network takes them: [batch, features] by variable."""
        return {name: features.T for name, features in self._given.items()}
