"""Training of networks asked with a mask: its loss is on average the mean over orders of −log p."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from math import factorial, lcm, prod

import numpy as np
import pytest
import torch
from torch import Tensor

import ardsl
from ardsl.compiler.base import Rows
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.estimate import estimate
from ardsl.compiler.likelihood.missing import by_pattern
from ardsl.relations import Order
from ardsl.relations.order import drawn_together, explicit
from ardsl.testing import every_value, some_given, with_random_weights

DEEP = 'nade(hidden = [5, 4], activation = "tanh")'
CONV = "conv_nade(features = 3, kernels = 2, hidden = 4)"
ALL = 'order x by any(orders = 2, train = "all")\n'
ORDERLESS = {
    "bits": f"observed x[4] : binary\n{ALL}p(x[i] | x[<i]) = bernoulli via {DEEP}\n",
    "rows and columns": f"observed x[2, 2] : category(3)\n{ALL}p(x[i] | x[<i]) = categorical via {CONV}\n",
    "given": f"given y : category(3)\nobserved x[3] : binary\n{ALL}p(x[i] | x[<i], y) = bernoulli via {DEEP}\n",
    "record": (
        "record x { a : binary  b : category(3)  c : integer(2, 4)  d : binary }\n"
        f"{ALL}p(x[i] | x[<i]) = default via {DEEP}\n"
    ),
    "after another variable": (
        f"observed y[2] : binary\nobserved x[3] : binary\n{ALL}"
        f"p(y[i] | y[<i]) = bernoulli via made(hidden = 4)\np(x[i] | x[<i], y) = bernoulli via {DEEP}\n"
    ),
    "draws of several elements": (
        f"observed x[3, 2] : integer(0, 1)\n{ALL}p(x[i, *] | x[<]) = color_mixture(components = 2) via {DEEP}\n"
    ),
}


class Every:
    """In place of a generator: all orders of some draws, each with every count, one example after another.

    The counts of all numbers of draws up to those that there are come equally often.
    """

    def __init__(self, draws: int) -> None:
        counts = lcm(*range(1, draws + 1))
        places = [np.argsort(order) / draws for order in permutations(range(draws))]
        self._places = np.repeat(np.array(places), counts, axis=0)
        self._shares = np.tile((np.arange(counts) + 0.5) / counts, len(places))
        self.examples = len(self._places)

    def random(self, shape: tuple[int, int]) -> np.ndarray:
        return np.tile(np.column_stack([self._shares, self._places]), (shape[0] // self.examples, 1))

    def integers(self, *_: int) -> int:
        return 0


def draws(model: Density) -> int:
    return prod(model.spec.variables["x"].orders.orders[0].draw_shape)


def orders(model: Density) -> Iterator[Order]:
    """Every order of the variable x."""
    first = model.spec.variables["x"].orders.orders[0]
    for listed in permutations(range(draws(model))):
        order = explicit(first.draw_shape, np.array(listed))
        yield drawn_together(order, first.shape, first.event_axes) if first.event_axes else order


@torch.no_grad()
def mean_over_orders(model: Density, values: dict[str, Tensor]) -> Tensor:
    """The mean over all orders of log p of each example, what is missing drawn last."""
    total: Tensor = torch.zeros(())
    patterns, restore = by_pattern(values, model.may_miss, model.spec.variables)
    for order in orders(model):
        for index, group in enumerate(model.groups):
            own = group.orders() | ({"x": order} if group.mixed is not None else {})
            blocks = model.present_log_probs(index, patterns, own)
            log_prob = torch.cat(blocks, 1).sum(1)
            total = total + (log_prob if restore is None else log_prob[restore])
    return total / factorial(draws(model))


def averaged(model: Density, values: dict[str, Tensor]) -> Tensor:
    """The mean of the estimates by all orders and counts."""
    every = Every(draws(model))
    repeated = {name: value.repeat_interleave(every.examples, 0) for name, value in values.items()}
    with torch.no_grad():
        return estimate(model, repeated, every).view(-1, every.examples).mean(1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ORDERLESS)
def test_the_loss_is_on_average_that_of_all_orders(name: str) -> None:
    """Over all orders and numbers of known draws, by enumeration: the mean over orders of −log p."""
    spec = ardsl.loads(ORDERLESS[name])
    model = with_random_weights(spec)
    assert isinstance(model, Density)
    some = {key: value[::5] for key, value in every_value(spec).items()}
    values = model.values(some, some_given(spec))
    torch.testing.assert_close(averaged(model, values), mean_over_orders(model, values), atol=1e-9, rtol=0)


def test_what_lies_beyond_an_end_adds_nothing() -> None:
    """Where lengths vary, an order draws what is there as it is declared."""
    model = with_random_weights(ardsl.loads(f"observed x[..4] : binary\n{ALL}p(x[i] | x[<i]) = bernoulli via {DEEP}\n"))
    assert isinstance(model, Density)
    x = torch.tensor([[1, 0, 1, 1], [1, 1, 0, torch.nan], [0, torch.nan, torch.nan, torch.nan], [torch.nan] * 4])
    values = model.values(x.double())
    found = averaged(model, values)
    torch.testing.assert_close(found, mean_over_orders(model, values), atol=1e-9, rtol=0)
    assert found[-1] == 0


@pytest.mark.parametrize("name", ["bits", "record"])
def test_what_is_missing_is_neither_known_nor_asked_for(name: str) -> None:
    """Of every pattern: the mean over orders of the marginal's −log p, under orders that draw what is missing last."""
    spec = ardsl.loads(ORDERLESS[name])
    model = with_random_weights(spec)
    assert isinstance(model, Density)
    x = every_value(spec)["x"][:16].clone()
    for row, pattern in enumerate(np.ndindex(2, 2, 2, 2)):
        x[row, torch.tensor(pattern, dtype=torch.bool)] = torch.nan
    values = model.values(x, check=False)
    found = averaged(model, values)
    torch.testing.assert_close(found, mean_over_orders(model, values), atol=1e-9, rtol=0)
    assert found[-1] == 0  # nothing is there


