"""Missing values given the rest of their example, against enumeration of the same model."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.compiler.queries.cells import cell_log_probs, joint_log_probs
from ardsl.compiler.queries.complete import OrderForbids, complete
from ardsl.compiler.steps.evaluator import Lender
from tests.support.missing_specs import ARRAY, CONV, DEEP, GIVEN, RECORD, compiled, levels
from tests.support.table_specs import Table, tables

FIXED = RECORD.replace('any(orders = ORDERS, seed = 3, train = "all")', "[c, a, d, b]")
MIXED = """
observed z : category(3)
observed x[3] : binary
observed y : integer(0, 2)
p(z) = categorical
p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])
p(y | x, z) = categorical via mlp(hidden = [8])
"""
TOGETHER = """
observed x[2, 2] : real
order x by raster
p(x[t, *] | x[<]) = multivariate_normal via made(hidden = [8])
"""


def every(model) -> torch.Tensor:
    return torch.tensor(list(product(*levels(model.spec.model.observed[0]))), dtype=torch.float64)


@pytest.mark.parametrize(
    ("text", "gaps"),
    [(RECORD, [0, 1]), (ARRAY, [4, 0]), (FIXED, [3, 1]), (GIVEN, [2, 0]), (DEEP, [2, 3]), (CONV, [1, 2])],
)
@torch.no_grad()
def test_what_is_filled_in_follows_the_conditional(text: str, gaps: list[int]) -> None:
    """20,000 completions of one example, by the frequencies of their values; the rest stays as it was."""
    model = compiled(text, 3)
    variable = model.spec.model.observed[0]
    label = {"label": torch.tensor(1)} if model.spec.model.given else None
    some = every(model)[11]
    missing = torch.isin(torch.arange(variable.size), torch.tensor(gaps))
    n = 20_000
    gap = torch.where(missing, torch.nan, some).repeat(n, 1)
    found = model.complete(gap, label, seed=5).double()
    assert torch.equal(found[:, ~missing], some[~missing].repeat(n, 1))
    candidates = every(model)[(every(model) == some)[:, ~missing].all(1)]
    log_p = exact(model, candidates, label, missing.numpy())
    wanted = log_p.softmax(0)
    counts = torch.stack([(found == c).all(1).double().mean() for c in candidates])
    assert counts.sum() == pytest.approx(1)
    assert ((counts - wanted).abs() < 5 * (wanted * (1 - wanted) / n).sqrt() + 1e-9).all()


def exact(model, x: torch.Tensor, label: object, missing: np.ndarray) -> torch.Tensor:
    from ardsl.compiler.likelihood.missing import placed_last

    variable = model.spec.model.observed[0]
    if variable not in model.may_miss:
        return model.log_prob(x, label)
    values, group = model.values(x, label), model.groups[0]
    orders = [group.orders(0) | {variable.name: placed_last(o, missing)} for o in variable.orders.orders]
    return torch.stack([sum(p.sum(-1) for p in model.draw_log_probs(0, values, o)) for o in orders]).logsumexp(0)


@torch.no_grad()
def test_the_most_likely_of_one_gap_is_the_mode() -> None:
    model = compiled(FIXED, 1)
    x = every(model)
    gap = x.clone()
    gap[:, 1] = torch.nan  # b, the last drawn
    filled = model.complete(gap, likely=True)
    conditional = joint_log_probs(model, model.values(x), model.spec.model.observed[0], 1, torch.arange(3.0).double())
    assert torch.equal(filled[:, 1], conditional.argmax(1).double())


@torch.no_grad()
def test_the_most_likely_number_is_near_the_mode() -> None:
    text = "observed x[2] : real\np(x[i] | x[<i]) = normal via made(hidden = [8])"
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    filled = model.complete(torch.tensor([[0.3, torch.nan]], dtype=torch.float64), likely=True)
    raw = model.conditional_parameters(0, model.values(filled))[0][:, 1]
    assert filled[0, 1] == pytest.approx(model.conditionals[0][0].parameters(raw)["loc"].item(), abs=0.02)


@torch.no_grad()
def test_variables_with_different_numbers_of_orders() -> None:
    """Each is filled by its own conditional, whatever the other's orders."""
    text = """
observed x[3] : binary
observed y[2] : binary
order x by any(orders = 3, train = "all")
order y by any(orders = 2, train = "all")
p(x[i] | x[<i]) = bernoulli via made(hidden = [8])
p(y[i] | y[<i]) = bernoulli via made(hidden = [8])
"""
    model = compiled(text, 0)
    nan, n = torch.nan, 20_000
    x = {"x": torch.tensor([1.0, nan, 0.0]).repeat(n, 1), "y": torch.tensor([nan, 1.0]).repeat(n, 1)}
    found = model.complete(x, seed=2)
    for name, element in (("x", 1), ("y", 0)):
        variable = model.spec.variables[name]
        row = model.values({key: value[:1] for key, value in x.items()})
        wanted = cell_log_probs(model, row, variable, element, torch.tensor([0.0, 1.0]).double())[0, 1].exp().item()
        assert abs(found[name][:, element].double().mean().item() - wanted) < 5 * (wanted * (1 - wanted) / n) ** 0.5


