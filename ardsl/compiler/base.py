"""What compiled models have in common."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ardsl.spec import Spec


class CompiledModel(nn.Module):
    """A spec as a torch module."""

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.spec = spec
        self.data_directory: str | None = None
        """Where the spec's own data is, for a model restored from elsewhere; None: beside the spec."""

    @property
    def dims(self) -> int:
        """The number of observed elements: bits/dim is nats / (dims · ln 2)."""
        return sum(v.size for v in self.spec.model.observed)

    @property
    def like(self) -> Tensor:
        """A tensor with the model's dtype and device."""
        return next(self.parameters(), torch.zeros(()))
