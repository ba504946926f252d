"""The families that fit a domain: the two sets of values must be the same. No torch."""

from __future__ import annotations

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import Domain
from ardsl.families.entry import Entry

WRAPPERS = ("mixture", "discretized", "color_mixture")
"""Families that are built of others, with a number of components or of a continuous family."""

SUPPORTS = {
    "boolean": "0 and 1",
    "levels": "finitely many values",
    "interval": "the whole numbers from 0 to `total_count`",
    "nonnegative_integers": "the whole numbers 0, 1, 2 …",
    "real": "the real numbers",
    "positive": "the positive numbers",
    "unit_interval": "the numbers between 0 and 1",
    "angle": "angles",
}
"""A support as messages say it."""


def fits(entry: Entry, domain: Domain) -> bool:
    """Says whether the family's values are the domain's, by their codes.

    A family of 0 … ``total_count`` fits every finite domain whose values have an order; that the counts agree is seen
    once ``total_count`` is known. ``ordered_logistic`` takes a category's values in the order they are listed.
    """
    levels = domain.levels
    if entry.support == "boolean":
        return levels == 2
    if entry.support == "levels":
        return levels is not None and (levels >= 2 or entry.parameters[-1].constraint == "real_vector")
    if entry.support == "interval":
        return levels is not None and (domain.ordered or levels <= 2)
    return entry.support == domain.support


def discretizes(entry: Entry, domain: Domain) -> bool:
    """Says whether ``discretized`` of this family fits the domain: a grid on the family's support."""
    if entry.joint or entry.discrete or not entry.cdf:
        return False
    supports = ("real", "positive") if domain.levels is None else ("real", "positive", "unit_interval")
    return domain.graded and entry.support in supports


def fitting_names(domain: Domain, joint: bool = False) -> list[str]:
    """The families that fit the domain, as a spec would write them; for messages, so without mixtures."""
    names = [entry.name for entry in CATALOGUE.values() if entry.joint == joint and fits(entry, domain)]
    if joint and domain.graded and domain.levels is not None:
        names.append("color_mixture")
    if not joint and discretizes(CATALOGUE["logistic"], domain):
        names.append("discretized(logistic)")
    return names
