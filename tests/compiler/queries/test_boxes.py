"""Draws in events of several boxes, of columns of any kind: they lie in the event, and each box has its share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.compiler.queries.where import Cells, read_event
from ardsl.testing import with_random_weights

ORDERS = {
    "one": "",
    "mixed": "order row by any(orders = 2)\n",
    "all": 'order row by any(orders = 2, train = "all")\n',
}
FIELDS = {
    "binary": ["{} = 1", "{} = 0"],
    "category(3)": ["{} in {{0, 2}}", "{} = 1"],
    "integer(0, 4) ~ categorical": ["{} >= 3", "{} = 2", "{} != 1"],
    "integer(0, 900) ~ discretized(logistic)": ["{} < 400", "{} in {{3, 500}}", "300 < {} <= 700"],
    "real ~ normal": ["{} > 0.25", "-1.5 < {} < 0.1", "{} < 0.3"],
    "positive ~ log_normal": ["{} > 1.7", "0.2 <= {} <= 0.9"],
    "unit_interval ~ beta": ["{} < 0.3", "{} >= 0.45"],
    "count ~ poisson": ["{} > 1", "{} in {{0, 3}}"],
}
SAMPLES = 300


@st.composite
def events(draw: st.DrawFn) -> tuple[str, str, str]:
    """A record's spec, and two events of its fields."""
    fields = draw(st.lists(st.sampled_from(sorted(FIELDS)), min_size=2, max_size=4))
    comparisons = [draw(st.sampled_from(FIELDS[field])).format(f"f{n}") for n, field in enumerate(fields)]
    lines = "\n".join(f"  f{number} : {field}" for number, field in enumerate(fields))
    order = ORDERS[draw(st.sampled_from(sorted(ORDERS)))]
    text = f"record row {{\n{lines}\n}}\n{order}p(row[i] | row[<i]) = default via made(hidden = 6)\n"
    first, second = draw(st.permutations(comparisons))[:2]
    form = draw(st.sampled_from(["{} or {}", "not ({} and {})", "{} and not {}", "not {} or {}"]))
    return text, form.format(first, second), first


def check(text: str, where: str, part: str) -> None:
    model = with_random_weights(ardsl.loads(text))
    draws = model.draws(SAMPLES, where=where, seed=0)
    (variable,) = model.spec.model.observed
    values = {variable.name: draws.values.double().numpy()}
    domains = Cells(model.spec.model).domain
    assert bool(read_event(where, model.spec.model).contains(values, domains).all())
    assert draws.values.dtype == model.sample(1, seed=0).dtype
    share = read_event(part, model.spec.model).contains(values, domains).mean()
    expected = model.probability(f"{part} | {where}", seed=1)
    worth = SAMPLES if draws.exact else min(SAMPLES, draws.effective_samples or 0)
    error = math.hypot(0.5 / math.sqrt(worth), float(expected.standard_error or 0))
    assert abs(share - float(expected.value)) < 5.5 * error


@pytest.mark.thorough
@given(events())
@settings(max_examples=10, deadline=None)
def test_draws(event: tuple[str, str, str]) -> None:
    check(*event)


@pytest.mark.parametrize("order", ORDERS)
def test_boxes_that_fix_all_cells_or_some(order: str) -> None:
    text = (
        f"record row {{\n  a : binary\n  b : category(3)\n  c : binary\n}}\n{ORDERS[order]}"
        "p(row[i] | row[<i]) = default via made(hidden = 6)\n"
    )
    check(text, "not (a = 1 and b = 2)", "a = 0")
    check(text, "a = 1 and b = 2 and c = 0 or c = 1", "c = 1")


@pytest.mark.parametrize("order", ORDERS)
def test_single_values_of_continuous_columns(order: str) -> None:
    """Beside a set that has a probability they have none; by themselves they have their densities."""
    text = (
        f"record row {{\n  a : real\n  b : binary\n}}\n{ORDERS[order]}"
        "p(row[i] | row[<i]) = default via made(hidden = 6)\n"
    )
    model = with_random_weights(ardsl.loads(text))
    drawn = model.draws(400, where="a = 0.5 or b = 1", seed=0).values
    assert bool((drawn[:, 1] == 1).all()) and bool((drawn[:, 0] != 0.5).all())
    alone = model.draws(400, where="a = 0.5 or a = 0.25", seed=0).values
    np.testing.assert_array_equal(np.unique(alone[:, 0].numpy()), [0.25, 0.5])
    share = float((alone[:, 0] == 0.5).double().mean())
    assert share == pytest.approx(model.probability("a = 0.5 | a = 0.5 or a = 0.25").value, abs=0.14)
    with pytest.raises(ardsl.ArdslError, match="fixes different continuous columns: it has no probability"):
        ardsl.compile(ardsl.loads(text.replace("b : binary", "b : real"))).draws(5, where="a = 0.5 or b = 0.25")
