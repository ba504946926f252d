"""Sampling along time, moment by moment: but for what is drawn, memory does not grow with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ardsl.compiler.beginning import series
from ardsl.compiler.codes import code_table
from ardsl.compiler.values import Values, encode_source, lengths_of
from ardsl.families.encoding import encode_features
from ardsl.networks.module import MomentProgram

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel

_LOOK = 16
"""Draws after which it is looked whether all examples have ended."""


def in_turn(model: AutoregressiveModel) -> bool:
    """Whether a model draws its only variable along time, each draw by a step of its own."""
    return series(model) is not None and model.spec.plan.steps == model.groups[0].draws


class SeriesSampler:
    """The evaluator moment by moment of a model whose only variable runs along time, for fixed batch size and weights
    (``version``)."""

    def __init__(self, model: AutoregressiveModel, batch: int, version: tuple[Any, ...]) -> None:
        self.version = version
        self._model, self._batch = model, batch
        (self._group,), ((self._conditional,),) = model.groups, model.conditionals
        (self._target,) = self._group.targets
        self._program: MomentProgram = model.networks[0].moments(batch)  # type: ignore[operator]
        self._table = code_table(model)
        """Draws are codes until they are given out, where they can be."""
        self._each = self._target.elements.shape[1]
        self._own = any(source.variable is self._target.variable for source in self._group.sources)

    def sample(self, values: Values, noise: Tensor, known: int) -> Values:
        """Samples of the variable, flat; ``values`` has what is given, and the first elements, so many as are
        ``known``. ``noise``: [batch, draws, uniforms]."""
        variable = self._target.variable
        value = values[variable.name]
        longest = int(lengths_of(value, variable).max()) if self._batch else 0
        first, last = known // self._each, longest * (self._target.draws // variable.shape[0])
        chunks = self.run(values, value[:, :known], [noise[:, first:last]] if first < last else [])
        drawn = torch.cat([value[:, :known], *chunks], 1)
        rest = value[:, drawn.shape[1] :]
        if variable.end is not None:
            rest = torch.full_like(rest, variable.end)
        drawn = torch.cat([drawn, rest], 1)
        return {variable.name: drawn.masked_fill(value.isnan(), torch.nan) if variable.varies else drawn}

    @torch.inference_mode()
    def run(self, given: Values, begin: Tensor, noise: Iterable[Tensor]) -> Iterator[Tensor]:
        """What follows a beginning [batch, elements], in the model's units: as many draws at a time as each part of the
        noise is for. What follows an end is the end; after that of every example, nothing is drawn."""
        end = self._target.variable.end
        over = (begin == end).any(1) if end is not None else begin.new_zeros(len(begin), dtype=torch.bool)
        for number, uniforms in enumerate(noise):
            if end is not None and bool(over.all()):
                return
            if number == 0:
                self._begin(given, begin)
            drawn = self._draw(uniforms, over)
            if self._table is not None:
                drawn = self._conditional.decode(drawn, drawn.dtype)
            if end is not None:
                seen = (drawn == end).cumsum(1) + over[:, None]
                over = seen[:, -1] > 0
                drawn = drawn.masked_fill(seen > 0, end)
            yield drawn

    def _begin(self, given: Values, begin: Tensor) -> None:
        """Goes through what is known, from as far back as what follows depends on it."""
        program, variable = self._program, self._target.variable
        each = variable.size // variable.shape[0]
        back = self._model.spec.plan.groups[0].back
        assert back is not None  # it runs along time
        known = begin.shape[1] // each
        first = max(0, known - back)
        sources = [source for source in self._group.sources if source.variable is not variable]
        program.start({s.variable.name: encode_source(s, given[s.variable.name]) for s in sources}, first)
        codes = begin if self._table is None else self._conditional.encode(begin, begin.dtype)
        for moment in range(first, known):
            for group in program.groups:
                program.raw(group)
                start = moment * each + group * self._each
                program.write(group, self._features(codes[:, start : start + self._each]))

    def _draw(self, uniforms: Tensor, over: Tensor) -> Tensor:
        """Draws [batch, elements], codes where there is a table; fewer than there is noise for once all are over."""
        program, conditional, each, end = self._program, self._conditional, self._each, self._target.variable.end
        groups, width = program.groups, self._target.family.width
        drawn = uniforms.new_empty(self._batch, uniforms.shape[1] * each)
        for number in range(uniforms.shape[1]):
            group = groups[number % len(groups)]
            draw = number - number % len(groups) + group
            raw = program.raw(group).reshape(1, width, -1).permute(2, 0, 1)
            function = conditional.sample if self._table is None else conditional.draw
            found = function(raw, uniforms[:, draw : draw + 1]).reshape(self._batch, each)
            drawn[:, draw * each : (draw + 1) * each] = found
            program.write(group, self._features(found))
            if end is not None and number % _LOOK == _LOOK - 1:
                sofar = drawn[:, : number + 1]
                if bool((over | (sofar == end).any(1)).all()):
                    return sofar
        return drawn

    def _features(self, drawn: Tensor) -> Tensor:
        """What the network reads of an element, or of those drawn together: [batch, elements] to [features, batch]."""
        if not self._own:
            return drawn.T[:0]
        if self._table is not None:
            return self._table[drawn[:, 0].long()].T
        return encode_features(self._target.variable.element_domain(0), drawn).flatten(1).T
