"""A cell given the rest, and what is missing given the rest, against enumeration of the same model."""

from itertools import product

import numpy as np
import pytest
import torch

import ardsl
from ardsl.compiler.queries.conditional import OrderForbids, cell_log_probs, joint_log_probs
from tests.support.missing_specs import ARRAY, GIVEN, RECORD, compiled, levels

FIXED = RECORD.replace('any(orders = ORDERS, seed = 3, train = "all")', "[c, a, d, b]")
MIXED = """
observed z : category(3)
observed x[3] : binary
observed y : integer(0, 2)
p(z) = categorical
p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])
p(y | x, z) = categorical via mlp(hidden = [8])
"""


def every(model) -> torch.Tensor:
    return torch.tensor(list(product(*levels(model.spec.model.observed[0]))), dtype=torch.float64)


@pytest.mark.parametrize("text", [RECORD, FIXED, ARRAY, GIVEN])
@torch.no_grad()
def test_a_cell_given_the_rest_is_bayes_rule(text: str) -> None:
    """Normalized over the cell's values it is the conditional of the joint; under all orders it needs no normalizing,
    and is that of the orders which draw the cell last."""
    model = compiled(text, 3)
    variable = model.spec.model.observed[0]
    label = {"label": torch.tensor(2)} if model.spec.model.given else None
    x = every(model)[::5]
    for element in range(variable.size):
        candidates = torch.tensor(levels(variable)[element], dtype=torch.float64)
        ask = cell_log_probs if variable in model.may_miss else joint_log_probs
        found = ask(model, model.values(x, label), variable, element, candidates)
        whole = x[:, None].repeat(1, len(candidates), 1)
        whole[..., element] = candidates
        if variable in model.may_miss:
            gap = torch.where(torch.arange(variable.size) == element, torch.nan, x)
            last = model.log_prob(gap, label)  # orders with the cell last: the marginal of the rest
            assert torch.allclose(found.logsumexp(1), torch.zeros(len(x), dtype=torch.float64), atol=1e-10)
            own = found.gather(1, (candidates == x[:, element, None]).long().argmax(1, keepdim=True))[:, 0]
            joint = sum_last(model, x, label, element)
            torch.testing.assert_close(last + own, joint, atol=1e-10, rtol=0)
        else:
            joint = model.log_prob(whole.flatten(0, 1), label).reshape(found.shape)
            torch.testing.assert_close(found.log_softmax(1), joint.log_softmax(1), atol=1e-10, rtol=0)


def sum_last(model, x: torch.Tensor, label: object, element: int) -> torch.Tensor:
    """log p(x) of the mixture of the orders that draw one element last."""
    from ardsl.compiler.likelihood.missing import placed_last

    variable = model.spec.model.observed[0]
    mask = np.arange(variable.size) == element
    values, group = model.values(x, label), model.groups[0]
    each = [
        sum(p.sum(-1) for p in model.draw_log_probs(0, values, group.orders(0) | {variable.name: placed_last(o, mask)}))
        for o in variable.orders.orders
    ]
    return torch.stack(each).logsumexp(0) - np.log(len(each))


@torch.no_grad()
def test_a_cell_beside_missing_ones() -> None:
    """With other cells missing too, the cell's distribution is that of the orders: observed, cell, missing."""
    model = compiled(RECORD, 3)
    variable = model.spec.model.observed[0]
    x = every(model)[::7].clone()
    x[::2, 3] = torch.nan
    x[1::3, 0] = torch.nan
    found = cell_log_probs(model, model.values(x), variable, 1, torch.arange(3.0, dtype=torch.float64))
    assert torch.allclose(found.logsumexp(1), torch.zeros(len(x), dtype=torch.float64), atol=1e-10)
    one_by_one = torch.cat(
        [cell_log_probs(model, model.values(row[None]), variable, 1, torch.arange(3.0).double()) for row in x]
    )
    torch.testing.assert_close(found, one_by_one, atol=1e-12, rtol=0)


@pytest.mark.parametrize(("text", "gaps"), [(RECORD, [0, 1]), (ARRAY, [4, 0]), (FIXED, [3, 1]), (GIVEN, [2, 0])])
@torch.no_grad()
def test_what_is_filled_in_follows_the_conditional(text: str, gaps: list[int]) -> None:
    """20,000 completions of one example, by the frequencies of their values; the rest stays as it was."""
    model = compiled(text, 3)
    variable = model.spec.model.observed[0]
    label = {"label": torch.tensor(1)} if model.spec.model.given else None
    some = every(model)[11]
    missing = torch.isin(torch.arange(variable.size), torch.tensor(gaps))
    n = 20_000
    given = torch.where(missing, torch.nan, some).repeat(n, 1)
    found = model.complete(given, label, seed=5).double()
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
            MIXED,
            {"z": torch.tensor([torch.nan]), "x": torch.zeros(1, 3), "y": torch.tensor([1])},
            "`z` has missing values and `x`, which is drawn given them, is there",
        ),
    ],
)
def test_an_order_that_forbids_it_says_so(text: str, x: object, message: str) -> None:
    with pytest.raises(OrderForbids, match=message):
        compiled(text, 1).complete(x)
