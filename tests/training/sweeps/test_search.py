"""What a sweep tries is in its space, and a function of what was tried before; its table is read back as written."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.training.sweeps import search
from ardsl.training.sweeps.results import Ended, Result, ranked, read_results, run_name, write_results
from ardsl.training.sweeps.search import Range, check_search, grid, holds, make_space, propose, size

DECLARED: dict[str, Any] = {"n": 1, "rate": 0.1, "deep": False, "act": "relu", "hidden": (8, 8)}
VALUES: dict[str, Any] = {
    "n": st.integers(-100, 100),
    "rate": st.floats(-1e9, 1e9),
    "deep": st.booleans(),
    "act": st.text(st.characters(codec="utf-8"), max_size=200),
    "hidden": st.lists(st.integers(1, 1000), max_size=60).map(tuple),
}
PARAMS = st.fixed_dictionaries(VALUES).map(lambda found: {name: found[name] for name in VALUES})
SPACE = make_space(
    DECLARED, {"hidden": [[4], [4, 4]], "rate": Range(1e-4, 1), "n": Range(2, 9), "act": ["relu", "tanh"]}
)


def test_a_grid_has_every_combination_once_the_first_parameter_slowest() -> None:
    space = make_space(DECLARED, {"rate": [1, 0.5, 1.0], "n": [3, 1]})
    assert [tuple(params.items()) for params in grid(space)] == [
        (("n", n), ("rate", rate)) for n in (3, 1) for rate in (1.0, 0.5)
    ]
    assert size(space) == 4 and size(SPACE) == math.inf and size(make_space(DECLARED, {"n": Range(2, 9)})) == 8


@pytest.mark.parametrize(
    "over, told",
    [
        ({}, "needs a parameter"),
        ({"hiden": [[3]]}, "there is no parameter `hiden` to sweep over: did you mean `hidden`"),
        ({"zzzzzzzz": [[3]]}, "the parameters are `n`, `rate`"),
        ({"n": []}, "no values of `n`"),
        ({"n": 3}, "takes a list of values"),
        ({"act": "relu"}, "takes a list of values"),
        ({"n": [1, 2.0]}, "`n` is an integer and cannot be set to `2.0`"),
        ({"n": [True]}, "`n` is an integer and cannot be set to `true`"),
        ({"rate": [math.nan]}, "`rate` is a real and cannot be set to `nan`"),
        ({"hidden": [8]}, "is a list of integers and cannot be set to `8`"),
        ({"n": Range(1, 2.5)}, "`n` is an integer and cannot be set to `2.5`"),
        ({"n": Range(2, 2)}, "range 2..2 of `n` is empty"),
        ({"act": Range(1, 2)}, "`act` is a string, and takes no range"),
        ({"deep": Range(0, 1)}, "takes no range"),
    ],
)
def test_a_space_that_cannot_be_is_one_line(over: dict[str, Any], told: str) -> None:
    with pytest.raises(ardsl.DataError, match=f"^error.AR510.: .*{told}"):
        make_space(DECLARED, over)


def test_too_many_combinations_are_refused_at_once() -> None:
    with pytest.raises(ardsl.DataError, match="1,000,000 combinations are more than 10,000"):
        grid(make_space(DECLARED, {"n": range(1000), "rate": range(1000)}))


def test_a_range_needs_trials_and_trials_optuna(monkeypatch: pytest.MonkeyPatch) -> None:
    choices = make_space(DECLARED, {"n": [1, 2]})
    check_search(choices, None)
    check_search(SPACE, 3)
    with pytest.raises(ardsl.DataError, match="the range of `n` needs a number of trials, --trials N$"):
        check_search(SPACE, None)
    with pytest.raises(ardsl.DataError, match="at least 1, not 0"):
        check_search(SPACE, 0)
    monkeypatch.setattr(search, "find_spec", lambda name: None)
    check_search(choices, None)
    for space, trials in ((choices, 3), (SPACE, 3), (SPACE, None)):
        with pytest.raises(ardsl.DataError, match=r"`pip install 'ardsl\[sweep\]'`$"):
            check_search(space, trials)


def test_a_range_is_searched_by_factors_only_where_they_matter() -> None:
    assert Range(1e-4, 1e-2).log and Range(1, 100).log
    assert not any(r.log for r in (Range(0, 100), Range(-1, 100), Range(1, 10), Range(0.5, 1)))


@pytest.mark.parametrize("trials", [0, 12])
def test_proposals_are_of_the_space_and_a_function_of_the_trials(trials: int) -> None:
    known: list[tuple[dict[str, Any], float]] = []
    for n in range(trials):
        params = propose(SPACE, known, (0, n))
        known.append((params, math.inf if n == 3 else params["rate"]))
    for seed in range(10):
        found = propose(SPACE, known, (seed,))
        assert holds(SPACE, found) and list(found) == list(SPACE)
        assert {name: type(value) for name, value in found.items()} == {n: type(DECLARED[n]) for n in SPACE}
        assert found["rate"] == float(f"{found['rate']:.4g}"), "more digits than a folder's name can take"
        assert found == propose(SPACE, known, (seed,))
    assert len({propose(SPACE, known, (seed,))["rate"] for seed in range(10)}) == 10


def test_a_search_learns() -> None:
    """Of a smooth loss, later trials are better than those drawn at random, by far."""
    space = make_space(DECLARED, {"rate": Range(1e-6, 1), "act": ["relu", "tanh"]})
    known: list[tuple[dict[str, Any], float]] = []
    for n in range(40):
        params = propose(space, known, (1, n))
        loss = abs(math.log10(params["rate"]) + 3) + (params["act"] == "relu")
        known.append((params, math.inf if loss > 3 else loss))
    first, last = ([loss for _, loss in part] for part in (known[:10], known[-10:]))
    assert sorted(last)[5] < 0.5 * sorted(first)[5]


@pytest.mark.thorough
@given(PARAMS, PARAMS)
@settings(deadline=None)
def test_runs_of_other_params_have_other_names(a: dict[str, Any], b: dict[str, Any]) -> None:
    for name in VALUES:
        assert (run_name({name: a[name]}) == run_name({name: b[name]})) is (repr(a[name]) == repr(b[name]))
    name = run_name(a)
    assert (name == run_name(b)) is (repr(a) == repr(b))
    assert "/" not in name and name.isascii() and name.isprintable() and len(name) < 150


def test_a_name_says_the_values() -> None:
    assert run_name({"width": 100, "rate": 1e-05, "hidden": (8, 8), "act": "relu", "deep": True}) == (
        "width=100,rate=1e-05,hidden=[8,8],act=relu,deep=true"
    )
    assert run_name({"a": "x,b=3", "b": "y"}) != run_name({"a": "x", "b": "3,b=y"})


NUMBERS = st.none() | st.floats(allow_nan=False, allow_infinity=False)


ROWS = st.tuples(PARAMS, NUMBERS, NUMBERS, st.none() | st.integers(0), st.sampled_from(get_args(Ended)))


@given(st.lists(ROWS, max_size=4))
@settings(deadline=None)
def test_a_table_is_read_back_as_it_was_written(rows: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        results = [
            Result(n, params, valid, error, epoch, error, epoch, ended, directory / run_name(params))
            for n, (params, valid, error, epoch, ended) in enumerate(rows, 1)
        ]
        write_results(directory, list(DECLARED), results)
        assert read_results(directory, DECLARED) == results
    losses = [result.loss for result in ranked(results)]
    assert losses == sorted(losses)


@pytest.mark.parametrize(
    "text, told",
    [
        ("", "not the table of a sweep"),
        ("name,age\nanna,3\n", "not the table of a sweep"),
        ("run,m,valid,standard_error,best_epoch,seconds,parameters,ended\n", "is of a sweep over m, not n: choose"),
        ("run,n,valid,standard_error,best_epoch,seconds,parameters,ended\n1,2,3\n", "or damaged"),
        ("run,n,valid,standard_error,best_epoch,seconds,parameters,ended\n1,x,1,1,1,1,1,epochs\n", "or damaged"),
        ("run,n,valid,standard_error,best_epoch,seconds,parameters,ended\n1,2,1,1,1,1,1,ok\n", "or damaged"),
        ("run,n,valid,standard_error,best_epoch,seconds,parameters,ended\n1,1.5,1,1,1,1,1,epochs\n", "or damaged"),
        ("\udcff\x00", "not the table of a sweep"),
    ],
)
def test_a_table_of_something_else_is_one_line(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ardsl.DataError, match=f"^error.AR520.: .*results.csv: .*{told}.*$"):
        read_results(tmp_path, {"n": 1})
