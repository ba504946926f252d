"""Processes that work together say the same, and end together."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

import ardsl
from ardsl.diagnostics.rules.data import BAD_RUN
from ardsl.errors import data_error
from ardsl.system.processes import Processes
from ardsl.training.distributed.launch import Broken, launch
from ardsl.training.distributed.processes import join, were_started

pytestmark = pytest.mark.thorough


@dataclass
class Job:
    """Work of one of the kinds below, as launched processes do it."""

    kind: str
    device = torch.device("cpu")

    def run(self, processes: Processes) -> Any:
        return getattr(self, self.kind)(processes)

    def talk(self, processes: Processes) -> Any:
        rank = processes.rank
        told = [processes.any(False, rank == 1) for _ in range(500)]
        made = processes.from_first(lambda: f"made by {rank}")
        with pytest.raises(ardsl.DataError, match="here: only told to the first") as caught:
            processes.from_first(self._refuse)
        return processes.gather((rank, set(told), made, caught.value.code))

    def _refuse(self) -> None:
        raise data_error(BAD_RUN, path="here", problem="only told to the first")

    def refuse(self, processes: Processes) -> Any:
        if processes.rank == 1:
            raise data_error(BAD_RUN, path="there", problem="the second cannot")
        return self.wait(processes)

    def kill_the_starter(self, processes: Processes) -> Any:
        processes.gather(0)
        if processes.rank == 1:
            os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)

    def fail(self, processes: Processes) -> Any:
        if processes.rank == 1:
            raise ZeroDivisionError
        return self.wait(processes)

    def die(self, processes: Processes) -> Any:
        if processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.wait(processes)

    def hang(self, processes: Processes) -> Any:
        if processes.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)

    def interrupt(self, processes: Processes) -> Any:
        processes.gather(0)
        if processes.rank == 1:
            os.kill(os.getppid(), signal.SIGTERM)
        time.sleep(600)

    def wait(self, processes: Processes) -> Any:
        with processes.connected():
            return processes.gather(0)


def test_one_process_agrees_with_itself() -> None:
    alone = Processes()
    assert alone.first and not were_started() and type(join("cpu")) is Processes
    assert alone.any(True, False) == (True, False)
    assert alone.gather(3) == [3] and alone.from_first(lambda: 4) == 4


@pytest.mark.slow
def test_several_agree() -> None:
    some = {(False, False), (False, True)}
    assert launch(Job("talk"), 3) == [(rank, some, "made by 0", "AR520") for rank in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, error, told",
    [
        ("refuse", ardsl.DataError, "AR520.*the second cannot"),
        ("fail", Broken, "ZeroDivisionError"),
        ("die", ardsl.DataError, r"AR512.*the process of rank 1 was killed \(SIGKILL\)"),
        ("hang", ardsl.DataError, r"AR512.*the process of rank 1 was killed \(SIGKILL\)"),
        ("interrupt", KeyboardInterrupt, None),
    ],
)
def test_they_end_together(kind: str, error: type[BaseException], told: str | None) -> None:
    """Also where the others wait for what will not come; and soon."""
    started = time.monotonic()
    with pytest.raises(error, match=told):
        launch(Job(kind), 2)
    assert time.monotonic() - started < 30


@pytest.mark.slow
def test_they_end_with_their_starter_and_leave_no_data(tmp_path: Path) -> None:
    program = "from tests.training.distributed.test_processes import Job, launch; launch(Job('kill_the_starter'), 2)"
    paths = {"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)}
    # The output ends when the last process that has it ends.
    done = subprocess.run([sys.executable, "-c", program], env=os.environ | paths, capture_output=True, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_cannot_be_pickled_is_told() -> None:
    job = Job("talk")
    job.function = lambda: 0  # type: ignore[attr-defined]
    with pytest.raises(ardsl.DataError, match="AR510.*no other process can have this"):
        launch(job, 2)


def test_errors_and_specs_cross_between_processes() -> None:
    error = pickle.loads(pickle.dumps(data_error(BAD_RUN, path="here", problem="none")))
    assert type(error) is ardsl.DataError and error.code == "AR520" and str(error) == "error[AR520]: here: none"
    spec = ardsl.loads("param w = 3\nobserved x[4] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = w)\n", w=5)
    again = pickle.loads(pickle.dumps(spec))
    assert again.text == spec.text and again.plan.parameters == spec.plan.parameters
    model = ardsl.compile(spec)
    x = torch.randint(2, (9, 4))
    assert torch.equal(pickle.loads(pickle.dumps(model)).log_prob(x), model.log_prob(x))
