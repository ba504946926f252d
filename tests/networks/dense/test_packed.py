"""Networks whose weights are stored for what is read alone: they are the masked networks, on less memory."""

from __future__ import annotations

import pytest
import torch

import ardsl
from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.packed import PackedNetwork
from ardsl.spec import Spec
from ardsl.testing.soundness import PROBLEMS, with_random_weights
from tests.support.small_specs import SPECS

WINDOW = "observed x[40] : real\np(x[i] | x[<i] within 3) = normal via {network}\n"


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every relation that is no chain is listed, and every network without chains packed, however small."""
    monkeypatch.setattr("ardsl.networks.group.SMALL", -1)
    monkeypatch.setattr("ardsl.networks.group.SPARSE", 0)
    monkeypatch.setattr("ardsl.networks.dense.plan.PACKED", 0)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("what", PROBLEMS)
def test_holds_where_pairs_are_listed(name: str, what: str, listed: None) -> None:
    assert list(PROBLEMS[what](ardsl.loads(SPECS[name]))) == []


def test_the_numbers_of_a_masked_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights put where the packed ones say they belong give the masked network's log-probabilities."""
    spec = ardsl.loads(WINDOW.format(network="linear"))
    masked = with_random_weights(spec)
    with monkeypatch.context() as patch:
        patch.setattr("ardsl.networks.group.SMALL", -1)
        patch.setattr("ardsl.networks.group.SPARSE", 0)
        packed = with_random_weights(ardsl.loads(WINDOW.format(network="linear")))
    dense, sparse = masked.networks[0], packed.networks[0]
    assert isinstance(dense, DenseNetwork) and isinstance(sparse, PackedNetwork) and sparse.direct is not None
    whole = torch.zeros(80, 41, dtype=torch.float64)  # two numbers for each of 40 draws; the last column is none
    for draw, places in enumerate(sparse.direct.places):
        whole[2 * draw : 2 * draw + 2, places] = sparse.direct.weight[draw].detach()
    assert dense.direct is not None and sparse.direct.bias is not None
    with torch.no_grad():
        dense.direct.copy_(whole[dense._outputs][:, dense._inputs])
        dense.biases[-1].copy_(sparse.direct.bias.flatten()[dense._outputs])
    x = torch.randn(5, 40, dtype=torch.float64)
    torch.testing.assert_close(packed.log_prob(x), masked.log_prob(x))


def _spec(elements: int, window: int, network: str, domain: str = "real") -> Spec:
    return ardsl.loads(f"observed x[{elements}] : {domain}\np(x[i] | x[<i] within {window}) = default via {network}\n")


def test_parameters_are_counted_by_what_is_declared() -> None:
    spec = _spec(15_000, 50, "linear")
    assert spec.report.sound and spec.report.complete
    assert spec.plan.layers[0].connections == 30 * (15_000 * 50 - 50 * 51 // 2)
    assert spec.plan.parameters == 30 * 15_000 * (50 + 1)
    assert sum(p.numel() for p in ardsl.compile(spec).parameters()) == spec.plan.parameters
    assert ardsl.loads("observed x[4] : real\np(x[i] | x[<i]) = default via linear\n").plan.layers[0].packed is None


@pytest.mark.thorough
@pytest.mark.parametrize(
    "network", ["linear", "linear(tied = true)", "made(hidden = [40, 40])", "mlp(hidden = 8, tied = true)"]
)
def test_a_long_window_scores_and_learns(network: str) -> None:
    """Each example's density is that of its own elements, and what is beyond the window changes nothing."""
    spec = _spec(15_000, 50, network)
    assert spec.report.sound and spec.report.complete and spec.plan.steps == 15_000
    model = ardsl.compile(spec)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
        x = torch.zeros(2, 15_000)
        x[1, 7000] = 1.0
        # One by one: where an element stands among those of a batch may change its last digit.
        alone = [model.log_prob(row[None], elementwise=True)["x"][0] for row in x]
        moved = (alone[0] != alone[1]).nonzero().flatten().tolist()
    assert moved[0] == 7000 and moved[-1] == 7050
    model.loss({"x": x[:1]}).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_table_tied_over_a_long_window() -> None:
    spec = _spec(15_000, 8, "table(tied = true)", "binary")
    assert spec.report.complete and spec.plan.parameters == 3**8
    x = torch.randint(0, 2, (3, 15_000)).float()
    with torch.no_grad():
        torch.testing.assert_close(ardsl.compile(spec).log_prob(x), torch.full((3,), -15_000 * 0.6931472))
