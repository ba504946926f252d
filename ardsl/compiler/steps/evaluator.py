"""Evaluators: the steppers of all networks of a density, for one schedule and size; kept, and lent to one user at a
time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.steps.draws import Draw
from ardsl.compiler.steps.schedule import Steps
from ardsl.compiler.steps.walk import Walker, code_table, columns
from ardsl.errors import ArdslError
from ardsl.networks.module import transforming
from ardsl.networks.realize import sampling_steps
from ardsl.networks.slot_stepper import whole_stepper as whole_network_stepper
from ardsl.networks.stepper import Orders, Run, Stepper

MakeStepper = Callable[[Density, int, Run], Stepper]
"""Makes the stepper of a group's network: of a density, the group's number and its run."""


def _own_stepper(density: Density, group: int, run: Run) -> Stepper:
    return density.spec.plan.groups[group].stepper(density.networks_by_group[group], run)


def whole_stepper(density: Density, group: int, run: Run) -> Stepper:
    """The reference stepper, which runs the whole network again at every step."""
    return whole_network_stepper(density.groups[group], density.networks_by_group[group], run)


class Evaluator:
    """Draws what is not known of a density by steps: under given orders, for a batch size, with its weights at the
    time.

    ``known`` are elements whose values all examples have, bool [elements] by variable: their draws are not made.
    ``stepper`` makes that of each network; by default its own, which computes each activation once.
    """

    def __init__(
        self,
        density: Density,
        orders: Sequence[Orders],
        batch: int,
        known: Mapping[str, np.ndarray] | None = None,
        stepper: MakeStepper | None = None,
    ) -> None:
        step_of = sampling_steps(density.spec.plan.groups, orders)
        if known:
            step_of = _without_known_draws(density, step_of, known)
        self._step_of = step_of
        self._steps = steps = Steps(density.groups, step_of, at_once=stepper is None)
        self._steppers = [
            None if once else (stepper or _own_stepper)(density, group, steps.run(group, under, batch))
            for group, (under, once) in enumerate(zip(orders, steps.at_once, strict=True))
        ]
        table = code_table(density) if stepper is None else None  # the reference takes no shortcut
        self._walker = Walker(density, orders, steps, self._steppers, table)

    @torch.inference_mode()
    def refresh(self) -> None:
        """Takes the density's weights as they are now."""
        for stepper in self._steppers:
            if stepper is not None:
                stepper.refresh()

    @torch.inference_mode()
    def run(self, values: Values, draw: Draw, steps: int | None = None) -> None:
        """Writes draws into ``values``, [batch, elements] by variable, which hold what is given and what is known, and
        NaN beyond the end of each example; by default those of all steps, else of the first so many."""
        for group, stepper in enumerate(self._steppers):
            if stepper is not None:
                stepper.start(columns(self._walker.density, group, values, self._steps.known_elements(group)))
        self._walker.walk(values, draw, range(self._steps.count if steps is None else steps))

    def steps_to(self, cells: Mapping[str, np.ndarray]) -> int:
        """The number of steps after which some elements, bool [elements] by variable, are all drawn."""
        targets = [target for group in self._walker.density.groups for target in group.targets]
        last, first_draw = -1, 0
        for target in targets:
            step_of = self._step_of[first_draw : first_draw + target.draws]
            first_draw += target.draws
            if target.variable.name in cells:
                last = max(last, int(step_of[cells[target.variable.name][target.elements].any(1)].max(initial=-1)))
        return last + 1


def _without_known_draws(density: Density, step_of: np.ndarray, known: Mapping[str, np.ndarray]) -> np.ndarray:
    """Renumbers the steps so that none is left for draws that are known alone; a known draw has the step −1."""
    targets = [target for group in density.groups for target in group.targets]
    is_known = [
        known[t.variable.name][t.elements[:, 0]] if t.variable.name in known else np.zeros(t.draws, dtype=bool)
        for t in targets
    ]
    drawn = ~np.concatenate(is_known)
    renumbered = np.full_like(step_of, -1)
    renumbered[drawn] = np.unique(step_of[drawn], return_inverse=True)[1]
    return renumbered


class Refreshed(Protocol):
    def refresh(self) -> None: ...


_Kept = TypeVar("_Kept", bound=Refreshed)


class Lender:
    """Keeps what is made of a density's weights, and lends each to one thread at a time.

    What it lends has the current weights: they are compared with a copy, number by number, since an edit by
    ``.data``, by numpy or by a fused optimizer leaves no other mark.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._idle: OrderedDict[object, list[tuple[Any, int]]] = OrderedDict()
        self._weights: list[Tensor] = []
        self._version = 0
        self._lock = Lock()

    @contextmanager
    def lend(self, density: Density, key: object, make: Callable[[], _Kept]) -> Iterator[_Kept]:
        """Lends what was made for this key, or makes it where none is idle."""
        if transforming():
            raise ArdslError("samples cannot be drawn inside of a transform of torch.func: draw them before it")
        key = (key, density.like.dtype, density.like.device)
        with self._lock:
            version = self._current([weight.detach() for weight in density.parameters()])
            idle = self._idle.get(key)
            kept, made = idle.pop() if idle else (None, version)
        if kept is None:
            kept = make()
        elif made != version:
            kept.refresh()
        yield kept
        with self._lock:
            self._idle.setdefault(key, []).append((kept, version))
            self._idle.move_to_end(key)
            while sum(map(len, self._idle.values())) > self._most:
                oldest = next(iter(self._idle))
                self._idle[oldest].pop()
                if not self._idle[oldest]:
                    del self._idle[oldest]

    def _current(self, weights: list[Tensor]) -> int:
        """The version of the weights: a number that grows with every change."""
        new, old = ([(weight.dtype, weight.device) for weight in tensors] for tensors in (weights, self._weights))
        if new != old:
            self._weights = [weight.clone() for weight in weights]
            self._version += 1
        elif not all(map(_equal, weights, self._weights)):
            for copy, weight in zip(self._weights, weights, strict=True):
                copy.copy_(weight)
            self._version += 1
        return self._version

    def __reduce__(self) -> tuple[type[Lender], tuple[int]]:
        return Lender, (self._most,)  # a copy has nothing to lend yet


def _equal(one: Tensor, other: Tensor) -> bool:
    """Says whether two tensors of one type and place have the same numbers: numpy finds out in half the time."""
    if one.device.type == "cpu" and one.dtype in (torch.float32, torch.float64):
        return np.array_equal(one.numpy(), other.numpy())
    return torch.equal(one, other)
