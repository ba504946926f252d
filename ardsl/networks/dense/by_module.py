"""Tables of linear maps in torch: parameters for every value of one input, of which its own are chosen."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.design import Design
from ardsl.networks.module import NetworkModule
from ardsl.networks.stepper import Orders, Run, Stepper


class ByNetwork(NetworkModule):
    """A linear network ``inner`` of all inputs but the first source's; it gives each draw one set of parameters after
    the other for the values 0, 1, … of the first source, and the set of its value is chosen."""

    jumps = (0,)

    def __init__(self, plan: Design, inner: NetworkModule, levels: int) -> None:
        super().__init__()
        self.inner = inner
        self._domain = plan.group.sources[0].variable.element_domain(0)
        self.features, self.levels = self._domain.features, levels
        self._blocks = [(target.draws, target.family.width) for target in plan.group.targets]

    def start_at(self, parameters: Tensor) -> None:
        widths = [draws * width for draws, width in self._blocks]
        parts = [
            part.unflatten(0, (draws, 1, width)).expand(-1, self.levels, -1).flatten()
            for part, (draws, width) in zip(parameters.split(widths), self._blocks, strict=True)
        ]
        self.inner.start_at(torch.cat(parts))

    @torch.no_grad()
    def tell_apart(self, scale: float) -> None:
        super().tell_apart(scale)
        for parameter in self.inner.parameters():
            if parameter.ndim == 1:
                parameter.add_(scale * torch.randn_like(parameter))

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        every = self.inner(inputs[:, self.features :], orders)
        return self.chosen(every, self.indicator(inputs[:, : self.features]), self._blocks)

    def indicator(self, features: Tensor) -> Tensor:
        """An indicator of the value that the first source has, [batch, values], given its features [batch,
        features]."""
        return self._domain.indicator(features)

    def chosen(self, every: Tensor, indicator: Tensor, blocks: Sequence[tuple[int, int]]) -> Tensor:
        """The parameters [batch, numbers] of draws that have them for every value, given by blocks: how many draws, and
        how many parameters each has."""
        parts = every.split([draws * self.levels * width for draws, width in blocks], 1)
        chosen = [
            (part.unflatten(1, (draws, self.levels, width)) * indicator[:, None, :, None]).sum(2).flatten(1)
            for part, (draws, width) in zip(parts, blocks, strict=True)
        ]
        return chosen[0] if len(chosen) == 1 else torch.cat(chosen, 1)

    def blocks(self, draws: np.ndarray) -> list[tuple[int, int]]:
        """Some draws, ascending, by blocks of equal numbers of parameters."""
        ends = np.cumsum([0, *(count for count, _ in self._blocks)])
        counts = np.diff(np.searchsorted(draws, ends))
        return [(int(count), width) for count, (_, width) in zip(counts, self._blocks, strict=True)]


class ByStepper(Stepper):
    """Evaluates by steps: the stepper of the inner network, whose parameters are chosen among once the first source is
    known."""

    def __init__(self, network: ByNetwork, inner: Stepper, run: Run) -> None:
        self._network, self._inner = network, inner
        self._step = int(run.element_step[0])
        like = next(network.parameters())
        self._indicator = torch.zeros(network.levels, run.batch, dtype=like.dtype, device=like.device)
        self.slots = inner.slots if self._step < 0 else None
        self._blocks = [network.blocks(np.flatnonzero(run.draw_step == step)) for step in range(run.steps)]

    def start(self, known: Tensor) -> None:
        self._inner.start(self._without_first(-1, known))

    def parameters(self, step: int) -> Tensor:
        every = self._inner.parameters(step)
        return self._network.chosen(every.T, self._indicator.T, self._blocks[step]).T

    def write(self, step: int, inputs: Tensor) -> None:
        others = self._without_first(step, inputs)
        if len(others):
            self._inner.write(step, others)

    def advance(self, step: int) -> None:
        self._inner.advance(step)

    def _without_first(self, step: int, inputs: Tensor) -> Tensor:
        """The inputs of a step without those of the first source, whose value is kept."""
        if step != self._step:
            return inputs
        features = self._network.features
        self._indicator.copy_(self._network.indicator(inputs[:features].T).T)
        return inputs[features:]

    def refresh(self) -> None:
        self._inner.refresh()

    def caches(self) -> Iterable[Tensor]:
        yield self._indicator
        yield from self._inner.caches()
