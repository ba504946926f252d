"""The law of all channels of a pixel: normalized, its draws follow it, and its parts are those of PixelCNN++."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from ardsl.families.distributions import Conditional, build_family
from ardsl.families.domains import Integer, MuLaw
from ardsl.families.resolve import color_mixture_family

torch.set_num_threads(1)


def law(levels: int = 4, channels: int = 3, components: int = 2, low: int = -1) -> Conditional:
    domain = Integer(low, low + levels - 1)
    return build_family(color_mixture_family(domain, channels, components), domain)


def raw(conditional: Conditional, seed: int = 0, *batch: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*batch, conditional.family.width, generator=generator, dtype=torch.float64)


def every(levels: int, channels: int, low: int = -1) -> torch.Tensor:
    return torch.tensor(list(product(range(low, low + levels), repeat=channels)), dtype=torch.float64)


@pytest.mark.parametrize(("levels", "channels", "components"), [(4, 3, 2), (2, 2, 1), (1, 3, 2), (5, 1, 3), (3, 4, 2)])
def test_adds_up_to_one(levels: int, channels: int, components: int) -> None:
    conditional = law(levels, channels, components)
    for seed in range(4):
        total = conditional.log_prob(raw(conditional, seed), every(levels, channels)).exp().sum()
        assert total.item() == pytest.approx(1, abs=1e-9)


def test_draws_follow_the_law() -> None:
    """Pearson's χ² over all colours, at a chance of 1e-4."""
    conditional = law()
    numbers, values = raw(conditional, 3), every(4, 3)
    p = conditional.log_prob(numbers, values).exp()
    count = 20_000
    uniforms = torch.rand(count, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    drawn = conditional.sample(numbers, uniforms)
    index = ((drawn + 1) @ torch.tensor([16.0, 4, 1], dtype=torch.float64)).long()
    found = torch.bincount(index, minlength=64).double()
    kept = p * count >= 5
    pooled = torch.cat([found[kept], found[~kept].sum()[None]]), torch.cat([p[kept], p[~kept].sum()[None]]) * count
    statistic = ((pooled[0] - pooled[1]) ** 2 / pooled[1].clamp(min=1e-9)).sum()
    degrees = int(kept.sum())
    # The cube root of a χ² variable is nearly normal (Wilson & Hilferty, 1931).
    z = ((statistic / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / (2 / (9 * degrees)) ** 0.5
    assert z < 3.72


def test_a_channel_s_location_moves_with_those_before_it() -> None:
    """By hand, from PixelCNN++'s equations, away from the edges of the range."""
    domain = Integer(0, 255)
    conditional = build_family(color_mixture_family(domain, 3, 1), domain)
    numbers = raw(conditional, 1) * 0.3
    p = {name: value[0] for name, value in conditional.parameters(numbers).items()}
    code = torch.tensor([100.0, 140.0, 120.0], dtype=torch.float64)
    x = 2 * code / 255 - 1
    a, b, c = p["coefficients"]
    locations = [p["loc"][0], p["loc"][1] + a * x[0], p["loc"][2] + b * x[0] + c * x[1]]
    expected = torch.zeros((), dtype=torch.float64)
    for place, loc, scale in zip(x, locations, p["scale"], strict=True):
        high, low = torch.sigmoid((place + 1 / 255 - loc) / scale), torch.sigmoid((place - 1 / 255 - loc) / scale)
        expected += (high - low).log()
    assert conditional.log_prob(numbers, code).item() == pytest.approx(expected.item(), abs=1e-9)


def test_a_value_outside_is_impossible_and_mulaw_has_codes() -> None:
    conditional = law()
    assert conditional.log_prob(raw(conditional), torch.tensor([0.0, 5.0, 0.0])).item() == -float("inf")
    domain = MuLaw(4)
    audio = build_family(color_mixture_family(domain, 2, 2), domain)
    drawn = audio.sample(raw(audio), torch.rand(50, 3, generator=torch.Generator().manual_seed(0)).double())
    assert drawn.shape == (50, 2) and bool((drawn.abs() <= 1).all())
    assert bool(audio.log_prob(raw(audio), drawn).isfinite().all())


def test_training_begins_with_components_side_by_side() -> None:
    conditional = law(256, 3, 10, low=0)
    start = conditional.initial_raw().double()
    p = conditional.parameters(start)
    assert torch.allclose(p["weights"], torch.full((10,), 0.1, dtype=torch.float64))
    assert bool((p["loc"][:, 0].diff() > 0).all()) and bool((p["coefficients"] == 0).all())
