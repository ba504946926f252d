"""Run with a copy of the package first on the path: prints what plan, probe, normalization and evaluators object to."""

from __future__ import annotations

import sys
import traceback

import ardsl
from tests.faults.lattice import CHECKED
from tests.support.small_specs import SPECS
from tests.support.soundness import PROBLEMS

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

LATTICE = "--lattice" in sys.argv
TEXTS = CHECKED if LATTICE else {name: SPECS[name] for name in CHOSEN}
for name, text in TEXTS.items():
    for what, problems in PROBLEMS.items():
        if LATTICE and what == "plan":  # blind spots are faults only where the spec says so
            continue
        try:
            found = list(problems(ardsl.loads(text)))
        except ardsl.SpecError as error:
            found = [f"plan: {error}"]
        except Exception:  # a fault that makes the code fall over is found, too
            found = [f"{what}: {traceback.format_exc(limit=-1).splitlines()[-1]}"]
        for problem in found:
            print(f"{name}: {problem}")
        if found and "--first" in sys.argv:
            sys.exit(0)
