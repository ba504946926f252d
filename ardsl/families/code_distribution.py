"""The interface of distributions over codes, which those of the catalogue, mixtures and discretized ones implement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ardsl.families.truncation import Elements


@dataclass(frozen=True, slots=True)
class RawParameters:
    """A draw's unconstrained parameters by slot name: [...] of a scalar, [..., size] of others.

    ``dtype`` and ``device`` are there also where there are no slots.
    """

    slots: Mapping[str, Tensor]
    dtype: torch.dtype
    device: torch.device
    scalars: frozenset[str]

    def map(self, change: Callable[[Tensor], Tensor]) -> RawParameters:
        """The parameters with every slot changed as a tensor [..., size], whose size is 1 for a scalar."""
        slots = {
            name: change(slot.unsqueeze(-1)).squeeze(-1) if name in self.scalars else change(slot)
            for name, slot in self.slots.items()
        }
        return RawParameters(slots, self.dtype, self.device, self.scalars)


class CodeDistribution(ABC):
    """A conditional distribution over codes: 0 … n − 1 for finite domains, the value itself for others.

    Batch shapes broadcast. ``joint`` distributions take and give codes of shape [..., event], others of shape [...].
    """

    joint: bool = False
    by_intervals: bool = False
    """True where it has a distribution function, and with it :meth:`log_mass` and :meth:`sample_between`."""
    scalars: frozenset[str] = frozenset()
    """The slots that hold one number for each draw."""

    @abstractmethod
    def log_prob(self, raw: RawParameters, code: Tensor) -> Tensor:
        """Log-probability or log-density in nats, [...], of codes in the support."""

    @abstractmethod
    def sample(self, raw: RawParameters, uniforms: Tensor) -> Tensor:
        """The draw that uniforms [..., m] in (0, 1) give."""

    @abstractmethod
    def parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        """Every parameter, constrained to its own set: [...], a vector's [..., size]."""

    @abstractmethod
    def distribution(self, raw: RawParameters) -> Distribution | None:
        """The distribution as one of torch's, or None where torch has none."""

    @abstractmethod
    def initial(self, position: float) -> dict[str, Tensor]:
        """Unconstrained parameters by slot to begin training with; a ``position`` in (0, 1) spreads a mixture's
        components."""

    def log_table(self, raw: RawParameters, levels: int) -> Tensor:
        """Log-probabilities of the codes of a finite domain, [..., levels]."""
        codes = torch.arange(levels, dtype=raw.dtype, device=raw.device)
        return self.log_prob(raw.map(lambda slot: slot.unsqueeze(-2)), codes)

    def log_mass(self, raw: RawParameters, low: Tensor, high: Tensor) -> Tensor:
        """The log-probability that a code lies between ``low`` and ``high``, in nats, −inf of an empty interval: shapes
        broadcast. All are float64; the ends may be infinite, and those of discrete ones are half-way between codes."""
        raise NotImplementedError  # never called where `by_intervals` is False

    def sample_between(self, raw: RawParameters, uniforms: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The draw, given that it lies between ``low`` and ``high``, that uniforms [..., m] in (0, 1) give."""
        raise NotImplementedError

    def sample_elements(self, raw: RawParameters, uniforms: Tensor, elements: Elements) -> tuple[Tensor, Tensor]:
        """A joint draw some elements of which are known or confined: codes [..., event], and its log-weight [...].

        The mean weight is the probability of what is asked of the elements, and draws with their weights follow the
        distribution given that (J. Geweke, Computing Science and Statistics 23, 1991): each element is drawn given
        those before it.
        """
        raise NotImplementedError  # never called of distributions of single elements
