"""Without validation nothing depends on what values are: the log-density can be mapped, traced and compiled."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call, grad, hessian, jacrev, jvp, stack_module_state, vmap

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
    "pixelcnn by raster": (
        "observed x[4, 4] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 2, features = 3)",
        codes(2, 4, 4),
    ),
    "pixelcnn over three axes": (
        "observed x[2, 3, 2] : real\np(x[i] | x[<i]) = normal via pixelcnn(layers = 2, features = 3)",
        reals(2, 3, 2),
    ),
    "tied mlp": (
        "observed x[5] : integer(0, 6)\np(x[i] | x[<i]) = discretized(logistic) via mlp(hidden = [4, 5], tied = true)",
        codes(7, 5),
    ),
    "mlp tied along time": (
        "observed x[time: 4, 2] : binary\np(x[t, i] | x[t-1, *]) = bernoulli via mlp(hidden = 4, tied = time)",
        codes(2, 4, 2),
    ),
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


def test_models_as_one(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    """An ensemble: the weights of two models, stacked, are mapped over."""
    model, x = case
    models = [LogProb(model), LogProb(with_random_weights(model.spec, seed=2).float())]
    both = vmap(lambda *weights: functional_call(models[0], weights, (x,)))(*stack_module_state(models))
    torch.testing.assert_close(both, torch.stack([each(x) for each in models]), rtol=1e-4, atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch's own forward mode
def test_derivatives_of_other_kinds(case: tuple[ardsl.AutoregressiveModel, Tensor]) -> None:
    """Row by row, forward, and twice: with respect to the smallest of the weights, the others being as they are."""
    model, x = case
    model = model.double()
    name, weight = min(((n, w) for n, w in model.named_parameters() if w.numel()), key=lambda named: named[1].numel())

    def log_prob(own: Tensor) -> Tensor:
        return functional_call(LogProb(model), {f"model.{name}": own}, (x.double(),))

    weight = weight.detach()
    rows = jacrev(log_prob)(weight)
    model(x.double()).sum().backward()
    slope = model.get_parameter(name).grad
    torch.testing.assert_close(rows.sum(0), slope)
    direction = torch.ones_like(weight)
    torch.testing.assert_close(jvp(log_prob, (weight,), (direction,))[1], rows.flatten(1).sum(1))
    twice = hessian(lambda own: log_prob(own).sum())(weight)
    by_backward = torch.autograd.functional.hessian(lambda own: log_prob(own).sum(), weight)
    torch.testing.assert_close(twice, by_backward)


@pytest.mark.parametrize("name", ["made, in bands", "nade"])
def test_gradients_of_some_weights(name: str) -> None:
    """Where a transform knows some weights alone, or none, in training, whose products have gradients of their own."""
    text, make = MODELS[name]
    model = with_random_weights(ardsl.loads(text)).train()
    x = make(2).double()
    model.log_prob(x).sum().backward()
    for key, weight in model.named_parameters():
        alone = grad(lambda own, key=key: functional_call(LogProb(model), {f"model.{key}": own}, (x,)).sum())
        torch.testing.assert_close(alone(weight.detach()), weight.grad)
    scaled = vmap(lambda scale: scale * model.log_prob(x))(torch.ones(2, dtype=torch.float64))
    torch.testing.assert_close(scaled[1], model.log_prob(x))


def test_what_is_first_asked_inside_of_a_transform(
    case: tuple[ardsl.AutoregressiveModel, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept of a first call inside serves the calls outside, also where none is made beforehand."""
    monkeypatch.setattr("ardsl.networks.dense.module.MOST_MASKS", 0)
    monkeypatch.setattr("ardsl.networks.nade.module.MOST_READY", 0)
    monkeypatch.setattr("ardsl.networks.asked.MOST_NUMBERS", 1 << 8)
    spec, x = case[0].spec, case[1].double()
    right = _slopes(with_random_weights(spec), x)
    model = with_random_weights(spec)
    weights = {f"model.{name}": weight.detach() for name, weight in model.named_parameters()}
    inside = vmap(grad(lambda own, row: functional_call(LogProb(model), own, (row[None],))[0]), in_dims=(None, 0))
    inside(weights, x)
    grad(lambda own: functional_call(LogProb(model), own, (x,)).sum())(weights)
    for outside, slope in zip(_slopes(model, x), right, strict=True):
        torch.testing.assert_close(outside, slope)


