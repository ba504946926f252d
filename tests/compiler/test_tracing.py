"""Without validation nothing depends on what values are: the log-density can be mapped, traced and compiled."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, grad, vmap

import ardsl
from ardsl.testing import with_random_weights
from tests.support.latent_specs import HIDDEN_MARKOV

Make = Callable[[int], Tensor]


def codes(levels: int, *shape: int) -> Make:
    return lambda batch: torch.randint(levels, (batch, *shape)).float()


def reals(*shape: int) -> Make:
    return lambda batch: torch.randn(batch, *shape)


MODELS: dict[str, tuple[str, Make]] = {
    "made": ("observed x[6] : real\np(x[i] | x[<i]) = normal via made(hidden = 8)", reals(6)),
    "made, in bands": ("observed x[400] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = 500)", codes(2, 400)),
    "nade": (
        "observed x[20] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 8, scaled = true, transposed = true)",
        codes(2, 20),
    ),
    "tied nade": (
        "observed x[6, 2] : binary\np(x[t] | x[<t]) = bernoulli via nade(hidden = 4, tied = true)",
        codes(2, 6, 2),
    ),
    "pixelcnn": (
        "observed x[6, 6] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 2, features = 6, gated = true)",
        codes(2, 6, 6),
    ),
    "pixelcnn by snake": (
        "observed x[6, 6] : integer(0, 3)\norder x by snake\n"
        "p(x[i] | x[<i]) = categorical via pixelcnn(layers = 2, features = 6)",
        codes(4, 6, 6),
    ),
    "wavenet": (
        "observed x[time: 24] : mulaw(8)\np(x[t] | x[<t]) = categorical via wavenet(layers = 3, features = 4)",
        lambda batch: torch.rand(batch, 24) * 2 - 1,
    ),
    "wavenet of varying length": (
        "observed x[time: ..24] : category(8)\np(x[t] | x[<t]) = categorical via wavenet(layers = 3, features = 4)",
        codes(8, 24),
    ),
    "ended by a value": (
        "observed x[time: ..9] : category(4, end = 0)\np(x[t] | x[<t]) = categorical via made(hidden = 8)",
        lambda batch: (x := codes(4, 9)(batch)) * (x != 0).cumprod(1),  # nothing but the end follows it
    ),
    "hidden Markov": (HIDDEN_MARKOV, codes(4, 5)),
    "tied table": ("observed x[9] : category(5)\np(x[t] | x[t-1]) = categorical via table(tied = true)", codes(5, 9)),
    "tied linear": ("observed x[9] : category(5)\np(x[i] | x[<i]) = categorical via linear(tied = true)", codes(5, 9)),
    "any order": (
        'observed x[5] : binary\norder x by any(orders = 3, train = "all")\n'
        "p(x[i] | x[<i]) = bernoulli via made(hidden = 9)",
        codes(2, 5),
    ),
    "asked with a mask": ("observed x[5] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = [9, 7])", codes(2, 5)),
    "asked, a window": (
        "observed x[6] : binary\np(x[i] | x[<i] within 2) = bernoulli via nade(hidden = [9])",
        codes(2, 6),
    ),
    "asked over an array": (
        "observed x[3, 3] : binary\np(x[i] | x[<i]) = bernoulli via conv_nade(features = 3, hidden = 4)",
        codes(2, 3, 3),
    ),
    "counts": ("observed x[5] : count\np(x[i] | x[<i]) = poisson via made(hidden = 9)", codes(9, 5)),
    "mixture": (
        "observed x[5] : real\np(x[i] | x[<i]) = mixture(logistic, components = 3) via made(hidden = 9)",
        reals(5),
    ),
    "discretized": (
        "observed x[5] : integer(0, 16)\n"
        "p(x[i] | x[<i]) = mixture(discretized(logistic), components = 3) via made(hidden = 9)",
        codes(17, 5),
    ),
    "drawn together": (
        "observed x[5, 2] : real\np(x[t, *] | x[<]) = multivariate_normal via made(hidden = 9)",
        reals(5, 2),
    ),
    "independent": ("observed x[4, 4] : binary\np(x) = bernoulli", codes(2, 4, 4)),
}


class LogProb(nn.Module):
    def __init__(self, model: ardsl.AutoregressiveModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x, validate=False)


@pytest.fixture(params=MODELS.values(), ids=MODELS)
def case(request: pytest.FixtureRequest) -> tuple[ardsl.AutoregressiveModel, Tensor]:
    text, make = request.param
    torch.manual_seed(0)
    return with_random_weights(ardsl.loads(text)).float().train(), make(4)


def test_a_model_called_is_its_log_density(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    model, x = case
    torch.testing.assert_close(model(x), model.log_prob(x))
    torch.testing.assert_close(model(x, validate=False), model.log_prob(x))


def test_vmap(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    model, x = case
    mapped = vmap(lambda row: model.log_prob(row[None], validate=False)[0])(x)
    torch.testing.assert_close(mapped, model.log_prob(x), rtol=1e-4, atol=1e-4)


def test_gradients_of_each_example(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    model, x = case
    module = LogProb(model)
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    buffers = dict(module.named_buffers())

    def log_prob(parameters: dict[str, Tensor], row: Tensor) -> Tensor:
        return functional_call(module, (parameters, buffers), (row[None],))[0]

    by_example = vmap(grad(log_prob), in_dims=(None, 0))(weights, x)
    model.log_prob(x[1:2]).sum().backward()
    for name, weight in module.named_parameters():
        own = torch.zeros_like(weight) if weight.grad is None else weight.grad
        torch.testing.assert_close(by_example[name][1], own, rtol=1e-3, atol=1e-4)


def test_gradients_in_evaluation_are_differentiated_and_batched() -> None:
    """As penalties on gradients and Jacobians take them, also where training multiplies by the masks' real shape."""
    text, make = MODELS["made, in bands"]
    model = with_random_weights(ardsl.loads(text)).eval()
    bias = model.networks_by_group[0].biases[0]
    log_prob = model.log_prob(make(2))
    (slope,) = torch.autograd.grad(log_prob.sum(), bias, create_graph=True)
    (twice,) = torch.autograd.grad(slope.square().sum(), bias, retain_graph=True)
    assert slope.any() and twice.isfinite().all()
    (rows,) = torch.autograd.grad(log_prob, bias, torch.eye(2).to(log_prob), is_grads_batched=True)
    torch.testing.assert_close(rows.sum(0), slope)


