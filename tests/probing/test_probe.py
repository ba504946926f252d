"""Probes of built modules by their gradients, also where they have backward passes of their own."""

from __future__ import annotations

import pytest

import ardsl


@pytest.mark.parametrize(
    "text",
    [
        "observed x[8] : real\np(x[i] | x[<i]) = normal via nade(hidden = 4, scaled = true, activation = tanh)",
        "observed x[60] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 4, scaled = true, transposed = true)",
        "observed x[time: 9, 8] : real\n"
        "p(x[t, i] | x[t, ..i-1], x[t-1, *]) = normal via nade(hidden = 4, activation = tanh, tied = time)",
    ],
)
def test_units_are_not_flat_where_sums_are_long(text: str) -> None:
    assert ardsl.verify_numeric(ardsl.loads(text)).complete


@pytest.mark.thorough
@pytest.mark.parametrize("network", ["made(hidden = 700)", "nade(hidden = 300)"])
def test_large_networks(network: str) -> None:
    spec = ardsl.loads(f"observed x[200] : binary\np(x[i] | x[<i]) = bernoulli via {network}")
    assert ardsl.verify_numeric(spec).complete
