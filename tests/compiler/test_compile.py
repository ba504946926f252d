"""Fresh weights: those that training starts best from, or random ones, so that gradients show what is read."""

from __future__ import annotations

import pytest
import torch

import ardsl

NETWORKS = {
    "linear": "x[<i]",
    "made(hidden = 8)": "x[<i]",
    "made(hidden = [4, 4, 4], residual = true)": "x[<i]",
    "table": "x[<i]",
    "linear(tied = true)": "x[<i] within 2",
    "pixelcnn(layers = 3, features = 4)": "x[<i]",
}


def _spec(network: str) -> ardsl.Spec:
    shape = "3, 3" if network.startswith("pixelcnn") else "5"
    text = f"observed x[{shape}] : binary\np(x[i] | {NETWORKS[network]}) = bernoulli via {network}\n"
    return ardsl.loads(text)


def _read(model: ardsl.AutoregressiveModel) -> torch.Tensor:
    """Whether each element's log-probability changes with each element: bool [target, source]."""
    shape = model.spec.variables["x"].shape
    size = model.spec.variables["x"].size
    x = torch.zeros(size, dtype=torch.float64)
    flipped = torch.cat([x[None], torch.eye(size, dtype=torch.float64)])
    log_p = model.log_prob(flipped.reshape(-1, *shape), elementwise=True)["x"].flatten(1)
    changed = (log_p[1:] - log_p[0]).abs() > 1e-12
    return changed.T & ~torch.eye(size, dtype=torch.bool)


@pytest.mark.parametrize("network", NETWORKS)
def test_random_weights_show_all_that_is_read(network: str) -> None:
    model = ardsl.compile(_spec(network), seed=1, dtype=torch.float64, init="random")
    assert torch.equal(_read(model), torch.as_tensor(ardsl.realized(model.spec, "x")))


def test_fresh_weights_of_a_linear_network_read_nothing() -> None:
    assert not _read(ardsl.compile(_spec("linear"), dtype=torch.float64)).any()


def test_random_weights_follow_from_the_seed() -> None:
    spec = _spec("linear")
    states = [ardsl.compile(spec, seed=seed, init="random").state_dict() for seed in (0, 0, 1)]
    same = [all(torch.equal(states[0][name], state[name]) for name in state) for state in states]
    assert same == [True, True, False]
    with pytest.raises(ardsl.ArdslError, match="^there is no init 'zero': there is start, random$"):
        ardsl.compile(spec, init="zero")  # type: ignore[arg-type]


def test_elementwise_is_by_variable_of_one_variable_too() -> None:
    log_p = ardsl.compile(_spec("linear")).log_prob(torch.zeros(2, 5), elementwise=True)
    assert {name: tuple(value.shape) for name, value in log_p.items()} == {"x": (2, 5)}
