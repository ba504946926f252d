"""Commands that find too little memory say so in one line, with how much they wanted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import ardsl
from ardsl.common.memory import memory_problem

TEXT = """model large
param width = 4
observed x[400] : binary
p(x[i] | x[<i]) = bernoulli via made(hidden = [width, width])
train { epochs = 1  batch = 10 }
"""
LIMITED = """
import os, resource, sys
import torch, lightning, safetensors.torch
import ardsl.training.fit, ardsl.runs.folder, ardsl.outputs.samples, ardsl.queries.conditionals
from ardsl.cli import main
torch.set_num_threads(1)
for number, words in enumerate(sys.argv[2:]):
    if os.fork():
        print(os.waitstatus_to_exitcode(os.wait()[1]))
        continue
    os.dup2(os.open(f"{number}.err", os.O_WRONLY | os.O_CREAT), 2)
    there = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (there + int(sys.argv[1]),) * 2)
    main(words.split())
"""
"""Runs commands with so much memory more than the program takes, each in a process that shares its imports."""
FULL = (
    r"error: the memory is full: [\d,.]+ (bytes|KiB|MiB|GiB) more could not be had; "
    "a smaller model or batch, or fewer samples at once, take less"
)


UNPACKED = r"error\[AR501\]: .*large.npz#test: the memory is full: 267[.]0 MiB more could not be had"
LARGE = r"error\[AR501\]: .*large.npy: is larger than the memory, with its 267.0 MiB"


COMMANDS = {
    "train large.ar --data train=x.npy --set width=20000 -q": FULL,
    "sample run -n 3000000 -o s.npz": FULL,
    "eval run --data large.npy": LARGE,
    "score run --data large.npz -o s.csv": UNPACKED,
}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str]]:
    """The exit code of each command, and what it says."""
    home = tmp_path_factory.mktemp("memory")
    (home / "large.ar").write_text(TEXT)
    x = np.zeros((40, 400), dtype=np.uint8)
    np.save(home / "x.npy", x)
    large = np.zeros((700_000, 400), dtype=np.uint8)
    np.save(home / "large.npy", large)
    np.savez_compressed(home / "large.npz", test=large)
    ardsl.fit(ardsl.loads(TEXT), x, home / "run", device="cpu", progress=False)
    command = [sys.executable, "-c", LIMITED, str(200 << 20), *COMMANDS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, cwd=home, check=True)
    codes = [int(line) for line in done.stdout.splitlines() if re.fullmatch(r"-?\d+", line)]
    said = [(home / f"{number}.err").read_text() for number in range(len(COMMANDS))]
    return dict(zip(COMMANDS, zip(codes, said, strict=True), strict=True))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="takes Linux")
@pytest.mark.parametrize("words", COMMANDS)
def test_without_memory(words: str, outcomes: dict[str, tuple[int, str]]) -> None:
    code, said = outcomes[words]
    assert code == 2, said
    assert re.fullmatch(COMMANDS[words], said.splitlines()[-1])
    assert "Traceback" not in said and "fault of ardsl" not in said


@pytest.mark.parametrize(
    "error, told",
    [
        (MemoryError(), "the memory is full"),
        (MemoryError("malloc of size 3221225472 failed"), "the memory is full: 3.0 GiB more could not be had"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.50 MiB. GPU 0 has"),
         "the memory is full: 2.5 MiB more could not be had"),
        (RuntimeError("std::bad_alloc"), "the memory is full"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "the memory is full"),
        (RuntimeError("shapes do not fit"), None),
        (ValueError("out of memory"), None),
    ],
)  # fmt: skip
def test_what_is_said_of_an_error(error: Exception, told: str | None) -> None:
    assert memory_problem(error) == told


def test_numpy_and_torch_say_how_much() -> None:
    for make in (lambda: np.empty(1 << 50), lambda: torch.empty(1 << 50, dtype=torch.float64)):
        with pytest.raises((MemoryError, RuntimeError)) as caught:
            make()
        assert memory_problem(caught.value) == "the memory is full: 8.0 PiB more could not be had"
