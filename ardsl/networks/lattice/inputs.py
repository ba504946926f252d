"""What reaches a lattice network step by step: the variable's own elements, and what is given."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.group import Group
from ardsl.networks.lattice.given import alignment
from ardsl.networks.module import Program

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork


@dataclass(frozen=True)
class SourceSteps:
    """The steps that draw what a network reads; −1 for what is known from the start."""

    own: np.ndarray
    """Of the elements of each of the variable's sites."""
    whole: int
    """The last of what every site reads."""
    local: np.ndarray
    """Of what each position reads."""

    @classmethod
    def of(cls, network: LatticeNetwork, element_step: np.ndarray) -> SourceSteps:
        lattice, group = network.wiring.lattice, network.plan.group
        steps = {name: element_step[elements] for name, elements in _elements(group).items()}
        whole = max((int(steps[s.variable.name].max(initial=-1)) for s in network.given.sources), default=-1)
        local = np.full(lattice.positions, -1, dtype=np.int64)
        for source, part in network.given.aligned:
            read = np.append(steps[source.variable.name], -1)[alignment(part, lattice)]
            local = np.maximum(local, read.max(axis=1, initial=-1))
        return cls(steps[group.targets[0].variable.name][:: lattice.each], whole, local)

    @property
    def last_given(self) -> int:
        return max(self.whole, int(self.local.max(initial=-1)))


def _elements(group: Group) -> dict[str, slice]:
    """Where each source's elements stand among the group's."""
    found, start = {}, 0
    for source in group.sources:
        found[source.variable.name] = slice(start, start + len(source.elements))
        start += len(source.elements)
    return found


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
        for source, place in zip(group.sources, _elements(group).values(), strict=True):
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
