"""Blocks: rows of hidden units that are evaluated together, since what they read is much the same.

A row is the hidden layer of one context. Rows of contexts that follow one another share most of what they read: that
is summed once for the block, and only the rest, of which each row reads its own part, is multiplied by a mask::

                     places, in the order in which contexts add them
                     common of         common of          common of
                     block 0           block 1            block 2
        block 0      # # # #
                     # # # # 1 .
                     # # # # 1 1                          # summed once for the block, from the sum of the block before
        block 1      # # # # # # # #                      1 multiplied row by row, with the mask
                     # # # # # # # # 1 .                  . what the mask forbids
                     # # # # # # # # 1 1

That is all there is, whatever the graph: under a total order a block's common sum is carried on to the next block's, of
windows each block begins with what its windows have in common, and of a context that is like no other it is the whole
context.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.networks.contexts import Contexts
from ardsl.relations.arrays import distinct, expanded

MOST_ROWS = 16
"""Rows of a block: enough that its products are worth their calls, few enough that its units stay in the cache."""
MOST_MASKED = 32
"""Places that are multiplied with a mask where one product without it would be less arithmetic, but another call."""


@dataclass(frozen=True, eq=False)
class Block:
    """Rows from ``first`` until ``last``, each with ``width`` outputs.

    ``new`` are the places that its common sum adds to that of the block before, where it is ``carried``, else to what
    all rows read; ``rest`` those that only some rows read, by ``mask``, bool [rows, rest].
    """

    first: int
    last: int
    width: int
    carried: bool
    new: np.ndarray
    rest: np.ndarray
    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class Blocks:
    """The evaluation of rows, block by block.

    ``features`` is the feature at each place, and ``outputs`` the output at each place: those of the first row come
    first. ``draw`` is the draw of each row (the first one, where several share it), ``everywhere`` the places that
    every row reads.
    """

    features: np.ndarray
    outputs: np.ndarray
    draw: np.ndarray
    everywhere: np.ndarray
    blocks: tuple[Block, ...]

    @property
    def multiplied(self) -> int:
        """The number of features that are multiplied by their weights, over all blocks and rows."""
        return len(self.everywhere) + sum(len(block.new) + block.mask.size for block in self.blocks)

    @property
    def kept(self) -> int:
        """The number of sums that are kept for the backward pass."""
        return 1 + sum(block.carried for block in self.blocks)


def make_blocks(contexts: Contexts, features: np.ndarray, outputs: np.ndarray, by_draw: bool) -> Blocks:
    """Blocks for draws with these contexts, of ``features`` [elements] inputs of each element and ``outputs`` [draws]
    of each draw. ``by_draw``: each draw has a row of its own, though others have its context."""
    drawn = np.flatnonzero(outputs > 0)
    drawn = drawn[np.argsort(contexts.of_draw[drawn], kind="stable")]
    context = contexts.of_draw[drawn]
    starts = np.flatnonzero(np.diff(context, prepend=-1) != 0) if not by_draw else np.arange(len(drawn))
    sums = np.concatenate([[0], np.cumsum(outputs[drawn])])
    widths = np.diff(sums[np.append(starts, len(drawn))])
    first_output = np.cumsum(outputs) - outputs
    places = _Places(contexts, features)
    return Blocks(
        places.features,
        expanded(first_output[drawn], outputs[drawn])[1],
        drawn[starts],
        places.everywhere,
        tuple(_cut(contexts, places, context[starts], widths)),
    )


class _Places:
    """The places of features: in the order in which contexts add their elements, so that most sets are ranges."""

    def __init__(self, contexts: Contexts, features: np.ndarray) -> None:
        self._contexts = contexts
        read, first = np.unique(contexts.added.read, return_index=True)
        self._elements = read[np.argsort(first)]
        starts = np.cumsum(features) - features
        self.features = expanded(starts[self._elements], features[self._elements])[1]
        self._counts = np.zeros(len(features), dtype=np.int64)
        self._counts[read] = features[read]
        self._starts = np.zeros(len(features), dtype=np.int64)
        ends = np.cumsum(features[self._elements])
        self._starts[self._elements] = ends - features[self._elements]
        self._everywhere = self._read_by_all()
        self.everywhere = self._of(np.flatnonzero(self._everywhere))

    def _read_by_all(self) -> np.ndarray:
        """The elements that all contexts hold, bool [elements]: the first of every chain holds them."""
        heads = np.flatnonzero(~self._contexts.continues)
        held = np.zeros(len(self._counts), dtype=np.int64)
        for head in heads.tolist():
            held[self._contexts.added.reads(head)] += 1
        return held == len(heads)

    def _of(self, elements: np.ndarray) -> np.ndarray:
        elements = elements[np.argsort(self._starts[elements], kind="stable")]
        return expanded(self._starts[elements], self._counts[elements])[1]

    def added(self, first: int, last: int) -> np.ndarray:
        """The places that the contexts from ``first`` to ``last`` of one chain add, but for those that all have."""
        starts = self._contexts.added.starts
        elements = self._contexts.added.read[starts[first] : starts[last + 1]]
        return self._of(elements[~self._everywhere[elements]])

    def of(self, context: int) -> np.ndarray:
        """All places of a context, but for those that all have."""
        return self.added(int(self._contexts.chain[context]), context)


def _cut(contexts: Contexts, places: _Places, context: np.ndarray, widths: np.ndarray) -> list[Block]:
    """The blocks of rows with these contexts and numbers of outputs."""
    blocks: list[Block] = []
    first, carries = 0, -1
    while first < len(context):
        block, chained = _block(contexts, places, context, widths, first, carries)
        blocks.append(block)
        first, carries = block.last, int(context[first]) if chained else -1
    return blocks


def _block(
    contexts: Contexts, places: _Places, context: np.ndarray, widths: np.ndarray, first: int, carries: int
) -> tuple[Block, bool]:
    """The block that begins with row ``first``, and whether its rows are of one chain. ``carries``: the context that
    the block before has in common, −1 where it has none."""
    head = int(context[first])
    chain = int(contexts.chain[head])
    last, rest = first + 1, np.zeros(0, dtype=np.int64)
    chained, common, read = True, rest, [0]  # of a chain, how many of the rest each row reads: the first so many
    while last < len(context) and last - first < MOST_ROWS and widths[last] == widths[first]:
        row, before = int(context[last]), int(context[last - 1])
        if chained and contexts.chain[row] == chain:
            wider = np.concatenate([rest, places.added(before + 1, row)]) if row > before else rest
            if len(wider) > MOST_MASKED:
                break
        else:
            own = places.of(row)
            common = places.of(head) if chained else common
            narrower = np.intersect1d(common, own, assume_unique=True)
            wider = np.setdiff1d(distinct(np.concatenate([common, rest, own])), narrower, assume_unique=True)
            together = (last + 1 - first) * len(wider) + len(narrower)
            if together > (last - first) * len(rest) + len(common) + len(own) and len(wider) > MOST_MASKED:
                break
            chained, common = False, narrower
        rest, last = wider, last + 1
        read.append(len(rest))
    carried = chained and carries >= 0 and int(contexts.chain[carries]) == chain
    if carried:
        new = places.added(carries + 1, head) if head > carries else rest[:0]
    else:
        new = places.of(head) if chained else common
    mask = np.arange(len(rest)) < np.array(read)[:, None]
    if not chained:
        mask = np.stack([np.isin(rest, places.of(row)) for row in context[first:last].tolist()])
    return Block(first, last, int(widths[first]), carried, new, rest, mask), chained
