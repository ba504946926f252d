"""Training multiplies by the masks' real shape; the densities and gradients are those of the plain masked product."""

from __future__ import annotations

import pytest
import torch

import ardsl
from ardsl.testing import every_value, some_given, with_random_weights
from tests.support.small_specs import SPECS

CASES = [name for name in SPECS if "any" not in name and "table" not in name and "tied" not in name]


@pytest.mark.parametrize("name", CASES)
def test_training_equals_evaluation(name: str) -> None:
    spec = ardsl.loads(SPECS[name].replace(", dropout = 0.2", ""))
    x, given = every_value(spec), some_given(spec)
    rows = next(iter(x.values())).shape[0]
    batch = x | {k: v.expand(rows, *v.shape[1:]) for k, v in (given or {}).items()}
    found = []
    for training in (True, False):
        model = with_random_weights(spec).train(training)
        loss = model.loss(batch)
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize("width", [8, 600])
def test_evaluation_after_a_fused_step_sees_the_new_weights(width: int) -> None:
    """Fused optimizers change weights without raising their version, which the caches go by."""
    spec = ardsl.loads(f"observed x[300] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = {width})\n")
    model = ardsl.compile(spec)
    x = (torch.rand(20, 300) < 0.5).float()
    optimizer = torch.optim.Adam(model.parameters(), 0.1, fused=True)
    noise = model.noise(20, seed=0)
    for _ in range(2):
        with torch.no_grad():
            model.eval().log_prob(x)
            model.sample(20, noise=noise)
        model.train().loss({"x": x}).backward()
        optimizer.step()
    fresh = ardsl.compile(spec)
    fresh.load_state_dict(model.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(model.eval().log_prob(x), fresh.eval().log_prob(x))
    assert torch.equal(model.sample(20, noise=noise), fresh.sample(20, noise=noise))
    assert model.networks[0]._staircases()[0].__class__ is (list if width == 600 else torch.Tensor)


def test_a_model_without_parameters_has_a_density() -> None:
    model = ardsl.compile(ardsl.loads("observed x[3] : real\np(x) = normal(0, 1)\n"))
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(torch.ones(2, 3)).sum(-1)
    torch.testing.assert_close(model.log_prob(torch.ones(2, 3)), expected)
    assert model.sample(4, seed=0).shape == (4, 3)