OTHERS = {
    "one order": f"observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via {DEEP}\n",
    "two orders": (f"observed x[2, 2] : binary\norder x by any(orders = 2)\np(x[i] | x[<i]) = bernoulli via {CONV}\n"),
    "a weak order": f"observed x[3, 3] : binary\norder x by checkerboard\np(x[i] | x[<i]) = bernoulli via {DEEP}\n",
    "a chain": f"observed x[5] : category(3)\np(x[i] | x[i-1]) = categorical via {DEEP}\n",
    "one context": f"given z[2] : real\nobserved x[4] : binary\np(x | z) = bernoulli via {DEEP}\n",
    "a window under all orders": f"observed x[4] : binary\n{ALL}p(x[i] | x[<i] last 2) = bernoulli via {DEEP}\n",
    "a field under all orders": (
        f"record x {{ a : binary  b : binary  c : category(3) }}\n{ALL}net body = {DEEP}\n"
        "p(x.a | x[<]) = bernoulli via body\np(x.b | x[<]) = bernoulli via body\n"
        "p(x.c | x[<]) = categorical via body\n"
    ),
    "several variables": (
        f"observed y[2] : binary\nobserved x[3] : binary\norder x by any(orders = 3)\nnet body = {DEEP}\n"
        "p(y[i] | y[<i]) = bernoulli via body\np(x[i] | x[<i], y) = bernoulli via body\n"
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_one_context_of_each_example_is_on_average_the_likelihood(name: str) -> None:
    """By many draws: within five standard errors."""
    spec = ardsl.loads(OTHERS[name])
    model = with_random_weights(spec)
    assert isinstance(model, Density)
    some = {key: value[1:2] for key, value in every_value(spec).items()}
    values = model.values(some, some_given(spec))
    times = 1000 if "under all orders" in name else 20_000
    with torch.no_grad():
        if "under all orders" in name:
            expected = mean_over_orders(model, values)
        else:
            under = [model.log_prob_of(values, k) for k in range(max(g.order_count for g in model.groups))]
            expected = torch.stack(under).mean(0)
        repeated = {key: value.expand(times, -1) for key, value in values.items()}
        estimates = estimate(model, repeated, np.random.default_rng(0))
    apart = (estimates.mean() - expected).abs().item()
    assert apart <= 5 * estimates.std().item() / times**0.5 + 1e-9
    assert (estimates.std() > 1e-9) == (name != "one context")


def test_processes_share_the_questions_of_a_batch() -> None:
    """Two halves of a batch are estimated as the whole is."""
    model = with_random_weights(ardsl.loads(ORDERLESS["given"]))
    x = torch.randint(0, 2, (10, 3), generator=torch.Generator().manual_seed(0))
    y = torch.arange(10) % 3
    whole = -estimate(model, model.values(x, y), np.random.default_rng(7))  # type: ignore[arg-type]
    for rank in range(2):
        own = slice(rank, None, 2)
        batch = {"x": x[own], "y": y[own]}
        loss = model.objective(batch, np.random.default_rng(7), rows=Rows(10, own)).value
        torch.testing.assert_close(loss, whole[own].mean())


def test_a_latent_model_s_bound_is_of_exact_likelihoods() -> None:
    """An average over z of an estimate's exponential would be no bound."""
    text = "latent z : category(2)\nobserved x[3] : binary\np(z) = categorical\nq(z) = exact\n"
    model = with_random_weights(ardsl.loads(text + f"p(x[i] | x[<i], z) = bernoulli via {DEEP}\n"))
    x = torch.tensor([[0, 1, 1], [1, 0, 0]])
    expected = -model.log_prob_bound(x, samples=1).mean()  # type: ignore[union-attr]
    for seed in range(3):
        torch.testing.assert_close(model.loss({"x": x}, np.random.default_rng(seed)), expected)
