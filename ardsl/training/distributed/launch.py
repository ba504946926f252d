"""Work in several processes of this machine, that end together.

Each is a fresh interpreter (see :mod:`ardsl.training.distributed.worker`) in the environment that torchrun would give
it, and gets the work as a file in a folder of this user's: scripts need no ``if __name__ == "__main__"``, and tensors
are mapped into memory once for all.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch
from torch.distributed import TCPStore

from ardsl.diagnostics.rules.data import LOST_PROCESS, UNUSABLE_OPTION
from ardsl.errors import DataError, data_error
from ardsl.system.processes import Processes
from ardsl.system.signals import Unfinished

T = TypeVar("T", covariant=True)

WORK, OUTCOME = "work", "outcome.{rank}"
"""The files of the folder; a process leaves an outcome where it is the first or has failed."""

_HERE = "127.0.0.1"
_PATIENCE = 5.0
"""The seconds that the others have to end by themselves once a process has failed."""
_LOOK = 0.02


class Work(Protocol[T]):
    """Work that can be pickled, and run by each of several processes, on a ``device`` of this type."""

    @property
    def device(self) -> torch.device: ...

    def run(self, processes: Processes) -> T: ...


class Broken(Exception):
    """A process failed for no fault of the user's; the text is the error, and its traceback."""


def launch(work: Work[T], count: int) -> T:
    """Runs work in ``count`` processes, and gives what it comes to in the first of them; raises what one of them
    raises.

    Ctrl-C and SIGTERM go on to all of them. Where one dies the others end too, and where this process dies all do.
    """
    with tempfile.TemporaryDirectory(prefix="ardsl.") as folder:
        try:
            torch.save(work, Path(folder, WORK))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise data_error(UNUSABLE_OPTION, problem=f"no other process can have this: {error}") from None
        store = TCPStore(_HERE, 0, is_master=True, wait_for_workers=False)
        workers: list[subprocess.Popen[bytes]] = []
        try:
            with _passing_on_signals(workers) as passed:
                workers += [_start(folder, rank, count, store.port) for rank in range(count)]
                codes = _wait(workers)
        finally:
            for worker in workers:
                with worker:  # which waits for it, and closes its input
                    worker.kill()
        outcome = _outcome(Path(folder), codes)
    if outcome is None and passed:  # before they were ready for signals
        raise Unfinished(signal.Signals(max(passed)))
    if outcome is None:
        raise data_error(LOST_PROCESS, what=_loss(codes))
    if isinstance(outcome, BaseException):
        raise outcome
    result: T = outcome
    return result


def _start(folder: str, rank: int, count: int, port: int) -> subprocess.Popen[bytes]:
    threads = max(1, torch.get_num_threads() // count)
    environment = {
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "MASTER_ADDR": _HERE,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is here, not in the first process
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "TORCH_CPP_LOG_LEVEL": "ERROR",  # else torch advises against options that were chosen with care
        "PYTHONSAFEPATH": "1",  # no more modules in the working directory than this process sees
    }
    command = [sys.executable, "-m", "ardsl.training.distributed.worker", folder]
    # In a session of its own a Ctrl-C reaches it once, from here. Its input says when this process has ended.
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)


def _wait(workers: Sequence[subprocess.Popen[bytes]]) -> list[int | None]:
    """Their exit codes once all have ended, or one has failed and the others have had the time to (None: they have
    not)."""
    failed: float | None = None
    while True:
        codes = [worker.poll() for worker in workers]
        if failed is None and any(codes):
            failed = time.monotonic()
        if None not in codes or (failed is not None and time.monotonic() - failed > _PATIENCE):
            return codes
        time.sleep(_LOOK)


@contextmanager
def _passing_on_signals(workers: Sequence[subprocess.Popen[bytes]]) -> Iterator[list[int]]:
    """Gives the list of the signals that were passed on."""
    passed: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # no other may handle signals
        yield passed
        return

    def pass_on(number: int, _: object) -> None:
        passed.append(number)
        for worker in workers:
            worker.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield passed
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _outcome(folder: Path, codes: Sequence[int | None]) -> Any:
    """The first process's result, or what made one fail; that it missed another counts only where none has died, which
    is None."""
    paths = [folder / OUTCOME.format(rank=rank) for rank in range(len(codes))]
    outcomes = [torch.load(path, weights_only=False) for path in paths if path.is_file()]
    lost = [outcome for outcome in outcomes if isinstance(outcome, DataError) and outcome.code == LOST_PROCESS.code]
    own = [outcome for outcome in outcomes if outcome not in lost]
    died = sum(map(bool, codes)) > len(outcomes)
    return own[0] if own else lost[0] if lost and not died else None


def _loss(codes: Sequence[int | None]) -> str:
    """Says what ended a process: a signal, whose codes are negative, before the failures that it led to."""
    code, rank = min((code, rank) for rank, code in enumerate(codes) if code)
    how = f"was killed ({signal.Signals(-code).name})" if code < 0 else f"ended with the exit code {code}"
    return f"the process of rank {rank} {how}"
