"""Random sparse and dense graphs over mixed variables: realized is declared, by the plan and by the built module."""

from __future__ import annotations

import numpy as np
import pytest

import ardsl
from ardsl.testing import evaluator_problems

DOMAINS = {
    "binary": "bernoulli",
    "category(3)": "categorical",
    "integer(0, 4)": "categorical",
    "real": "mixture(normal, components = 2)",
    "count": "poisson",
    "positive": "log_normal",
    "angle": "von_mises",
}


def random_spec(seed: int) -> str:
    """Up to 40 variables of mixed domains in a random acyclic graph, one shared net of random depth, widths 1–200."""
    random = np.random.default_rng(seed)
    count = int(random.integers(2, 41))
    density = random.choice([0.05, 0.2, 0.5, 0.9, 1.0])
    names = [f"v{i}" for i in random.permutation(count)]
    domains = [str(random.choice(list(DOMAINS))) for _ in names]
    hidden = [int(w) for w in np.exp(random.uniform(0, np.log(200), random.integers(1, 4)))]
    lines = [f"observed {name} : {domain}" for name, domain in zip(names, domains, strict=True)]
    lines += [f"net body = made(hidden = {hidden})"]
    for i, (name, domain) in enumerate(zip(names, domains, strict=True)):
        parents = [names[j] for j in range(i) if random.random() < density]
        context = f" | {', '.join(parents)}" if parents else ""
        lines.append(f"p({name}{context}) = {DOMAINS[domain]}" + (" via body" if parents else ""))
    if not any("via body" in line for line in lines):
        lines = [line for line in lines if not line.startswith("net")]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("seed", range(200))
def test_realized_is_declared(seed: int) -> None:
    spec = ardsl.loads(random_spec(seed))
    for report in (spec.report, ardsl.verify_numeric(spec)):
        assert report.sound
        assert report.complete
    graph = {(source, target) for source, target in spec.graph.edges}
    assert spec.report.realized == len(graph)


@pytest.mark.parametrize("seed", range(0, 200, 8))
def test_evaluators_agree(seed: int) -> None:
    assert list(evaluator_problems(ardsl.loads(random_spec(seed)), count=16)) == []
