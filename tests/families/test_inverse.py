"""Draws as inverses of distribution functions: at the number that is drawn, the function is the uniform one."""

from __future__ import annotations

import math

import mpmath as mp
import pytest
import torch
from torch import Tensor

from ardsl.families.inverse import log_gamma_draw, poisson_draw, von_mises_draw

UNIFORM = torch.tensor(
    [1e-300, 1e-100, 1e-30, 1e-17, 1e-9, 0.02, 0.3, 0.4999, 0.5001, 0.8, 0.98, 1 - 1e-9, 1 - 2**-53],
    dtype=torch.float64,
)


def number(x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def below(distribution: mp.mpf, above: mp.mpf, u: float) -> mp.mpf:
    """How far a distribution function, or one minus it where that is the smaller, is above u."""
    return distribution - mp.mpf(u) if u < 0.5 else 1 - mp.mpf(u) - above


@pytest.mark.parametrize("alpha", [1e-3, 0.05, 0.3, 0.5, 0.7, 1, 2, 4, 15, 1e3, 1e5])
def test_gamma(alpha: float) -> None:
    """Up to the accuracy of torch's incomplete gamma functions, 1e-10 near the mean of a moderate α."""
    with mp.workdps(30):
        for y, uniform in zip(log_gamma_draw(number(alpha), UNIFORM).tolist(), UNIFORM.tolist(), strict=True):
            x, a = mp.exp(y), mp.mpf(alpha)
            tail = mp.gammainc(a, x, mp.inf, regularized=True) if uniform > 0.5 else mp.mpf(0)
            excess = below(mp.gammainc(a, 0, x, regularized=True), tail, uniform)
            slope = mp.exp(a * y - x - mp.loggamma(a))
            assert abs(excess / slope) < 2e-10 * (1 + abs(y))


@pytest.mark.parametrize("kappa", [0.0, 0.1, 1.0, 1.6, 5.0, 60.0, 1e4])
def test_von_mises(kappa: float) -> None:
    with mp.workdps(30):
        total = 2 * mp.pi * mp.besseli(0, kappa) * mp.exp(-kappa)
        for angle, uniform in zip(von_mises_draw(number(kappa), UNIFORM).tolist(), UNIFORM.tolist(), strict=True):
            assert abs(angle) <= math.pi and (angle > 0) == (uniform > 0.5)
            ends = mp.linspace(0, abs(mp.mpf(angle)), 6)
            mass = mp.quad(lambda t: mp.exp(-2 * kappa * mp.sin(t / 2) ** 2), ends) / total
            assert abs(mass - abs(mp.mpf(uniform) - mp.mpf(0.5))) < 2e-14


@pytest.mark.parametrize("rate", [1e-5, 0.3, 2.0, 40.0, 1e4])
def test_poisson(rate: float) -> None:
    with mp.workdps(30):
        for count, uniform in zip(poisson_draw(number(rate), UNIFORM).tolist(), UNIFORM.tolist(), strict=True):
            reached, one_less = (mp.gammainc(k, rate, mp.inf, regularized=True) if k else 0 for k in (count + 1, count))
            assert one_less < uniform <= reached * (1 + 1e-12)


def test_elements_that_take_longer_change_no_others() -> None:
    """Numbers that end early are left out of the following steps."""
    generator = torch.Generator().manual_seed(0)
    size = torch.exp(20 * torch.rand(200, generator=generator, dtype=torch.float64) - 8)
    u = torch.rand(200, generator=generator, dtype=torch.float64)
    for draw in (log_gamma_draw, von_mises_draw):
        alone = torch.stack([draw(*each) for each in zip(size, u, strict=True)])
        torch.testing.assert_close(draw(size, u), alone, rtol=1e-14, atol=1e-14)
        assert draw(size[:0], u[:0]).shape == (0,) and draw(size.view(2, 100, 1), u[:3]).shape == (2, 100, 3)
