"""Discretized laws: each integer has the probability that a continuous law gives to the cell around it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch.nn.functional import logsigmoid

from ardsl.families.domains import Domain
from ardsl.families.inverse import LARGEST_COUNT
from ardsl.families.law import Law, Parts
from ardsl.families.laws import CatalogueLaw
from ardsl.families.special import log_ndtr
from ardsl.families.starting import Start

Parameters = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Grid:
    """Code k's cell is [origin + k·step, origin + (k + 1)·step]; the first cell and the last are open outwards.

    ``lower`` is where the continuous law begins. ``levels`` is None for counts, which have no last cell.
    """

    origin: float
    step: float
    levels: int | None
    lower: float = -math.inf


def grid(domain: Domain, support: str) -> tuple[Grid, Start]:
    """The cells, and where training begins, for a continuous law of this support on the domain.

    On finite domains a real law lives on [−1, 1], where code k stands at −1 + 2k/(n − 1) with half-cells of 1/(n − 1)
    (Salimans et al., PixelCNN++, 2017, section 2.1), and a law of (0, 1) has the cells [k/n, (k + 1)/n]. Positive laws,
    and all laws of counts, live on the codes themselves with half-cells of ½.
    """
    n = domain.levels
    if n is None:
        return Grid(-0.5, 1.0, None, _lower(support)), Start(2.0 if support == "real" else 1.0, 2.0)
    if support == "real":
        half = 1 / max(n - 1, 1)
        return Grid(-1 - half, 2 * half, n), Start(0.0, 0.9, 0.3)
    if support == "unit_interval":
        return Grid(0.0, 1 / n, n, 0.0), Start()
    return Grid(-0.5, 1.0, n, 0.0), Start(math.log(n) / 2, 0.45 * math.log(n))


def _lower(support: str) -> float:
    return -math.inf if support == "real" else 0.0


class DiscretizedLaw(Law):
    """P(k) = F(upper edge of k's cell) − F(lower edge), in logarithms that keep digits and gradients in the tails."""

    def __init__(self, base: CatalogueLaw, cells: Grid) -> None:
        self.base = base
        self.cells = cells

    def log_prob(self, parts: Parts, code: Tensor) -> Tensor:
        parameters = self.base.parameters(parts)
        code = code.to(parts.dtype)
        if self.cells.levels == 1:
            return torch.zeros_like(code)
        cell = cell_of(self.cells, code)
        if self.base.entry.name == "logistic":
            return logistic_mass(parameters, cell)
        if self.base.entry.name == "normal":
            return _normal(parameters, cell)
        return self._general(parameters, cell)

    def sample(self, parts: Parts, uniforms: Tensor) -> Tensor:
        """The cell in which the continuous law's own draw falls: exactly the law that log_prob gives."""
        value = self.base.sample(parts, uniforms)
        code = ((value - self.cells.origin) / self.cells.step).floor()
        return code.clamp(0, LARGEST_COUNT if self.cells.levels is None else self.cells.levels - 1)

    def parameters(self, parts: Parts) -> dict[str, Tensor]:
        return self.base.parameters(parts)

    def distribution(self, parts: Parts) -> Distribution | None:
        if self.cells.levels is None:
            return None
        return Categorical(logits=self.log_table(parts, self.cells.levels), validate_args=False)

    def initial(self, position: float) -> dict[str, Tensor]:
        return self.base.initial(position)

    def _general(self, parameters: Parameters, cell: Cell) -> Tensor:
        """The difference of the distribution function, or, where that has lost its digits, three-point quadrature."""
        # A large count's cell has a width that the difference of its edges, rounded, may not show.
        inner, width = cell.low, torch.full_like(cell.low, cell.step)
        if math.isfinite(cell.lower):
            inner = cell.low.clamp(min=cell.lower)
            width = torch.where(cell.first, cell.high - inner, width)
        middle = inner + width / 2
        # At an open edge the function is 0 or 1; the cell's middle stands in, so that no gradient is lost to 0 · ∞.
        below = torch.where(cell.first, 0.0, self.base.cdf(parameters, torch.where(cell.first, middle, inner)))
        above = torch.where(cell.last, 1.0, self.base.cdf(parameters, torch.where(cell.last, middle, cell.high)))
        mass = above - below
        lost = mass < math.sqrt(torch.finfo(mass.dtype).eps)
        exact = torch.where(lost, 1.0, mass).log()
        node = math.sqrt(0.6) * width / 2
        terms = [
            self.base.log_density(parameters, middle + offset) + math.log(weight / 18)
            for offset, weight in ((-node, 5), (torch.zeros_like(node), 8), (node, 5))
        ]
        return torch.where(lost, torch.logsumexp(torch.stack(torch.broadcast_tensors(*terms)), 0) + width.log(), exact)


@dataclass(frozen=True, slots=True)
class Cell:
    """Cells with their edges; ``first`` and ``last`` are open outwards."""

    low: Tensor
    high: Tensor
    step: float
    first: Tensor
    last: Tensor
    lower: float


def cell_of(cells: Grid, code: Tensor) -> Cell:
    """The cells of some codes."""
    first = code <= 0
    last = torch.zeros_like(first) if cells.levels is None else code >= cells.levels - 1
    low = cells.origin + code * cells.step
    return Cell(low, low + cells.step, cells.step, first, last, cells.lower)


def logistic_mass(p: Parameters, cell: Cell) -> Tensor:
    """σ(b) − σ(a) = σ(b) σ(−a) (1 − e^(a − b)): three factors, none of them a difference of near numbers."""
    log_below = logsigmoid((cell.high - p["loc"]) / p["scale"])
    log_above = logsigmoid((p["loc"] - cell.low) / p["scale"])
    log_width = torch.log(-torch.expm1(-cell.step / p["scale"]))
    zero = torch.zeros((), dtype=log_below.dtype, device=log_below.device)
    closed = torch.where(cell.first | cell.last, zero, log_width)
    return torch.where(cell.last, zero, log_below) + torch.where(cell.first, zero, log_above) + closed


def _normal(p: Parameters, cell: Cell) -> Tensor:
    """The cell is reflected to the left of the mean, where log Φ keeps its digits.

    Cells narrow beside the scale would lose them again; there the density at the middle, with its second-order term,
    is exact to about the fourth power of the width.
    """
    a, b = (cell.low - p["loc"]) / p["scale"], (cell.high - p["loc"]) / p["scale"]
    right = a + b > 0
    near, far = torch.where(right, -a, b), torch.where(right, -b, a)
    log_near, log_far = log_ndtr(near), log_ndtr(far)
    # For an open cell one of the two alone is the mass: Φ(b) on the left, Φ(−a) on the right.
    open_mass = log_ndtr(torch.where(cell.last, -a, b))
    width = cell.step / p["scale"]
    middle = (near + far) / 2
    narrow = width * (1 + middle.abs()) < 0.03
    curvature = torch.where(narrow, width**2 * (middle**2 - 1) / 24, 0.0)
    density = -0.5 * middle**2 - 0.5 * math.log(2 * math.pi) + width.log() + torch.log1p(curvature)
    gap = torch.where(narrow, -1.0, log_far - log_near).clamp(max=-torch.finfo(a.dtype).eps)
    difference = log_near + torch.log(-torch.expm1(gap))
    return torch.where(cell.first | cell.last, open_mass, torch.where(narrow, density, difference))
