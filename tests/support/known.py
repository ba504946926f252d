"""Faults that are known and not mended yet: which generated specs show them, and in which properties. Each goes with
the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.described import Described


def values_beyond_an_end(described: Described) -> bool:
    return any(v.ends for v in described.variables.values())


def soft_asymmetric_laws_beside_latent_variables(described: Described) -> bool:
    return bool(described.of("latent")) and any("soft_asymmetric_laplace" in f.family for f in described.factors)


def mixtures_that_pyro_cannot_enumerate(described: Described) -> bool:
    exact = {f.variable for f in described.factors if f.kind == "q" and f.family == "exact"}
    laws = [f.family for f in described.factors if f.kind == "p" and f.variable in exact]
    return any("mixture" in law or "discretized" in law for law in laws)


def guides_of_another_family(described: Described) -> bool:
    """Codes of a `categorical` guide are no values for a `bernoulli` law."""
    families = {f.variable: f.family for f in described.factors if f.kind == "p"}
    guides = [f for f in described.factors if f.kind == "q" and f.family != "exact"]
    return any(described.variables[f.variable].domains[0].values and families[f.variable] != f.family for f in guides)


def gradients_of_student_t(described: Described) -> bool:
    return any("student_t" in factor.family for factor in described.factors)


KNOWN: Mapping[Callable[[Described], bool], tuple[str, ...]] = {
    values_beyond_an_end: ("samples", "frequencies"),
    soft_asymmetric_laws_beside_latent_variables: ("pyro", "gradients"),
    mixtures_that_pyro_cannot_enumerate: ("pyro",),
    guides_of_another_family: ("pyro",),
    gradients_of_student_t: ("gradients",),
}
"""By fault, the properties that fail."""


def excused(described: Described) -> set[str]:
    return {name for shows, names in KNOWN.items() if shows(described) for name in names}
