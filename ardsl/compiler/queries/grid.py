"""Grids of values for cells of infinitely many: where the model's own draws lie, and finer where there is more."""

from __future__ import annotations

import numpy as np

from ardsl.families.domains import Domain

DRAWN = 2_000
"""Draws of the model that say where a grid lies."""
REFINEMENTS = 5
_POINTS = 256
_LEAST_POINTS = 16
"""Points that a refinement adds for a row, at least."""
_MOST_FINER = 4_096
"""Points that a refinement adds for all rows together, where these are not too many for that."""
_FAR = 2.0 ** (np.arange(1, 29) / 2)
"""Points beyond the draws on both sides, in ranges of these from their middle: what is given may lie far from them."""
MOST_AT_END = 1e-3
"""The share of probability at an end of a grid beyond which more of it may lie outside."""
_MOST_WHOLE = 4_096
"""Whole numbers between the least and the greatest are all on the grid up to so many."""


def spread(drawn: np.ndarray, domain: Domain) -> np.ndarray:
    """Ascending points where draws of a cell lie, and a margin on both sides: half of them evenly spread, half as dense
    as the draws; and some far beyond, ever wider apart."""
    if domain.circular:
        return np.linspace(*domain.bounds, 2 * _POINTS)
    line = domain.to_line(drawn)
    margin = 0.25 * (line.max() - line.min()) + 1e-6 * (1 + abs(line).max())
    low, high = line.min() - margin, line.max() + margin
    even = np.linspace(low, high, _POINTS)
    near = _legal(domain.from_line(np.union1d(even, np.quantile(line, np.linspace(0, 1, _POINTS)))), domain)
    away = (high - low) / 2 * _FAR
    with np.errstate(over="ignore"):  # what overflows is outside of the domain
        far = domain.from_line((high + low) / 2 + np.concatenate([-away, away]))
    far = far.round() if domain.discrete else far
    return np.union1d(near, far[domain.inside(far)])


def refine(points: np.ndarray, widths: np.ndarray, shares: np.ndarray, domain: Domain) -> np.ndarray:
    """The points with more of them where a row's shares of probability, [rows, points], are large: half of the new ones
    evenly many for each share, half as dense as the root of the density, which reaches further into its tails."""
    starts = _ends(points, widths)
    each = int(np.clip(_MOST_FINER // len(shares), _LEAST_POINTS, _POINTS))
    levels = (np.arange(each) + 0.5) / each
    if each * len(shares) > _MOST_FINER:  # of so many rows the mean has more to say than a few points of each
        shares, levels = shares.mean(0, keepdims=True), (np.arange(_MOST_FINER) + 0.5) / _MOST_FINER
    roots = np.sqrt(shares * widths)  # of the densities, times the widths
    shares = np.concatenate([shares, roots])
    levels = levels[::2]
    up_to = np.concatenate([np.zeros((len(shares), 1)), np.cumsum(shares, 1)], 1)
    finer = np.unique([np.interp(levels, row / row[-1], starts) for row in up_to])
    low, high = points[0], points[-1]
    finer = finer.round() if domain.discrete else finer
    finer = finer[domain.inside(finer) & (finer > low) & (finer < high)]
    return np.union1d(points, finer)


def stretches(points: np.ndarray, domain: Domain) -> np.ndarray:
    """The width of the stretch that each point stands for: half-way to its neighbours."""
    if domain.discrete:
        between = np.floor((points[:-1] + points[1:]) / 2) + 0.5
        return np.diff(np.concatenate([[points[0] - 0.5], between, [points[-1] + 0.5]]))
    middle = (points[:-1] + points[1:]) / 2
    first, last = points[0] - (middle[0] - points[0]), points[-1] + (points[-1] - middle[-1])
    widths: np.ndarray = np.diff(np.concatenate([[first], middle, [last]]))
    return widths


def _ends(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The ends of the stretches that points stand for: one more than these."""
    inner = (points[:-1] + points[1:]) / 2
    return np.concatenate([[points[0] - widths[0] / 2], inner, [points[-1] + widths[-1] / 2]])


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
