"""Writes `asia_train.csv` and `asia_test.csv`: samples of the network of S. L. Lauritzen and D. J. Spiegelhalter, Local
computations with probabilities on graphical structures and their application to expert systems, Journal of the Royal
Statistical Society B 50(2), 1988. Its tables are those of the paper.

    python specs/data/make_asia.py FOLDER
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

COLUMNS = ("asia", "smoking", "tuberculosis", "cancer", "bronchitis", "either", "xray", "dyspnoea")
ROWS = {"train": 20_000, "test": 10_000}


def probability(column: str, row: dict[str, int]) -> float:
    """The probability that a column is 1, given those before it."""
    if column == "asia":
        return 0.01
    if column == "smoking":
        return 0.5
    if column == "tuberculosis":
        return 0.05 if row["asia"] else 0.01
    if column == "cancer":
        return 0.1 if row["smoking"] else 0.01
    if column == "bronchitis":
        return 0.6 if row["smoking"] else 0.3
    if column == "either":
        return float(row["tuberculosis"] or row["cancer"])
    if column == "xray":
        return 0.98 if row["either"] else 0.05
    return {(1, 1): 0.9, (1, 0): 0.7, (0, 1): 0.8, (0, 0): 0.1}[row["either"], row["bronchitis"]]


def sample(count: int, generator: np.random.Generator) -> list[dict[str, int]]:
    rows = []
    for _ in range(count):
        row: dict[str, int] = {}
        for column in COLUMNS:
            row[column] = int(generator.random() < probability(column, row))
        rows.append(row)
    return rows


def main(folder: str) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for split, count in ROWS.items():
        with Path(folder, f"asia_{split}.csv").open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows([row[column] for column in COLUMNS] for row in sample(count, generator))


if __name__ == "__main__":
    main(sys.argv[1])
