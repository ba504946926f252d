"""Writes ``digits.npz`` from scikit-learn's copy of the handwritten digits: ``python specs/data/make_digits.py``.

The file is in the repository, so nobody needs to run this; it says how the file was made, and needs scikit-learn.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

PARTS = {"train": 1297, "valid": 200, "test": 300}


def main() -> None:
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    arrays: dict[str, np.ndarray] = {}
    start = 0
    for name, size in PARTS.items():
        rows = order[start : start + size]
        arrays[name] = digits.images[rows].astype(np.uint8)
        arrays[f"{name}_labels"] = digits.target[rows].astype(np.uint8)
        start += size
    np.savez_compressed(Path(__file__).with_name("digits.npz"), **arrays)


if __name__ == "__main__":
    main()
