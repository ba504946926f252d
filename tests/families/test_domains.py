"""Domains answer for their values: what is inside, codes, and what networks see, of numpy and torch alike."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ardsl.families.catalogue import CATALOGUE
from ardsl.families.domains import (
    Angle,
    Binary,
    Category,
    Count,
    Domain,
    Integer,
    MuLaw,
    Positive,
    Real,
    UnitInterval,
)
from ardsl.families.fitting import fits
from ardsl.families.resolve import default_family

CONTINUOUS = (Real(), Positive(), UnitInterval(), Angle())
SMALL = 2**20
"""Integers up to here, and their differences, are exact in float32."""

integers = st.tuples(st.integers(-SMALL, SMALL), st.integers(0, 300)).map(lambda ends: Integer(ends[0], sum(ends)))
finite = st.one_of(st.just(Binary()), st.integers(1, 300).map(Category), integers, st.integers(2, 2**16).map(MuLaw))
domains = st.one_of(finite, st.sampled_from((Count(), *CONTINUOUS)))
float_types = st.sampled_from(("float32", "float64"))
numbers = st.one_of(st.integers(-400, 400).map(float), st.floats(-4, 4), st.floats())


def contains(domain: Domain, x: float) -> bool:
    """The domain by its definition, of one float."""
    if isinstance(domain, MuLaw):
        return -1 <= x <= 1
    if domain.discrete:
        low, high = (domain.low, domain.high) if isinstance(domain, Integer) else (0, (domain.levels or math.inf) - 1)
        return math.isfinite(x) and x == int(x) and low <= x <= high
    ends = {"real": math.inf, "angle": math.pi + 1e-6}
    if domain.name in ends:
        return math.isfinite(x) and abs(x) <= ends[domain.name]
    return 0 < x < (1 if domain.name == "unit_interval" else math.inf)


@given(domains, st.data(), float_types)
def test_inside_is_the_definition_in_both_libraries(domain: Domain, data: st.DataObject, dtype: str) -> None:
    edge = float(domain.low) if isinstance(domain, Integer) else 0.0
    near = st.sampled_from((edge - 1, edge, edge + 0.5, edge + 1, edge + (domain.levels or 1), 1.0, -1.0, math.pi))
    x = np.array(data.draw(st.lists(numbers | near, max_size=9)))
    with np.errstate(over="ignore"):
        x = x.astype(dtype)
    inside = domain.inside(x)
    assert inside.dtype == bool and inside.tolist() == [contains(domain, float(value)) for value in x]
    assert domain.inside(torch.from_numpy(x)).tolist() == inside.tolist()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int64"])
@given(domain=domains, data=st.data())
def test_integers_of_every_type_are_inside_or_not(dtype: str, domain: Domain, data: st.DataObject) -> None:
    """Where the domain's own ends have no room in the type, too."""
    least, greatest = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    anything = st.integers(max(int(least), -(2**53)), min(int(greatest), 2**53))
    x = np.array(data.draw(st.lists(anything | st.integers(0, 1), min_size=1, max_size=9))).astype(dtype)
    inside = domain.inside(x).tolist()
    assert inside == [contains(domain, float(value)) for value in x]
    assert domain.inside(torch.from_numpy(x)).tolist() == inside


@given(finite, st.data(), float_types)
def test_the_code_of_a_codes_value_is_the_code(domain: Domain, data: st.DataObject, dtype: str) -> None:
    assert domain.levels is not None
    codes = np.array(data.draw(st.lists(st.integers(0, domain.levels - 1), max_size=9)), dtype=np.int64)
    in_numpy = domain.value(codes, np.dtype(dtype))
    in_torch = domain.value(torch.from_numpy(codes), getattr(torch, dtype))
    assert in_numpy.dtype == dtype and in_torch.dtype == getattr(torch, dtype)
    np.testing.assert_allclose(in_torch.numpy(), in_numpy, rtol=1e-4 if dtype == "float32" else 1e-9)
    for value in (in_numpy, in_torch):
        assert domain.inside(value).all()
        assert domain.code(value).tolist() == codes.tolist()
        assert domain.quantized(value).tolist() == pytest.approx(value.tolist())


