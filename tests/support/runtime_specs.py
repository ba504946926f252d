"""Small specs that the runtime's tests train and evaluate."""

from __future__ import annotations

import numpy as np
import torch

from ardsl.diagnostics import Source
from ardsl.spec import Spec, diagnose

MADE = "observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])\n"
PEOPLE = """
record person {
  age    : real
  city   : category("Bern", "Chur", "New York")
  member : binary
  visits : count
}
p(person[i] | person[<i]) = default via made(hidden = [8])
"""
CONDITIONAL = """
given    label : category(3)
observed x[2, 3] : binary
p(x[i] | x[<i], label) = bernoulli via made(hidden = [8])
"""


def spec_in(directory: object, text: str) -> Spec:
    """The spec that a file with this text in this folder would give."""
    diagnostics, spec = diagnose(Source(text, "<spec>", str(directory)))
    assert spec is not None, diagnostics
    return spec


def made(train: str = "", data: str = "", directory: str = ".") -> Spec:
    """Four binary elements; ``train`` and ``data`` are the insides of these blocks."""
    return spec_in(directory, f"{MADE}data {{ {data} }}\ntrain {{ {train} }}\n")


def correlated(n: int, seed: int = 0) -> torch.Tensor:
    """Bits that repeat their neighbour nine times in ten: uint8 [n, 4]. Independent, they take 4 ln 2 nats."""
    random = np.random.default_rng(seed)
    flips = random.random((n, 4)) < [0.5, 0.1, 0.1, 0.1]
    return torch.from_numpy((np.cumsum(flips, axis=1) % 2).astype(np.uint8))
