"""Batches from tensors in memory: one gather for each variable, and an order that is a function of (seed, epoch)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ardsl.runtime.data import Examples, count, take


def permutation(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order of the examples in an epoch: int64 [examples]."""
    return np.random.default_rng((seed, epoch)).permutation(examples)


def fingerprint(*splits: Examples | None) -> int:
    """A number that tells other data: of every value, in order."""
    found = 0
    for split in splits:
        for name, value in sorted((split or {}).items()):
            found = zlib.crc32(value.cpu().contiguous().numpy().view(np.uint8).data, zlib.crc32(name.encode(), found))
    return found


class Batches:
    """An epoch's batches at every iteration, each example once, the last batch smaller where they do not divide.

    ``epoch`` counts the iterations begun, so that the next one has another order. ``start`` batches of the next one
    are left out: those that a training to go on with has had.
    """

    def __init__(self, examples: Examples, batch: int, seed: int) -> None:
        self.examples = examples
        self.batch = batch
        self.seed = seed
        self.epoch = 0
        self.start = 0
        self.device = next(iter(examples.values())).device

    @property
    def count(self) -> int:
        """The batches of a whole epoch. There is no ``len``, which Lightning would take for that of every iteration."""
        return math.ceil(count(self.examples) / self.batch)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = permutation(self.seed, self.epoch, count(self.examples))
        start, self.start = self.start, 0
        self.epoch += 1
        for rows in torch.from_numpy(order).to(self.device).split(self.batch)[start:]:
            yield take(self.examples, rows)

    def rows(self, epoch: int, index: int) -> list[int]:
        """The examples of one batch."""
        order = permutation(self.seed, epoch, count(self.examples))
        found: list[int] = order[index * self.batch : (index + 1) * self.batch].tolist()
        return found
