"""Evaluations are exact: every example counts once, whatever the batches."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

import ardsl
from ardsl.queries.evaluate import default_batch
from tests.support.runtime_specs import CONDITIONAL, MADE, correlated, made


def random_model(text: str) -> ardsl.AutoregressiveModel:
    """A model far from uniform, so that examples differ in likelihood."""
    model = ardsl.compile(ardsl.loads(text), seed=1, dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return model


@pytest.mark.parametrize("batch", [1, 7, 10, 23, 1000, None])
def test_sums_are_exact_under_partial_batches(batch: int | None) -> None:
    model, x = random_model(MADE), correlated(23)
    found = ardsl.evaluate(model, x, batch)
    with torch.no_grad():
        each = -model.log_prob(x)
    assert found.examples == 23
    assert found.nll == pytest.approx(float(each.mean()), abs=1e-12)
    assert found.standard_error == pytest.approx(float(each.std()) / math.sqrt(23), abs=1e-12)
    assert found.bits_per_dim == pytest.approx(found.nll / (4 * math.log(2)), abs=1e-12)
    assert ardsl.score(model, x, batch) == pytest.approx(-each.numpy(), abs=1e-12)


def test_one_example_has_no_standard_error() -> None:
    assert math.isnan(ardsl.evaluate(random_model(MADE), correlated(1)).standard_error)


def test_the_mixture_over_orders_is_what_is_evaluated() -> None:
    text = MADE.replace("p(x[i]", "order x by any(orders = 3)\np(x[i]")
    model, x = random_model(text), correlated(9)
    with torch.no_grad():
        under = torch.stack([model.log_prob(x, order=k) for k in range(3)])  # type: ignore[list-item]
    expected = -(under.logsumexp(0) - math.log(3)).mean()
    assert ardsl.evaluate(model, x, 4).nll == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize("network", ["made(hidden = 8)", "nade(hidden = [8, 8])"])
def test_some_orders_are_a_mixture_of_fewer(network: str) -> None:
    """With the mean of the single orders, and its standard error over them."""
    text = f"observed x[4] : binary\norder x by any(orders = 5)\np(x[i] | x[<i]) = bernoulli via {network}\n"
    model, x = random_model(text), correlated(9)
    with torch.no_grad():
        under = torch.stack([model.log_prob(x, order=k) for k in range(5)])  # type: ignore[list-item]
    for count in (1, 3, 5):
        found = ardsl.evaluate(model, x, 4, orders=count)
        mixture = under[:count].logsumexp(0) - math.log(count)
        single = -under[:count].mean(1)
        assert found.nll == pytest.approx(float(-mixture.mean()), abs=1e-12)
        assert found.standard_error == pytest.approx(float(mixture.std()) / 3, abs=1e-12)
        assert found.orders is not None and found.orders.count == count
        assert list(found.orders.mixtures) == {1: [1], 3: [1, 2, 3], 5: [1, 2, 4, 5]}[count]
        for fewer, nll in found.orders.mixtures.items():
            assert nll == pytest.approx(float(math.log(fewer) - under[:fewer].logsumexp(0).mean()), abs=1e-12)
        assert found.orders.nll == pytest.approx(float(single.mean()), abs=1e-12)
        if count == 1:
            assert math.isnan(found.orders.standard_error)
        else:
            assert found.orders.standard_error == pytest.approx(float(single.std()) / math.sqrt(count), abs=1e-12)
    assert ardsl.evaluate(model, x).nll == pytest.approx(ardsl.evaluate(model, x, orders=5).nll, abs=1e-12)
    with pytest.raises(ardsl.ArdslError, match="`x` has 5 orders, not 6"):
        ardsl.evaluate(model, x, orders=6)
    with pytest.raises(ardsl.ArdslError, match="the model is not the mixture of several orders"):
        ardsl.evaluate(random_model(MADE), x, orders=1)


def test_some_examples_stand_for_all() -> None:
    """The same each time, drawn from all over."""
    model, x = random_model(MADE), correlated(500)
    found = ardsl.evaluate(model, x, examples=100)
    rows = np.sort(np.random.default_rng(0).choice(500, 100, replace=False))
    assert rows.min() < 20 and rows.max() > 470
    assert found.examples == 100 and found.nll == ardsl.evaluate(model, x[torch.from_numpy(rows)]).nll
    assert ardsl.evaluate(model, x, examples=900).nll == ardsl.evaluate(model, x).nll


def test_a_network_asked_with_a_mask_validates_by_the_same_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After each epoch; what is evaluated is exact."""
    text = (
        'observed x[4] : binary\norder x by any(orders = 2, train = "all")\n'
        "p(x[i] | x[<i]) = bernoulli via nade(hidden = [8])\n"
        "train { epochs = 3  batch = 50  optimizer = sgd(rate = 1e-30) }\n"
    )
    data = {"train": correlated(50), "valid": correlated(3000, seed=1)}
    run = ardsl.fit(ardsl.loads(text), data, tmp_path / "run", device="cpu")
    assert "nats (an estimate: `ardsl eval` is exact), " in "".join(capsys.readouterr())
    assert json.loads((tmp_path / "run" / "run.json").read_text())["figures"]["valid"]["estimated"]
    first, *others = [row["valid"] for row in run.metrics]
    assert others == [first, first]
    exact = ardsl.evaluate(run.model, data["valid"])
    assert first == pytest.approx(exact.nll, abs=0.2) and first != exact.nll and not exact.estimated


def test_conditioning_goes_with_its_example() -> None:
    model = random_model(CONDITIONAL)
    random = np.random.default_rng(0)
    data = {"x": random.integers(0, 2, (11, 2, 3)), "label": random.integers(0, 3, 11)}
    with torch.no_grad():
        expected = model.log_prob(data["x"], data["label"])
    assert ardsl.score(model, data, 4) == pytest.approx(expected.numpy(), abs=1e-12)


def test_evaluation_leaves_training_mode_as_it_was() -> None:
    model = random_model(MADE.replace("[8]", "[8], dropout = 0.5")).train()
    assert ardsl.evaluate(model, correlated(50)).nll == ardsl.evaluate(model, correlated(50)).nll
    assert model.training


def test_memory_bounds_the_batch() -> None:
    small = ardsl.compile(made())
    wide = ardsl.compile(
        ardsl.loads("observed x[900] : category(200)\np(x[i] | x[<i] last 1) = categorical via linear(tied = true)\n")
    )
    assert default_batch(small) == 1024
    assert 1 <= default_batch(wide) < 200


def test_the_spec_names_the_data_where_none_is_given() -> None:
    with pytest.raises(ardsl.DataError, match=r"AR500.*there is no test data"):
        ardsl.evaluate(ardsl.compile(made()))
