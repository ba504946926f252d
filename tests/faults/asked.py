"""Faults to plant in networks asked with a mask and in the estimate that trains them, and the specs that meet them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.compiler.likelihood import test_questions as questions
from tests.networks.nade import test_asked
from tests.support.planting import Fault, of_test

CHECKED = {
    name: test_asked.SPECS[name]
    for name in (
        "nade, spiral",
        "nade, checkerboard",
        "nade, any of 3",
        "conv_nade, snake",
        "alone, raster",
        "record, any of 3",
        "after other variables",
        "aligned",
        "a window, backwards",
        "channels in turn",
    )
}

ASKED, DEEP = "ardsl.networks.asked", "ardsl.networks.nade.deep_module"
CONV, PLAN = "ardsl.networks.nade.conv_module", "ardsl.networks.nade.conv_plan"
QUESTIONS = "ardsl.compiler.likelihood.questions"


def everything_enters(right: Any, self: Any, inputs: Tensor, known: Tensor) -> Tensor:
    return inputs


def one_more_is_known(right: Any, self: Any, contexts: np.ndarray) -> np.ndarray:
    """The rows of the contexts after these."""
    return right(self, np.minimum(contexts + 1, len(self) - 1))


def asked_under_the_one_before(right: Any, self: Any) -> np.ndarray:
    return np.maximum(right(self) - 1, 0)


def asked_under_the_next(right: Any, self: Any) -> np.ndarray:
    return np.minimum(right(self) + 1, len(self) - 1)


def unsorted_answers(right: Any, self: Any) -> np.ndarray:
    return np.arange(len(right(self)))


def sums_of_the_last_alone(right: Any, self: Any, inputs: Tensor, part: Any) -> Tensor:
    """What a context adds to the one before, without what that has."""
    sums = right(self, inputs, part)
    return torch.cat([sums[:1], sums[:1] + sums[1:] - sums[:-1]])


def added_again(right: Any, self: Any, context: int, *beyond: Any) -> np.ndarray:
    columns = right(self, context, *beyond)
    return np.append(columns, columns[-1:])


def columns_without_masks(right: Any, self: Any) -> Any:
    added = right(self)
    return added.only(added.read < self.group.features)


def carried_into_another_chain(right: Any, self: Any, context: int, outputs: Tensor) -> Tensor:
    contexts = self._asked.contexts
    self._asked = replace(self._asked, contexts=replace(contexts, continues=np.arange(len(contexts)) > 0))
    return right(self, context, outputs)


def never_started_anew(right: Any, self: Any, known: Tensor) -> None:
    at = self._at
    right(self, known)
    self._at = at


def unsorted_steps(right: Any, *arguments: Any) -> Any:
    return [replace(step, places=np.arange(len(step.places))) for step in right(*arguments)]


def wider_reach(right: Any, layers: Any) -> Any:
    low, high = right(layers)
    return [np.maximum(axis - 1, 0) for axis in low], high


def features_of_the_next(right: Any, *arguments: Any) -> np.ndarray:
    columns = right(*arguments)
    return np.concatenate([np.roll(columns[:, :1], 1, axis=0), columns[:, 1:]], axis=1)


def one_more_asked_for(right: Any, *arguments: Any) -> Any:
    """D / (D − n + 1), as released code has it."""
    known, weight = right(*arguments)
    return known, np.where(weight > 0, 1 / (1 / np.maximum(weight, 1e-9) + 1 / weight.shape[1]), 0.0)


def known_is_asked_for(right: Any, *arguments: Any) -> Any:
    known, weight = right(*arguments)
    return known, np.broadcast_to(weight.max(1, keepdims=True), weight.shape).copy()


def others_unknown(right: Any, group: Any, *arguments: Any) -> Any:
    known, weight = right(group, *arguments)
    return known & (group.elements_of(group.targets[0].variable) >= 0), weight


def nothing_missing(right: Any, group: Any, values: Any, may_miss: Any) -> np.ndarray:
    return right(group, values, ())


def any_context_alike(right: Any, *arguments: Any) -> Any:
    """Every context counts as often, however many draws have it."""
    known, weight = right(*arguments)
    return known, (weight > 0) * float(weight.shape[1])


def fault(name: str, symbol: str, wrong: Callable[..., Any]) -> Fault:
    return Fault(f"asked: {name}", symbol, wrong)


def of_case(name: str, symbol: str, wrong: Callable[..., Any], test: Callable[..., None], *case: str) -> Fault:
    return Fault(f"asked: {name}", symbol, wrong, of_test(test, *case))


FAULTS = [
    fault("what is not known enters", f"{ASKED}:AskedNetwork.known_features", everything_enters),
    fault("one element more is known", "ardsl.networks.contexts:Contexts.rows", one_more_is_known),
    fault("outputs under the context before", f"{ASKED}:Questions.output_context", asked_under_the_one_before),
    fault("outputs under the context after", f"{ASKED}:Questions.output_context", asked_under_the_next),
    fault("answers as they were asked for", f"{ASKED}:Questions.places", unsorted_answers),
    fault("a step's answers as they were asked for", f"{ASKED}:steps", unsorted_steps),
    fault("sums without the context before", f"{DEEP}:DeepNade._first_layer", sums_of_the_last_alone),
    of_case(
        "the last column twice",
        f"{ASKED}:Questions.columns",
        added_again,
        test_asked.test_what_is_carried_on_is_what_is_asked,
        "aligned",
    ),
    of_case(
        "sums without masks",
        f"{ASKED}:Questions.added_columns",
        columns_without_masks,
        test_asked.test_what_is_carried_on_is_what_is_asked,
        "nade, spiral",
    ),
    fault("sums carried into another chain", f"{DEEP}:DeepStepper._answer", carried_into_another_chain),
    of_case(
        "sums of the examples before",
        f"{DEEP}:DeepStepper.start",
        never_started_anew,
        test_asked.test_sums_are_of_the_examples_at_hand,
    ),
    fault("a wider receptive field", f"{PLAN}:receptive_field", wider_reach),
    fault("features at the position after", f"{CONV}:_own_columns", features_of_the_next),
    of_case(
        "D / (D - n + 1)",
        f"{QUESTIONS}:_of_all_later",
        one_more_asked_for,
        questions.test_the_loss_is_on_average_that_of_all_orders,
        "bits",
    ),
    of_case(
        "what is known is asked for",
        f"{QUESTIONS}:_of_all_later",
        known_is_asked_for,
        questions.test_the_loss_is_on_average_that_of_all_orders,
        "rows and columns",
    ),
    of_case(
        "what is given is unknown",
        f"{QUESTIONS}:_of_all_later",
        others_unknown,
        questions.test_the_loss_is_on_average_that_of_all_orders,
        "given",
    ),
    of_case(
        "what is missing is asked for",
        f"{QUESTIONS}:_present",
        nothing_missing,
        questions.test_what_is_missing_is_neither_known_nor_asked_for,
        "bits",
    ),
    of_case(
        "contexts alike",
        f"{QUESTIONS}:_of_contexts",
        any_context_alike,
        questions.test_one_context_of_each_example_is_on_average_the_likelihood,
        "a weak order",
    ),
]
