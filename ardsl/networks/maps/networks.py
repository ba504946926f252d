"""``conv`` and ``deconv`` as networks of factors: encoders and decoders between maps of whole variables."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group, SourceBlock
from ardsl.networks.maps.context import HIDDEN
from ardsl.networks.maps.shapes import Step, coarser, finer, positions
from ardsl.networks.network import Network, Option
from ardsl.relations import Everything

if TYPE_CHECKING:
    from ardsl.networks.module import NetworkModule

BLOCKS = Option("blocks", "integer", 0, "residual blocks after each map", 0, 100)
_KERNEL = 3


@dataclass(frozen=True, repr=False)
class MapDesign(Design):
    """Maps step by step to the target's rows and columns, ``cells``, or () of one that has none."""

    steps: tuple[Step, ...] = ()
    cells: tuple[int, ...] = ()

    def build(self) -> NetworkModule:
        from ardsl.networks.maps.module import MapNetwork

        return MapNetwork(self, self.steps, self.cells)


class Maps(Network):
    """Every draw of one variable reads all of every source. Sources with rows and columns are joined as one
    map, and what has none is repeated at every position of it."""

    options = (HIDDEN, BLOCKS)

    @abstractmethod
    def steps(self, group: Group, options: Mapping[str, Any]) -> list[Step]:
        """The hidden layers."""

    @abstractmethod
    def shape_problem(self, group: Group) -> Diagnostic | None:
        """Why there is no way from the sources to the target."""

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what the network cannot realize in the group."""
        factor, target = group.factors[0], group.targets[0]
        if len(group.targets) > 1:
            yield rules.ONE_FAMILY.at(group.call.span, what=f"`{self.name}`")
            return
        for context in factor.contexts:
            if not context.selection.same_for_all or context.variable == factor.variable:
                reason = "every element reads the same, the whole of other variables"
                yield rules.LATTICE_CONTEXT.at(context.span, network=self.name, text=context.text, reason=reason)
                return
        if target.factor.event_axes and positions(target.variable) is not None:
            needs, reason = "a family for single elements", f"one draw of `{factor.text}` covers several"
            yield rules.LATTICE_AXES.at(group.call.span, network=self.name, needs=needs, reason=reason)
            return
        problem = self.shape_problem(group)
        if problem is not None:
            yield problem

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        problems = list(self.problems(group, options))
        if problems:
            return problems
        steps = self.steps(group, options)
        layers = []
        for number, step in enumerate(steps, 1):
            layers.append(step.plan(f"map {number}"))
            cells, features = prod(step.shape), step.outputs
            weights = features * features * _KERNEL ** len(step.shape)
            for block in range(options["blocks"]):
                layers += [
                    LayerPlan(
                        name=f"map {number}, block {block + 1}, {part}",
                        inputs=cells * features,
                        outputs=cells * features,
                        parameters=weights + features,
                        connections=weights + features,
                        flops=2 * cells * weights,
                        relation=Everything(cells * features, cells * features),
                        activation="relu",
                        activated=cells * features,
                    )
                    for part in ("first", "second")
                ]
        below, outputs = prod(steps[-1].shape) * steps[-1].outputs, len(group.output_draw)
        outputs_of_cell = outputs // prod(self.cells(group))
        inputs = below if not self.cells(group) else steps[-1].outputs
        layers.append(
            LayerPlan(
                name="output",
                inputs=below,
                outputs=outputs,
                parameters=(inputs + 1) * outputs_of_cell,
                connections=(inputs + 1) * outputs_of_cell,
                flops=2 * inputs * outputs,
                relation=Everything(outputs, below),
            )
        )
        # A dense layer, or what all cells amount to, stands between any source and all that follows.
        realized = Everything(group.draws, group.elements)
        under = (realized,) * group.order_count
        return MapDesign(
            group, self.name, dict(options), tuple(layers), under, steps=tuple(steps), cells=self.cells(group)
        )

    def cells(self, group: Group) -> tuple[int, ...]:
        """Rows and columns of the target; () of one that has none."""
        return positions(group.targets[0].variable) or ()

    def unfit(
        self, group: Group, sources: Sequence[SourceBlock], fine: Sequence[int], coarse: Sequence[int]
    ) -> Diagnostic | None:
        """Sources with rows and columns stand side by side only if these are the same; and lead from fine ones to
        coarse ones, or back, by whole numbers only."""
        first = sources[0].variable
        for source in sources[1:]:
            if positions(source.variable) != positions(first):
                reason = f"its rows and columns are not those of `{first.name}`"
                context = next(c for c in group.factors[0].contexts if c.variable == source.variable.name)
                return rules.LATTICE_CONTEXT.at(context.span, network=self.name, text=context.text, reason=reason)
        for many, few in zip(fine, coarse, strict=False):
            if many % few:
                return rules.NO_RESOLUTION.at(
                    group.call.span, network=self.name, variable=first.name, size=few, fine=many
                )
        return None


def located(group: Group) -> list[SourceBlock]:
    """The sources with rows and columns."""
    return [source for source in group.sources if positions(source.variable) is not None]


def features(group: Group) -> int:
    """The inputs of each cell: those of the located sources there, and all of the others."""
    there = sum(source.features // prod(positions(source.variable) or ()) for source in located(group))
    return there + sum(source.features for source in group.sources if positions(source.variable) is None)


class Conv(Maps):
    name = "conv"
    doc = "an encoder: convolutions from a map to a coarser one, or to a vector"
    paper = "Gulrajani et al. 2017, PixelVAE"
    examples = {
        "to a coarser map": (
            "given y[4, 4] : real\nobserved x[2, 2, 2] : binary\n"
            "p(x | y) = bernoulli via conv(hidden = [3, 4], blocks = 1)\n"
        ),
        "to a vector": (
            "given y[8, 6, 2] : category(3)\nobserved x[5] : category(3)\n"
            "p(x | y) = categorical via conv(hidden = [3, 4, 4])\n"
        ),
        "of two maps and a label": (
            "given label : category(3)\nobserved y[2, 2] : binary\nobserved w[2, 2] : binary\n"
            "observed x : binary\np(y) = bernoulli\np(w) = bernoulli\n"
            "p(x | y, label, w) = bernoulli via conv(hidden = [4])\n"
        ),
    }

    def shape_problem(self, group: Group) -> Diagnostic | None:
        sources = located(group)
        if not sources:
            reason = "none of what it reads has rows and columns"
            return rules.LATTICE_AXES.at(group.call.span, network=self.name, needs="a map to begin with", reason=reason)
        return self.unfit(group, sources, positions(sources[0].variable) or (), self.cells(group))

    def steps(self, group: Group, options: Mapping[str, Any]) -> list[Step]:
        source = positions(located(group)[0].variable)
        assert source is not None  # it is located
        return coarser(source, features(group), self.cells(group) or None, options["hidden"])


class Deconv(Maps):
    name = "deconv"
    doc = "a decoder: transposed convolutions from a coarser map, or from a vector, to a map"
    paper = "Gulrajani et al. 2017, PixelVAE"
    examples = {
        "from a vector": (
            "given z[3] : real\nobserved x[2, 4] : binary\n"
            "p(x | z) = bernoulli via deconv(hidden = [4, 3], blocks = 1)\n"
        ),
        "from a map and a label": (
            "given label : category(3)\nobserved y[1, 2] : category(3)\nobserved x[2, 4] : binary\n"
            "p(y | label) = categorical\np(x | y, label) = bernoulli via deconv(hidden = [4])\n"
        ),
    }

    def shape_problem(self, group: Group) -> Diagnostic | None:
        if not self.cells(group):
            reason = f"`{group.targets[0].variable.name}` has none"
            needs = "rows and columns to grow to"
            return rules.LATTICE_AXES.at(group.call.span, network=self.name, needs=needs, reason=reason)
        if not group.sources:
            reason = f"`{group.factors[0].text}` reads nothing"
            return rules.LATTICE_AXES.at(
                group.call.span, network=self.name, needs="something to grow from", reason=reason
            )
        sources = located(group)
        return self.unfit(group, sources, self.cells(group), positions(sources[0].variable) or ()) if sources else None

    def steps(self, group: Group, options: Mapping[str, Any]) -> list[Step]:
        sources = located(group)
        source = positions(sources[0].variable) if sources else None
        return finer(source, features(group), self.cells(group), options["hidden"])
