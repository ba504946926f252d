"""Distributions of torch with what programs of Pyro need of them beside torch's own."""

from __future__ import annotations

import torch
from torch import Tensor


class Bernoulli(torch.distributions.Bernoulli):
    """A Bernoulli distribution that scores values of any type, as categorical ones do: a guide may draw integers."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value.to(self._param.dtype))
