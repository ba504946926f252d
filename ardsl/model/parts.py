"""A model with latent variables taken apart: models of some of its factors, in which all that they read is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from ardsl.model.model import Factor, Model


def guide(model: Model) -> Model | None:
    """The density of the latent variables given the data that the ``q`` factors state; None where there is none but
    ``exact`` ones."""
    factors = tuple(factor for factor in model.guide if not factor.exact)
    return of_factors(model, factors) if factors else None


def conditionals(model: Model) -> dict[str, Model]:
    """The factors of each variable by themselves, the variables after those that they read, and else as declared."""
    sorter: TopologicalSorter[str] = TopologicalSorter()
    targets = {factor.variable for factor in model.factors}
    for name in filter(targets.__contains__, model.variables):
        read = {context.variable for factor in model.factors_of(name) for context in factor.contexts} - {name}
        sorter.add(name, *filter(read.__contains__, model.variables))  # a set has another order in every process
    return {name: of_factors(model, model.factors_of(name)) for name in sorter.static_order() if name in targets}


def of_factors(model: Model, factors: Sequence[Factor]) -> Model:
    """The conditional density that some factors make: their targets are observed, and whatever else they read is given.
    Claims are those of the whole."""
    targets = {factor.variable for factor in factors}
    read = {context.variable for factor in factors for context in factor.contexts}
    variables = {
        name: replace(variable, kind="observed" if name in targets else "given")
        for name, variable in model.variables.items()
        if name in targets | read
    }
    train = replace(model.train, window=None)
    return replace(model, variables=variables, factors=tuple(factors), guide=(), precedence=(), claims=(), train=train)


def enumerated(model: Model) -> tuple[str, ...]:
    """The latent variables with ``q(z) = exact``, which are enumerated."""
    return tuple(factor.variable for factor in model.guide if factor.exact)
