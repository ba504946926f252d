"""The arithmetic of particle filters: weights, resampling, and what several independent filters say of a mean.

It knows nothing of networks. Weights are logarithms in float64 throughout, so that products of hundreds of
probabilities do not underflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

FILTERS = 20
"""Independent filters whose spread is the standard error of an estimate, with 19 degrees of freedom."""
DEGREES = FILTERS - 1
T_95 = 2.093
"""The 97.5 % quantile of Student's t with 19 degrees of freedom: an interval of 95 % has so many errors on a side."""


class Filters:
    """Particle filters side by side, [filters, particles]: each has weights of its own and resamples by itself."""

    def __init__(self, filters: int, particles: int, generator: torch.Generator) -> None:
        self._generator = generator
        self.log_weights = torch.zeros(filters, particles, dtype=torch.float64)
        """Since each filter's last resampling, in nats."""
        self.log_evidence_before = torch.zeros(filters, dtype=torch.float64)
        """The logarithm of each filter's mean weight at its last resampling."""
        self.ancestors = torch.arange(particles).repeat(filters, 1)
        """The particle at the start that each one descends from."""
        self._weighed = False

    def weigh(self, log_weight: Tensor) -> None:
        """Multiplies the weights of all particles, [filters · particles], by what a step gives."""
        self.log_weights += log_weight.to(self.log_weights).view_as(self.log_weights)
        self._weighed = True

    @property
    def log_evidence(self) -> Tensor:
        """The logarithm of each filter's estimate of the mean weight: [filters]. The estimate itself is unbiased."""
        return self.log_evidence_before + log_mean(self.log_weights)

    @property
    def total_log_weights(self) -> Tensor:
        """The weight of each particle as of all filters together, [filters, particles]: their mean in a filter is its
        evidence."""
        return self.log_evidence_before.unsqueeze(1) + self.log_weights

    def resample(self) -> Tensor | None:
        """Resamples the filters whose effective sample size has fallen below half of their particles.

        Gives the row that each particle goes on with, int64 [filters · particles]; None where all go on as they are.
        """
        if not self._weighed:
            return None
        self._weighed = False
        filters, particles = self.log_weights.shape
        poor = effective(self.log_weights) < particles / 2
        poor &= self.log_weights.amax(1) > -math.inf  # in a filter that is extinct there is nothing to go on with
        if not bool(poor.any()):
            return None
        start = torch.rand(filters, generator=self._generator, dtype=torch.float64)
        rows = torch.arange(particles).repeat(filters, 1)
        rows[poor] = systematic(self.log_weights[poor], start[poor], particles)
        self.log_evidence_before = torch.where(poor, self.log_evidence, self.log_evidence_before)
        self.log_weights = torch.where(poor.unsqueeze(1), 0.0, self.log_weights)
        self.ancestors = self.ancestors.gather(1, rows)
        return (rows + particles * torch.arange(filters).unsqueeze(1)).flatten()


def systematic(log_weights: Tensor, start: Tensor, count: int) -> Tensor:
    """Systematic resampling: ``count`` indices for each row of weights [rows, n], from one uniform number of each,
    [rows]. An index comes as often as its share of the weight times ``count``, rounded up or down."""
    cumulative = log_weights.softmax(1).cumsum(1)
    places = (torch.arange(count, dtype=torch.float64) + start.unsqueeze(1)) / count * cumulative[:, -1:]
    return torch.searchsorted(cumulative, places, right=True).clamp(max=log_weights.shape[1] - 1)


def log_mean(log_weights: Tensor) -> Tensor:
    """The logarithm of the mean of weights [..., n]."""
    return log_weights.logsumexp(-1) - math.log(log_weights.shape[-1])


def effective(log_weights: Tensor) -> Tensor:
    """The effective sample size of weights [..., n]: (Σ w)² / Σ w², or 0 where all are 0."""
    size = (2 * log_weights.logsumexp(-1) - (2 * log_weights).logsumexp(-1)).exp()
    return torch.where(log_weights.amax(-1) == -math.inf, 0.0, size)


@dataclass(frozen=True)
class Estimate:
    """An estimate of a mean weight for each row, [rows]: its logarithm in nats, and its standard error divided by
    itself, which is also the standard error of the logarithm. Where the mean is 0, so is the error."""

    log_mean: Tensor
    relative_error: Tensor
    effective_samples: Tensor
    samples: int

    @property
    def mean(self) -> Tensor:
        return self.log_mean.exp()

    @property
    def standard_error(self) -> Tensor:
        return self.mean * self.relative_error


def mean_of(log_evidence: Tensor) -> tuple[Tensor, Tensor]:
    """The mean over independent filters, [rows, filters] of logarithms: its logarithm and its relative standard error,
    [rows]."""
    relative, log_scale = _scaled(log_evidence)
    mean = relative.mean(1)
    error = relative.std(1) / relative.shape[1] ** 0.5
    return mean.log() + log_scale, torch.where(mean > 0, error / mean, 0.0)


def ratio_of(log_numerator: Tensor, log_denominator: Tensor) -> tuple[Tensor, Tensor]:
    """The ratio of two means over the same filters, [rows, filters] of logarithms each, by the jackknife: its logarithm
    and its relative standard error, [rows]."""
    above, log_above = _scaled(log_numerator)
    below, log_below = _scaled(log_denominator)
    count = above.shape[1]
    ratio = above.sum(1) / below.sum(1)
    without = (above.sum(1, keepdim=True) - above) / (below.sum(1, keepdim=True) - below)
    jackknifed = count * ratio - (count - 1) * without.mean(1)
    error = ((count - 1) / count * (without - without.mean(1, keepdim=True)).square().sum(1)).sqrt()
    ratio = torch.where(jackknifed > 0, jackknifed, ratio)
    return ratio.log() + log_above - log_below, torch.where(ratio > 0, error / ratio, 0.0)


def _scaled(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [rows, n] divided by the largest of their row, and its logarithm, [rows]."""
    largest = log_weights.amax(1)
    largest = torch.where(largest == -math.inf, 0.0, largest)
    return (log_weights - largest.unsqueeze(1)).exp(), largest
