"""Run with a copy of the package first on the path: prints what plan, probe, normalization and evaluators object to."""

from __future__ import annotations

import sys
import traceback

from small_specs import SPECS
from soundness import PROBLEMS

import ardsl

CHOSEN = [
    "order: shuffle",
    "order: any of 3",
    "made, category",
    "linear, integer",
    "table, category",
    "made, residual, binary",
    "made without direct path, category",
    "independent elements",
    "record",
    "record, any of 3",
    "record, a factor a field",
    "shared net",
    "shared net, arrays",
    "window",
    "last",
    "Markov chain",
    "second-order chain, tied",
    "Bayesian network",
    "given",
    "aligned",
]

for name in CHOSEN:
    if name not in SPECS:
        continue
    for what, problems in PROBLEMS.items():
        try:
            found = list(problems(ardsl.loads(SPECS[name])))
        except ardsl.SpecError as error:
            found = [f"plan: {error}"]
        except Exception:  # a fault that makes the code fall over is found, too
            found = [f"{what}: {traceback.format_exc(limit=-1).splitlines()[-1]}"]
        for problem in found:
            print(f"{name}: {problem}")
        if found and "--first" in sys.argv:
            sys.exit(0)
