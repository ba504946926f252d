"""What a built network owes the compiler: one set of weights, two evaluators. Imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ardsl.networks.stepper import Orders


@dataclass(frozen=True)
class Span:
    """Some moments of time: ``length`` of them from ``first`` on, a number, or one for each example, [batch].

    Those before the first moment of all and after the last do not exist.
    """

    first: int | Tensor
    length: int

    def of(self, value: Tensor, absent: float) -> Tensor:
        """What a value [batch, moments, …] is at these moments, and ``absent`` at those that do not exist."""
        if isinstance(self.first, int):
            return value[:, self.first : self.first + self.length]
        index = self.first[:, None] + torch.arange(self.length, device=value.device)
        outside = (index < 0) | (index >= value.shape[1])
        index, outside = (each.view(*each.shape, *[1] * (value.ndim - 2)) for each in (index, outside))
        index = index.clamp(0, value.shape[1] - 1).expand(-1, -1, *value.shape[2:])
        return value.gather(1, index).masked_fill(outside, absent)

    def widened(self, moments: int) -> Span:
        """These moments and as many before them; where ``first`` is one number, as many as there are."""
        if isinstance(self.first, int):
            moments = min(moments, self.first)
        return Span(self.first - moments, self.length + moments)


class NetworkModule(nn.Module, ABC):
    """The torch side of one group.

    Called whole, it maps inputs [batch, columns] to parameters [batch, rows], the columns being the group's input
    features (or, where ``reads`` is ``"codes"``, one code per source element) and the rows the parameters of its
    draws, draw by draw. Along time (see its plan's ``back``) it also takes a :class:`Span`, and gives the rows of those
    time steps.
    """

    reads: ClassVar[Literal["features", "codes"]] = "features"
    jumps: ClassVar[tuple[int, ...]] = ()
    """The source elements on which outputs depend though their gradients need not show it. All others show, where all
    weights are positive."""

    @abstractmethod
    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor: ...

    @abstractmethod
    def start_at(self, parameters: Tensor) -> None:
        """Make ``parameters`` [rows] what the network gives for any input before training, up to its random weights.

        Along time they are those of one time step, and all begin alike.
        """

    @torch.no_grad()
    def tell_apart(self, scale: float) -> None:
        """Adds normal noise of this standard deviation to weights that begin equal for all that they read, as those of
        tables and linear networks do."""
        for weight in self.parameters():
            equal = len(weight) > 1 and bool((weight == weight[:1]).all())
            if weight.ndim > 1 and (equal or not bool(weight.any())):
                weight.add_(scale * torch.randn_like(weight))


def in_order(parameters: nn.ParameterList) -> tuple[Tensor, ...]:
    """The parameters of a list, without a look-up of the name of each."""
    return tuple(parameters._parameters.values())  # type: ignore[arg-type]


def linear_(weight: Tensor, bias: Tensor | None) -> None:
    """torch.nn.Linear's own initialization."""
    bound = weight.shape[1] ** -0.5 if weight.shape[1] else 0.0
    with torch.no_grad():
        weight.uniform_(-bound, bound)
        if bias is not None:
            bias.uniform_(-bound, bound)
