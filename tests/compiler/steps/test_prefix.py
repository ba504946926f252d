"""Going on with a series: what is drawn after a prefix is what the whole network draws there."""

from __future__ import annotations

import math

import pytest
import torch

import ardsl
from ardsl.families.domains import MuLaw
from tests.support import time_specs
from tests.support.time_specs import WAVENET

SPECS = time_specs.SPECS | {
    "channels alone": f"observed x[time: 40, 2] : binary\np(x[i] | x[<i] within (0, *)) = bernoulli via {WAVENET}\n",
    "an end": f"observed x[time: ..40] : category(9, end = 0)\np(x[t] | x[<t] within 8) = categorical via {WAVENET}\n",
    "all that is earlier": "observed x[time: 5] : category(3)\np(x[t] | x[<t]) = categorical via "
    "wavenet(blocks = 1, layers = 2, features = 6, skip = 8)\n",
}


def compiled(name: str) -> ardsl.AutoregressiveModel:
    return time_specs.compiled(SPECS[name])


def given(model: ardsl.AutoregressiveModel) -> dict[str, torch.Tensor] | None:
    generator = torch.Generator().manual_seed(2)
    found = {v.name: torch.randn(3, *v.shape, generator=generator, dtype=torch.float64) for v in model.spec.model.given}
    return found or None


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("known", [0, 1, 3, 20, 39, 40])
def test_what_follows_a_prefix_is_what_the_whole_network_draws(name: str, known: int) -> None:
    """Also where most of the prefix is too far back to be looked at, and where the last sample was another."""
    model = compiled(name)
    conditions, noise = given(model), model.noise(3, seed=4)
    known = min(known, model.spec.variables["x"].shape[0])
    other = model.sample(3, conditions, seed=9)
    assert isinstance(other, torch.Tensor)
    prefix = other[:, :known]
    drawn = {
        evaluator: model.sample(3, conditions, prefix=prefix, noise=noise, evaluator=evaluator)  # type: ignore[arg-type]
        for evaluator in ("step", "whole")
    }
    torch.testing.assert_close(drawn["step"], drawn["whole"], atol=1e-9, rtol=0)
    if name != "an end":
        torch.testing.assert_close(drawn["step"][:, :known], prefix, atol=1e-12, rtol=0)
    chunks = list(model.stream(conditions, n=3, steps=7, prefix=prefix, seed=4))
    found = torch.cat(chunks, 1) if chunks else other[:, :0]
    assert torch.equal(found, drawn["step"][:, known : known + found.shape[1]])
    assert found.shape[1] == drawn["step"].shape[1] - known or name == "an end"


def test_a_sample_gone_on_with_is_the_sample() -> None:
    """With the same noise, its own prefix changes nothing."""
    for name in SPECS:
        model = compiled(name)
        conditions, noise = given(model), model.noise(3, seed=4)
        whole = model.sample(3, conditions, noise=noise)
        again = model.sample(3, conditions, prefix=whole[:, :2], noise=noise)
        torch.testing.assert_close(again, whole, atol=1e-9, rtol=0)


@torch.no_grad()
def test_the_chances_of_what_follows_are_those_of_the_rest_given_the_prefix() -> None:
    """p(rest | prefix) from ``log_prob`` alone, against how often each rest is drawn."""
    model = compiled("all that is earlier")
    prefix = torch.tensor([2, 0, 1])
    rests = torch.cartesian_prod(torch.arange(3), torch.arange(3))
    joint = model.log_prob(torch.cat([prefix.expand(9, 3), rests], 1))
    assert isinstance(joint, torch.Tensor)
    expected = joint.softmax(0)
    drawn = model.sample(20_000, prefix=prefix, seed=0)
    assert isinstance(drawn, torch.Tensor)
    counted = torch.bincount(drawn[:, 3] * 3 + drawn[:, 4], minlength=9) / 20_000
    assert float((counted - expected).abs().max()) < 4 * math.sqrt(0.25 / 20_000)


def test_a_prefix_of_audio_is_that_of_its_codes() -> None:
    """Whichever evaluator goes on with it, channels together or one."""
    for text in (
        SPECS["codes"],
        "observed x[time: 12, 3] : mulaw(16)\n"
        f"p(x[t, *] | x[<] within (8, *)) = color_mixture(components = 2) via {WAVENET}\n",
    ):
        model = time_specs.compiled(text)
        prefix = torch.linspace(-1, 1, 15, dtype=torch.float64).reshape(-1, *model.spec.variables["x"].shape[1:])
        drawn = [model.sample(1, prefix=prefix, seed=1, evaluator=each) for each in ("step", "whole")]  # type: ignore[arg-type]
        torch.testing.assert_close(*drawn, atol=1e-9, rtol=0)
        codes = MuLaw(16).code(prefix)
        assert torch.equal(MuLaw(16).code(drawn[0][0, : len(prefix)]), codes)
        torch.testing.assert_close(drawn[0][0, : len(prefix)], MuLaw(16).value(codes))


def test_prefixes_that_do_not_fit() -> None:
    with pytest.raises(ardsl.ArdslError, match="the prefix of `x` continues after its end"):
        compiled("an end").sample(1, prefix=torch.tensor([5, 0, 7]))
    model = compiled("codes")
    for prefix, problem in (
        (torch.zeros(41), r"must have the shape \[up to 40\], not \[41\]"),
        (torch.zeros(2, 4), "there are 2 prefixes of `x` for 3 samples"),
        (torch.zeros(3, 4, 1), r"must have the shape \[up to 40\], not \[4, 1\]"),
        (torch.full((4,), 1.5), r"`x` takes values of mulaw\(16\), not 1.5"),
        (torch.tensor([0.0, math.nan]), r"`x` takes values of mulaw\(16\), not nan"),
        ("abc", r"must be numbers"),
    ):
        with pytest.raises(ardsl.ArdslError, match=problem):
            model.sample(3, prefix=prefix)
    with pytest.raises(ardsl.ArdslError, match="shorter than its prefix"):
        model.sample(3, prefix=torch.zeros(4), lengths=[4, 4, 3])
    dense = ardsl.compile(ardsl.loads("observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made\n"))
    with pytest.raises(ardsl.ArdslError, match="a prefix is of one variable along time"):
        dense.sample(1, prefix=[0])


def test_arguments_have_their_former_names_too() -> None:
    """With a warning; both names at once are an error."""
    model = compiled("codes")
    first = torch.zeros(4)
    expected = model.sample(2, prefix=first, seed=0)
    with pytest.warns(DeprecationWarning, match="`begin` is now called `prefix`") as warned:
        assert torch.equal(model.sample(2, begin=first, seed=0), expected)
    assert warned[0].filename == __file__
    with pytest.warns(DeprecationWarning, match="`moments` is now called `steps`") as warned:
        chunk = next(model.stream(n=2, moments=7, prefix=first, seed=0))
    assert warned[0].filename == __file__ and chunk.shape == (2, 7)
    with pytest.raises(ardsl.ArdslError, match="`begin` is the former name of `prefix`: give `prefix` alone"):
        model.sample(2, begin=first, prefix=first)
