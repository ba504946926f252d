"""Paired timing: two pieces of work in turn, and the median of the ratios of neighbours, which a busy machine moves far
less than absolute times."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

Work = Callable[[], object]


@dataclass(frozen=True)
class Paired:
    """``ratio`` is ``second / first`` in the median pair; times are medians in seconds."""

    first: float
    second: float
    ratio: float


def timed(work: Work) -> float:
    start = time.perf_counter()
    work()
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter() - start


def paired(first: Work, second: Work, rounds: int, *, first_times: int = 1, second_times: int = 1) -> Paired:
    """Run both in turn ``rounds`` times; work that is short is repeated ``…_times`` within a round."""
    first(), second()
    pairs = []
    for _ in range(rounds):
        a = timed(lambda: [first() for _ in range(first_times)]) / first_times
        b = timed(lambda: [second() for _ in range(second_times)]) / second_times
        pairs.append((a, b))
    return Paired(
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(b / a for a, b in pairs),
    )


def step_of(network: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    """A training step by fused Adam, of a network and the loss that it is to lower."""
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step
