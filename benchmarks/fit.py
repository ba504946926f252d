"""A whole ``fit`` against a hand-written training loop of the same model.

Both train a MADE on random binary data with fused Adam, with the same batches and exact validation after each epoch;
runs alternate, and what counts is the median of the paired ratios.

    python benchmarks/fit.py [--repeats 5] [--dims 784] [--hidden 500 500] [--batch 100]
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, linear

import ardsl


def spec_text(dims: int, hidden: list[int], batch: int, epochs: int) -> str:
    return (
        f"observed x[{dims}] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = {hidden})\n"
        f"train {{ batch = {batch}  epochs = {epochs} }}\n"
    )


class HandWritten(nn.Module):
    """The MADE that a researcher would write: masked linear layers and a direct path."""

    def __init__(self, dims: int, hidden: list[int]) -> None:
        super().__init__()
        degrees = [torch.arange(dims)] + [torch.arange(h) * (dims - 1) // h for h in hidden]
        self.layers = nn.ModuleList(nn.Linear(len(a), len(b)) for a, b in zip(degrees, degrees[1:], strict=False))
        self.out = nn.Linear(hidden[-1], dims)
        self.direct = nn.Linear(dims, dims, bias=False)
        for k, (a, b) in enumerate(zip(degrees, degrees[1:], strict=False)):
            self.register_buffer(f"mask{k}", (b[:, None] >= a[None]).float())
        self.register_buffer("mask_out", (degrees[0][:, None] > degrees[-1][None]).float())
        self.register_buffer("mask_direct", (degrees[0][:, None] > degrees[0][None]).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = x
        for k, layer in enumerate(self.layers):
            h = torch.relu(linear(h, layer.weight * getattr(self, f"mask{k}"), layer.bias))
        logits = linear(h, self.out.weight * self.mask_out, self.out.bias)
        logits = logits + linear(x, self.direct.weight * self.mask_direct)
        return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def by_hand(train: torch.Tensor, valid: torch.Tensor, hidden: list[int], batch: int, epochs: int) -> float:
    """Seconds of the loop."""
    started = time.perf_counter()
    net = HandWritten(train.shape[1], hidden)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3, fused=True)
    for _ in range(epochs):
        net.train()
        total = 0.0
        for rows in torch.randperm(len(train)).split(batch):
            loss = net(train[rows].float()).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        net.eval()
        with torch.no_grad():
            sum(float(net(part.float()).double().sum()) for part in valid.split(1024))
    return time.perf_counter() - started


def by_fit(spec: ardsl.Spec, train: torch.Tensor, valid: torch.Tensor) -> float:
    """Seconds of the whole ``fit``, data checks and compilation included."""
    started = time.perf_counter()
    ardsl.fit(spec, {"train": train, "valid": valid}, device="cpu", progress=False)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dims", type=int, default=784)
    parser.add_argument("--hidden", type=int, nargs="+", default=[500, 500])
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--examples", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    train = torch.from_numpy(random.integers(0, 2, (options.examples, options.dims), dtype=np.uint8))
    valid = train[: options.examples // 5]
    spec = ardsl.loads(spec_text(options.dims, options.hidden, options.batch, options.epochs))
    steps = -(-options.examples // options.batch) * options.epochs
    by_fit(spec, train[: options.batch], valid[: options.batch])  # the imports
    pairs = []
    for _ in range(options.repeats):
        hand = by_hand(train, valid, options.hidden, options.batch, options.epochs)
        pairs.append((hand, by_fit(spec, train, valid)))
    print(f"MADE {options.hidden}, D = {options.dims}, batch {options.batch}, {steps} steps a run, one thread\n")
    print(f"{'run':>4}  {'by hand, ms/step':>16}  {'fit, ms/step':>12}  {'ratio':>6}")
    for number, (hand, fit) in enumerate(pairs, 1):
        print(f"{number:>4}  {1e3 * hand / steps:>16.3f}  {1e3 * fit / steps:>12.3f}  {fit / hand:>6.3f}")
    print(f"\nmedian of the paired ratios: {statistics.median(fit / hand for hand, fit in pairs):.3f}")


if __name__ == "__main__":
    main()
