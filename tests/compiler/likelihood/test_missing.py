"""Missing values: the marginal of the model whose orders draw what is missing last, by enumeration."""

from itertools import product

import numpy as np
import pytest
import torch

import ardsl
from ardsl.compiler.likelihood.missing import placed_last
from tests.support.missing_specs import ARRAY, CONV, DEEP, GIVEN, RECORD, compiled, levels


@pytest.mark.parametrize("orders", [1, 3])
@pytest.mark.parametrize("text", [RECORD, ARRAY, GIVEN, DEEP, CONV])
@torch.no_grad()
def test_marginal_is_the_sum_over_what_is_missing(text: str, orders: int) -> None:
    """For every pattern of missing elements: Σ over their values of p under the orders that draw them last."""
    torch.manual_seed(0)
    model = compiled(text, orders)
    variable = model.spec.model.observed[0]
    every = torch.tensor(list(product(*levels(variable))), dtype=torch.float64)
    label = {"label": torch.tensor(1)} if model.spec.model.given else None
    some = every[7]
    for pattern in product([False, True], repeat=variable.size):
        missing = torch.tensor(pattern)
        agree = every[(every == some)[:, ~missing].all(1)]
        last = [placed_last(order, missing.numpy()) for order in variable.orders.orders]
        values = model.values(agree, label)
        group = model.groups[0]
        joint = torch.stack(
            [
                sum(part.sum(-1) for part in model.draw_log_probs(0, values, group.orders(0) | {variable.name: order}))
                for order in last
            ]
        )
        wanted = (joint.logsumexp(0) - np.log(orders)).logsumexp(0)
        given = torch.where(missing, torch.nan, some)
        found = model.log_prob(given[None], label)[0]
        torch.testing.assert_close(found, wanted, atol=1e-10, rtol=0)


@pytest.mark.parametrize("text", [RECORD, DEEP])
@torch.no_grad()
def test_each_example_has_its_own_pattern(text: str) -> None:
    """A batch of mixed patterns gives what its examples give one at a time, in the batch's order."""
    model = compiled(text, 3)
    generator = torch.Generator().manual_seed(5)
    x = model.sample(40, seed=1)
    x[torch.rand(x.shape, generator=generator) < 0.4] = torch.nan
    one_by_one = torch.cat([model.log_prob(row[None]) for row in x])
    torch.testing.assert_close(model.log_prob(x), one_by_one, atol=1e-12, rtol=0)
    assert len(torch.unique(x.isnan(), dim=0)) > 8


def test_loss_is_the_mean_over_the_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the declared order drawn, the loss is −log p of what is observed, and missing cells have no gradient."""
    model = compiled(ARRAY, 1)
    declared = model.spec.variables["x"].orders.orders[0]
    monkeypatch.setattr(type(model.spec.variables["x"].orders), "draw", lambda *_: declared)
    x = model.sample(30, seed=1).double()
    x[::2, 3] = torch.nan
    x[:7, 0] = torch.nan
    loss = model.loss({"x": x})
    torch.testing.assert_close(loss, -model.log_prob(x).mean())
    loss.backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_nothing_observed_is_certain() -> None:
    model = compiled(ARRAY, 3)
    assert model.log_prob(torch.full((2, 5), torch.nan)).tolist() == [0.0, 0.0]


@torch.no_grad()
def test_only_models_of_all_orders_marginalize() -> None:
    """Elsewhere a NaN has no likelihood of its own, and is refused with a way out."""
    model = ardsl.compile(ardsl.loads("observed x[3] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])"))
    x = torch.tensor([[0.0, torch.nan, 1.0]])
    with pytest.raises(ardsl.ArdslError) as raised:
        model.log_prob(x)
    help = "`marginal` gives log p of the others, and says how exact that is; `complete` draws what is missing"
    assert str(raised.value) == f"`x` has missing values (NaN): {help}"
    filled = [model.log_prob(x.nan_to_num(value)) for value in (0.0, 1.0)]
    torch.testing.assert_close(model.marginal(x).value, torch.stack(filled).logsumexp(0).double())


def test_last_keeps_both_orders() -> None:
    order = ardsl.loads(ARRAY.replace("ORDERS", "1")).variables["x"].orders.orders[0]
    last = np.array([True, False, False, True, False])
    draws = order.permutation.tolist()
    found = placed_last(order, last).permutation.tolist()
    assert found == [e for e in draws if not last[e]] + [e for e in draws if last[e]]


@pytest.mark.parametrize("low", [-3, 1, 100])
def test_the_loss_leaves_out_what_is_missing_whatever_the_domain(low: int) -> None:
    """Under a drawn order, also where 0 is no value of the domain; examples that miss other elements go together."""
    text = RECORD.replace("integer(2, 5)", f"integer({low}, {low + 3})")
    model = compiled(text, 1)
    generator = torch.Generator().manual_seed(0)
    x = torch.stack([torch.randint(0, n, (12,), generator=generator) for n in (2, 3, 4, 2)], 1).double()
    x[:, 2] += low
    x[torch.rand(12, 4, generator=generator) < 0.3] = torch.nan
    variable = model.spec.variables["row"]
    order = variable.orders.draw(np.random.default_rng(5))
    expected = 0.0
    for row in x:
        absent = row.isnan().numpy()
        legal = torch.where(row.isnan(), torch.tensor([0.0, 0.0, low, 0.0]).double(), row)[None]
        found = torch.cat(model.draw_log_probs(0, {"row": legal}, {"row": placed_last(order, absent)}), 1)[0]
        expected -= found[torch.from_numpy(~absent)].sum() / len(x)
    assert model.loss({"row": x}, np.random.default_rng(5)).item() == pytest.approx(expected.item(), rel=1e-9)
