"""Sampling by the realized graph: as many steps as its longest path, each activation computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.codes import code_table
from ardsl.compiler.noise import Noise
from ardsl.compiler.steps import Steps
from ardsl.compiler.values import Values, encode, ended
from ardsl.networks.group import Group, TargetBlock
from ardsl.networks.realize import sampling_steps

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel
    from ardsl.networks.module import NetworkModule, Program


MAX_CHUNK = 1024
"""Samples drawn at once: past this, more batch buys no speed, only memory."""


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
        self._fast = self._threshold_steps(steps.element_step)
        self._table = self._codes()

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

    def _codes(self) -> Tensor | None:
        """The features of every code, [codes, features], where each step learns what it draws as one: where its own
        draws, and all of them, become known to the network step by step."""
        table = code_table(self._model)
        drawn = sum(int((known >= 0).sum()) for known in self._steps.element_step)
        return table if table is not None and drawn == self._model.groups[0].draws else None

    @torch.inference_mode()
    def run(self, values: Values, noise: Noise) -> Values:
        """Samples of every observed variable, flat; ``values`` holds the given ones, and NaN beyond the end of each
        example."""
        self._start(values)
        ends = any(v.varies and bool(values[v.name].isnan().any()) for v in self._model.spec.model.observed)
        if self._fast and not ends:
            return values | self._run_thresholds(noise)
        if self._table is not None and not ends:
            return values | self._run_codes(self._table, noise)
        self._run_values(values, noise)
        return values

    def _start(self, values: Values) -> None:
        for g, program in enumerate(self._programs):
            program.start(self._columns(g, values, self._steps.known_from_the_start(g)))

    def _run_values(self, values: Values, noise: Noise) -> None:
        """Draws into ``values``, step by step."""
        model = self._model
        for number in range(self._steps.count):
            step = self._steps.draws(number)
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
                keep(values, target, draw.draws, drawn)
            for g, columns in self._steps.inputs(number):
                self._programs[g].write(number, self._columns(g, values, columns))

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

    def _run_codes(self, table: Tensor, noise: Noise) -> Values:
        """What is drawn stays a code until all is drawn, and reaches the network through the table."""
        target, program = self._model.groups[0].targets[0], self._programs[0]
        conditional, width = self._model.conditionals[0][0], target.family.width
        codes = table.new_zeros(self._batch, target.draws)
        for number in range(self._steps.count):
            (step,) = self._steps.draws(number)
            count, first = len(step.draws), int(step.draws[0])
            where = slice(first, first + 1) if count == 1 else step.draws  # which is the quicker index
            raw = program.raw(number).reshape(count, width, -1).permute(2, 0, 1)
            drawn = codes[:, where] = conditional.draw(raw, noise.draws[0][0][:, where])
            program.write(number, table[drawn.T.long()].transpose(1, 2).reshape(count * table.shape[1], -1))
        found = conditional.decode(codes, codes.dtype)
        if target.variable.end is not None:
            found = ended(found[..., None], target.variable.end)[..., 0]
        return {target.variable.name: found}


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
