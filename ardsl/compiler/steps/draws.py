"""Rules that give a step's draws their values: from noise, the most likely ones, or those known already."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.steps.schedule import Block
from ardsl.families.distributions import Conditional
from ardsl.networks.group import TargetBlock

_CANDIDATES = 256
"""The number of candidates for the most likely value of an infinite domain."""


class Draw(ABC):
    """A rule that gives the draws of a step their values."""

    noise: tuple[tuple[Tensor, ...], ...] | None = None
    """By group and target block, uniforms [batch, draws, uniforms], where draws are a function of these alone: fast
    paths read them at once."""

    @abstractmethod
    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        """The draws of a block, [batch, draws] or [batch, draws, event], from their parameters [batch, draws, width]
        and the values so far."""

    def after_step(self) -> Tensor | None:
        """The examples to go on with once a step's draws are made, int64 [batch]: those that were resampled; None: all
        as they are."""
        return None


class FromNoise(Draw):
    """Draws from uniform numbers: exact samples."""

    def __init__(self, noise: tuple[tuple[Tensor, ...], ...]) -> None:
        self.noise: tuple[tuple[Tensor, ...], ...] = noise

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        return conditional.sample(parameters, self.noise[block.group][block.block][:, block.draws])


class MostLikely(Draw):
    """The mode of each conditional: exact in a finite domain, elsewhere the most likely of evenly spread draws."""

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        return most_likely(conditional, parameters)


def most_likely(conditional: Conditional, parameters: Tensor) -> Tensor:
    """The mode of a conditional given its parameters [..., width]: exact in a finite domain, elsewhere the most likely
    of evenly spread draws."""
    if conditional.domain.levels is not None and not conditional.joint:
        return conditional.value(conditional.log_table(parameters).argmax(-1), parameters)
    uniforms = _evenly_spread(conditional.family.uniforms, parameters)
    best = conditional.sample(parameters, uniforms[0].expand(*parameters.shape[:-1], -1))
    highest = conditional.log_prob(parameters, best)
    for uniform in uniforms[1:]:
        drawn = conditional.sample(parameters, uniform.expand(*parameters.shape[:-1], -1))
        log_prob = conditional.log_prob(parameters, drawn)
        better = log_prob > highest
        highest = torch.where(better, log_prob, highest)
        best = torch.where(better.unsqueeze(-1) if drawn.ndim > better.ndim else better, drawn, best)
    return best


def _evenly_spread(dimensions: int, like: Tensor) -> Tensor:
    """Points of (0, 1)^dimensions, [candidates, dimensions]."""
    engine = torch.quasirandom.SobolEngine(max(dimensions, 1))
    points = engine.draw(_CANDIDATES, dtype=like.dtype) + 0.5 / _CANDIDATES
    return points.clamp(max=1 - 0.5 / _CANDIDATES).to(like.device)[:, :dimensions]


class Known(Draw):
    """Draws whose values are known in some examples, and made by another rule in the others.

    ``known`` says which elements have their values, bool [batch, elements] by variable.
    """

    def __init__(self, known: Mapping[str, Tensor], others: Draw) -> None:
        self._known, self._others = known, others

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        name, elements = target.variable.name, target.elements[block.draws].reshape(-1)
        drawn = self._others(block, target, conditional, parameters, values)
        known, value = (by_variable[name][:, elements].reshape(drawn.shape) for by_variable in (self._known, values))
        return torch.where(known, value.to(drawn.dtype), drawn)


class Given(Draw):
    """Draws whose values are all there already: the steps of a prefix."""

    def __call__(
        self, block: Block, target: TargetBlock, conditional: Conditional, parameters: Tensor, values: Values
    ) -> Tensor:
        return values[target.variable.name][:, target.elements[block.draws].reshape(-1)]
