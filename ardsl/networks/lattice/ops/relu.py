"""Rectifiers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ardsl.networks.lattice.ops.layer import Pointwise

if TYPE_CHECKING:
    from torch import Tensor

    from ardsl.networks.tape import Tape


@dataclass(frozen=True, eq=False)
class Relu(Pointwise):
    """max(x, 0)."""

    name = "relu"

    def function(self, value: Tensor, dropout: float) -> Tensor:
        return value.relu()

    def record(self, tape: Tape, source: Tensor, into: Tensor, room: Callable[[Tensor], Tensor]) -> None:
        import torch

        tape.record(torch.clamp_min, source, 0.0, out=into)
