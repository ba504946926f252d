"""A training step and log_prob of MADE 2×500 with its direct path, 784 elements, batch 100, one thread.

A step is paired with that of a MADE written by hand, and with that of its layers without masks, all with fused Adam;
log_prob with that of the MADE.

    python benchmarks/training_step.py
"""

from __future__ import annotations

from typing import Any

import torch
from fit import HandWritten
from paired import paired, step_of
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, relu

import ardsl

SPEC = "observed x[784] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500, 500])\n"


class Dense(nn.Module):
    """The same layers without masks."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(784, 500), nn.Linear(500, 500)
        self.last, self.direct = nn.Linear(500, 784), nn.Linear(784, 784, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(relu(self.second(relu(self.first(x))))) + self.direct(x)


def main() -> None:
    torch.set_num_threads(1)
    x = (torch.rand(100, 784) < 0.3).float()
    model: Any = ardsl.compile(ardsl.loads(SPEC)).train()
    made, dense = HandWritten(784, [500, 500]), Dense()

    ours = step_of(model, lambda: model.loss({"x": x}))
    masked = step_of(made, lambda: made(x).mean())
    unmasked = step_of(dense, lambda: binary_cross_entropy_with_logits(dense(x), x, reduction="none").sum(1).mean())
    rows = [
        ("a step, against the MADE", paired(masked, ours, 31, first_times=5, second_times=5)),
        ("a step, against the dense network", paired(unmasked, ours, 31, first_times=5, second_times=5)),
    ]
    with torch.no_grad():
        scored = paired(lambda: made(x), lambda: model.log_prob(x), 31, first_times=5, second_times=5)
        trusted = paired(lambda: made(x), lambda: model.log_prob(x, validate=False), 31, first_times=5, second_times=5)
    rows += [("log_prob, against the MADE", scored), ("the same, values not judged", trusted)]
    print("| | by hand, ms | ardsl, ms | ratio |")
    print("| --- | --- | --- | --- |")
    for name, times in rows:
        print(f"| {name} | {times.first * 1e3:.2f} | {times.second * 1e3:.2f} | {times.ratio:.3f} |")


if __name__ == "__main__":
    main()
