"""Digits classified by Bayes' rule, from the likelihoods of a model of images given their label: the run folder of
specs/mnist_labels.ar, and the `mnist_planes.npz` that it was trained on.

    python benchmarks/bayes_digits.py RUN mnist_planes.npz [-o digits.png]

-o draws ten samples of each digit.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import ardsl
from ardsl.outputs.images import grid

EXAMPLES, BATCH = 1000, 50


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="the run folder of specs/mnist_labels.ar")
    parser.add_argument("data", help="an .npz with test_ink, test_shade and test_labels")
    parser.add_argument("-o", dest="image", type=Path)
    parser.add_argument("-n", dest="examples", type=int, default=EXAMPLES)
    arguments = parser.parse_args()
    model = ardsl.restore(arguments.run)
    if arguments.image:
        drawn = model.sample(100, {"label": torch.arange(10).repeat_interleave(10)}, seed=0)
        grey = (128 * drawn["ink"] + drawn["shade"]).numpy().astype(np.uint8)
        Image.fromarray(grid(grey)).save(arguments.image)
    with np.load(arguments.data) as arrays:
        ink, shade, label = (
            torch.from_numpy(arrays[f"test_{name}"][: arguments.examples].astype(np.int64))
            for name in ("ink", "shade", "labels")
        )
    log_p = torch.stack(
        [
            torch.cat(
                [
                    model.log_prob({"ink": a, "shade": b}, {"label": torch.tensor([k])})
                    for a, b in zip(ink.split(BATCH), shade.split(BATCH), strict=True)
                ]
            )
            for k in range(10)
        ],
        1,
    )
    own = log_p.gather(1, label[:, None])[:, 0]
    print("| test digits | right by Bayes' rule | mean log p(label given x), nats | mean NLL, nats | bits/dim |")
    print("| --- | --- | --- | --- | --- |")
    right = (log_p.argmax(1) == label).double().mean()
    posterior = log_p.log_softmax(1).gather(1, label[:, None]).mean()
    bits = -own.mean() / (784 * np.log(2))
    print(f"| {len(label):,} | {right:.4f} | {posterior:.4f} | {-own.mean():.2f} | {bits:.4f} |")


if __name__ == "__main__":
    main()
