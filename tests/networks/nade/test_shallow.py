"""One hidden layer over sums: what is evaluated block by block is what the equations say, gradients and memory too."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import ardsl
from ardsl.diagnostics import Source
from ardsl.networks.contexts import distinct_contexts
from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.dense.slots import Slots, slot_features
from ardsl.networks.nade import blocks as blocks_of_rows
from ardsl.networks.nade.blocks import make_blocks
from ardsl.networks.nade.module import ShallowNade
from ardsl.networks.nade.networks import Nade
from ardsl.relations import Matrix, Sparse
from ardsl.spec import diagnose
from ardsl.testing import check_network, with_random_weights

SPECS = {
    "a total order": "observed x[40] : binary\norder x by shuffle(seed = 1)\np(x[i] | x[<i]) = bernoulli via {}",
    "categories": "observed x[9] : category(3)\np(x[i] | x[<i]) = categorical via {}",
    "wide categories": "observed x[3] : category(40)\np(x[i] | x[<i]) = categorical via {}",
    "a weak order": "observed x[4, 4] : binary\norder x by multiscale(2)\np(x[i] | x[<i]) = bernoulli via {}",
    "a window": "observed x[30] : real\np(x[i] | x[<i] last 3) = normal via {}",
    "a window, given": (
        "given y : category(3)\nobserved x[5, 5] : binary\np(x[i] | x[<i] within (1, *), y) = bernoulli via {}"
    ),
    "rectangles": "observed x[4, 4] : binary\np(x[r, c] | x[..r-1, ..c]) = bernoulli via {}",
    "a record, under several orders": (
        "record r { a : binary  b : category(3)  c : real  d : integer(0, 2) }\norder r by any(orders = 3)\n"
        "p(r[i] | r[<i]) = default via {}"
    ),
    "several factors": (
        "observed a[2] : binary\nobserved b[3] : binary\nnet body = {}\norder b by reverse\n"
        "p(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = bernoulli via body"
    ),
    "rows drawn together": "observed x[4, 2] : real\np(x[t, *] | x[<]) = multivariate_normal via {}",
    "a given alone": "given z[3] : real\nobserved x[4] : binary\np(x | z) = bernoulli via {}",
    "nothing to read": "observed x[3] : binary\np(x) = bernoulli via {}",
    "a parameter that is fixed": "observed x[4] : real\np(x[i] | x[<i]) = normal(0, 1) via {}",
}
NETWORKS = (
    "nade(hidden = 6)",
    "nade(hidden = 6, scaled = true, activation = tanh)",
    "nade(hidden = 6, transposed = true, activation = softplus)",
    "nade(hidden = 1, scaled = true, transposed = true, activation = relu)",
)


TIED = {
    "notes over time": (
        "observed x[time: 12, 5] : binary\n"
        "p(x[t, i] | x[t, ..i-1], x[t-2..t-1, *]) = bernoulli via nade(hidden = 6, tied = time, scaled = true)"
    ),
    "the same, transposed": (
        "observed x[time: 5, 20] : binary\n"
        "p(x[t, i] | x[t, ..i-1], x[t-1, *]) = bernoulli via nade(hidden = 6, tied = time, transposed = true)"
    ),
    "all": "observed x[30] : category(3)\np(x[t] | x[t-4..t-1]) = categorical via nade(hidden = 6, tied = true)",
    "rows of an image, given": (
        "given y[4] : real\nobserved x[row: 4, column: 3] : real\norder x by reverse\n"
        "p(x[r, c] | x[<], y[r]) = normal via nade(hidden = 6, tied = [row], activation = elu)"
    ),
    "drawn together": (
        "observed x[row: 4, column: 3, 2] : real\n"
        "p(x[r, c, *] | x[<] within (1, 1, *)) = multivariate_normal via nade(hidden = 6, tied = row)"
    ),
}


def by_the_equations(net: ShallowNade, inputs: Tensor, order: int) -> Tensor:
    """Each draw by itself: h = g(ρ (c + Σ W_i x_i)), V h + b."""
    group, read = net.plan.group, net.reading(order)
    if read.slots is not None and read.gather is not None:
        return at_every_place(net, inputs, read.slots, read.gather)
    declared = torch.from_numpy(group.declared(group.orders(order)).matrix())
    read = declared[:, torch.from_numpy(group.feature_element)].double()  # draws × features
    sums = torch.einsum("df,bf,fh->bdh", read, inputs, net.all_inputs()) + net.bias
    if net.scale is not None:
        sums = sums * net.scale[:, None]
    hidden = ACTIVATIONS[net.plan.options["activation"]](sums)
    draw = torch.from_numpy(group.output_draw)
    return (hidden[:, draw] * net.outputs).sum(-1) + net.biases


def at_every_place(net: ShallowNade, inputs: Tensor, slots: Slots, gather: np.ndarray) -> Tensor:
    """The same of tied draws: each from the inputs of its own place, by the weights of its kind."""
    group, draws = net.plan.group, []
    features, width = slot_features(group, slots), int(group.draw_outputs[0])
    padded = torch.cat([inputs, torch.zeros(len(inputs), 1), torch.ones(len(inputs), 1)], 1)
    for place, kind in zip(slots.place, slots.kind, strict=True):
        read = torch.from_numpy(np.repeat(slots.read[kind], features)).double()
        sums = (padded[:, gather[place]] * read) @ net.all_inputs() + net.bias
        sums = sums if net.scale is None else sums * net.scale[kind]
        own = slice(kind * width, (kind + 1) * width)
        hidden = ACTIVATIONS[net.plan.options["activation"]](sums)
        draws.append(hidden @ net.outputs[own].T + net.biases[own])
    return torch.cat(draws, 1)


CASES = [(spec, network) for spec in SPECS.values() for network in NETWORKS] + [(spec, "") for spec in TIED.values()]
NAMES = [f"{name}, {network}" for name in SPECS for network in NETWORKS] + [f"tied, {name}" for name in TIED]


@pytest.mark.parametrize(("spec", "network"), CASES, ids=NAMES)
def test_values_and_gradients(spec: str, network: str) -> None:
    diagnostics, _ = diagnose(Source(spec.replace("{}", network)))
    if "transposed" in network and "AR431" in {d.code for d in diagnostics}:
        pytest.skip("no element has one feature and a draw of one parameter")
    torch.manual_seed(0)
    net = with_random_weights(ardsl.loads(spec.replace("{}", network))).train().networks[0]
    assert isinstance(net, ShallowNade)
    group = net.plan.group
    inputs = torch.randn(5, group.features, dtype=torch.float64)
    for order in range(group.order_count):
        gradients = []
        for evaluated in (lambda x, k=order: net(x, k), lambda x, k=order: by_the_equations(net, x, k)):
            x = inputs.clone().requires_grad_()
            parameters = evaluated(x)
            total = (parameters * torch.linspace(-1, 1, parameters.numel()).double().view_as(parameters)).sum()
            got = torch.autograd.grad(total, [x, *net.parameters()], allow_unused=True, materialize_grads=True)
            gradients.append((parameters, *got))
        for own, reference in zip(*gradients, strict=True):
            torch.testing.assert_close(own, reference, rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_blocks_read_what_contexts_hold(data: st.DataObject) -> None:
    """Whatever the graph: of the places of each row, those of its context, each of them once."""
    draws, elements = data.draw(st.integers(1, 40)), data.draw(st.integers(0, 12))
    seed, kind = data.draw(st.integers(0, 1000)), data.draw(st.sampled_from(("sparse", "chain", "window", "any")))
    random, at = np.random.default_rng(seed), np.arange(draws)[:, None] * elements // draws
    place = np.arange(elements)
    matrix = {
        "sparse": random.random((draws, elements)) < 0.2,
        "any": random.random((draws, elements)) < 0.5,
        "chain": place < at,
        "window": (place < at) & (place >= at - 3),
    }[kind] | (random.random(elements) < 0.1)
    features, outputs = random.integers(1, 4, elements), random.integers(0, 3, draws)
    contexts, by_draw = distinct_contexts(Matrix(matrix)), data.draw(st.booleans())
    made = make_blocks(contexts, features, outputs, by_draw)
    wanted = np.repeat(matrix, features, axis=1)[:, made.features]
    assert not np.delete(np.repeat(matrix, features, axis=1), made.features, axis=1).any()
    everywhere = np.bincount(made.everywhere, minlength=len(made.features))
    assert np.array_equal(np.sort(made.outputs), np.arange(outputs.sum()))
    draw_of_output, rows = np.repeat(np.arange(draws), outputs), 0
    common, done = everywhere, 0
    for block in made.blocks:
        assert block.first == rows and block.last > block.first
        rows = block.last
        common = (common if block.carried else everywhere) + np.bincount(block.new, minlength=len(made.features))
        for row in range(block.first, block.last):
            read = common.copy()
            read[block.rest[block.mask[row - block.first]]] += 1
            of_row = draw_of_output[made.outputs[done : done + block.width]]
            assert all(np.array_equal(read, wanted[draw]) for draw in of_row)
            assert made.draw[row] == of_row[0] and (not by_draw or len(set(of_row)) == 1)
            done += block.width
    assert done == outputs.sum()


def test_what_is_multiplied_grows_with_what_is_read() -> None:
    """784 elements in order: each feature once for the sums, and at most as often again as a block has rows."""
    ones = np.ones(784, dtype=np.int64)
    chain = make_blocks(distinct_contexts(Matrix(np.tril(np.ones((784, 784), dtype=bool), -1))), ones, ones, False)
    assert len(chain.blocks) == 784 / blocks_of_rows.MOST_ROWS
    assert chain.multiplied < 784 * (1 + blocks_of_rows.MOST_ROWS)
    place = np.arange(8, 2_000)
    window = Sparse.of_pairs(2_000, 2_000, np.tile(place, 8), np.concatenate([place - back for back in range(1, 9)]))
    ones = np.ones(2_000, dtype=np.int64)
    assert make_blocks(distinct_contexts(window), ones, ones, False).multiplied < 4 * window.count


def test_every_function_of_soundness() -> None:
    assert check_network(Nade) == []


@pytest.mark.thorough
@pytest.mark.parametrize("network", NETWORKS[:2])
def test_gradients_are_taken_again_and_several_at_once(network: str) -> None:
    """As penalties on gradients and Jacobians take them."""
    torch.manual_seed(0)
    net = with_random_weights(ardsl.loads(SPECS["a window"].replace("{}", network))).networks[0]
    x = torch.randn(2, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(net, (x,))
    found = net(x)[0]
    jacobian, *_ = torch.autograd.grad(found, x, torch.eye(60, dtype=torch.float64), is_grads_batched=True)
    reference, *_ = torch.autograd.grad(
        by_the_equations(net, x, 0)[0], x, torch.eye(60, dtype=torch.float64), is_grads_batched=True
    )
    torch.testing.assert_close(jacobian, reference)


def test_autocast_leaves_sums_their_precision() -> None:
    """Also where gradients are taken while it is on."""
    torch.manual_seed(0)
    spec = ardsl.loads(SPECS["a total order"].replace("{}", NETWORKS[1]))
    net = ardsl.compile(spec, init="random").networks[0]
    x = torch.randn(3, 40)
    gradients = []
    for enabled in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            parameters = net(x)
            got = torch.autograd.grad(parameters.sum(), list(net.parameters()))
        gradients.append((parameters, *got))
    for own, cast in zip(*gradients, strict=True):
        assert cast.dtype == torch.float32
        torch.testing.assert_close(own, cast)


def test_the_batch_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    net = with_random_weights(ardsl.loads(SPECS["a total order"].format("nade(hidden = 6)"))).networks[0]
    inputs = torch.randn(11, 40, dtype=torch.float64)
    whole = net(inputs)
    monkeypatch.setattr("ardsl.networks.nade.blockwise.CACHED", 300)
    torch.testing.assert_close(net(inputs), whole)
    assert net(inputs[:0]).shape == (0, 40)


def test_units_left_out_are_the_same_in_all_draws() -> None:
    torch.manual_seed(0)
    spec = ardsl.loads("observed x[20] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 4, dropout = 0.5)")
    model = ardsl.compile(spec).train()
    net = model.networks[0]
    with torch.no_grad():
        for weight in (net.inputs, net.bias, net.biases):
            weight.zero_()
        net.outputs.fill_(1.0)  # all units are ½, and twice that where they are kept
    kept = net(torch.zeros(50, 20))
    assert (kept == kept[:, :1]).all() and len(kept.unique()) == 5
    assert (net.eval()(torch.zeros(3, 20)) == 2).all()
    loss = net.train()(torch.zeros(50, 20)).sum()
    loss.backward()
    assert net.outputs.grad is not None and (net.outputs.grad == net.outputs.grad[:1]).all()


def test_tied_draws_are_alike_along_the_axis() -> None:
    """What is moved by a place moves what is computed, where no context leaves the array; nothing of it is the same
    along the other axis."""
    torch.manual_seed(0)
    model = with_random_weights(ardsl.loads(TIED["notes over time"]))
    x = torch.randint(2, (3, 12, 5)).double()
    moved = torch.cat([torch.zeros(3, 1, 5, dtype=torch.float64), x[:, :-1]], 1)
    with torch.no_grad():
        own, later = (model.networks[0](rows.flatten(1)).view(3, 12, 5) for rows in (x, moved))
    torch.testing.assert_close(later[:, 4:], own[:, 3:-1])
    assert not torch.isclose(later[:, 4:, 1:], own[:, 3:-1, :-1]).any()


def test_standardization_is_shared_along_tied_axes() -> None:
    spec = ardsl.loads(
        "observed x[time: 5, 2] : real\np(x[t, i] | x[t-1, *], x[t, ..i-1]) = normal via nade(hidden = 3, tied = time)"
    )
    model = ardsl.compile(spec)
    model.measure({"x": torch.randn(50, 5, 2) * torch.tensor([1.0, 9.0]) + torch.arange(5)[:, None]})
    center, scale = model.units.center_x.view(5, 2), model.units.scale_x.view(5, 2)
    assert (center == center[:1]).all() and (scale == scale[:1]).all() and scale[0, 1] > 3 * scale[0, 0]


def test_transposed_weights_are_shared() -> None:
    spec = ardsl.loads(
        "given y : real\nobserved x[5] : binary\np(x[i] | x[<i], y) = bernoulli via nade(transposed = true)"
    )
    model = ardsl.compile(spec)
    assert sum(p.numel() for p in model.parameters()) == spec.plan.parameters == (5 + 1 + 1) * 500 + 5
    net = model.networks[0]
    features = {s.variable.name: net.plan.group.first_columns[s.variable.name] for s in net.plan.group.sources}
    whole = net.all_inputs()
    assert torch.equal(whole[features["x"] : features["x"] + 5], net.outputs)
    assert torch.equal(whole[features["y"]], net.inputs[0])


MEMORY = """
from pathlib import Path
import torch, ardsl
torch.set_num_threads(1)
def high_water():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
spec = "observed x[784] : binary\\np(x[i] | x[<i]) = bernoulli via nade(hidden = 500)\\n"
model = ardsl.compile(ardsl.loads(spec)).train()
x = (torch.rand(100, 784) < 0.3).float()
model.loss({"x": x[:2]}).backward()
before = high_water()
model.loss({"x": x}).backward()
print(high_water() - before)
"""


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_units_of_all_draws_are_never_held() -> None:
    """They would be [100, 784, 500], 150 MiB."""
    found = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(found.stdout) < 50


@pytest.mark.thorough
def test_a_window_on_ten_thousand() -> None:
    spec = ardsl.loads("observed x[10000] : binary\np(x[i] | x[<i] last 8) = bernoulli via nade(hidden = 16)")
    assert spec.report.complete
    model = ardsl.compile(spec)
    assert sum(p.numel() for p in model.parameters()) == spec.plan.parameters
    x = model.sample(2, seed=0).float()
    net, near = model.networks[0], torch.zeros(2, 10_000)
    near[:, :9] = x[:, :9]
    torch.testing.assert_close(net(x)[:, :10], net(near)[:, :10])  # as far as the first nine decide
    model.loss({"x": x}).backward()
    assert net.inputs.grad is not None and torch.equal(net.inputs.grad[:-1].any(1), x[:, :-1].any(0))
