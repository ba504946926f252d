"""Labels: which set of inputs each unit of a dense network may see, so that any declared graph is realized exactly.

Every unit carries one of the draws' own contexts. A unit reads the inputs in its set, and the units whose sets its own
set includes; a draw reads the units whose sets its context includes. No path can then leave a context, and a context is
covered as soon as one unit carries it. Under a total order the contexts are prefixes, and a label is the degree of
Germain et al. (2015), Eq. 13; in general labels are joined by inclusion.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ardsl.relations import Labelled, Levels, Relation, Sparse, boolean_product
from ardsl.relations.arrays import distinct


class Labelling(ABC):
    """The distinct contexts of a group under one order, and the relations between things labelled with them."""

    listed: ClassVar[bool] = False
    """True where the relations list their pairs."""

    @property
    @abstractmethod
    def useful(self) -> np.ndarray:
        """The labels of contexts that hold anything, a set after every set it includes."""

    @property
    @abstractmethod
    def nothing(self) -> np.ndarray:
        """One label that reads nothing, for the units of draws that read nothing under this order."""

    @abstractmethod
    def inputs(self, units: np.ndarray) -> Relation:
        """Units (by label) × source elements."""

    @abstractmethod
    def between(self, units: np.ndarray, below: np.ndarray) -> Relation:
        """Units × the units of the layer below, both by label."""

    @abstractmethod
    def outputs(self, units: np.ndarray) -> Relation:
        """Draws × units (by label)."""

    @abstractmethod
    def direct(self) -> Relation:
        """Draws × source elements: the declared contexts themselves."""

    def units(self, width: int) -> np.ndarray:
        """The labels of a hidden layer: the useful ones, evenly and deterministically (random degrees lose context by
        chance), in ascending order."""
        useful = self.useful if len(self.useful) else self.nothing
        return useful[((np.arange(width) + 0.5) * len(useful) / width).astype(np.int64)]


@dataclass(frozen=True, eq=False)
class ChainLabelling(Labelling):
    """Contexts that include one another in a row, such as a total order's: a label is a level."""

    declared: Levels

    @property
    def useful(self) -> np.ndarray:
        levels = distinct(self.declared.target_level)
        if not len(self.declared.source_level):
            return levels[:0]
        return levels[levels >= self.declared.source_level.min()]

    @property
    def nothing(self) -> np.ndarray:
        return self.declared.target_level[:1]

    def inputs(self, units: np.ndarray) -> Levels:
        return Levels(units, self.declared.source_level)

    def between(self, units: np.ndarray, below: np.ndarray) -> Levels:
        return Levels(units, below)

    def outputs(self, units: np.ndarray) -> Levels:
        return Levels(self.declared.target_level, units)

    def direct(self) -> Levels:
        return Levels(self.declared.target_level, self.declared.source_level)


class Joined(Labelling):
    """Contexts in general, joined by inclusion. ``labels`` are those of all distinct ones, a set after every set it
    includes, and ``target`` is the place there of each draw's, int64 [draws]."""

    labels: np.ndarray
    target: np.ndarray


@dataclass(frozen=True, eq=False)
class SetLabelling(Joined):
    """Contexts of many elements: ``sets`` are the distinct ones, bool [labels, elements], labelled by their numbers."""

    sets: np.ndarray
    labels: np.ndarray
    target: np.ndarray
    inclusion: np.ndarray
    """``inclusion[a, b]``: set ``a`` includes set ``b``."""

    @property
    def useful(self) -> np.ndarray:
        return np.flatnonzero(self.sets.any(axis=1))

    @property
    def nothing(self) -> np.ndarray:
        return np.zeros(1, dtype=np.int64)  # the smallest set comes first

    def _elements(self) -> np.ndarray:
        return np.arange(self.sets.shape[1])

    def inputs(self, units: np.ndarray) -> Labelled:
        return Labelled(units, self._elements(), self.sets)

    def between(self, units: np.ndarray, below: np.ndarray) -> Labelled:
        return Labelled(units, below, self.inclusion)

    def outputs(self, units: np.ndarray) -> Labelled:
        return Labelled(self.target, units, self.inclusion)

    def direct(self) -> Labelled:
        return Labelled(self.target, self._elements(), self.sets)


@dataclass(frozen=True, eq=False)
class ListedLabelling(Joined):
    """Contexts of few elements out of many: ``declared`` lists them, and a label is one of the draws that have it."""

    declared: Sparse
    labels: np.ndarray
    target: np.ndarray
    listed = True

    @property
    def useful(self) -> np.ndarray:
        return self.labels[self.declared.counts(self.labels) > 0]

    @property
    def nothing(self) -> np.ndarray:
        return self.labels[:1]  # the smallest context comes first

    def inputs(self, units: np.ndarray) -> Sparse:
        return self.declared.select(units)

    def between(self, units: np.ndarray, below: np.ndarray) -> Sparse:
        return self.inputs(units).including(self.inputs(below))

    def outputs(self, units: np.ndarray) -> Sparse:
        return self.declared.including(self.inputs(units))

    def direct(self) -> Sparse:
        return self.declared


def label(declared: Relation) -> Labelling:
    """The labelling of a declared relation: a chain where its contexts form one, sets joined by inclusion otherwise."""
    levels = declared.levels()
    if levels is not None:
        return ChainLabelling(Levels(*levels))
    return _listed(declared) if isinstance(declared, Sparse) else _sets(declared.matrix())


def _sets(matrix: np.ndarray) -> SetLabelling:
    """The distinct rows of a matrix, the smaller ones first."""
    sizes = matrix.sum(axis=1)
    packed, first, inverse = np.unique(np.packbits(matrix, axis=1), axis=0, return_index=True, return_inverse=True)
    order = np.argsort(sizes[first], kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    sets = matrix[first][order]
    inclusion = ~boolean_product(~sets, sets.T)  # a includes b: b has nothing that a lacks
    return SetLabelling(sets, np.arange(len(sets)), rank[inverse.reshape(-1)], inclusion)


def _listed(declared: Sparse) -> ListedLabelling:
    """Each distinct context by the first draw that has it, the smaller ones first."""
    sizes = declared.row_counts()
    by_size = np.argsort(sizes, kind="stable")
    labels: list[np.ndarray] = []
    target, count = np.empty(declared.targets, dtype=np.int64), 0
    for same in np.split(by_size, np.flatnonzero(np.diff(sizes[by_size])) + 1):
        read = declared.select(same).read.reshape(len(same), -1)
        first, label_of = np.zeros(1, dtype=np.int64), np.zeros(len(same), dtype=np.int64)
        if read.shape[1]:
            _, first, label_of = np.unique(read, axis=0, return_index=True, return_inverse=True)
        labels.append(same[first])
        target[same] = count + label_of.reshape(-1)
        count += len(first)
    return ListedLabelling(declared, np.concatenate(labels), target)
