"""Histograms of probability integral transforms, each beside the band of a uniform sample."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.queries.calibrate import Calibration, Element
from ardsl.system.files import replacing

BINS = 20
_MOST_PANELS = 36
_CHANCE = 0.99
_LONGEST_TITLE = 22
_PLAIN, _APART, _BAND = "#9dbbd6", "#dd7f66", "#1f2d3d"


def save_histograms(path: str | Path, calibration: Calibration) -> None:
    """A PNG with a panel for each element: in the spec's order, or the 36 farthest from uniform where there are more.

    Heights are relative to uniform. The band holds a bar of a uniform sample 99 times in 100. Elements that differ by
    the test are in red.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    tested, apart = calibration.tested, {element.name for element in calibration.differing}
    shown = [e for e in calibration.elements if e.observed] if len(tested) <= _MOST_PANELS else tested[:_MOST_PANELS]
    across = math.ceil(math.sqrt(len(shown))) or 1
    down = math.ceil(len(shown) / across) or 1
    figure = Figure(figsize=(max(2.3 * across, 5.6) + 0.3, 1.8 * down + 0.7), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    figure.supxlabel(_caption(len(shown), len(tested)), fontsize=9, color="#444444")
    for number, element in enumerate(shown):
        _panel(figure.add_subplot(down, across, number + 1), element, element.name in apart)
    with replacing(path) as part:
        figure.savefig(part, format="png")


def _caption(shown: int, total: int) -> str:
    first = f"the {shown} of {total:,} elements farthest from uniform\n" if shown < total else ""
    return f"{first}u = F(x | context); in the band are 99 % of the bars of a uniform sample"


def _panel(axes: Any, element: Element, apart: bool) -> None:
    counts, edges = np.histogram(element.pits, BINS, (0.0, 1.0))
    even = element.observed / BINS
    low, high = (bound / even for bound in band(element.observed))
    axes.bar(edges[:-1], counts / even, 1 / BINS, align="edge", color=_APART if apart else _PLAIN, ec="white", lw=0.5)
    axes.axhspan(low, high, color=_BAND, alpha=0.16, lw=0, zorder=0)
    for bound in (low, high):
        axes.axhline(bound, color=_BAND, alpha=0.7, lw=0.6, zorder=2)
    axes.axhline(1.0, color=_BAND, lw=0.9, ls=(0, (3, 2)), zorder=2)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.08 * max(high, counts.max() / even, 1.5))
    axes.set_xticks([0, 0.5, 1], ["0", "½", "1"])
    axes.yaxis.set_major_locator(_whole_numbers())
    axes.tick_params(labelsize=7, length=2, color="#888888")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    name = element.name if len(element.name) <= _LONGEST_TITLE else element.name[: _LONGEST_TITLE - 1] + "…"
    title = f"{name}   KS {element.distance:.3f}"
    axes.set_title(title, fontsize=8, loc="left", color="#b03a22" if apart else "#222222", parse_math=False)


def _whole_numbers() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(nbins=3, steps=[1, 2, 5, 10], integer=True)


def band(n: int, bins: int = BINS, chance: float = _CHANCE) -> tuple[int, int]:
    """The least and the most of n uniform numbers in a bin, but for a chance of (1 − ``chance``) / 2 on either side."""
    k = np.arange(1, n + 1)
    ratios = np.log((n - k + 1) / k) - math.log(bins - 1)  # of successive binomial probabilities
    log_p = n * math.log1p(-1 / bins) + np.concatenate([[0.0], np.cumsum(ratios)])
    below = np.exp(log_p).cumsum()
    side = (1 - chance) / 2
    return int(np.searchsorted(below, side)), int(np.searchsorted(below, 1 - side))
