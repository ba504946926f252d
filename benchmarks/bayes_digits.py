"""Digits classified by Bayes' rule, from the likelihoods of a model of pictures given their label: the run folder of
specs/mnist_labels.ar, and an .npz with test_images and test_labels.

    python benchmarks/bayes_digits.py RUN mnist.npz
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

import ardsl

EXAMPLES, BATCH = 1000, 50


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", help="the run folder of specs/mnist_labels.ar")
    parser.add_argument("data", help="an .npz with test_images and test_labels")
    arguments = parser.parse_args()
    model = ardsl.restore(arguments.run)
    with np.load(arguments.data) as arrays:
        x = torch.from_numpy(arrays["test_images"][:EXAMPLES].astype(np.int64))
        label = torch.from_numpy(arrays["test_labels"][:EXAMPLES].astype(np.int64))
    every = torch.arange(10)
    log_p = torch.stack(
        [torch.cat([model.log_prob(part, {"label": k[None]}) for part in x.split(BATCH)]) for k in every], 1
    )
    own = log_p.gather(1, label[:, None])[:, 0]
    print("| test digits | right by Bayes' rule | mean log p(label given x), nats | mean NLL, nats | bits/dim |")
    print("| --- | --- | --- | --- | --- |")
    right = (log_p.argmax(1) == label).double().mean()
    posterior = log_p.log_softmax(1).gather(1, label[:, None]).mean()
    bits = -own.mean() / (784 * np.log(2))
    print(f"| {len(x):,} | {right:.4f} | {posterior:.4f} | {-own.mean():.2f} | {bits:.4f} |")


if __name__ == "__main__":
    main()
