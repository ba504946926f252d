"""Gated units: tanh(a) · σ(b) of the halves a and b of each group's features.

van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, Eq. 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ardsl.networks.lattice.ops.layer import Pointwise

if TYPE_CHECKING:
    from torch import Tensor

    from ardsl.networks.tape import Tape


@dataclass(frozen=True, eq=False)
class Gate(Pointwise):
    """Half as many features as its source has."""

    name = "gate"

    def function(self, value: Tensor, dropout: float) -> Tensor:
        if self.groups == 1:  # gradients keep the memory format then
            first, second = value.chunk(2, 1)
            return first.tanh() * second.sigmoid()
        first, second = value.unflatten(1, (self.groups, 2, -1)).unbind(2)
        return (first.tanh() * second.sigmoid()).flatten(1, 2)

    def record(self, tape: Tape, source: Tensor, into: Tensor, room: Callable[[Tensor], Tensor]) -> None:
        import torch

        first, second = source.narrow(-2, 0, self.features), source.narrow(-2, self.features, self.features)
        half = room(into)
        tape.record(torch.tanh, first, out=half)
        tape.record(torch.sigmoid, second, out=into)
        tape.record(into.mul_, half)
