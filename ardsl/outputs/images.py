"""Samples of a two-dimensional variable as one image: a near-square grid, read row by row."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ardsl.model.model import Variable
from ardsl.system.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

_SIDE = 560
"""The grid is enlarged while it stays below about this many pixels: a sample of 28 pixels is too small to look at."""
_GAP_SHADE = 96
_WITHIN = (0.5, 99.5)
"""Percentiles that are black and white where a domain has no ends: a few values may be far out."""


def save_grid(path: str | Path, samples: Tensor, variable: Variable) -> None:
    """A PNG of samples [n, rows, columns] or [n, rows, columns, channels], the domain's lowest value black; of a
    domain without ends, what nearly all values lie between."""
    from PIL import Image

    pixels = grid(_shades(samples, variable))
    with replacing(path) as part:
        Image.fromarray(pixels).save(part, format="png")


def grid(images: np.ndarray) -> np.ndarray:
    """Images uint8 [n, rows, columns(, 3)] side by side with a line between them, enlarged by a whole factor."""
    n, height, width, *rest = images.shape
    across = math.ceil(math.sqrt(n))
    down = math.ceil(n / across)
    margin = ((0, 0), (1, 1), (1, 1), *[(0, 0)] * len(rest))  # or neighbours merge
    images = np.pad(images, margin, constant_values=_GAP_SHADE)
    height, width = height + 2, width + 2
    factor = max(1, _SIDE // (across * (max(height, width) + 1)))
    images = images.repeat(factor, axis=1).repeat(factor, axis=2)
    high, wide = height * factor, width * factor
    whole = np.full((down * (high + 1) - 1, across * (wide + 1) - 1, *rest), _GAP_SHADE, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // across * (high + 1), index % across * (wide + 1)
        whole[top : top + high, left : left + wide] = image
    return whole


def _shades(samples: Tensor, variable: Variable) -> np.ndarray:
    """Values as uint8 from 0 to 255."""
    low, high = variable.element_domain(0).bounds
    values = samples.detach().cpu().double().numpy()
    if not math.isfinite(high):
        low, high = np.percentile(values, _WITHIN)
    shades = np.rint((values - low) * (255 / (high - low if high > low else 1))).clip(0, 255).astype(np.uint8)
    return shades[..., 0] if shades.ndim == 4 and shades.shape[3] == 1 else shades
