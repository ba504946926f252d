"""The steps of an evaluation: the draws that each makes, and the inputs that these give the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeVar

import numpy as np

from ardsl.networks.group import Group
from ardsl.networks.realize import owners
from ardsl.networks.stepper import Orders, Run

_Owner = TypeVar("_Owner")

_KEPT = 1 << 14
"""Steps kept in memory: there may be as many as a sound has time steps."""


@dataclass(frozen=True)
class Block:
    """The draws of one target block that a step makes together."""

    group: int
    block: int
    draws: np.ndarray
    """Within the block, ascending."""


@dataclass(frozen=True)
class Step:
    """One step of the model: the draws that it makes by group, and the inputs that these give each group.

    Each network numbers the steps that concern it by itself; inputs are runs of consecutive source elements.
    """

    draws: tuple[tuple[int, int, tuple[Block, ...]], ...]
    """By group: its number, its network's number of the step, and the blocks of draws."""
    inputs: tuple[tuple[int, int, tuple[range, ...]], ...]
    """By group: its number, its network's number of the step, and the runs."""


class Schedule(Protocol):
    """The schedule of draws, step by step."""

    def step(self, number: int) -> Step: ...


class Steps:
    """The draws of all groups by the step that makes each, ``step_of`` [draws]; −1 for draws whose values are known.

    A network takes part in some of the steps only, and numbers these itself: with many networks, each would else pass
    over the steps of all others. A network in ``at_once`` is given none: it is evaluated at its first draw, and all
    that it reads is known then.
    """

    def __init__(self, groups: Sequence[Group], step_of: np.ndarray, *, at_once: bool = False) -> None:
        self.count = int(step_of.max(initial=-1)) + 1
        self._groups = groups
        ends = np.cumsum([group.draws for group in groups])
        known = np.append(step_of, -1)  # a given element's owner is −1
        self._draw_step = np.split(step_of, ends[:-1])
        self._element_step = [known[owner] for owner in owners(groups)]
        by_group = zip(self._draw_step, self._element_step, strict=True)
        self._group_steps = [np.unique(np.concatenate(draws_and_elements)) for draws_and_elements in by_group]
        self._group_steps = [steps[steps >= 0] for steps in self._group_steps]
        self._blocks = [(g, b) for g, group in enumerate(groups) for b in range(len(group.targets))]
        self._first_draw = np.cumsum([0, *(target.draws for group in groups for target in group.targets)])
        self._first_element = np.cumsum([0, *(group.elements for group in groups)])
        self._drawn = _ByStep(step_of)
        self.at_once = [at_once and self._reads_before_it_draws(group) for group in range(len(groups))]
        """The groups whose networks are evaluated at once: all that they read is known before their first draw."""
        known_from = [
            np.full(len(steps), -1) if once else steps
            for steps, once in zip(self._element_step, self.at_once, strict=True)
        ]
        self._known = _ByStep(np.concatenate(known_from) if groups else step_of)
        self.step = lru_cache(_KEPT)(self._step)

    def run(self, group: int, orders: Orders, batch: int) -> Run:
        """The run of a group's network: its steps, orders and batch size."""
        steps = self._group_steps[group]
        numbers = np.append(np.arange(len(steps)), -1)

        def renumbered(model_steps: np.ndarray) -> np.ndarray:
            return numbers[np.where(model_steps < 0, len(steps), np.searchsorted(steps, model_steps))]

        return Run(batch, len(steps), renumbered(self._element_step[group]), renumbered(self._draw_step[group]), orders)

    @property
    def order(self) -> np.ndarray:
        """All draws that are made, step by step: int64 [draws]."""
        return self._drawn.from_step(0)

    @property
    def sizes(self) -> list[int]:
        """The number of draws that each step makes."""
        return self._drawn.sizes(self.count)

    def _reads_before_it_draws(self, group: int) -> bool:
        drawn = self._draw_step[group][self._draw_step[group] >= 0]
        return int(self._element_step[group].max(initial=-1)) < int(drawn.min(initial=self.count))

    def known_elements(self, group: int) -> tuple[range, ...]:
        """The source elements of a group that are known from the start."""
        return _runs(np.flatnonzero(self._element_step[group] < 0))

    def _step(self, number: int) -> Step:
        by_group: dict[int, list[Block]] = {}
        for (group, block), draws in _split(self._drawn.at(number), self._first_draw, self._blocks):
            by_group.setdefault(group, []).append(Block(group, block, draws))
        inputs = _split(self._known.at(number), self._first_element, range(len(self._groups)))
        return Step(
            tuple((group, self._number(group, number), tuple(blocks)) for group, blocks in by_group.items()),
            tuple((group, self._number(group, number), _runs(elements)) for group, elements in inputs),
        )

    def _number(self, group: int, step: int) -> int:
        return int(self._group_steps[group].searchsorted(step))


class TimeSteps:
    """The steps of a model whose only variable runs along time, each of which makes one draw: those of a part of time,
    whose first draw is number ``first`` of all. ``order`` is that in which a time step's draws are made; the network
    ``reads`` so many elements of each draw, the first of all being its source element ``own``."""

    def __init__(self, order: Sequence[int], first: int, reads: int, own: int) -> None:
        self._order, self._first, self._reads, self._own = order, first, reads, own

    def step(self, number: int) -> Step:
        time, place = divmod(number, len(self._order))
        draw = time * len(self._order) + self._order[place] - self._first
        block = Block(0, 0, np.array([draw]))
        start = self._own + draw * self._reads
        inputs = ((0, number, (range(start, start + self._reads),)),)
        return Step(((0, number, (block,)),), inputs)


class _ByStep:
    """Numbers by their step."""

    def __init__(self, step_of: np.ndarray) -> None:
        self._numbers = np.argsort(step_of, kind="stable")
        self._steps = step_of[self._numbers]

    def at(self, step: int) -> np.ndarray:
        """The draws of a step, ascending."""
        return self._numbers[self._steps.searchsorted(step) : self._steps.searchsorted(step + 1)]

    def from_step(self, step: int) -> np.ndarray:
        return self._numbers[np.searchsorted(self._steps, step) :]

    def sizes(self, count: int) -> list[int]:
        return np.diff(np.searchsorted(self._steps, np.arange(count + 1))).tolist()


def _split(numbers: np.ndarray, first: np.ndarray, owners: Sequence[_Owner]) -> list[tuple[_Owner, np.ndarray]]:
    """Splits ascending numbers by their owners, whose numbers begin at ``first``: each owner with its own, counted from
    0."""
    owner = np.searchsorted(first, numbers, side="right") - 1
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    by_owner = np.split(numbers, starts[1:]) if len(starts) else []
    return [
        (owners[number], own_numbers - first[number])
        for number, own_numbers in zip(owner[starts].tolist(), by_owner, strict=True)
    ]


def _runs(elements: np.ndarray) -> tuple[range, ...]:
    """Ascending numbers as ranges of consecutive ones."""
    if not len(elements):
        return ()
    if elements[-1] - elements[0] == len(elements) - 1:
        return (range(int(elements[0]), int(elements[-1]) + 1),)
    stretches = np.split(elements, np.flatnonzero(np.diff(elements) != 1) + 1)
    return tuple(range(int(p[0]), int(p[-1]) + 1) for p in stretches)
