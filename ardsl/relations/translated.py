"""Relations between sites that look the same from everywhere but near a border, and their composition.

A stack of stencils composes to one of these, borders included: a path that would run through what lies outside the
array does not exist. What a site reads depends on how far it is from each border only up to the reach of the whole
stack, so that a table over few *classes* of positions says all there is, whatever the size of the array. Along an axis
that paths follow in one direction only, the border changes nothing but where the array ends, and distances say it all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from ardsl.relations.frame import Frame
from ardsl.relations.layering import MOST_ELEMENTS, TooLargeError
from ardsl.relations.relation import Relation, Rows
from ardsl.relations.stencil import Stencil
from ardsl.relations.sweep import Sweep, sweep


@dataclass(frozen=True, eq=False)
class Translated(Relation):
    """Sites × elements: a target of group g and class c reads source s of group h if ``table[c…, g, s…, h]``.

    Every source site stands for ``elements_per_site`` consecutive elements.
    """

    frame: Frame
    table: np.ndarray
    elements_per_site: int = 1

    @property
    def groups(self) -> tuple[int, int]:
        """The number of target groups, and of source groups."""
        axes = len(self.frame.shape)
        return self.table.shape[axes], self.table.shape[-1]

    @property
    def targets(self) -> int:  # type: ignore[override]
        return prod(self.frame.shape) * self.groups[0]

    @property
    def sources(self) -> int:  # type: ignore[override]
        return prod(self.frame.shape) * self.groups[1] * self.elements_per_site

    def rows(self, targets: np.ndarray) -> Rows:
        position, group = self._unraveled(targets, self.groups[0])
        axes = len(position)
        index: list[np.ndarray] = [self.frame.class_of(a, p) for a, p in enumerate(position)] + [group]
        inside = np.ones((len(targets),) + (1,) * axes, dtype=bool)
        for axis, (coordinate, size) in enumerate(zip(position, self.frame.shape, strict=True)):
            entry, has = self.frame.entry(axis, coordinate[:, None], np.arange(size)[None])
            around = (len(targets),) + (1,) * axis + (size,) + (1,) * (axes - axis - 1)
            index.append(entry.reshape(around))
            inside = inside & has.reshape(around)
        wide = [i.reshape((-1,) + (1,) * axes) if i.ndim == 1 else i for i in index]
        rows = self.table[tuple(wide)] & inside[..., None]
        return np.repeat(
            rows.reshape(len(targets), self.sources // self.elements_per_site), self.elements_per_site, axis=1
        )

    def holds(self, targets: np.ndarray, sources: np.ndarray) -> np.ndarray:
        here, group = self._unraveled(targets, self.groups[0])
        there, source_group = self._unraveled(sources // self.elements_per_site, self.groups[1])
        index: list[np.ndarray] = [self.frame.class_of(a, p) for a, p in enumerate(here)] + [group]
        inside = np.ones(len(targets), dtype=bool)
        for axis, (target, source) in enumerate(zip(here, there, strict=True)):
            entry, has = self.frame.entry(axis, target, source)
            index.append(entry)
            inside &= has
        place = (*index, source_group)
        return self.table[place] & inside

    def counts(self, targets: np.ndarray) -> np.ndarray:
        position, group = self._unraveled(targets, self.groups[0])
        index: list[np.ndarray] = [self.frame.class_of(a, p) for a, p in enumerate(position)] + [group]
        for axis, coordinate in enumerate(position):
            if self.frame.direction[axis]:
                room = coordinate if self.frame.direction[axis] < 0 else self.frame.shape[axis] - 1 - coordinate
                index.append(np.minimum(room, self.frame.extent[axis] - 1))
            else:
                index.append(np.zeros_like(coordinate))
        return self._within[tuple(index)] * self.elements_per_site

    @cached_property
    def _within(self) -> np.ndarray:
        """The number of source sites read by class and group, up to each distance: int64 [c…, g, s…], where axes of
        classes have one s."""
        axes = len(self.frame.shape)
        within = self.table.sum(axis=-1, dtype=np.int64)
        for axis, way in enumerate(self.frame.direction):
            along = axes + 1 + axis
            within = within.cumsum(axis=along) if way else within.sum(axis=along, keepdims=True)
        return within

    def row_counts(self) -> np.ndarray:
        # Axis by axis: a list of all targets' coordinates would take several times the memory of the counts.
        axes = len(self.frame.shape)
        count = self._within
        for axis, size in enumerate(self.frame.shape):
            coordinate, along = np.arange(size), axes + 1 + axis
            if self.frame.direction[axis]:
                room = coordinate if self.frame.direction[axis] < 0 else size - 1 - coordinate
                count = np.moveaxis(count.take(np.minimum(room, self.frame.extent[axis] - 1), axis=along), along, axis)
                count = np.squeeze(count, axis + 1)
                count = np.expand_dims(count, along)
            else:
                count = count.take(self.frame.class_of(axis, coordinate), axis=axis)
        return (count * self.elements_per_site).ravel()

    @property
    def count(self) -> int:
        total = self.table.astype(np.int64)
        axes = len(self.frame.shape)
        for axis, size in enumerate(self.frame.shape):
            if self.frame.direction[axis]:
                weight, along = size - np.arange(self.frame.extent[axis]), axes + 1 + axis
            else:
                weight, along = self.frame.members(axis), axis
            total = total * weight.reshape((-1,) + (1,) * (total.ndim - along - 1))
        return int(total.sum()) * self.elements_per_site

    @property
    def most(self) -> int:
        return int(self._within.max(initial=0)) * self.elements_per_site

    def sweep(self) -> Sweep | None:
        """The sweep over a square relation of sites, the shortest one that is found; None where none respects it."""
        return sweep(self.frame, self.table)

    def _layers(self) -> np.ndarray:
        """A sweep that is the shortest, or the unrolled layering; a sweep in any case where the array is too large."""
        swept = self.sweep()
        if swept is None:
            return super()._layers()
        if swept.shortest or self.targets > MOST_ELEMENTS:
            return swept.steps()
        try:
            return super()._layers()
        except TooLargeError:
            return swept.steps()

    def _depth(self) -> int:
        swept = self.sweep()
        return swept.depth if swept is not None and swept.shortest else super()._depth()

    def farthest(self, axis: int, shape: tuple[int, ...], targets: np.ndarray, sources: np.ndarray) -> int:
        """Read off the table where the sites are the array's elements in their order, or stretches of its last axis."""
        axes, groups = len(self.frame.shape), self.groups
        channels = self.groups[1] * self.elements_per_site
        same_shape = shape in (self.frame.shape, (*self.frame.shape, channels)) and groups[0] == groups[1]
        everyone = np.arange(self.sources)
        if not same_shape or (self.elements_per_site > 1 and groups[0] > 1) or not np.array_equal(sources, everyone):
            return super().farthest(axis, shape, targets, sources)
        if not np.array_equal(targets, everyone.reshape(-1, self.elements_per_site)):
            return super().farthest(axis, shape, targets, sources)
        if axis == axes and self.elements_per_site > 1:  # all along it is drawn, and read
            return self.elements_per_site - 1 if self.count else 0
        return self.reach(axis)

    def reach(self, axis: int) -> int:
        """The largest distance along an axis of positions that a target reads, or along the axis of groups, which is
        the last."""
        entries, axes = np.nonzero(self.table), len(self.frame.shape)
        if not len(entries[0]):
            return 0
        if axis == axes:
            return int(np.abs(entries[axes] - entries[-1]).max())
        entry = entries[axes + 1 + axis]
        return int((entry if self.frame.direction[axis] else np.abs(entry - entries[axis])).max())

    def entries(self) -> tuple[np.ndarray, np.ndarray]:
        """A pair for every entry that is set: the target and the source site of a place where it is set."""
        entries = np.nonzero(self.table)
        axes = len(self.frame.shape)
        target = source = np.zeros(len(entries[0]), dtype=np.int64)
        for axis, size in enumerate(self.frame.shape):
            coordinate = self.frame.representative(axis, entries[axis])
            target = target * size + coordinate
            source = source * size + self.frame.source(axis, coordinate, entries[axes + 1 + axis])
        return target * self.groups[0] + entries[axes], source * self.groups[1] + entries[-1]

    def _filtered(self, other: Relation, held: bool) -> Translated | None:
        """One place of each entry decides, where the other looks the same from everywhere."""
        if not other.translation_invariant:
            return None
        targets, sources = self.entries()
        return self.only(other.holds(targets, sources * self.elements_per_site) == held)

    def by_owner(self, owner: np.ndarray, count: int) -> Relation:
        """The relation between sites, where each site owns the elements that it consists of."""
        square = count == self.targets and count * self.elements_per_site == self.sources
        in_place = square and bool((owner.reshape(count, self.elements_per_site) == np.arange(count)[:, None]).all())
        return self.of_elements(1) if in_place else super().by_owner(owner, count)

    def of_elements(self, elements_per_site: int) -> Translated:
        """The same relation of sites, each of ``elements_per_site`` elements."""
        return Translated(self.frame, self.table, elements_per_site)

    def only(self, kept: np.ndarray) -> Translated:
        """Without the entries that are not ``kept``, bool in the order of :meth:`entries`."""
        table = self.table.copy()
        table[self.table] = kept
        return Translated(self.frame, table, self.elements_per_site)

    def _unraveled(self, sites: np.ndarray, groups: int) -> tuple[list[np.ndarray], np.ndarray]:
        position, group = np.divmod(sites, groups)
        return list(np.unravel_index(position, self.frame.shape)), group


