"""One cell given the rest of its example, against enumeration of the same model."""

import numpy as np
import pytest
import torch

from ardsl.compiler.queries.cells import cell_log_probs, joint_log_probs
from tests.compiler.queries.test_complete import FIXED, every
from tests.support.missing_specs import ARRAY, GIVEN, RECORD, compiled, levels


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
