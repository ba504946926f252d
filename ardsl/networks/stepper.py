"""Steppers: networks evaluated step by step, each activation once. Imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from torch import Tensor

from ardsl.relations import Order

Orders = int | Mapping[str, Order]
"""One of a group's declared orders by number, or any orders by variable."""


@dataclass(frozen=True)
class Run:
    """One evaluation by steps: of ``batch`` examples, under the given orders.

    ``element_step[e]`` is the step that gives source element ``e`` its value (−1: known from the start), and
    ``draw_step[d]`` the step that draws ``d`` (−1: never, since its value is known). Steps are numbered from 0, and
    each concerns the network.
    """

    batch: int
    steps: int
    element_step: np.ndarray
    draw_step: np.ndarray
    orders: Orders = 0


class Slots(NamedTuple):
    """The tensors that draws are written into, in place: ``at[step]`` [draws, batch], views of ``every`` in the order
    of the steps."""

    every: Tensor
    at: Sequence[Tensor]


class Stepper(ABC):
    """A network evaluated step by step against cached activations: no activation is computed twice.

    Everything is laid out [numbers, batch], so that what a step adds is a contiguous slice. Use: ``start`` once, then
    for each step ``parameters`` (where it draws something) and ``write`` (where something becomes known by it).

    A stepper is made of the weights that the network has at the time; ``refresh`` takes those that it has now. It is
    for one thread at a time.
    """

    slots: Slots | None = None
    """Views to write a step's draws into, in place of :meth:`write`: for networks that read one number of each draw."""

    @abstractmethod
    def start(self, known: Tensor) -> None:
        """Begins with the inputs that are known from the start, [columns, batch], in the group's order."""

    @abstractmethod
    def parameters(self, step: int) -> Tensor:
        """The parameters of the step's draws, [rows, batch], draws ascending; asked for in order."""

    @abstractmethod
    def write(self, step: int, inputs: Tensor) -> None:
        """Takes the inputs that the step's draws gave, [columns, batch], source elements ascending."""

    def advance(self, step: int) -> None:
        """Continues after a step whose draws have been written into ``slots.at[step]``."""
        raise NotImplementedError  # never called of steppers without slots

    @abstractmethod
    def refresh(self) -> None:
        """Takes the network's weights as they are now."""

    @abstractmethod
    def caches(self) -> Iterable[Tensor]:
        """Every tensor that depends on the examples, [..., batch], none of them twice."""

    def select(self, rows: Tensor) -> None:
        """Continues with other examples: row ``b`` of every cache becomes what row ``rows[b]`` was, int64 [batch]."""
        for cache in self.caches():
            cache.copy_(cache.index_select(-1, rows))


class TimeStepper(Stepper):
    """A network along time: of the time steps before, only what some layer still reads is kept, so that memory does not
    grow.

    Step ``s`` is the s-th draw in the order of time. It reads of other variables what is known from the start.
    """

    @abstractmethod
    def start(self, known: Tensor, first: int = 0) -> None:
        """Begins with what is given, at the ``first`` time step as if there were none before it."""
