"""Transforms of a model's own samples are independent and uniform; those of other data are told apart."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import binom, kstest, kstwo
from torch import Tensor

import ardsl
from ardsl.compiler.likelihood.missing import placed_last
from ardsl.compiler.model import AutoregressiveModel
from ardsl.outputs.histograms import band, save_histograms
from ardsl.queries.calibrate import Calibration, Element, uniform_distance, uniform_p_value
from ardsl.queries.transforms import Randomness

N = 2000
RECORD = """
record person {
  height : real
  income : positive
  city   : category("Bern", "Chur", "Genf")
  visits : count
  member : binary
  rooms  : integer(2, 9)
  share  : unit_interval
  year   : integer(0, 3000) ~ discretized(logistic)
}
order person by ORDER
p(person[i] | person[<i]) = default via made(hidden = [16, 16])
"""
ANY = 'any(orders = 3, seed = 2, train = "all")'
FINITE = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 5)
  d : binary
}
order row by ORDER
p(row[i] | row[<i]) = default via made(hidden = [16])
"""
SLOW = {"angles": 300, "given": 600, "a record": 800, "a record, three orders": 800}
"""Families whose draws take long, with how many examples are enough."""
SPECS = {
    "a record": RECORD.replace("ORDER", "shuffle(seed = 1)"),
    "a record, three orders": RECORD.replace("ORDER", ANY),
    "two variables": """
        observed z : category(4)
        observed x[3, 2] : integer(0, 15)
        order x by any(orders = 2)
        p(z) = categorical
        p(x[i] | x[<i], z) = discretized(logistic) via made(hidden = [8])
    """,
    "two variables under several orders": """
        observed x[3] : binary
        observed y[4] : real
        order x by any(orders = 2)
        order y by any(orders = 3)
        p(x[i] | x[<i]) = bernoulli via made(hidden = [8])
        p(y[i] | y[<i], x) = mixture(logistic, components = 3) via made(hidden = [8])
    """,
    "drawn together": """
        observed x[time: 4, channel: 3] : real
        order x by any(orders = 2)
        p(x[t, *] | x[<]) = multivariate_normal via made(hidden = [8])
    """,
    "given": """
        given label : category(3)
        given size : real
        observed x[4] : positive
        p(x[i] | x[<i], label, size) = gamma via made(hidden = [8])
    """,
    "audio": "observed x[6] : mulaw(64)\np(x[i] | x[<i]) = categorical via made(hidden = [8])",
    "angles": "observed x[3] : angle\np(x[i] | x[<i]) = von_mises via made(hidden = [8])",
}


def compiled(text: str, seed: int = 1, dtype: torch.dtype = torch.float64, spread: float = 0.4) -> AutoregressiveModel:
    """A model with random weights, away from where training starts."""
    model = ardsl.compile(ardsl.loads(text), seed=seed, dtype=dtype).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * spread)
    return model


