"""Walks along time, chunk by chunk: memory does not grow with time, but for the draws themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.lengths import lengths_of
from ardsl.compiler.arrays.values import Values, value_type
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.draws import Draw, FromNoise, Given
from ardsl.compiler.steps.schedule import TimeSteps
from ardsl.compiler.steps.walk import Walker, code_table, columns
from ardsl.model.model import Variable

_CHECK_EVERY = 16
"""Steps after which the walk checks whether all examples have ended."""


def series(density: Density) -> Variable | None:
    """The only variable of a density, where its network runs along time."""
    observed, plans = density.spec.model.observed, density.spec.plan.groups
    return observed[0] if len(observed) == len(plans) == 1 and plans[0].receptive_field is not None else None


def draws_in_turn(density: Density) -> bool:
    """Says whether a density draws its only variable along time, each draw by a step of its own."""
    return series(density) is not None and density.spec.plan.steps == density.groups[0].draws


class Series:
    """The evaluator of a density whose only variable runs along time, for a batch size."""

    def __init__(self, density: Density, batch: int) -> None:
        self._density, self._batch = density, batch
        (self._group,), (plan,) = density.groups, density.spec.plan.groups
        (self._target,) = self._group.targets
        self._stepper, self._table = plan.time_stepper(density.networks_by_group[0], batch), code_table(density)
        self._size = self._target.elements.shape[1]
        """The number of elements of each draw."""
        variable = self._target.variable
        steps = self._target.draws // variable.shape[0]
        order = variable.orders.orders[0].rank.reshape(variable.shape[0], -1)[0, :: self._size]
        self._order = np.argsort(order[:steps]).tolist()
        """The draws of a time step, in the order in which they are made."""
        self._receptive_field = plan.receptive_field or 0
        start, own = 0, range(0)
        for source in self._group.sources:
            if source.variable is variable:
                own = range(start, start + len(source.elements))
            start += len(source.elements)
        self._own = own
        """The group's source elements that are the variable's own."""

    def refresh(self) -> None:
        """Take the density's weights as they are now."""
        self._stepper.refresh()

    def sample(self, values: Values, noise: Tensor, known: int) -> None:
        """Draws the variable into ``values``, which have what is given, the first elements, so many as are ``known``,
        and NaN beyond the end of each example. ``noise``: [batch, draws, uniforms]."""
        variable = self._target.variable
        value = values[variable.name]
        longest = int(lengths_of(value, variable).max()) if self._batch else 0
        first, last = known // self._size, longest * len(self._order)
        chunks = self.run(values, value[:, :known], [noise[:, first:last]] if first < last else [])
        drawn = torch.cat([value[:, :known], *chunks], 1)
        rest = value[:, drawn.shape[1] :]
        if variable.end is not None:
            rest = torch.full_like(rest, variable.end)
        drawn = torch.cat([drawn, rest], 1)
        value.copy_(drawn.masked_fill(value.isnan(), torch.nan) if variable.varies else drawn)

    @torch.inference_mode()
    def run(self, given: Values, prefix: Tensor, noise: Iterable[Tensor]) -> Iterator[Tensor]:
        """The continuation of a standardized prefix [batch, elements], in chunks: of as many draws as the parts of the
        noise are for. After an end come ends; after that of every example, nothing is drawn."""
        end, first = self._target.variable.end, prefix.shape[1] // self._size
        has_ended = (prefix == end).any(1) if end is not None else prefix.new_zeros(len(prefix), dtype=torch.bool)
        for number, uniforms in enumerate(noise):
            if end is not None and bool(has_ended.all()):
                return
            if number == 0:
                self._begin(given, prefix)
            drawn = self._draw(given, uniforms, first, has_ended)
            first += uniforms.shape[1]
            if end is not None:
                seen = (drawn == end).cumsum(1) + has_ended[:, None]
                has_ended = seen[:, -1] > 0
                drawn = drawn.masked_fill(seen > 0, end)
            yield drawn

    def _begin(self, given: Values, prefix: Tensor) -> None:
        """Walks through the part of a prefix that lies in the receptive field of what follows."""
        draws_a_step, name = len(self._order), self._target.variable.name
        last = prefix.shape[1] // self._size // draws_a_step
        first = max(0, last - self._receptive_field)
        own = self._own
        others = [run for run in (range(own.start), range(own.stop, self._group.elements)) if run]
        self._stepper.start(columns(self._density, 0, given | {name: prefix}, others), first)
        elements = prefix[:, first * draws_a_step * self._size : last * draws_a_step * self._size].clone()
        self._walk(given, elements, Given(), first * draws_a_step, range(first * draws_a_step, last * draws_a_step))

    def _draw(self, given: Values, uniforms: Tensor, first: int, has_ended: Tensor) -> Tensor:
        """Draws from number ``first`` of all on, [batch, elements]; fewer than there is noise for once all examples
        have ended."""
        end, count = self._target.variable.end, uniforms.shape[1]
        dtype = torch.promote_types(uniforms.dtype, value_type(self._target.variable, self._density.like))
        drawn = uniforms.new_zeros(self._batch, count * self._size, dtype=dtype)
        if end is None:
            self._walk(given, drawn, FromNoise(((uniforms,),)), first, range(first, first + count))
            return drawn
        for start in range(0, count, _CHECK_EVERY):  # a variable with an end has one draw of one element a time step
            stop = min(start + _CHECK_EVERY, count)
            elements = drawn[:, start:stop]
            steps = range(first + start, first + stop)
            self._walk(given, elements, FromNoise(((uniforms[:, start:stop],),)), first + start, steps)
            if bool((has_ended | (drawn[:, :stop] == end).any(1)).all()):
                return drawn[:, :stop]
        return drawn

    def _walk(self, given: Values, own: Tensor, draw: Draw, first: int, steps: range) -> None:
        """Takes steps, and writes their draws into ``own``: the elements from draw number ``first`` of all on."""
        variable = self._target.variable
        schedule = TimeSteps(self._order, first, self._size if self._own else 0, self._own.start)
        walker = Walker(self._density, (0,), schedule, [self._stepper], self._table)
        walker.walk(given | {variable.name: own}, draw, steps)
