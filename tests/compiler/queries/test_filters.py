"""The arithmetic of particle filters, on chains whose answers are known."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from ardsl.compiler.queries.filters import (
    DEGREES,
    T_95,
    Filters,
    effective,
    log_mean,
    mean_of,
    ratio_of,
    systematic,
)

MOVE = torch.tensor([[0.95, 0.05, 0.0], [0.02, 0.9, 0.08], [0.3, 0.0, 0.7]], dtype=torch.float64)
EMIT = torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.02, 0.98]], dtype=torch.float64)
SEEN = (1, 1, 0, 1, 1, 1, 0, 1)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def hidden_chain(filters: int, particles: int, seed: int) -> tuple[Filters, Tensor]:
    """A bootstrap filter of a chain of three states, of which something is seen at each step."""
    random, running = generator(seed), Filters(filters, particles, generator(seed + 1))
    state = torch.randint(3, (filters * particles,), generator=random)
    for seen in SEEN:
        running.weigh(EMIT[state, seen].log())
        rows = running.resample()
        state = state if rows is None else state[rows]
        u = torch.rand(len(state), generator=random, dtype=torch.float64)
        state = (u.unsqueeze(1) > MOVE[state].cumsum(1)).sum(1).clamp(max=2)
    return running, state


def forward() -> tuple[float, Tensor]:
    """The probability of what is seen, and the distribution of the state after it."""
    state = torch.full((3,), 1 / 3, dtype=torch.float64)
    for seen in SEEN:
        state = (state * EMIT[:, seen]) @ MOVE
    return state.sum().item(), state / state.sum()


def test_the_evidence_of_a_chain_is_unbiased() -> None:
    """Over 4,000 filters that resample several times; weighted particles have the distribution of the last state."""
    filters, state = hidden_chain(4000, 20, seed=3)
    evidence = filters.log_evidence.exp()
    right, last = forward()
    assert (filters.log_evidence_before != 0).double().mean() > 0.95  # nearly all have resampled
    assert abs(evidence.mean() - right) < 4 * evidence.std() / 4000**0.5
    for number in range(3):
        share = (filters.total_log_weights.exp() * (state.view(4000, 20) == number)).mean(1)
        assert abs(share.mean() - right * last[number]) < 4 * share.std() / 4000**0.5


def test_ancestors_are_those_at_the_start() -> None:
    filters, _ = hidden_chain(30, 40, seed=5)
    counts = [len(row.unique()) for row in filters.ancestors]
    assert max(counts) < 40 and min(counts) >= 1
    assert not torch.equal(filters.ancestors[0], filters.ancestors[1])


def test_intervals_cover_the_evidence() -> None:
    """Of 500 repetitions with 20 filters of 50 particles each, 92 to 97.5 % have the right value in their interval."""
    filters, _ = hidden_chain(500 * 20, 50, seed=11)
    log_mean_, error = mean_of(filters.log_evidence.view(500, 20))
    covered = ((log_mean_.exp() - forward()[0]).abs() <= T_95 * error * log_mean_.exp()).double().mean()
    assert 0.92 <= covered <= 0.975


def test_the_quantile_of_student() -> None:
    assert pytest.approx(stats.t(DEGREES).ppf(0.975), abs=5e-4) == T_95


@pytest.mark.parametrize("count", [1, 7, 20])
def test_systematic_resampling(count: int) -> None:
    """Each index comes as often as its share says, rounded up or down, and as often on average."""
    weights = torch.tensor([0.5, 0.0, 0.2, 0.05, 0.25], dtype=torch.float64)
    start = torch.rand(4000, generator=generator(), dtype=torch.float64)
    drawn = systematic(weights.log().expand(4000, 5), start, count)
    times = torch.stack([(drawn == number).sum(1) for number in range(5)], 1).double()
    expected = count * weights
    assert (times >= expected.floor() - 1e-9).all() and (times <= expected.ceil() + 1e-9).all()
    assert (times[:, 1] == 0).all()
    torch.testing.assert_close(times.mean(0), expected, atol=0.04, rtol=0)


def test_only_uneven_filters_are_resampled() -> None:
    """One whose effective size is at least half goes on as it is, and keeps its weights."""
    filters = Filters(3, 4, generator())
    assert filters.resample() is None  # nothing was weighed
    log_weights = torch.tensor([[0.0, 0, 0, 0], [0, -9, -9, -9], [-1, -1.5, -1, -1]], dtype=torch.float64)
    filters.weigh(log_weights.flatten())
    evidence = filters.log_evidence.clone()
    rows = filters.resample()
    assert rows is not None
    assert rows.tolist() == [0, 1, 2, 3, 4, 4, 4, 4, 8, 9, 10, 11]
    torch.testing.assert_close(filters.log_evidence, evidence)
    assert filters.log_weights[1].tolist() == [0] * 4
    torch.testing.assert_close(filters.log_weights[2], log_weights[2])
    torch.testing.assert_close(filters.total_log_weights.logsumexp(1) - math.log(4), evidence)


def test_products_of_small_probabilities_do_not_underflow() -> None:
    filters = Filters(2, 50, generator())
    for _ in range(784):
        filters.weigh(torch.full((100,), -30.0) + torch.rand(100, generator=generator()))
        filters.resample()
    assert bool((filters.log_evidence < -20_000).all()) and bool(filters.log_evidence.isfinite().all())
    log_value, error = mean_of(filters.log_evidence.view(1, 2))
    assert bool(log_value.isfinite().all()) and bool(error.isfinite().all())


def test_a_filter_without_any_possible_particle() -> None:
    """It counts as 0, and the others go on."""
    filters = Filters(2, 3, generator())
    filters.weigh(torch.tensor([-math.inf] * 3 + [0.0, -math.inf, -math.inf]))
    rows = filters.resample()
    assert rows is not None and rows.tolist() == [0, 1, 2, 3, 3, 3]
    assert filters.log_evidence.tolist() == pytest.approx([-math.inf, -math.log(3)])
    assert effective(filters.log_weights).tolist() == pytest.approx([0, 3])
    log_value, error = mean_of(torch.tensor([[-math.inf, -math.inf], [0.0, -math.inf]], dtype=torch.float64))
    assert log_value.tolist() == pytest.approx([-math.inf, -math.log(2)])
    assert error.tolist() == pytest.approx([0, 1])


def test_the_ratio_of_means() -> None:
    """By the jackknife: of normal variables about right, with intervals that hold it about as often as they say."""
    random = generator(2)
    below = 2 + 0.3 * torch.randn(2000, 20, generator=random, dtype=torch.float64)
    above = 0.3 * below + 0.2 * (1 + 0.3 * torch.randn(2000, 20, generator=random, dtype=torch.float64))
    log_ratio, error = ratio_of(above.log() - 900, below.log() - 800)
    ratio, right = (log_ratio + 100).exp(), 0.8 / 2
    assert abs(ratio.mean() - right) < 4 * ratio.std() / 2000**0.5
    assert 0.93 <= ((ratio - right).abs() <= T_95 * error * ratio).double().mean() <= 0.97
    same, none = ratio_of(above.log(), above.log())
    assert same.abs().max() < 1e-12 and none.max() < 1e-12


def test_means_of_logarithms() -> None:
    weights = torch.rand(3, 10, generator=generator(), dtype=torch.float64)
    torch.testing.assert_close(log_mean(weights.log() - 1e4), weights.mean(1).log() - 1e4)
    torch.testing.assert_close(effective(weights.log() - 1e4), weights.sum(1) ** 2 / (weights**2).sum(1))