def drawn(model: AutoregressiveModel, n: int, seed: int = 0) -> dict[str, Tensor]:
    """Samples of every variable, with conditioning drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    given: dict[str, Tensor] = {}
    for variable in model.spec.model.given:
        uniform = torch.rand(n, *variable.shape, generator=generator, dtype=model.like.dtype)
        levels = variable.element_domain(0).levels
        given[variable.name] = (uniform * levels).floor() if levels else uniform
    x = model.sample(n, given or None, seed=seed)
    observed = x if isinstance(x, dict) else {model.spec.model.observed[0].name: x}
    return observed | given


def check_uniform(found: Calibration) -> None:
    """No element differs; all the transforms together are uniform, and those of one example are independent."""
    assert found.calibrated and found.verdict.startswith("calibrated: no element differs from uniform at 1 %")
    assert min(element.p_value for element in found.elements) > 1e-3 / len(found.elements)
    u = np.concatenate([pits.reshape(found.examples, -1) for pits in found.pits.values()], axis=1)
    assert kstest(u[~np.isnan(u)], "uniform").pvalue > 1e-3
    for each in (u, (u - 0.5) ** 2):
        correlations = np.ma.corrcoef(np.ma.masked_invalid(each), rowvar=False).filled(0)
        together = np.ma.dot((~np.isnan(u)).T.astype(int), (~np.isnan(u)).astype(int))
        assert (np.abs(correlations - np.eye(u.shape[1])) < 4.5 / np.sqrt(np.maximum(together, 1))).all()


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPECS)
def test_the_models_own_samples_are_uniform(name: str) -> None:
    model = compiled(SPECS[name], dtype=torch.float32)
    found = ardsl.calibrate(model, drawn(model, SLOW.get(name, N)))
    assert found.examples == SLOW.get(name, N)
    check_uniform(found)


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPECS)
def test_samples_of_other_weights_are_told_apart(name: str) -> None:
    other = compiled(SPECS[name], seed=3, spread=0.8)
    found = ardsl.calibrate(compiled(SPECS[name]), drawn(other, SLOW.get(name, N)))
    assert not found.calibrated
    assert found.verdict.startswith(f"{len(found.differing)} of {len(found.elements)} elements differ")


def test_only_what_was_changed_differs() -> None:
    """The last element of the order shifted by a fifth of its spread: no other conditional knows."""
    model = compiled("observed x[5] : real\np(x[i] | x[<i]) = normal via made(hidden = [8])", spread=0.2)
    x = model.sample(N, seed=4)
    x[:, 4] += 0.2 * x[:, 4].std()
    found = ardsl.calibrate(model, x)
    assert [element.name for element in found.differing] == ["x[4]"]
    assert found.verdict == "1 of 5 elements differs from uniform at 1 % (Bonferroni over 5): x[4]"
    assert found.pits["x"][:, 4].mean() > 0.53


def test_a_correlation_that_the_model_lacks_differs() -> None:
    """Elements drawn together are tested together: each alone is as the model says."""
    text = "observed x[time: 2, channel: 2] : real\np(x[t, *] | x[<]) = multivariate_normal via linear"
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    x = model.sample(N, seed=1)
    assert ardsl.calibrate(model, x).calibrated
    x[:, 1, 1] = 0.95 * x[:, 1, 0] + 0.05**0.5 * x[:, 1, 1]
    found = ardsl.calibrate(model, x)
    assert [element.name for element in found.differing] == ["x[1, *]"] and found.pits["x"].shape == (N, 2)


def test_coarse_numbers_are_uniform_too() -> None:
    """Around 2 · 10¹⁸ float64 counts in steps of 256, half of this spread: equal values, at random places."""
    spec = ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal via made(hidden = [4])")
    model = ardsl.compile(spec, dtype=torch.float64)
    model.units.get_buffer("center_x").fill_(2e18)
    model.units.get_buffer("scale_x").fill_(512)
    x = model.sample(N, seed=1)
    assert len(x.unique()) < 60
    check_uniform(ardsl.calibrate(model, x))


# Under several orders, and with gaps


def levels(model: AutoregressiveModel) -> list[Tensor]:
    variable = model.spec.model.observed[0]
    domains = [variable.element_domain(e) for e in range(variable.size)]
    return [getattr(d, "low", 0) + torch.arange(d.levels, dtype=torch.float64) for d in domains]


@pytest.mark.parametrize("order", ["[2, 0, 3, 1]", "any(orders = 3, seed = 2)", ANY])
@torch.no_grad()
def test_finite_transforms_are_those_of_the_joint_distribution(order: str) -> None:
    """F(x − 1) + V p(x) by sums over a table of the whole joint distribution, under each example's order."""
    model = compiled(FINITE.replace("ORDER", order))
    variable = model.spec.model.observed[0]
    orders = variable.orders.orders
    x = model.sample(60, seed=3)
    u = ardsl.calibrate(model, x, seed=5).pits["row"]
    random = Randomness(5, 0)
    every = torch.tensor(list(product(*(each.tolist() for each in levels(model)))), dtype=torch.float64)
    joint = torch.stack([model.log_prob(every, order=k if len(orders) > 1 else None) for k in range(len(orders))]).exp()
    choice = random((60,), 1)
    for n, row in enumerate(x):
        here = joint[:, (every == row).all(1)].flatten()
        k = int((choice[n] >= (here / here.sum()).cumsum(0)).sum())
        agree = torch.ones(len(every), dtype=torch.bool)
        for element in orders[k].permutation.tolist():
            known = joint[k, agree].sum()
            below = joint[k, agree & (every[:, element] < row[element])].sum() / known
            agree &= every[:, element] == row[element]
            v = random((60, 1), 0, element)[n, 0]
            wanted = float(below + v * joint[k, agree].sum() / known)
            assert u[n, element] == pytest.approx(wanted, abs=1e-6)


