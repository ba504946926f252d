"""What compiled models have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ardsl.compiler.arrays.users import examples_by_name
from ardsl.spec import Spec


class CompiledModel(nn.Module, ABC):
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

    def measure(self, examples: Any) -> None:
        """Standardizes real and positive variables, observed and given, by the mean and spread of these examples:
        arrays [examples, *shape] by name, or one of the only observed variable. ``ardsl.fit`` does so with its training
        data; a training loop of one's own calls it once before it begins. Other variables keep the units they have."""
        self.take_units(examples_by_name(examples, self.spec.variables))

    @abstractmethod
    def take_units(self, examples: Mapping[str, Tensor]) -> None:
        """:meth:`measure`, of tensors of the right shapes."""

    @abstractmethod
    def log_prob(self, x: Any, given: Any = None) -> Any:
        """log p(x | given) of each example, [batch], in nats."""

    @abstractmethod
    def sample(self, n: int = 1, given: Any = None, *, seed: int | None = None) -> Any:
        """``n`` samples in the form of the data."""

    @property
    def like(self) -> Tensor:
        """A tensor with the model's dtype and device."""
        return next(self.parameters(), torch.zeros(()))
