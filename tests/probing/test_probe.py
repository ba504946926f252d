"""Probes of built modules by their gradients, also where they have backward passes of their own."""

from __future__ import annotations

import pytest

import ardsl


@pytest.mark.thorough
@pytest.mark.parametrize("network", ["made(hidden = 700)", "nade(hidden = 300)"])
def test_large_networks(network: str) -> None:
    spec = ardsl.loads(f"observed x[200] : binary\np(x[i] | x[<i]) = bernoulli via {network}")
    assert ardsl.verify_numeric(spec).complete
