"""Several processes of one training, that hold the same weights and act together.

All communication but that of the gradients is here.
"""

from __future__ import annotations

import atexit
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import distributed

from ardsl.diagnostics.rules.data import LOST_PROCESS
from ardsl.errors import ArdslError, data_error
from ardsl.system.processes import Processes, T

_LOOK = 0.05
"""The seconds between two answers of :meth:`Processes.any`: a process learns of the others by waiting for them."""
_MOST_SKIPPED = 100

_LOST = re.compile(r"gloo|nccl|connection|socket|peer|broken pipe|timed out", re.IGNORECASE)
"""Words of torch's errors of communication; they have no class of their own."""


class _Several(Processes):
    """Processes that torch has connected."""

    def __init__(self) -> None:
        self.rank, self.world = distributed.get_rank(), distributed.get_world_size()
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.local_world = int(os.environ["LOCAL_WORLD_SIZE"])
        self._group = distributed.new_group(backend="gloo")  # for words between CPUs, whatever carries the gradients
        self._asked, self._skipped, self._left = time.perf_counter(), 0, 0

    def any(self, *flags: bool) -> tuple[bool, ...]:
        if self._left:
            self._left -= 1
            return (False,) * len(flags)
        now = time.perf_counter()
        steps = int(_LOOK * (self._skipped + 1) / max(now - self._asked, 1e-6))
        highest = torch.tensor([*flags, min(steps, _MOST_SKIPPED)])
        distributed.all_reduce(highest, distributed.ReduceOp.MAX, self._group)
        *answers, self._left = highest.tolist()
        self._asked, self._skipped = now, self._left
        return tuple(map(bool, answers))

    def gather(self, value: T) -> list[T]:
        gathered: list[Any] = [None] * self.world
        distributed.all_gather_object(gathered, value, self._group)
        return gathered

    def from_first(self, make: Callable[[], T]) -> T:
        message: list[Any] = [None]
        if self.first:
            try:
                message = [make()]
            except ArdslError as error:
                message = [error]
        distributed.broadcast_object_list(message, 0, self._group)
        if isinstance(message[0], ArdslError):
            raise message[0]
        made: T = message[0]
        return made

    @contextmanager
    def connected(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            if not _LOST.search(str(error)):
                raise
            raise data_error(LOST_PROCESS, what="another process is gone") from error


def were_started() -> bool:
    """Says whether this process is one of several that torchrun, or what works like it, has started."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and {"RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE"} <= set(os.environ)


def is_first() -> bool:
    """Says whether this process speaks for all that it was started with."""
    return not were_started() or os.environ["RANK"] == "0"


def join(kind: str) -> Processes:
    """The processes that this one was started with, to train on devices of a ``kind``: it is alone, or waits for all.

    They stay connected until the process ends.
    """
    return _connected("nccl" if kind == "cuda" else "gloo") if were_started() else Processes()


@cache
def _connected(backend: str) -> Processes:
    if not distributed.is_initialized():
        distributed.init_process_group(backend)
        atexit.register(_disconnect)
    return _Several()


def _disconnect() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()
