"""What many variables and factors cost goes with their number: counted in calls of Python functions, which no other
work on the machine changes."""

from __future__ import annotations

import cProfile
import pstats
import tracemalloc
from collections.abc import Callable

import pytest

import ardsl
from ardsl.spec import Spec


def chain(factors: int) -> str:
    declared = [f"observed x{i} : binary" for i in range(factors)]
    read = ["p(x0) = bernoulli", *(f"p(x{i} | x{i - 1}) = bernoulli" for i in range(1, factors))]
    return "\n".join([*declared, *read]) + "\n"


def everything_before(factors: int) -> str:
    declared = [f"observed x{i} : binary" for i in range(factors)]
    read = [f"p(x{i} | {', '.join(f'x{j}' for j in range(i))}) = bernoulli" for i in range(1, factors)]
    return "\n".join([*declared, "p(x0) = bernoulli", *read]) + "\n"


def calls(work: Callable[[], object]) -> int:
    profile = cProfile.Profile()
    profile.runcall(work)
    return int(pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


def first_sample(spec: Spec) -> Callable[[], object]:
    model = ardsl.compile(spec)
    return lambda: model.sample(2, seed=0)


WORK: dict[str, Callable[[str], Callable[[], object]]] = {
    "load": lambda text: lambda: ardsl.loads(text),
    "compile": lambda text: (lambda spec: lambda: ardsl.compile(spec))(ardsl.loads(text)),
    "first sample": lambda text: first_sample(ardsl.loads(text)),
}


@pytest.mark.parametrize("work", WORK)
@pytest.mark.parametrize(("spec", "times"), [(chain, 4.0), (everything_before, 16.0)])
def test_four_times_the_factors(spec: Callable[[int], str], times: float, work: str) -> None:
    """At most 1.3 × as many calls as there are more factors, or more contexts where each reads all before it."""
    WORK[work](spec(15))()  # imports
    small, large = (WORK[work](spec(factors)) for factors in (15, 60))
    assert calls(large) <= 1.3 * times * calls(small)


@pytest.mark.parametrize("network", ["made", "linear"])
def test_the_memory_of_a_window(network: str) -> None:
    """Planning keeps and takes what goes with the pairs declared: a matrix of booleans would be 100 MB."""
    tracemalloc.start()
    try:
        ardsl.loads(f"observed x[10000] : binary\np(x[i] | x[<i] within 3) = bernoulli via {network}\n")
        assert tracemalloc.get_traced_memory()[1] < 30e6
    finally:
        tracemalloc.stop()
