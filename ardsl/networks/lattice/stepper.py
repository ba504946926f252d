"""The evaluator by steps of lattice networks: each site of each map is computed once, when what it reads is known.

A convolution at a step is a product of its weights with the neighbours' cached features, gathered where they do not lie
side by side. All calls of a step are prepared when it is first taken: torch's functions, on views of the caches.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.lattice.inputs import LatticeInputs
from ardsl.networks.lattice.module import LatticeNetwork
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.layer import Layer, Pointwise
from ardsl.networks.lattice.schedule import Schedule, SourceSteps
from ardsl.networks.lattice.wiring import INPUT
from ardsl.networks.stepper import Run, Slots
from ardsl.networks.tape import Tape
from ardsl.relations.ranks import inverse


class LatticeStepper(LatticeInputs):
    """Evaluates a lattice network a step at a time.

    Features are kept as [sites, features, batch], in the order in which sites are computed: what a step adds is a
    slice, and the features of sites that lie side by side are one matrix. The first row of each cache is a zero, for
    neighbours that are not read.
    """

    def __init__(self, network: LatticeNetwork, run: Run) -> None:
        super().__init__(network, run)
        steps, like = SourceSteps.of(network, run.element_step), self._like
        own, self._last_given = steps.own, steps.last_given
        self._schedule = schedule = Schedule(self._wiring, steps, run.draw_step)
        self._sites = {layer.target: schedule.sites(layer.target) for layer in self._wiring.layers}
        self._rows, self._row = self._caches(like)
        self._scratch: dict[object, Tensor] = {}
        if self._wiring.sizes[INPUT][1] == 1 and bool((own >= 0).all()):
            self.slots = self._make_slots(own)
        self._turn_of = {int(step): turn for turn, step in enumerate(schedule.steps)}
        self._tapes: list[Tape | None] = [None] * len(schedule.steps)
        self._functions = {function.target: function for function in self._wiring.functions}
        self._convolutions = {layer.target: layer for layer in self._wiring.convolutions}
        self._stale = True
        self._weights: dict[tuple[Layer, tuple[int, ...], int], Tensor] = {}
        self._bases = {
            layer.target: like.new_zeros(layer.groups, layer.features, run.batch)
            for layer in self._wiring.convolutions
            if not layer.added
        }
        self._located = {
            layer.target: like.new_zeros(self._wiring.lattice.positions * layer.groups, layer.features, run.batch)
            for layer in self._wiring.convolutions
            if network.convolution(layer.target).locate is not None
        }

    def _caches(self, like: Tensor) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
        """The tensor that holds each map, and the row in it of each site, with that of the zero as site −1.

        Maps that are kept and have as many features share a tensor, so that one call gathers from several. A map that
        is not kept has as many rows as a turn has sites at most.
        """
        row: dict[str, np.ndarray] = {}
        counts: dict[int, int] = {}
        rows: dict[str, Tensor] = {}
        for name, (groups, features) in self._wiring.sizes.items():
            if name in self._schedule.passing:
                rows[name] = like.new_empty(max(map(len, self._sites[name])), features, self._batch)
                continue
            first = counts.get(features, 1)  # after the zero
            placed = inverse(np.argsort(self._schedule.turn[name], kind="stable")) + first
            row[name] = np.append(placed, 0)
            counts[features] = first + self._wiring.lattice.positions * groups
        shared = {features: like.new_zeros(count, features, self._batch) for features, count in counts.items()}
        return rows | {name: shared[self._wiring.sizes[name][1]] for name in row}, row

    def _make_slots(self, own: np.ndarray) -> Slots:
        """The views that each step's draws are written into: the network reads a single number of each element."""
        rows, first = self._rows[INPUT][:, 0], int(self._row[INPUT][:-1].min())
        every = rows[first : first + len(own)]
        ends = np.searchsorted(np.sort(own), np.arange(own.max() + 1), side="right").tolist()
        return Slots(every, [every[a:b] for a, b in zip([0, *ends], ends, strict=False)])

    def advance(self, step: int) -> None:
        """Nothing follows what is written: a step looks up what it reads."""

    def refresh(self) -> None:
        for key, kept in self._weights.items():
            kept.copy_(self._make_flat(*key))

    def caches(self) -> Iterable[Tensor]:
        shared = {id(rows): rows for rows in self._rows.values()}
        return (*shared.values(), *self._bases.values(), *self._located.values(), *self._given.values())

    def start(self, known: Tensor) -> None:
        self._take(-1, known)
        self._stale = True

    def _take_own(self, sites: np.ndarray, features: Tensor) -> None:
        rows = self._row[INPUT][sites]  # a step's own lie side by side
        self._rows[INPUT][rows[0] : rows[0] + len(rows)].copy_(features)

    def _fill_bases(self) -> None:
        """Computes what does not depend on the variable: each convolution's bias, and what is given."""
        given = self._network.features(self._conditions())
        for layer in self._wiring.layers:
            if layer.target not in self._bases:
                continue
            convolution = self._network.convolution(layer.target)
            assert convolution.bias is not None
            base = convolution.bias.unflatten(0, (layer.groups, -1))[..., None]
            if convolution.condition is not None and given.whole is not None:
                base = base + (convolution.condition @ given.whole.T).unflatten(0, (layer.groups, -1))
            self._bases[layer.target].copy_(base.expand_as(self._bases[layer.target]))
            located = given.located(layer)
            if convolution.locate is not None and located is not None:
                local = (convolution.locate @ located.flatten(2)).permute(2, 1, 0)  # [positions, outputs, batch]
                sites = local.unflatten(1, (layer.groups, -1)) + self._bases[layer.target]
                self._located[layer.target].copy_(sites.flatten(0, 1))

    # What a step computes

    def parameters(self, step: int) -> Tensor:
        if self._stale:  # until all that is given is known
            self._fill_bases()
            self._stale = step <= self._last_given
        turn = self._turn_of[step]
        tape = self._tapes[turn]
        if tape is None:
            tape = self._tapes[turn] = self._recorded(turn)
        tape.play()
        output = self._wiring.output
        return self._rows[output][: len(self._sites[output][turn])].flatten(0, 1)

    def _recorded(self, turn: int) -> Tape:
        tape = Tape()
        for function in self._wiring.layers:
            sites = self._sites[function.target][turn]
            if not len(sites):
                continue
            into = self._rows[function.target][self._first(function.target, sites) :][: len(sites)]
            if function.target in self._functions:
                self._apply(self._functions[function.target], sites, into, tape)
                continue
            layer = self._convolutions[function.target]
            for group in np.unique(sites % layer.groups):
                self._convolve(layer, int(group), sites, into, tape)
        return tape

    def _first(self, name: str, sites: np.ndarray) -> int:
        """The row where the sites of a turn begin."""
        return 0 if name in self._schedule.passing else int(self._row[name][sites[0]])

    def _at(self, name: str, sites: np.ndarray, of_group: np.ndarray, layer: Layer, tape: Tape) -> Tensor:
        """The values of a map at those of a turn's sites that are ``of_group``, [sites, features, batch]."""
        index = of_group if name in self._schedule.passing else self._row[name][sites[of_group]]
        return self._gathered(self._rows[name], index, (layer.target, name), tape)

    def _gathered(self, rows: Tensor, index: np.ndarray, key: object, tape: Tape) -> Tensor:
        """Some rows, as they are where they lie side by side."""
        first = int(index[0])
        if int(index[-1]) - first == len(index) - 1 and (len(index) < 3 or bool((np.diff(index) == 1).all())):
            return rows[first : first + len(index)]
        gathered = self._room(key, len(index), rows)
        place = torch.from_numpy(index).to(rows.device)
        tape.record(torch.index_select, rows, 0, place, out=gathered)
        return gathered

    def _room(self, key: object, count: int, like: Tensor) -> Tensor:
        """Room for values that the next call uses up, [count, features, batch]."""
        kept = self._scratch.get(key)
        if kept is None or len(kept) < count:
            kept = self._scratch[key] = like.new_empty(count, *like.shape[1:])
        return kept[:count]

    def _apply(self, function: Pointwise, sites: np.ndarray, into: Tensor, tape: Tape) -> None:
        """A function of each site's own features."""
        every = np.arange(len(sites))
        source = self._at(function.source, sites, every, function, tape)
        function.record(tape, source, into, lambda like: self._room(function.target, len(sites), like))
        for name in function.added:
            tape.record(into.add_, self._at(name, sites, every, function, tape))

    def _convolve(self, layer: Convolve, group: int, sites: np.ndarray, into: Tensor, tape: Tape) -> None:
        """One group's part of a convolution: of the sites of a turn, those of the group."""
        of_group = np.flatnonzero(sites % layer.groups == group)
        whole = len(of_group) == len(sites)
        own = sites[of_group]
        out = into if whole else self._room((layer.target, "part", group), len(own), into)
        sums = [self._at(name, sites, of_group, layer, tape) for name in layer.added]
        if layer.target in self._located:
            sums.append(self._gathered(self._located[layer.target], own, (layer.target, "located"), tape))
        elif not layer.added:
            sums.append(self._bases[layer.target][group][None])
        products = [
            (self._flat(layer, numbers, group), self._columns(layer, numbers, group, sites, of_group, tape))
            for numbers in self._together(layer, group)
        ]
        layer.record(tape, sums, products, out)
        if not whole:
            tape.record(into.index_copy_, 0, torch.from_numpy(of_group).to(into.device), out)

    def _together(self, layer: Layer, group: int) -> list[list[int]]:
        """The sources that a group reads of a convolution, by the tensor that holds them: one gather and one product
        serve each."""
        by_tensor: dict[int, list[int]] = {}
        for number, (source, _) in enumerate(layer.sources):
            if len(self._slots(layer, number, group)):
                by_tensor.setdefault(id(self._rows[source]), []).append(number)
        return list(by_tensor.values())

    def _slots(self, layer: Layer, number: int, group: int) -> np.ndarray:
        """The slots of a source that a group ever reads."""
        return np.flatnonzero(layer.sources[number][1].reads[:, group].reshape(-1))

    def _columns(
        self, layer: Layer, numbers: list[int], group: int, sites: np.ndarray, of_group: np.ndarray, tape: Tape
    ) -> Tensor:
        """The features that each of a group's sites reads of some sources, [sites, slots · features, batch]."""
        names = [layer.sources[number][0] for number in numbers]
        if names[0] in self._schedule.passing:
            index = of_group
        else:
            near = [
                self._schedule.near[layer.target][n][sites[of_group]][:, self._slots(layer, n, group)] for n in numbers
            ]
            index = np.concatenate([self._row[name][read] for name, read in zip(names, near, strict=True)], axis=1)
        columns = self._gathered(self._rows[names[0]], index.reshape(-1), (layer.target, *numbers), tape)
        return columns.reshape(len(of_group), -1, self._batch)

    def _flat(self, layer: Layer, numbers: list[int], group: int) -> Tensor:
        """A group's weights on what :meth:`_columns` gives, [features, slots · inputs]."""
        key = (layer, tuple(numbers), group)
        if key not in self._weights:
            self._weights[key] = self._make_flat(*key)
        return self._weights[key]

    def _make_flat(self, layer: Layer, numbers: tuple[int, ...], group: int) -> Tensor:
        weights = []
        for number in numbers:
            weight = self._network.convolution(layer.target).weights()[number].detach()
            sources = layer.sources[number][1].reads.shape[2]
            whole = weight.unflatten(0, (layer.groups, -1))[group]  # [features, inputs, offsets]
            by_slot = whole.unflatten(1, (sources, -1)).permute(0, 3, 1, 2).flatten(1, 2)
            weights.append(by_slot[:, torch.from_numpy(self._slots(layer, number, group))].flatten(1))
        return torch.cat(weights, 1).contiguous()
