"""Contexts in an order in which most of them are the one before and a little more.

A network that reads sets evaluates each distinct context once, however many draws have it. Contexts that include one
another are sorted into chains, so that a sum over one context is carried on to the next: under a total order all of
them are one chain, and each adds one element; in general a chain is as long as contexts happen to be nested.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ardsl.networks.dense.labels import ChainLabelling, Joined, label
from ardsl.relations import Levels, Relation, Sparse
from ardsl.relations.arrays import distinct, expanded


@dataclass(frozen=True, eq=False)
class Contexts:
    """The distinct contexts of some draws under one order, chain after chain.

    ``of_draw`` is the context of each draw, int64 [draws]. Context ``k`` is all that ``added`` (contexts × source
    elements) has for it and, where ``continues[k]``, bool [contexts], all of context ``k − 1``.
    """

    of_draw: np.ndarray
    continues: np.ndarray
    added: Sparse

    def __len__(self) -> int:
        return len(self.continues)

    @cached_property
    def chain(self) -> np.ndarray:
        """The first context of the chain that each belongs to, int64 [contexts]."""
        return np.maximum.accumulate(np.where(self.continues, 0, np.arange(len(self))))

    @cached_property
    def sizes(self) -> np.ndarray:
        """The number of source elements in each, int64 [contexts]."""
        return self.added.starts[1:] - self.added.starts[self.chain]

    def elements(self, context: int) -> np.ndarray:
        """The source elements of one of them, in the order in which its chain adds them."""
        return self.added.read[self.added.starts[self.chain[context]] : self.added.starts[context + 1]]

    def rows(self, contexts: np.ndarray) -> np.ndarray:
        """Says which source elements some of them hold, bool [len(contexts), elements]."""
        rows = np.zeros((len(contexts), self.added.sources), dtype=bool)
        owner, place = expanded(self.added.starts[self.chain[contexts]], self.sizes[contexts])
        rows[owner, self.added.read[place]] = True
        return rows


def distinct_contexts(declared: Relation) -> Contexts:
    """The distinct contexts of a declared relation, draws × source elements."""
    labelling = label(declared)
    if isinstance(labelling, ChainLabelling):
        return _of_chain(labelling.declared)
    assert isinstance(labelling, Joined)  # there is no other
    return _of_sets(labelling)


def _of_chain(declared: Levels) -> Contexts:
    """One chain. Levels between which there is no source are one context."""
    steps = distinct(declared.source_level)
    read = np.searchsorted(steps, declared.target_level, side="right")
    contexts = distinct(read)
    first = np.searchsorted(contexts, np.searchsorted(steps, declared.source_level) + 1)  # the context that adds each
    added = np.flatnonzero(first < len(contexts))
    return Contexts(
        np.searchsorted(contexts, read),
        np.arange(len(contexts)) > 0,
        Sparse.of_pairs(len(contexts), declared.sources, first[added], added),
    )


def _of_sets(labelling: Joined) -> Contexts:
    """Chains of contexts, each continuing the largest that it includes and none has continued before."""
    contexts = labelling.inputs(labelling.labels).listed()
    before = _predecessors(labelling.between(labelling.labels, labelling.labels))
    carried = before[contexts.target] >= 0
    carried[carried] = contexts.holds(before[contexts.target[carried]], contexts.read[carried])
    new = contexts.only(~carried)

    chain, place = np.arange(len(before)), np.zeros(len(before), dtype=np.int64)
    for number, last in enumerate(before.tolist()):  # the one before is smaller: its chain and place are known
        if last >= 0:
            chain[number], place[number] = chain[last], place[last] + 1
    sorting = np.lexsort((place, chain))
    numbers = np.argsort(sorting)
    return Contexts(numbers[labelling.target], before[sorting] >= 0, new.select(sorting))


def _predecessors(inclusion: Relation) -> np.ndarray:
    """For each context, ascending in size, the largest of those that it includes and that none has continued: int64
    [contexts], −1 where there is none."""
    before, free = np.full(inclusion.targets, -1), np.ones(inclusion.targets, dtype=bool)
    for number in range(inclusion.targets):
        included = inclusion.reads(number)
        free_ones = included[(included < number) & free[included]]
        if len(free_ones):
            before[number] = free_ones[-1]
            free[free_ones[-1]] = False
    return before
