"""Grids of values for cells of infinitely many: where the model's own draws lie, and finer where there is more."""

from __future__ import annotations

import numpy as np

from ardsl.families.domains import Domain

DRAWN = 2_000
"""Draws of the model that say where a grid lies."""
REFINEMENTS = 3
"""Times that the grid of all rows is refined."""
OWN_REFINEMENTS = 6
"""Times that a row's own grid is refined, at most."""
COARSE = 0.02
"""The share of probability, or of the density's root, at one point from which a row's grid is too coarse."""
_POINTS = 256
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
    return _apart(np.union1d(near, far[domain.inside(far)]))


def refine(points: np.ndarray, widths: np.ndarray, shares: np.ndarray, domain: Domain) -> np.ndarray:
    """The points with more of them where the shares of probability are large: half of the new ones evenly many for each
    share, half as dense as the root of the density, which reaches further into its tails."""
    starts, levels = _ends(points, widths), (np.arange(_POINTS // 2) + 0.5) / (_POINTS // 2)
    finer = [_quantiles(starts, weights, levels) for weights in (shares, np.sqrt(shares * widths))]
    new = np.concatenate(finer)
    new = new.round() if domain.discrete else new
    return _apart(np.union1d(points, new[domain.inside(new) & (new > points[0]) & (new < points[-1])]))


def coarse(widths: np.ndarray, shares: np.ndarray, domain: Domain) -> np.ndarray:
    """The rows of shares of probability, [rows, points], whose grid has too much of it at one point, or at an end:
    bool [rows]. Of the density's root, too: a wide stretch in a tail has little probability, but moves the mean."""
    roots = np.sqrt(shares * widths)
    largest = np.maximum(shares, roots / roots.sum(1, keepdims=True))
    too_much = ((largest > COARSE) & (widths > (1.0 if domain.discrete else 0.0))).any(1)
    if not (domain.circular or domain.discrete):
        too_much = too_much | (shares[:, [0, -1]] > MOST_AT_END).any(1)
    return np.asarray(too_much)


def _apart(points: np.ndarray) -> np.ndarray:
    """Ascending points without those that follow another so closely that no number halves the way between them."""
    points_apart: np.ndarray = points[np.diff(points, prepend=-np.inf) > 8 * np.spacing(abs(points))]
    return points_apart


def _quantiles(starts: np.ndarray, weights: np.ndarray, levels: np.ndarray) -> np.ndarray:
    up_to = np.concatenate([[0], np.cumsum(weights)])
    quantiles: np.ndarray = np.interp(levels, up_to / up_to[-1], starts)
    return quantiles


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
