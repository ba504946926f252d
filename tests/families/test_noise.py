"""A draw is a function of its raw numbers and its own noise, and a smooth one."""

from __future__ import annotations

import pytest
import torch

from ardsl.families.domains import Count
from tests.support import family_cases

torch.set_num_threads(1)


@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
def test_alone_or_with_others(case: family_cases.Case) -> None:
    raw, noise = case.raw(6, 3), case.noise(6, 3)
    together = case.law.sample(raw, noise)
    assert together.shape == (6, 3) + ((case.family.event,) if case.family.event > 1 else ())
    for i in range(6):
        for j in range(3):
            alone = case.law.sample(raw[i, j], noise[i, j])
            # Vector instructions and single ones may round differently in the last bit.
            torch.testing.assert_close(alone, together[i, j], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(case.law.sample(raw, noise), together, rtol=0, atol=0)


@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
def test_rounding_does_not_spread(case: family_cases.Case) -> None:
    """Raw numbers that differ by rounding give the same discrete draw, and continuous ones within 1e-9."""
    raw, noise = case.raw(200, seed=3), case.noise(200, seed=4)
    shift = 1e-12 * torch.where(torch.arange(case.family.width) % 2 == 0, 1.0, -1.0)
    before, after = case.law.sample(raw, noise), case.law.sample(raw + shift, noise)
    if case.domain.discrete:
        assert torch.equal(before, after)
    else:
        torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_keeps_the_dtype_and_its_own_draws(case: family_cases.Case, dtype: torch.dtype) -> None:
    """Draws are possible values in every precision, at the ends of the noise too."""
    raw = case.raw(5).to(dtype)
    ends = torch.full((5, case.family.uniforms), 0.5, dtype=torch.float64)
    ends[0], ends[1], ends[2], ends[3] = 1e-300, 1 - 1e-16, 1e-7, 1 - 1e-7
    draw = case.law.sample(raw, ends)
    expected = torch.float32 if dtype == torch.bfloat16 else dtype
    assert draw.dtype == (torch.float64 if isinstance(case.domain, Count) else expected)  # which holds large counts
    found = case.law.log_prob(raw, draw)
    assert found.dtype == expected
    assert torch.isfinite(draw).all()
    assert not torch.isnan(found).any()
    assert torch.isfinite(found[2:]).all()


def test_fixed_parameters_broadcast() -> None:
    """A family without free parameters has no raw numbers, and takes its shape from the batch."""
    from ardsl.families.catalogue import CATALOGUE
    from ardsl.families.distributions import build_family
    from ardsl.families.domains import Real
    from ardsl.families.resolve import catalogue_family, mixture_family

    family = catalogue_family(CATALOGUE["normal"], Real(), 1, {"loc": 0.0, "scale": 1.0})
    law = build_family(family, Real())
    raw = torch.zeros(4, 3, 0, dtype=torch.float64)
    assert family.width == 0 and law.initial_raw().shape == (0,)
    assert law.sample(raw, torch.full((4, 3, 1), 0.5)).shape == (4, 3)
    assert law.log_prob(raw, torch.zeros(())).shape == (4, 3)
    found = law.distribution(raw)
    assert found is not None and found.batch_shape == (4, 3)
    mixture = build_family(mixture_family(family, 5), Real())
    assert mixture.log_prob(torch.zeros(2, 5), torch.zeros(2)).shape == (2,)
    assert mixture.sample(torch.zeros(2, 5), torch.full((2, 2), 0.3)).shape == (2,)
