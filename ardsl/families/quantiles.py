"""Quantiles of distributions that are confined to an interval: the points at which they reach a share of their mass.

Of continuous distributions by Newton steps from a point that the distribution's own sampler gives, inside a bracket
whose ends its distribution function confirms; of counts by halving.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ardsl.families.inverse import LARGEST_COUNT, least_count_reached

Parameters = Mapping[str, Tensor]

_CONVERGED = 1e-7
"""The relative error of a share that one more step, which squares it, leaves nothing of."""
_STEPS = 8
"""Steps after which every second one halves the bracket."""
_LOWEST_BITS = -(2**63)
"""The bits of −0 as an integer."""
_LARGEST = torch.finfo(torch.float64).max


@dataclass(frozen=True, slots=True)
class Continuous:
    """A continuous distribution of single numbers, as functions of its parameters, float64 [...].

    ``log_mass`` takes two ends to the log-probability of what lies between, ``log_density`` a value to its log-density,
    and ``draw`` uniform numbers [..., ``uniforms``] to a draw that rises with the first of them, at least roughly: it
    is where the search for a quantile begins. The support is from ``least`` to ``greatest``.
    """

    log_mass: Callable[[Parameters, Tensor, Tensor], Tensor]
    log_density: Callable[[Parameters, Tensor], Tensor]
    draw: Callable[[Parameters, Tensor], Tensor]
    uniforms: int
    least: float
    greatest: float

    def quantile(self, parameters: Parameters, uniform: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The point x between two ends at which P(low < X < x) reaches a share u of P(low < X < high); where that is
        no probability, any point between them. Shapes broadcast to [...], float64."""
        tensors = torch.broadcast_tensors(uniform.double(), low, high, *parameters.values())
        u, low, high, *values = (tensor.reshape(-1) for tensor in tensors)
        own = dict(zip(parameters, values, strict=True))
        x = self._quantile(own, u, low.clamp(min=self.least), high.clamp(max=self.greatest))
        return torch.minimum(torch.maximum(x, low), high).view(tensors[0].shape)

    def _quantile(self, p: Parameters, u: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """The same of vectors, of an interval within the support. Once one has converged it is not evaluated again."""
        log_total = self.log_mass(p, low, high)
        quantiles = self._start(p, u, low, high, log_total)
        search = _Search(p, quantiles, u, low, high, log_total, low, high)
        rows, going = torch.arange(len(u), device=u.device), log_total.isfinite()
        step = 0
        while bool(going.any()):
            rows, search = rows[going], search.of(going)
            search, going = self._narrowed(search, halve=step > _STEPS and step % 2 == 0)
            quantiles[rows] = search.x
            step += 1
        return quantiles

    def _start(self, p: Parameters, u: Tensor, low: Tensor, high: Tensor, log_total: Tensor) -> Tensor:
        """The draw that the share of the whole distribution below the quantile gives, inside the interval."""
        log_below = torch.where(low > self.least, self.log_mass(p, torch.full_like(low, self.least), low), -math.inf)
        share = (log_below.exp() + u * log_total.exp()).clamp(torch.finfo(u.dtype).tiny, 1 - 2**-53)
        others = torch.full_like(share, 0.5).unsqueeze(-1).expand(-1, self.uniforms - 1)
        drawn = self.draw(p, torch.cat([share.unsqueeze(-1), others], -1)).double().nan_to_num(0.0)
        return torch.minimum(torch.maximum(drawn, low), high).clamp(-_LARGEST, _LARGEST)

    def _narrowed(self, at: _Search, *, halve: bool) -> tuple[_Search, Tensor]:
        """The search after one evaluation and one step, and which rows are to go on, bool [rows]."""
        # Of the two shares beside x the one that ends below a half is compared: the other has lost its digits.
        upper = at.u > 0.5
        target = torch.where(upper, 1 - at.u, at.u)
        log_mass = self.log_mass(at.p, torch.where(upper, at.x, at.low), torch.where(upper, at.high, at.x))
        log_share = (log_mass - at.log_total).clamp(max=0.0)
        error = log_share - target.log()
        beyond = (error > 0) != upper
        left, right = torch.where(beyond, at.left, at.x), torch.where(beyond, at.x, at.right)
        step = self._step(at, upper, target, log_share, error)
        x = at.x + torch.where(upper, -step, step)
        converged = error.abs() < _CONVERGED
        inside = (x > left) & (x < right) & (converged | (not halve))
        middle, closed = halfway(left, right)
        x = torch.where(inside, x, torch.where(converged, at.x, middle))
        return replace(at, x=x, left=left, right=right), ~(converged | closed)

    def _step(self, at: _Search, upper: Tensor, target: Tensor, log_share: Tensor, error: Tensor) -> Tensor:
        """A Newton step away from the end that the share is counted from.

        The share is taken to be a power of the distance from that end, or an exponential where that is infinite, and
        the rest to be one of the distance from the other end: the steps of the two are averaged, so that the nearer end
        has its way.
        """
        log_density = self.log_density(at.p, at.x) - at.log_total
        share, rest = log_share.exp(), -torch.expm1(log_share)
        near, far = at.x - at.low, at.high - at.x
        near, far = torch.where(upper, far, near), torch.where(upper, near, far)
        from_near = _power_step(near, -error, (log_share - log_density).exp())
        from_far = _power_step(far, torch.log1p((share - target) / rest), rest * (-log_density).exp())
        at_end = (share == 0) | (rest == 0)  # of which only the other end says where to go
        weight = torch.where(at_end, rest, share)
        return torch.where(weight < 1, (1 - weight) * from_near, 0.0) - torch.where(weight > 0, weight * from_far, 0.0)


@dataclass(frozen=True, slots=True)
class _Search:
    """A search for quantiles, of one in each row: points ``x`` in brackets from ``left`` to ``right``."""

    p: Parameters
    x: Tensor
    u: Tensor
    low: Tensor
    high: Tensor
    log_total: Tensor
    left: Tensor
    right: Tensor

    def of(self, rows: Tensor) -> _Search:
        """The search of some rows alone, bool [rows]."""
        tensors = (self.x, self.u, self.low, self.high, self.log_total, self.left, self.right)
        return _Search({name: value[rows] for name, value in self.p.items()}, *(tensor[rows] for tensor in tensors))


def _power_step(distance: Tensor, log_ratio: Tensor, slack: Tensor) -> Tensor:
    """The step by which a share that is a power of a distance grows by a factor; ``slack`` is the share by its
    derivative. Of an infinite distance it is an exponential."""
    return torch.where(distance.isinf(), log_ratio * slack, distance * torch.expm1(log_ratio * slack / distance))


def halfway(low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    """The number half-way between two in the order of all floating-point numbers, which halves any scale and ends that
    are infinite; and whether there is none between. Shape [...], float64."""
    first, last = (_place(end.clamp(-_LARGEST, _LARGEST)) for end in (low, high))
    middle = (first >> 1) + (last >> 1) + (first & last & 1)
    return _number(middle), last <= first + 1


def _place(x: Tensor) -> Tensor:
    """The place of a number in the order of all floating-point numbers: int64."""
    bits = x.contiguous().view(torch.int64)
    return torch.where(bits < 0, _LOWEST_BITS - bits, bits)


def _number(place: Tensor) -> Tensor:
    return torch.where(place < 0, _LOWEST_BITS - place, place).view(torch.float64)


def count_quantile(log_mass: Callable[[Tensor, Tensor], Tensor], uniform: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The least count between two ends, which are half-way between counts, at which P(low < X ≤ count) reaches a share
    u of P(low < X < high): by halving. Shapes broadcast to [...], float64."""
    uniform, low, high = torch.broadcast_tensors(uniform.double(), low, high)
    target = uniform.log() + log_mass(low, high)
    before = low.floor().clamp(min=-1)
    last = torch.maximum(high.floor().clamp(max=LARGEST_COUNT), before + 1)
    return least_count_reached(lambda code: log_mass(low, code + 0.5) >= target, before.long(), last.long()).double()
