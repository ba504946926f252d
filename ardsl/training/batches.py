"""Batches from tensors in memory: one gather for each variable, and an order that is a function of (seed, epoch)."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.base import Rows
from ardsl.data.splits import Examples, count, take
from ardsl.training.windows import Windows

_POOL = 50
"""Batches among which examples are put together by their lengths."""

DRAWN = ".drawn"
"""The name in a batch of the random integers that place its windows: no variable has such a name."""


def permutation(seed: int, epoch: int, examples: int) -> np.ndarray:
    """The order of the examples in an epoch: int64 [examples]."""
    return np.random.default_rng((seed, epoch)).permutation(examples)


def of_like_lengths(order: np.ndarray, lengths: np.ndarray, batch: int, seed: tuple[int, ...]) -> np.ndarray:
    """The examples of an epoch with those of a batch about as long as each other, so that little of it is padding:
    sorted within some batches, which then are shuffled as a whole. The last, smaller one stays as it is."""
    whole = len(order) // batch * batch
    stretch = batch * max(1, min(_POOL, whole // batch // 4))  # a few, so that who meets whom changes
    stretches = np.split(order[:whole], range(stretch, whole, stretch))
    full = np.concatenate([rows[np.argsort(lengths[rows], kind="stable")] for rows in stretches]).reshape(-1, batch)
    np.random.default_rng(seed).shuffle(full)
    return np.concatenate([full.reshape(-1), order[whole:]])


def fingerprint(*splits: Examples | None) -> int:
    """A checksum of every value, in order: other data have another."""
    crc = 0
    for split in splits:
        for name, value in sorted((split or {}).items()):
            crc = zlib.crc32(value.cpu().contiguous().numpy().view(np.uint8).data, zlib.crc32(name.encode(), crc))
    return crc


class Batches:
    """An epoch's batches at every iteration, each example once, the last batch smaller where they do not divide.

    ``epoch`` counts the iterations begun, so that the next one has another order. ``start`` batches of the next one
    are left out: those that a training to be resumed has had.

    Of ``world`` processes the one of ``rank`` r yields every world-th row of each batch from its r-th on: together they
    have what one process would. Where a last, small batch leaves it none it yields one row, as it must take part in the
    step, and of no :meth:`weight`.

    With ``windows`` each example comes as often as it has windows, with a random integer, under the name ``DRAWN``,
    that says where in it. With ``lengths`` [examples] those of a batch are of about one.
    """

    def __init__(
        self,
        examples: Examples,
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        windows: Windows | None = None,
        lengths: np.ndarray | None = None,
    ) -> None:
        self.examples = examples
        self.windows, self._lengths = windows, lengths
        times = 1 if windows is None else windows.times
        self._examples = np.repeat(np.arange(count(examples)), times)
        """Of each row of an epoch, before it is put into an order."""
        self.batch = batch
        self.seed = seed
        self.rank, self.world = rank, world
        self.epoch = 0
        self.start = 0
        self.device = next(iter(examples.values())).device

    @property
    def count(self) -> int:
        """The batches of a whole epoch. There is no ``len``, which Lightning would take for that of every iteration."""
        return math.ceil(len(self._examples) / self.batch)

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        order = self._order(self.epoch)
        drawn = np.random.default_rng((self.seed, self.epoch, 1)).integers(1 << 62, size=len(order))
        start, self.start = self.start, 0
        self.epoch += 1
        for rows, places in zip(*(self._batches(source_order, start) for source_order in (order, drawn)), strict=True):
            yield take(self.examples, rows) | ({} if self.windows is None else {DRAWN: places})

    def _order(self, epoch: int) -> np.ndarray:
        """The examples of an epoch, batch after batch."""
        order = self._examples[permutation(self.seed, epoch, len(self._examples))]
        return (
            order if self._lengths is None else of_like_lengths(order, self._lengths, self.batch, (self.seed, epoch, 2))
        )

    def _batches(self, epoch: np.ndarray, start: int) -> Iterator[Tensor]:
        """Yields what this process has of an epoch, batch by batch."""
        for rows in torch.from_numpy(epoch).to(self.device).split(self.batch)[start:]:
            own = rows[self.rank :: self.world]
            yield own if len(own) else rows[:1]

    def own(self, index: int) -> int:
        """The rows of an epoch's batch that this process has."""
        return len(range(self.rank, self._size(index), self.world))

    def rows_of(self, index: int) -> Rows:
        """The rows of an epoch's batch that this process has."""
        own = slice(self.rank, None, self.world) if self.own(index) else slice(1)
        return Rows(self._size(index), own)

    def weight(self, index: int) -> float:
        """Gives the factor of the mean over this process's rows of a batch, for the mean of that over all the
        processes to be the mean over all the rows."""
        return self.own(index) * self.world / self._size(index)

    def _size(self, index: int) -> int:
        return min(self.batch, len(self._examples) - index * self.batch)

    def rows(self, epoch: int, index: int) -> list[int]:
        """The examples of one batch, those of all processes."""
        rows: list[int] = self._order(epoch)[index * self.batch : (index + 1) * self.batch].tolist()
        return rows
