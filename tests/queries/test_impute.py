"""Gaps filled several times, or by the mean, the median or the most likely value; unknown values as gaps."""

from __future__ import annotations

import csv
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.data.sources import open_source
from ardsl.outputs.tables import write_filled
from ardsl.queries.conditionals import cells, find_cell, predict, score_cells
from ardsl.queries.impute import SAMPLES, Imputation, impute
from tests.support.runtime_specs import spec_in
from tests.support.table_specs import Table, tables

DISCRETE = """
record row {
  a : binary
  b : category("x", "y", "z")
  c : integer(2, 5)
  d : integer(-1, 3) ~ mixture(discretized(logistic), components = 2)
}
order row by ORDER
p(row[i] | row[<i]) = default via made(hidden = [9])
"""
ANY = 'any(orders = 2, train = "all")'
FIXED = "[c, a, d, b]"


def model(order: str, seed: int = 1) -> ardsl.AutoregressiveModel:
    spec = ardsl.loads(DISCRETE.replace("ORDER", order))
    compiled = ardsl.compile(spec, seed=seed, init="random", dtype=torch.float64).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in compiled.parameters():
            parameter.add_(torch.randn(parameter.shape, dtype=parameter.dtype) * 0.4)
    return compiled


def rows_with_gaps(
    m: ardsl.AutoregressiveModel, rows: int = 12, share: float = 0.4
) -> tuple[torch.Tensor, torch.Tensor]:
    whole = m.sample(rows, seed=3).double()
    gone = torch.rand(whole.shape, generator=torch.Generator().manual_seed(5)) < share
    return whole, torch.where(gone, torch.nan, whole)


def exact(m: ardsl.AutoregressiveModel, row: torch.Tensor, element: int) -> tuple[np.ndarray, np.ndarray]:
    """The values and probabilities of a cell given what is observed of a row, by elimination."""
    name = m.spec.variables["row"].element_name(element)
    distribution = m.conditional(name, {"row": row[None]})
    return distribution.values.numpy(), distribution.probs[0].numpy()


def middle(values: np.ndarray, probabilities: np.ndarray, fill: str, ordered: bool) -> float:
    if not ordered:
        return float(values[probabilities.argmax()])
    if fill == "mean":
        return float((values @ probabilities).round())
    return float(values[(probabilities.cumsum() < 0.5).sum()])


@pytest.mark.parametrize("fill", ["mean", "median"])
def test_cells_get_the_middle_of_their_own_distribution(fill: str) -> None:
    m = model(ANY)
    _, gaps = rows_with_gaps(m)
    imputation = impute(m, {"row": gaps.numpy()}, fill=fill)
    assert (imputation.cells, imputation.rows) == (int(gaps.isnan().sum()), int(gaps.isnan().any(1).sum()))
    filled = imputation.filled["row"]
    assert torch.equal(filled[~gaps.isnan()].double(), gaps[~gaps.isnan()])
    for row, element in torch.nonzero(gaps.isnan()).tolist():
        ordered = m.spec.variables["row"].element_domain(element).ordered
        assert filled[row, element] == middle(*exact(m, gaps[row], element), fill, ordered)


@pytest.mark.parametrize("fill", ["mean", "median"])
def test_one_gap_of_a_row_is_exact_under_any_order(fill: str) -> None:
    """Also where the order draws it first."""
    m = model(FIXED)
    whole, _ = rows_with_gaps(m)
    gaps = whole.clone()
    for row in range(len(gaps)):
        gaps[row, row % 4] = torch.nan
    filled = impute(m, {"row": gaps.numpy()}, fill=fill).filled["row"]
    for row in range(len(gaps)):
        ordered = m.spec.variables["row"].element_domain(row % 4).ordered
        assert filled[row, row % 4] == middle(*exact(m, gaps[row], row % 4), fill, ordered)


@pytest.mark.parametrize("order", [FIXED, "any(orders = 3, seed = 1)"])
def test_draws_of_one_order_follow_the_distribution_of_the_gaps(order: str) -> None:
    """Whatever the order draws after them: what is missing is summed over."""
    m = model(order)
    _, gaps = rows_with_gaps(m, rows=2, share=0.5)
    repeated = gaps.repeat(1_500, 1)
    imputation = impute(m, {"row": repeated.numpy()}, seed=3)
    assert imputation.estimated == 0 and imputation.effective_samples is None
    filled = imputation.filled["row"].double()
    assert torch.equal(filled[~repeated.isnan()], repeated[~repeated.isnan()])
    for row in range(2):
        for element in torch.nonzero(gaps[row].isnan()).flatten().tolist():
            drawn = filled[row::2, element]
            for value, p in zip(*exact(m, gaps[row], element), strict=True):
                frequency = (drawn == value).double().mean().item()
                assert abs(frequency - p) < 5 * np.sqrt(p * (1 - p) / len(drawn)) + 1e-9


