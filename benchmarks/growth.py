"""Growth: what many variables, many factors, and long windows cost, in CPU time and peak memory.

Each row is the median of five processes, on one thread, after their imports. ``memory`` is the process's peak beyond
what its imports took. What the imports left is frozen: else one look of the garbage collector through torch's objects,
a tenth of a second, falls on whatever phase happens to allocate the last object before it.

python benchmarks/growth.py [WORD …]  # the rows whose names contain a word
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

NEEDS_TORCH = ("compile", "sample", "log_prob")
RUNS = 5


def chain(factors: int) -> str:
    """Scalar variables, each given the one before."""
    lines = [f"observed x{i} : binary" for i in range(factors)]
    lines += ["p(x0) = bernoulli", *(f"p(x{i} | x{i - 1}) = bernoulli" for i in range(1, factors))]
    return "\n".join(lines) + "\n"


def everything_before(factors: int) -> str:
    """Scalar variables, each given all those before."""
    lines = [f"observed x{i} : binary" for i in range(factors)]
    for i in range(factors):
        read = ", ".join(f"x{j}" for j in range(i))
        lines.append(f"p(x{i}{' | ' + read if read else ''}) = bernoulli")
    return "\n".join(lines) + "\n"


def ring(variables: int) -> str:
    """Scalar variables, each given the one before, and the first given the last."""
    lines = [f"observed x{i} : binary" for i in range(variables)]
    lines += [f"p(x{i} | x{(i - 1) % variables}) = bernoulli" for i in range(variables)]
    return "\n".join(lines) + "\n"


def window(elements: int, width: int, domain: str, network: str) -> str:
    return f"observed x[{elements}] : {domain}\np(x[i] | x[<i] within {width}) = default via {network}\n"


SPECS: dict[str, tuple[str, tuple[str, ...]]] = {
    **{f"chain of {n:,} factors": (chain(n), ("load", "compile", "sample")) for n in (250, 500, 1000)},
    **{f"{n} factors that read all before": (everything_before(n), ("load", "sample")) for n in (50, 100, 200)},
    "made, window of 3, 10,000": (window(10_000, 3, "binary", "made"), ("load",)),
    "linear, window of 3, 10,000": (window(10_000, 3, "binary", "linear"), ("load", "log_prob")),
    "linear, window of 50, 15,000": (window(15_000, 50, "real", "linear"), ("load", "log_prob")),
    "tied linear, window of 50, 15,000": (window(15_000, 50, "real", "linear(tied = true)"), ("load", "log_prob")),
    "tied table, window of 10, 15,000": (window(15_000, 10, "binary", "table(tied = true)"), ("load", "log_prob")),
    "ring of 3,000 variables": (ring(3000), ("diagnose",)),
}


def timed(work: Callable[[], object]) -> tuple[float, object]:
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def peak() -> float:
    """Of this process's resident memory, in MB; not its parent's, as ``ru_maxrss`` of a fork may be."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def measure(name: str) -> dict[str, float]:
    """The seconds of each phase of one spec, each in turn, and the ``memory`` of all of them in MB."""
    import ardsl
    from ardsl.diagnostics import Source
    from ardsl.spec import diagnose

    text, phases = SPECS[name]
    if set(phases) & set(NEEDS_TORCH):
        import torch

        import ardsl.compiler.compile

        torch.set_num_threads(1)
        torch.zeros(1).add_(1)
    gc.collect()
    gc.freeze()
    before = peak()
    measured: dict[str, float] = {}
    if "diagnose" in phases:
        measured["diagnose"], _ = timed(lambda: diagnose(Source(text)))
    else:
        measured["load"], spec = timed(lambda: ardsl.loads(text))
    if len(phases) > 1:
        measured["compile"], model = timed(lambda: ardsl.compile(spec))  # type: ignore[arg-type]
        if "sample" in phases:
            measured["first sample"], x = timed(lambda: model.sample(2, seed=0))  # type: ignore[attr-defined]
            measured["second sample"], x = timed(lambda: model.sample(2, seed=1))  # type: ignore[attr-defined]
        else:
            variable = next(iter(spec.variables.values()))  # type: ignore[attr-defined]
            x = torch.zeros(2, variable.size)
        with torch.no_grad():
            measured["log_prob"], _ = timed(lambda: model.log_prob(x))  # type: ignore[attr-defined]
    return measured | {"memory": peak() - before}


def row(name: str, environment: dict[str, str]) -> str:
    """A row of the table: the medians of ``RUNS`` processes that measure it."""
    command = [sys.executable, __file__, "--row", name]
    runs = [
        json.loads(subprocess.run(command, check=True, env=environment, text=True, stdout=subprocess.PIPE).stdout)
        for _ in range(RUNS)
    ]
    medians = {what: statistics.median(run[what] for run in runs) for what in runs[0]}
    memory = medians.pop("memory")
    phases = ", ".join(f"{phase} {seconds:.2f} s" for phase, seconds in medians.items())
    return f"| {name} | {phases} | {memory:.0f} |"


def commands(environment: dict[str, str]) -> None:
    """The commands that need no weights, each as a whole process, of a program that Python has compiled."""
    environment = environment | {"PYTHONDONTWRITEBYTECODE": ""}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "window.ar"
        path.write_text(window(64, 3, "binary", "made"))
        for words in ("check", "fmt --check", "graph", "plan", "verify"):
            command = [sys.executable, "-m", "ardsl", *words.split(), str(path)]
            runs = []
            for _ in range(7):
                before = os.times()
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
                after = os.times()
                runs.append(after.children_user + after.children_system - before.children_user - before.children_system)
            print(f"| ardsl {words.split()[0]} | {sorted(runs)[3]:.2f} s | |", flush=True)


def main() -> None:
    if sys.argv[1:2] == ["--row"]:
        print(json.dumps(measure(sys.argv[2])))
        return
    print("| what | CPU time | memory, MB |")
    print("| --- | --- | --- |")
    words = sys.argv[1:]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for name in SPECS:
        if not words or any(word in name for word in words):
            print(row(name, dict(environment)), flush=True)
    if not words or "commands" in words:
        commands(environment)


if __name__ == "__main__":
    main()
