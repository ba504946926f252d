"""Whatever is passed for an argument, the answer is right, or one clear line."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ardsl


class Frame:
    """As data frames are: columns by name, each an array."""

    def __init__(self, **columns: Any) -> None:
        self._columns = columns

    @property
    def columns(self) -> list[str]:
        return list(self._columns)

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.stack([np.asarray(column) for column in self._columns.values()], 1)


SPECS = {
    "real": "observed x[3] : real\np(x[i] | x[<i]) = normal via made(hidden = 4)",
    "orders": "observed x[3] : binary\norder x by any(orders = 2)\np(x[i] | x[<i]) = bernoulli via made(hidden = 4)",
    "table": "observed x[3] : category(5)\np(x[t] | x[t-1]) = categorical via table(tied = true)",
    "two": "given u : binary\nobserved y : real\nobserved z : count\np(y | u) = normal\np(z | y) = poisson",
    "time": "observed x[time: ..5] : binary\np(x[t] | x[<t]) = bernoulli via wavenet(blocks = 1, layers = 2)",
    "record": "record r { a : binary  b : real }\np(r[i] | r[<i]) = default via made(hidden = 4)",
    "latent": "latent h : real\nobserved x[3] : binary\np(h) = normal(0, 1)\np(x | h) = bernoulli\nq(h | x) = normal",
    "latent given": "given c : binary\nlatent h : real\nobserved x[3] : binary\np(h) = normal(0, 1)\n"
    "p(x | h, c) = bernoulli\nq(h | x) = normal",
}


@cache
def model(name: str) -> Any:
    return ardsl.compile(ardsl.loads(SPECS[name]), seed=0)


def _spec(name: str) -> ardsl.Spec:
    return model(name).spec


X, B = torch.zeros(2, 3), {"y": torch.zeros(2), "z": torch.zeros(2)}
U = torch.zeros(2)


def _streamed(**options: Any) -> Any:
    return list(model("time").stream(**options))


CALLS: dict[str, Callable[[Any], Any]] = {
    "compile seed": lambda v: ardsl.compile(_spec("real"), seed=v),
    "compile dtype": lambda v: ardsl.compile(_spec("real"), dtype=v),
    "compile spec": lambda v: ardsl.compile(v),
    "plan": lambda v: ardsl.plan(v),
    "verify": lambda v: ardsl.verify(v),
    "verify_numeric spec": lambda v: ardsl.verify_numeric(v),
    "verify_numeric seed": lambda v: ardsl.verify_numeric(_spec("real"), seed=v),
    "dependence variable": lambda v: ardsl.dependence(_spec("real"), v),
    "dependence order": lambda v: ardsl.dependence(_spec("orders"), "x", v),
    "realized variable": lambda v: ardsl.realized(_spec("real"), v),
    "realized order": lambda v: ardsl.realized(_spec("real"), "x", v),
    "audit shape": lambda v: ardsl.audit(lambda x: 0 * x, v),
    "audit order": lambda v: ardsl.audit(lambda x: 0 * x, 3, v),
    "audit points": lambda v: ardsl.audit(lambda x: 0 * x, 3, points=v),
    "audit inputs": lambda v: ardsl.audit(lambda x: 0 * x, 3, inputs=v),
    "audit seed": lambda v: ardsl.audit(lambda x: 0 * x, 3, seed=v),
    "log_prob, real": lambda v: model("real").log_prob(v),
    "log_prob, table": lambda v: model("table").log_prob(v),
    "log_prob, two": lambda v: model("two").log_prob(v, U),
    "log_prob, one of two": lambda v: model("two").log_prob(B | {"z": v}, U),
    "log_prob, time": lambda v: model("time").log_prob(v),
    "log_prob, record": lambda v: model("record").log_prob(v),
    "log_prob given": lambda v: model("two").log_prob(B, v),
    "log_prob lengths": lambda v: model("time").log_prob(torch.zeros(2, 5), lengths=v),
    "log_prob order": lambda v: model("orders").log_prob(X, order=v),
    "log_prob order of one": lambda v: model("real").log_prob(X, order=v),
    "noise n": lambda v: model("real").noise(v),
    "noise seed": lambda v: model("real").noise(2, v),
    "sample n": lambda v: model("real").sample(v),
    "sample given": lambda v: model("two").sample(2, v),
    "sample lengths": lambda v: model("time").sample(2, lengths=v),
    "sample prefix": lambda v: model("time").sample(2, prefix=v),
    "sample seed": lambda v: model("real").sample(2, seed=v),
    "sample noise": lambda v: model("real").sample(2, noise=v),
    "sample evaluator": lambda v: model("real").sample(2, evaluator=v),
    "stream n": lambda v: _streamed(n=v),
    "stream steps": lambda v: _streamed(steps=v),
    "stream length": lambda v: _streamed(length=v),
    "stream prefix": lambda v: _streamed(prefix=v),
    "stream seed": lambda v: _streamed(seed=v),
    "measure": lambda v: copy.deepcopy(model("real")).measure(v),
    "measure, time": lambda v: copy.deepcopy(model("time")).measure({"x": v}),
    "measure, given": lambda v: copy.deepcopy(model("two")).measure(B | {"u": v}),
    "loss": lambda v: model("real").loss(v),
    "loss, real": lambda v: model("real").loss({"x": v}),
    "loss, two": lambda v: model("two").loss(v),
    "objective, latent": lambda v: model("latent").objective(v),
    "complete": lambda v: model("real").complete(v),
    "complete seed": lambda v: model("real").complete(X * math.nan, seed=v),
    "distribution": lambda v: model("two").distribution(v),
    "latent log_prob_bound": lambda v: model("latent").log_prob_bound(v, samples=2),
    "latent samples": lambda v: model("latent").log_prob_bound(X, samples=v),
    "latent elbo": lambda v: model("latent").elbo(v),
    "latent elbo samples": lambda v: model("latent").elbo(X, samples=v),
    "latent elbo seed": lambda v: model("latent").elbo(X, seed=v),
    "latent sample n": lambda v: model("latent").sample(v),
    "latent sample seed": lambda v: model("latent").sample(2, seed=v),
    "latent sample noise": lambda v: model("latent").sample(2, noise=v),
    "latent sample fix": lambda v: model("latent").sample(2, fix=v),
    "latent sample fix h": lambda v: model("latent").sample(2, fix={"h": v}),
    "latent between": lambda v: model("latent").between(v),
    "latent between n": lambda v: model("latent").between("h", v),
    "latent between given": lambda v: model("latent given").between("h", 2, v),
    "latent infer": lambda v: model("latent").infer(v),
    "latent infer seed": lambda v: model("latent").infer(X, seed=v),
    "latent reconstruct": lambda v: model("latent").reconstruct(v),
    "latent reconstruct keep": lambda v: model("latent").reconstruct(X, keep=v),
    "evaluate batch": lambda v: ardsl.evaluate(model("real"), X, batch=v),
    "evaluate split": lambda v: ardsl.evaluate(model("real"), X, split=v),
    "evaluate samples": lambda v: ardsl.evaluate(model("latent"), X, samples=v),
    "score batch": lambda v: ardsl.score(model("real"), X, batch=v),
    "calibrate seed": lambda v: ardsl.calibrate(model("real"), torch.randn(40, 3), seed=v),
    "calibrate level": lambda v: ardsl.calibrate(model("real"), torch.randn(40, 3), level=v),
}

small = st.integers(-2, 7)
numbers = small | st.floats(-9, 9) | st.sampled_from([math.nan, math.inf, 1e300, 1 << 70, 1.5, 1 + 2j, True])
scalars = numbers | st.none() | st.text(max_size=4) | st.sampled_from(["x", "u", "h", "raster", "test"])
shapes = st.sampled_from([(), (1,), (2,), (3,), (2, 1), (2, 3), (1, 3), (2, 2), (2, 5), (0, 3), (2, 3, 1)])
TORCH = (torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8, torch.bool)
NUMPY = ("f4", "f8", ">f8", "f2", "i8", "u2", "?", "c16", "O", "U3", "M8[s]", "S2")


@st.composite
def arrays(draw: st.DrawFn) -> Any:
    shape, value = draw(shapes), draw(small)
    kind = draw(st.sampled_from([*TORCH, torch.complex64, *NUMPY]))
    if isinstance(kind, torch.dtype):
        found = torch.full(shape, value % 8 if kind == torch.uint8 else value).to(kind)
        return found.to_sparse() if draw(st.integers(0, 9)) == 0 and shape and kind.is_floating_point else found
    array = np.full(shape, str(value) if kind == "O" else value).astype(kind)
    array.flags.writeable = draw(st.booleans())
    return array[::-1] if shape and draw(st.booleans()) else array


values = st.recursive(
    scalars | arrays() | st.builds(object) | st.sampled_from([torch.float32, torch.int64, np.int64(3), np.float32(1)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y", "z", "u", "h", "r"]) | small, inner, max_size=3)
        | st.dictionaries(st.sampled_from(["x", "y", "z", "u", "a", "b"]), inner, max_size=3).map(lambda d: Frame(**d))
    ),
    max_leaves=4,
)


@pytest.mark.filterwarnings("ignore:.* is not standardized")  # which is said of large numbers, rightly
@pytest.mark.parametrize("name", CALLS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=values)
def test_any_argument_is_taken_or_refused_in_one_line(name: str, value: Any) -> None:
    try:
        CALLS[name](value)
    except ardsl.ArdslError as error:
        assert str(error) and "\n" not in str(error)
        assert len(str(error)) < 400


def test_what_is_lacking_or_too_much_is_said() -> None:
    with pytest.raises(ardsl.ArdslError, match="`c` has 2 examples where 1 are needed"):
        model("latent given").between("h", 2, {"c": [0, 1]})
    with pytest.raises(ardsl.ArdslError, match="the batch needs exactly the variables y, z, u; missing: u"):
        model("two").loss(B)
    with pytest.raises(ardsl.ArdslError, match="the number of samples is below 2\\^31"):
        model("real").sample(1 << 31)


def test_sparse_data_is_refused_whatever_its_type() -> None:
    for dtype in (torch.float32, torch.float64):
        with pytest.raises(ardsl.ArdslError, match="`x` must be a dense array of real numbers"):
            model("real").log_prob(torch.zeros(2, 3, dtype=dtype).to_sparse())


def test_whole_numbers_that_end_early_can_be_measured() -> None:
    spec = ardsl.loads("observed x[time: ..5] : real\np(x[t] | x[<t]) = normal via made(hidden = 4)")
    whole, decimal = ardsl.compile(spec, seed=0), ardsl.compile(spec, seed=0)
    whole.measure({"x": torch.tensor([[1, 5], [4, 2]])})
    decimal.measure({"x": torch.tensor([[1.0, 5], [4, 2]])})
    x = torch.tensor([[1.0, 2, 3]])
    assert whole.log_prob(x) == decimal.log_prob(x)
