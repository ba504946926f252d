"""The interface of distributions over codes, those of the catalogue and wrappers around them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution


@dataclass(frozen=True, slots=True)
class Parts:
    """A draw's raw numbers by slot name: [...] of a scalar (see :attr:`Law.scalars`), [..., size] of others.

    ``dtype`` and ``device`` are there also where there are no slots.
    """

    slots: Mapping[str, Tensor]
    dtype: torch.dtype
    device: torch.device
    scalars: frozenset[str]

    def map(self, change: Callable[[Tensor], Tensor]) -> Parts:
        """The parts with every slot changed as a tensor [..., size], whose size is 1 for a scalar."""
        slots = {
            name: change(raw.unsqueeze(-1)).squeeze(-1) if name in self.scalars else change(raw)
            for name, raw in self.slots.items()
        }
        return Parts(slots, self.dtype, self.device, self.scalars)


class Law(ABC):
    """A conditional law over codes: 0 … n − 1 for finite domains, the value itself for others.

    Batch shapes broadcast. ``joint`` laws take and give codes of shape [..., event], others of shape [...].
    """

    joint: bool = False
    scalars: frozenset[str] = frozenset()
    """The slots that hold one number for each draw."""

    @abstractmethod
    def log_prob(self, parts: Parts, code: Tensor) -> Tensor:
        """Log-probability or log-density in nats, [...], of codes in the support."""

    @abstractmethod
    def sample(self, parts: Parts, uniforms: Tensor) -> Tensor:
        """The draw that uniforms [..., m] in (0, 1) give."""

    @abstractmethod
    def parameters(self, parts: Parts) -> dict[str, Tensor]:
        """Every parameter in its own set: [...], a vector's [..., size]."""

    @abstractmethod
    def distribution(self, parts: Parts) -> Distribution | None:
        """The same law as torch knows it, or None where torch knows none."""

    @abstractmethod
    def initial(self, position: float) -> dict[str, Tensor]:
        """Raw numbers by slot to begin training with; a ``position`` in (0, 1) spreads a mixture's components."""

    def log_table(self, parts: Parts, levels: int) -> Tensor:
        """Log-probabilities of the codes of a finite domain, [..., levels]."""
        codes = torch.arange(levels, dtype=parts.dtype, device=parts.device)
        return self.log_prob(parts.map(lambda raw: raw.unsqueeze(-2)), codes)
