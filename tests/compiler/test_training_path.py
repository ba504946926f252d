"""Training multiplies by the masks' real shape; the densities and gradients are those of the plain masked product."""

from __future__ import annotations

import pytest
import torch
from small_specs import SPECS, every_value, some_given
from soundness import compiled

import ardsl

CASES = [name for name in SPECS if "any" not in name and "table" not in name and "tied" not in name]


@pytest.mark.parametrize("name", CASES)
def test_training_equals_evaluation(name: str) -> None:
    spec = ardsl.loads(SPECS[name].replace(", dropout = 0.2", ""))
    x, given = every_value(spec), some_given(spec)
    rows = next(iter(x.values())).shape[0]
    batch = x | {k: v.expand(rows, *v.shape[1:]) for k, v in (given or {}).items()}
    found = []
    for training in (True, False):
        model = compiled(spec).train(training)
        loss = model.loss(batch)
        loss.backward()
        found.append([loss.detach(), *(p.grad for p in model.parameters() if p.grad is not None)])
    for first, second in zip(*found, strict=True):
        torch.testing.assert_close(first, second)