def test_the_most_likely_values_of_one_order_are_those_of_cell_after_cell() -> None:
    m = model(FIXED)
    _, gaps = rows_with_gaps(m, rows=6, share=0.5)
    filled = impute(m, {"row": gaps.numpy()}, fill="likely").filled["row"]
    order = m.spec.variables["row"].orders.orders[0]
    for row, gap in enumerate(gaps):
        missing = torch.nonzero(gap.isnan()).flatten().tolist()
        if min((order.rank[e] for e in missing), default=4) > max(order.rank[e] for e in range(4) if e not in missing):
            continue  # drawn in the model's own order
        known = gap.clone()
        for element in missing:
            values, probabilities = exact(m, known, element)
            known[element] = float(values[probabilities.argmax()])
        assert torch.equal(filled[row].double(), known)


CONTINUOUS = """
record row { a : real  b : real  c : binary }
order row by [a, b, c]
p(row[i] | row[<i]) = default via linear
"""


@pytest.mark.thorough
def test_what_no_sum_gives_is_drawn_by_weights_and_said_to_be() -> None:
    """A continuous cell that others were drawn from: p(a | b, c) by Bayes' rule, here on a grid of its values."""
    m = ardsl.compile(ardsl.loads(CONTINUOUS), seed=3, dtype=torch.float64)
    gaps = torch.tensor([[torch.nan, 0.7, 1], [0.3, 0.7, torch.nan], [torch.nan, torch.nan, 1]], dtype=torch.float64)
    imputation = impute(m, {"row": gaps.numpy()}, draws=300, seed=1)
    assert imputation.estimated == 2 and 10 < imputation.effective_samples < 4_000
    grid = torch.linspace(-60, 60, 24_001, dtype=torch.float64)
    with torch.no_grad():
        p = m.log_prob(torch.stack([grid, torch.full_like(grid, 0.7), torch.ones_like(grid)], 1)).softmax(0)
    mean = (p * grid).sum().item()
    spread = ((p * (grid - mean) ** 2).sum().item()) ** 0.5
    drawn = torch.stack([draw["row"][0, 0] for draw in imputation.draws]).double()
    assert abs(drawn.mean().item() - mean) < 5 * spread / 300**0.5
    assert drawn.std().item() == pytest.approx(spread, rel=0.25)
    middle = impute(m, {"row": gaps.numpy()}, fill="mean", seed=1)
    assert middle.estimated == 1 and middle.effective_samples <= SAMPLES
    assert abs(middle.filled["row"][0, 0].item() - mean) < 0.05 * spread


@pytest.mark.thorough
def test_gaps_of_different_rows_are_filled_independently() -> None:
    """Also where each row misses other cells."""
    m = ardsl.compile(ardsl.loads(CONTINUOUS), seed=3, dtype=torch.float64)
    gaps = torch.tensor([[torch.nan, 0.7, 1], [torch.nan, torch.nan, 1]], dtype=torch.float64)
    draws = impute(m, {"row": gaps.numpy()}, draws=200, seed=1).draws
    first, second = torch.stack([draw["row"][:, 0] for draw in draws], 1).double()
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.3


def test_several_gaps_under_one_order_are_filled_from_draws() -> None:
    m = model(FIXED.replace("[c, a, d, b]", "[a, b, c, d]"))
    whole, _ = rows_with_gaps(m)
    gaps = whole.clone()
    gaps[:, 2:] = torch.nan
    filled = impute(m, {"row": gaps.numpy()}, fill="mean", seed=2).filled["row"]
    for row in range(len(gaps)):
        for element in (2, 3):
            values, probabilities = exact(m, gaps[row], element)
            mean = values @ probabilities
            spread = np.sqrt((values - mean) ** 2 @ probabilities)
            assert abs(filled[row, element] - mean) < 0.5 + 5 * spread / np.sqrt(SAMPLES)


