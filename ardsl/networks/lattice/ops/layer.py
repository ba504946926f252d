"""The interface of a layer of a lattice network: it computes one map from maps before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ardsl.relations.translated import Reading

if TYPE_CHECKING:
    from torch import Tensor

    from ardsl.networks.tape import Tape


@dataclass(frozen=True, eq=False)
class Layer(ABC):
    """One map. ``features`` are those of each group; the maps ``added`` are added at every site."""

    target: str
    groups: int
    features: int
    sources: tuple[Reading, ...]
    added: tuple[str, ...] = ()
    conditioned: bool = False
    aligned: bool = False

    pointwise: ClassVar[bool]
    """True where each site depends on its own features in one map alone, without weights."""
    for_training: ClassVar[bool] = False
    """True where the layer does something in training only, and gives its source elsewhere."""


@dataclass(frozen=True, eq=False)
class Pointwise(Layer):
    """A function of each site's own features."""

    pointwise = True
    name: ClassVar[str]

    @property
    def source(self) -> str:
        return self.sources[0][0]

    def evaluate(self, maps: Mapping[str, Tensor], dropout: float) -> Tensor:
        """The whole map, [batch, groups · features, *positions]; ``dropout`` is 0 but in training."""
        value = self.function(maps[self.source], dropout)
        for name in self.added:
            value = value + maps[name]
        return value

    @abstractmethod
    def function(self, value: Tensor, dropout: float) -> Tensor:
        """The function over all positions at once."""

    @abstractmethod
    def record(self, tape: Tape, source: Tensor, into: Tensor, room: Callable[[Tensor], Tensor]) -> None:
        """The function at some sites, [..., features, batch]; ``room`` gives room for as much as a tensor that is used
        up at once."""