def _slopes(model: ardsl.AutoregressiveModel, x: Tensor) -> list[Tensor]:
    model.log_prob(x).sum().backward()
    return [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in model.parameters()]


@pytest.mark.parametrize("name", ["asked with a mask", "asked, a window", "asked over an array"])
def test_what_is_computed_again_has_the_weights_of_the_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where these are gone from the module by the time of the backward pass."""
    text, make = MODELS[name]
    spec, x = ardsl.loads(text), make(4).double()
    model, other = with_random_weights(spec), with_random_weights(spec, seed=2)
    right = _slopes(other, x)
    monkeypatch.setattr("ardsl.networks.asked.MOST_NUMBERS", 1 << 6)
    weights = {key: weight.detach().clone().requires_grad_() for key, weight in other.named_parameters()}
    found = torch.autograd.grad(functional_call(model, weights, (x,)).sum(), list(weights.values()))
    torch.testing.assert_close(list(found), right)


@pytest.mark.parametrize("network", ["made(hidden = 9)", "nade(hidden = [9, 7])"])
def test_gradients_where_values_are_missing(network: str) -> None:
    """Of log p and of the loss of training, also with respect to values that are there."""
    spec = ardsl.loads(
        f'observed x[4] : real\norder x by any(orders = 3, train = "all")\np(x[i] | x[<i]) = normal via {network}'
    )
    model, x = with_random_weights(spec), reals(4)(4).double()
    gaps = torch.eye(4, dtype=torch.bool)

    class Loss(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            x = x.masked_fill(gaps, torch.nan)
            return self.model.loss({"x": x}, np.random.default_rng(0)) - self.model.log_prob(x).mean()

    module = Loss()
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    transformed = grad(lambda own: functional_call(module, own, (x,)))(weights)
    slope = grad(module)(x)
    module(x.requires_grad_()).backward()
    torch.testing.assert_close(slope, x.grad)
    for name, weight in module.named_parameters():
        torch.testing.assert_close(transformed[name], weight.grad)


def test_gradients_of_a_bound() -> None:
    """Of latent variables that a guide draws, under one seed."""
    spec = ardsl.loads(
        "latent z[2] : real\nobserved x[3] : binary\np(z[i] | z[i-1]) = normal via mlp(hidden = 4, tied = true)\n"
        "p(x | z) = bernoulli via mlp(hidden = 4)\nq(z | x) = normal via mlp(hidden = 4)"
    )

    class Bound(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = with_random_weights(spec)

        def forward(self, x: Tensor) -> Tensor:
            return self.model.elbo(x, seed=0)

    module, x = Bound(), codes(2, 3)(4)
    weights = {name: weight.detach() for name, weight in module.named_parameters()}
    transformed = grad(lambda own: functional_call(module, own, (x,)).sum())(weights)
    module(x).sum().backward()
    for name, weight in module.named_parameters():
        torch.testing.assert_close(transformed[name], weight.grad)


def test_no_samples_are_drawn_inside_of_a_transform() -> None:
    model = ardsl.compile(ardsl.loads(MODELS["tied table"][0]))
    before = model.sample(3, seed=0)
    with pytest.raises(ardsl.ArdslError, match=r"^samples cannot be drawn inside of a transform of torch\.func: .*$"):
        grad(lambda weight: weight * model.sample(3, seed=0).sum())(torch.ones(()))
    assert torch.equal(model.sample(3, seed=0), before)


@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_differentiated_and_batched(training: bool) -> None:
    """As penalties on gradients and Jacobians take them, also where training multiplies by the masks' real shape."""
    text, make = MODELS["made, in bands"]
    model = with_random_weights(ardsl.loads(text)).train(training)
    key, x = "networks.0.biases.0", make(2).double()
    bias = model.get_parameter(key)
    log_prob = model.log_prob(x)
    (slope,) = torch.autograd.grad(log_prob.sum(), bias, create_graph=True)
    (twice,) = torch.autograd.grad(slope.square().sum(), bias, retain_graph=True)
    slope_at = grad(lambda own: functional_call(LogProb(model), {f"model.{key}": own}, (x,)).sum())
    torch.testing.assert_close(twice, grad(lambda own: slope_at(own).square().sum())(bias.detach()))
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
