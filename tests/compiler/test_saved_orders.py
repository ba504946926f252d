"""Weights are saved with the orders they belong to, rank per element."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

import ardsl

SPEC = "param seed = 1\nobserved x[6] : binary\norder x by {}\np(x[i] | x[<i]) = bernoulli via made(hidden = 8)\n"


@pytest.mark.parametrize("order", ["shuffle(seed = seed)", "any(orders = 3, seed = seed)"])
def test_weights_under_another_order_are_refused(order: str) -> None:
    first, same, other = (ardsl.compile(ardsl.loads(SPEC.format(order), seed=seed), seed=seed) for seed in (1, 1, 2))
    state = first.state_dict()
    assert torch.equal(
        state["rank_x"], torch.stack([torch.tensor(o.rank.tolist()) for o in first.spec.variables["x"].orders])
    )
    same.load_state_dict(state)
    with pytest.raises(ardsl.ArdslError, match="another order of `x`"):
        other.load_state_dict(state)


def test_a_copy_of_a_model_is_a_model_of_its_own() -> None:
    model = ardsl.compile(ardsl.loads(SPEC.format("snake")), seed=0)
    copied = deepcopy(model)
    x = model.sample(5, seed=0)
    assert torch.equal(copied.log_prob(x), model.log_prob(x))
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.add_(1.0)
    assert not torch.equal(copied.log_prob(x), model.log_prob(x))
    assert torch.equal(model.sample(5, seed=0), x)
