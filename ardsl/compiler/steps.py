"""The steps of a sampler: which draws each makes, and which inputs of the networks these give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ardsl.networks.group import Group
from ardsl.networks.realize import owners

_KEPT = 1 << 14
"""Steps that are remembered: there may be as many as a sound has moments."""


@dataclass(frozen=True)
class Draw:
    """Some draws of one target block that one step makes together."""

    group: int
    block: int
    draws: np.ndarray
    """Within the block, ascending."""


class Steps:
    """The draws of all groups by the step that makes each, ``step_of`` [draws].

    ``draw_step`` and ``element_step`` are, for each group, the steps of its draws and of the elements that it reads, −1
    for those known from the start. ``draws(step)`` are what a step makes, by group and block, and ``inputs(step)`` what
    is known by it, as consecutive runs of the source elements of each group.
    """

    def __init__(self, groups: Sequence[Group], step_of: np.ndarray) -> None:
        self.count = int(step_of.max(initial=-1)) + 1
        ends = np.cumsum([group.draws for group in groups])
        self.draw_step = np.split(step_of, ends[:-1])
        known = np.append(step_of, -1)  # a given element's owner is −1
        self.element_step = [known[owner] for owner in owners(groups)]
        self._blocks = [(g, b) for g, group in enumerate(groups) for b in range(len(group.targets))]
        self._first = np.cumsum([0, *(target.draws for group in groups for target in group.targets)])
        self._drawn = _ByStep(step_of)
        self._known = [_ByStep(each) for each in self.element_step]
        self.draws = lru_cache(_KEPT)(self._draws)
        self.inputs = lru_cache(_KEPT)(self._inputs)

    @property
    def order(self) -> np.ndarray:
        """All draws, step by step: int64 [draws]."""
        return self._drawn.numbers

    def _draws(self, step: int) -> list[Draw]:
        draws = self._drawn.at(step)
        block = np.searchsorted(self._first, draws, side="right") - 1
        several = [block[0]] if block[0] == block[-1] else np.unique(block)
        places = [self._blocks[b] for b in several]
        each = [draws[block == b] - self._first[b] for b in several]
        return [Draw(group, number, part) for (group, number), part in zip(places, each, strict=True)]

    def _inputs(self, step: int) -> list[tuple[int, list[range]]]:
        found = ((group, _runs(known.at(step))) for group, known in enumerate(self._known))
        return [(group, runs) for group, runs in found if runs]

    def known_from_the_start(self, group: int) -> list[range]:
        return _runs(self._known[group].at(-1))


class _ByStep:
    """Numbers by their step."""

    def __init__(self, step_of: np.ndarray) -> None:
        self.numbers = np.argsort(step_of, kind="stable")
        self._steps = step_of[self.numbers]

    def at(self, step: int) -> np.ndarray:
        """Those of a step, ascending."""
        first, last = np.searchsorted(self._steps, (step, step + 1))
        return self.numbers[first:last]


def _runs(elements: np.ndarray) -> list[range]:
    """Ascending numbers as ranges of consecutive ones."""
    if not len(elements):
        return []
    if elements[-1] - elements[0] == len(elements) - 1:
        return [range(int(elements[0]), int(elements[-1]) + 1)]
    parts = np.split(elements, np.flatnonzero(np.diff(elements) != 1) + 1)
    return [range(int(p[0]), int(p[-1]) + 1) for p in parts]
