"""Links: from the number that a network gives to a parameter in its own set. No torch."""

from __future__ import annotations

from ardsl.families.entry import Entry, Parameter

LINKS = {"exp": "positive", "softplus": "positive", "identity": "real"}
"""Every link a spec may name, and the set that it leads to."""

NO_LINKS = ("inverse", "log", "logistic", "logit", "probit", "relu", "sigmoid", "softmax", "sqrt", "square", "tanh")
"""Functions that a spec might name where a link belongs."""


def default_link(entry: Entry, parameter: Parameter) -> str:
    """The link of a parameter that the spec does not give one.

    Rates, scales and shapes of counts and of positive numbers have the logarithmic link of generalized linear models
    and of survival analysis: ``exp`` of what the network gives, so that what a linear network adds multiplies. Scales
    of reals, of logarithms too, and concentrations on an interval or a circle have ``softplus``, whose steps do not
    grow with the parameter.
    """
    if parameter.constraint != "positive":
        return "identity"
    located = any(other.name == "loc" for other in entry.parameters)
    multiplies = entry.support in ("positive", "nonnegative_integers") and not located
    return "exp" if multiplies else "softplus"


def fitting_links(parameter: Parameter) -> list[str]:
    """The links that lead to the parameter's set; none to a vector's."""
    return [link for link, constraint in LINKS.items() if constraint == parameter.constraint]
