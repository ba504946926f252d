"""Red wine as `ardsl new` models it, against Gaussians of scikit-learn: test NLL in the data's units.

Every column is real: uniform noise of its resolution is added, by seed, to every split. A fifth of the rows is the test
set; the spec is what `ardsl new` writes, untouched.

    python benchmarks/red_wine.py red_wine.csv --seeds 3      needs the extras `bench` and `tables`
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from pathlib import Path

import numpy as np
from sklearn.mixture import GaussianMixture

import ardsl
from ardsl.sketch.draft import sketch


def resolution(column: list[str]) -> float:
    """One unit of the last decimal that the column's cells have."""
    return 10.0 ** -max(len(cell.partition(".")[2]) for cell in column)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    with options.table.open() as file:
        header, *rows = list(csv.reader(file))
    values = np.array(rows, dtype=np.float64)
    steps = [resolution([row[column] for row in rows]) for column in range(len(header))]
    print("seed     ours  full Gaussian  10 Gaussians   (nats per row, test)")
    for seed in range(options.seeds):
        generator = np.random.default_rng(seed)
        noisy = values + generator.uniform(0, 1, values.shape) * steps
        order = generator.permutation(len(noisy))
        test, train = noisy[order[: len(noisy) // 5]], noisy[order[len(noisy) // 5 :]]
        with tempfile.TemporaryDirectory() as folder:
            for name, part in (("train", train), ("test", test)):
                with Path(folder, f"{name}.csv").open("w", newline="") as file:
                    csv.writer(file).writerows([header, *part.tolist()])
            spec_path = Path(folder, "wine.ar")
            spec_path.write_text(sketch(Path(folder, "train.csv"), spec_path)[0])
            run = ardsl.fit(ardsl.load(spec_path), progress=False, seed=seed)
            ours = ardsl.evaluate(run.model, Path(folder, "test.csv")).nll
        one, ten = (GaussianMixture(k, random_state=seed).fit(train).score(test) for k in (1, 10))
        print(f"{seed:4}  {ours:7.3f}  {-one:13.3f}  {-ten:12.3f}", flush=True)


if __name__ == "__main__":
    main()
