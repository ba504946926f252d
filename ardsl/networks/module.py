"""What a built network owes the compiler: one set of weights, two evaluators. Imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.relations import Order

Configuration = int | Mapping[str, Order]
"""One of the group's declared orders by number, or freshly drawn orders by variable."""


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

    Called whole, it maps inputs [batch, columns] to raw numbers [batch, rows], the columns being the group's input
    features (or, where ``reads`` is ``"codes"``, one code per source element) and the rows the raw numbers of its
    draws, draw by draw. Along time (see its plan's ``back``) it also takes a :class:`Span`, and gives the rows of those
    moments.
    """

    reads: ClassVar[Literal["features", "codes"]] = "features"

    @abstractmethod
    def forward(self, inputs: Tensor, configuration: Configuration = 0) -> Tensor: ...

    @abstractmethod
    def program(self, order: int, element_step: np.ndarray, draw_step: np.ndarray, steps: int, batch: int) -> Program:
        """The step evaluator under one of the group's orders.

        ``element_step[e]`` is the step that gives source element ``e`` its value (−1: known from the start) and
        ``draw_step[d]`` the step that draws ``d``.
        """

    @abstractmethod
    def start_at(self, raw: Tensor) -> None:
        """Make ``raw`` [rows] what the network gives for any input before training, up to its random weights.

        Along time it is that of one moment, and all begin alike.
        """


class MomentProgram(ABC):
    """A network along time evaluated moment by moment: of its past, only what some layer still reads is kept.

    ``groups`` are those of a moment's sites, in the order they are drawn. Use: ``start`` once, then, moment after
    moment, ``raw(g)`` and ``write(g, …)`` for each of them.
    """

    groups: Sequence[int]

    @abstractmethod
    def start(self, given: Mapping[str, Tensor], first: int = 0) -> None:
        """Begin with what is given, features [batch, features] by variable, at the ``first`` moment in the order of
        time, as if there were none before it."""

    @abstractmethod
    def raw(self, group: int) -> Tensor:
        """The raw numbers of the site's draw, [width, batch]."""

    @abstractmethod
    def write(self, group: int, inputs: Tensor) -> None:
        """The features that the draw gave, [features, batch]."""


class Program(ABC):
    """A network evaluated step by step against cached activations: no activation is computed twice.

    Everything is laid out [numbers, batch], so that what a step adds is a contiguous slice. Use: ``start`` once, then
    ``raw(s)`` and ``write(s, …)`` for s = 0, 1 …
    """

    @abstractmethod
    def start(self, inputs: Tensor) -> None:
        """Begin with the inputs that are known from the start, [columns, batch], in the group's order."""

    @abstractmethod
    def raw(self, step: int) -> Tensor:
        """The raw numbers of the step's draws, [rows, batch], draws ascending; asked for in order, and only at steps
        with draws."""

    @abstractmethod
    def write(self, step: int, inputs: Tensor) -> None:
        """The inputs that the step's draws gave, [columns, batch], source elements ascending."""


def linear_(weight: Tensor, bias: Tensor | None) -> None:
    """torch.nn.Linear's own initialization."""
    bound = weight.shape[1] ** -0.5 if weight.shape[1] else 0.0
    with torch.no_grad():
        weight.uniform_(-bound, bound)
        if bias is not None:
            bias.uniform_(-bound, bound)
