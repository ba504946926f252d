"""The sums that steps carry: right in whatever order draws come, and after examples were exchanged."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ardsl
from ardsl.networks.stepper import Run
from ardsl.testing import with_random_weights

RECTANGLES = "observed x[3, 3] : binary\np(x[r, c] | x[..r-1, ..c]) = bernoulli via nade(hidden = 5{})"
CHORDS = (
    "observed x[time: 3, 3] : binary\n"
    "p(x[t, i] | x[t, ..i-1], x[t-1, *]) = bernoulli via nade(hidden = 5, tied = time{})"
)


def evaluated(model: ardsl.AutoregressiveModel, run: Run, x: torch.Tensor, ask: np.ndarray) -> torch.Tensor:
    """The parameters of all draws of the steps to ``ask`` for, those of others 0."""
    design, net = model.spec.plan.groups[0], model.networks[0]
    stepper = design.stepper(net, run)
    found = torch.zeros(len(x), design.group.draws, dtype=x.dtype)
    stepper.start(x[:, run.element_step == -1].T)
    for step in range(run.steps):
        drawn = np.flatnonzero(run.draw_step == step)
        if ask[step] and len(drawn):
            found[:, drawn] = stepper.parameters(step).T
        stepper.write(step, x[:, run.element_step == step].T)
    return found


@pytest.mark.parametrize("text", [RECTANGLES, CHORDS])
@pytest.mark.parametrize("options", ["", ", scaled = true, activation = tanh"])
@pytest.mark.parametrize("seed", range(5))
def test_any_schedule(text: str, options: str, seed: int) -> None:
    """Some elements are known from the start, draws come as late as one likes, and not all are asked for."""
    torch.manual_seed(seed)
    model = with_random_weights(ardsl.loads(text.replace("{}", options)))
    declared = model.spec.plan.groups[0].group.declared(model.spec.plan.groups[0].group.orders()).matrix()
    random = np.random.default_rng(seed)
    element_step = np.where(random.random(9) < 0.3, -1, random.integers(0, 12, 9))
    # A draw comes after all that it reads, at some step of those that are left; or it isn't drawn at all.
    ready = np.where(declared, element_step, -1).max(axis=1) + 1
    draw_step = np.where(random.random(9) < 0.1, -1, ready + random.integers(0, 4, 9))
    run = Run(4, 17, element_step, draw_step)
    x, ask = torch.randint(2, (4, 9)).double(), random.random(17) < 0.8
    with torch.no_grad():
        expected = model.networks[0](x)
        found = evaluated(model, run, x, ask)
    asked = (draw_step >= 0) & ask[draw_step]
    torch.testing.assert_close(found[:, asked], expected[:, asked])


def test_examples_are_exchanged_midway() -> None:
    torch.manual_seed(0)
    spec = ardsl.loads("observed x[6] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 5)")
    model = with_random_weights(spec)
    x, rows = torch.randint(2, (4, 6)).double(), torch.tensor([2, 2, 0, 1])
    stepper = spec.plan.groups[0].stepper(model.networks[0], Run(4, 6, np.arange(6), np.arange(6)))
    stepper.start(x.T[:0])
    for step in range(6):
        if step == 3:
            stepper.select(rows)
            x = x[rows]
        with torch.no_grad():
            torch.testing.assert_close(stepper.parameters(step)[0], model.networks[0](x)[:, step])
        stepper.write(step, x[:, step : step + 1].T)


def test_weights_as_they_are_now() -> None:
    spec = ardsl.loads("observed x[6] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 5, transposed = true)")
    model = with_random_weights(spec)
    model.sample(3, seed=0)
    for parameter in model.parameters():
        parameter.data.mul_(-0.7)
    noise = model.noise(50, seed=1)
    assert torch.equal(model.sample(50, noise=noise), model.sample(50, noise=noise, evaluator="whole"))
