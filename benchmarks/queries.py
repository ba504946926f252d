"""Probabilities of rare events in UCI adult by 20,000 particles, with their errors and times, against plain samples.

The model is what `ardsl new` writes, under one order, so that what is asked for is drawn late too: where a model has an
order of every kind, the cells that are asked for come first, and the errors are smaller.

    python benchmarks/queries.py adult.csv --plain 10000000
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import ardsl
from ardsl.compiler.arrays.values import Values, blank
from ardsl.compiler.queries.events import Event
from ardsl.compiler.queries.particles import Question, Sampler, joined
from ardsl.compiler.queries.where import read_event
from ardsl.sketch.draft import sketch

EVENTS = (
    'age >= 75 and education = "Doctorate" and sex = "Female"',
    'age < 25 and income = ">50K" and education = "Bachelors"',
    'workclass = "Federal-gov" and race = "Other" and income = ">50K"',
    'education = "Masters" and capital_loss > 2000 and hours_per_week < 20',
    'age >= 80 and hours_per_week >= 60 and sex = "Female"',
    "fnlwgt > 600000 and age >= 70 and hours_per_week > 40",
    'native_country in {"Japan", "India"} and relationship = "Wife" and age > 60 and occupation = "Sales"',
    'native_country = "England" and race = "Black" and education = "Doctorate" and age > 60',
    'workclass = "Without-pay" and capital_gain > 5000 and hours_per_week > 60',
    'marital_status = "Divorced" and age < 22 and income = ">50K" and capital_loss > 1000',
)
_AT_ONCE = 20_000


def trained(table: Path, epochs: int) -> ardsl.AutoregressiveModel:
    """The model of a table as `ardsl new` writes it, but for its order; rows that lack a cell are left out."""
    text, _, _ = sketch(table, table.with_suffix(".ar"))
    text = re.sub(r"^order row by .*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"missing = marginalize", "missing = drop", text)
    return ardsl.fit(ardsl.loads(text), data_dir=table.parent, epochs=epochs, progress=False).model


def by_particles(model: ardsl.AutoregressiveModel, event: Event, samples: int, seed: int) -> tuple[float, float, float]:
    """The probability of an event, its relative standard error, and the effective samples."""
    sampler, parts = Sampler([[(model, [0] * len(model.groups))]], [model._lender]), []
    for box in event.boxes:
        values: Values = {v.name: blank(v, 1, model.like).double() for v in model.spec.model.observed}
        known = {name: np.zeros(value.shape[1], dtype=bool) for name, value in values.items()}
        for (name, element), number in box.known.items():
            known[name][element], values[name][0, element] = True, number
        parts.append(sampler.particles(values, [Question(known, box.allowed)], samples // len(event.boxes), seed))
    estimate = joined(parts).estimate()
    return estimate.mean.item(), estimate.relative_error.item(), estimate.effective_samples.item()


def hits(model: ardsl.AutoregressiveModel, event: Event, rows: Tensor) -> int:
    """The number of samples, [n, elements], that are in an event."""
    (variable,) = model.spec.model.observed
    total = np.zeros(len(rows), dtype=bool)
    numbers = rows.double().numpy()
    for box in event.boxes:
        own = np.ones(len(rows), dtype=bool)
        for (_, element), number in box.known.items():
            own &= numbers[:, element] == number
        for (_, element), allowed in box.allowed.items():
            own &= allowed.contains(numbers[:, element], variable.element_domain(element))
        total |= own
    return int(total.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path)
    parser.add_argument("--run", type=Path, help="a run folder of such a model, instead of a training")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--plain", type=int, default=0, help="plain samples to compare with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = ardsl.restore(options.run) if options.run else trained(options.table, options.epochs)
    model.eval()
    events = [read_event(text, model.spec.model) for text in EVENTS]
    counts = np.zeros(len(events), dtype=np.int64)
    for seed in range(options.plain // _AT_ONCE):
        rows = model.sample(_AT_ONCE, seed=seed)
        counts += [hits(model, event, rows) for event in events]
    plain = options.plain // _AT_ONCE * _AT_ONCE
    print("| event | by particles | error | effective | seconds of CPU | by plain samples |")
    print("| --- | --- | --- | --- | --- | --- |")
    for text, event, count in zip(EVENTS, events, counts.tolist(), strict=True):
        by_particles(model, event, options.samples, seed=1)  # steppers are made at the first question
        start = time.process_time()
        p, error, effective = by_particles(model, event, options.samples, seed=0)
        seconds = time.process_time() - start
        compared = f"{count / plain:.3g} ± {100 / max(count, 1) ** 0.5:.1f} %" if plain else "–"
        print(
            f"| `{text}` | {p:.3g} | {100 * error:.1f} % | {effective:,.0f} | {seconds:.2f} | {compared} |", flush=True
        )


if __name__ == "__main__":
    main()
