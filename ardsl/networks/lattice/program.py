"""The step evaluator of lattice networks: each site of each map is computed once, as soon as what it reads is known.

A convolution at a step is a product of its weights with the neighbours' cached features, gathered where they do not lie
side by side. All calls of a step are prepared when it is first taken: torch's functions, on views of the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.given import alignment
from ardsl.networks.lattice.schedule import Schedule
from ardsl.networks.lattice.wiring import INPUT, Layer
from ardsl.networks.module import Program

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork

Call = tuple[Callable[..., object], tuple[object, ...], dict[str, Tensor]]


class LatticeProgram(Program):
    """Evaluates a lattice network a step at a time.

    Features are kept as [sites, features, batch], so that those of consecutive sites are one matrix. The last row of
    each cache is a zero, for neighbours that are not read.
    """

    def __init__(self, network: LatticeNetwork, element_step: np.ndarray, draw_step: np.ndarray, batch: int) -> None:
        self._network, self._wiring, self._batch = network, network.wiring, batch
        self._element_step = element_step
        own, whole, local = self._source_steps()
        self._last_given = max(whole, int(local.max(initial=-1)))
        self._schedule = schedule = Schedule(self._wiring, own, draw_step, whole, local)
        like = next(network.parameters()).detach()
        self._sites = {layer.target: schedule.sites(layer.target) for layer in self._wiring.layers}
        self._rows: dict[str, Tensor] = {}
        for name, (groups, features) in self._wiring.sizes.items():
            count = self._wiring.lattice.positions * groups + 1
            if name in schedule.passing:
                count = max(map(len, self._sites[name]))
            self._rows[name] = like.new_zeros(count, features, batch)
        self._turn_of = {int(step): turn for turn, step in enumerate(schedule.steps)}
        self._calls: list[list[Call] | None] = [None] * len(schedule.steps)
        self._features = like.new_zeros(network.plan.group.features, batch)
        """What is given, laid out as the group's inputs."""
        self._stale = True
        self._weights: dict[tuple[str, int, int], Tensor] = {}
        self._bases = {
            layer.target: like.new_zeros(layer.groups, layer.features, batch)
            for layer in self._wiring.layers
            if layer.kind == "convolve" and not layer.added
        }
        self._aligned = {
            layer.target: like.new_zeros(self._wiring.lattice.positions * layer.groups, layer.features, batch)
            for layer in self._wiring.layers
            if layer.aligned and network.given.aligned
        }

    # What comes in

    def _source_steps(self) -> tuple[np.ndarray, int, np.ndarray]:
        """The step of each of the variable's sites, the last of what all sites read, and that of what each position
        reads."""
        network, lattice = self._network, self._wiring.lattice
        steps = {name: self._element_step[elements] for name, elements in self._elements().items()}
        whole = max((int(steps[s.variable.name].max(initial=-1)) for s in network.given.whole), default=-1)
        local = np.full(lattice.positions, -1, dtype=np.int64)
        for source, part in network.given.aligned:
            read = np.append(steps[source.variable.name], -1)[alignment(part, lattice)]
            local = np.maximum(local, read.max(axis=1, initial=-1))
        return steps[self._variable][:: lattice.each], whole, local

    @property
    def _variable(self) -> str:
        return self._network.plan.group.targets[0].variable.name

    def _elements(self) -> dict[str, slice]:
        """Where each source's elements stand among the group's."""
        found, start = {}, 0
        for source in self._network.plan.group.sources:
            found[source.variable.name] = slice(start, start + len(source.elements))
            start += len(source.elements)
        return found

    def start(self, inputs: Tensor) -> None:
        self._take(-1, inputs)
        self._stale = True

    def write(self, step: int, inputs: Tensor) -> None:
        self._take(step, inputs)

    def _take(self, step: int, inputs: Tensor) -> None:
        """Columns that a step has made known: the variable's own go to its sites, others wait until all are there."""
        group, start = self._network.plan.group, 0
        for source, (name, place) in zip(group.sources, self._elements().items(), strict=True):
            known = np.flatnonzero(self._element_step[place] == step)
            if not len(known):
                continue
            features = source.element_features
            count = int(features[known].sum())
            part, start = inputs[start : start + count], start + count
            if name == self._variable:
                each = self._wiring.lattice.each
                self._store(INPUT, known[::each] // each, part.reshape(len(known) // each, -1, self._batch))
            else:
                first = np.cumsum(features) - features + self._first_feature(name)
                rows = np.concatenate([np.arange(first[e], first[e] + features[e]) for e in known])
                self._features[torch.from_numpy(rows)] = part

    def _first_feature(self, name: str) -> int:
        found = 0
        for source in self._network.plan.group.sources:
            if source.variable.name == name:
                break
            found += source.features
        return found

    def _store(self, name: str, sites: np.ndarray, value: Tensor) -> None:
        rows = self._rows[name]
        view = _consecutive(rows, sites)
        if view is not None:
            view.copy_(value)
        else:
            rows.index_copy_(0, torch.from_numpy(sites).to(rows.device), value)

    def _fill_bases(self) -> None:
        """What does not depend on the variable: each convolution's bias, and what is given."""
        _, whole, aligned = self._network.inputs(self._features.T)
        for layer in self._wiring.layers:
            if layer.target not in self._bases:
                continue
            convolution = self._network.convolution(layer.target)
            assert convolution.bias is not None
            base = convolution.bias.unflatten(0, (layer.groups, -1))[..., None]
            if convolution.condition is not None and whole is not None:
                base = base + (convolution.condition @ whole.T).unflatten(0, (layer.groups, -1))
            self._bases[layer.target].copy_(base.expand_as(self._bases[layer.target]))
            if layer.target in self._aligned and convolution.align is not None and aligned is not None:
                local = (convolution.align @ aligned.transpose(1, 2)).permute(2, 1, 0)  # [positions, outputs, batch]
                sites = local.unflatten(1, (layer.groups, -1)) + self._bases[layer.target]
                self._aligned[layer.target].copy_(sites.flatten(0, 1))

    # What a step computes

    def raw(self, step: int) -> Tensor:
        if self._stale:  # until all that is given is known
            self._fill_bases()
            self._stale = step <= self._last_given
        turn = self._turn_of[step]
        calls = self._calls[turn]
        if calls is None:
            calls = self._calls[turn] = self._prepared(turn)
        for function, arguments, into in calls:
            function(*arguments, **into)
        output = self._wiring.output
        return self._rows[output][: len(self._sites[output][turn])].flatten(0, 1)

    def _prepared(self, turn: int) -> list[Call]:
        calls: list[Call] = []
        for layer in self._wiring.layers:
            sites = self._sites[layer.target][turn]
            if not len(sites):
                continue
            into = self._place(layer.target, sites)
            kept = (
                into
                if into is not None
                else self._rows[layer.target].new_empty(len(sites), layer.features, self._batch)
            )
            if layer.kind == "convolve":
                for group in np.unique(sites % layer.groups):
                    self._convolve(layer, int(group), sites, kept, calls)
            else:
                self._apply(layer, sites, kept, calls)
            if into is None:
                rows = self._rows[layer.target]
                calls.append((rows.index_copy_, (0, _index(sites, rows), kept), {}))
        return calls

    def _place(self, name: str, sites: np.ndarray) -> Tensor | None:
        """Where the values of these sites belong, [sites, features, batch]; None where they do not lie side by side."""
        if name in self._schedule.passing:
            return self._rows[name][: len(sites)]
        return _consecutive(self._rows[name], sites)

    def _at(self, name: str, sites: np.ndarray, calls: list[Call]) -> Tensor:
        """The values of a map at sites that are computed, [sites, features, batch]."""
        return self._placed(self._rows[name], self._place(name, sites), sites, calls)

    def _placed(self, rows: Tensor, place: Tensor | None, sites: np.ndarray, calls: list[Call]) -> Tensor:
        if place is not None:
            return place
        found = rows.new_empty(len(sites), *rows.shape[1:])
        calls.append((torch.index_select, (rows, 0, _index(sites, rows)), {"out": found}))
        return found

    def _apply(self, layer: Layer, sites: np.ndarray, into: Tensor, calls: list[Call]) -> None:
        """A function of each site's own features."""
        source = self._at(layer.sources[0][0], sites, calls)
        if layer.kind == "gate":
            half = layer.features
            first, second = into.new_empty(into.shape), into.new_empty(into.shape)
            calls.append((torch.tanh, (source[:, :half],), {"out": first}))
            calls.append((torch.sigmoid, (source[:, half:],), {"out": second}))
            calls.append((torch.mul, (first, second), {"out": into}))
        elif layer.kind == "relu":
            calls.append((torch.clamp_min, (source, 0.0), {"out": into}))
        else:  # nothing is dropped where samples are drawn
            calls.append((into.copy_, (source,), {}))
        for name in layer.added:
            calls.append((into.add_, (self._at(name, sites, calls),), {}))

    def _convolve(self, layer: Layer, group: int, sites: np.ndarray, into: Tensor, calls: list[Call]) -> None:
        """One group's part of a convolution: of the sites at work, those of the group."""
        mine = np.flatnonzero(sites % layer.groups == group)
        whole = len(mine) == len(sites)
        own = sites[mine]
        out = into if whole else into.new_empty(len(own), *into.shape[1:])
        if layer.target in self._aligned:
            rows = self._aligned[layer.target]
            base = self._placed(rows, _consecutive(rows, own), own, calls)
        elif layer.added:
            base = self._at(layer.added[0], sites, calls)
            base = base if whole else self._placed(base, None, mine, calls)
        else:
            base = self._bases[layer.target][group][None]
        for number, (source, _) in enumerate(layer.sources):
            read = self._schedule.near[layer.target][number][own]
            slots = self._slots(layer, number, group)
            columns = self._gathered(source, own, read[:, slots], calls)
            calls.append(_product(base, self._flat(layer, number, group, slots), columns, out))
            base = out
        if not layer.sources:
            calls.append((out.copy_, (base.expand_as(out),), {}))
        for name in layer.added[1:]:
            more = self._at(name, sites, calls)
            calls.append((out.add_, (more if whole else self._placed(more, None, mine, calls),), {}))
        if not whole:
            calls.append((into.index_copy_, (0, _index(mine, into), out), {}))

    def _slots(self, layer: Layer, number: int, group: int) -> np.ndarray:
        """Which of a source's slots a group ever reads."""
        return np.flatnonzero(layer.sources[number][1].reads[:, group].reshape(-1))

    def _gathered(self, source: str, sites: np.ndarray, read: np.ndarray, calls: list[Call]) -> Tensor:
        """The features of each site's neighbours, [sites, slots · features, batch]."""
        rows = self._rows[source]
        if source in self._schedule.passing:
            return self._at(source, sites, calls)
        place = _consecutive(rows, read[0]) if len(read) == 1 and (read >= 0).all() else None
        if place is None:
            index = np.where(read < 0, len(rows) - 1, read).reshape(-1)
            place = self._placed(rows, None, index, calls)
        return place.reshape(len(sites), -1, self._batch)

    def _flat(self, layer: Layer, number: int, group: int, slots: np.ndarray) -> Tensor:
        """A group's weights on the slots that it reads, [features, slots · inputs]."""
        key = (layer.target, number, group)
        if key not in self._weights:
            weight = self._network.convolution(layer.target).weights()[number].detach()
            groups = layer.sources[number][1].reads.shape[2]
            whole = weight.unflatten(0, (layer.groups, -1))[group]  # [features, inputs, offsets]
            by_slot = whole.unflatten(1, (groups, -1)).permute(0, 3, 1, 2).flatten(1, 2)  # [features, slots, inputs]
            self._weights[key] = by_slot[:, torch.from_numpy(slots)].flatten(1).contiguous()
        return self._weights[key]


def _product(base: Tensor, weight: Tensor, columns: Tensor, out: Tensor) -> Call:
    """base + weight · columns, site by site: [1 or sites, outputs, batch], [outputs, inputs], [sites, inputs, batch]"""
    if len(columns) == 1:
        return torch.addmm, (base[0], weight, columns[0]), {"out": out[0]}
    if columns.shape[2] == 1:
        return torch.addmm, (base[..., 0], columns[..., 0], weight.T), {"out": out[..., 0]}
    return torch.baddbmm, (base, weight.expand(len(columns), -1, -1), columns), {"out": out}


def _consecutive(rows: Tensor, sites: np.ndarray) -> Tensor | None:
    """The rows of sites that follow each other, as they are."""
    first = int(sites[0])
    if int(sites[-1]) - first != len(sites) - 1 or (len(sites) > 2 and (np.diff(sites) != 1).any()):
        return None
    return rows[first : first + len(sites)]


def _index(sites: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(sites)).to(like.device)
