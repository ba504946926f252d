"""What networks see, and the one mu-law convention."""

from __future__ import annotations

import math

import pytest
import torch

from ardsl.families.domains import Angle, Binary, Category, Count, Integer, MuLaw, Positive, Real, UnitInterval
from ardsl.families.encoding import encode_features, mulaw_decode, mulaw_encode


def test_silence_is_128_and_ends_are_ends() -> None:
    audio = torch.tensor([0.0, -0.0, 1.0, -1.0, 7.0, -7.0], dtype=torch.float64)
    assert mulaw_encode(audio, 256).tolist() == [128, 128, 255, 0, 255, 0]
    assert mulaw_decode(torch.tensor([0, 255]), 256).tolist() == pytest.approx([-1, 1])


@pytest.mark.parametrize("levels", [2, 3, 16, 255, 256, 1024, 65_536])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_decode_then_encode_is_the_identity(levels: int, dtype: torch.dtype) -> None:
    codes = torch.arange(levels)
    audio = mulaw_decode(codes, levels, dtype)
    assert audio.dtype == dtype
    assert (audio.diff() > 0).all() and audio.abs().max() <= 1 + 1e-6
    assert torch.equal(mulaw_encode(audio, levels), codes)


def test_codes_change_where_the_formula_says() -> None:
    """The boundary between codes k − 1 and k is the companded value 2(k − ½)/μ − 1, and belongs to k."""
    mu = 255
    for k in (1, 100, 128, 200, 255):
        companded = 2 * (k - 0.5) / mu - 1
        boundary = math.copysign((math.pow(1 + mu, abs(companded)) - 1) / mu, companded)
        around = torch.tensor([boundary - 1e-12, boundary + 1e-12], dtype=torch.float64)
        assert mulaw_encode(around, 256).tolist() == [k - 1, k]


def test_features() -> None:
    def features(domain: object, *values: float) -> list[list[float]]:
        found = encode_features(domain, torch.tensor(values, dtype=torch.float64))  # type: ignore[arg-type]
        assert found.shape == (len(values), domain.features)  # type: ignore[attr-defined]
        assert found.dtype == torch.float64
        return [[pytest.approx(x) for x in row] for row in found.tolist()]

    assert features(Binary(), 0, 1) == [[0], [1]]
    assert features(Category(3), 2, 0) == [[0, 0, 1], [1, 0, 0]]
    assert features(Integer(-1, 3), -1, 1, 3) == [[-1], [0], [1]]
    assert features(Integer(4, 4), 4) == [[0]]
    assert features(Count(), 0, math.e - 1) == [[0], [1]]
    assert features(Real(), -2.5) == [[-2.5]]
    assert features(Positive(), math.e) == [[1]]
    assert features(UnitInterval(), 0.25) == [[-0.5]]
    assert features(Angle(), 0, math.pi / 2) == [[1, 0], [pytest.approx(0, abs=1e-12), 1]]
    assert features(MuLaw(256), -1, 0, 1) == [[-1], [2 * 128 / 255 - 1], [1]]


def test_features_of_whole_numbers() -> None:
    assert encode_features(Binary(), torch.tensor([[0, 1]])).dtype == torch.get_default_dtype()
    assert encode_features(Category(4), torch.tensor([[0, 3]]), torch.float64).shape == (1, 2, 4)
    assert encode_features(Integer(0, 255), torch.tensor([255], dtype=torch.uint8)).tolist() == [[1.0]]
