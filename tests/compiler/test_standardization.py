"""Standardization inside the model: the change of variables is counted, and the family stays what the spec says."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.compiler.standardization import Standardization
from ardsl.families.catalogue import CATALOGUE

MIXED = """
record row {
  a : real ~ mixture(normal, components = 3)
  b : category(3)
  c : positive ~ gamma
  d : real ~ student_t
  e : positive ~ mixture(log_normal, components = 2)
}
p(row[i] | row[<i]) = default via made(hidden = [16])
"""
REAL = [n for n, e in CATALOGUE.items() if e.support == "real" and not e.joint]
POSITIVE = [n for n, e in CATALOGUE.items() if e.support == "positive"]


def data(rows: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(rows, 5, generator=generator, dtype=torch.float64)
    x[:, 0] = 3 + 10 * x[:, 0]
    x[:, 1] = torch.randint(0, 3, (rows,), generator=generator)
    x[:, [2, 4]] = x[:, [2, 4]].exp() * torch.tensor([0.01, 50.0])
    return x


@torch.no_grad()
def test_other_units_differ_by_the_log_of_the_factor() -> None:
    """Data × 1000, measured, has a density that is lower by log 1000 for each of its numbers, exactly."""
    model = ardsl.compile(ardsl.loads(MIXED), dtype=torch.float64)
    x = data()
    factor = torch.tensor([1000.0, 1.0, 1000.0, 1000.0, 1000.0], dtype=torch.float64)
    model.units.measure({"row": x})
    before = model.log_prob(x)
    model.units.measure({"row": x * factor})
    torch.testing.assert_close(model.log_prob(x * factor), before - 4 * math.log(1000), atol=1e-11, rtol=0)


@pytest.mark.parametrize("name", REAL)
@torch.no_grad()
def test_a_density_in_the_data_s_units_integrates_to_one(name: str) -> None:
    model = ardsl.compile(ardsl.loads(f"observed x : real\np(x) = {name}"), dtype=torch.float64)
    model.units.measure({"x": torch.tensor([90.0, 100.0, 110.0])})
    z = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    x = 100 + z.sinh() * math.sqrt(200 / 3)
    total = torch.trapezoid(model.log_prob(x).exp(), x)
    assert abs(total - 1) < (1e-3 if name in ("cauchy", "student_t") else 1e-6)


@pytest.mark.parametrize("name", [n for n in POSITIVE if n not in ("chi2", "fisher_snedecor")])
@torch.no_grad()
def test_a_positive_density_integrates_to_one(name: str) -> None:
    model = ardsl.compile(ardsl.loads(f"observed x : positive\np(x) = {name}"), dtype=torch.float64)
    model.units.measure({"x": torch.tensor([100.0, 1000.0, 10_000.0])})
    log_x = torch.linspace(-30, 40, 400_001, dtype=torch.float64)
    total = torch.trapezoid((model.log_prob(log_x.exp()) + log_x).exp(), log_x)
    assert abs(total - 1) < 1e-5
    assert model.units.get_buffer("scale_x").item() == pytest.approx(1000)


@pytest.mark.parametrize(
    ("family", "domain"),
    [("normal(0, 1)", "real"), ("laplace(loc = 0)", "real"), ("gamma(rate = 2)", "positive"), ("chi2", "positive")],
)
@torch.no_grad()
def test_what_the_spec_fixes_is_in_the_data_s_units(family: str, domain: str) -> None:
    model = ardsl.compile(ardsl.loads(f"observed x : {domain}\np(x) = {family}"), dtype=torch.float64)
    x = torch.tensor([90.0, 100.0, 110.0], dtype=torch.float64)
    before = model.log_prob(x)
    model.units.measure({"x": x})
    assert torch.equal(model.log_prob(x), before)


@torch.no_grad()
def test_samples_are_in_the_data_s_units() -> None:
    """The density of a sample, inside and outside, and both evaluators: one change of units, undone."""
    model = ardsl.compile(ardsl.loads(MIXED), dtype=torch.float64)
    noise = model.noise(200, seed=0)
    model.units.measure({"row": data()})
    step, whole = (model.sample(200, noise=noise, evaluator=e) for e in ("step", "whole"))
    torch.testing.assert_close(step, whole, rtol=1e-9, atol=1e-9)
    fresh = ardsl.compile(ardsl.loads(MIXED), dtype=torch.float64)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.log_prob(step), model.log_prob(step))
    assert abs(step[:, 0].mean() - 3) < 30 and (step[:, 2] > 0).all()


def test_weights_of_earlier_runs_have_the_same_names() -> None:
    """Centers and scales are saved as ``units.center_x`` and ``units.scale_x``, as they always were."""
    model = ardsl.compile(ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal"))
    state = model.state_dict()
    assert {name for name in state if name.startswith("units.")} == {"units.center_x", "units.scale_x"}
    model.load_state_dict(
        state | {"units.center_x": torch.tensor([3.0, 4.0]), "units.scale_x": torch.tensor([2.0, 5.0])}
    )
    standardized = model.units.standardized({"x": torch.tensor([[5.0, -1.0]])})
    assert standardized["x"].tolist() == [[1.0, -1.0]]


@torch.no_grad()
def test_conditioning_is_standardized() -> None:
    text = "given t : real\nobserved x : real\np(x | t) = normal via mlp(hidden = [8])"
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    t, x = torch.randn(2, 40, dtype=torch.float64)
    model.units.measure({"x": x, "t": t})
    before = model.log_prob(x, {"t": t})
    model.units.measure({"x": x, "t": 60 * t + 7})
    torch.testing.assert_close(model.log_prob(x, {"t": 60 * t + 7}), before, atol=1e-12, rtol=0)


def test_measured_over_chunks_and_gaps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means and deviations merged over chunks are those of the whole; missing values do not count."""
    monkeypatch.setattr("ardsl.compiler.standardization._CHUNK", 40)
    x = data(1003)
    x[::3, 0] = torch.nan
    model = ardsl.compile(ardsl.loads(MIXED), dtype=torch.float64)
    units: Standardization = model.units
    units.measure({"row": x})
    known = x[~x[:, 0].isnan(), 0]
    assert units.get_buffer("center_row")[0].item() == pytest.approx(known.mean().item(), rel=1e-12)
    assert units.get_buffer("scale_row")[0].item() == pytest.approx(known.std(unbiased=False).item(), rel=1e-12)
    assert units.get_buffer("scale_row")[4].item() == pytest.approx(x[:, 4].log().mean().exp().item(), rel=1e-12)
    assert units.get_buffer("scale_row")[1].item() == 1


