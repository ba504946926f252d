"""One family of every kind: the catalogue, mixtures and discretized laws, each on a domain it fits."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.distributions import Conditional, build_family
from ardsl.families.domains import (
    Angle,
    Binary,
    Category,
    Count,
    Domain,
    Integer,
    MuLaw,
    Positive,
    Real,
    UnitInterval,
)
from ardsl.families.entry import Entry
from ardsl.families.family import Family
from ardsl.families.fitting import discretizes
from ardsl.families.resolve import catalogue_family, discretized_family, mixture_family

DOMAINS: dict[str, Domain] = {
    "boolean": Binary(),
    "levels": Category(5),
    "interval": Integer(-2, 3),
    "nonnegative_integers": Count(),
    "real": Real(),
    "positive": Positive(),
    "unit_interval": UnitInterval(),
    "angle": Angle(),
}


@dataclass(frozen=True)
class Case:
    """A family on its domain; ``support`` is that of the law's own values."""

    family: Family
    domain: Domain

    @property
    def law(self) -> Conditional:
        return build_family(self.family, self.domain)

    def raw(self, *batch: int, seed: int = 0, spread: float = 0.4) -> Tensor:
        """Raw numbers near where training starts, float64 [*batch, width]."""
        generator = torch.Generator().manual_seed(seed)
        start = self.law.initial_raw().double()
        return start + spread * torch.randn(*batch, self.family.width, generator=generator, dtype=torch.float64)

    def noise(self, *batch: int, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        uniform = torch.rand(*batch, self.family.uniforms, generator=generator, dtype=torch.float64)
        return uniform.clamp(1e-12, 1 - 1e-12)

    def __str__(self) -> str:
        return f"{self.family} of {self.domain}"


def plain(entry: Entry) -> Case:
    fixed = {"total_count": 5.0} if entry.support == "interval" else None
    domain = DOMAINS[entry.support]
    return Case(catalogue_family(entry, domain, 2 if entry.joint else 1, fixed), domain)


def mixed(case: Case, components: int = 3) -> Case:
    return Case(mixture_family(case.family, components), case.domain)


def discretized(name: str, domain: Domain) -> Case:
    return Case(discretized_family(catalogue_family(CATALOGUE[name], domain)), domain)


PLAIN = [plain(entry) for entry in CATALOGUE.values()]
SCALAR = [case for case in PLAIN if case.family.event == 1]
DISCRETIZED = [
    discretized(name, domain)
    for domain in (Integer(-3, 12), Count())
    for name, entry in CATALOGUE.items()
    if discretizes(entry, domain)
] + [discretized("logistic", MuLaw(16)), discretized("kumaraswamy", MuLaw(16))]
MIXED = [mixed(case) for case in PLAIN + DISCRETIZED[:4]]
NESTED = [mixed(mixed(plain(CATALOGUE["normal"]), 2)), mixed(mixed(DISCRETIZED[0], 2))]
ALL = PLAIN + DISCRETIZED + MIXED + NESTED
