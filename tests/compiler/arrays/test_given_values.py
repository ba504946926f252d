"""What is given is checked as data are: a network would take a strange value for another."""

from __future__ import annotations

import pytest
import torch

import ardsl

STRANGE = {
    "category(3)": (3.0, 0.5, -1.0, torch.nan),
    'category("a", "b")': (2.0,),
    "binary": (2.0, 0.5),
    "integer(-2, 4)": (5.0, -3.0, 0.5),
    "count": (-1.0, 1.5),
    "real": (torch.inf, torch.nan),
    "positive": (0.0, -1.0),
    "unit_interval": (0.0, 1.0),
    "angle": (4.0,),
    "mulaw(256)": (1.5,),
}


@pytest.mark.parametrize("domain", STRANGE)
def test_values_outside_a_domain_are_refused(domain: str) -> None:
    spec = ardsl.loads(f"given c : {domain}\nobserved x[2] : binary\np(x[i] | x[<i], c) = bernoulli via made\n")
    model = ardsl.compile(spec)
    assert model.log_prob(torch.zeros(1, 2), {"c": torch.tensor([0.5 if domain == "unit_interval" else 1.0])}) < 0
    for value in STRANGE[domain]:
        given = {"c": torch.tensor([value])}
        for use in (lambda g=given: model.log_prob(torch.zeros(1, 2), g), lambda g=given: model.sample(2, g)):
            with pytest.raises(ardsl.ArdslError, match="`c` takes values of"):
                use()


def test_an_empty_batch_has_no_likelihoods() -> None:
    for network in ("made", "pixelcnn(layers = 1, features = 4)"):
        spec = ardsl.loads(f"observed x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via {network}\n")
        assert ardsl.compile(spec).log_prob(torch.zeros(0, 4, 4)).shape == (0,)  # type: ignore[union-attr]


@pytest.mark.parametrize(("dtype", "value", "shown"), [("float32", 1000001, "1000001"), ("float64", 0.1, "0.1")])
def test_a_refused_value_is_shown_with_all_its_digits(dtype: str, value: float, shown: str) -> None:
    spec = ardsl.loads("given c : integer(0, 1000000)\nobserved x : binary\np(x | c) = bernoulli via made\n")
    model = ardsl.compile(spec, dtype=getattr(torch, dtype))
    with pytest.raises(ardsl.ArdslError, match=f"`c` takes values of integer\\(0, 1000000\\), not {shown}$"):
        model.sample(1, {"c": value})
