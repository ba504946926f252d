"""A column given the rest, cell by cell, and gaps filled: against enumeration, and as tables."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.compiler.model import AutoregressiveModel
from ardsl.data.sources import open_source
from ardsl.outputs.samples import write_samples
from ardsl.outputs.tables import write_cell_scores, write_filled, write_prediction
from ardsl.queries.conditionals import find_cell, predict, score_cells
from ardsl.queries.evaluate import scores as scores_of_rows
from ardsl.queries.impute import impute
from ardsl.sketch.draft import sketch
from tests.support.runtime_specs import spec_in

RECORD = """
record row {
  age    : real ~ mixture(normal, components = 2)
  city   : category("Bern", "Chur", "New York")
  member : binary
  income : positive ~ log_normal
  visits : count ~ geometric
  wealth : integer(0, 50000) ~ mixture(discretized(logistic), components = 2)
}
order row by ORDER
p(row[i] | row[<i]) = default via made(hidden = [16])
"""
FIXED = "[city, income, member, age, wealth, visits]"
ANY = 'any(orders = 2, train = "all")'
TABLE = """id,age,city,member,income,visits,wealth
a,41.5,Bern,1,1200,3,100
b,33.25, Chur ,0,90.5,0,40000
c,70,New York,1,33,12,7
"""


def model(order: str, directory: Path) -> AutoregressiveModel:
    (directory / "t.csv").write_text(TABLE)
    found = ardsl.compile(spec_in(directory, RECORD.replace("ORDER", order)), dtype=torch.float64).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.add_(torch.randn(parameter.shape, dtype=parameter.dtype) * 0.2)
    generator = torch.Generator().manual_seed(0)
    x = (
        torch.rand(50, 6, generator=generator, dtype=torch.float64)
        * torch.tensor([80.0, 2, 1, 2000, 9, 50000]).double()
    )
    found.units.measure({"row": x + 0.01})
    return found


@pytest.mark.parametrize("order", [FIXED, ANY])
@pytest.mark.parametrize("column", ["city", "member"])
def test_a_finite_column_is_normalized(order: str, column: str, tmp_path: Path) -> None:
    found = predict(model(order, tmp_path), column, "t.csv", data_dir=tmp_path)
    np.testing.assert_allclose(found.probabilities.sum(1), 1, atol=1e-10)
    own = np.log(found.probabilities[np.arange(3), found.actual.astype(int)])
    np.testing.assert_allclose(found.log_prob, own, atol=1e-9)
    assert found.accuracy == (found.most_likely == found.actual).mean()


@pytest.mark.parametrize("column", ["age", "income", "visits", "wealth"])
def test_numbers_have_densities_in_the_data_s_units(column: str, tmp_path: Path) -> None:
    """Bayes' rule by the points of a fixed order agrees with a fine sum or integral of the joint."""
    m = model(FIXED, tmp_path)
    found = predict(m, column, "t.csv", data_dir=tmp_path)
    cell = find_cell(m, column)
    x = torch.tensor([[41.5, 0, 1, 1200, 3, 100]], dtype=torch.float64)
    if cell.domain.discrete:
        points = torch.arange(0, 50_001 if column == "wealth" else 400, dtype=torch.float64)
        widths = torch.ones_like(points)
    else:
        z = torch.linspace(-25, 25, 40_001, dtype=torch.float64)
        points = z.exp() if column == "income" else 40 + 30 * z
        widths = torch.gradient(points)[0]
    whole = x.repeat(len(points), 1)
    whole[:, cell.element] = points
    with torch.no_grad():
        total = (m.log_prob(whole) + widths.log()).logsumexp(0)
        wanted = (m.log_prob(x) - total).item()
    assert found.log_prob[0] == pytest.approx(wanted, abs=0.02)
    assert found.quantile(0.05)[0] <= found.quantile(0.5)[0] <= found.quantile(0.95)[0]