def with_gaps(model: AutoregressiveModel, n: int) -> Tensor:
    """Samples of the model whose orders draw what is missing last, with that missing: NaN."""
    variable, group = model.spec.model.observed[0], model.groups[0]
    generator = torch.Generator().manual_seed(7)
    masks = torch.rand(6, variable.size, generator=generator) < 0.35
    masks[0] = False
    which = torch.randint(6, (n,), generator=generator)
    orders = torch.randint(len(variable.orders), (n,), generator=generator)
    found = torch.full((n, variable.size), torch.nan, dtype=torch.float64)
    for number, k in product(range(len(masks)), range(len(variable.orders))):
        rows = torch.nonzero((which == number) & (orders == k)).flatten()
        order = placed_last(variable.orders.orders[k], masks[number].numpy())
        x = torch.ones(len(rows), variable.size, dtype=torch.float64)
        for element in order.permutation.tolist():
            block = next(b for b, t in enumerate(group.targets) if t.elements[0, 0] == element)
            raw = model.conditional_parameters(0, {variable.name: x}, {variable.name: order})[block][:, 0]
            conditional = model.conditionals[0][block]
            noise = torch.rand(len(rows), conditional.family.uniforms, generator=generator, dtype=torch.float64)
            x[:, element] = conditional.sample(raw, noise)
        found[rows] = torch.where(masks[number], torch.nan, x)
    return found


@pytest.mark.thorough
@torch.no_grad()
def test_what_is_there_is_uniform_beside_gaps() -> None:
    model = compiled(RECORD.replace("ORDER", ANY) + "data { missing = marginalize }")
    x = with_gaps(model, N)
    found = ardsl.calibrate(model, x)
    assert (np.isnan(found.pits["person"]) == x.isnan().numpy()).all()
    observed = (~x.isnan()).sum(0).tolist()
    assert [element.observed for element in found.elements] == observed and min(observed) < N
    check_uniform(found)


@pytest.mark.thorough
@torch.no_grad()
def test_transforms_beside_gaps_are_those_of_the_orders_that_place_them_last() -> None:
    model = compiled(FINITE.replace("ORDER", ANY) + "data { missing = marginalize }")
    variable, group, random = model.spec.model.observed[0], model.groups[0], Randomness(0, 0)
    x = with_gaps(model, 80)
    u = ardsl.calibrate(model, x).pits["row"]
    choice = random((80,), 1)
    for n, row in enumerate(x):
        absent = row.isnan()
        last = [placed_last(order, absent.numpy()) for order in variable.orders.orders]
        values = {"row": torch.where(absent, torch.full_like(row, 2.0), row)[None]}
        each = torch.stack(
            [torch.cat(model.draw_log_probs(0, values, {"row": order}), 1)[0][~absent].sum() for order in last]
        )
        k = int((choice[n] >= each.softmax(0).cumsum(0)).sum())
        for element in torch.nonzero(~absent).flatten().tolist():
            conditional = model.conditionals[0][element]
            assert group.targets[element].elements[0, 0] == element
            p = conditional.log_table(model.conditional_parameters(0, values, {"row": last[k]})[element][0, 0]).exp()
            code = int((levels(model)[element] == row[element]).nonzero())
            wanted = p[:code].sum() + random((80, 1), 0, element)[n, 0] * p[code]
            assert u[n, element] == pytest.approx(float(wanted), abs=1e-6)


def test_an_element_that_is_never_there_is_not_tested() -> None:
    model = compiled(FINITE.replace("ORDER", ANY) + "data { missing = marginalize }")
    x = model.sample(200, seed=1)
    x[:, 1] = torch.nan
    found = ardsl.calibrate(model, x)
    assert found.elements[1].observed == 0 and np.isnan(found.elements[1].p_value)
    assert found.verdict == "calibrated: no element differs from uniform at 1 % (Bonferroni over 3)"
    nothing = ardsl.calibrate(model, torch.full((3, 4), torch.nan))
    assert nothing.verdict == "nothing to test: every value is missing" and nothing.tested == ()


# The same numbers again


@pytest.mark.thorough
@pytest.mark.parametrize("name", SPECS)
def test_transforms_are_a_function_of_the_seed_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = compiled(SPECS[name])
    x = drawn(model, 12)

    def pits(seed: int, batch: int | None = None) -> np.ndarray:
        found = ardsl.calibrate(model, x, batch, seed=seed).pits.values()
        return np.concatenate([each.reshape(12, -1) for each in found], axis=1)

    first = pits(3)
    torch.manual_seed(5)
    np.testing.assert_array_equal(pits(3), first)
    assert (pits(4) != first).mean() > 0.9
    for batch in (1, 5, 8):
        np.testing.assert_allclose(pits(3, batch), first, atol=1e-6)
    monkeypatch.setattr("ardsl.queries.transforms._NUMBERS", 50)
    np.testing.assert_allclose(pits(3, 7), first, atol=1e-6)


