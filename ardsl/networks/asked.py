"""Networks asked with a mask: one evaluation gives the parameters of all draws, given the source elements that are
known. Their base in torch, the exact evaluation over contexts, and their evaluator by steps.

No weight is masked: what is not known does not enter. So the parameters of a draw are its conditional's where exactly
the draw's context is known, and a likelihood asks once for each distinct context.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from ardsl.networks.contexts import Contexts, distinct_contexts
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.module import NetworkModule
from ardsl.networks.stepper import Orders, Run, Stepper

MOST_NUMBERS = 1 << 24
"""Numbers of activations that contexts are evaluated with at once."""


@dataclass(frozen=True, eq=False)
class Questions:
    """The distinct contexts of a group's draws, and the outputs that are asked for given each."""

    group: Group
    contexts: Contexts

    def __len__(self) -> int:
        return len(self.contexts)

    @cached_property
    def output_context(self) -> np.ndarray:
        """The context of each output, int64 [outputs]."""
        return self.contexts.of_draw[self.group.output_draw]

    @cached_property
    def by_context(self) -> np.ndarray:
        """All outputs, those of a context together, contexts ascending: int64 [outputs]."""
        return np.argsort(self.output_context, kind="stable")

    @cached_property
    def places(self) -> np.ndarray:
        """The place of each output among those of :attr:`by_context`, int64 [outputs]."""
        return np.argsort(self.by_context)

    @cached_property
    def ends(self) -> np.ndarray:
        """Where the outputs of each context begin among :attr:`by_context`, with the end: int64 [contexts + 1]."""
        return np.searchsorted(self.output_context[self.by_context], np.arange(len(self) + 1))

    def outputs(self, first: int, last: int) -> np.ndarray:
        """The outputs of the contexts from ``first`` until ``last``, contexts ascending."""
        return self.by_context[self.ends[first] : self.ends[last]]


