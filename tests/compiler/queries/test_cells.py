"""One cell given the rest of its example, against enumeration of the same model."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.compiler.likelihood.missing import placed_last
from ardsl.compiler.queries.cells import cell_log_probs, each_cell_log_prob, joint_log_probs, relative_log_probs
from tests.compiler.queries.test_complete import FIXED, every
from tests.support.missing_specs import ARRAY, CONV, DEEP, GIVEN, RECORD, compiled, levels
from tests.support.table_specs import Table, tables


@pytest.mark.parametrize("text", [RECORD, FIXED, ARRAY, GIVEN, DEEP, CONV])
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


def slow_cell(table: Table, row: int, element: int, candidates: torch.Tensor) -> torch.Tensor:
    """log p(cell = c | what is observed of one row), [n], of the joints of the orders that draw what is observed, then
    the cell, then what is missing: one whole evaluation for each order and candidate."""
    model, variable = table.model, table.model.spec.model.observed[0]
    x = table.gaps[row].clone()
    missing = x.isnan().numpy()
    missing[element] = False
    label = None if table.label is None else {"g": table.label[row]}
    filled = torch.where(x.isnan(), table.whole[row], x).repeat(len(candidates), 1)
    values = model.values(filled, label)
    values["row"][:, element] = candidates
    joints, rest = [], []
    for declared in variable.orders.orders:
        cell = np.arange(variable.size) == element
        order = placed_last(placed_last(declared, cell), missing)
        blocks = model.draw_log_probs(0, values, model.groups[0].orders(0) | {"row": order})
        each = torch.cat(blocks, 1)  # a block for each column
        scales = [math.log(model.units.scale(variable, e)) for e in range(variable.size)]
        standardized = each + torch.tensor(scales, dtype=torch.float64)
        observed = torch.from_numpy(~missing & ~cell)
        rest.append(standardized[:, observed].sum(1))
        joints.append(rest[-1] + standardized[:, element])
    return torch.stack(joints).logsumexp(0) - torch.stack(rest).logsumexp(0)


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(tables(any_order=True), st.data())
@torch.no_grad()
def test_a_cell_under_all_orders_is_that_of_its_joints(table: Table, data: st.DataObject) -> None:
    model, variable = table.model, table.model.spec.model.observed[0]
    values = model.values(table.gaps, None if table.label is None else {"g": table.label})
    element = data.draw(st.integers(0, variable.size - 1))
    candidates = model.values(table.whole, None if table.label is None else {"g": table.label})["row"][:3, element]
    log_probs = cell_log_probs(model, values, variable, element, candidates)
    for row in range(len(log_probs)):
        expected = slow_cell(table, row, element, candidates)
        torch.testing.assert_close(log_probs[row], expected, atol=1e-9, rtol=1e-9)
    own = each_cell_log_prob(model, values, variable)
    assert torch.equal(own.isnan(), table.gaps.isnan())
    for column in range(variable.size):
        log_prob = cell_log_probs(model, values, variable, column, values["row"][:, column, None].nan_to_num(1.0))
        log_prob = log_prob[:, 0].masked_fill(table.gaps[:, column].isnan(), torch.nan)
        torch.testing.assert_close(own[:, column], log_prob, atol=1e-9, rtol=1e-9, equal_nan=True)


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(tables(any_order=False), st.data())
@torch.no_grad()
def test_candidates_are_evaluated_where_something_reads_them_alone(table: Table, data: st.DataObject) -> None:
    model, variable = table.model, table.model.spec.model.observed[0]
    label = None if table.label is None else {"g": table.label}
    element = data.draw(st.integers(0, variable.size - 1))
    candidates = model.values(table.whole, label)["row"][:4, element]
    gap = table.whole.clone()
    gap[::2, element] = torch.nan
    found = relative_log_probs(model, model.values(gap, label), variable, element, candidates)
    plain = joint_log_probs(model, model.values(table.whole, label), variable, element, candidates)
    torch.testing.assert_close(found.log_softmax(1), plain.log_softmax(1), atol=1e-9, rtol=1e-9)


@torch.no_grad()
def test_candidates_in_models_of_several_factors() -> None:
    """Factors that do not read the cell say nothing of it, those that do all count."""
    text = """
    observed z : category(3)
    observed x[3] : binary
    observed y : integer(0, 2)
    observed w : real
    p(z) = categorical
    p(x[i] | x[<i], z) = bernoulli via made(hidden = [8])
    p(y | x, z) = categorical via mlp(hidden = [8])
    p(w | y) = normal via linear
    """
    model = compiled(text, 1)
    x = model.sample(9, seed=0)
    values = model.values(x)
    for name, element, count in (("z", 0, 3), ("x", 0, 2), ("x", 2, 2), ("y", 0, 3)):
        variable, candidates = model.spec.variables[name], torch.arange(count).double()
        found = relative_log_probs(model, values, variable, element, candidates)
        plain = joint_log_probs(model, values, variable, element, candidates)
        torch.testing.assert_close(found.log_softmax(1), plain.log_softmax(1), atol=1e-10, rtol=0)
