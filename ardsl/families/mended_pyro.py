"""Distributions of Pyro with what its own programs need of them."""

from __future__ import annotations

from typing import Any

import pyro.distributions
import torch


class SoftAsymmetricLaplace(pyro.distributions.SoftAsymmetricLaplace):
    """A soft asymmetric Laplace distribution that can be expanded, as in a plate: Pyro's own makes another class."""

    def expand(self, batch_shape: Any, _instance: Any = None) -> SoftAsymmetricLaplace:
        shape = torch.Size(batch_shape)
        own = {name: getattr(self, name).expand(shape) for name in self.arg_constraints}
        return SoftAsymmetricLaplace(**own, validate_args=self._validate_args)
