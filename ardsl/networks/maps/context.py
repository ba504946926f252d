"""``deconv`` as what a context goes through: a source grows to a map of features at every position."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.model.model import Context
from ardsl.networks.context import ContextNetwork, ContextPlan
from ardsl.networks.group import SourceBlock
from ardsl.networks.maps.shapes import Step, finer
from ardsl.networks.network import Option

if TYPE_CHECKING:
    import torch

HIDDEN = Option("hidden", "sizes", (64,), "the features of each map, in the order of the layers", 1, 10_000)


def steps(source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> list[Step]:
    """The layers from a source to all positions."""
    located = _located(source, positions)
    inputs = source.features // prod(located or ())
    return finer(located, inputs, positions, options["hidden"])


def _located(source: SourceBlock, positions: tuple[int, ...]) -> tuple[int, ...] | None:
    """The source's own positions, if its first axes are such."""
    variable = source.variable
    if variable.is_record or len(variable.shape) < max(2, len(positions)):
        return None
    return variable.shape[: len(positions)]


class Deconv(ContextNetwork):
    name = "deconv"
    doc = "transposed convolutions from a coarser map, or from a vector, to a map at every position"
    paper = "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, Eq. 4"
    options = (HIDDEN,)

    def problems(self, context: Context, source: SourceBlock, positions: tuple[int, ...]) -> Iterator[Diagnostic]:
        located = _located(source, positions) or ()
        for size, fine in zip(located, positions, strict=False):
            if fine % size:
                assert context.network is not None  # its own
                yield rules.NO_RESOLUTION.at(
                    context.network.span, network=self.name, variable=source.variable.name, size=size, fine=fine
                )
                return

    def plan(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> ContextPlan:
        every = steps(source, positions, options)
        layers = tuple(step.plan(f"{source.variable.name} {number}") for number, step in enumerate(every))
        return ContextPlan(layers, options["hidden"][-1])

    def build(self, source: SourceBlock, positions: tuple[int, ...], options: Mapping[str, Any]) -> torch.nn.Module:
        from ardsl.networks.maps.module import Growing

        return Growing(steps(source, positions, options))
