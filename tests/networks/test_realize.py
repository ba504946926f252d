"""What a plan realizes is what its draws can depend on, and not what the layers of its network connect."""

from __future__ import annotations

import pytest

import ardsl

RECORD = (
    "record r { a : binary  b : real  c : binary }\n"
    "p(r.a) = bernoulli via body\np(r.b | r.a) = normal(0, 1) via body\np(r.c | r.a, r.b) = bernoulli via body\n"
    "net body = made(hidden = 4)\n"
)


@pytest.mark.parametrize(
    "network",
    ["linear", "made(hidden = 4)", "pixelcnn(layers = 1, features = 2)", "linear(tied = true)", "table(tied = true)"],
)
def test_a_family_without_parameters_reads_nothing(network: str) -> None:
    spec = ardsl.loads(f"observed x[2, 2] : binary\np(x[i] | x[<i]) = bernoulli(logits = 0) via {network}\n")
    assert spec.report.realized == 0
    assert spec.report.blind_spots.count == 6
    assert spec.plan.steps == 1
    assert [d.code for d in spec.warnings] == ["AR421"]
    assert spec.warnings[0].help == "leave a parameter of the family to the network, or remove the context"


def test_some_draws_of_a_net_without_parameters() -> None:
    spec = ardsl.loads(RECORD)
    assert [c.realized for c in spec.report.comparisons] == [0, 0, 2]
    assert list(spec.report.blind_spots) == [("r.b", "r.a")]
    assert spec.plan.steps == 2
    assert not ardsl.verify_numeric(spec).leaks


def test_families_with_parameters_are_left_as_they_are() -> None:
    spec = ardsl.loads("observed x[4] : real\np(x[i] | x[<i]) = normal(scale = 1) via made(hidden = 4)\n")
    assert spec.report.complete