def test_scores_by_column_are_those_of_predict(tmp_path: Path) -> None:
    m = model(FIXED, tmp_path)
    scores = score_cells(m, "t.csv", data_dir=tmp_path)
    assert list(scores) == ["age", "city", "member", "income", "visits", "wealth"]
    for column, found in scores.items():
        np.testing.assert_allclose(found, predict(m, column, "t.csv", data_dir=tmp_path).log_prob, atol=1e-9)


def test_scores_under_all_orders_are_densities_too(tmp_path: Path) -> None:
    """Of one order alone, drawn last: its own conditional there, for a cell of every kind."""
    m = model(ANY.replace("2", "1"), tmp_path)
    scores = score_cells(m, "t.csv", data_dir=tmp_path)
    last = m.spec.variables["row"].orders.orders[0].permutation[-1]
    name = m.spec.variables["row"].fields[last].name
    x = torch.tensor([[41.5, 0, 1, 1200, 3, 100]], dtype=torch.float64)
    with torch.no_grad():
        own = m.log_prob(x, elementwise=True, order=0)["row"][0, last].item()
    assert scores[name][0] == pytest.approx(own, abs=1e-9)
    assert all(np.isfinite(each).all() for each in scores.values())


def test_the_last_column_of_an_order_is_its_factor(tmp_path: Path) -> None:
    m = model(FIXED, tmp_path)
    found = predict(m, "visits", "t.csv", data_dir=tmp_path)
    x = torch.tensor([[41.5, 0, 1, 1200, 3, 100]], dtype=torch.float64)
    with torch.no_grad():
        own = m.log_prob(x, elementwise=True)["row"][0, 4].item()
    assert found.log_prob[0] == pytest.approx(own, abs=0.01)


def test_a_lacking_column_can_be_predicted(tmp_path: Path) -> None:
    m = model(FIXED, tmp_path)
    (tmp_path / "u.csv").write_text("age,member,income,visits,wealth\n41.5,1,1200,3,100\n")
    without = predict(m, "city", "u.csv", data_dir=tmp_path)
    np.testing.assert_allclose(
        without.probabilities[0], predict(m, "city", "t.csv", data_dir=tmp_path).probabilities[0]
    )
    assert np.isnan(without.log_prob).all() and without.accuracy is None


def test_a_column_of_another_name_is_noted(tmp_path: Path) -> None:
    m = model(ANY, tmp_path)
    (tmp_path / "u.csv").write_text(TABLE.replace("income", "incomes"))
    note = "no column `income`, and it is taken as missing in every row: did you mean `incomes`[?]"
    with pytest.warns(UserWarning, match=note):
        predict(m, "city", "u.csv", data_dir=tmp_path)


def test_beside_other_gaps_a_model_of_one_order_estimates(tmp_path: Path) -> None:
    fixed, every = model(FIXED, tmp_path), model(ANY, tmp_path)
    (tmp_path / "u.csv").write_text(TABLE.replace("33.25", ""))
    assert np.allclose(predict(every, "city", "u.csv", data_dir=tmp_path).probabilities.sum(1), 1)
    for column in ("city", "income"):
        beside = predict(fixed, column, "u.csv", data_dir=tmp_path)
        assert np.allclose(beside.probabilities.sum(1), 1) and beside.estimated.tolist() == [False, True, False]
        assert np.isfinite(beside.log_prob).all()
        whole = predict(fixed, column, "t.csv", data_dir=tmp_path)
        np.testing.assert_array_equal(beside.probabilities[[0, 2]], whole.probabilities[[0, 2]])


BESIDE = """
record row { a : real  b : binary  c : real }
order row by [a, b, c]
p(row[i] | row[<i]) = default via linear
"""


