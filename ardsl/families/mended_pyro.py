"""Distributions of Pyro with what its own programs need of them."""

from __future__ import annotations

from typing import Any

import pyro.distributions
import torch


class SkewLogistic(pyro.distributions.SkewLogistic):
    """A skewed logistic distribution with its whole lower tail: Pyro's own takes u^(1/asymmetry) that no number holds
    for 0, and draws −∞."""

    def icdf(self, value: torch.Tensor) -> torch.Tensor:
        power = value.clamp(min=torch.finfo(value.dtype).tiny).log() / self.asymmetry
        return self.loc + self.scale * (power - torch.log(-torch.expm1(power)))


class SoftAsymmetricLaplace(pyro.distributions.SoftAsymmetricLaplace):
    """A soft asymmetric Laplace distribution that can be expanded, as in a plate: Pyro's own makes another class."""

    def expand(self, batch_shape: Any, _instance: Any = None) -> SoftAsymmetricLaplace:
        shape = torch.Size(batch_shape)
        own = {name: getattr(self, name).expand(shape) for name in self.arg_constraints}
        return SoftAsymmetricLaplace(**own, validate_args=self._validate_args)
