"""The shallow network by steps: a sum that is carried along nested contexts.

A step adds to ``a = c + Σ W_i x_i`` what has become known since the context before, and reads its draws' parameters off
``g(ρ a)``: under a total order a whole sample costs as much as one look at every weight. Contexts that are not nested
each have a sum of their own, made when it is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.dense.stepper import IN_PLACE, Sorted
from ardsl.networks.nade.module import ShallowNade
from ardsl.networks.nade.plan import Reading
from ardsl.networks.stepper import Run, Slots, Stepper
from ardsl.networks.tape import Calls, Tape
from ardsl.relations.arrays import expanded


@dataclass(frozen=True)
class Event:
    """Draws of one step that read the same hidden units: ``first`` until ``last`` in the order of the steps.

    They are at one ``place`` and of one ``context``. Their sum is number ``sum`` of those that are carried, and
    continues that of the context ``before``; −1: it begins there.
    """

    place: int
    context: int
    first: int
    last: int
    sum: int
    before: int


class ShallowStepper(Stepper):
    """Evaluates a shallow network by steps. Inputs are in the order in which they become known; draws, and the rows of
    V with them, in the order of their steps."""

    def __init__(self, module: ShallowNade, run: Run) -> None:
        self._module, self._like = module, module.bias.detach()
        self._activate = IN_PLACE[module.plan.options["activation"]]
        group, read, hidden = module.plan.group, module.reading(run.orders), len(self._like)
        draws, events = _events(read, run)
        features = Sorted(run.element_step[group.feature_element], run.steps)
        constants = 0 if read.gather is None else 2
        self._place = np.concatenate([np.argsort(features.order), len(features.order) + np.arange(constants)])
        """Where each input is: of several places after all others those that are always 0 and 1."""
        counts = read.outputs[read.kind[draws]]
        self._ends = np.concatenate([[0], np.cumsum(counts)]).tolist()
        first_output = np.cumsum(read.outputs) - read.outputs

        self._weight_place = self._place if read.gather is None else np.arange(int(read.features.sum()))
        """Where each row of W is: with the inputs, where each input has its own."""
        self._weights_at = self._index(np.argsort(self._weight_place))
        self._outputs_at = self._index(expanded(first_output[read.kind[draws]], counts)[1])
        self._scales_at = self._index(read.kind[draws])
        self._weights, self._bias = self._empty(len(self._weight_place), hidden), self._empty(hidden, 1)
        self._outputs, self._biases = self._empty(self._ends[-1], hidden), self._empty(self._ends[-1], 1)
        self._scales = None if module.scale is None else self._empty(len(draws), 1, 1)
        self.refresh()

        self._x = self._empty(len(self._place), run.batch)
        self._x[len(features.order) :] = torch.arange(constants, device=self._like.device)[:, None]
        every = [event for events_of_step in events for event in events_of_step]
        self._sums = self._empty(1 + max((event.sum for event in every), default=-1), hidden, run.batch)
        self._units = self._empty(hidden, run.batch)
        most = max((len(read.added(event.place, event.context, event.before)[0]) for event in every), default=0)
        self._gathered = self._empty(most, hidden), self._empty(most, run.batch)
        self._done = -1
        """The last step whose sums are made."""
        self._passes: list[Calls] = []
        """Of each step what makes its sums alone, where it is passed over."""
        self._plays: list[Calls] = []
        self._parameters: list[Tensor] = []
        for events_of_step in events:
            self._record(events_of_step, draws, read)
        until = features.until
        self._known = self._x[: until[0]]
        self._written = [self._x[until[step] : until[step + 1]] for step in range(run.steps)]
        self.slots = Slots(self._x[until[0] : len(features.order)], self._written)

    def _empty(self, *shape: int) -> Tensor:
        return torch.empty(*shape, dtype=self._like.dtype, device=self._like.device)

    def _index(self, numbers: np.ndarray) -> Tensor:
        return torch.as_tensor(numbers, device=self._like.device)

    def _record(self, events: list[Event], draws: np.ndarray, read: Reading) -> None:
        """The tapes of a step. A sum is read before the next one of its chain takes its place."""
        passing, playing = Tape(), Tape()
        first, last = (events[0].first, events[-1].last) if events else (0, 0)
        start = self._ends[first]
        parameters = self._empty(self._ends[last] - start, self._x.shape[1])
        for event in events:
            for operation, *arguments, into in self._sum_of(event, read):
                for tape in (passing, playing):
                    tape.record(operation, *arguments, **into)
            rows = slice(self._ends[event.first], self._ends[event.last])
            if self._scales is None:
                playing.record(self._units.copy_, self._sums[event.sum])
            else:
                playing.record(torch.mul, self._sums[event.sum], self._scales[event.first], out=self._units)
            playing.record(self._activate, self._units)
            into = parameters[rows.start - start : rows.stop - start]
            playing.record(torch.addmm, self._biases[rows], self._outputs[rows], self._units, out=into)
        if (np.diff(draws[first:last]) < 0).any():
            owner = np.repeat(draws[first:last], np.diff(self._ends[first : last + 1]))
            ascending = torch.empty_like(parameters)
            at = self._index(np.argsort(owner, kind="stable"))
            playing.record(torch.index_select, parameters, 0, at, out=ascending)
            parameters = ascending
        self._passes.append(passing.calls)
        self._plays.append(playing.calls)
        self._parameters.append(parameters)

    def _sum_of(self, event: Event, read: Reading) -> Iterator[tuple[Any, ...]]:
        """The operations that make an event's sum, each with its arguments and where its result goes."""
        total, begins = self._sums[event.sum], event.before < 0
        columns, rows = read.added(event.place, event.context, event.before)
        if not len(columns):
            if begins:
                yield total.copy_, self._bias.expand_as(total), {}
            return
        columns, rows = self._place[columns], self._weight_place[rows]
        sorting = np.argsort(columns, kind="stable")
        columns, rows = columns[sorting], rows[sorting]
        if _consecutive(columns) and _consecutive(rows):
            weight, x = self._weights[rows[0] : rows[-1] + 1], self._x[columns[0] : columns[-1] + 1]
        else:
            weight, x = (gathered[: len(columns)] for gathered in self._gathered)
            yield torch.index_select, self._weights, 0, self._index(rows), {"out": weight}
            yield torch.index_select, self._x, 0, self._index(columns), {"out": x}
        if begins:
            yield torch.addmm, self._bias, weight.T, x, {"out": total}
        else:
            yield total.addmm_, weight.T, x, {}

    @torch.no_grad()
    def refresh(self) -> None:
        module = self._module
        self._weights.copy_(module.all_inputs()[self._weights_at])
        self._bias.copy_(module.bias[:, None])
        self._outputs.copy_(module.outputs[self._outputs_at])
        self._biases.copy_(module.biases[self._outputs_at, None])
        if self._scales is not None and module.scale is not None:
            self._scales.copy_(module.scale[self._scales_at, None, None])

    def caches(self) -> Iterable[Tensor]:
        return self._x, self._sums

    def start(self, known: Tensor) -> None:
        self._done = -1
        self._known.copy_(known)

    def parameters(self, step: int) -> Tensor:
        for passed in range(self._done + 1, step):  # sums may continue those of steps that were passed over
            for function, arguments in self._passes[passed]:
                function(*arguments)
        self._done = step
        for function, arguments in self._plays[step]:
            function(*arguments)
        return self._parameters[step]

    def write(self, step: int, inputs: Tensor) -> None:
        self._written[step].copy_(inputs)

    def advance(self, step: int) -> None:
        """Sums are made when they are read."""


