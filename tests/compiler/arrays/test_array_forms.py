"""Arrays as people have them: right numbers, or one clear line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from pyarrow import table

import ardsl
from tests.compiler.test_arguments import SPECS, Frame, model

INSIDE = {"unit_interval": 0.5}


def same(a: Any, b: Any) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_a_data_frame_has_the_variables_in_its_columns() -> None:
    y, z, u = np.array([0.5, -1.0]), np.array([3, 0]), np.array([1, 0])
    expected = model("two").log_prob({"y": y, "z": z}, {"u": u})
    for frame in (Frame(z=z, u=u, y=y, other=y), table({"other": y, "y": y, "z": z, "u": u})):
        same(model("two").log_prob(frame, frame), expected)
    x = np.arange(6.0).reshape(2, 3)
    expected = model("real").log_prob(x)
    named = Frame(**{"x[2]": x[:, 2], "x[0]": x[:, 0], "x[1]": x[:, 1]})
    for frame in (named, Frame(a=x[:, 0], b=x[:, 1], c=x[:, 2]), table({c: x[:, k] for k, c in enumerate("abc")})):
        same(model("real").log_prob(frame), expected)
    row = Frame(b=np.array([0.25]), a=np.array([1.0]))
    same(model("record").log_prob(row), model("record").log_prob([[1.0, 0.25]]))
    spec = ardsl.loads('record r { a : category("n", "s")  b : real }\np(r[i] | r[<i]) = default via made(hidden = 4)')
    rows = Frame(a=["s", "n"], b=[0.25, 1.0])
    same(ardsl.compile(spec).log_prob(rows), ardsl.compile(spec).log_prob([[1.0, 0.25], [0.0, 1.0]]))
    with pytest.raises(ardsl.ArdslError, match="^the data needs exactly the variables y, z; missing: z$"):
        model("two").log_prob(Frame(y=y), u)


@pytest.mark.parametrize("form", (">f8", "f2", "i2", "u2", "?"))
def test_arrays_of_numpy_in_any_form(form: str) -> None:
    x = np.array([[1, 0, 1], [0, 1, 1]])
    array = x.astype(form)[::-1]
    array.flags.writeable = False
    same(model("real").log_prob(array), model("real").log_prob(torch.tensor(x).flip(0).float()))


def test_what_is_no_array_of_real_numbers() -> None:
    for value, reason in (
        (torch.full((1, 3), 1 + 5j), "`x` must be a dense array of real numbers, not complex numbers"),
        ([["a", "b", "c"]], "`x` must be numbers, not 'a'"),
        (None, "the data needs a dict with the variables x"),
        ([[1, 2, 3], [1]], "`x` must be an array of numbers, not [[1, 2, 3], [1]]"),
    ):
        with pytest.raises(ardsl.ArdslError) as error:
            model("real").log_prob(value)
        assert str(error.value) == reason


def test_only_the_orders_there_are() -> None:
    x = torch.zeros(1, 3)
    same(model("real").log_prob(x, order=0), model("real").log_prob(x))
    with pytest.raises(ardsl.ArdslError, match="^`x` has one order, number 0; there is no order 1$"):
        model("real").log_prob(x, order=1)
    with pytest.raises(ardsl.ArdslError, match="^`x` has orders 0 to 1; there is no order 2$"):
        model("orders").log_prob(x, order=2)
    with pytest.raises(ardsl.ArdslError, match=r"^the seed is an integer from 0 to 2\^64 - 1, not 1.5$"):
        model("real").sample(1, seed=1.5)
    same(model("real").sample(2, seed=np.int64(7)), model("real").sample(2, seed=7))


NETWORKS = ("made(hidden = 4)", "linear", "table", "table(tied = true)", "linear(tied = true)", "wavenet(layers = 2)")
DOMAINS = {
    "binary": (2, -1, 0.5, 9),
    "category(4)": (4, 5, 7, -1, 0.5, 1e30),
    "integer(-2, 3)": (4, -3, 0.5, 1e30),
    "count": (-1, -3, 0.5),
    "real": (),
    "positive": (0, -1),
    "unit_interval": (0, 1, 2),
    "angle": (4, -9),
    "mulaw(8)": (2, -1.5),
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("domain", DOMAINS)
def test_an_example_with_a_value_outside_its_domain_is_impossible(network: str, domain: str) -> None:
    past = "x[t-1]" if "table" in network or "tied" in network else "x[<t]"
    text = f"observed x[time: 4] : {domain}\np(x[t] | {past}) = default via {network}"
    if "table" in network and domain in ("count", "real", "positive", "unit_interval", "angle"):
        return  # tables read finite domains
    density = ardsl.compile(ardsl.loads(text), seed=0)
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    legal = torch.full((1, 4), 0.5 if domain == "unit_interval" else 1.0, dtype=torch.float64)
    for value in (*DOMAINS[domain], math.inf, -math.inf):
        for place in range(4):
            strange = legal.clone()
            strange[0, place] = value
            both = torch.cat([strange, legal])
            assert density.log_prob(both).tolist() == pytest.approx(
                [-math.inf, density.log_prob(legal).item()], rel=1e-4
            )
            found = density.log_prob(both, elementwise=True)
            found = found["x"] if isinstance(found, dict) else found
            assert (found[0] == -math.inf).tolist() == [k == place for k in range(4)]


HALF = (torch.bfloat16, torch.float16)
LAWS = {
    "normal": "real",
    "gamma": "positive",
    "beta": "unit_interval",
    "poisson": "count",
    "bernoulli": "binary",
    "categorical": "category(4)",
    "discretized(logistic)": "integer(0, 5)",
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_draws_what_is_unlikely_too(law: str, dtype: torch.dtype) -> None:
    spec = ardsl.loads(f"observed x[3] : {LAWS[law]}\np(x[i] | x[<i]) = {law} via made(hidden = 4)")
    half, full = ardsl.compile(spec, seed=0, dtype=dtype), ardsl.compile(spec, seed=0)
    x = half.sample(2000, seed=1)
    assert isinstance(x, torch.Tensor)
    first = x[:, 0].double()  # its parameters are those that both begin with
    expected = full.sample(2000, seed=1)[:, 0].double()
    assert abs(first.mean() - expected.mean()) <= 0.02 * (1 + expected.std())
    assert abs(first.max() - expected.max()) <= 0.02 * (1 + expected.max().abs())
    both = [m.log_prob(x[:50].to(torch.float64)) for m in (half, full)]
    torch.testing.assert_close(both[0].float(), both[1], rtol=0.05, atol=0.05)


def test_codes_that_half_precision_cannot_tell_apart() -> None:
    """They keep a type that can; what half precision alone would make a code is refused."""
    text = "observed x[2] : category(300)\np(x[t] | x[t-1]) = categorical via table(tied = true)"
    spec = ardsl.loads(text)
    half, single = (ardsl.compile(spec, dtype=dtype, init="random") for dtype in (torch.bfloat16, torch.float32))
    x = torch.tensor([[298, 7], [299, 7]])
    apart = half.log_prob(x)
    torch.testing.assert_close(apart, single.log_prob(x), rtol=0.02, atol=0.02)
    assert len(set(half.sample(4000, seed=0)[:, 0].tolist())) == 300
    noise = half.noise(300, seed=1)
    assert torch.equal(half.sample(300, noise=noise), half.sample(300, noise=noise, evaluator="whole"))
    few = ardsl.compile(ardsl.loads("observed x : category(200)\np(x) = categorical"), dtype=torch.bfloat16)
    with pytest.raises(ardsl.ArdslError, match=r"^`x` has 128.1, which torch.bfloat16 rounds to another value: use"):
        few.log_prob([128.1])


def test_a_model_compiled_in_inference_mode_is_like_any_other() -> None:
    spec = ardsl.loads(SPECS["real"])
    with torch.inference_mode():
        inferred = ardsl.compile(spec, seed=0)
    same(inferred.sample(2, seed=0), ardsl.compile(spec, seed=0).sample(2, seed=0))
    inferred.log_prob(torch.zeros(1, 3)).sum().backward()
    assert all(parameter.grad is not None for parameter in inferred.parameters())
