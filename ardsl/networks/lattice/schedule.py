"""When each site of each map is computed by steps, and from which sites."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ardsl.networks.group import Group
from ardsl.networks.lattice.given import alignment
from ardsl.networks.lattice.module import LatticeNetwork
from ardsl.networks.lattice.plan import ranked_readings
from ardsl.networks.lattice.wiring import INPUT, Layer, Wiring


def neighbours(wiring: Wiring, layer: Layer) -> list[np.ndarray]:
    """For each source of a layer, the sites that each site reads: int64 [sites, slots], −1 where there is none.

    Slots are offsets, and at each the source's groups: the order of a stencil's weights.
    """
    by_source = []
    for _, relation in ranked_readings(wiring, layer)[: len(layer.sources)]:
        pairs = zip(relation.stencil.offsets, relation.stencil.reads, strict=True)
        by_source.append(np.concatenate([relation.neighbours(offset, reads) for offset, reads in pairs], axis=1))
    return by_source


@dataclass(frozen=True)
class SourceSteps:
    """The steps that draw what a network reads; −1 for what is known from the start."""

    own: np.ndarray
    """Of the elements of each of the variable's sites."""
    whole: int
    """The last of what every site reads."""
    local: np.ndarray
    """Of what each position reads in the last layers."""
    spread: np.ndarray
    """Of what enters every layer at each position."""

    @classmethod
    def of(cls, network: LatticeNetwork, element_step: np.ndarray) -> SourceSteps:
        lattice, group = network.wiring.lattice, network.plan.group
        steps = {name: element_step[elements] for name, elements in source_slices(group).items()}
        whole = max((int(steps[s.variable.name].max(initial=-1)) for s in network.given.sources), default=-1)
        local = np.full(lattice.positions, -1, dtype=np.int64)
        for source, part in network.given.aligned:
            read = np.append(steps[source.variable.name], -1)[alignment(part, lattice)]
            local = np.maximum(local, read.max(axis=1, initial=-1))
        spread = np.full(lattice.positions, -1, dtype=np.int64)
        for upsampled in network.given.spread:
            of_cell = steps[upsampled.source.variable.name].reshape(upsampled.part.source_shape[0], -1).max(axis=1)
            spread = np.maximum(spread, np.append(of_cell, -1)[upsampled.cells()[0]])
        return cls(steps[group.targets[0].variable.name][:: lattice.elements_per_site], whole, local, spread)

    @property
    def last_given(self) -> int:
        return max(self.whole, int(self.local.max(initial=-1)), int(self.spread.max(initial=-1)))


def source_slices(group: Group) -> dict[str, slice]:
    """The slice of each source's elements among the group's."""
    slices, start = {}, 0
    for source in group.sources:
        slices[source.variable.name] = slice(start, start + len(source.elements))
        start += len(source.elements)
    return slices


class Schedule:
    """The turns of a stepper: the steps that draw something, numbered.

    ``turn[map]`` is when each site of a map is computed, int64 [sites]: at the first turn after all that it reads is
    known. ``near[map]`` has the neighbours of each of its sources. A map in ``passing`` is read only where and when
    it is computed, and need not be kept. Sites whose draw has the step −1 are known, and nothing is drawn there.
    """

    def __init__(self, wiring: Wiring, steps: SourceSteps, draw_step: np.ndarray) -> None:
        self.steps = np.unique(draw_step[draw_step >= 0])
        self._drawn = draw_step >= 0
        self.near = {layer.target: neighbours(wiring, layer) for layer in wiring.layers}
        ready = {INPUT: steps.own + 1}
        for layer in wiring.layers:
            known = np.full(wiring.lattice.positions * layer.groups, steps.whole + 1 if layer.conditioned else 0)
            if layer.conditioned:
                known = np.maximum(known, np.repeat(steps.spread + 1, layer.groups))
            if layer.aligned:
                known = np.maximum(known, np.repeat(steps.local + 1, layer.groups))
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                padded = np.append(ready[source], 0)  # what lies outside waits for nothing
                known = np.maximum(known, padded[near].max(axis=1, initial=0))
            for name in layer.added:
                known = np.maximum(known, ready[name])
            ready[layer.target] = known
        ready[wiring.output] = draw_step  # parameters are asked for then, and may have been ready before
        needed = self._needed(wiring)
        self.turn = {
            name: np.where(needed[name] | (name == INPUT), np.searchsorted(self.steps, ready_step), len(self.steps))
            for name, ready_step in ready.items()
        }
        kept = {INPUT}
        for layer in wiring.layers:
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                single = layer.pointwise or near.shape[1] == 1
                if not (single and self._in_passing(source, layer.target, near)):
                    kept.add(source)
            kept |= {name for name in layer.added if (self.turn[name] != self.turn[layer.target]).any()}
        self.passing = {layer.target for layer in wiring.layers} - kept

    def _needed(self, wiring: Wiring) -> dict[str, np.ndarray]:
        """The sites of each map that some draw depends on, bool [sites]."""
        needed = {name: np.zeros(wiring.lattice.positions * groups, bool) for name, (groups, _) in wiring.sizes.items()}
        needed[wiring.output][:] = self._drawn
        for layer in reversed(wiring.layers):
            needed_here = needed[layer.target]
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                read = near[needed_here].reshape(-1)
                needed[source][read[read >= 0]] = True
            for name in layer.added:
                needed[name] |= needed_here
        return needed

    def _in_passing(self, source: str, target: str, near: np.ndarray) -> bool:
        """Says whether every site reads the same site of the source and no other, at the turn that computes both."""
        sites = np.arange(len(near))
        alone = ((near >= 0).sum(axis=1) == 1) & (near.max(axis=1, initial=-1) == sites)
        return bool(alone.all()) and bool((self.turn[source] == self.turn[target]).all())

    def sites(self, name: str) -> list[np.ndarray]:
        """The sites of a map at each turn, ascending; those that no turn needs are left out."""
        turn = self.turn[name]
        order = np.argsort(turn, kind="stable")
        return np.split(order, np.searchsorted(turn[order], np.arange(1, len(self.steps) + 1)))[: len(self.steps)]