def test_a_number_without_end_beside_a_gap_has_the_distribution_of_the_sum(tmp_path: Path) -> None:
    """p(c | a) is the mixture of p(c | a, b) over the b that is missing, and log p of what c holds is of that."""
    m = ardsl.compile(ardsl.loads(BESIDE), seed=2, init="random", dtype=torch.float64)
    data = torch.tensor([[0.4, torch.nan, -0.3], [1.0, 1.0, 0.2]], dtype=torch.float64)
    found = predict(m, "c", {"row": data.numpy()})
    both = torch.tensor([[0.4, 0, -0.3], [0.4, 1, -0.3]], dtype=torch.float64)
    with torch.no_grad():
        a_and_c = m.log_prob(both).logsumexp(0)
        alone = torch.stack([m.log_prob(both, elementwise=True)["row"][:, 0]]).mean()
    assert not found.estimated.any()
    assert found.log_prob[0] == pytest.approx((a_and_c - alone).item(), abs=0.03)
    grid = torch.linspace(-12, 12, 4_001, dtype=torch.float64)
    with torch.no_grad():
        p = sum(
            m.log_prob(torch.stack([torch.full_like(grid, 0.4), torch.full_like(grid, b), grid], 1)).exp()
            for b in (0.0, 1.0)
        )
    assert found.mean[0] == pytest.approx(((p / p.sum()) * grid).sum().item(), abs=0.03)


def test_a_likelihood_beside_a_gap_is_of_the_density_and_not_of_the_samples() -> None:
    """A value in the tail, near which none of the particles lie, has the log-density that quadrature finds."""
    spec = ardsl.loads("""
        observed a : real
        observed b : real
        observed c : real
        p(a) = normal(0, 1)
        p(b | a) = normal(scale = 0.8) via linear
        p(c | a, b) = normal(scale = 0.6) via linear
    """)
    m = ardsl.compile(spec, seed=3, init="random", dtype=torch.float64)
    gap, line = {"a": [0.4], "b": [math.nan], "c": [2.5]}, torch.linspace(-20, 20, 4_001, dtype=torch.float64)

    def log_marginal(c: float) -> float:
        every = {"a": torch.full_like(line, 0.4), "b": line, "c": torch.full_like(line, c)}
        with torch.no_grad():
            return float(m.log_prob(every).logsumexp(0)) + math.log(0.01)

    found = predict(m, "c", {name: np.array(value) for name, value in gap.items()})
    others = -0.5 * 0.4**2 - 0.5 * math.log(2 * math.pi)  # log p(a)
    assert found.estimated.all()
    assert found.log_prob[0] == pytest.approx(log_marginal(2.5) - others, abs=0.05)


def test_a_filled_table_keeps_all_that_was_there(tmp_path: Path) -> None:
    m = model(ANY, tmp_path)
    (tmp_path / "u.csv").write_text(TABLE.replace("41.5", "?").replace(" Chur ", "").replace("12,7", ",7"))
    imputation = impute(m, "u.csv", data_dir=tmp_path, seed=3)
    filled = imputation.filled
    assert (imputation.cells, imputation.rows) == (3, 3)
    source = open_source("u.csv", tmp_path)
    write_filled(tmp_path / "f.csv", m.spec, source, "test", imputation)
    before, after = ([*csv.reader((tmp_path / name).read_text().splitlines())] for name in ("u.csv", "f.csv"))
    differing = [(r, c) for r, row in enumerate(before) for c, cell in enumerate(row) if cell != after[r][c]]
    assert differing == [(1, 1), (2, 2), (3, 5)]
    assert after[2][2] in ("Bern", "Chur", "New York") and after[3][5].isdigit() and math.isfinite(float(after[1][1]))
    again = impute(m, "u.csv", data_dir=tmp_path, seed=3)
    assert torch.equal(again.filled["row"], filled["row"])
    whole = impute(m, "f.csv", data_dir=tmp_path)
    assert whole.cells == 0 and torch.equal(whole.filled["row"].float(), filled["row"].float())


