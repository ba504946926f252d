"""A training step and log_prob of MADE 2×500 with its direct path, 784 elements, batch 100, one thread.

A step is paired with that of a dense network of the same size written by hand, both with fused Adam; log_prob with that
of a MADE written by hand.

    python benchmarks/training_step.py
"""

from __future__ import annotations

import torch
from fit import HandWritten
from paired import paired
from torch import nn
from torch.nn import functional as F

import ardsl

SPEC = "observed x[784] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500, 500])\n"


class Dense(nn.Module):
    """The same layers without masks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(784, 500), nn.Linear(500, 500)
        self.last, self.direct = nn.Linear(500, 784), nn.Linear(784, 784, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.relu(self.second(F.relu(self.first(x))))) + self.direct(x)


def main() -> None:
    torch.set_num_threads(1)
    x = (torch.rand(100, 784) < 0.3).float()
    model = ardsl.compile(ardsl.loads(SPEC)).train()
    dense = Dense()
    ours = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    theirs = torch.optim.Adam(dense.parameters(), 1e-3, fused=True)

    def step() -> None:
        ours.zero_grad()
        model.loss({"x": x}).backward()
        ours.step()

    def by_hand() -> None:
        theirs.zero_grad()
        F.binary_cross_entropy_with_logits(dense(x), x, reduction="none").sum(1).mean().backward()
        theirs.step()

    found = paired(by_hand, step, 31, first_times=5, second_times=5)
    made = HandWritten(784, [500, 500])
    with torch.no_grad():
        scored = paired(lambda: made(x), lambda: model.log_prob(x), 31, first_times=5, second_times=5)
    print("| | by hand, ms | ardsl, ms | ratio |")
    print("| --- | --- | --- | --- |")
    for name, times in (("a step, against the dense network", found), ("log_prob, against the MADE", scored)):
        print(f"| {name} | {times.first * 1e3:.2f} | {times.second * 1e3:.2f} | {times.ratio:.3f} |")


if __name__ == "__main__":
    main()