def test_several_draws_are_independent_and_the_first_is_that_of_the_seed() -> None:
    m = model(ANY)
    _, gaps = rows_with_gaps(m, rows=1, share=0.5)
    gaps = gaps.repeat(20, 1)
    assert gaps.isnan().any()
    draws = impute(m, {"row": gaps.numpy()}, draws=40, seed=7).draws
    assert torch.equal(draws[0]["row"], impute(m, {"row": gaps.numpy()}, seed=7).filled["row"])
    drawn = torch.cat([draw["row"] for draw in draws])
    for element in torch.nonzero(gaps[0].isnan()).flatten().tolist():
        values, probabilities = exact(m, gaps[0], element)
        for value, p in zip(values, probabilities, strict=True):
            frequency = (drawn[:, element] == value).double().mean().item()
            assert abs(frequency - p) < 5 * np.sqrt(p * (1 - p) / len(drawn)) + 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fill": "mode"}, "there is no fill 'mode': there is draw, mean, median, likely"),
        ({"fill": "mean", "draws": 2}, '`mean` is the same every time: `draws = 2` goes with `fill = "draw"`'),
        ({"draws": 0}, "at least 1"),
        ({"unknown": "drop"}, "there is no unknown 'drop': there is missing, error"),
    ],
)
def test_bad_arguments_are_one_line(options: dict[str, object], message: str) -> None:
    with pytest.raises(ardsl.ArdslError) as error:
        impute(model(ANY), {"row": np.zeros((1, 4))}, **options)  # type: ignore[arg-type]
    assert message in str(error.value)


# Columns beside gaps


@pytest.mark.thorough
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99), st.integers(0, 3))
def test_a_column_beside_gaps_of_a_model_of_one_order_is_summed_over_them(seed: int, element: int) -> None:
    m = model(FIXED, seed)
    _, gaps = rows_with_gaps(m)
    cell = find_cell(m, m.spec.variables["row"].fields[element].name)
    prediction = predict(m, cell.column, {"row": gaps.numpy()})
    for row in range(len(gaps)):
        candidates = torch.cartesian_prod(
            *[
                torch.arange(low, high + 1).double() if i == element or gaps[row, i].isnan() else gaps[row, i : i + 1]
                for i, (low, high) in enumerate([(0, 1), (0, 2), (2, 5), (-1, 3)])
            ]
        )
        with torch.no_grad():
            p = m.log_prob(candidates).double().softmax(0)
        wanted = [p[candidates[:, element] == value].sum().item() for value in prediction.values]
        np.testing.assert_allclose(prediction.probabilities[row], wanted, atol=1e-9)
        if not gaps[row, element].isnan():
            own = wanted[int(gaps[row, element]) - int(prediction.values[0])]
            assert prediction.log_prob[row] == pytest.approx(np.log(own), abs=1e-9)


@pytest.mark.thorough
@settings(max_examples=15, deadline=None)
@given(tables(), st.floats(0.01, 0.99))
def test_means_and_quantiles_are_those_of_the_probabilities(table: Table, q: float) -> None:
    m = table.model
    data = {"row": table.whole.numpy()} | ({} if table.label is None else {"g": table.label.numpy()})
    for cell in cells(m):
        prediction = predict(m, cell.column, data)
        np.testing.assert_allclose(prediction.probabilities.sum(1), 1, atol=1e-9)
        if not cell.domain.ordered:
            with pytest.raises(ardsl.ArdslError, match="values are not in an order: it has no mean"):
                _ = prediction.mean
            continue
        mean = (prediction.probabilities * prediction.values).sum(1)
        np.testing.assert_allclose(prediction.mean, mean, rtol=1e-9, atol=1e-9)
        quantile, up_to = prediction.quantile(q), prediction.probabilities.cumsum(1)
        if prediction.finite:
            below = (prediction.values < quantile[:, None]) * prediction.probabilities
            assert (below.sum(1) <= q + 1e-9).all()
            at = (prediction.values == quantile[:, None]).argmax(1)
            assert (up_to[np.arange(len(at)), at] >= q - 1e-9).all()
        elif not cell.domain.discrete:  # the stretches' probabilities are spread evenly over them
            edges = np.append(prediction.starts, prediction.starts[-1] + prediction.widths[-1])
            for row, cumulated in enumerate(up_to):
                assert np.interp(quantile[row], edges, np.append(0, cumulated)) == pytest.approx(q, abs=1e-6)
        np.testing.assert_array_equal(prediction.median, prediction.quantile(0.5))


# Unknown values


TABLE = """id,a,b,c,d
r,1,y,3,0
s,0,Martian,4,2
t,1,z,99,1
u,0,x,some,-1
v,1,,2,3
"""
SEEN = TABLE.replace("Martian", "").replace("99", "").replace("some", "")
COUNTED = (
    "3 values are outside the domains that the model knows, and taken as missing: 2 in `c` such as '99', "
    "1 in `b` such as 'Martian'"
)


def in_files(path: Path) -> None:
    (path / "t.csv").write_text(TABLE)
    (path / "s.csv").write_text(SEEN)