Reading = tuple[str, Stencil]
"""One thing that a map reads: another map, through a stencil."""


def work(shape: Sequence[int], groups: int, maps: Sequence[tuple[str, Sequence[Reading]]], name: str) -> int:
    """The number of entries that :func:`compose` would look at, and so how long it would take."""
    frame = Frame.around(shape, *_moves(len(shape), maps, name))
    table = prod(frame.classes) * prod(frame.extent) * groups
    return table * sum(int(stencil.reads.sum()) for _, readings in maps for _, stencil in readings)


def compose(
    shape: Sequence[int], groups: int, maps: Sequence[tuple[str, Sequence[Reading]]], name: str = "input"
) -> Translated:
    """The relation that the last map of a network realizes with its input: sites × sites of ``name``, which has so many
    ``groups``.

    ``maps`` are in the order of evaluation; a map reads those before it, or the input.
    """
    frame = Frame.around(shape, *_moves(len(shape), maps, name))
    realized = {name: _identity(frame, groups)}
    last_use = {source: number for number, (_, readings) in enumerate(maps) for source, _ in readings}
    for number, (target, readings) in enumerate(maps):
        wide = readings[0][1].reads.shape[1] if readings else groups
        table = np.zeros((*frame.classes, wide, *frame.extent, groups), dtype=bool)
        for source, stencil in readings:
            for offset, reads in zip(stencil.offsets, stencil.reads, strict=True):
                here, there = _shifted(frame, offset)
                if here is not None:
                    _add(table[here], realized[source].table[there], reads, len(shape))
        realized = {map_name: known for map_name, known in realized.items() if last_use.get(map_name, -1) > number}
        realized[target] = Translated(frame, table)
    return realized[maps[-1][0]]


