"""log_prob and a training step of small models, one thread: ardsl's compiled module against the same written by hand.

python benchmarks/small_models.py
"""

from __future__ import annotations

from collections.abc import Callable
from math import log, pi
from typing import Any

import torch
from paired import paired
from torch import Tensor, nn
from torch.nn import functional as F

import ardsl

TABLE = "observed x[64] : category(5)\np(x[t] | x[t-1]) = categorical via table(tied = true)\n"
LINEAR = "observed x[64] : binary\np(x[i] | x[<i]) = bernoulli via linear\n"
MLP = "given c[8] : real\nobserved y : real\np(y | c) = normal via mlp(hidden = [64, 64])\n"
PARENTS = [sorted({number - 1, number // 2}) for number in range(1, 40)]
DAG = "".join(
    [
        *(f"observed v{number} : real\n" for number in range(40)),
        "p(v0) = normal\n",
        *(
            f"p(v{number + 1} | {', '.join(f'v{parent}' for parent in parents)}) = normal via mlp(hidden = 32)\n"
            for number, parents in enumerate(PARENTS)
        ),
    ]
)


class Table(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.zeros(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        logits = self.rows[F.pad(x[:, :-1].long(), (1, 0), value=5)]
        return -F.cross_entropy(logits.flatten(0, 1), x.long().flatten(), reduction="none").view(len(x), -1).sum(1)


class Linear(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(64, 64)), nn.Parameter(torch.zeros(64))
        self.register_buffer("mask", torch.ones(64, 64).tril(-1))

    def forward(self, x: Tensor) -> Tensor:
        logits = F.linear(x, self.weight * self.mask, self.bias)
        return -F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)


def normal(parameters: Tensor, y: Tensor) -> Tensor:
    loc, scale = parameters.unbind(-1)
    scale = F.softplus(scale)
    return -((y - loc) ** 2) / (2 * scale**2) - scale.log() - 0.5 * log(2 * pi)


class Mlp(nn.Module):
    def __init__(self, inputs: int, *hidden: int) -> None:
        super().__init__()
        sizes = (inputs, *hidden, 2)
        layers = [part for a, b in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, c: Tensor, y: Tensor) -> Tensor:
        return normal(self.layers(c), y)


class Dag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(2))
        self.factors = nn.ModuleList(Mlp(len(parents), 32) for parents in PARENTS)

    def forward(self, v: Tensor) -> Tensor:
        total = normal(self.first.expand(len(v), -1), v[:, 0])
        for number, (parents, factor) in enumerate(zip(PARENTS, self.factors, strict=True)):
            total = total + factor(v[:, parents], v[:, number + 1])
        return total


def main() -> None:
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(1000, 40, generator=generator)
    c, y = torch.randn(256, 8, generator=generator), torch.randn(256, generator=generator)
    x = torch.randint(5, (100, 64), generator=generator).float()
    bits = torch.randint(2, (100, 64), generator=generator).float()
    by_name = {f"v{number}": v[:, number].contiguous() for number in range(40)}
    work: dict[str, tuple[str, object, object, nn.Module, tuple[Tensor, ...]]] = {
        "linear": (LINEAR, bits, None, Linear(), (bits,)),
        "tied table": (TABLE, x, None, Table(), (x,)),
        "mlp": (MLP, y, c, Mlp(8, 64, 64), (c, y)),
        "DAG of 40": (DAG, by_name, None, Dag(), (v,)),
    }
    print("| model | log_prob by hand, ms | ardsl | ratio | checked data | step by hand, ms | ardsl | ratio |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, (text, data, given, hand, arguments) in work.items():
        model: Any = ardsl.compile(ardsl.loads(text), seed=0)
        with torch.no_grad():
            ours = paired(lambda: hand(*arguments), lambda: model.log_prob(data, given, validate=False), 31, **TIMES)  # noqa: B023
            checked = paired(lambda: hand(*arguments), lambda: model.log_prob(data, given), 31, **TIMES)  # noqa: B023
        batch = (data if isinstance(data, dict) else {"y" if given is not None else "x": data}) | (
            {"c": given} if given is not None else {}
        )
        steps = paired(
            training(hand, lambda: -hand(*arguments).mean()),  # noqa: B023
            training(model, lambda: model.loss(batch)),  # noqa: B023
            31,
            **TIMES,
        )
        print(
            f"| {name} | {ours.first * 1e3:.3f} | {ours.second * 1e3:.3f} | {ours.ratio:.2f} | {checked.ratio:.2f} "
            f"| {steps.first * 1e3:.3f} | {steps.second * 1e3:.3f} | {steps.ratio:.2f} |",
            flush=True,
        )


TIMES = {"first_times": 10, "second_times": 10}


def training(module: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.Adam(module.parameters(), 1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


if __name__ == "__main__":
    main()
