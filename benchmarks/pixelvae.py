"""Binarized MNIST with and without latent variables: bounds on the test set, and what each latent variable carries.

    python benchmarks/pixelvae.py DATA --out DIR [--only NAME] [--epochs N] [--samples K] [--test N] [--device cuda]

DATA has ``binarized_mnist.npz``. Trains, one after the other, the decoder of ``pixelvae.ar`` without its latent
variable, ``pixelvae.ar``, ``vae.ar``, ``lossy_vae.ar`` and ``pixelvae_two_levels.ar`` on the CPU; what was cut short
goes on. Bounds are importance-weighted, on N examples from all over the test set (its order is not random), and taken
on the device.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import numpy as np

import ardsl
from ardsl.diagnostics import Source
from ardsl.spec import Spec, diagnose

SPECS = Path(__file__).parents[1] / "specs"
NAMES = ("decoder", "pixelvae", "vae", "lossy_vae", "pixelvae_two_levels")


def spec_of(name: str) -> Spec:
    if name != "decoder":
        return ardsl.load(SPECS / f"{name}.ar")
    text = (SPECS / "pixelvae.ar").read_text()
    text = re.sub(r"^(latent|p\(z\)|q\(z).*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r", z via deconv\(.*?\]\)", "", text).replace("  anneal    = 1\n", "")
    text = re.sub(r"^param latent .*\n", "", text, flags=re.MULTILINE)
    _, spec = diagnose(Source(text, "decoder.ar", str(SPECS)))
    assert spec is not None  # what is left of a sound spec
    return spec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--device", default="cpu")
    chosen = parser.parse_args()
    every = np.load(chosen.data / "binarized_mnist.npz")["test"]
    test = every[:: -(-len(every) // chosen.test)]
    print("| model | parameters | minutes | test, nats ± standard error | ELBO | KL |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    for name in (chosen.only,) if chosen.only else NAMES:
        run = ardsl.fit(
            spec_of(name), out=chosen.out / name, data_dir=chosen.data, epochs=chosen.epochs, device="cpu", resume=True
        )
        found = ardsl.evaluate(run.model.to(chosen.device), test, samples=chosen.samples)
        bound = "≤ " if found.elbo is not None else ""
        elbo = "" if found.elbo is None else f"{found.elbo:.2f}"
        kl = ", ".join(f"{variable} {value:.2f}" for variable, value in found.kl.items())
        print(
            f"| {name} | {run.model.spec.plan.parameters:,} | {run.seconds / 60:.0f} | {bound}{found.nll:.2f} ± "
            f"{found.standard_error:.2f} | {elbo} | {kl} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
