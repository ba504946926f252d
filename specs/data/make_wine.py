"""Writes ``wine.csv`` from scikit-learn's copy of the wine recognition data: ``python specs/data/make_wine.py``."""

import csv
from pathlib import Path

from sklearn.datasets import load_wine

wine = load_wine()
names = [name.replace("/", "_") for name in wine.feature_names]
cultivars = [str(wine.target_names[code]).removeprefix("class_") for code in wine.target]
with Path(__file__).with_name("wine.csv").open("w", newline="") as file:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["cultivar", *names])
    writer.writerows(["ABC"[int(c)], *row] for c, row in zip(cultivars, wine.data.tolist(), strict=True))
