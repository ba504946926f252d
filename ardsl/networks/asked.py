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
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from ardsl.networks.contexts import Contexts, distinct_contexts
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.module import NetworkModule, lasting, transforming
from ardsl.networks.stepper import Orders, Run, Stepper
from ardsl.relations import Sparse
from ardsl.relations.arrays import expanded

MOST_NUMBERS = 1 << 24
"""Numbers of activations that contexts are evaluated with at once, and of contexts' elements that are kept ready."""
EVERY = slice(None)
TRACED = 16
"""Contexts that are evaluated at once while a tracer looks in: the batch may have any size then."""


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

    @cached_property
    def added_columns(self) -> Sparse:
        """The columns that each context has beyond the one before, contexts × columns, of a layer that reads all of a
        group's features and, after these, which of its elements are known."""
        sizes, added = self.group.element_features, self.contexts.added
        owner, feature = expanded((np.cumsum(sizes) - sizes)[added.read], sizes[added.read])
        contexts = np.concatenate([added.target[owner], added.target])
        columns = np.concatenate([feature, self.group.features + added.read])
        return Sparse.of_pairs(len(self), self.group.features + self.group.elements, contexts, columns)

    def columns(self, context: int, beyond: int | None = None) -> np.ndarray:
        """All columns that a context has, or those that it has beyond an earlier one of its chain."""
        start = self.contexts.chain[context] if beyond is None else beyond + 1
        return self.added_columns.read[self.added_columns.starts[start] : self.added_columns.starts[context + 1]]

    def outputs(self, first: int, last: int) -> np.ndarray:
        """The outputs of the contexts from ``first`` until ``last``, contexts ascending."""
        return self.by_context[self.ends[first] : self.ends[last]]


@dataclass(frozen=True, eq=False)
class Part:
    """Consecutive contexts: which elements each knows, bool [contexts, elements], and the outputs that are asked for,
    with the place of each one's context, [outputs]."""

    known: Tensor
    context: Tensor
    outputs: Tensor


@dataclass(frozen=True, eq=False)
class Parts:
    """All questions in parts that are evaluated one after the other, and the place of each output among their
    answers."""

    parts: tuple[Any, ...]
    places: Tensor


class AskedNetwork(NetworkModule):
    """The torch side of a network that is asked with a mask.

    ``ask`` is all that a network has to define. ``answers`` gives the outputs that some contexts are asked for, by
    ``ask`` and the indices that ``part`` makes; a network that can leave out what nobody asks for defines both anew.
    """

    asked: ClassVar[bool] = True

    def __init__(self, plan: Design) -> None:
        super().__init__()
        self.plan = plan
        self.any_order = _any_order(plan.group)
        """True where any set of draws may be known: training draws from all orders, and each draw reads all that is
        earlier."""
        self.register_buffer("_feature_element", torch.as_tensor(plan.group.feature_element), persistent=False)
        self._feature_element: Tensor
        self._questions: dict[int, Questions] = {}
        self._parts: dict[tuple[int, int], Parts] = {}
        if self._keeps():
            for number in range(plan.group.order_count):
                self.parts(number, min(TRACED, len(self.questions(number))))  # made before a tracer looks in

    @abstractmethod
    def ask(self, inputs: Tensor, known: Tensor, outputs: slice = EVERY) -> Tensor:
        """The parameters of all draws, [batch, rows], given the source elements that are ``known``, bool [batch,
        elements]: the inputs [batch, columns] of others change nothing. ``outputs`` limits the rows to some."""

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
        return self.ask(inputs, known.expand(inputs.shape[0], -1), slice(int(first), int(last)))

    def questions(self, orders: Orders) -> Questions:
        """What is asked under some orders; kept for declared ones."""
        group = self.plan.group
        if not isinstance(orders, int):
            return Questions(group, distinct_contexts(group.declared(orders)))
        if orders not in self._questions:
            self._questions[orders] = Questions(group, distinct_contexts(group.declared(group.orders(orders))))
        return self._questions[orders]

    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor:
        ready = self.parts(orders, self._at_once(inputs, len(self.questions(orders))))
        if len(ready.parts) == 1:
            answers = self.answers(inputs, ready.parts[0])
        else:
            answers = torch.cat([self._answered(inputs, part) for part in ready.parts], 1)
        return answers.index_select(1, ready.places)

    def _at_once(self, inputs: Tensor, contexts: int) -> int:
        """The number of contexts that are evaluated at once: all, or a power of two, so that few ways of parting them
        are kept."""
        if torch.compiler.is_compiling():
            return min(TRACED, contexts)
        most = MOST_NUMBERS // (max(1, inputs.shape[0]) * max(1, self.plan.activations))
        return min(1 << max(0, most.bit_length() - 1), contexts)

    def _answered(self, inputs: Tensor, part: Any) -> Tensor:
        """The answers to some questions; with gradients they are computed again where these are taken, as the
        activations of all would take as much memory as the questions are many."""
        if not torch.is_grad_enabled():
            return self.answers(inputs, part)
        answers: Tensor
        if torch.compiler.is_compiling():
            answers = checkpoint(self.answers, inputs, part, use_reentrant=False)
        elif transforming():
            answers = self.answers(inputs, part)
        else:  # with the weights that there are now, also where those of a functional call are gone by then
            weights = {f"network.{name}": weight for name, weight in self.named_parameters()}
            answers = checkpoint(functional_call, _Answers(self), weights, (inputs, part), use_reentrant=False)
        return answers

    def parts(self, orders: Orders, size: int) -> Parts:
        """The questions under some orders, ``size`` contexts at a time; kept for declared orders, if they are few."""
        if not isinstance(orders, int):
            return self._make_parts(orders, size)
        kept = self._parts.get((orders, size))
        if kept is None or kept.places.device != self._feature_element.device:
            kept = self._make_parts(orders, size)
            if self._keeps():
                self._parts[orders, size] = kept
        return kept

    def _keeps(self) -> bool:
        group = self.plan.group
        return group.order_count * group.draws * group.elements <= MOST_NUMBERS

    @lasting
    def _make_parts(self, orders: Orders, size: int) -> Parts:
        asked = self.questions(orders)
        starts = range(0, max(len(asked), 1), max(size, 1))
        parts = tuple(self.part(asked, first, min(first + size, len(asked))) for first in starts)
        return Parts(parts, self.index(asked.places))

    def part(self, asked: Questions, first: int, last: int) -> Any:
        """What :meth:`answers` needs to know of the contexts from ``first`` until ``last``, as tensors."""
        outputs = asked.outputs(first, last)
        known = asked.contexts.rows(np.arange(first, last))
        return Part(self.index(known), self.index(asked.output_context[outputs] - first), self.index(outputs))

    def index(self, numbers: np.ndarray) -> Tensor:
        """Numbers as a tensor where the weights are."""
        return torch.as_tensor(numbers, device=self._feature_element.device)

    def answers(self, inputs: Tensor, part: Any) -> Tensor:
        """The outputs of some contexts, [batch, outputs], in the order of ``Questions.outputs``."""
        batch, contexts = inputs.shape[0], part.known.shape[0]
        every = self.ask(inputs.repeat(contexts, 1), part.known.repeat_interleave(batch, 0))
        chosen = every.unflatten(0, (contexts, batch))
        return chosen[part.context, :, part.outputs].T


class _Answers(nn.Module):
    """The answers of a network as the call of a module, which takes other weights."""

    def __init__(self, network: AskedNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Tensor, part: Any) -> Tensor:
        return self.network.answers(inputs, part)


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
