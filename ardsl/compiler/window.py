"""Windows of time: training takes a part of each example at random."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.networks.module import Span


@dataclass(frozen=True)
class Window:
    """Training on a part of each example, ``length`` moments of time, at a place that ``drawn`` chooses: large random
    integers, int64 [batch].

    An epoch has every example as often as it has such parts, ``visits`` times on average.
    """

    length: int
    drawn: Tensor
    visits: float

    def span(self, lengths: Tensor) -> Span:
        """The moments of each example of these lengths, [batch].

        A window may begin before the first moment and end after the last, so that every moment is as likely to be in
        it. An example that fits is taken whole.
        """
        places = (lengths + self.length - 1).clamp(min=1)
        first = torch.remainder(self.drawn, places) - (self.length - 1)
        return Span(first.masked_fill(lengths <= self.length, 0), self.length)

    def of_all(self, log_prob: Tensor, lengths: Tensor) -> Tensor:
        """What is on average the log-probability of all moments, from that of the window's."""
        places = (lengths + self.length - 1).masked_fill(lengths <= self.length, self.length)
        return log_prob * places / self.length

    def of_example(self, log_prob: Tensor, lengths: Tensor) -> Tensor:
        """What has the mean over the examples as its mean over an epoch, which has some of them more than once."""
        return log_prob * self.visits / parts(lengths, self.length)


def parts(lengths: Tensor, length: int) -> Tensor:
    """How many windows of a length cover examples of these, at least 1."""
    return lengths.add(length - 1).div(length, rounding_mode="floor").clamp(min=1)
