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

    Of ``world`` processes the one of ``rank`` r yields every world-th row of each batch from its r-th on: together they
    have what one process would. Where a last, small batch leaves it none it yields one row, as it must take part in the
    step, and of no :meth:`weight`.
    """

    def __init__(self, examples: Examples, batch: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self.examples = examples
        self.batch = batch
        self.seed = seed
        self.rank, self.world = rank, world
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
            own = rows[self.rank :: self.world]
            yield take(self.examples, own if len(own) else rows[:1])

    def own(self, index: int) -> int:
        """The rows of an epoch's batch that this process has."""
        return len(range(self.rank, self._size(index), self.world))

    def weight(self, index: int) -> float:
        """What the mean over this process's rows of a batch is to be multiplied by, for the mean of that over all the
        processes to be the mean over all the rows."""
        return self.own(index) * self.world / self._size(index)

    def _size(self, index: int) -> int:
        return min(self.batch, count(self.examples) - index * self.batch)

    def rows(self, epoch: int, index: int) -> list[int]:
        """The examples of one batch, those of all processes."""
        order = permutation(self.seed, epoch, count(self.examples))
        found: list[int] = order[index * self.batch : (index + 1) * self.batch].tolist()
        return found
