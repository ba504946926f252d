"""MADE sampling, 784 elements, 2×500, one thread: ardsl's step evaluator against zuko's sampler and one forward pass.

python benchmarks/sampling.py
"""

from __future__ import annotations

import torch
import zuko
from paired import paired

import ardsl

SPEC = "observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500, 500])\n"


def main() -> None:
    torch.set_num_threads(1)
    model = ardsl.compile(ardsl.loads(SPEC)).eval()
    flow = zuko.flows.MAF(784, transforms=1, hidden_features=(500, 500)).eval()
    print("| batch | ardsl, ms | forward pass, ms | ÷ forward | zuko, ms | zuko ÷ ardsl |")
    print("| --- | --- | --- | --- | --- | --- |")
    with torch.no_grad():
        for batch, rounds in ((1, 5), (64, 5), (1024, 3)):
            noise = model.noise(batch, seed=0)
            sample = lambda: model.sample(batch, noise=noise)  # noqa: B023, E731
            inputs = model.values(sample())["x"]
            forward = lambda: model.networks[0](inputs)  # noqa: B023, E731
            ours = paired(forward, sample, 9, first_times=20 if batch == 1 else 5, second_times=3)
            theirs = paired(sample, lambda: flow().sample((batch,)), rounds)  # noqa: B023
            print(
                f"| {batch} | {ours.second * 1e3:.1f} | {ours.first * 1e3:.2f} | {ours.ratio:.2f} "
                f"| {theirs.second * 1e3:.0f} | {theirs.ratio:.0f} |"
            )


if __name__ == "__main__":
    main()
