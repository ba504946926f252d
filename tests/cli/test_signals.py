"""``train`` and scripts of one's own, as Ctrl-C and SIGTERM end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import ardsl
from tests.support.commands import GOOD

pytestmark = pytest.mark.thorough

ENDLESS = "train { epochs = 100000  batch = 10 }\n"
COMMAND = "from ardsl.cli import main; main()"
SCRIPT = (
    "import ardsl; ardsl.fit(ardsl.load('long.ar'), 'x.npy', out='runs/long', checkpoint_every=0); print('goes on')"
)
IMPATIENT = """
import os, signal, threading
from lightning.pytorch import Trainer
from ardsl.training.learner import Learner

def hang(self, *_):
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    threading.Event().wait(60)

def step(self, *words, kept=Learner.training_step):
    return hang(self) if self.steps == 7 else kept(self, *words)

Learner.training_step = step
"""


@pytest.fixture
def long(here: Path) -> Path:
    (here / "long.ar").write_text(f"model long\n{GOOD}{ENDLESS}")
    np.save(here / "x.npy", np.random.default_rng(0).integers(0, 2, (20, 4, 4)))
    return here


def _start(program: str, words: Sequence[str] = ()) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"})


TRAIN = ["train", "long.ar", "--data", "train=x.npy", "--checkpoint-every", "0"]


@pytest.mark.parametrize(
    "number, code, word",
    [
        (signal.SIGINT, 130, "The run is in"),
        pytest.param(signal.SIGTERM, 143, "terminated; resume with", marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_the_command_with_its_code_and_the_way_on(
    long: Path, number: signal.Signals, code: int, word: str
) -> None:
    with _start(COMMAND, TRAIN) as process:
        assert process.stderr is not None
        while "epoch 2/" not in process.stderr.readline().replace(" ", "").replace("epoch", "epoch "):
            pass
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert out.startswith(word)
    assert out.splitlines()[-1] == f"  ardsl {' '.join(TRAIN)} --resume"
    assert "interrupted, best epoch" in err and "Traceback" not in err
    assert ("stopping after the current step; Ctrl-C again stops at once" in err) == (number == signal.SIGINT)
    assert ardsl.restore("runs/long").sample(1).shape == (1, 4, 4)


def test_sigterm_ends_a_script_once_the_run_is_kept(long: Path) -> None:
    with _start(SCRIPT) as process:
        assert process.stderr is not None
        while "epoch      2/" not in process.stderr.readline():
            pass
        process.terminate()
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (-signal.SIGTERM, "")
    assert ardsl.restore("runs/long").sample(1).shape == (1, 4, 4)


@pytest.mark.slow
def test_a_second_interrupt_ends_the_command_at_once(long: Path) -> None:
    """In a step that takes a minute."""
    with _start(IMPATIENT + COMMAND, TRAIN) as process:
        out, err = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "stopping after the current step; Ctrl-C again stops at once\n" in err and "Traceback" not in err
    assert out == f"interrupted; resume with\n  ardsl {' '.join(TRAIN)} --resume\n"