def test_tables_and_ranks_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are transforms of the same value: within a rank of each other, but for V."""
    model = compiled("observed x[3] : integer(0, 200)\np(x[i] | x[<i]) = discretized(logistic) via made(hidden = [8])")
    x = model.sample(500, seed=1)
    exact = ardsl.calibrate(model, x).pits["x"]
    monkeypatch.setattr("ardsl.queries.transforms._LARGEST_TABLE", 100)
    ranked = ardsl.calibrate(model, x).pits["x"]
    assert 0 < np.abs(exact - ranked).max() < 0.25 and np.corrcoef(exact.ravel(), ranked.ravel())[0, 1] > 0.98
    check_uniform(ardsl.calibrate(model, x))


# The test, and the band


@pytest.mark.parametrize("n", [5, 30, 1000])
def test_the_test_is_kolmogorovs(n: int) -> None:
    random = np.random.default_rng(n)
    for power in (1.0, 1.1, 1.5):
        u = random.random(n) ** power
        wanted = kstest(u, "uniform")
        assert uniform_distance(u) == pytest.approx(wanted.statistic)
        assert uniform_p_value(n, wanted.statistic) == pytest.approx(wanted.pvalue, abs=0.02)
    assert uniform_p_value(n, 1e-9) == pytest.approx(1) and uniform_p_value(n, 0.0 + 0.6 / n) <= 1


def test_p_values_are_right_far_out() -> None:
    for chance in (1e-2, 1e-4, 1e-6):
        distance = float(kstwo.isf(chance, 400))
        assert uniform_p_value(400, distance) == pytest.approx(chance, rel=0.3)


@pytest.mark.parametrize("n", [1, 19, 400, 30_000])
def test_the_band_is_binomial(n: int) -> None:
    assert band(n) == (int(binom.ppf(0.005, n, 0.05)), int(binom.ppf(0.995, n, 0.05)))


@pytest.mark.parametrize("count", [0, 1, 5, pytest.param(40, marks=pytest.mark.slow)])
def test_pictures_of_any_number_of_panels(count: int, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    elements = []
    for number in range(count):
        u = random.random(100).astype(np.float32) ** (1 + 4 * (number == 3))
        distance = uniform_distance(u)
        elements.append(Element(f"$x_{number}", u, distance, uniform_p_value(100, distance)))
    save_histograms(tmp_path / "p.png", Calibration(100, {}, tuple(elements)))
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG") and len(list(tmp_path.iterdir())) == 1


# Bad use


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": -1}, "the seed is an integer from 0 to 2^64 - 1, not -1"),
        ({"seed": 0.5}, "the seed is an integer from 0 to 2^64 - 1, not 0.5"),
        ({"seed": 1 << 64}, "the seed is an integer from 0 to 2^64 - 1, not 18446744073709551616"),
        ({"level": 0}, "the level is a number between 0 and 1, not 0"),
        ({"batch": 0}, "the number of examples at once is an integer of at least 1, not 0"),
        ({"data": None}, 'error[AR500]: there is no test data: write `data { test = "PATH" }` in the spec, or'),
        ({"data": torch.full((2, 2), 2)}, "error[AR504]: the data, row 0: `x[0]` takes 0 or 1 (binary), not 2"),
    ],
)
def test_bad_use(options: dict[str, Any], told: str) -> None:
    model = compiled("observed x[2] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [4])")
    with pytest.raises(ardsl.ArdslError) as error:
        ardsl.calibrate(model, **{"data": torch.zeros(3, 2)} | options)
    assert str(error.value).startswith(told)


def test_it_takes_a_model() -> None:
    with pytest.raises(ardsl.ArdslError) as error:
        ardsl.calibrate("runs/made", None)  # type: ignore[arg-type]
    told = "this takes a model, not str: restore one with `ardsl.restore(DIR)`, or take a run's `.model`"
    assert str(error.value) == told


def test_a_model_of_no_numbers_says_so() -> None:
    model = compiled("observed x[2] : real\np(x[i] | x[<i]) = normal via made(hidden = [4])")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(torch.nan)
    with pytest.raises(ardsl.ArdslError, match=r"^the model gives no distribution of some values: its outputs are no "):
        ardsl.calibrate(model, torch.zeros(3, 2))
