"""Ten million rows of twenty columns: peak memory and rows per second, from reading to the end of an epoch.

python benchmarks/large_table.py --rows 10000000 --format parquet      (or csv; needs the extra `tables`)
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

COLUMNS = 20
_CHUNK = 200_000
LABELS = np.array(["north", "east", "south", "west"])


def write(path: Path, rows: int) -> None:
    """Reals, skewed amounts, integers, flags and labels, in chunks."""
    import pyarrow
    from pyarrow import csv, parquet

    writer = None
    for start in range(0, rows, _CHUNK):
        generator = np.random.default_rng(start)
        n = min(_CHUNK, rows - start)
        base = generator.normal(size=n)
        columns = {f"real{k}": (base + k * generator.normal(size=n)).astype(np.float32) for k in range(8)}
        columns |= {f"amount{k}": np.exp(base + generator.normal(size=n)).astype(np.float32) for k in range(4)}
        columns |= {f"level{k}": generator.integers(0, 10 + k, n).astype(np.int32) for k in range(4)}
        columns |= {f"flag{k}": (base > k).astype(np.int8) for k in range(2)}
        columns |= {f"label{k}": LABELS[generator.integers(0, 4, n)] for k in range(2)}
        table = pyarrow.table(columns)
        if writer is None:
            make = parquet.ParquetWriter if path.suffix == ".parquet" else csv.CSVWriter
            writer = make(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()


def spec_text(path: Path) -> str:
    labels = ", ".join(f'"{label}"' for label in LABELS)
    fields = [f"real{k} : real" for k in range(8)] + [f"amount{k} : positive" for k in range(4)]
    fields += [f"level{k} : integer(0, {9 + k})" for k in range(4)] + [f"flag{k} : binary" for k in range(2)]
    fields += [f"label{k} : category({labels})" for k in range(2)]
    body = "\n".join(f"  {field}" for field in fields)
    return (
        f"record row {{\n{body}\n}}\np(row[i] | row[<i]) = default via made(hidden = [64])\n"
        f'data {{ train = "{path}"  valid = 0.01 }}\n'
    )


def train(path: Path) -> None:
    import ardsl
    from ardsl.data.splits import load_data

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20

    spec = ardsl.loads(spec_text(path) + "train { batch = 5000  epochs = 1 }")
    imported = peak()
    started = time.perf_counter()
    rows = len(load_data(spec).train["row"])
    read = time.perf_counter() - started
    print(f"{rows:,} rows read in {read:.0f} s: {rows / read:,.0f} rows/s; peak {peak():.2f} GB, {imported:.2f} before")
    started = time.perf_counter()
    run = ardsl.fit(spec, progress=False)
    seconds = time.perf_counter() - started
    print(f"read again and one epoch trained in {seconds:.0f} s: {rows / seconds:,.0f} rows/s; peak {peak():.2f} GB")
    print(f"train {run.metrics[0]['train']:.3f}, valid {run.metrics[0]['valid']:.3f} nats")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train is not None:
        train(options.train)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"t.{options.format}")
        write(path, options.rows)
        print(f"{path.name}: {options.rows:,} rows × {COLUMNS} columns, {path.stat().st_size / 2**30:.2f} GB on disk")
        # A process of its own, whose peak memory is that of reading and training alone.
        subprocess.run([sys.executable, __file__, "--train", str(path)], check=True)


if __name__ == "__main__":
    main()
