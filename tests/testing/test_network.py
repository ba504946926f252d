"""The check of networks, ours and those of others, on their examples."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ardsl
from ardsl.networks.registry import network, network_names, registered
from ardsl.testing import check_network, every_value, normalization_problems
from tests.support.plugins import Boastful, Elsewhere, Squares, Straight, Unmasked, Unshown


@pytest.mark.parametrize("name", network_names())
def test_a_built_in_network_is_sound(name: str) -> None:
    assert check_network(type(network(name))) == []


def test_a_network_of_another_package_is_sound_and_known_for_its_check_alone() -> None:
    assert check_network(Straight) == []
    assert "straight" not in network_names()
    with pytest.raises(ardsl.SpecError, match="straight"):
        ardsl.loads(Straight.examples["bits"])


def test_a_network_that_inherits_nothing_is_checked_trained_and_sampled(tmp_path: Path) -> None:
    assert check_network(Squares) == []
    with registered(Squares):
        text = (
            "observed x[2] : real\np(x[i] | x[<i]) = normal via squares\n"
            "train { optimizer = adam(rate = 3e-2)  epochs = 30  batch = 200 }\n"
        )
        spec = ardsl.loads(text)
        first = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
        x = torch.cat([first, first**2 + 0.1 * torch.randn(1000, 1, generator=torch.Generator().manual_seed(1))], 1)
        run = ardsl.fit(spec, x, out=tmp_path / "run", progress=False)
        assert ardsl.verify_numeric(spec).complete
        drawn = run.model.sample(1000, seed=0)
    apart = (drawn[:, 1] - drawn[:, 0] ** 2).std()
    assert apart < 0.4 < drawn[:, 1].std()  # the parabola: no line comes nearer than the second


@pytest.mark.parametrize(
    ("plugin", "problems"),
    [
        (
            Unmasked,
            [
                "bits: probe: 10 leaks in p(x[i] | x[<i])",
                "bits: probe: p(x[i] | x[<i]) realizes 16 pairs, the plan 6",
                "bits: normalization: the probabilities sum to ",
            ],
        ),
        (Boastful, ["bits: <spec>:2:3: error[AR420]: the network of `p(x[i] | x[<i])` leaks: 10 pairs "]),
        (Elsewhere, ["bits: nothing goes through `elsewhere`"]),
    ],
)
def test_problems_are_told(plugin: type[Straight], problems: list[str]) -> None:
    found = check_network(plugin)
    assert [problem[: len(told)] for problem, told in zip(found, problems, strict=True)] == problems


def test_a_network_without_examples_is_not_checked() -> None:
    with pytest.raises(ardsl.ArdslError, match="`Unshown` has no `examples`: small specs, by name, to check it on"):
        check_network(Unshown)


def test_values_that_are_not_finite_are_not_listed() -> None:
    spec = ardsl.loads("observed x : real\np(x) = normal\n")
    assert list(normalization_problems(spec)) == []
    with pytest.raises(TypeError, match="real is not finite"):
        every_value(spec)
