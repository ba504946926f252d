"""Tapes: what a step of an evaluator does, as named operations on views of its caches. Any back end can play one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from torch import Tensor


class Operation(NamedTuple):
    """One of torch's functions with what it takes and where its result goes; ``name`` tells other back ends which."""

    name: str
    function: Callable[..., object]
    arguments: tuple[object, ...]
    into: dict[str, Tensor]


Calls = list[tuple[Callable[..., object], tuple[object, ...]]]


class Tape:
    """A list of operations, recorded once and played at every step that they are for."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.calls: Calls = []
        """The operations as they are played: functions that know where their results go, and arguments."""

    def record(self, function: Callable[..., object], *arguments: object, **into: Tensor) -> None:
        """Adds an operation; a result goes ``into`` the tensor named ``out``, or into the first argument of a function
        that works in place."""
        self.operations.append(Operation(function.__name__, function, arguments, into))
        self.calls.append((partial(function, **into) if into else function, arguments))

    def play(self) -> None:
        """Runs all operations in turn."""
        for function, arguments in self.calls:
            function(*arguments)