def test_unknown_values_are_missing_ones(tmp_path: Path) -> None:
    in_files(tmp_path)
    m = model(ANY)
    for ask in (
        lambda path: predict(m, "a", path).probabilities,
        lambda path: predict(m, "c", path).log_prob,
        lambda path: np.stack([*score_cells(m, path).values()]),
        lambda path: impute(m, path, seed=1).filled["row"].numpy(),
        lambda path: impute(m, path, fill="median").filled["row"].numpy(),
    ):
        with pytest.warns(UserWarning) as warned:
            found = ask(tmp_path / "t.csv")
        assert [str(warning.message) for warning in warned] == [COUNTED]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_array_equal(found, ask(tmp_path / "s.csv"))


def test_unknown_values_can_be_refused(tmp_path: Path) -> None:
    in_files(tmp_path)
    m = model(ANY)
    for ask in (lambda: predict(m, "a", tmp_path / "t.csv", unknown="error"),
                lambda: score_cells(m, tmp_path / "t.csv", unknown="error"),
                lambda: impute(m, tmp_path / "t.csv", unknown="error")):  # fmt: skip
        with pytest.raises(ardsl.DataError, match="line 3, column `b`: `row.b` takes one of `x`, `y`, `z` "):
            ask()


def test_an_unknown_value_stays_as_it_was_written(tmp_path: Path) -> None:
    in_files(tmp_path)
    m = model(ANY)
    with pytest.warns(UserWarning, match="3 values are outside"):
        imputation = impute(m, tmp_path / "t.csv", seed=1, draws=2)
    write_filled(tmp_path / "f.csv", m.spec, open_source(tmp_path / "t.csv"), "test", imputation)
    header, *rows = csv.reader((tmp_path / "f.csv").read_text().splitlines())
    assert header == ["draw", "id", "a", "b", "c", "d"] and [row[0] for row in rows] == ["1"] * 5 + ["2"] * 5
    before = [*csv.reader(TABLE.splitlines())][1:] * 2
    differing = [(r, c) for r, row in enumerate(before) for c, cell in enumerate(row) if cell != rows[r][c + 1]]
    assert differing == [(4, 2), (9, 2)]
    assert isinstance(imputation, Imputation) and imputation.cells == 4


LACKING = [
    ("id,b,c,d\nr,y,3,0\ns,,4,2\n", "there is no column `a`, and it is taken as missing in every row"),
    (
        "b,cc,d\ny,3,0\n,4,2\n",
        "there are no columns `a`, `c`, and they are taken as missing in every row",
    ),
]


@pytest.mark.parametrize("order", [ANY, FIXED])
@pytest.mark.parametrize(("table", "note"), LACKING)
def test_a_column_that_is_not_there_is_one_of_gaps(tmp_path: Path, table: str, note: str, order: str) -> None:
    (tmp_path / "l.csv").write_text(table)
    header, *lines = table.splitlines()
    empty = [name for name in "abc" if name not in header.split(",")]
    (tmp_path / "e.csv").write_text(
        "\n".join([f"{header},{','.join(empty)}", *(f"{s}{',' * len(empty)}" for s in lines)])
    )
    missing = "marginalize" if order == ANY else "drop"
    text = DISCRETE.replace("ORDER", order) + f'data {{ train = "m.csv"  missing = {missing} }}\n'
    m = ardsl.compile(spec_in(tmp_path, text), seed=0, dtype=torch.float64)
    for ask in (
        lambda path: ardsl.score(m, path),
        lambda path: predict(m, "d", path).probabilities,
        lambda path: score_cells(m, path)["b"],
        lambda path: impute(m, path, seed=1).filled["row"].numpy(),
    ):
        with pytest.warns(UserWarning) as warned:
            found = ask(tmp_path / "l.csv")
        assert [str(warning.message) for warning in warned] == [note]
        np.testing.assert_array_equal(found, ask(tmp_path / "e.csv"))
    with pytest.warns(UserWarning, match="taken as missing"):
        imputation = impute(m, tmp_path / "l.csv", seed=1)
    write_filled(tmp_path / "f.csv", m.spec, open_source(tmp_path / "l.csv"), "test", imputation)
    filled = [*csv.DictReader((tmp_path / "f.csv").read_text().splitlines())]
    assert [*filled[0]] == [*header.split(","), *empty]
    assert all(row[name] in "01xyz2345" and row[name] for row in filled for name in [*empty, "b"])
    assert imputation.cells == 2 * len(empty) + 1