def _moves(axes: int, maps: Sequence[tuple[str, Sequence[Reading]]], name: str) -> tuple[list[int], list[int]]:
    """The direction of all paths along each axis, and how far they go."""
    steps = np.array([o for _, readings in maps for _, s in readings for o in s.offsets], dtype=np.int64)
    steps = steps.reshape(-1, axes)
    direction = [-1 if (along <= 0).all() else 1 if (along >= 0).all() else 0 for along in steps.T]
    reach = {name: np.zeros(axes, dtype=np.int64)}
    for target, readings in maps:
        distances = [np.zeros(axes, dtype=np.int64)]
        distances += [reach[source] + np.array(stencil.reach()) for source, stencil in readings]
        reach[target] = np.max(distances, axis=0)
    return direction, np.max(list(reach.values()), axis=0).tolist()


def _identity(frame: Frame, groups: int) -> Translated:
    table = np.ones((), dtype=bool)
    for axis, extent in enumerate(frame.extent):
        one = np.arange(extent)[None] == 0 if frame.direction[axis] else np.eye(extent, dtype=bool)
        table = table[..., None, None] & one
    table = table[..., None, None] & np.eye(groups, dtype=bool)
    axes = len(frame.shape)
    return Translated(frame, table.transpose(*range(0, 2 * axes + 2, 2), *range(1, 2 * axes + 2, 2)))


def _shifted(frame: Frame, offset: Sequence[int]) -> tuple[tuple[slice, ...] | None, tuple[slice, ...]]:
    """The part of a table that reads through an offset, and the part of the other table that it reads; None where
    the array is too small for the offset."""
    targets: list[slice] = []
    others: list[slice] = []
    sources: list[slice] = []
    read: list[slice] = []
    for way, extent, step in zip(frame.direction, frame.extent, offset, strict=True):
        if abs(step) >= extent:
            return None, ()
        if way:
            targets.append(slice(None))
            others.append(slice(None))
            sources.append(slice(abs(step), None))
            read.append(slice(None, extent - abs(step)))
        else:
            targets.append(slice(max(0, -step), extent - max(0, step)))
            others.append(slice(max(0, step), extent - max(0, -step)))
            sources.append(slice(None))
            read.append(slice(None))
    return (*targets, slice(None), *sources), (*others, slice(None), *read)


def _add(table: np.ndarray, read: np.ndarray, reads: np.ndarray, axes: int) -> None:
    """Each target group gets what the groups it reads have."""
    place: tuple[slice | int, ...] = (slice(None),) * axes
    for group, sources in enumerate(reads):
        for source in np.flatnonzero(sources):
            into, out = (*place, group), (*place, int(source))
            table[into] |= read[out]
