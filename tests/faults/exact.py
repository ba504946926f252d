"""Faults to plant in exact answers and in events, each with the test that has to fail then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ardsl
from ardsl.testing import with_random_weights
from tests.compiler.queries import test_exact, test_where
from tests.support.planting import Check, Fault, of_test

ELIMINATION = "ardsl.compiler.queries.elimination:Elimination"
QUESTIONS = "ardsl.compiler.queries.exact:Questions"
EVENTS = "ardsl.compiler.queries.events"


def of_model(test: Callable[..., None], text: str, seed: int = 1) -> Check:
    """Checks that a test of questions passes, of a model that is made where the check is run."""

    def check() -> str | None:
        return of_test(test, with_random_weights(ardsl.loads(text)), seed)()

    return check


def without_the_last(right: Any, self: Any) -> list[Any]:
    factors: list[Any] = right(self)
    return factors[:-1]


def axes_as_they_stand(right: Any, self: Any, cells: Sequence[Any]) -> Tensor:
    shape = right(self, cells).shape
    reshaped: Tensor = self.log_prob.reshape(shape)
    return reshaped


def without_the_first_read(right: Any, self: Any, place: Any) -> tuple[Any, ...]:
    cells: tuple[Any, ...] = right(self, place)
    return cells[1:]


def as_declared(right: Any, self: Any, group: Any, number: Any) -> int:
    return 0 if group.mixed is None else int(number[group.mixed.name])


def mean_of_logarithms(right: Any, self: Any, values: Any, *more: Any) -> Tensor:
    every = [elimination.log_joint(values) for elimination in self.eliminations(values, *more)]
    return torch.stack(every).mean(0)


def drawn_for_another(right: Any, self: Any, *more: Any) -> dict[Any, Tensor]:
    return {cell: place.roll(1) for cell, place in right(self, *more).items()}


def with_what_both_have(right: Any, self: Any, other: Any) -> Any:
    return type(self)([*self.parts, *other.parts], self._domains)


FAULTS = [
    Fault(
        "a factor left out",
        f"{ELIMINATION}._relevant_factors",
        without_the_last,
        of_model(test_exact.test_marginal, test_exact.TABLES),
    ),
    Fault(
        "axes of tables mixed up",
        "ardsl.compiler.queries.elimination:Table.over",
        axes_as_they_stand,
        of_model(test_exact.test_marginal, test_exact.HIDDEN_MARKOV, 0),
    ),
    Fault(
        "a cell that is read and not summed over",
        "ardsl.compiler.queries.elimination:_Reading.context",
        without_the_first_read,
        of_model(test_exact.test_marginal, test_exact.TABLES),
    ),
    Fault(
        "what is given drawn where it was declared",
        f"{QUESTIONS}._order",
        as_declared,
        of_model(test_exact.test_marginal, test_exact.ALL, 0),
    ),
    Fault(
        "a mean of logarithms for a mixture",
        f"{QUESTIONS}.log_joint",
        mean_of_logarithms,
        of_model(test_exact.test_marginal, test_exact.ANY),
    ),
    Fault(
        "cells drawn for other examples",
        f"{ELIMINATION}._drawn",
        drawn_for_another,
        of_model(test_exact.test_draws, test_exact.NETWORK),
    ),
    Fault(
        "what two events have in common counted twice",
        f"{EVENTS}:Parts.either",
        with_what_both_have,
        of_model(test_exact.test_probability, test_exact.TABLES, 0),
    ),
    Fault(
        "smaller as smaller or equal",
        f"{EVENTS}:compared",
        lambda right, sign, number, domain: right({"<": "<="}.get(sign, sign), number, domain),
        of_test(test_where.test_intervals),
    ),
    Fault(
        "the number at an end in a set and in its complement",
        f"{EVENTS}:_holds_any",
        lambda right, start, end, domain: bool(np.less_equal(start, end)),
        of_test(test_where.test_ends),
    ),
]
