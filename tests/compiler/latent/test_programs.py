"""Pyro programs of latent variables of every family: its own inference takes steps with any pair of them."""

from __future__ import annotations

import math
from itertools import product

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

import ardsl
from ardsl.families.catalogue import CATALOGUE

DOMAINS = ("binary", "category(4)", "integer(1, 3)", "mulaw(8)", "count", "real", "positive", "unit_interval", "angle")
INNER = ("bernoulli", "categorical", "poisson", "normal", "gamma", "beta", "von_mises", "soft_asymmetric_laplace")
FAMILIES = (*CATALOGUE, "discretized(logistic)", *(f"mixture({name}, components = 2)" for name in INNER))


def text(domain: str, prior: str, guide: str) -> str:
    return (
        f"latent z[2] : {domain}\nobserved x : real\np(z) = {prior}\np(x | z) = normal via mlp(hidden = [3])\n"
        f"q(z | x) = {guide} via mlp(hidden = [3])\n"
    )


def families_of(domain: str) -> list[str]:
    """The families that a latent variable of a domain may have, on both sides."""
    possible = []
    for name in FAMILIES:
        try:
            ardsl.loads(text(domain, name, name))
        except ardsl.SpecError:
            continue
        possible.append(name)
    return possible


@pytest.mark.thorough
@pytest.mark.parametrize("domain", DOMAINS)
def test_pyros_inference_takes_a_step_with_every_pair_of_families(domain: str) -> None:
    """Of large domains each family stands on either side once."""
    families = families_of(domain)
    one_side = [(families[0], name) for name in families] + [(name, families[0]) for name in families]
    pairs = list(product(families, families)) if len(families) < 6 else one_side
    for prior, guide in pairs:
        model = ardsl.compile(ardsl.loads(text(domain, prior, guide)), seed=0)
        pyro.clear_param_store()
        torch.manual_seed(0)
        optimizer = pyro.optim.Adam({"lr": 1e-3})
        loss = SVI(model.pyro_model, model.pyro_guide, optimizer, Trace_ELBO()).step(torch.randn(5))
        assert math.isfinite(loss), (prior, guide)
    pyro.clear_param_store()
