"""Links take what a network gives to the parameters' sets, and the field's link fits the field's data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ardsl
from ardsl.families.catalogue import CATALOGUE
from ardsl.families.constraints import FLOOR, constrain, unconstrain
from ardsl.families.distributions import build_family
from ardsl.families.links import default_link, fitting_links
from ardsl.families.resolve import catalogue_family
from tests.support import family_cases


def test_the_links_that_the_language_page_names() -> None:
    links = {
        f"{entry.name}.{parameter.name}": default_link(entry, parameter)
        for entry in CATALOGUE.values()
        for parameter in entry.parameters
    }
    assert {name for name, link in links.items() if link == "exp"} == {
        "chi2.df",
        "exponential.rate",
        "fisher_snedecor.df1",
        "fisher_snedecor.df2",
        "gamma.concentration",
        "gamma.rate",
        "gamma_poisson.concentration",
        "gamma_poisson.rate",
        "half_cauchy.scale",
        "half_normal.scale",
        "inverse_gamma.concentration",
        "inverse_gamma.rate",
        "negative_binomial.total_count",
        "poisson.rate",
        "weibull.concentration",
        "weibull.scale",
        "zero_inflated_negative_binomial.total_count",
        "zero_inflated_poisson.rate",
    }
    assert links["normal.scale"] == links["log_normal.scale"] == links["beta.concentration1"] == "softplus"
    assert links["normal.loc"] == links["negative_binomial.logits"] == "identity"


@pytest.mark.parametrize("case", family_cases.PLAIN, ids=str)
def test_training_begins_with_the_same_distribution_under_any_link(case: family_cases.Case) -> None:
    entry = CATALOGUE[case.family.name]
    before = case.law.parameters(case.law.initial_raw().double())
    for parameter in entry.parameters:
        for link in fitting_links(parameter):
            links = {parameter.name: link}
            other = catalogue_family(entry, case.domain, case.family.event, case.family.fixed, links)
            assert f"{parameter.name} = {link}" in str(other)
            law = build_family(other, case.domain)
            after = law.parameters(law.initial_raw().double())
            for name, value in before.items():
                torch.testing.assert_close(after[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("link", ["exp", "softplus"])
def test_links_lead_there_and_back(link: str) -> None:
    for value in (2 * FLOOR, 1e-3, 1.0, 50.0, 1e5):
        raw = torch.tensor([unconstrain("positive", value, link)], dtype=torch.float64)
        assert constrain("positive", raw, link).item() == pytest.approx(value, rel=1e-6)


def test_the_exponential_link_does_not_overflow() -> None:
    raw = torch.tensor([[-1e30], [-200.0], [29.0], [31.0], [1e6], [1e15]], requires_grad=True)
    value = constrain("positive", raw, "exp")
    (gradient,) = torch.autograd.grad(value.sum(), raw)
    assert value.isfinite().all() and gradient.isfinite().all() and (value.diff() >= 0).all()
    assert (gradient[2:] > 0).all()


@pytest.mark.thorough
def test_poisson_regression_is_that_of_generalized_linear_models() -> None:
    """To the likelihood of the coefficients that the counts were drawn with; by another link it stays far off."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    rate = np.exp(1 + x @ [1.0, -0.8])
    y = rng.poisson(rate)
    right = -(y * np.log(rate) - rate - torch.lgamma(torch.tensor(y + 1.0)).numpy()).mean()
    nll = {}
    for link in ("exp", "softplus"):
        spec = ardsl.loads(
            f"given x[2] : real\nobserved y : count\np(y | x) = poisson(rate = {link}) via linear\n"
            "train { optimizer = adam(rate = 5e-2) batch = 500 epochs = 40 schedule = cosine }\n"
        )
        model = ardsl.fit(spec, {"x": x, "y": y}, progress=False).model
        nll[link] = -model.log_prob(y, {"x": x}).mean().item()
    assert nll["exp"] == pytest.approx(right, abs=0.01)
    assert nll["softplus"] > right + 1
