"""Orders as declared: the rank of each element."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import ardsl
from ardsl.relations.order import shuffle
from tests.support.model_specs import codes, model_of, resolve


def ranks(order: str, declaration: str = "x[row: 2, column: 3] : real", directory: str = ".") -> list[int]:
    text = f"observed {declaration}\norder x by {order}\np(x[i] | x[<i]) = normal"
    return model_of(text, directory).variables["x"].orders.order.rank.tolist()


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("raster", [0, 1, 2, 3, 4, 5]),
        ("raster(row, column)", [0, 1, 2, 3, 4, 5]),
        ("raster(column, row)", [0, 2, 4, 1, 3, 5]),
        ("raster(1, 0)", [0, 2, 4, 1, 3, 5]),
        ("reverse", [5, 4, 3, 2, 1, 0]),
        ("snake", [0, 1, 2, 5, 4, 3]),
        ("[5, 0, 2, 4, 1, 3]", [1, 4, 2, 5, 3, 0]),
        ("blocks(1, 3)", [0, 0, 0, 1, 1, 1]),
        ("blocks([2, 2])", [0, 0, 1, 0, 0, 1]),
        ("shuffle(seed = 7)", shuffle((2, 3), 7).rank.tolist()),
        ("shuffle(7)", shuffle((2, 3), 7).rank.tolist()),
    ],
)
def test_orders(order: str, found: list[int]) -> None:
    assert ranks(order) == found


def test_weak_orders() -> None:
    assert ranks("checkerboard") == [0, 1, 0, 1, 0, 1]


def test_mixture_of_orders() -> None:
    text = 'observed x[6] : real\norder x by any(orders = 3, train = "all", seed = 2)\np(x[i] | x[<i]) = normal'
    orders = model_of(text).variables["x"].orders
    assert (len(orders), orders.train_all, orders.seed, orders.mixed) == (3, True, 2, True)


def test_order_of_draws() -> None:
    """Axes that one draw covers are left out of the order, and of an explicit one's indices."""
    text = "observed x[2, 2] : real\norder x by [1, 0]\np(x[t, *] | x[<]) = multivariate_normal"
    order = model_of(text).variables["x"].orders.order
    assert order.rank.tolist() == [1, 1, 0, 0]
    assert (order.steps, order.weak) == (2, False)


def test_order_of_draws_by_axis() -> None:
    text = (
        "observed x[row: 2, channel: 2, column: 2] : real\norder x by raster(column, row)\n"
        "p(x[r, *, c] | x[<]) = multivariate_normal"
    )
    assert model_of(text).variables["x"].orders.order.rank.tolist() == [0, 2, 0, 2, 1, 3, 1, 3]


def test_order_from_a_parameter() -> None:
    text = "param listed = [2, 0, 1]\nobserved x[3] : real\norder x by listed\np(x[i] | x[<i]) = normal"
    assert model_of(text).variables["x"].orders.order.permutation.tolist() == [2, 0, 1]
    assert model_of(text, listed=[0, 1, 2]).variables["x"].orders.order.permutation.tolist() == [0, 1, 2]


def test_order_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "order.npy", np.array([2, 0, 1]))
    assert ranks('"order.npy"', "x[3] : real", str(tmp_path)) == [1, 2, 0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (np.array([2, 0, 0]), "more than once"),
        (np.array([2, 0]), "lists 2 elements"),
        (np.array([2, 0, 3]), "lists element 3"),
        (np.array([2.0, 0.0, 1.0]), "one-dimensional array of integers"),
        (np.array([[2, 0, 1]]), "one-dimensional array of integers"),
        (np.array([{}], dtype=object), "cannot be read"),
        (b"PK not a file of numpy's", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_order_files_that_cannot_be_used(tmp_path: Path, content: np.ndarray | bytes, problem: str) -> None:
    path = tmp_path / "order.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    _, diagnostics = resolve('observed x[3] : real\norder x by "order.npy"\np(x) = normal', str(tmp_path))
    assert [d.code for d in diagnostics] == ["AR254"]
    assert problem in diagnostics[0].message


def test_a_folder_is_no_order(tmp_path: Path) -> None:
    (tmp_path / "order.npy").mkdir()
    _, diagnostics = resolve('observed x[3] : real\norder x by "order.npy"\np(x) = normal', str(tmp_path))
    assert [d.code for d in diagnostics] == ["AR254"]


def test_precedence() -> None:
    text = "observed a : real\nobserved b : real\norder a, b\np(a) = normal\np(b | a) = normal"
    assert model_of(text).precedence == (("a", "b"),)


def test_order_of_fields() -> None:
    record = "record r { a : real  b : real  c : real }\np(r[i] | r[<i]) = default\norder r by "
    assert model_of(record + "[c, a, b]").variables["r"].orders.order.permutation.tolist() == [2, 0, 1]
    assert model_of(record + '["c", "a", "b"]').variables["r"].orders.order.permutation.tolist() == [2, 0, 1]
    assert model_of(record + "[2, 0, 1]").variables["r"].orders.order.permutation.tolist() == [2, 0, 1]
    assert model_of(record + "shuffle(seed = 1)").variables["r"].orders.name == "shuffle(seed = 1)"
    assert codes(record + "[c, a]") == ["AR253"]
    assert codes(record + "raster(a, b, c)") == ["AR255"]


@pytest.mark.parametrize("name", ["raster", "reverse", "snake", "diagonal", "spiral", "shuffle", "checkerboard"])
def test_a_parameter_names_an_order(name: str) -> None:
    """So orders can be set and swept."""
    text = "observed x[4, 4] : binary\norder x by {order}\np(x[i] | x[<i]) = bernoulli\n"
    swept = ardsl.loads('param order = "reverse"\n' + text.format(order="order"), order=name)
    written = ardsl.loads(text.format(order=name))
    ours, theirs = (spec.model.variables["x"].orders.orders[0].rank for spec in (swept, written))
    assert (ours == theirs).all()
