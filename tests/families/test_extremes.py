"""Far from where training starts, log-probabilities and gradients stay numbers."""

from __future__ import annotations

import pytest
import torch

import ardsl
from ardsl.families.domains import Count, Integer, MuLaw
from tests.support import family_cases

torch.set_num_threads(1)


def probes(case: family_cases.Case, dtype: torch.dtype) -> torch.Tensor:
    """Values from one end of the domain to the other: [values] or [values, event]."""
    domain = case.domain
    if case.family.event > 1:
        return torch.tensor([[0.0, 0.0], [1e3, -1e3]], dtype=dtype)
    if isinstance(domain, Integer):
        return torch.tensor([domain.low, domain.low + 1, domain.high], dtype=dtype)
    if isinstance(domain, MuLaw):
        return domain.value(torch.tensor([0, 1, domain.count - 1]), dtype)
    found = {
        "boolean": [0, 1],
        "integers": [0, 1, (domain.levels or 1) - 1],
        "nonnegative_integers": [0, 1, 7, 1_000],
        "real": [-1e3, 0, 1e-3, 1e3],
        "positive": [1e-4, 1, 1e3],
        "unit_interval": [1e-4, 0.5, 1 - 1e-4],
        "angle": [-3.1, 0, 3.1],
    }
    return torch.tensor(found[domain.support], dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
def test_finite_with_gradients(case: family_cases.Case, dtype: torch.dtype) -> None:
    sizes = [0.0, 8.0, -8.0, 60.0, -60.0, 1e4, -1e4]
    width = max(case.family.width, 1)
    far = 50.0
    if case.family.event > 1:
        sizes, far = sizes[:3], 5.0  # a nearly singular covariance takes more exponents than float32 has
    raws = [torch.full((width,), size) for size in sizes]
    raws += [size * (-1.0) ** torch.arange(width) for size in sizes[1:]]
    raws += [torch.randn(width, generator=torch.Generator().manual_seed(k)) * far for k in range(5)]
    raw = torch.stack(raws).to(dtype).unsqueeze(1).requires_grad_()
    found = case.law.log_prob(raw, probes(case, dtype))
    assert not torch.isnan(found).any()
    assert torch.isfinite(found).all(), "log_prob"
    (gradient,) = torch.autograd.grad(found.sum(), raw)
    assert torch.isfinite(gradient).all(), "gradient"


@pytest.mark.parametrize(
    "case", [c for c in family_cases.ALL if not c.family.inner or isinstance(c.domain, Count)], ids=str
)
def test_draws_stay_finite(case: family_cases.Case) -> None:
    sizes = torch.tensor([0.0, 20.0, -20.0, 1e3, -1e3], dtype=torch.float64)
    raw = sizes[:, None].expand(5, case.family.width)
    for dtype in (torch.float64, torch.float32):
        assert torch.isfinite(case.law.sample(raw.to(dtype), case.noise(5))).all()


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_discretized_logistic_against_long_decimals(dtype: torch.dtype) -> None:
    """Deep in both tails, against the formula itself in decimals long enough for it."""
    from decimal import Decimal, getcontext

    getcontext().prec = 1_000  # the difference of two numbers near one, in a tail of e^−1000
    case = family_cases.discretized("logistic", Integer(0, 255))
    raw = torch.tensor([[0.1, 0.02], [-3.0, -2.0], [40.0, 0.5], [0.0, -6.0]], dtype=dtype)
    parameters = case.law.parameters(raw)
    for k in (0, 1, 100, 254, 255):
        found = case.law.log_prob(raw, torch.full((4,), float(k), dtype=dtype))
        for row in range(4):
            loc, scale = Decimal(parameters["loc"][row].item()), Decimal(parameters["scale"][row].item())

            def cdf(x: Decimal, loc: Decimal = loc, scale: Decimal = scale) -> Decimal:
                return 1 / (1 + (-(x - loc) / scale).exp())

            center, half = Decimal(2 * k) / 255 - 1, Decimal(1) / 255
            low = Decimal(0) if k == 0 else cdf(center - half)
            high = Decimal(1) if k == 255 else cdf(center + half)
            tolerance = 1e-9 if dtype == torch.float64 else 2e-4
            assert found[row].item() == pytest.approx(float((high - low).ln()), rel=tolerance, abs=tolerance)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("case", family_cases.ALL, ids=str)
def test_samples_are_possible(case: family_cases.Case, dtype: torch.dtype) -> None:
    """A draw of whatever parameters lies in the domain, and its own log-probability is a number."""
    generator = torch.Generator().manual_seed(0)
    n, width = 400, case.family.width
    size = 10 ** (torch.rand(n, 1, generator=generator, dtype=torch.float64) * 3 - 1)
    if case.family.event > 1:
        size = size.clamp(max=10)
    raw = (size * torch.randn(n, width, generator=generator, dtype=torch.float64)).to(dtype)
    noise = torch.rand(n, case.family.uniforms, generator=generator, dtype=torch.float64)
    noise[::10], noise[1::10] = 0, 1
    drawn = case.law.sample(raw, noise)
    log_prob = case.law.log_prob(raw, drawn)
    wrong = ~log_prob.isfinite() | (log_prob < -1e20)
    assert not wrong.any(), [(case.law.parameters(raw[wrong]), drawn[wrong], log_prob[wrong])]


def test_the_heaviest_tails_leave_networks_finite() -> None:
    """Draws of a Student t law with 10⁻⁶ degrees of freedom lie beyond all floats, and a network reads them."""
    model = ardsl.compile(ardsl.loads("observed x[3] : real\np(x[i] | x[<i]) = student_t(df = 0.000001) via linear"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
        model.measure(torch.arange(6.0).view(2, 3))
        x = model.sample(200, seed=0)
        assert x.isfinite().all() and (x.abs() > 1e18).any()
        assert model.log_prob(x).isfinite().all()


def test_a_joint_draw_all_but_impossible_has_a_probability() -> None:
    """By a triangle of large numbers below small ones, what is far grows from each element to the next, beyond what
    single precision holds: no two draws are alike before."""
    model = ardsl.compile(ardsl.loads("observed v[5] : real\np(v[*]) = multivariate_normal\n"))
    raw = torch.full((20,), -100.0)
    log_prob = model.conditionals[0][0].log_prob(raw, torch.ones(5))
    assert log_prob.dtype == torch.float32 and float(log_prob) == torch.finfo(torch.float32).min
    near = torch.zeros(3, 5)
    near[:, 4] = torch.tensor([1e9, 1e12, 1e13])
    far = model.conditionals[0][0].log_prob(torch.cat([torch.zeros(14), -100 * torch.ones(6)]), near)
    assert far.tolist() == pytest.approx([-0.5e30, -0.5e36, -0.5e38], rel=1e-4)
