"""Faults to plant in what runs along time, each with the test that has to fail then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ardsl.networks.module import Span
from tests.compiler.arrays import test_lengths
from tests.compiler.likelihood import test_spans
from tests.compiler.steps import test_prefix, test_stream
from tests.support.planting import Fault, of_test

SPAN, SPANS = "ardsl.networks.module:Span", "ardsl.compiler.window:Window"
NETWORK, FEATURES = "ardsl.networks.lattice.module:LatticeNetwork", "ardsl.networks.lattice.layers:Features"
RING = "ardsl.networks.lattice.ring"
SERIES = "ardsl.compiler.steps.series:Series"


def never_silent(right: Any, self: Any, *more: Any) -> Any:
    kept, self._read_later = self._read_later, frozenset()
    try:
        return right(self, *more)
    finally:
        self._read_later = kept


def last_goes_on(right: Any, self: Any, value: Tensor, absent: float) -> Tensor:
    rest = value[:, -1:].expand(-1, self.length, *value.shape[2:])
    return right(self, torch.cat([value, rest], 1), absent)


def from_the_first(right: Any, self: Any, lengths: Tensor) -> Span:
    found = right(self, lengths)
    return replace(found, first=torch.where(lengths <= self.length, 0, found.first + self.length - 1))


def read_later(right: Any, self: Any, *more: Any) -> None:
    right(self, *more)
    self._shift.add_(1).clamp_(max=0)


def kept_queues(right: Any, self: Any, *more: Any) -> None:
    kept = [ring.store.clone() for ring in self._rings]
    right(self, *more)
    for ring, store in zip(self._rings, kept, strict=True):
        ring.store.copy_(store)


def first_section(right: Any, self: Any, parts: Any) -> Any:
    during = right(self, parts)
    return lambda moments: during(slice(0, moments.stop - moments.start))


def channels_kept(right: Any, self: Any) -> None:
    kept, self._groups = self._groups, self._groups[:1]
    try:
        right(self)
    finally:
        self._groups = kept


def too_little_back(right: Any, self: Any, *more: Any) -> None:
    self._receptive_field -= 1
    try:
        right(self, *more)
    finally:
        self._receptive_field += 1


def after_the_end(right: Any, self: Any, *more: Any) -> Iterator[Tensor]:
    end = self._target.variable.end
    for drawn in right(self, *more):
        yield drawn if end is None else drawn.masked_fill((drawn == end).cumsum(1) > 1, end + 1)


FAULTS = [
    # Parts of time
    Fault(
        "a part that sees too little of its past",
        f"{SPAN}.widened",
        lambda right, self, moments: right(self, max(0, moments - 1)),
        of_test(test_spans.test_every_example_may_have_a_part_of_its_own, "codes"),
    ),
    Fault(
        "false silence: layers that see something before the first moment",
        f"{NETWORK}.maps_of",
        never_silent,
        of_test(test_spans.test_every_example_may_have_a_part_of_its_own, "codes"),
    ),
    Fault(
        "what is given taken from the start",
        f"{FEATURES}.during",
        lambda right, self, span: right(self, replace(span, first=0 * span.first)),
        of_test(test_spans.test_every_example_may_have_a_part_of_its_own, "numbers given a text"),
    ),
    Fault(
        "the last moment for those after it",
        f"{SPAN}.of",
        last_goes_on,
        of_test(test_spans.test_every_example_may_have_a_part_of_its_own, "numbers given a text"),
    ),
    Fault(
        "windows that never reach the first moments",
        f"{SPANS}.span",
        from_the_first,
        of_test(test_spans.test_the_mean_over_all_windows_is_the_loss, "codes", 3),
    ),
    Fault(
        "long examples counted as often as short ones",
        f"{SPANS}.of_example",
        lambda right, self, log_prob, lengths: log_prob,
        of_test(test_spans.test_the_mean_over_all_windows_is_the_loss, "codes", 3),
    ),
    # Steps
    Fault(
        "queues read a moment too late",
        f"{RING}:_Ring.__init__",
        read_later,
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "codes", 0),
    ),
    Fault(
        "a queue not emptied before the next sample",
        f"{RING}:RingStepper.start",
        kept_queues,
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "codes", 1),
    ),
    Fault(
        "weights that change while a stream goes on",
        f"{RING}:RingStepper._kept",
        lambda right, self, make: make(),
        of_test(test_stream.test_a_stream_goes_on_with_the_weights_that_it_began_with),
    ),
    Fault(
        "maps of another moment",
        f"{RING}:RingStepper._map_of",
        lambda right, self, position: right(self, max(position - 1, 0)),
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "numbers given a text", 0),
    ),
    Fault(
        "maps of the first section for all",
        f"{NETWORK}.maps_during",
        first_section,
        of_test(test_stream.test_maps_of_what_is_given_are_made_section_by_section),
    ),
    Fault(
        "channels that read those of the moment before",
        f"{RING}:RingStepper._begin",
        channels_kept,
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "channels", 0),
    ),
    Fault(
        "noise of the first time steps after a prefix",
        "ardsl.compiler.steps.noise:noise_along_time",
        lambda right, plan, count, seed, like, draws, size: right(plan, count, seed, like, range(0, len(draws)), size),
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "codes", 20),
    ),
    # Beginnings and ends
    Fault(
        "a prefix that is not gone through",
        f"{SERIES}._begin",
        lambda right, self, given, begin: right(self, given, begin[:, :0]),
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "codes", 20),
    ),
    Fault(
        "a prefix of which too little is read",
        f"{SERIES}._begin",
        too_little_back,
        of_test(test_prefix.test_what_follows_a_prefix_is_what_the_whole_network_draws, "numbers given a text", 20),
    ),
    Fault(
        "draws after the end",
        f"{SERIES}.run",
        after_the_end,
        of_test(test_lengths.test_samples_end_with_their_end, "wave"),
    ),
]
