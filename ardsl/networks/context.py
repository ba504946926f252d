"""Networks that a context goes through before it conditions: ``z via deconv(…)``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ardsl.diagnostics import Diagnostic
from ardsl.model.model import Context
from ardsl.networks.design import LayerPlan
from ardsl.networks.group import SourceBlock
from ardsl.networks.network import Option

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class ContextPlan:
    """The layers from a source to ``features`` numbers at each position. Every one depends on the whole source."""

    layers: tuple[LayerPlan, ...]
    features: int


class ContextNetwork(ABC):
    """A plug-in: how a source becomes features of every position of the variable that it conditions.

    A built module maps features of the source ``[batch, source.features]`` to ``[batch, features, *positions]``.
    """

    name: ClassVar[str]
    doc: ClassVar[str]
    paper: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()

    def problems(self, context: Context, source: SourceBlock, positions: tuple[int, ...]) -> Iterator[Diagnostic]:
        """Why the network cannot take this source there."""
        return iter(())

    @abstractmethod
    def plan(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> ContextPlan:
        """The layers. Allocates no weights."""

    @abstractmethod
    def build(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> torch.nn.Module:
        """The torch module."""
