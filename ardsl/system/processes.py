"""The processes of one training, as all that runs in one of them sees them; here the one that is alone.

What is collective is called by every process, in the same order: a process that is alone answers at once, and the
others (:mod:`ardsl.training.distributed.processes`) wait for the last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Processes:
    """One process, alone. ``rank`` counts the processes from 0 to ``world`` − 1; the one of rank 0 writes."""

    rank, world = 0, 1
    local_rank, local_world = 0, 1
    """The same among the processes on this machine."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Says which of the flags some process has set. Asked at every step, but answered about twenty times a second:
        in between all are told that none is."""
        return flags

    def gather(self, value: T) -> list[T]:
        """Gathers the values of all processes, by rank."""
        return [value]

    def from_first(self, make: Callable[[], T]) -> T:
        """Gives what the first process makes, or its ``ArdslError``, in all of them."""
        return make()

    @contextmanager
    def connected(self) -> Iterator[None]:
        """Makes a ``DataError`` of what happens where another process is gone."""
        yield
