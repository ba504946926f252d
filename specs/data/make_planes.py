"""Writes `mnist_planes.npz`: grey digits as two planes, `ink` (whether a pixel has 128 or more) and `shade` (what it
has above that), so that grey = 128 · ink + shade.

python specs/data/make_planes.py mnist.npz FOLDER

`mnist.npz` has train_images, train_labels, test_images and test_labels.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(digits: str, folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    with np.load(digits) as arrays:
        found = {name: arrays[name] for name in ("train_labels", "test_labels")}
        for split in ("train", "test"):
            ink, shade = np.divmod(arrays[f"{split}_images"], 128)
            found |= {f"{split}_ink": ink, f"{split}_shade": shade}
    np.savez_compressed(Path(folder, "mnist_planes.npz"), **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
