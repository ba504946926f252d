"""Verification of MADE 2×500 on 784 elements: the plan's label push against a Jacobian by 784 backward passes.

python benchmarks/verification.py
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from paired import paired

import ardsl
from ardsl.networks.design import Design
from ardsl.networks.realize import verify_plan
from ardsl.networks.registry import network as registered

SPEC = "observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [500, 500])\n"


def main() -> None:
    torch.set_num_threads(1)
    spec = ardsl.loads(SPEC)
    model: Any = ardsl.compile(spec).eval()
    network = model.networks[0]
    group = spec.plan.groups[0]
    x = torch.rand(1, 784, requires_grad=True)

    def jacobian() -> None:
        raw = network(x)[0]
        for row in raw:
            torch.autograd.grad(row, x, retain_graph=True)

    def verify() -> None:
        design = registered("made").design(group.group, group.options)  # designed anew, so that nothing is cached
        assert isinstance(design, Design)
        report = verify_plan(replace(spec.plan, groups=(design,)))
        assert report.sound and report.complete

    found = paired(verify, jacobian, 9, first_times=5)
    print("| plan and verify, ms | Jacobian by backward passes, ms | ratio |")
    print("| --- | --- | --- |")
    print(f"| {found.first * 1e3:.2f} | {found.second * 1e3:.0f} | {found.ratio:.0f} |")


if __name__ == "__main__":
    main()