def test_columns_that_are_not_there_can_be_refused(tmp_path: Path) -> None:
    m = model(ANY)
    (tmp_path / "l.csv").write_text("b,c,d\ny,3,0\n")
    (tmp_path / "none.csv").write_text("e,f\n1,2\n")
    for table, options in (("l.csv", {"unknown": "error"}), ("none.csv", {})):
        with pytest.raises(ardsl.DataError, match="AR502.*there is no column `a` for `row`"):
            impute(m, tmp_path / table, **options)


def test_scores_of_rows_with_unknown_values(tmp_path: Path) -> None:
    """Marginalized, whether the spec takes incomplete rows for the training, leaves them out or refuses them; refused
    where that is asked for."""
    in_files(tmp_path)
    (tmp_path / "t.csv").write_text(TABLE.replace("v,1,,2,3\n", ""))
    (tmp_path / "s.csv").write_text(SEEN.replace("v,1,,2,3\n", ""))
    (tmp_path / "m.csv").write_text("id,a,b,c,d\n" + "".join(f"{n},1,y,3,0\n" for n in range(4)))
    for missing, order in (("marginalize", ANY), ("drop", FIXED), ("error", FIXED)):
        text = DISCRETE.replace("ORDER", order) + f'data {{ train = "m.csv"  missing = {missing} }}\n'
        m = ardsl.compile(spec_in(tmp_path, text), seed=0, dtype=torch.float64)
        with pytest.raises(ardsl.DataError, match="column `b`: `row.b` takes one of `x`, `y`, `z` "):
            ardsl.score(m, tmp_path / "t.csv", unknown="error")
        with pytest.warns(UserWarning, match="3 values are outside"):
            scores = ardsl.score(m, tmp_path / "t.csv")
        np.testing.assert_array_equal(scores, ardsl.score(m, tmp_path / "s.csv"))
        with torch.no_grad():
            own = m.log_prob(torch.tensor([[1.0, 1, 3, 0]], dtype=torch.float64))
            without_c = [m.log_prob(torch.tensor([[1.0, 2, c, 1]], dtype=torch.float64)) for c in (2, 3, 4, 5)]
        assert scores[0] == pytest.approx(own.item())
        if order == FIXED:
            assert scores[2] == pytest.approx(torch.cat(without_c).logsumexp(0).item())
            assert not ardsl.queries.evaluate.scores(m, tmp_path / "s.csv").standard_error.any()
        assert np.isfinite(scores).all()


def test_training_and_given_values_take_no_unknown_value(tmp_path: Path) -> None:
    in_files(tmp_path)
    text = DISCRETE.replace("ORDER", ANY) + "data { missing = marginalize }\ntrain { epochs = 1 }\n"
    with pytest.raises(ardsl.DataError, match="not 'Martian'"):
        ardsl.fit(spec_in(tmp_path, text), tmp_path / "t.csv", progress=False)
    text = "given g : category(2)\n" + DISCRETE.replace("ORDER", ANY).replace("row[<i])", "row[<i], g)")
    m = ardsl.compile(spec_in(tmp_path, text))
    (tmp_path / "g.csv").write_text("a,b,c,d,g\n1,y,3,0,7\n")
    with pytest.raises(ardsl.DataError, match="`g` takes a code from 0 to 1"):
        impute(m, tmp_path / "g.csv")


@settings(max_examples=15, deadline=None)
@given(tables(any_order=True), st.data())
def test_any_unknown_value_is_as_an_empty_cell(table: Table, data: st.DataObject) -> None:
    m = table.model
    names = [cell.column for cell in cells(m)]
    strange = data.draw(st.lists(st.sampled_from(["Martian", "1e400", "-inf", "0x1"]), min_size=1, max_size=4))
    with TemporaryDirectory() as directory:
        place, generator = Path(directory), np.random.default_rng(data.draw(st.integers(0, 99)))
        tables_with = {"unknown": [], "empty": []}
        for row in table.gaps.tolist():
            written = []
            for value, cell in zip(row, cells(m), strict=True):
                labels = cell.domain.labels
                known = "" if np.isnan(value) else labels[int(value)] if labels else repr(value)
                written.append((known, known) if generator.random() < 0.7 else (str(generator.choice(strange)), ""))
            tables_with["unknown"].append([unknown for unknown, _ in written])
            tables_with["empty"].append([empty for _, empty in written])
        for name, rows in tables_with.items():
            extra = [] if table.label is None else ["g"]
            labels = [[]] * len(rows) if table.label is None else [[g] for g in table.label.tolist()]
            with (place / f"{name}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([[*names, *extra], *([*r, *g] for r, g in zip(rows, labels, strict=True))])
        found = []
        for name in tables_with:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                found.append(impute(m, place / f"{name}.csv", seed=1).filled["row"])
        torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)
