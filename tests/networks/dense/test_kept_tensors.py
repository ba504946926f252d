"""What a network keeps while it samples does not stand in the way of gradients later."""

from __future__ import annotations

import pytest
import torch

import ardsl

SPECS = {
    "tied": "observed x[5] : real\np(x[t] | x[t-1]) = normal via linear(tied = true)\n",
    "table": "observed x[5] : category(3)\np(x[i]) = categorical via table\n",
    "made": "observed x[5] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [4])\n",
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("first", ["sample", "inference"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_after_samples(name: str, first: str, dtype: torch.dtype) -> None:
    model = ardsl.compile(ardsl.loads(SPECS[name]), seed=0, dtype=dtype)
    x = model.sample(4, seed=0)
    assert isinstance(x, torch.Tensor)
    if first == "inference":
        model = ardsl.compile(ardsl.loads(SPECS[name]), seed=0, dtype=dtype)
        with torch.inference_mode():
            model.log_prob(x)
    model.loss({"x": x}).backward()
    assert any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in model.parameters())
