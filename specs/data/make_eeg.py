"""Writes `eeg.npz`: 800 moments of four channels of brain waves, of which the last 200 are to test with.

python specs/data/make_eeg.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib import cbook


def main(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    with cbook.get_sample_data("eeg.dat") as file:
        recording = np.frombuffer(file.read(), dtype=np.float64).reshape(800, 4)
    np.savez(Path(folder, "eeg.npz"), train=recording[None, :600], test=recording[None, 600:])


if __name__ == "__main__":
    main(sys.argv[1])