def test_predictions_and_scores_as_tables(tmp_path: Path) -> None:
    m = model(ANY, tmp_path)
    write_prediction(tmp_path / "p.csv", predict(m, "city", "t.csv", data_dir=tmp_path))
    rows = [*csv.DictReader((tmp_path / "p.csv").read_text().splitlines())]
    assert list(rows[0]) == ["row", "city", "p(Bern)", "p(Chur)", "p(New York)", "actual", "log_prob"]
    assert [row["actual"] for row in rows] == ["Bern", "Chur", "New York"]
    write_prediction(tmp_path / "q.csv", predict(m, "visits", "t.csv", data_dir=tmp_path))
    rows = [*csv.DictReader((tmp_path / "q.csv").read_text().splitlines())]
    assert list(rows[0]) == ["row", "visits", "mean", "q05", "q50", "q95", "actual", "log_prob"]
    scores = score_cells(m, "t.csv", data_dir=tmp_path)
    scores["age"][1] = -50.0
    write_cell_scores(tmp_path / "s.csv", scores_of_rows(m, "t.csv", data_dir=tmp_path), scores)
    assert [*csv.DictReader((tmp_path / "s.csv").read_text().splitlines())][1]["most_unlikely"] == "age"


def test_a_table_that_cannot_be_evaluated_can_be_scored(tmp_path: Path) -> None:
    m = model(ANY, tmp_path)
    (tmp_path / "u.csv").write_text("age,city,member,income,visits\n41.5,Bern,1,1200,3\n")
    with pytest.raises(ardsl.DataError) as raised:
        ardsl.evaluate(m, "u.csv", data_dir=tmp_path)
    problem = "there is no column `wealth` for `row`: there are `age`, `city`, `member`, `income`, `visits`"
    told = f"error[AR502]: {tmp_path / 'u.csv'}: {problem}; `score` takes it as missing in every row"
    assert str(raised.value) == told
    with pytest.warns(UserWarning, match="there is no column `wealth`"):
        assert np.isfinite(ardsl.score(m, "u.csv", data_dir=tmp_path)).all()


def test_an_unknown_column_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ardsl.DataError, match="the model has no column `citty`: did you mean `city`"):
        predict(model(ANY, tmp_path), "citty", "t.csv", data_dir=tmp_path)


def test_the_most_likely_number_and_quantiles_are_those_of_a_fine_grid(tmp_path: Path) -> None:
    """Points stand for stretches of other widths, so their probabilities are no densities."""
    found = model(FIXED, tmp_path)
    told = predict(found, "age", tmp_path / "t.csv")
    fine = torch.linspace(float(told.values[0]), float(told.values[-1]), 20_001, dtype=torch.float64)
    x = torch.tensor(np.genfromtxt(tmp_path / "t.csv", delimiter=",", skip_header=1))[:, 1:]
    for row, (age, member, income, visits, wealth) in enumerate(x[:, [0, 2, 3, 4, 5]].tolist()):
        city = ["Bern", "Chur", "New York"].index(TABLE.splitlines()[row + 1].split(",")[2].strip())
        rest = torch.tensor([age, city, member, income, visits, wealth]).double().repeat(len(fine), 1)
        rest[:, 0] = fine
        with torch.no_grad():
            log_p = found.log_prob(rest)
        p = (log_p - log_p.logsumexp(0)).exp()
        best = log_p.max()
        at = log_p[(fine - told.most_likely[row]).abs().argmin()]
        assert at > best - 0.02
        for q in (0.05, 0.5, 0.95):
            exact = fine[(p.cumsum(0) < q).sum()]
            assert abs(told.quantile(q)[row] - exact) < 0.02 * (fine[-1] - fine[0])


@pytest.mark.parametrize(
    ("cells", "filled"),
    [
        (["True", "False", ""], {"True", "False"}),
        (["3.0", "1.0", ""], {"1.0", "2.0", "3.0"}),
        (["3", "1", ""], {"1", "2", "3"}),
        (["01", "02", ""], {"01", "02"}),
    ],
)
def test_a_gap_is_filled_as_the_other_cells_are_written(cells: list[str], filled: set[str], tmp_path: Path) -> None:
    labelled = {"True": 'category("True", "False")', "01": 'category("01", "02")'}
    domain = labelled.get(cells[0], "integer(1, 3)")
    text = (
        f"record row {{ a : {domain}\n b : binary }}\norder row by [b, a]\np(row[i] | row[<i]) = default via linear\n"
    )
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{cell},1\n" for cell in cells))
    spec = spec_in(tmp_path, text)
    imputation = impute(ardsl.compile(spec), tmp_path / "t.csv", seed=0)
    write_filled(tmp_path / "f.csv", spec, open_source(tmp_path / "t.csv"), "test", imputation)
    written = [row["a"] for row in csv.DictReader((tmp_path / "f.csv").read_text().splitlines())]
    assert imputation.cells == 1 and written[:2] == cells[:2] and written[2] in filled