class AskedNetwork(NetworkModule):
    """The torch side of a network that is asked with a mask.

    ``ask`` is all that a network has to define. ``answers`` gives the outputs that some contexts are asked for, by
    ``ask``; a network that can leave out what nobody asks for defines it anew.
    """

    asked: ClassVar[bool] = True

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        self.any_order = _any_order(plan.group)
        """True where any set of draws may be known: training draws from all orders, and each draw reads all that is
        earlier."""
        self._questions: dict[int, Questions] = {}
        if plan.group.order_count * plan.group.elements <= MOST_NUMBERS:
            for number in range(plan.group.order_count):
                self.questions(number)  # made before a tracer looks in
        self.register_buffer("_feature_element", torch.as_tensor(plan.group.feature_element), persistent=False)
        self._feature_element: Tensor

    @abstractmethod
    def ask(self, inputs: Tensor, known: Tensor) -> Tensor:
        """The parameters of all draws, [batch, rows], given the source elements that are ``known``, bool [batch,
        elements]: the inputs [batch, columns] of others change nothing."""

    def known_features(self, inputs: Tensor, known: Tensor) -> Tensor:
        """Inputs [batch, columns] with zeros for those of unknown elements."""
        return torch.where(known[:, self._feature_element], inputs, 0.0)

    def of_draw(self, draw: int, inputs: Tensor, rank: Tensor) -> Tensor:
        """The parameters of a draw, [batch, width], of a network of any order where each example is under an order of
        its own: ``rank`` [batch or 1, elements] of the elements of the variable that is drawn."""
        group, variable = self.plan.group, self.plan.group.targets[0].variable
        own = torch.as_tensor(group.elements_of(variable), device=rank.device)
        element = int(np.concatenate([target.elements[:, 0] for target in group.targets])[draw])
        known = (rank[:, own] < rank[:, element, None]) | (own < 0)
        first, last = np.searchsorted(group.output_draw, [draw, draw + 1])
        return self.ask(inputs, known.expand(len(inputs), -1))[:, first:last]

    def questions(self, orders: Orders) -> Questions:
        """What is asked under some orders; kept for declared ones."""
        group = self.plan.group
        if not isinstance(orders, int):
            return Questions(group, distinct_contexts(group.declared(orders)))
        if orders not in self._questions:
            self._questions[orders] = Questions(group, distinct_contexts(group.declared(group.orders(orders))))
        return self._questions[orders]

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        asked = self.questions(orders)
        size = self._at_once(inputs)
        if size >= len(asked):
            answers = self.answers(inputs, asked, 0, len(asked))
        else:
            parts = [(first, min(first + size, len(asked))) for first in range(0, len(asked), size)]
            answers = torch.cat([self._part(inputs, asked, *part) for part in parts], 1)
        return answers.index_select(1, torch.as_tensor(asked.places, device=answers.device))

    def _at_once(self, inputs: Tensor) -> int:
        """The number of contexts that are evaluated at once."""
        if torch.compiler.is_compiling():  # the batch may have any size then
            return 16
        return max(1, MOST_NUMBERS // (max(1, len(inputs)) * max(1, self.plan.activations)))

    def _part(self, inputs: Tensor, asked: Questions, first: int, last: int) -> Tensor:
        """The answers to some questions; with gradients they are computed again where these are taken, as the
        activations of all would take as much memory as the questions are many."""
        if torch.is_grad_enabled():
            answers: Tensor = checkpoint(self.answers, inputs, asked, first, last, use_reentrant=False)
            return answers
        return self.answers(inputs, asked, first, last)

    def answers(self, inputs: Tensor, asked: Questions, first: int, last: int) -> Tensor:
        """The outputs of the contexts from ``first`` until ``last``, [batch, outputs], in the order of
        ``asked.outputs``."""
        known = torch.as_tensor(asked.contexts.rows(np.arange(first, last)), device=inputs.device)
        every = self.ask(inputs.repeat(last - first, 1), known.repeat_interleave(len(inputs), 0))
        outputs = asked.outputs(first, last)
        context = torch.as_tensor(asked.output_context[outputs] - first, device=inputs.device)
        chosen = every.unflatten(0, (last - first, len(inputs)))
        return chosen[context, :, torch.as_tensor(outputs, device=inputs.device)].T


def _any_order(group: Group) -> bool:
    variable = group.mixed
    if variable is None or not variable.orders.train_all or group.chain(group.orders()) is None:
        return False
    reads_own = any(source.variable is variable for source in group.sources)
    return reads_own and sum(target.elements.size for target in group.targets) == variable.size


@dataclass(frozen=True, eq=False)
class Step:
    """What a step asks: contexts ascending, the outputs of each one after the other, and the place of each of the
    step's outputs among these."""

    contexts: np.ndarray
    outputs: tuple[np.ndarray, ...]
    places: np.ndarray


def steps(asked: Questions, group: Group, run: Run) -> list[Step]:
    """What each step of a run asks."""
    by_step, ends = _sorted_by_step(run.draw_step[group.output_draw], range(run.steps))
    asked_steps = []
    for first, last in zip(ends, ends[1:], strict=False):
        outputs = by_step[first:last]
        order = np.argsort(asked.output_context[outputs], kind="stable")
        contexts, starts = np.unique(asked.output_context[outputs[order]], return_index=True)
        by_context = np.split(outputs[order], starts)[1:]  # what is before the first start is empty
        asked_steps.append(Step(contexts, tuple(by_context), np.argsort(order)))
    return asked_steps


def _sorted_by_step(step_of: np.ndarray, steps: range) -> tuple[np.ndarray, np.ndarray]:
    """The places in ``step_of`` by step, ascending, and where those of each of the ``steps`` begin, with the end."""
    by_step = np.argsort(step_of, kind="stable")
    return by_step, np.searchsorted(step_of[by_step], np.arange(steps.start, steps.stop + 1))


class AskedStepper(Stepper):
    """Evaluates a network by steps: each asks once for each context of its draws."""

    def __init__(self, network: AskedNetwork, run: Run) -> None:
        group = network.plan.group
        like = next(network.parameters())
        self._network = network
        self._asked = network.questions(run.orders)
        self._steps = steps(self._asked, group, run)
        self._outputs = [[torch.as_tensor(part, device=like.device) for part in step.outputs] for step in self._steps]
        self._places = [torch.as_tensor(step.places, device=like.device) for step in self._steps]
        columns, ends = _sorted_by_step(run.element_step[group.feature_element], range(-1, run.steps))
        self._columns = [torch.as_tensor(part, device=like.device) for part in np.split(columns, ends[1:-1])]
        """The input columns that each step gives, those known from the start first."""
        self._inputs = torch.zeros(len(columns), run.batch, dtype=like.dtype, device=like.device)

    def start(self, known: Tensor) -> None:
        self._inputs[self._columns[0]] = known

    def write(self, step: int, inputs: Tensor) -> None:
        self._inputs[self._columns[step + 1]] = inputs

    def parameters(self, step: int) -> Tensor:
        contexts = self._steps[step].contexts.tolist()
        answers = [self._answer(*question) for question in zip(contexts, self._outputs[step], strict=True)]
        if len(answers) == 1:
            return answers[0]
        nothing = self._inputs.new_zeros(0, self._inputs.shape[1])  # where a step's draws have no parameters
        return torch.cat([nothing, *answers])[self._places[step]]

    def _answer(self, context: int, outputs: Tensor) -> Tensor:
        """Some outputs given a context, [outputs, batch]."""
        known = torch.as_tensor(self._asked.contexts.rows(np.array([context])), device=self._inputs.device)
        return self._network.ask(self._inputs.T, known.expand(self._inputs.shape[1], -1)).T[outputs]

    def refresh(self) -> None:
        """Nothing is kept of the weights."""

    def caches(self) -> Iterable[Tensor]:
        yield self._inputs