def test_no_value_is_looked_at(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    """What has no values at all has a log-density of the right shape."""
    model, x = case
    model(x)  # what is kept of the weights is made at first
    with FakeTensorMode(allow_non_fake_inputs=True) as fake:
        assert model(fake.from_tensor(x), validate=False).shape == (4,)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of torch's own tracer
def test_export_with_any_batch(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    exports_with_any_batch(*case)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of torch's own compiler
def test_compile_in_one_graph(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    compiles_in_one_graph(*case)


@pytest.mark.thorough
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", ["made", "nade", "asked with a mask", "asked over an array"])
def test_networks_are_traced(name: str) -> None:
    """One of each kind of evaluation, so that the slow checks of all find nothing new."""
    text, make = MODELS[name]
    model = with_random_weights(ardsl.loads(text)).float()
    exports_with_any_batch(model, make(4))
    compiles_in_one_graph(model, make(4))


def exports_with_any_batch(model: ardsl.AutoregressiveModel, x: Tensor) -> None:
    sizes = ({0: torch.export.Dim("batch", min=2, max=64)},)
    exported = torch.export.export(LogProb(model), (x,), dynamic_shapes=sizes, strict=False).module()
    torch.testing.assert_close(exported(x), model.log_prob(x), rtol=1e-4, atol=1e-4)
    more = torch.cat([x, x[:3]])
    torch.testing.assert_close(exported(more), model.log_prob(more), rtol=1e-4, atol=1e-4)


def compiles_in_one_graph(model: ardsl.AutoregressiveModel, x: Tensor) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(LogProb(model), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), model.log_prob(x), rtol=1e-4, atol=1e-4)


def test_what_is_not_validated_is_whole_tensors() -> None:
    model = ardsl.compile(ardsl.loads(MODELS["made"][0]))
    with pytest.raises(ardsl.ArdslError, match=r"^`x` must be a tensor \[batch, 6\] where nothing is validated$"):
        model.log_prob([[0.0] * 6], validate=False)
    with pytest.raises(ardsl.ArdslError, match="neither `lengths` nor `elementwise`"):
        model.log_prob(torch.zeros(1, 6), elementwise=True, validate=False)
    hidden = ardsl.compile(ardsl.loads(HIDDEN_MARKOV))
    with pytest.raises(ardsl.ArdslError, match=r"^`x` must be a tensor \[batch, 5\] where nothing is validated$"):
        hidden.log_prob([[0] * 5], validate=False)
    with pytest.raises(ardsl.ArdslError, match="^`validate = False` takes whole examples: no `lengths`$"):
        hidden.log_prob(torch.zeros(1, 5), lengths=[5], validate=False)
