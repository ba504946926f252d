"""The factors of a model with latent variables as Pyro programs: a model, and a guide for it.

Pyro's own tools take them: SVI, Predictive, render_model, enumeration, MCMC.
"""

from __future__ import annotations

from typing import Any

import pyro
import torch
from pyro.distributions import TorchDistribution
from torch import Tensor

from ardsl.compiler.arrays.users import by_name, conditioning, expand_given
from ardsl.compiler.latent.conditionals import LatentConditionals


def run_model(model: LatentConditionals, x: Any, given: Any, n: int) -> Any:
    """See :meth:`LatentModel.pyro_model`. Gives the observed values in the form of the data."""
    observed, values, count = _known(model, x, given, n)
    pyro.module(_name(model, "p"), model.chain)
    with pyro.plate("examples", count, dim=-1):
        for name, conditional in model.p.items():
            known = observed.get(name)
            site = _site(model, conditional, values, count)
            if name in model.enumerated:
                values[name] = pyro.sample(name, site, infer={"enumerate": "parallel"})
            else:
                values[name] = pyro.sample(name, site, obs=known)
    names = [v.name for v in model.spec.model.observed]
    return values[names[0]] if len(names) == 1 else {name: values[name] for name in names}


def run_guide(model: LatentConditionals, x: Any, given: Any) -> dict[str, Tensor]:
    """See :meth:`LatentModel.pyro_guide`."""
    observed, values, count = _known(model, x, given, 1)
    values |= observed
    if model.q:
        pyro.module(_name(model, "q"), model.guide)
    with pyro.plate("examples", count, dim=-1):
        for name, conditional in model.q.items():
            values[name] = pyro.sample(name, _site(model, conditional, values, count))
    return {name: values[name] for name in model.q}


def _site(model: LatentConditionals, conditional: Any, values: dict[str, Tensor], count: int) -> TorchDistribution:
    """The conditional given values that may have dimensions of their own before the examples: those that Pyro
    enumerates, or draws in parallel."""
    shapes = {v.name: v.shape for v in conditional.spec.model.given}
    batches = [values[name].shape[: values[name].ndim - len(shape)] for name, shape in shapes.items()]
    return model.site(conditional, values, torch.broadcast_shapes((count,), *batches))


def _known(model: LatentConditionals, x: Any, given: Any, n: int) -> tuple[dict[str, Tensor], dict[str, Tensor], int]:
    """The observed values, those that all read (given, and observed where ``x`` is), and the number of examples."""
    spec = model.spec.model
    if x is not None:
        every = model.values(x, given)
        return (
            {v.name: every[v.name] for v in spec.observed},
            {v.name: every[v.name] for v in spec.given},
            model.count(every),
        )
    named = by_name(given, spec.given, "`given`")
    rows = expand_given(conditioning(named, spec.given, model.like), n)
    return {}, {v.name: rows[v.name].reshape(n, *v.shape) for v in spec.given}, n


def _name(model: LatentConditionals, kind: str) -> str:
    """A name in Pyro's parameter store that no other model has."""
    return f"{model.spec.name} {kind} {model.mark}"
