"""What reaches a lattice network step by step: the variable's own elements, and what is given."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.schedule import source_slices
from ardsl.networks.module import Program

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork


Call = tuple[Callable[..., object], tuple[object, ...], dict[str, Tensor]]
"""One of torch's functions, prepared: with what it takes, and where its result goes."""


class LatticeInputs(Program):
    """Keeps what is given until all of it is known, and hands on the variable's own elements."""

    def __init__(self, network: LatticeNetwork, element_step: np.ndarray, batch: int) -> None:
        self._network, self._wiring, self._batch = network, network.wiring, batch
        self._element_step = element_step
        self._like = next(network.parameters()).detach()
        self._features = self._like.new_zeros(network.plan.group.features, batch)
        """What is given, laid out as the group's inputs."""

    @abstractmethod
    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        """Features [sites, features, batch] of elements that have become known."""

    def write(self, step: int, inputs: Tensor) -> None:
        self._take(step, inputs)

    def _take(self, step: int, inputs: Tensor) -> None:
        """Columns that a step has made known: the variable's own go to its sites, others wait until all are there."""
        group, start, before = self._network.plan.group, 0, 0
        own = group.targets[0].variable
        for source, place in zip(group.sources, source_slices(group).values(), strict=True):
            known = np.flatnonzero(self._element_step[place] == step)
            features = source.element_features
            before, first_feature = before + source.features, before
            if not len(known):
                continue
            count = int(features[known].sum())
            part, start = inputs[start : start + count], start + count
            if source.variable is own:
                each = self._wiring.lattice.each
                self._take_own(known[::each] // each, part.reshape(len(known) // each, -1, self._batch))
            else:
                first = np.cumsum(features) - features + first_feature
                rows = np.concatenate([np.arange(first[e], first[e] + features[e]) for e in known])
                self._features[torch.from_numpy(rows)] = part
