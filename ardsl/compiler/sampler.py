"""Sampling by the realized graph: as many steps as its longest path, each activation computed once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.noise import Noise
from ardsl.compiler.steps import Steps
from ardsl.compiler.values import Values, encode, ended, lengths_of, whole
from ardsl.families.distributions import Conditional
from ardsl.families.encoding import encode_features
from ardsl.networks.group import Group, TargetBlock
from ardsl.networks.realize import sampling_steps

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel
    from ardsl.networks.module import NetworkModule, Program


MAX_CHUNK = 1024
"""Samples drawn at once: past this, more batch buys no speed, only memory."""
_MOST_CODES = 1 << 16
_LOOK = 16
"""Steps after which it is looked whether all examples have ended."""


def configurations(groups: Sequence[Group], noise: Noise) -> list[tuple[tuple[int, ...], Tensor]]:
    """The samples by the orders their noise chooses for each group, in chunks."""
    choice = torch.zeros(noise.count, len(groups), dtype=torch.long)
    for index, group in enumerate(groups):
        if group.mixed is not None:
            chosen = (noise.orders[group.mixed.name] * group.order_count).long()
            choice[:, index] = chosen.clamp(max=group.order_count - 1).cpu()
    found = []
    for configuration in torch.unique(choice, dim=0):
        rows = torch.nonzero((choice == configuration).all(dim=1)).flatten()
        found += [(tuple(configuration.tolist()), chunk) for chunk in rows.split(MAX_CHUNK)]
    return found


class Sampler:
    """The step evaluator of a whole model, for fixed orders, batch size and weights (``version``)."""

    def __init__(
        self, model: AutoregressiveModel, configuration: tuple[int, ...], batch: int, version: tuple[Any, ...]
    ) -> None:
        self.version = version
        self._model = model
        self._batch = batch
        self._steps = steps = Steps(model.groups, sampling_steps(model.spec.plan.groups, configuration))
        places = zip(model.networks, configuration, steps.element_step, steps.draw_step, strict=True)
        self._programs: list[Program] = [
            net.program(k, elements, draws, steps.count, batch)  # type: ignore[operator]
            for net, k, elements, draws in places
        ]
        self._in_turn = bool((np.diff(steps.draw_step[0]) >= 0).all())
        """Whether the first group's draws are made in the order of their numbers."""
        self._fast = self._threshold_steps(steps.element_step)
        self._table = self._code_table(steps.element_step)

    def _threshold_steps(self, element_step: list[np.ndarray]) -> bool:
        """Whether every draw is a binary one that the program's own inputs take over as it is: then a step's draw is a
        single comparison, written where the next step reads it."""
        model = self._model
        if len(model.groups) != 1 or len(model.groups[0].targets) != 1:
            return False
        group, target = model.groups[0], model.groups[0].targets[0]
        own = [s for s in group.sources if s.variable is target.variable]
        return (
            target.family.name == "bernoulli"
            and not target.factor.event_axes
            and hasattr(self._programs[0], "written")
            and len(own) == 1
            and np.array_equal(own[0].elements, target.elements[:, 0])
            and bool((element_step[0][group.elements - target.draws :] >= 0).all())
            and (group.sources[-1] is own[0] or len(self._programs[0].x) == target.draws)  # type: ignore[attr-defined]
        )

    def _code_table(self, element_step: list[np.ndarray]) -> Tensor | None:
        """Where all draws are of one finite domain, element by element, and each step learns what it draws: the
        features of every code, [codes, features]."""
        model = self._model
        if len(model.groups) != 1 or len(model.groups[0].targets) != 1:
            return None
        group, target, reads = model.groups[0], model.groups[0].targets[0], model.networks[0].reads
        domain = target.variable.element_domain(0)
        own = [s for s in group.sources if s.variable is target.variable]
        if target.factor.event_axes or target.variable.is_record or not domain.levels or domain.levels > _MOST_CODES:
            return None
        if reads != "features" or len(own) != 1 or not np.array_equal(own[0].elements, target.elements[:, 0]):
            return None
        drawn = sum(len(known) for known in element_step) - int((element_step[0] < 0).sum())
        if drawn != target.draws:  # some are known from the start
            return None
        codes = torch.arange(domain.levels, dtype=model.like.dtype, device=model.like.device)
        return encode_features(domain, model.conditionals[0][0].decode(codes, codes.dtype))

    @torch.inference_mode()
    def run(self, values: Values, noise: Noise, known: int = 0) -> Values:
        """Samples of every observed variable, flat; ``values`` holds the given ones, and of a variable along time the
        first elements, so many as are ``known``."""
        model = self._model
        self._start(values)
        ends = any(v.varies and bool(values[v.name].isnan().any()) for v in model.spec.model.observed)
        if self._fast and not ends and not known:
            return values | self._run_thresholds(noise)
        if self._table is not None and (not ends or model.spec.plan.groups[0].back is not None):
            return values | self._run_codes(self._table, values, noise, known)
        for _ in self._one_by_one(values, noise, known):
            pass
        return values

    @torch.inference_mode()
    def stream(self, values: Values, noise: Noise, known: int, size: int) -> Iterator[Tensor]:
        """Samples of the only observed variable from the elements that are ``known`` on, as soon as ``size`` more
        moments of it are there: flat, [batch, elements]."""
        target = self._model.groups[0].targets[0]
        variable, conditional = target.variable, self._model.conditionals[0][0]
        self._start(values)
        codes = None if self._table is None else self._table.new_zeros(self._batch, target.draws)
        drawing = (values, noise, known)
        steps = self._one_by_one(*drawing) if codes is None else self._by_code(codes, *drawing)
        done = last = known
        size *= variable.size // variable.shape[0]
        for drawn in steps:
            done += drawn
            if self._in_turn and done - last >= size:
                yield self._heard(values, codes, conditional, last, done)
                last = done
        end = self._end(values)
        done = done if end is None else min(done, end * (variable.size // target.draws))
        for first in range(last, done, size):
            yield self._heard(values, codes, conditional, first, min(first + size, done))

    def _heard(self, values: Values, codes: Tensor | None, conditional: Conditional, first: int, last: int) -> Tensor:
        """Some elements of what is drawn, what follows an end as the end."""
        variable = self._model.groups[0].targets[0].variable
        if codes is None:
            part = slice(first, last)
            return self._model.units.outward({variable.name: values[variable.name][:, part]}, part)[variable.name]
        if variable.end is not None:
            codes = whole(ended(codes[:, :last, None], variable.end)[..., 0], variable)
        return conditional.decode(codes[:, first:last], codes.dtype)

    def _start(self, values: Values) -> None:
        for g, program in enumerate(self._programs):
            program.start(self._columns(g, values, self._steps.known_from_the_start(g)))

    def _first(self, known: int) -> int:
        """The step to begin with, where so many of the first elements are known: what is drawn does not depend on what
        came before it."""
        if not known:
            return 0
        target, back = self._model.groups[0].targets[0], self._model.spec.plan.groups[0].back
        assert back is not None  # only along time is there a beginning
        moments = target.variable.shape[0]
        first = min(max(0, known * moments // target.variable.size - back), moments - 1)
        return int(self._steps.draw_step[0].reshape(moments, -1)[first].min())

    def _end(self, values: Values) -> int | None:
        """The first draw that no example needs, where nothing reads what is beyond the longest one's end."""
        target = self._model.groups[0].targets[0]
        if len(self._model.groups) > 1 or self._model.spec.plan.groups[0].back is None or not target.variable.varies:
            return None
        moments = int(lengths_of(values[target.variable.name], target.variable).max()) if self._batch else 0
        return moments * (target.draws // target.variable.shape[0])

    def _one_by_one(self, values: Values, noise: Noise, known: int) -> Iterator[int]:
        """Draws into ``values``, step by step; gives how many elements each step has drawn."""
        model, end = self._model, self._end(values)
        for number in range(self._first(known), self._steps.count):
            step = self._steps.draws(number)
            if end is not None and step[0].draws[0] >= end:
                if self._in_turn:
                    break
                continue
            raw = {g: self._programs[g].raw(number) for g in dict.fromkeys(draw.group for draw in step)}
            used = dict.fromkeys(raw, 0)
            for draw in step:
                target = model.groups[draw.group].targets[draw.block]
                rows = len(draw.draws) * target.family.width
                start = used[draw.group]
                used[draw.group] += rows
                numbers = raw[draw.group][start : start + rows].unflatten(0, (len(draw.draws), target.family.width))
                drawn = model.conditionals[draw.group][draw.block].sample(
                    numbers.permute(2, 0, 1), noise.draws[draw.group][draw.block][:, draw.draws]
                )
                keep(values, target, draw.draws, drawn, known)
            for g, columns in self._steps.inputs(number):
                self._programs[g].write(number, self._columns(g, values, columns))
            elements = (model.groups[d.group].targets[d.block].elements[d.draws] for d in step)
            yield sum(int((each >= known).sum()) for each in elements)

    def _columns(self, group: int, values: Values, runs: list[range]) -> Tensor:
        net: NetworkModule = self._model.networks[group]  # type: ignore[assignment]
        parts = [encode(self._model.groups[group], values, net.reads, run).T for run in runs]
        if len(parts) == 1:
            return parts[0]
        return torch.cat(parts) if parts else self._model.like.new_zeros(0, self._batch)

    def _run_thresholds(self, noise: Noise) -> Values:
        program: Any = self._programs[0]
        target = self._model.groups[0].targets[0]
        order = torch.as_tensor(self._steps.order, device=noise.draws[0][0].device)
        # The Bernoulli family draws 1 where the logit exceeds −logit(u).
        thresholds = -torch.logit(noise.draws[0][0][..., 0]).T[order]
        greater, written, read, finish = torch.gt, program.written, program.raw, program.finish
        for number, rows in enumerate(thresholds.split(np.bincount(self._steps.draw_step[0]).tolist())):
            greater(read(number), rows, out=written[number])
            finish(number)
        drawn = program.x[len(program.x) - target.draws :]
        found = torch.empty_like(drawn)
        found[order] = drawn
        return {target.variable.name: found.T}

    def _run_codes(self, table: Tensor, values: Values, noise: Noise, known: int) -> Values:
        """What is drawn stays a code until all is drawn."""
        target = self._model.groups[0].targets[0]
        codes = table.new_zeros(self._batch, target.draws)
        for _ in self._by_code(codes, values, noise, known):
            pass
        drawn = self._model.conditionals[0][0].decode(codes, codes.dtype)
        if target.variable.varies:
            drawn = drawn.masked_fill(values[target.variable.name].isnan(), torch.nan)
        if target.variable.end is not None:
            drawn = ended(drawn[..., None], target.variable.end)[..., 0]
        return {target.variable.name: drawn}

    def _by_code(self, codes: Tensor, values: Values, noise: Noise, known: int) -> Iterator[int]:
        """Draws codes step by step, which reach the network through the table; gives how many elements each step has
        drawn. Where nothing reads what is beyond the longest example's end, it is not drawn."""
        table, target, program = self._table, self._model.groups[0].targets[0], self._programs[0]
        assert table is not None  # there are codes
        conditional, width = self._model.conditionals[0][0], target.family.width
        if known:
            codes[:, :known] = conditional.encode(values[target.variable.name][:, :known], codes.dtype)
        end = self._end(values)
        most = target.draws if end is None else end
        for number in range(self._first(known), self._steps.count):
            (step,) = self._steps.draws(number)
            count, first = len(step.draws), int(step.draws[0])
            if number % _LOOK == 0 and over(codes[:, :number], target.variable.end):
                break
            if first >= most:
                if self._in_turn:
                    break
                continue
            where = slice(first, first + 1) if count == 1 else step.draws  # which is the quicker index
            raw = program.raw(number).reshape(count, width, -1).permute(2, 0, 1)
            drawn = conditional.draw(raw, noise.draws[0][0][:, where])
            if first < known:
                drawn = torch.where(torch.from_numpy(step.draws < known).to(codes.device), codes[:, where], drawn)
            codes[:, where] = drawn
            program.write(number, table[drawn.T.long()].transpose(1, 2).reshape(count * table.shape[1], -1))
            yield int((step.draws >= known).sum()) if known else count


def over(codes: Tensor, end: int | None) -> bool:
    """Whether every example of codes [batch, drawn] has seen its end."""
    return end is not None and bool((codes == end).any(1).all())


def keep(values: Values, target: TargetBlock, draws: np.ndarray, drawn: Tensor, known: int = 0) -> None:
    """Writes draws [batch, draws(, event)] of a block where they belong; what lies beyond an example's end, NaN. The
    first elements, so many as are ``known``, stay as they are."""
    value, elements = values[target.variable.name], target.elements[draws].reshape(-1)
    drawn = drawn.reshape(len(value), -1).to(value.dtype)
    if known:
        drawn = drawn[:, elements >= known]
        elements = elements[elements >= known]
        if not len(elements):
            return
    if target.variable.varies:
        drawn = drawn.masked_fill(value[:, elements].isnan(), torch.nan)
    if target.variable.end is not None:  # drawn in the order of its elements
        before = value[:, : int(elements[0])]
        drawn = drawn.masked_fill((before == target.variable.end).any(1, keepdim=True), torch.nan)
    value[:, elements] = drawn


def sample_whole(
    model: AutoregressiveModel, values: Values, noise: Noise, configuration: tuple[int, ...], known: int = 0
) -> Values:
    """The reference: the whole network again at every step, keeping what that step draws."""
    steps = Steps(model.groups, sampling_steps(model.spec.plan.groups, configuration))
    for number in range(steps.count):
        for draw in steps.draws(number):
            target = model.groups[draw.group].targets[draw.block]
            raw = model.raw(draw.group, values, configuration[draw.group])[draw.block]
            drawn = model.conditionals[draw.group][draw.block].sample(
                raw[:, draw.draws], noise.draws[draw.group][draw.block][:, draw.draws]
            )
            keep(values, target, draw.draws, drawn, known)
    return values
