"""NADE, 784 elements and 500 units, one thread: a training step of 100 examples against the same written by hand with a
cumulative sum over the elements, the memory that each takes, and samples against one forward pass.

    python benchmarks/nade.py
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from paired import paired, step_of
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

import ardsl

SPEC = "observed x[784] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 500)\n"


class HandWritten(nn.Module):
    """The sums of all elements by one cumulative sum, [batch, 784, 500]."""

    def __init__(self) -> None:
        super().__init__()
        self.inputs, self.outputs = (nn.Parameter(torch.randn(784, 500) * 0.03) for _ in range(2))
        self.bias, self.biases = nn.Parameter(torch.zeros(500)), nn.Parameter(torch.zeros(784))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added = (x[:, :-1, None] * self.inputs[:-1]).cumsum(1)
        hidden = torch.sigmoid(torch.cat([torch.zeros_like(added[:, :1]), added], 1) + self.bias)
        logits = (hidden * self.outputs).sum(2) + self.biases
        return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def steps() -> dict[str, Callable[[], None]]:
    x = (torch.rand(100, 784) < 0.3).float()
    model, by_hand = ardsl.compile(ardsl.loads(SPEC)).train(), HandWritten()
    return {
        "ardsl": step_of(model, lambda: model.loss({"x": x})),
        "by hand": step_of(by_hand, lambda: by_hand(x).mean()),
    }


def peak(name: str) -> None:
    """Prints the memory that training steps take beyond what there is before the first, in MiB."""
    step = steps()[name]
    before = high_water()
    for _ in range(3):
        step()
    print(high_water() - before)


def high_water() -> float:
    """This process's peak of resident memory, in MiB."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    torch.set_num_threads(1)
    if len(sys.argv) > 1:
        peak(sys.argv[1])
        return
    both = steps()
    times = paired(both["by hand"], both["ardsl"], 7, second_times=3)
    print("| | by hand | ardsl | by hand ÷ ardsl |")
    print("| --- | --- | --- | --- |")
    print(f"| a training step, ms | {times.first * 1e3:.0f} | {times.second * 1e3:.0f} | {1 / times.ratio:.1f} |")
    memory = {}
    for name in both:
        command = [sys.executable, __file__, name]
        memory[name] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"| its memory, MiB | {memory['by hand']:.0f} | {memory['ardsl']:.0f} | ", end="")
    print(f"{memory['by hand'] / memory['ardsl']:.0f} |\n")

    model = ardsl.compile(ardsl.loads(SPEC)).eval()
    print("| batch | a sample, ms | a forward pass, ms | sample ÷ forward |")
    print("| --- | --- | --- | --- |")
    with torch.no_grad():
        for batch, rounds in ((1, 11), (64, 7)):
            noise = model.noise(batch, seed=0)
            sample = lambda: model.sample(batch, noise=noise)  # noqa: B023, E731
            values = sample()
            forward = lambda: model.log_prob(values)  # noqa: B023, E731
            found = paired(forward, sample, rounds, first_times=5)
            print(f"| {batch} | {found.second * 1e3:.1f} | {found.first * 1e3:.1f} | {found.ratio:.1f} |")


if __name__ == "__main__":
    main()