def _events(read: Reading, run: Run) -> tuple[np.ndarray, list[list[Event]]]:
    """The draws in the order of their steps, and the events of each step."""
    outputs, context = read.outputs[read.kind], read.contexts.of_draw[read.kind]
    draws = np.flatnonzero((run.draw_step >= 0) & (outputs > 0))
    draws = draws[np.lexsort((draws, context[draws], read.place[draws], run.draw_step[draws]))]
    step, place, context = run.draw_step[draws], read.place[draws], context[draws]
    new = np.ones(len(draws), dtype=bool)
    if not read.by_draw:
        new[1:] = (np.diff(step) != 0) | (np.diff(place) != 0) | (np.diff(context) != 0)
    firsts = np.flatnonzero(new)
    lasts = np.append(firsts[1:], len(draws))
    step, place, context = step[firsts], place[firsts], context[firsts]
    before, last_step = _continued(place, read.contexts.chain[context], context, step)

    events: list[list[Event]] = [[] for _ in range(run.steps)]
    sums: dict[int, int] = {}  # of each event whose sum another continues, the number of the sum
    free: list[int] = []
    ended: list[int] = []
    used, now = 0, -1
    for number in range(len(firsts)):
        if step[number] != now:
            free, ended, now = free + ended, [], int(step[number])
        last = int(before[number])
        if last >= 0:
            total = sums.pop(last)
        elif free:
            total = free.pop()
        else:
            total, used = used, used + 1
        if last_step[number]:
            ended.append(total)
        else:
            sums[number] = total
        of_before = int(context[last]) if last >= 0 else -1
        event = Event(
            int(place[number]), int(context[number]), int(firsts[number]), int(lasts[number]), total, of_before
        )
        events[now].append(event)
    return draws, events


def _continued(
    place: np.ndarray, chain: np.ndarray, context: np.ndarray, step: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The event whose sum each continues, −1 where it begins one; and whether it is the last to use it.

    One continues that before it in its chain, unless its own step comes first.
    """
    by_chain = np.lexsort((np.arange(len(step)), context, chain, place))
    along = [numbers[by_chain] for numbers in (place, chain, step)]
    same = (np.diff(along[0]) == 0) & (np.diff(along[1]) == 0) & (np.diff(along[2]) >= 0)
    before = np.full(len(step), -1)
    before[by_chain[1:][same]] = by_chain[:-1][same]
    last = np.ones(len(step), dtype=bool)
    last[by_chain[:-1][same]] = False
    return before, last


def _consecutive(numbers: np.ndarray) -> bool:
    return bool((np.diff(numbers) == 1).all())
