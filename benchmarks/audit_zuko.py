"""What zuko's default masked network for 784 elements can see, by audit, beside ours of the same widths by its plan.

python benchmarks/audit_zuko.py
"""

from __future__ import annotations

import torch
import zuko

import ardsl

SPEC = "observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [64, 64])\n"


def main() -> None:
    torch.manual_seed(0)
    transform = zuko.flows.MaskedAutoregressiveTransform(784)
    audit = ardsl.audit(torch.nn.Sequential(transform.hyper, torch.nn.Unflatten(-1, (784, -1))), (784,), points=1)
    ours = ardsl.loads(SPEC).report
    pairs = 784 * 783 // 2
    print("| network | leaking pairs | declared pairs that no path reaches | that only a direct path reaches |")
    print("| --- | --- | --- | --- |")
    print(f"| zuko {zuko.__version__}, (64, 64) | {audit.leaks.count} | {audit.blind_spots.count / pairs:.1%} | |")
    direct = ours.comparisons[0].direct_only
    print(f"| ardsl, [64, 64] | {ours.leaks.count} | {ours.blind_spots.count / pairs:.1%} | {direct / pairs:.2%} |")


if __name__ == "__main__":
    main()
