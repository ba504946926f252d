"""Faults that are known and not mended yet: which generated specs show them, and in which properties. Each goes with
the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.support.described import Described


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


def guides_of_heavy_tails(described: Described) -> bool:
    """torch's gradient of a Student draw in its degrees of freedom is no number where the draw is beyond 1e150."""
    return any(factor.kind == "q" and "student_t" in factor.family for factor in described.factors)


KNOWN: Mapping[Callable[[Described], bool], tuple[str, ...]] = {
    soft_asymmetric_laws_beside_latent_variables: ("pyro",),
    mixtures_that_pyro_cannot_enumerate: ("pyro",),
    guides_of_another_family: ("pyro",),
    guides_of_heavy_tails: ("gradients",),
}
"""By fault, the properties that fail."""


def excused(described: Described) -> set[str]:
    return {name for shows, names in KNOWN.items() if shows(described) for name in names}
