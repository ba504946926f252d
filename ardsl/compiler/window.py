"""Windows of time: training takes a part of each example at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.networks.module import Span


@dataclass(frozen=True)
class Window:
    """A window of ``length`` time steps on each example, to train on, at a place that ``drawn`` chooses: large random
    integers, int64 [batch].

    An epoch has every example as often as it has such parts, ``visits`` times on average.
    """

    length: int
    drawn: Tensor
    visits: float

    def span(self, lengths: Tensor) -> Span:
        """The time steps of the window on examples of these lengths, int64 [batch].

        A window may begin before the first time step and end after the last, so that every time step is as likely to be
        in it. An example that fits is taken whole.
        """
        places = (lengths + self.length - 1).clamp(min=1)
        first = torch.remainder(self.drawn, places) - (self.length - 1)
        return Span(first.masked_fill(lengths <= self.length, 0), self.length)

    def of_all(self, log_prob: Tensor, lengths: Tensor) -> Tensor:
        """An unbiased estimate of the log-probability of all time steps, [batch], from that of the window's."""
        places = (lengths + self.length - 1).masked_fill(lengths <= self.length, self.length)
        return log_prob * places / self.length

    def of_example(self, log_prob: Tensor, lengths: Tensor) -> Tensor:
        """Weighs log-probabilities [batch] so that their mean over an epoch, which has some examples more than once, is
        the mean over the examples."""
        return log_prob * self.visits / parts(lengths, self.length)


def parts(lengths: Tensor, length: int) -> Tensor:
    """The number of windows that cover examples of these lengths, int64 [batch], at least 1."""
    return lengths.add(length - 1).div(length, rounding_mode="floor").clamp(min=1)
