"""When each site of each map is computed by steps, and from which sites."""

from __future__ import annotations

import numpy as np

from ardsl.networks.lattice.plan import ranked_readings
from ardsl.networks.lattice.wiring import INPUT, Layer, Wiring


def neighbours(wiring: Wiring, layer: Layer) -> list[np.ndarray]:
    """For each source of a layer, the sites that each site reads: int64 [sites, slots], −1 where there is none.

    Slots are offsets, and at each the source's groups: the order of a stencil's weights.
    """
    found = []
    for _, relation in ranked_readings(wiring, layer)[: len(layer.sources)]:
        pairs = zip(relation.stencil.offsets, relation.stencil.reads, strict=True)
        found.append(np.concatenate([relation.neighbours(offset, reads) for offset, reads in pairs], axis=1))
    return found


class Schedule:
    """The turns of a step evaluator: the steps that draw something, numbered.

    ``turn[map]`` is when each site of a map is computed, int64 [sites]: at the first turn after all that it reads is
    known. ``near[map]`` has the neighbours of each of its sources. A map in ``passing`` is read only where and when
    it is computed, and need not be kept.
    """

    def __init__(
        self, wiring: Wiring, input_step: np.ndarray, draw_step: np.ndarray, whole_step: int, aligned_step: np.ndarray
    ) -> None:
        """``input_step[s]`` is the step that draws the input at site ``s``, −1 for what is known from the start;
        ``whole_step`` is the last that draws of what every site reads, ``aligned_step[p]`` of what position ``p``
        does."""
        self.steps = np.unique(draw_step)
        self.near = {layer.target: neighbours(wiring, layer) for layer in wiring.layers}
        ready = {INPUT: input_step + 1}
        for layer in wiring.layers:
            known = np.full(wiring.lattice.positions * layer.groups, whole_step + 1 if layer.conditioned else 0)
            if layer.aligned:
                known = np.maximum(known, np.repeat(aligned_step + 1, layer.groups))
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                padded = np.append(ready[source], 0)  # what lies outside waits for nothing
                known = np.maximum(known, padded[near].max(axis=1, initial=0))
            for name in layer.added:
                known = np.maximum(known, ready[name])
            ready[layer.target] = known
        ready[wiring.output] = draw_step  # raw numbers are asked for then, and may have been ready before
        needed = self._needed(wiring)
        self.turn = {
            name: np.where(needed[name] | (name == INPUT), np.searchsorted(self.steps, each), len(self.steps))
            for name, each in ready.items()
        }
        kept = {INPUT}
        for layer in wiring.layers:
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                single = layer.kind != "convolve" or near.shape[1] == 1
                if not (single and self._in_passing(source, layer.target, near)):
                    kept.add(source)
            kept |= {name for name in layer.added if (self.turn[name] != self.turn[layer.target]).any()}
        self.passing = {layer.target for layer in wiring.layers} - kept

    def _needed(self, wiring: Wiring) -> dict[str, np.ndarray]:
        """Which sites of each map some draw depends on, bool [sites]."""
        found = {name: np.zeros(wiring.lattice.positions * groups, bool) for name, (groups, _) in wiring.sizes.items()}
        found[wiring.output][:] = True
        for layer in reversed(wiring.layers):
            here = found[layer.target]
            for (source, _), near in zip(layer.sources, self.near[layer.target], strict=True):
                read = near[here].reshape(-1)
                found[source][read[read >= 0]] = True
            for name in layer.added:
                found[name] |= here
        return found

    def _in_passing(self, source: str, target: str, near: np.ndarray) -> bool:
        """Whether every site reads the same site of the source and no other, at the turn that computes both."""
        sites = np.arange(len(near))
        alone = ((near >= 0).sum(axis=1) == 1) & (near.max(axis=1, initial=-1) == sites)
        return bool(alone.all()) and bool((self.turn[source] == self.turn[target]).all())

    def sites(self, name: str) -> list[np.ndarray]:
        """The sites of a map at each turn, ascending; those that no turn needs are left out."""
        turn = self.turn[name]
        order = np.argsort(turn, kind="stable")
        return np.split(order, np.searchsorted(turn[order], np.arange(1, len(self.steps) + 1)))[: len(self.steps)]
