"""The start of training where latent variables are marginalized: it makes their values differ."""

from __future__ import annotations

from collections.abc import Iterable

from ardsl.compiler.likelihood.density import Density

_APART = 0.3
"""The standard deviation of the differences, in parameters of distributions: small beside the spread of standardized
data."""


def tell_apart(conditionals: Iterable[Density]) -> None:
    """Adds random differences to weights that begin equal for all that they read, as those of tables and linear
    networks do, of conditionals that read variables to be marginalized.

    Each value of such a variable gets the gradient of its share of the probability; from a start that treats all
    values alike the shares stay equal, and a mixture is trained as one component.
    """
    for conditional in conditionals:
        if conditional.groups[0].sources:
            for network in conditional.networks_by_group:
                network.tell_apart(_APART)
