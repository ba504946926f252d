"""Faults to plant in lattice networks, and the specs that meet them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from ardsl.networks.lattice.wiring import INPUT
from ardsl.networks.tape import Tape
from tests.support.lattice_specs import SPECS, colours, picture, window
from tests.support.planting import Fault

small = "layers = 2, features = 6, first = 3"
CHECKED = {
    "complete, gated": picture("raster", small + ", gated = true") + "check complete(x)\n",
    "complete, gated colours": colours("raster", small + ", gated = true") + "check complete(x)\n",
    "complete, window": window("1", small) + "check complete(x)\n",
    "complete, spiral": picture("spiral", "layers = 1, features = 6, first = 5") + "check complete(x)\n",
} | {
    name: SPECS[name]
    for name in (
        "plain, raster",
        "plain, colours, shuffle",
        "plain, colours, by channel",
        "gated, by column",
        "gated, snake",
        "gated, given a label",
        "plain, given a vector and a map",
        "gated, after other variables",
        "plain, after others, by checkerboard",
        "gated, given a map and a vector through networks",
        "wave",
        "wave after a text alone",
        "wave given a text",
        "plain, colours after a map through a network, by snake",
    )
}

PIXELCNN, LAYERS = "ardsl.networks.lattice.pixelcnn", "ardsl.networks.lattice.layers"
LATTICE, NETWORK = "ardsl.networks.lattice.lattice:Lattice", "ardsl.networks.lattice.module:LatticeNetwork"
STEPPER = "ardsl.networks.lattice.stepper:LatticeStepper"
SCHEDULE, GIVEN = "ardsl.networks.lattice.schedule:Schedule", "ardsl.networks.lattice.given"
RANKED, TRANSLATED = "ardsl.relations.ranked:Ranked", "ardsl.relations.translated"


def same_in_the_first_layer(right: Any, self: Any, source: str, stencil: Any, *, same: bool, **more: Any) -> Any:
    return right(self, source, stencil, same=same or source == INPUT, **more)


def not_the_same_alone(right: Any, self: Any, source: str, stencil: Any, *, same: bool, **more: Any) -> Any:
    alone = stencil.offsets == ((0,) * self.axes,)
    return right(self, source, stencil, same=same and not alone, **more)


def transposed_mask(right: Any, self: Any, stencil: Any, outputs: int, inputs: int) -> None:
    right(self, stencil, outputs, inputs)
    if self.mask is not None:
        mask = np.repeat(np.repeat(stencil.reads.transpose(2, 1, 0), outputs, axis=0), inputs, axis=1)
        self.mask = torch.from_numpy(mask.copy())


def up_from(bound: tuple[int, int]) -> Any:
    """The vertical stack read there rather than a row up."""
    return lambda right, self, slow, fast, groups: right(self, bound if slow == (-1, -1) else slow, fast, groups)


def row_below(right: Any, self: Any, slow: Any, fast: Any, groups: Any) -> Any:
    return right(self, (slow[0], 1) if fast[1] else slow, fast, groups)  # the vertical stack reads both sides


def one_side(right: Any, self: Any, slow: Any, fast: Any, groups: Any) -> Any:
    return right(self, slow, (fast[0], 0), groups)


def vertical_residual(right: Any, self: Any, source: str, target: str, features: int, **more: Any) -> Any:
    if target.startswith("horizontal") and more.get("added"):
        more["added"] = (target.replace("horizontal", "vertical"),)
    return right(self, source, target, features, **more)


def unconditioned(right: Any, self: Any, sources: Any, target: str, *more: Any, **named: Any) -> Any:
    return right(self, sources, target, *more, **named | {"conditioned": False})


def same_padding(right: Any, self: Any, value: Tensor, bias: Any) -> Tensor:
    low, high = self.low, self.high
    self.low = tuple(-((b - a + 1) // 2) for a, b in zip(low, high, strict=True))
    self.high = tuple((b - a) // 2 for a, b in zip(low, high, strict=True))
    try:
        return right(self, value, bias)
    finally:
        self.low, self.high = low, high


def other_places(right: Any, self: Any, *more: Any) -> None:
    right(self, *more)
    if self._places is not None:
        self._places = self._places.flip(0)


def columns_first(right: Any, self: Any, inputs: Tensor) -> Any:
    own, given = right(self, inputs)
    if len(shape := self.wiring.lattice.shape) == 2:
        own = own.unflatten(1, (*shape[::-1], -1)).transpose(1, 2).flatten(1)
    return own, given


def channels_first(right: Any, self: Any, *more: Any) -> Tensor:
    groups, features = self.wiring.sizes[self.wiring.output]
    return right(self, *more).unflatten(1, (-1, groups * features)).transpose(1, 2).flatten(1)


def always_dropped(right: Any, self: Any, value: Tensor, dropout: float) -> Tensor:
    return F.dropout(value, 0.2, True)


def cut(wrong: dict[str, str]) -> Any:
    """Masks by rank that allow something else."""
    return lambda right, self, *more: right(replace(self, cut=wrong.get(self.cut, self.cut)), *more)


def first_pixel(right: Any, self: Any, *more: Any) -> None:
    right(self, *more)
    self._near[self._near == self._near.shape[-1]] = 0


def without_maps(right: Any, self: Any) -> None:
    network = self._network

    def features(parts: Any) -> Any:
        given = type(network).features(network, parts)
        return replace(given, maps=None if given.maps is None else torch.zeros_like(given.maps))

    network.features = features
    try:
        right(self)
    finally:
        del network.features


def unmoved(right: Any, frame: Any, offset: Any) -> Any:
    here, there = right(frame, offset)
    if here is None:
        return here, there
    both_ways = [not way for way in frame.direction]
    return here, (*(h if b else t for h, t, b in zip(here, there, both_ways, strict=False)), *there[len(both_ways) :])


def through_outside(right: Any, frame: Any, offset: Any) -> Any:
    here, there = right(frame, offset)
    if here is None:
        return here, there
    wider = [
        place if way else slice(max(0, -step) // 2, place.stop - max(0, -step) + max(0, -step) // 2)
        for place, way, step in zip(here, frame.direction, offset, strict=False)
    ]
    return (*wider, *here[len(wider) :]), there


def too_early(**wrong: Any) -> Any:
    """A schedule for which something is known earlier than it is."""
    return lambda right, self, wiring, steps, draw_step: right(
        self,
        wiring,
        replace(steps, **{name: change(getattr(steps, name)) for name, change in wrong.items()}),
        draw_step,
    )


def first_row(right: Any, self: Any, like: Tensor) -> Any:
    rows, row = right(self, like)
    return rows, {name: np.append(placed[:-1], 1) for name, placed in row.items()}


def halves_exchanged(right: Any, self: Any, tape: Tape, *more: Any) -> None:
    own, other = Tape(), {torch.tanh: torch.sigmoid, torch.sigmoid: torch.tanh}
    right(self, own, *more)
    for operation in own.operations:
        function = other.get(operation.function, operation.function)
        tape.record(function, *operation.arguments, **operation.into)


FAULTS = [
    # Masks
    Fault("mask B for A", f"{PIXELCNN}:_TwoStacks.masked", same_in_the_first_layer),
    Fault("mask B for A, in one stack", f"{PIXELCNN}:_OneStack.masked", same_in_the_first_layer),
    Fault("mask A on the 1 × 1 convolutions", f"{PIXELCNN}:_Stack.masked", not_the_same_alone),
    Fault("no mask at all", f"{LAYERS}:StencilWeight.masked", lambda right, self: self.weight),
    Fault("a mask transposed", f"{LAYERS}:StencilWeight.__init__", transposed_mask),
    Fault(
        "colours in the wrong order",
        f"{LATTICE}._earlier",
        lambda right, self, offset, group, source, same: right(self, offset, source, group, same),
    ),
    Fault(
        "every colour reads every other",
        f"{LATTICE}._earlier",
        lambda right, self, offset, group, source, same: right(self, offset, 1, 0, same),
    ),
    Fault(
        "rows and columns exchanged in the order",
        f"{LATTICE}._earlier",
        lambda right, self, offset, *more: right(self, offset[::-1], *more),
    ),
    # Two stacks
    Fault("a vertical stack that is not shifted", f"{PIXELCNN}:_TwoStacks._box", up_from((0, 0))),
    Fault("a vertical stack shifted by two", f"{PIXELCNN}:_TwoStacks._box", up_from((-2, -2))),
    Fault("a vertical stack that sees the row below", f"{PIXELCNN}:_TwoStacks._box", row_below),
    Fault("a vertical stack that sees one side", f"{PIXELCNN}:_TwoStacks._box", one_side),
    Fault("a residual around the vertical stack", f"{PIXELCNN}:_TwoStacks.point", vertical_residual),
    Fault("what is given reaches the vertical stack only", f"{PIXELCNN}:_TwoStacks.site", unconditioned),
    # Convolutions
    Fault("SAME padding", f"{LAYERS}:StencilWeight.forward", same_padding),
    Fault("a kernel flipped along rows", f"{LAYERS}:StencilWeight.kernel", lambda right, self: right(self).flip(2)),
    Fault("a kernel flipped along columns", f"{LAYERS}:StencilWeight.kernel", lambda right, self: right(self).flip(-1)),
    Fault("offsets that stand at other places of the kernel", f"{LAYERS}:StencilWeight.__init__", other_places),
    Fault("a picture read column by column", f"{NETWORK}.inputs", columns_first),
    Fault("raw numbers channel by channel", f"{NETWORK}.forward", channels_first),
    Fault("dropout while evaluating", "ardsl.networks.lattice.ops.drop:Drop.function", always_dropped),
    # Masks by rank
    Fault("≤ for < in the first layer", f"{RANKED}.neighbours", cut({"before": "until"})),
    Fault("< for ≤ in further layers", f"{RANKED}.neighbours", cut({"until": "before"})),
    Fault(
        "ranks for elements",
        f"{LATTICE}.rank",
        lambda right, self: np.argsort(self.order.rank)[:: self.elements_per_site],
    ),
    Fault("the first pixel for what is not read", f"{LAYERS}:RankedWeight.__init__", first_pixel),
    # What is given
    Fault("the wrong part of a map", f"{GIVEN}:alignment", lambda right, *given: right(*given)[::-1].copy()),
    Fault(
        "a map that sees only what is near",
        "ardsl.networks.maps.module:_summarized",
        lambda right, finer, below, summary: finer,
    ),
    Fault(
        "a summary of each position's own",
        "ardsl.networks.maps.module:_summarized",
        lambda right, finer, below, summary: right(finer, below.flatten(2)[:, :, :1], summary),
    ),
    Fault("maps left out of the steps", f"{STEPPER}._fill_bases", without_maps),
    # The plan
    Fault("a composition that forgets to move", f"{TRANSLATED}:_shifted", unmoved),
    Fault("a composition through what lies outside", f"{TRANSLATED}:_shifted", through_outside),
    # Steps
    Fault("inputs read a step too early", f"{SCHEDULE}.__init__", too_early(own=lambda step: step - 1)),
    Fault("the first site for what is not read", f"{STEPPER}._caches", first_row),
    Fault("the halves of a gate exchanged", "ardsl.networks.lattice.ops.gate:Gate.record", halves_exchanged),
    Fault("weights laid out otherwise", f"{STEPPER}._flat", lambda right, *given: right(*given).flip(1)),
    Fault(
        "what enters every layer taken before it is drawn",
        f"{SCHEDULE}.__init__",
        too_early(spread=lambda step: 0 * step - 1),
    ),
    Fault(
        "the part of the next moment",
        f"{GIVEN}:Spread.cells",
        lambda right, self: right(replace(self, at=replace(self.at, inner=self.at.inner + self.at.multiplier))),
    ),
    Fault(
        "what a position reads taken before it is drawn",
        f"{SCHEDULE}.__init__",
        too_early(local=lambda step: 0 * step - 1),
    ),
]