def test_truth_values_of_a_table_stay_what_they_are(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"a": [True, False, None, True] * 10, "b": [1, 2, 3, 4] * 10})
    parquet.write_table(table, tmp_path / "t.parquet")
    text, _, _ = sketch(tmp_path / "t.parquet", tmp_path / "t.ar")
    assert 'a : category("True", "False")' in text
    spec = spec_in(tmp_path, text)
    compiled = ardsl.compile(spec)
    imputation = impute(compiled, tmp_path / "t.parquet", seed=0)
    write_filled(tmp_path / "f.csv", spec, open_source(tmp_path / "t.parquet"), "test", imputation)
    assert imputation.cells == 10
    assert {row["a"] for row in csv.DictReader((tmp_path / "f.csv").read_text().splitlines())} == {"True", "False"}
    write_samples(tmp_path / "s.csv", spec, compiled.sample(20, seed=0))
    assert {row["a"] for row in csv.DictReader((tmp_path / "s.csv").read_text().splitlines())} <= {"True", "False"}


@settings(max_examples=10, deadline=None)
@given(st.data())
def test_no_number_of_a_table_loses_its_digits_and_no_two_columns_are_alike(data: st.DataObject) -> None:
    """Values far from zero beside their spread, in columns that may be named as ours."""
    own = ["row", "log_prob", "most_unlikely", "actual", "mean", "q05", "p(a)", "log_prob (column)", "row.c0"]
    names = data.draw(st.lists(st.sampled_from(own), min_size=3, max_size=3, unique=True))
    level = data.draw(st.floats(-1e12, 1e12))
    spread = abs(level) * 10.0 ** data.draw(st.integers(-8, 0)) + 1
    numbers = np.sort(level + spread * np.random.default_rng(0).normal(size=12))
    with TemporaryDirectory() as directory:
        place = Path(directory)
        with (place / "t.csv").open("w", newline="") as file:
            csv.writer(file).writerows([names, *zip(numbers.tolist(), "ababababaabb", [0, 1] * 6, strict=True)])
        written = ", ".join(f'"{name}"' for name in names)
        text = 'record row { c0 : real ~ normal  c1 : category("a", "b")  c2 : binary }\n'
        text += f"p(row[i] | row[<i]) = default\ndata {{ row = [{written}] }}\n"
        m = ardsl.compile(spec_in(place, text), dtype=torch.float64).eval()
        m.measure({"row": torch.from_numpy(np.stack([numbers, *[np.tile([0.0, 1], 6)] * 2], 1))})
        for name in names:
            write_prediction(place / "p.csv", predict(m, name, "t.csv", data_dir=place))
            header, *rows = csv.reader((place / "p.csv").read_text().splitlines())
            assert len(set(header)) == len(header)
            if name == names[0]:
                place_of = {column: k for k, column in enumerate(header)}
                assert [float(row[-2]) for row in rows] == numbers.tolist()
                means, q05, q95 = (np.array([float(row[k]) for row in rows]) for k in (2, 3, place_of["q95"]))
                assert (q05 < means).all() and (means < q95).all()
                assert np.abs(means - numbers.mean()).max() < 0.1 * numbers.std()
        write_cell_scores(
            place / "s.csv", scores_of_rows(m, "t.csv", data_dir=place), score_cells(m, "t.csv", data_dir=place)
        )
        header, *rows = csv.reader((place / "s.csv").read_text().splitlines())
        assert len(set(header)) == len(header) == 6 and {row[2] for row in rows} <= set(header[3:])