@pytest.mark.parametrize("domain", ["real", "record"])
@pytest.mark.parametrize("share", [2e-6, 1e-9])
@torch.no_grad()
def test_a_spread_that_float32_does_not_hold(share: float, domain: str) -> None:
    """Times in seconds since 1970: the density is that of the same numbers around 0, and samples have their spread."""
    center = 1.7e9
    scale = share * center
    around = torch.rand(500, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    spread = around.std(correction=0).item() * scale
    text = {
        "real": "observed x[1] : real\np(x[i] | x[<i]) = normal\n",
        "record": "record x { a : real }\np(x[i] | x[<i]) = normal\n",
    }[domain]
    near, far = (ardsl.compile(ardsl.loads(text)) for _ in range(2))
    near.measure({"x": around})
    far.measure({"x": center + scale * around})
    expected = near.log_prob(around) - math.log(scale)
    torch.testing.assert_close(far.log_prob(center + scale * around), expected, atol=1e-3, rtol=0)
    samples = far.sample(4000, seed=0)
    assert samples.dtype == torch.float64 and near.sample(1).dtype == torch.float32
    assert samples.std().item() == pytest.approx(spread, rel=0.05)  # a model begins with unit scales
    assert samples.mean().item() == pytest.approx(center + scale / 2, abs=0.1 * scale)
    for moved in (far.to(torch.float64), far.to(torch.float32)):
        torch.testing.assert_close(moved.log_prob(center + scale * around).float(), expected, atol=1e-3, rtol=0)


def test_a_constant_column_keeps_its_scale() -> None:
    model = ardsl.compile(ardsl.loads("observed x : real\np(x) = normal"))
    model.units.measure({"x": torch.full((10,), 1e4)})
    assert model.units.get_buffer("center_x").item() == 1e4
    assert model.units.get_buffer("scale_x").item() == 1


@pytest.mark.parametrize("value", [1e30, 0.1, 1e-150, -7e9, 1e200])
@torch.no_grad()
def test_a_constant_column_is_0_exactly(value: float) -> None:
    """The mean of many copies of a number is that number, without what adding them up rounds."""
    model = ardsl.compile(ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal"))
    x = torch.stack([torch.full((999,), value, dtype=torch.float64), torch.arange(999.0, dtype=torch.float64)], 1)
    model.measure(x)
    standardized = model.units.standardized({"x": x})["x"]
    assert not standardized[:, 0].any() and abs(standardized[:, 1].mean()) < 1e-6
    assert model.log_prob(x, elementwise=True)["x"][:, 0].tolist() == pytest.approx([-0.9189385] * 999)
    assert model.sample(5, seed=0)[:, 0].double() == pytest.approx(np.full(5, value), abs=4.0)


@pytest.mark.parametrize(
    ("mean", "scale"), [(1e9, 1e-3), (1e12, 0.01), (1e15, 100), (9e15, 11.5), (9e15, 1000), (1e17, 1e4), (1, 1e-13)]
)
@torch.no_grad()
def test_a_spread_that_double_precision_holds_is_a_scale(mean: float, scale: float) -> None:
    """However small a share of the values it is: the mean log-probability is that of a normal column."""
    x = torch.from_numpy(mean + scale * np.random.default_rng(0).normal(size=1000))
    model = ardsl.compile(ardsl.loads("observed x : real\np(x) = normal"))
    model.measure(x)
    spread = (x - x[0]).std(correction=0).item()
    expected = -0.5 * math.log(2 * math.pi * math.e) - math.log(spread)
    off = math.ulp(mean) / 2 / spread  # the center is a number, too
    assert model.log_prob(x).mean().item() == pytest.approx(expected, abs=1e-4 + off**2 / 2)
    samples = model.sample(4000, seed=0)
    assert samples.dtype == torch.float64
    assert (samples - mean).std().item() == pytest.approx(spread, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(
    exponent=st.floats(-200, 200),
    sign=st.sampled_from([-1, 1]),
    share=st.one_of(st.just(0.0), st.floats(-1e9, 1e9)),
    seed=st.integers(0, 9),
)
@torch.no_grad()
def test_any_unit_and_origin_of_reals(exponent: float, sign: int, share: float, seed: int) -> None:
    """Measured on ax + b, a model gives log p(x) − log |a|, and samples ax + b, whatever a and b are."""
    a = sign * 10**exponent
    x = torch.from_numpy(np.random.default_rng(seed).normal(size=50))
    near, far = (ardsl.compile(ardsl.loads("observed x : real\np(x) = student_t")) for _ in range(2))
    near.measure(x)
    y = a * x + a * share
    far.measure(y)
    torch.testing.assert_close(far.log_prob(y), near.log_prob(x) - math.log(abs(a)), atol=2e-3, rtol=1e-6)
    drawn = far.sample(50, seed=0).double()
    again = (drawn - a * share) / a
    assert far.log_prob(drawn).isfinite().all()
    torch.testing.assert_close(sign * again.sort().values.median(), torch.zeros(()).double(), atol=1.5, rtol=0)


@settings(max_examples=40, deadline=None)
@given(exponent=st.floats(-200, 200), seed=st.integers(0, 9))
@torch.no_grad()
def test_any_unit_of_positives(exponent: float, seed: int) -> None:
    a = 10**exponent
    x = torch.from_numpy(np.random.default_rng(seed).lognormal(size=50))
    near, far = (ardsl.compile(ardsl.loads("observed x : positive\np(x) = gamma")) for _ in range(2))
    near.measure(x)
    far.measure(a * x)
    torch.testing.assert_close(far.log_prob(a * x), near.log_prob(x) - math.log(a), atol=2e-3, rtol=1e-6)
    assert far.log_prob(far.sample(50, seed=0)).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_differences_that_no_number_holds_are_said(dtype: torch.dtype) -> None:
    """Neighbouring numbers are rounding, not data, and a positive number is not centered."""
    above = 1 + torch.finfo(dtype).eps
    x = torch.tensor([[1.0, 5.0], [above, 5.0], [1.0, 7.0]], dtype=dtype)
    model = ardsl.compile(ardsl.loads("observed x[2] : real\np(x[i] | x[<i]) = normal"))
    kind = str(dtype).removeprefix("torch.")
    with pytest.warns(UserWarning, match=rf"the values of `x\[0\]` differ by no more than {kind} rounds them by"):
        model.measure(x)
    assert model.units.get_buffer("scale_x")[0].item() == 1
    model = ardsl.compile(ardsl.loads("observed x[2] : positive\np(x[i] | x[<i]) = gamma"))
    with pytest.warns(UserWarning, match=r"`x\[0\]` differ by less than float32 holds of positive numbers: declare"):
        model.measure(x)


@torch.no_grad()
def test_what_a_network_treats_alike_has_one_unit() -> None:
    """Of a series all moments, of tied draws all of them, and of what they read by place; of a record none."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 6, 2, generator=generator, dtype=torch.float64) * torch.tensor([1.0, 100.0]) + 7
    wave = "wavenet(blocks = 1, layers = 2, features = 4, skip = 4)"
    model = ardsl.compile(
        ardsl.loads(f"observed x[time: 6, 2] : real\np(x[i] | x[<i]) = normal via {wave}\n"), dtype=torch.float64
    )
    model.units.measure({"x": x})
    center, scale = model.units.get_buffer("center_x").view(6, 2), model.units.get_buffer("scale_x").view(6, 2)
    torch.testing.assert_close(center, x.mean((0, 1)).expand(6, 2))
    torch.testing.assert_close(scale, x.std((0, 1), correction=0).expand(6, 2))

    spec = ardsl.loads("given z[6] : real\nobserved y[6] : real\np(y[t] | z[t]) = normal via linear(tied = true)\n")
    tied = ardsl.compile(spec, dtype=torch.float64)
    tied.units.measure({"z": x[..., 0], "y": x[..., 1]})
    for name in "zy":
        assert tied.units.get_buffer(f"scale_{name}").unique().numel() == 1

    spec = ardsl.loads("record r { a : real  b : positive ~ log_normal }\np(r[i] | r[<i]) = default via made\n")
    apart = ardsl.compile(spec, dtype=torch.float64)
    apart.units.measure({"r": x[:, 0].abs() + 1})
    assert apart.units.get_buffer("scale_r").unique().numel() == 2


@pytest.mark.parametrize("domain", ["real", "positive"])
def test_a_first_loss_far_off_says_how_to_standardize(domain: str, recwarn: pytest.WarningsRecorder) -> None:
    """Once, and never of a model that is measured or of data of order one."""
    spec = ardsl.loads(f"observed x[2] : {domain}\np(x[i] | x[<i]) = default via made(hidden = [8])")
    x = torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) + 100
    far = x if domain == "real" else (x - 60).exp()
    model = ardsl.compile(spec)
    with pytest.warns(UserWarning, match=r"call `model.measure\(\{\"x\": x\}\)` with the training data"):
        model.log_prob(far)
    before = model.log_prob(far).mean()
    model.measure({"x": far})
    assert model.log_prob(far).mean() > before + 30
    ardsl.compile(spec).log_prob(x - 99)
    measured = ardsl.compile(spec)
    measured.measure(far.numpy())
    measured.log_prob(far)
    restored = ardsl.compile(spec)
    restored.load_state_dict(measured.state_dict())
    restored.log_prob(far)
    assert not recwarn


def test_what_measure_refuses() -> None:
    model = ardsl.compile(ardsl.loads("given t : real\nobserved x[2] : real\np(x[i] | x[<i], t) = normal via made"))
    with pytest.raises(ardsl.ArdslError, match=r"there is no variable `y`: there is t, x"):
        model.measure({"y": torch.zeros(3)})
    with pytest.raises(ardsl.ArdslError, match=r"`x` must have the shape \[examples, 2\], not \[3\]"):
        model.measure({"x": torch.zeros(3)})
    with pytest.raises(ardsl.ArdslError, match=r"`x` must be numbers, not 'lots'"):
        model.measure({"x": "lots"})
    for value in (math.nan, math.inf, -math.inf):
        x = torch.zeros(4, 2)
        x[3, 1] = value
        with pytest.raises(
            ardsl.ArdslError, match=rf"`x\[1\]` takes a finite number \(real\), not {value}, as example 3"
        ):
            model.measure({"x": x})
    with pytest.raises(ardsl.ArdslError, match=r"`t` takes a finite number \(real\), not nan, as example 0 has it"):
        model.measure({"t": torch.full((3,), math.nan)})
    mixed = ardsl.compile(ardsl.loads(MIXED))
    row = data()
    row[7, 4] = -1
    with pytest.raises(ardsl.ArdslError, match=r"`row\.e` takes a finite number above 0 \(positive\), not -1"):
        mixed.measure(row)


def test_missing_values_are_measured_where_a_model_allows_them() -> None:
    spec = ardsl.loads(
        'observed x[2] : real\norder x by any(orders = 2, train = "all")\np(x[i] | x[<i]) = normal via nade'
    )
    model = ardsl.compile(spec)
    model.measure(torch.tensor([[1.0, math.nan], [3.0, 8.0], [math.nan, 10.0]]))
    assert model.units.get_buffer("center_x").tolist() == [2.0, 9.0]
    assert model.units.get_buffer("scale_x").tolist() == [1.0, 1.0]
