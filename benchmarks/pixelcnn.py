"""PixelCNN on one thread: sampling against running the network again for every pixel, the wavefront against one pixel
at a time, a training step against a gated PixelCNN written by hand, and planning at three image sizes.

    python benchmarks/pixelcnn.py [--device cuda]

On a GPU, sampling and the training step.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import torch
from paired import paired
from torch import Tensor, nn
from torch.nn import functional as F

import ardsl
from ardsl.compiler.steps import evaluator

LAYERS, FEATURES = 7, 64
GATED = f"observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = {LAYERS}, gated = true)\n"
WINDOW = "observed x[28, 28] : binary\np(x[i] | x[<i] within 3) = bernoulli via pixelcnn(layers = 7)\n"
LARGE = "observed x[{shape}] : integer(0, 255)\np(x[i] | x[<i]) = categorical via pixelcnn(layers = 15, gated = true)\n"


class Block(nn.Module):
    """Figure 2 of van den Oord et al. 2016, by hand: crops and pads in place of masks."""

    def __init__(self, inputs: int, kernel: int, first: bool, last: bool) -> None:
        super().__init__()
        radius = self.radius = kernel // 2
        self.first, both = first, 2 * FEATURES
        self.down = nn.Conv2d(inputs, both, (radius if first else radius + 1, kernel))
        self.right = nn.Conv2d(inputs, both, (1, radius if first else radius + 1), bias=False)
        self.link = nn.Conv2d(FEATURES, both, 1)
        self.across = None if last else nn.Conv2d(FEATURES, FEATURES, 1, bias=False)
        self.skip = nn.Conv2d(FEATURES, FEATURES, 1, bias=False)

    def forward(self, v: Tensor, h: Tensor, skip: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor]:
        r, rows = self.radius, v.shape[2]
        down = gate(self.down(F.pad(v, (r, r, r - 1 if self.first else r, 0))))
        down = down if self.first else down + v
        right = F.pad(h, (r, 0, 0, 0))
        right = gate(
            self.right(right[..., :-1] if self.first else right) + self.link(F.pad(down, (0, 0, 1, 0))[:, :, :rows])
        )
        total = self.skip(right) if skip is None else skip + self.skip(right)
        across = None if self.across is None else self.across(right) + (0 if self.first else h)
        return down, across, total


def gate(x: Tensor) -> Tensor:
    first, second = x.chunk(2, 1)
    return first.tanh() * second.sigmoid()


class ByHand(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        blocks = [Block(FEATURES, 3, False, number == LAYERS - 1) for number in range(LAYERS)]
        self.blocks = nn.ModuleList([Block(1, 7, True, False), *blocks])
        self.tail, self.out = nn.Conv2d(FEATURES, FEATURES, 1), nn.Conv2d(FEATURES, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        v, h, skip = x, x, None
        for block in self.blocks:
            v, h, skip = block(v, h, skip)
        return self.out(F.relu(self.tail(F.relu(skip))))


def sampling(device: str) -> None:
    model = ardsl.compile(ardsl.loads(GATED)).to(device).eval()
    print("| batch | forward, ms | 784 forwards, s | ardsl samples, ms | times faster | ÷ one forward |")
    print("| --- | --- | --- | --- | --- | --- |")
    for batch in (1, 16, 64) if device == "cpu" else (1, 64, 1024):
        x = (torch.rand(batch, 28, 28, device=device) < 0.5).float()

        def forward(x: Tensor = x) -> None:
            with torch.no_grad():
                model.log_prob(x)

        model.sample(batch, seed=0)
        found = paired(forward, lambda batch=batch: model.sample(batch, seed=1), 7, first_times=2)
        print(
            f"| {batch} | {found.first * 1e3:.1f} | {784 * found.first:.2f} | {found.second * 1e3:.0f} "
            f"| {784 / found.ratio:.0f} | {found.ratio:.2f} |"
        )


def wavefront() -> None:
    """The same evaluator with the steps of the order, one pixel each, in place of the longest path's."""
    model, other = (ardsl.compile(ardsl.loads(WINDOW)).eval() for _ in range(2))
    swept = model.spec.plan.steps
    model.sample(1, seed=0)
    original = evaluator.sampling_steps
    evaluator.sampling_steps = lambda *_: np.arange(784)  # type: ignore[assignment]
    other.sample(1, seed=0)
    evaluator.sampling_steps = original
    found = paired(lambda: model.sample(1, seed=1), lambda: other.sample(1, seed=1), 15)
    print("| steps | wavefront, ms | pixel by pixel, ms | ratio |")
    print("| --- | --- | --- | --- |")
    print(f"| {swept} for 784 | {found.first * 1e3:.1f} | {found.second * 1e3:.1f} | {found.ratio:.2f} |")


def training(device: str) -> None:
    model, by_hand = ardsl.compile(ardsl.loads(GATED)).to(device).train(), ByHand().to(device)
    batch = 16 if device == "cpu" else 128
    x = (torch.rand(batch, 28, 28, device=device) < 0.5).float()
    ours = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    theirs = torch.optim.Adam(by_hand.parameters(), 1e-3, fused=True)

    def step() -> None:
        ours.zero_grad()
        model.loss({"x": x}).backward()
        ours.step()

    def hand_log_prob() -> Tensor:
        logits = by_hand(x[:, None])[:, 0]
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum((1, 2))

    def hand_step() -> None:
        theirs.zero_grad()
        (-hand_log_prob().mean()).backward()
        theirs.step()

    found = {"a training step": paired(hand_step, step, 11)}
    with torch.no_grad():
        found["log_prob"] = paired(hand_log_prob, lambda: model.log_prob(x), 11)
    print(f"| batch {batch} | by hand, ms | ardsl, ms | ratio |")
    print("| --- | --- | --- | --- |")
    for name, times in found.items():
        print(f"| {name} | {times.first * 1e3:.1f} | {times.second * 1e3:.1f} | {times.ratio:.3f} |")


def planning() -> None:
    print("| image | check, plan and verify, s |")
    print("| --- | --- |")
    for shape in ("32, 32", "1024, 1024", "32, 32, 3", "256, 256, 3", "1024, 1024, 3"):
        times = []
        for _ in range(5):
            start = time.perf_counter()
            spec = ardsl.loads(LARGE.format(shape=shape))
            assert spec.report.sound
            times.append(time.perf_counter() - start)
        print(f"| {shape.replace(', ', ' × ')} | {sorted(times)[2]:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    device = parser.parse_args().device
    torch.set_num_threads(1)
    if device == "cpu":
        for part in (planning, wavefront):
            part()
            print()
    for measured in (training, sampling):
        measured(device)
        print()


if __name__ == "__main__":
    main()
