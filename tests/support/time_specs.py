"""Specs along time, and models of them with weights that matter."""

from __future__ import annotations

import torch

import ardsl

WAVENET = "wavenet(blocks = 1, layers = 3, features = 6, skip = 8)"
SPECS = {
    "codes": f"observed x[time: ..40] : mulaw(16)\np(x[t] | x[<t] within 8) = categorical via {WAVENET}\n",
    "numbers given a text": (
        "given text[10] : real\nobserved x[time: 40] : real\n"
        f"p(x[t] | x[<t] within 8, text[..t / 4]) = mixture(normal, components = 2) via {WAVENET}\n"
    ),
    "channels": f"observed x[time: ..40, 2] : binary\np(x[i] | x[<i] within (8, *)) = bernoulli via {WAVENET}\n",
    "drawn together": (
        f"observed x[time: 40, 2] : real\np(x[t, *] | x[<] within (8, *)) = multivariate_normal via {WAVENET}\n"
    ),
}


def compiled(text: str) -> ardsl.AutoregressiveModel:
    """In float64, the same at every call."""
    model = ardsl.compile(ardsl.loads(text), seed=1, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.6, generator=generator)
    return model
