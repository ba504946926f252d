"""Values of a spec's variables for tests: all that there are of those observed, and some of those given."""

from __future__ import annotations

from itertools import product
from math import prod

import torch
from torch import Tensor

from ardsl.families.domains import Domain
from ardsl.probing.probe import two_values
from ardsl.spec import Spec


def values(domain: Domain) -> list[float]:
    """Every value of a finite domain, in the data's own form. Raises ``TypeError`` of one that is not finite."""
    if domain.levels is None:
        raise TypeError(f"{domain} is not finite")
    every: list[float] = domain.value(torch.arange(domain.levels, dtype=torch.float64)).tolist()
    return every


def value_count(spec: Spec) -> int | None:
    """The number of joint values of the observed variables; None where they are not finite."""
    levels = [v.element_domain(e).levels for v in spec.model.observed for e in range(v.size)]
    return None if None in levels else prod(n for n in levels if n is not None)


def every_value(spec: Spec) -> dict[str, Tensor]:
    """All joint values of the observed variables by name: [values, *shape], float64."""
    places = [(v, e) for v in spec.model.observed for e in range(v.size)]
    table = torch.tensor(list(product(*(values(v.element_domain(e)) for v, e in places))), dtype=torch.float64)
    parts = table.split([v.size for v in spec.model.observed], dim=1)
    return {v.name: value.reshape(-1, *v.shape) for v, value in zip(spec.model.observed, parts, strict=True)}


def some_given(spec: Spec, seed: int = 0) -> dict[str, Tensor] | None:
    """One random value of every ``given`` variable by name: [1, *shape], float64; None where there is none."""
    generator = torch.Generator().manual_seed(seed)
    given = {}
    for variable in spec.model.given:
        domain, shape = variable.element_domain(0), (1, *variable.shape)
        if domain.shifts:
            given[variable.name] = torch.randn(shape, generator=generator, dtype=torch.float64)
        else:
            drawn = [two_values(domain, generator)[0] for _ in range(variable.size)]
            given[variable.name] = torch.stack(drawn).double().reshape(shape)
    return given or None
