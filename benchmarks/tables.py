"""Rows of a table per second: a column given the rest, each cell given the rest, gaps filled.

python benchmarks/tables.py adult_train.csv --column age      (needs the extra `tables`)

The models are those that `ardsl new` writes: of a table with gaps a `nade` under all orders, of one without a `made`
under one order, which draws the column last or in its place. Their weights are random, which takes as long as trained
ones. Gaps are 15 % of the cells, at random.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ardsl
from ardsl.data.splits import load_split, take
from ardsl.queries.conditionals import cells, predict, score_cells
from ardsl.queries.impute import impute
from ardsl.sketch.draft import sketch


def models(table: str, column: str) -> dict[str, ardsl.AutoregressiveModel]:
    """The models by their order."""
    with tempfile.TemporaryDirectory() as folder:
        text, _, _ = sketch(table, Path(folder) / "table.ar")
    start = text.index("order row by")
    stop = text.index("\n\n", start)
    names = [field.name for field in ardsl.loads(text).variables["row"].fields]
    last = [*(name for name in names if name != column), column]
    orders = {"all orders": 'any(orders = 8, train = "all")', "in its place": names, "last": last}
    text = text.replace("missing = marginalize", "missing = drop")
    compiled = {}
    for name, order in orders.items():
        written = order if isinstance(order, str) else f"[{', '.join(order)}]"
        spec_text = f"{text[:start]}order row by {written}{text[stop:]}"
        spec = ardsl.loads(spec_text if name == "all orders" else spec_text.replace("via nade(", "via made("))
        compiled[name] = ardsl.compile(spec, init="random", seed=0).eval()
        compiled[name].measure(load_split(spec, table, "train"))
    return compiled


def rows_per_second(ask: Callable[[], Any], rows: int, repeats: int) -> str:
    """The best of several runs, by wall clock and by the time of all threads."""
    ask()
    walls, busy = [], []
    for _ in range(repeats):
        wall, processor = time.perf_counter(), time.process_time()
        ask()
        walls.append(time.perf_counter() - wall)
        busy.append(time.process_time() - processor)
    return f"{rows / min(walls):8,.0f} rows/s   {rows / min(busy):8,.0f} rows in a second of CPU"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("--column", required=True)
    parser.add_argument("--rows", type=int, default=4_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{options.rows:,} rows, threads: {options.threads}")
    for order, model in models(options.table, options.column).items():
        examples = take(load_split(model.spec, options.table, "train"), slice(0, options.rows))
        whole = {name: value.numpy() for name, value in examples.items()}
        asked: dict[str, Callable[[], Any]] = {
            f"predict {options.column}": lambda model=model, whole=whole: predict(model, options.column, whole)
        }
        if order == "all orders":
            hole = np.random.default_rng(0).random(whole["row"].shape) < 0.15
            gaps = {"row": np.where(hole, np.nan, whole["row"])}
            asked["score --by-column"] = lambda model=model, whole=whole: score_cells(model, whole)
            asked["impute"] = lambda model=model, gaps=gaps: impute(model, gaps, seed=0)
            asked["predict beside gaps"] = lambda model=model, gaps=gaps: predict(model, options.column, gaps)
        for name, ask in asked.items():
            figures = rows_per_second(ask, options.rows, options.repeats)
            print(f"{order:<13} {name:<20} {len(cells(model))} columns  {figures}", flush=True)


if __name__ == "__main__":
    main()
