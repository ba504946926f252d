"""Discretized distributions: each integer has the probability that a continuous one gives to the cell around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch.nn.functional import logsigmoid

from ardsl.families.catalogue_distributions import CatalogueDistribution
from ardsl.families.code_distribution import CodeDistribution, RawParameters
from ardsl.families.constraints import wide
from ardsl.families.density import in_double
from ardsl.families.domains import Domain
from ardsl.families.intervals import LOG_INTERVALS, Interval
from ardsl.families.inverse import LARGEST_COUNT
from ardsl.families.special import log1mexp
from ardsl.families.starting import Start

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Grid:
    """Code k's cell is half a step to either side of middle + k·step; the first cell and the last are open outwards.

    ``lower`` is where the continuous distribution begins. ``levels`` is None for counts, which have no last cell.
    """

    middle: float
    step: float
    levels: int | None
    lower: float = -math.inf

    @property
    def origin(self) -> float:
        """The lower edge of the first cell, were it closed."""
        return self.middle - self.step / 2

    @property
    def last(self) -> float:
        """The greatest code."""
        return math.inf if self.levels is None else self.levels - 1

    def edges(self, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The ends of what the cells between two codes' halves cover."""
        below = torch.where(low < 0, -math.inf, self.middle + low * self.step)
        return below, torch.where(high > self.last, math.inf, self.middle + high * self.step)

    def code(self, value: Tensor) -> Tensor:
        """The codes of the cells that values fall into."""
        return ((value - self.origin) / self.step).floor().clamp(0, min(self.last, LARGEST_COUNT))

    def code_between(self, value: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The same of values between the edges of ``low`` and ``high``, also where an edge is rounded away."""
        return torch.minimum(torch.maximum(self.code(value), low.ceil()), high.floor())


def grid(domain: Domain, support: str) -> tuple[Grid, Start]:
    """The cells, and where training begins, for a continuous distribution of this support on the domain.

    On finite domains a distribution of reals lives on [−1, 1], where code k stands at −1 + 2k/(n − 1) with half-cells
    of 1/(n − 1) (Salimans et al., PixelCNN++, 2017, section 2.1), and one of (0, 1) has the cells [k/n, (k + 1)/n].
    Positive ones, and all of counts, live on the codes themselves with half-cells of ½.
    """
    n = domain.levels
    if n is None:
        return Grid(0.0, 1.0, None, _lower(support)), Start(2.0 if support == "real" else 1.0, 2.0)
    if support == "real":
        return Grid(-1.0, 2 / max(n - 1, 1), n), Start(0.0, 0.9, 0.3)
    if support == "unit_interval":
        return Grid(0.5 / n, 1 / n, n, 0.0), Start()
    return Grid(0.0, 1.0, n, 0.0), Start(math.log(n) / 2, 0.45 * math.log(n))


def _lower(support: str) -> float:
    return -math.inf if support == "real" else 0.0


class DiscretizedDistribution(CodeDistribution):
    """P(k) = F(upper edge of k's cell) − F(lower edge), in logarithms that keep digits and gradients in the tails."""

    by_intervals = True

    def __init__(self, base: CatalogueDistribution, cells: Grid) -> None:
        self.base = base
        self.cells = cells
        self.scalars = base.scalars

    def log_prob(self, raw: RawParameters, code: Tensor) -> Tensor:
        if not code.is_floating_point():
            code = code.to(raw.dtype)
        if self.cells.levels == 1:
            return torch.zeros_like(code)
        return self.log_cell(self.base.parameters(raw), code)

    def log_cell(self, parameters: Parameters, code: Tensor) -> Tensor:
        """The log-probability of codes under parameters that are in their sets already."""
        if self.base.entry.name == "logistic":
            return logistic_mass(parameters, cell_of(self.cells, code))
        return in_double(self._log_interval)(parameters, code)

    def sample(self, raw: RawParameters, uniforms: Tensor) -> Tensor:
        """The cell in which the continuous distribution's own draw falls: exactly as probable as log_prob says."""
        return self.cells.code(self.base.sample(raw, uniforms))

    def log_mass(self, raw: RawParameters, low: Tensor, high: Tensor) -> Tensor:
        """That of the continuous distribution between the cells' edges, the first and the last of which are open."""
        log_mass = self.base.log_mass(raw, *self.cells.edges(low, high))
        return torch.where(high.clamp(max=self.cells.last + 0.5) > low.clamp(min=-0.5), log_mass, -math.inf)

    def sample_between(self, raw: RawParameters, uniforms: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The cell of the continuous distribution's draw between the edges."""
        value = self.base.sample_between(raw, uniforms, *self.cells.edges(low, high))
        return self.cells.code_between(value, low, high)

    def parameters(self, raw: RawParameters) -> dict[str, Tensor]:
        return self.base.parameters(raw)

    def distribution(self, raw: RawParameters) -> Distribution | None:
        if self.cells.levels is None:
            return None
        return Categorical(logits=self.log_table(raw, self.cells.levels), validate_args=False)

    def initial(self, position: float) -> dict[str, Tensor]:
        return self.base.initial(position)

    def _log_interval(self, parameters: Parameters, code: Tensor) -> Tensor:
        cells = self.cells
        first, last = _ends(cells, code)
        middle = cells.middle + code * cells.step
        width = torch.full_like(middle, cells.step)
        # At an open edge something inside stands in, so that no gradient is lost to 0 · ∞.
        low = middle - width / 2
        if math.isfinite(cells.lower):
            low = torch.where(first, cells.lower + width / 8, low)
        high = torch.where(last, middle, middle + width / 2)
        interval = Interval(middle, low, high, width, first, last)
        return LOG_INTERVALS[self.base.entry.name](parameters, interval)


@dataclass(frozen=True, slots=True)
class Cell:
    """Cells by their middles, each a number of the working type and the rest that this type has no room for; ``first``
    and ``last`` are open outwards."""

    middle: Tensor
    rest: Tensor
    step: float
    first: Tensor
    last: Tensor


def cell_of(cells: Grid, code: Tensor) -> Cell:
    """The cells of some codes."""
    middle = cells.middle + wide(code) * cells.step
    rounded = middle.to(code.dtype)
    return Cell(rounded, (middle - rounded).to(code.dtype), cells.step, *_ends(cells, code))


def _ends(cells: Grid, code: Tensor) -> tuple[Tensor, Tensor]:
    first = code <= 0
    return first, torch.zeros_like(first) if cells.levels is None else code >= cells.levels - 1


def logistic_mass(p: Parameters, cell: Cell) -> Tensor:
    """σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)): three factors, none of them a difference of near numbers."""
    away = cell.middle - p["loc"]
    log_below = logsigmoid((away + (cell.rest + cell.step / 2)) / p["scale"])
    log_above = logsigmoid(-(away + (cell.rest - cell.step / 2)) / p["scale"])
    zero = torch.zeros((), dtype=log_below.dtype, device=log_below.device)
    closed = torch.where(cell.first | cell.last, zero, log1mexp(-cell.step / p["scale"]))
    return torch.where(cell.last, zero, log_below) + torch.where(cell.first, zero, log_above) + closed
