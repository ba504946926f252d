"""The layers of PixelCNN: one stack of masked convolutions, or gated, a vertical and a horizontal one.

van den Oord, Kalchbrenner & Kavukcuoglu 2016, Pixel Recurrent Neural Networks, section 3.3 and figure 4; van den Oord
et al. 2016, Conditional Image Generation with PixelCNN Decoders, figure 2. Where the order is not one that compares
coordinates, every position has masks of its own (Jain, Abbeel & Pathak 2020, Locally Masked Convolution).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.ops.convolve import Convolve
from ardsl.networks.lattice.ops.drop import Drop
from ardsl.networks.lattice.ops.gate import Gate
from ardsl.networks.lattice.ops.layer import Layer, Pointwise
from ardsl.networks.lattice.ops.relu import Relu
from ardsl.networks.lattice.wiring import INPUT, Limits, Wiring, pointwise
from ardsl.relations.stencil import Stencil, box
from ardsl.relations.translated import Reading


def pixelcnn(
    lattice: Lattice, input_features: int, width: int, options: Mapping[str, Any], limits: Limits, aligned: bool
) -> Wiring:
    """The layers under one order, for families of ``width`` parameters."""
    build = _TwoStacks if options["gated"] and lattice.stacked else _OneStack
    layers = build(lattice, options, limits).layers(width, aligned)
    return Wiring(lattice, input_features, tuple(layers))


def depth_needed(lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> int | None:
    """The number of layers that realize all that is declared; None where no number does."""
    if not (options["gated"] and lattice.stacked):
        # One stack sees no farther right than up, and never along its own row: only its first layer could see all.
        return None
    needed = 0
    for axis, size in enumerate(lattice.shape):
        to_see = size - 1 if limits[axis] is None else min(size - 1, limits[axis] or 0)
        left = to_see - options["first"] // 2
        if left > 0:
            if options["kernel"] == 1:
                return None
            needed = max(needed, -(-left // (options["kernel"] // 2)))
    return needed


class _Stack:
    """The part that both designs share. ``radii[l]``: how far layer l reads along each axis, the first layer first."""

    def __init__(self, lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> None:
        self.lattice, self.options = lattice, options
        self.axes = len(lattice.shape)
        left: list[int | None] = list(limits)
        self.radii = []
        for size in (options["first"], *[options["kernel"]] * options["layers"]):
            radius = tuple(size // 2 if most is None else min(size // 2, most) for most in left)
            left = [None if most is None else most - r for most, r in zip(left, radius, strict=True)]
            self.radii.append(radius)
        groups = lattice.groups
        self.features = -(-options["features"] // groups)
        """Of each group."""
        self.every = np.ones((groups, groups), dtype=bool)

    def site(self, sources: tuple[Reading, ...], target: str, features: int, **more: Any) -> Layer:
        return Convolve(target, self.lattice.groups, features, sources, **more)

    def masked(self, source: str, stencil: Stencil, *, same: bool, **more: Any) -> dict[str, Any]:
        """The part of a stencil that the order allows: cut out here, or by rank at each position."""
        if self.lattice.priority is not None:
            stencil = self.lattice.before(stencil, same)
            return {"sources": ((source, stencil),) if stencil.offsets else (), **more}
        return {"sources": ((source, stencil),), "ranked": "until" if same else "before", **more}

    def point(self, source: str, target: str, features: int, **more: Any) -> Layer:
        """A 1 × 1 convolution, group by group."""
        reads = self.masked(source, pointwise(self.axes, self.every), same=True)
        return self.site(target=target, features=features, **reads, **more)

    def unary(self, function: type[Pointwise], source: str, target: str, features: int, **more: Any) -> Layer:
        """A layer that applies a function to every feature, or to two of them, without weights."""
        reads = ((source, pointwise(self.axes, np.eye(self.lattice.groups, dtype=bool))),)
        return function(target, self.lattice.groups, features, reads, **more)

    def dropped(self, source: str, name: str) -> Iterator[Layer]:
        if self.options["dropout"]:
            yield self.unary(Drop, source, name, self.features)

    def tail(self, source: str, width: int, aligned: bool) -> Iterator[Layer]:
        """Two 1 × 1 convolutions, where what is given for a position comes in."""
        yield self.unary(Relu, source, "tail relu", self.features)
        yield self.point("tail relu", "tail", self.features, aligned=aligned)
        yield self.unary(Relu, "tail", "output relu", self.features)
        yield self.point("output relu", "output", width, aligned=aligned)


class _OneStack(_Stack):
    """Mask A, then B: each layer reads what is drawn before, and from the second on the pixel itself. Residual blocks,
    plain (1 × 1 to half the features, k × k, 1 × 1 back) or gated."""

    def layers(self, width: int, aligned: bool) -> Iterator[Layer]:
        features = self.features
        first = self.masked(INPUT, self._square(0), same=False, conditioned=True)
        yield self.site(target="stack 0", features=features, **first)
        for number in range(1, len(self.radii)):
            below, above = f"stack {number - 1}", f"stack {number}"
            block = self._gated if self.options["gated"] else self._plain
            yield from block(number, below, above)
        yield from self.tail(f"stack {len(self.radii) - 1}", width, aligned)

    def _square(self, number: int) -> Stencil:
        radius = self.radii[number]
        return box([-r for r in radius], radius, self.every)

    def _plain(self, number: int, below: str, above: str) -> Iterator[Layer]:
        half = -(-self.features // 2)
        yield self.unary(Relu, below, f"{above} relu 1", self.features)
        yield self.point(f"{above} relu 1", f"{above} in", half)
        yield self.unary(Relu, f"{above} in", f"{above} relu 2", half)
        middle = self.masked(f"{above} relu 2", self._square(number), same=True, conditioned=True)
        yield self.site(target=f"{above} middle", features=half, **middle)
        yield self.unary(Relu, f"{above} middle", f"{above} relu 3", half)
        last = f"{above} relu 3"
        if self.options["dropout"]:
            last = f"{above} drop"
            yield self.unary(Drop, f"{above} relu 3", last, half)
        yield self.point(last, above, self.features, added=(below,))

    def _gated(self, number: int, below: str, above: str) -> Iterator[Layer]:
        reads = self.masked(below, self._square(number), same=True, conditioned=True)
        yield self.site(target=f"{above} in", features=2 * self.features, **reads)
        yield self.unary(Gate, f"{above} in", f"{above} gate", self.features)
        last = f"{above} gate"
        if self.options["dropout"]:
            last = f"{above} drop"
            yield self.unary(Drop, f"{above} gate", last, self.features)
        yield self.point(last, above, self.features, added=(below,))


class _TwoStacks(_Stack):
    """A vertical stack, which sees the rows above in a growing triangle, and a horizontal one along the pixel's own
    row, which reads the vertical one a row up. No context is lost when they are deep enough.

    The vertical stack at row i may see rows up to i itself: the horizontal one reads it a row up.
    """

    def __init__(self, lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> None:
        super().__init__(lattice, options, limits)
        (self.slow, self.slow_way), (self.fast, self.fast_way) = (lattice.priority or ())[:2]
        self.vertical = limits[self.slow] != 0
        """True where any row above may be read."""

    def layers(self, width: int, aligned: bool) -> Iterator[Layer]:
        gated = 2 * self.features
        for number in range(len(self.radii)):
            rows, columns = self.radii[number][self.slow], self.radii[number][self.fast]
            first = number == 0
            above = f"horizontal {number}"
            if self.vertical:
                source, groups = (INPUT, self.lattice.groups) if first else (f"vertical {number - 1}", 1)
                stencil = self._box(
                    (-(rows - 1 if first else rows), 0), (-columns, columns), np.ones((1, groups), bool)
                )
                name = f"vertical {number}"
                pre = Convolve(f"{name} in", 1, self._wide(gated), ((source, stencil),), conditioned=True)
                yield pre
                own = pointwise(self.axes, np.ones((1, 1), dtype=bool))
                added = () if first else (f"vertical {number - 1}",)
                yield Gate(name, 1, self._wide(self.features), ((f"{name} in", own),), added)
            row = self._box((0, 0), (-columns, 0), self.every)
            sources = self.masked(INPUT if first else f"horizontal {number - 1}", row, same=not first)["sources"]
            if self.vertical:
                up = self._box((-1, -1), (0, 0), np.ones((self.lattice.groups, 1), dtype=bool))
                sources = (*sources, (f"vertical {number}", up))
            yield self.site(sources, f"{above} in", gated, conditioned=True)
            yield self.unary(Gate, f"{above} in", f"{above} gate", self.features)
            last = f"{above} gate"
            if self.options["dropout"]:
                last = f"{above} drop"
                yield self.unary(Drop, f"{above} gate", last, self.features)
            if number < len(self.radii) - 1:
                yield self.point(last, above, self.features, added=() if first else (f"horizontal {number - 1}",))
            yield self.point(last, f"skip {number}", self.features, added=() if first else (f"skip {number - 1}",))
        yield from self.tail(f"skip {len(self.radii) - 1}", width, aligned)

    def _wide(self, features: int) -> int:
        """The vertical stack has one group, as wide as all of the horizontal one."""
        return features * self.lattice.groups

    def _box(self, slow: tuple[int, int], fast: tuple[int, int], groups: np.ndarray) -> Stencil:
        """Offsets within these bounds where lower coordinates are drawn first, turned to how the order goes."""
        low, high = [0] * self.axes, [0] * self.axes
        for axis, way, bounds in ((self.slow, self.slow_way, slow), (self.fast, self.fast_way, fast)):
            low[axis], high[axis] = sorted(way * bound for bound in bounds)
        return box(low, high, groups)