@given(finite, float_types)
def test_an_indicator_tells_the_value_that_features_stand_for(domain: Domain, dtype: str) -> None:
    assert domain.levels is not None
    codes = np.unique(np.linspace(0, domain.levels - 1, 20).astype(np.int64))
    values = domain.value(codes, np.dtype(dtype))
    expected = np.eye(domain.levels)[codes] if domain.levels < 1000 else None
    for value in (values, torch.from_numpy(values)):
        indicator = np.asarray(domain.indicator(domain.to_features(value)))
        assert indicator.dtype == dtype and indicator.shape == (len(codes), domain.levels)
        assert (indicator.argmax(1) == codes).all() and (indicator.sum(1) == 1).all()
        assert expected is None or (indicator == expected).all()


@given(st.sampled_from(CONTINUOUS[:3]), st.lists(st.floats(), max_size=9), st.sampled_from(("half", "float", "double")))
def test_no_draw_is_rounded_out_of_the_domain(domain: Domain, draws: list[float], dtype: str) -> None:
    known = np.array([draw for draw in draws if draw == draw])
    small, wide = getattr(torch, dtype), torch.float64
    assert domain.inside(domain.value(torch.from_numpy(known), small)).all()
    assert domain.inside(domain.value(torch.from_numpy(known).to(small))).all()
    assert domain.value(torch.from_numpy(known), wide).tolist() == domain.value(known).tolist()


@given(domains)
def test_a_feasible_value_is_inside(domain: Domain) -> None:
    assert domain.inside(np.array(domain.feasible)) and domain.inside(torch.tensor(domain.feasible))
    assert domain.feasible == 0 or not domain.inside(np.array(0.0))


@given(domains, st.lists(numbers))
def test_values_are_within_the_bounds_and_whole_where_they_say_so(domain: Domain, anything: list[float]) -> None:
    low, high = domain.bounds
    beyond = np.array([low - 0.5, high + 0.5])
    assert not domain.inside(beyond).any()
    some = np.array([*anything, *(end for end in (low, high, low + 0.25, low + 1) if math.isfinite(end))])
    inside = some[domain.inside(some)]
    assert inside.size == 0 or low - 1e-6 <= inside.min() <= inside.max() <= high + 1e-6
    assert not domain.whole or (inside == inside.round()).all()
    if domain.levels is not None:
        every = domain.value(np.arange(domain.levels))
        assert (every[0], every[-1]) == pytest.approx((low, high), rel=1e-12)
        assert domain.whole == (domain.name != "mulaw") and (not domain.whole or len(every) == high - low + 1)


@given(domains, st.floats(-12, 12), st.floats(1e-3, 1e3))
def test_what_a_domain_is_closed_under(domain: Domain, number: float, factor: float) -> None:
    for point in (number, domain.feasible):
        value = domain.from_line(np.array(point))
        if domain.inside(value):
            assert domain.to_line(value) == pytest.approx(point, rel=1e-6, abs=1e-9)
            assert domain.from_line(torch.tensor(point)).item() == pytest.approx(float(value), rel=1e-5)
            assert domain.inside(value * factor) or not domain.scales
            assert domain.inside(value + number) or not domain.shifts
            assert domain.coded or domain.code(value) == value
    if not domain.discrete and not domain.circular:
        assert domain.inside(domain.from_line(np.array(number)))
    if domain.coded:
        assert domain.code(np.array(domain.feasible)) != domain.feasible
    if domain.dequantized_by is not None:
        assert domain.inside(np.array([0.5, domain.dequantized_by - 0.5]) / domain.dequantized_by).all()


def test_every_domain_has_its_own_families() -> None:
    for domain in (Binary(), Category(3), Integer(0, 9), Integer(0, 999), Count(), *CONTINUOUS, MuLaw(8)):
        assert fits(CATALOGUE[domain.family], domain) and not CATALOGUE[domain.family].joint
        assert default_family(domain) and (domain.joint_default is None or default_family(domain, 3).event == 3)


def test_hints_are_for_what_is_often_meant() -> None:
    assert MuLaw(256).hint(120) == "divide 16-bit samples by 32768" and MuLaw(256).hint(1.5) == ""
    assert Binary().hint(0.5) == "nothing is binarized here" and Binary().hint(2) == ""
    assert UnitInterval().hint(1 - 1e-9) and Positive().hint(1e-300) and not Positive().hint(-1)
    assert not any(domain.hint(math.nan) or domain.hint(math.inf) for domain in (Real(), Binary(), MuLaw(4)))


