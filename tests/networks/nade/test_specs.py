"""The specs of this family that are shipped, on a few rows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ardsl

SPECS = Path(__file__).parents[3] / "specs"


@pytest.mark.thorough
def test_real_values_train() -> None:
    """Mixtures at every column; the loss of correlated columns falls below that of independent ones."""
    torch.manual_seed(0)
    rows = torch.randn(400, 1) + 0.3 * torch.randn(400, 11)
    spec = ardsl.load(SPECS / "wine_rnade.ar", components=3, hidden=10, rate=2e-2)
    run = ardsl.fit(spec, {"wine": rows}, epochs=15, seed=0, progress=False)
    alone = 0.5 * torch.log(2 * torch.pi * torch.e * rows.var(0)).sum().item()
    assert ardsl.evaluate(run.model, {"wine": rows}).nll < alone - 3


@pytest.mark.thorough
def test_images_train() -> None:
    torch.manual_seed(0)
    stripes = (torch.arange(28) % 4 < 2).float().expand(28, 28)
    images = torch.stack([stripes, 1 - stripes])[torch.randint(2, (200,))]
    spec = ardsl.load(SPECS / "mnist_nade.ar", hidden=16, rate=1e-1)
    run = ardsl.fit(spec, {"x": images}, epochs=40, seed=0, progress=False)
    assert ardsl.evaluate(run.model, {"x": images}).nll < 60  # a fair coin a pixel: 543
