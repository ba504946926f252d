"""Dropout: in training some features are left out, and the others scaled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ardsl.networks.lattice.ops.layer import Pointwise

if TYPE_CHECKING:
    from torch import Tensor

    from ardsl.networks.tape import Tape


@dataclass(frozen=True, eq=False)
class Drop(Pointwise):
    """Its source, but in training."""

    name = "drop"
    for_training = True

    def function(self, value: Tensor, dropout: float) -> Tensor:
        from torch.nn.functional import dropout as drop

        return drop(value, dropout, True) if dropout else value

    def record(self, tape: Tape, source: Tensor, into: Tensor, room: Callable[[Tensor], Tensor]) -> None:
        if source.data_ptr() != into.data_ptr():  # nothing is dropped where samples are drawn
            tape.record(into.copy_, source)
