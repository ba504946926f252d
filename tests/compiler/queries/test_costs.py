"""What exact answers cost: known before anything is computed, and within bounds; what costs more is estimated."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import ardsl
from ardsl.compiler.queries import elimination
from ardsl.compiler.queries.elimination import Elimination, TooCostly
from ardsl.compiler.queries.exact import Questions
from ardsl.families.distributions import Conditional
from ardsl.testing import with_random_weights

WIDE = """
record row {
  first  : integer(150, 250) ~ mixture(discretized(logistic), components = 5)
  second : integer(1800, 7200) ~ mixture(discretized(logistic), components = 5)
  size   : real ~ mixture(normal, components = 5)
  kind   : category("a", "b", "c")
  sex    : binary
}
order row by [first, second, size, kind, sex]
p(row[i] | row[<i]) = default via made(hidden = [32, 32])
"""
DOMAINS = {
    "binary": 2,
    "integer(0, 40) ~ discretized(logistic)": 41,
    "integer(0, 700) ~ mixture(discretized(logistic), components = 3)": 701,
    "integer(0, 5000) ~ mixture(discretized(logistic), components = 2)": 5001,
    "category(30)": 30,
    "count ~ poisson": None,
    "real ~ normal": None,
}


@st.composite
def records(draw: st.DrawFn) -> tuple[str, list[int | None]]:
    """A record of wide and narrow fields, and how many values each has."""
    fields = draw(st.lists(st.sampled_from(sorted(DOMAINS)), min_size=2, max_size=5))
    lines = [f"  f{number} : {field}" for number, field in enumerate(fields)]
    text = "record row {\n" + "\n".join(lines) + "\n}\np(row[i] | row[<i]) = default via made(hidden = 6)\n"
    return text, [DOMAINS[field] for field in fields]


@contextmanager
def counted() -> Iterator[dict[str, int]]:
    """Counts, while it is held, the evaluations of networks, and the numbers of the largest table of a family."""
    counts = {"evaluations": 0, "numbers": 0}
    with pytest.MonkeyPatch.context() as patch:
        right, table = Elimination._log_probs, Conditional.log_table

        def log_probs(self, grid, values, examples):  # type: ignore[no-untyped-def]
            counts["evaluations"] += len(examples) * self._size(grid.cells)
            return right(self, grid, values, examples)

        def log_table(self: Conditional, raw: Tensor) -> Tensor:
            every = table(self, raw)
            width = max(1, self.family.width)
            counts["numbers"] = max(counts["numbers"], every.numel() * (1 if width >= every.shape[-1] else width))
            return every

        patch.setattr(Elimination, "_log_probs", log_probs)
        patch.setattr(Conditional, "log_table", log_table)
        yield counts


@given(records(), st.data())
@settings(max_examples=40, deadline=None)
def test_bounds(record: tuple[str, list[int | None]], data: st.DataObject) -> None:
    """Whatever is unknown, an answer is exact within the bounds, whose evaluations and tables are the predicted ones,
    or it is refused before anything is evaluated."""
    text, levels = record
    model = with_random_weights(ardsl.loads(text))
    flags = st.lists(st.booleans(), min_size=len(levels), max_size=len(levels))
    known = np.array([flag or count is None for flag, count in zip(data.draw(flags), levels, strict=True)])
    values = {"row": torch.ones(3, len(levels), dtype=torch.float64)}
    with counted() as counts:
        try:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(elimination, "MOST_WORK", 1 << 28)
                questions = Questions(model.factors, {"row": known}, {}, {})
                (planned,) = questions.eliminations(values)
        except TooCostly:
            assert counts["evaluations"] == 0
            return
        work = planned.work(values)
        assert work <= 1 << 28
        answer = planned.log_joint(values)
    flops = model.spec.plan.groups[0].flops
    assert counts["evaluations"] * flops <= work
    assert counts["numbers"] <= max(elimination._IN_WORK, planned._held)
    assert planned._held <= elimination.MOST_ENTRIES
    assert answer.shape == (3,) and bool((answer < 1e-3).all() or not known.any())


@pytest.mark.parametrize("text", ["size > 0.5", "size > 0.5 | sex = 1", "kind = a", "kind = a or size < 0"])
def test_wide_columns(text: str) -> None:
    """Two columns of 101 and 5,401 values before those that are asked about: an estimate, from few evaluations."""
    model = with_random_weights(ardsl.loads(WIDE))
    with counted() as counts:
        answer = model.probability(text, samples=400, seed=0)
        draws = model.draws(5, where=text.partition("|")[0], seed=0)
    assert not answer.exact and 0 < float(answer.value) < 1
    assert not draws.exact and draws.samples == 1_000
    assert counts["evaluations"] == 0


def test_the_wide_column_itself() -> None:
    """What comes before the asked cells alone is summed over: 101 evaluations, and a table of each."""
    model = with_random_weights(ardsl.loads(WIDE))
    with counted() as counts:
        answer = model.probability("second > 4000")
    assert answer.exact
    assert counts["evaluations"] == 101
    assert counts["numbers"] <= elimination._IN_WORK


def test_a_gap_in_a_wide_column() -> None:
    """5,401 evaluations for each row, and one of the network's tables of as many values."""
    model = with_random_weights(ardsl.loads(WIDE))
    rows = {"first": [200.0, 180.0], "size": [0.2, -0.3], "kind": ["a", "c"]}
    with counted() as counts:
        distribution = model.conditional("sex", given=rows)
    assert distribution.effective_samples is None
    assert counts["evaluations"] == 2 * 5401
    assert counts["numbers"] <= elimination._IN_WORK
    joint = torch.zeros(2, 2, dtype=torch.float64)
    for row in range(2):
        for sex in range(2):
            data = torch.zeros(5401, 5, dtype=torch.float64)
            data[:, 0], data[:, 1] = rows["first"][row], torch.arange(1800, 7201)
            data[:, 2], data[:, 3], data[:, 4] = rows["size"][row], "abc".index(rows["kind"][row]), sex
            joint[row, sex] = model.log_prob(data).double().logsumexp(0)
    torch.testing.assert_close(distribution.probs, joint.softmax(1), rtol=1e-9, atol=1e-9)


