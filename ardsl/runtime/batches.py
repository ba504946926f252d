"""Batches from tensors in memory: one gather for each variable, and an order that is a function of (seed, epoch)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ardsl.runtime.data import Examples, count, take


def permutation(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order of the examples in an epoch: int64 [examples]."""
    return np.random.default_rng((seed, epoch)).permutation(examples)


class Batches:
    """An epoch's batches at every iteration, each example once, the last batch smaller where they do not divide.

    ``epoch`` counts the iterations begun, so that the next one has another order.
    """

    def __init__(self, examples: Examples, batch: int, seed: int) -> None:
        self.examples = examples
        self.batch = batch
        self.seed = seed
        self.epoch = 0
        self.device = next(iter(examples.values())).device

    def __len__(self) -> int:
        return math.ceil(count(self.examples) / self.batch)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = permutation(self.seed, self.epoch, count(self.examples))
        self.epoch += 1
        for rows in torch.from_numpy(order).to(self.device).split(self.batch):
            yield take(self.examples, rows)