@given(domains, st.data(), float_types)
def test_features_are_the_same_in_both_libraries(domain: Domain, data: st.DataObject, dtype: str) -> None:
    legal = numbers.filter(lambda x: contains(domain, x)) | st.just(domain.feasible)
    if domain.levels is not None:
        legal = st.integers(0, domain.levels - 1).map(lambda code: float(domain.value(np.array(code))))
    values = np.array(data.draw(st.lists(legal, min_size=1, max_size=6))).reshape(-1, 1)
    with np.errstate(over="ignore", under="ignore"):
        values = domain.value(domain.code(values.astype(dtype)))
    seen = domain.to_features(values)
    assert seen.shape == (len(values), 1, domain.features) and seen.dtype == dtype
    in_torch = domain.to_features(torch.from_numpy(values))
    assert in_torch.dtype == getattr(torch, dtype)
    np.testing.assert_allclose(in_torch.numpy(), seen, rtol=1e-4, atol=1e-4 if dtype == "float32" else 1e-9)


def test_silence_is_128_and_ends_are_ends() -> None:
    audio = torch.tensor([0.0, -0.0, 1.0, -1.0, 7.0, -7.0], dtype=torch.float64)
    assert MuLaw(256).code(audio).tolist() == [128, 128, 255, 0, 255, 0]
    assert MuLaw(256).value(torch.tensor([0, 255])).tolist() == pytest.approx([-1, 1])


@pytest.mark.parametrize("levels", [2, 3, 9, 11, 16, 255, 256, 1024, 65_536])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_decode_then_encode_is_the_identity(levels: int, dtype: torch.dtype) -> None:
    codes = torch.arange(levels)
    audio = MuLaw(levels).value(codes, dtype)
    assert audio.dtype == dtype
    assert (audio.diff() > 0).all() and MuLaw(levels).inside(audio).all()
    assert torch.equal(MuLaw(levels).code(audio), codes.to(dtype))


def test_codes_change_where_the_formula_says() -> None:
    """The boundary between codes k − 1 and k is the companded value 2(k − ½)/μ − 1, and belongs to k."""
    mu = 255
    for k in (1, 100, 128, 200, 255):
        companded = 2 * (k - 0.5) / mu - 1
        boundary = math.copysign((math.pow(1 + mu, abs(companded)) - 1) / mu, companded)
        around = torch.tensor([boundary - 1e-12, boundary + 1e-12], dtype=torch.float64)
        assert MuLaw(256).code(around).tolist() == [k - 1, k]


def test_features() -> None:
    def features(domain: Domain, *values: float) -> list[list[float]]:
        seen = domain.to_features(torch.tensor(values, dtype=torch.float64))
        assert seen.shape == (len(values), domain.features)
        assert seen.dtype == torch.float64
        return [[pytest.approx(x) for x in row] for row in seen.tolist()]

    assert features(Binary(), 0, 1) == [[0], [1]]
    assert features(Category(3), 2, 0) == [[0, 0, 1], [1, 0, 0]]
    assert features(Integer(-1, 3), -1, 1, 3) == [[-1], [0], [1]]
    assert features(Integer(4, 4), 4) == [[0]]
    assert features(Integer(10, 1010), 10, 510, 1010) == [[-1, -1], [0, 2 * math.log(501) / math.log(1001) - 1], [1, 1]]
    assert features(Count(), 0, math.e - 1) == [[0], [1]]
    assert features(Real(), -2.5) == [[-2.5]]
    assert features(Positive(), math.e) == [[1]]
    assert features(UnitInterval(), 0.25) == [[-0.5]]
    assert features(Angle(), 0, math.pi / 2) == [[1, 0], [pytest.approx(0, abs=1e-12), 1]]
    assert features(MuLaw(256), -1, 0, 1) == [[-1], [2 * 128 / 255 - 1], [1]]


def test_features_of_whole_numbers() -> None:
    assert Binary().to_features(torch.tensor([[0, 1]])).dtype == torch.get_default_dtype()
    assert Category(4).to_features(torch.tensor([[0, 3]])).shape == (1, 2, 4)
    assert Integer(0, 255).to_features(torch.tensor([255], dtype=torch.uint8)).tolist() == [[1.0]]
