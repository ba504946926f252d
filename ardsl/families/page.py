"""The reference page of families, as ``ardsl families`` prints it. No torch."""

from __future__ import annotations

from dataclasses import dataclass

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import Angle, Binary, Category, Count, Domain, Integer, MuLaw, Positive, Real, UnitInterval
from ardsl.families.entry import Entry
from ardsl.families.fitting import discretizes, fits
from ardsl.families.links import default_link, fitting_links

_EXAMPLES: tuple[Domain, ...] = (
    Binary(),
    Category(3),
    Integer(0, 255),
    Count(),
    Real(),
    Positive(),
    UnitInterval(),
    Angle(),
    MuLaw(256),
)


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """A family as the page shows it. ``inverse_cdf`` says that a draw is the inverse CDF of one uniform number;
    ``discretized`` that ``discretized`` may wrap it."""

    name: str
    domains: tuple[str, ...]
    parameters: tuple[str, ...]
    joint: bool
    inverse_cdf: bool
    discretized: bool
    library: str


def family_rows() -> list[FamilyRow]:
    """The catalogue, by name; a parameter in angle brackets must be given as a number."""
    return [_row(entry) for entry in CATALOGUE.values()]


def families_page() -> str:
    """The catalogue as a table, then the wrappers and each domain's default."""
    header = ("family", "domains", "parameters", "draws", "inverse CDF", "discretized", "library")
    lines = [header] + [
        (
            row.name,
            ", ".join(row.domains),
            ", ".join(row.parameters),
            "several elements" if row.joint else "one element",
            "yes" if row.inverse_cdf else "no",
            "yes" if row.discretized else "no",
            row.library,
        )
        for row in family_rows()
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    table.insert(1, "  ".join("-" * width for width in widths))
    defaults = [f"  {domain.name:<14} {domain.default}" for domain in _EXAMPLES]
    defaults.append(f"  {'integer, wide':<14} {Integer(0, 256).default}  (more than 256 values)")
    return "\n".join(
        [
            *table,
            "",
            "A parameter in <> is a whole number that the spec gives. Any other that is one number may be given, and",
            "is then not learned: `normal(scale = 1)`. `ardsl families NAME` prints the parameters of one with their",
            "links, which can be given too: `poisson(rate = softplus)`.",
            "",
            "mixture(F, components = K)   K distributions of one family and their weights",
            "discretized(F)               the cells of a continuous distribution; of integer, mulaw and count",
            "color_mixture(components = K)  all channels of a pixel in one draw (PixelCNN++); of integer and mulaw",
            "",
            "default stands for:",
            *defaults,
            "",
        ]
    )


def family_page(name: str) -> str:
    """One family of the catalogue: its domains, and its parameters with their sets and links."""
    entry, row = CATALOGUE[name], _row(CATALOGUE[name])
    lines = [f"{name}: of {', '.join(row.domains) or 'no domain'} ({row.library})"]
    width = max(len(parameter.name) for parameter in entry.parameters)
    for parameter in entry.parameters:
        own = default_link(entry, parameter)
        others = ", ".join(f"or `{link}`" for link in fitting_links(parameter) if link != own)
        sets = {
            "positive": f"above 0, by the link `{own}` ({others})",
            "real": "any number, as the network gives it",
            "nonnegative_integer": "a whole number, which the spec gives",
        }
        lines.append(f"    {parameter.name.ljust(width)}  {sets.get(parameter.constraint, 'a vector or a matrix')}")
    return "\n".join(lines) + "\n"


def _row(entry: Entry) -> FamilyRow:
    return FamilyRow(
        name=entry.name,
        domains=tuple(domain.name for domain in _EXAMPLES if fits(entry, domain)),
        parameters=tuple(f"<{p.name}>" if p.discrete else p.name for p in entry.parameters),
        joint=entry.joint,
        inverse_cdf=entry.uniforms == 1 and not entry.joint,
        discretized=discretizes(entry, Integer(0, 255)),
        library=entry.library,
    )
