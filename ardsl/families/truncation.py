"""Truncations: the sets of codes that draws are confined to."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ardsl.families.sampling import choose_and_rest, weights_of_possible


@dataclass(frozen=True, slots=True)
class Truncation:
    """The codes that are allowed: of a finite domain as a mask ``codes``, bool [..., levels], else the union of
    disjoint ``intervals``, float64 [..., n, 2], whose ends may be infinite. Those of discrete domains are half-way
    between codes. Batch shapes broadcast with those of parameters."""

    codes: Tensor | None = None
    intervals: Tensor = field(default_factory=lambda: torch.zeros(0, 2, dtype=torch.float64))

    def contains(self, code: Tensor) -> Tensor:
        """Says which codes [...] are allowed, of sets that are the same for all."""
        if self.codes is not None:
            return self.codes[code.long()]
        at = code.double().unsqueeze(-1)
        return ((at >= self.intervals[:, 0]) & (at <= self.intervals[:, 1])).any(-1)


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a joint draw: where it is ``known``, bool [...], it has the ``code``, float64 [...]; elsewhere it
    lies in one of the ``intervals`` [n, 2], or anywhere where there are none."""

    known: Tensor
    code: Tensor
    intervals: Tensor | None = None

    def beside(self) -> Element:
        """The same for several components: known and code [..., 1]."""
        return Element(self.known.unsqueeze(-1), self.code.unsqueeze(-1), self.intervals)

    def draw(
        self,
        uniform: Tensor,
        log_prob: Callable[[Tensor], Tensor],
        log_mass: Callable[[Tensor, Tensor], Tensor],
        between: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> tuple[Tensor, Tensor]:
        """The element's code and its log-weight, [...] each, under a distribution of it by itself: the log-probability
        of a code that is known, of the intervals where these confine it, and 0 of a free draw. ``between`` takes
        uniform numbers and the two ends of an interval to a draw in it."""
        everywhere = uniform.new_tensor([[-math.inf, math.inf]])
        ends = everywhere if self.intervals is None else self.intervals
        masses = torch.stack([log_mass(low, high) for low, high in ends.unbind(0)], -1)
        masses, place = torch.broadcast_tensors(masses, uniform.unsqueeze(-1))
        chosen, rest = choose_and_rest(weights_of_possible(masses), place[..., 0])
        drawn = between(rest, ends[chosen, 0], ends[chosen, 1])
        log_weight = torch.where(self.known, log_prob(self.code), masses.logsumexp(-1))
        return torch.where(self.known, self.code, drawn), log_weight


Elements = Sequence[Element]
