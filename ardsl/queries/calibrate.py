"""Calibration: whether the data's probability integral transforms are uniform, as they are if it follows the model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.arguments import checked_seed
from ardsl.common.wording import plural, shown
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.guards import require_fixed_length_observed
from ardsl.compiler.model import AutoregressiveModel
from ardsl.data.examples import count
from ardsl.data.splits import load_split
from ardsl.errors import ArdslError
from ardsl.queries.evaluate import checked_batch, default_batch, values_in_batches
from ardsl.queries.transforms import Randomness, Transforms, transforms

LEVEL = 0.01
"""The chance that a model that the data does follow is said to differ from it."""
_MOST_NAMED = 6


@dataclass(frozen=True)
class Element:
    """One element's transforms against the uniform distribution, by the Kolmogorov–Smirnov test.

    ``name`` is as a spec would write it, ``x[3, *]`` for elements drawn together. ``distance`` is the largest between
    the two distribution functions, ``p_value`` how often uniform numbers are that far (both NaN where no value is
    there). ``pits`` are the transforms themselves, float32 [observed].
    """

    name: str
    pits: np.ndarray
    distance: float
    p_value: float

    @property
    def observed(self) -> int:
        """The number of values: of examples where it is not missing."""
        return len(self.pits)


@dataclass(frozen=True)
class Calibration:
    """The probability integral transforms of a data set under a model, tested for uniformity.

    ``pits`` are by variable, float32 [examples, *draws]: NaN where a value is missing. ``elements`` are in the spec's
    order. At ``level`` all of them together are tested: each is at ``level`` / their number (Bonferroni).
    """

    examples: int
    pits: Transforms
    elements: tuple[Element, ...]
    level: float = LEVEL

    def __repr__(self) -> str:
        sizes = f"{plural(self.examples, 'example')} and {plural(len(self.elements), 'element')}"
        return f"<calibration on {sizes}>"

    @property
    def tested(self) -> tuple[Element, ...]:
        """The elements that have values, the one farthest from uniform first."""
        observed = (element for element in self.elements if element.observed)
        return tuple(sorted(observed, key=lambda element: -_statistic(element.observed, element.distance)))

    @property
    def differing(self) -> tuple[Element, ...]:
        """The elements whose transforms are not uniform, the farthest first."""
        tested = self.tested
        return tuple(element for element in tested if element.p_value * len(tested) < self.level)

    @property
    def calibrated(self) -> bool:
        """No element differs."""
        return not self.differing

    @property
    def verdict(self) -> str:
        """One line that says so."""
        total, apart = len(self.tested), self.differing
        at = f"at {100 * self.level:g} % (Bonferroni over {total:,})"
        if not total:
            return "nothing to test: every value is missing"
        if not apart:
            return f"calibrated: no element differs from uniform {at}"
        named = ", ".join(element.name for element in apart[:_MOST_NAMED])
        rest = f" and {len(apart) - _MOST_NAMED:,} more" if len(apart) > _MOST_NAMED else ""
        verb = "differs" if len(apart) == 1 else "differ"
        return f"{len(apart):,} of {total:,} elements {verb} from uniform {at}: {named}{rest}"


def calibrate(
    model: AutoregressiveModel,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> Calibration:
    """Tests whether ``data`` (any form that ``fit`` takes; by default the spec's own ``split``) follows the model's
    conditionals, element by element.

    The transforms are a function of the model, the data and ``seed``: ``batch`` only bounds the memory. Data that the
    model was trained on looks better than it is.
    """
    if not isinstance(model, CompiledModel):
        help = "restore one with `ardsl.restore(DIR)`, or take a run's `.model`"
        raise ArdslError(f"this takes a model, not {type(model).__name__}: {help}")
    seed, batch = checked_seed(seed), checked_batch(batch)
    if not isinstance(level, int | float) or not 0 < level < 1:
        raise ArdslError(f"the level is a number between 0 and 1, not {shown(level)}")
    require_fixed_length_observed(model)
    directory = data_dir or model.data_directory
    examples = load_split(model.spec, data, split, data_dir=directory, dtype=model.like.dtype)
    total = count(examples)
    pits: Transforms = {}
    for first, values in values_in_batches(model, examples, batch or default_batch(model)):
        for name, transformed in transforms(model, values, Randomness(seed, first)).items():
            if name not in pits:
                pits[name] = np.empty((total, transformed.shape[1]), np.float32)
            pits[name][first : first + len(transformed)] = transformed
    return Calibration(total, _shaped(model, pits), tuple(_elements(model, pits)), level)


def _shaped(model: AutoregressiveModel, pits: Transforms) -> Transforms:
    """[examples, *draws], without the axes that are drawn together."""
    transforms = {}
    for variable in model.spec.model.observed:
        events = variable.orders.orders[0].event_axes
        kept = [size for axis, size in enumerate(variable.shape) if axis not in events]
        transforms[variable.name] = pits[variable.name].reshape(-1, *kept)
    return transforms


def _elements(model: AutoregressiveModel, pits: Transforms) -> Iterator[Element]:
    for variable in model.spec.model.observed:
        blocks = [t for group in model.groups for t in group.targets if t.variable is variable]
        for target in sorted(blocks, key=lambda t: int(t.elements[0, 0])):
            for draw in range(target.draws):
                own = pits[variable.name][:, target.elements[draw, 0] if variable.is_record else draw]
                own = own[~np.isnan(own)]
                distance = uniform_distance(own)
                yield Element(target.name(draw), own, distance, uniform_p_value(len(own), distance))


# The test of Kolmogorov and Smirnov


def uniform_distance(u: np.ndarray) -> float:
    """The largest distance between the distribution function of numbers [n] and that of the uniform distribution."""
    n = len(u)
    if n == 0:
        return math.nan
    u = np.sort(u).astype(np.float64)
    return float(max((np.arange(1, n + 1) / n - u).max(), (u - np.arange(n) / n).max()))


def uniform_p_value(n: int, distance: float) -> float:
    """Gives the chance that n uniform numbers are this far from uniform, by the statistic's limit (Stephens, 1970, for
    small n)."""
    t = _statistic(n, distance)
    if math.isnan(t):
        return math.nan
    if t < 1:  # the two forms of the same theta function: each converges where the other does not
        terms = (math.exp(-((2 * k - 1) ** 2) * math.pi**2 / (8 * t * t)) for k in range(1, 5))
        return 1 - math.sqrt(2 * math.pi) / t * sum(terms)
    return min(1.0, 2 * sum((-1) ** (k - 1) * math.exp(-2 * k * k * t * t) for k in range(1, 6)))


def _statistic(n: int, distance: float) -> float:
    """The distance in units of its spread."""
    root = math.sqrt(n)
    return (root + 0.12 + 0.11 / root) * distance if n else math.nan