def test_no_more_than_an_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that takes no more than its estimate is exact, whatever the bound; of many rows the bound is shared."""
    model = with_random_weights(ardsl.loads(WIDE))
    rows = torch.tensor([[200.0, 3000.0, 0.1, math.nan, 1.0]] * 3, dtype=torch.float64)
    rows[:, 2] = torch.tensor([0.1, 0.2, 0.3])
    monkeypatch.setattr(elimination, "MOST_WORK", 0)
    assert model.marginal(rows).exact
    assert not model.marginal(rows, samples=1, seed=0).exact


def test_draws_of_wide_columns() -> None:
    """Draws that a distribution is the same for share its table, and follow it."""
    model = with_random_weights(ardsl.loads(WIDE))
    questions = Questions(model.factors, {"row": np.array([True, False, True, True, True])}, {}, {})
    values = {"row": torch.tensor([[200.0, 3000.0, 0.1, 1.0, 1.0], [160.0, 3000.0, 0.5, 2.0, 0.0]]).double()}
    (planned,) = questions.eliminations(values, draws=4_000)
    rows = torch.arange(2).repeat_interleave(2_000)
    drawn = planned.draw(values, rows, torch.Generator().manual_seed(0))["row", 1]
    for row in range(2):
        table = Questions(model.factors, {"row": np.array([True, False, True, True, True])}, {}, {})
        own = {"row": values["row"][row : row + 1]}
        probs = table.log_joint(own, None, [("row", 1)]).softmax(1)[0]
        codes = (drawn[rows == row] - 1800).long().bincount(minlength=5401).double() / 2_000
        distance = (codes.cumsum(0) - probs.cumsum(0)).abs().max()
        assert float(distance) < 2.2 / math.sqrt(2_000)  # Kolmogorov's, of probability 1e-4


@pytest.mark.slow
def test_memory() -> None:
    """The plainest question takes little more memory than the program."""
    code = (
        "import resource, ardsl; from ardsl.testing import with_random_weights\n"
        f"model = with_random_weights(ardsl.loads({WIDE!r}))\n"
        "model.sample(10, seed=0); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for text in ('size > 0.5', 'kind = a', 'second > 4000', 'first > 200 and second < 3000'):\n"
        "    model.probability(text, seed=0)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(shown) * unit < 1 << 29
