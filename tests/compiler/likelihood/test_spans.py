"""Time in parts: a network along time gives at some moments what it gives there as a whole."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import ardsl
from ardsl.compiler.likelihood import spans
from ardsl.compiler.window import Window, parts
from ardsl.networks.module import Span
from tests.support import time_specs
from tests.support.time_specs import WAVENET

SPECS = time_specs.SPECS | {
    "a short window": f"observed x[time: 40] : binary\np(x[t] | x[<t] within 3) = bernoulli via {WAVENET}\n",
}


def compiled(name: str) -> ardsl.AutoregressiveModel:
    return time_specs.compiled(SPECS[name])


def examples(model: ardsl.AutoregressiveModel, count: int = 4) -> tuple[Tensor, dict[str, Tensor] | None]:
    given = {v.name: torch.randn(count, *v.shape, dtype=torch.float64) for v in model.spec.model.given} or None
    x = model.sample(count, given, seed=3)
    assert isinstance(x, Tensor)
    if model.spec.variables["x"].varies:
        x = x.double()
        for row, length in enumerate((40, 0, 7, 23)):
            x[row, length:] = torch.nan
    return x, given


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("memory", [0, 20_000])
def test_a_likelihood_in_parts_is_that_of_the_whole(name: str, memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However little memory there is: no part is shorter than what the network reads back."""
    model = compiled(name)
    x, given = examples(model)
    whole = model.log_prob(x, given, elementwise=True)["x"]
    monkeypatch.setattr(spans, "_MEMORY", memory)
    used = []
    monkeypatch.setattr(model.networks[0], "maps_of", _counted(model.networks[0].maps_of, used))
    with torch.no_grad():
        found = model.log_prob(x, given, elementwise=True)["x"]
    back = model.spec.plan.groups[0].receptive_field
    assert len(used) > 1 and all(span.length >= back or span.first + span.length == 40 for span in used)
    torch.testing.assert_close(found, whole, atol=1e-12, rtol=0)


def _counted(function, used):  # type: ignore[no-untyped-def]
    def counted(inputs, span=None):  # type: ignore[no-untyped-def]
        used.append(span)
        return function(inputs, span)

    return counted


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_every_example_may_have_a_part_of_its_own(name: str) -> None:
    """Also one that begins before the first moment, where there is nothing, or ends after the last."""
    model = compiled(name)
    x, given = examples(model)
    values = model.values(x, given)
    (whole,) = model.draw_log_probs(0, values)
    each = whole.shape[1] // 40
    for start in ([-4, -1, 0, 3], [10, 25, 36, 39], [-5, 40, 17, 8]):
        (found,) = model.draw_log_probs(0, values, span=Span(torch.tensor(start), 5))
        for row, first in enumerate(start):
            there = [
                whole[row, t * each : (t + 1) * each] if 0 <= t < 40 else 0 * whole[0, :each]
                for t in range(first, first + 5)
            ]
            torch.testing.assert_close(found[row], torch.cat(there), atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", ["codes", "numbers given a text", "channels"])
@pytest.mark.parametrize("length", [1, 3, 16, 64])
@torch.no_grad()
def test_the_mean_over_all_windows_is_the_loss(name: str, length: int) -> None:
    """Exactly: every place that can be drawn, and every example as often as an epoch has it."""
    model = compiled(name)
    x, given = examples(model)
    lengths = torch.full((4,), 40) if "numbers" in name else torch.tensor([40, 0, 7, 23])
    times = parts(lengths, length)
    total = torch.zeros((), dtype=torch.float64)
    for row in range(4):
        places = int(lengths[row]) + length - 1
        batch = {"x": x[row : row + 1]} | {k: v[row : row + 1] for k, v in (given or {}).items()}
        every = [
            model.loss(batch, window=Window(length, torch.tensor([k + 1000 * places]), float(times.sum()) / 4))
            for k in range(max(places, 1))
        ]
        total += torch.stack(every).mean() * times[row]
    expected = model.loss({"x": x} | (given or {}))
    torch.testing.assert_close(total / times.sum(), expected, atol=1e-10, rtol=0)


def test_a_window_has_the_gradients_of_its_moments() -> None:
    model = compiled("codes")
    x, _ = examples(model)
    model.loss({"x": x[:1]}, window=Window(8, torch.tensor([20]), 1.0)).backward()
    found = [p.grad.clone() for p in model.parameters()]  # type: ignore[union-attr]
    model.zero_grad()
    (whole,) = model.draw_log_probs(0, model.values(x[:1]))
    (-whole[0, 13:21].sum() * (47 / 8) / 5).backward()
    for parameter, gradient in zip(model.parameters(), found, strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
