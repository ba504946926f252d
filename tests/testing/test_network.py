"""The check of networks, ours and those of others, on their examples."""

from __future__ import annotations

import pytest

import ardsl
from ardsl.networks.registry import network, network_names
from ardsl.testing import check_network, every_value, normalization_problems
from tests.support.plugins import Boastful, Elsewhere, Straight, Unmasked, Unshown


@pytest.mark.parametrize("name", network_names())
def test_a_built_in_network_is_sound(name: str) -> None:
    assert check_network(type(network(name))) == []


def test_a_network_of_another_package_is_sound_and_known_for_its_check_alone() -> None:
    assert check_network(Straight) == []
    assert "straight" not in network_names()
    with pytest.raises(ardsl.SpecError, match="straight"):
        ardsl.loads(Straight.examples["bits"])


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
