"""Faults that are known and not mended yet: which generated specs show them, and in which properties. Each goes with
the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.described import Box, Described, Domain, Factor
from tests.support.generator import PARAMETERS

EVERYTHING = (
    "samples",
    "elementwise",
    "gradients",
    "normalization",
    "frequencies",
    "fresh",
    "lengths",
    "missing",
    "latent",
    "pyro",
    "saving",
)


def _factors(described: Described) -> list[tuple[Factor, Domain]]:
    return [(f, described.variables[f.variable].domain(f.field or 0)) for f in described.factors]


def two_values_that_are_not_binary(described: Described) -> bool:
    return any(
        domain.levels == 2 and domain.kind != "binary" and "bernoulli" in factor.family
        for factor, domain in _factors(described)
    )


def joint_draws_in_a_shared_net(described: Described) -> bool:
    nets = [f.network for f in described.factors if described.variables[f.variable].events]
    return any(network and "(" not in network for network in nets)


def values_beyond_an_end(described: Described) -> bool:
    return any(v.ends for v in described.variables.values())


def latent_codes(described: Described) -> bool:
    drawn = {f.variable for f in described.factors if f.kind == "q" and f.family != "exact"}
    domains = [described.variables[name].domains[0] for name in drawn]
    return any(d.values is not None and d.values != tuple(range(len(d.values))) for d in domains)


def the_same_order_twice(described: Described) -> bool:
    return any(v.order.natural for v in described.variables.values())


def all_parameters_fixed(described: Described) -> bool:
    return any(_all_fixed(factor.family) for factor in described.factors)


def _all_fixed(family: str) -> bool:
    inner = family.removeprefix("discretized(")
    name = inner.split("(")[0]
    return name in PARAMETERS and all(f"{parameter} =" in inner for parameter in PARAMETERS[name])


def tied_fields_under_any(described: Described) -> bool:
    return any(
        f.field is not None and "tied" in f.network and described.variables[f.variable].order.mixed
        for f in described.factors
    )


def laws_that_pyro_cannot_expand(described: Described) -> bool:
    return bool(described.of("latent")) and gradients_of_soft_asymmetric_laplace(described)


def mixtures_that_pyro_cannot_enumerate(described: Described) -> bool:
    exact = {f.variable for f in described.factors if f.kind == "q" and f.family == "exact"}
    laws = [f.family for f in described.factors if f.kind == "p" and f.variable in exact]
    return any("mixture" in law or "discretized" in law for law in laws)


def guides_of_another_family(described: Described) -> bool:
    """Pyro compares the supports of model and guide."""
    families = {f.variable: f.family for f in described.factors if f.kind == "p"}
    guides = [f for f in described.factors if f.kind == "q" and f.family != "exact"]
    return any(described.variables[f.variable].domains[0].values and families[f.variable] != f.family for f in guides)


def draws_at_a_step_of_wavenet(described: Described) -> bool:
    """What is read up to a moment may have other elements that are drawn at the same step."""
    return any(
        "wavenet" in f.network
        and any(isinstance(c.how, Box) and described.variables[c.source].kind != "given" for c in f.contexts)
        for f in described.factors
    )


def gradients_of_soft_asymmetric_laplace(described: Described) -> bool:
    return any("soft_asymmetric_laplace" in factor.family for factor in described.factors)


def gradients_of_student_t(described: Described) -> bool:
    return any("student_t" in factor.family for factor in described.factors)


KNOWN: Mapping[Callable[[Described], bool], tuple[str, ...]] = {
    two_values_that_are_not_binary: EVERYTHING,
    joint_draws_in_a_shared_net: ("steps", *EVERYTHING),
    values_beyond_an_end: ("samples",),
    latent_codes: EVERYTHING,
    the_same_order_twice: ("orders", "steps", *EVERYTHING),
    all_parameters_fixed: ("soundness", *EVERYTHING),
    tied_fields_under_any: ("soundness", *EVERYTHING),
    draws_at_a_step_of_wavenet: EVERYTHING,
    laws_that_pyro_cannot_expand: ("pyro",),
    guides_of_another_family: ("pyro",),
    mixtures_that_pyro_cannot_enumerate: ("pyro",),
    gradients_of_soft_asymmetric_laplace: ("gradients",),
    gradients_of_student_t: ("gradients",),
}
"""By fault, the properties that fail."""


def excused(described: Described) -> set[str]:
    return {name for shows, names in KNOWN.items() if shows(described) for name in names}
