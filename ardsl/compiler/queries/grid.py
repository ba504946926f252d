"""Grids of values for cells of infinitely many: where the model's own draws lie, and finer where there is more."""

from __future__ import annotations

import numpy as np

from ardsl.families.domains import Domain

DRAWN = 2_000
"""Draws of the model that say where a grid lies."""
REFINEMENTS = 3
_POINTS = 256
_MOST_WHOLE = 4_096
"""Whole numbers between the least and the greatest are all on the grid up to so many."""


def spread(drawn: np.ndarray, domain: Domain) -> np.ndarray:
    """Ascending points where draws of a cell lie, and a margin on both sides: half of them evenly spread, half as dense
    as the draws."""
    if domain.circular:
        return np.linspace(*domain.bounds, 2 * _POINTS)
    line = domain.to_line(drawn)
    margin = 0.25 * (line.max() - line.min()) + 1e-6 * (1 + abs(line).max())
    even = np.linspace(line.min() - margin, line.max() + margin, _POINTS)
    return _legal(domain.from_line(np.union1d(even, np.quantile(line, np.linspace(0, 1, _POINTS)))), domain)


def refine(points: np.ndarray, widths: np.ndarray, shares: np.ndarray, domain: Domain) -> np.ndarray:
    """The points with more of them where the shares of probability are large: evenly many for each share."""
    starts = np.concatenate([[0], np.cumsum(widths)]) + points[0] - widths[0] / 2
    up_to = np.concatenate([[0], np.cumsum(shares)])
    levels = (np.arange(_POINTS) + 0.5) / _POINTS
    finer = np.interp(levels, up_to / up_to[-1], starts)
    low, high = points[0], points[-1]
    return _legal(np.union1d(points, finer[(finer > low) & (finer < high)]), domain)


def stretches(points: np.ndarray, domain: Domain) -> np.ndarray:
    """The width of the stretch that each point stands for: half-way to its neighbours."""
    if domain.discrete:
        between = np.floor((points[:-1] + points[1:]) / 2) + 0.5
        return np.diff(np.concatenate([[points[0] - 0.5], between, [points[-1] + 0.5]]))
    middle = (points[:-1] + points[1:]) / 2
    first, last = points[0] - (middle[0] - points[0]), points[-1] + (points[-1] - middle[-1])
    widths: np.ndarray = np.diff(np.concatenate([[first], middle, [last]]))
    return widths


def _legal(points: np.ndarray, domain: Domain) -> np.ndarray:
    """Points in the domain, ascending, each once; all whole numbers of a discrete one, where they are few."""
    if not domain.discrete:
        return np.unique(points[domain.inside(points)])
    low, high = domain.bounds
    whole = np.unique(points.round().clip(low, high))
    if whole[-1] - whole[0] < _MOST_WHOLE:
        return np.arange(whole[0], whole[-1] + 1)
    ends = [end for end in (low, low + 1, high - 1, high) if np.isfinite(end)]  # where a distribution has its tails
    return np.union1d(whole, ends)