@torch.no_grad()
def test_whole_variables_are_filled_in_their_order() -> None:
    model = compiled(MIXED, 1)
    nan = torch.nan
    x = {
        "z": torch.tensor([1.0, 0.0, nan]),
        "x": torch.tensor([[0.0, 1, 1], [1, nan, nan], [nan, nan, nan]]),
        "y": torch.tensor([nan, nan, nan]),
    }
    found = model.complete(x, seed=1)
    assert found["z"][:2].tolist() == [1, 0] and found["x"][1, 0] == 1
    assert all(set(v.unique().tolist()) <= {0, 1, 2} for v in found.values())


@pytest.mark.parametrize(
    ("text", "x", "message"),
    [
        (FIXED, torch.tensor([[0.0, 1, torch.nan, 1]]), "`row.c` is missing and `row.b`, which the order draws after"),
        (
            TOGETHER,
            torch.tensor([[[0.0, 1], [torch.nan, 1]]]),
            "`x\\[1, 0\\]` is missing and `x\\[1, 1\\]`, which the order draws together with it, is there: "
            "`model.draws` draws given any cells, and `impute` fills any gap",
        ),
        (
            TOGETHER,
            torch.tensor([[[torch.nan] * 2, [0, 1]]]),
            "`x\\[1, 0\\]`, which the order draws after it, is there",
        ),
        (
            MIXED,
            {"z": torch.tensor([torch.nan]), "x": torch.zeros(1, 3), "y": torch.tensor([1])},
            "`z` has missing values and `x`, which is drawn given them, is there",
        ),
        (
            FIXED.replace("[c, a, d, b]", "any(orders = 4)"),
            torch.tensor([[0.0, 1, torch.nan, 1]]),
            "`row.c` is missing and `row.[abd]`, which one of its 4 orders draws after it, is there: `model.draws`",
        ),
    ],
)
def test_an_order_that_forbids_it_says_so(text: str, x: object, message: str) -> None:
    with pytest.raises(OrderForbids, match=message):
        compiled(text, 1).complete(x)


@torch.no_grad()
def test_an_order_is_chosen_by_what_is_observed_alone() -> None:
    """Under several orders, without `train = "all"`: whatever stands in for missing values has no say in the choice."""
    text = "observed x[2] : binary\norder x by any(orders = 2, seed = 1)\n"
    text += "p(x[i] | x[<i]) = bernoulli via made(hidden = [8])"
    model = compiled(text, 2)
    assert len({tuple(order.permutation) for order in model.spec.variables["x"].orders.orders}) == 2
    n = 20_000
    found = model.complete(torch.full((n, 2), torch.nan), seed=3)
    for x in every(model):
        wanted = model.log_prob(x[None]).exp().item()
        frequency = (found == x).all(1).double().mean().item()
        assert abs(frequency - wanted) < 5 * (wanted * (1 - wanted) / n) ** 0.5


@pytest.mark.thorough
@settings(max_examples=20, deadline=None)
@given(tables(any_order=True), st.booleans())
@torch.no_grad()
def test_rows_together_are_filled_as_each_by_itself(table: Table, likely: bool) -> None:
    """Many patterns of gaps are drawn row by row under orders of their own, one pattern step by step: the same draws of
    the same noise."""
    model = table.model
    values = model.values(table.gaps, None if table.label is None else {"g": table.label})
    noise = model.noise(len(table.gaps), seed=4)
    lender = Lender(most=4)
    together = complete(model, lender, values, noise, likely=likely)["row"]
    for row in range(len(table.gaps)):
        own = {name: value[row : row + 1] for name, value in values.items()}
        alone = complete(model, lender, own, noise.rows(slice(row, row + 1)), likely=likely)["row"]
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-9, rtol=1e-9)
    assert torch.equal(together[~table.gaps.isnan()], values["row"][~table.gaps.isnan()])
