"""MADE sampling, 784 elements, 2×500, one thread: ardsl's step evaluator against zuko's sampler and one forward pass;
and under sixteen orders against one.

python benchmarks/sampling.py
"""

from __future__ import annotations

from itertools import count

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
    under_orders()


def under_orders() -> None:
    """64 samples that fresh noise shares out among 16 orders, against 16 times 4 samples under the one order."""
    text = SPEC.replace("p(", "order x by any(orders = 16)\np(")
    mixed, one = (ardsl.compile(ardsl.loads(spec)).eval() for spec in (text, SPEC))
    seeds = count()
    found = paired(
        lambda: [one.sample(4, seed=next(seeds)) for _ in range(16)], lambda: mixed.sample(64, seed=next(seeds)), 15
    )
    print(f"\nany(orders = 16), 64 samples ÷ 16 times 4 under one order: {found.ratio:.2f}")


if __name__ == "__main__":
    main()
