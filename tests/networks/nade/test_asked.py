"""Networks asked with a mask: exact over all contexts, and one question answered by one evaluation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.networks.asked import AskedNetwork
from ardsl.networks.nade.conv_plan import Positions, convolutions, receptive_field
from ardsl.relations.order import explicit
from ardsl.testing import evaluator_problems, every_value, probe_problems, with_random_weights
from ardsl.testing.soundness import PROBLEMS
from tests.support.small_specs import ORDERS

DEEP = 'nade(hidden = [5, 5, 4], residual = true, activation = "elu")'
CONV = "conv_nade(features = 3, kernels = [2, 2], hidden = 4)"
ALONE = "conv_nade(features = 3, kernels = [2], dense = false)"
RECORD = 'record r {\n  a : binary\n  b : category(3)\n  c : integer(0, 2)\n  d : category("u", "v")\n}\n'
SPECS = {
    f"{network}, {order}": (
        f"observed x[row: 2, column: 3] : binary\norder x by {written}\np(x[i] | x[<i]) = bernoulli via {call}\n"
    )
    for network, call in (("nade", DEEP), ("conv_nade", CONV), ("alone", ALONE))
    for order, written in ORDERS.items()
    if order != "raster by column"
}
SPECS |= {
    "record": RECORD + f"order r by [c, a, d, b]\np(r[i] | r[<i]) = default via {DEEP}\n",
    "record, any of 3": RECORD + f"order r by any(orders = 3)\np(r[i] | r[<i]) = default via {DEEP}\n",
    "record, a factor a field": (
        RECORD + f"net body = {DEEP}\np(r.a) = bernoulli\np(r.b | r.a) = categorical via body\n"
        "p(r.c | r.a, r.b) = categorical via body\np(r.d | r.c) = categorical via table\n"
    ),
    "after other variables": (
        f"given y : category(3)\nobserved z[2] : category(3)\nobserved x[2, 2] : binary\nnet body = {DEEP}\n"
        f"p(z[i] | z[<i], y) = categorical via body\np(x[r, c] | x[<], z, y) = bernoulli via {CONV}\n"
    ),
    "aligned": (
        f"given y[3] : binary\nobserved x[3] : category(3)\np(x[i] | x[i-2..i-1], y[i]) = categorical via {DEEP}\n"
    ),
    "aligned map": (
        "given y[2, 2] : binary\nobserved x[2, 2] : binary\n"
        f"p(x[r, c] | x[<] within 1, y[r, c]) = bernoulli via {ALONE}\n"
    ),
    "a window, backwards": (
        f"observed x[2, 3] : binary\norder x by reverse\np(x[r, c] | x[<] within (1, 0)) = bernoulli via {DEEP}\n"
    ),
    "colours": (
        "observed x[2, 2, 2] : integer(0, 1)\norder x by snake\n"
        f"p(x[r, c, *] | x[<]) = color_mixture(components = 1) via {CONV}\n"
    ),
    "channels in turn": f"observed x[2, 1, 3] : binary\norder x by reverse\np(x[i] | x[<i]) = bernoulli via {ALONE}\n",
    "numbers": f"observed x[5] : real\np(x[i] | x[<i]) = mixture(normal, components = 2) via {DEEP}\n",
    "nothing to read": f"observed x[3] : binary\np(x) = bernoulli via {DEEP}\n",
    "no parameters": (
        RECORD.replace("a : binary", "a : real") + f"net body = {DEEP}\np(r.a) = normal(0, 1) via body\n"
        "p(r.b | r.a) = categorical via body\np(r.c | r.b) = categorical via body\np(r.d) = categorical\n"
    ),
    "an array without parameters": (
        f"observed y[2] : real\np(y[i] | y[<i]) = normal(0, 1) via {DEEP}\n"
        f"observed x[3] : real\np(x[i] | x[<i]) = normal(0, 1) via {CONV}\n"
        f"observed z[3] : real\np(z[i] | z[<i]) = normal(0, 1) via {ALONE}\n"
    ),
    "varying length": f"observed x[..4] : binary\np(x[i] | x[<i]) = bernoulli via {DEEP}\n",
    "ends by itself": f"observed x[..4] : category(3, end = 0)\np(x[i] | x[<i]) = categorical via {CONV}\n",
}
SOUND = {what: problems for what, problems in PROBLEMS.items() if what != "plan"}


VARYING = ("varying length", "ends by itself")


@pytest.mark.parametrize(
    ("what", "name"),
    [(what, name) for what in SOUND for name in SPECS if what != "normalization" or name not in VARYING],
)
def test_networks_are_sound(what: str, name: str) -> None:
    assert list(SOUND[what](ardsl.loads(SPECS[name]))) == []


@pytest.mark.parametrize("name", [name for name, text in SPECS.items() if "dense = false" not in text])
def test_a_dense_network_sees_all_that_is_declared(name: str) -> None:
    assert ardsl.verify(ardsl.loads(SPECS[name])).complete


@pytest.mark.parametrize("name", ["nade, shuffle", "conv_nade, checkerboard", "record, any of 3", "aligned"])
def test_parts_of_the_contexts_give_what_all_give(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values and gradients, however few contexts are evaluated at once; the steps are those of the whole network."""
    spec = ardsl.loads(SPECS[name])
    model = with_random_weights(spec)
    given = {"y": torch.tensor([0, 1, 1])} if spec.model.given else None
    x = model.sample(7, given, seed=0)
    results = []
    for most in (1 << 24, 1, 7 * 100):
        monkeypatch.setattr("ardsl.networks.asked.MOST_NUMBERS", most)
        model.zero_grad()
        log_prob = model.log_prob(x, given)
        log_prob.sum().backward()
        results.append((log_prob.detach(), [p.grad.clone() for p in model.parameters() if p.grad is not None]))
        assert list(evaluator_problems(spec, 5)) == [] == list(probe_problems(spec))
    for log_prob, gradients in results[1:]:
        torch.testing.assert_close(log_prob, results[0][0])
        for gradient, whole in zip(gradients, results[0][1], strict=True):
            torch.testing.assert_close(gradient, whole)


@pytest.mark.parametrize("name", [name for name, text in SPECS.items() if DEEP in text])
@torch.no_grad()
def test_what_is_carried_on_is_what_is_asked(name: str) -> None:
    """The first layer's sums, from one context to the next, give what every question gives by itself."""
    spec = ardsl.loads(SPECS[name])
    model = with_random_weights(spec)
    generator = torch.Generator().manual_seed(0)
    for network in model.networks:
        if isinstance(network, AskedNetwork):
            group = network.plan.group
            inputs = torch.rand(5, group.features, generator=generator, dtype=torch.float64)
            for number in range(group.order_count):
                asked = network.questions(number)
                every = AskedNetwork.part(network, asked, 0, len(asked))
                one_by_one = AskedNetwork.answers(network, inputs, every)
                torch.testing.assert_close(network(inputs, number), one_by_one[:, asked.places])


@torch.no_grad()
def test_sums_are_of_the_examples_at_hand() -> None:
    """An evaluator that is lent again for the last draw alone begins anew."""
    text = f"observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via {DEEP}\n"
    model = with_random_weights(ardsl.loads(text))
    gaps = [torch.tensor([[*first, torch.nan]] * 40) for first in ([0, 0, 1], [1, 1, 0])]
    for gap in (*gaps, gaps[0]):
        fresh = with_random_weights(model.spec)
        assert torch.equal(model.complete(gap, seed=3), fresh.complete(gap, seed=3))


@pytest.mark.parametrize("call", [DEEP, CONV, ALONE])
@torch.no_grad()
def test_what_is_not_known_changes_nothing(call: str) -> None:
    """And what is known is told from a 0."""
    spec = ardsl.loads(f"observed x[3, 2] : binary\np(x[i] | x[<i]) = bernoulli via {call}\n")
    model = with_random_weights(spec)
    (network,) = model.networks
    assert isinstance(network, AskedNetwork)
    inputs = every_value(spec)["x"].flatten(1)
    known = torch.tensor([[True, False, True, True, False, False]]).expand(len(inputs), -1)
    parameters = network.ask(inputs, known)
    hidden = network.ask(inputs.masked_fill(~known, torch.nan), known)
    torch.testing.assert_close(parameters, hidden, rtol=0, atol=0)
    assert (parameters != network.ask(inputs, torch.ones_like(known)))[0].any()
    assert (parameters[inputs.sum(1) == 0] != network.ask(inputs[:1], torch.zeros_like(known[:1]))).any()


@pytest.mark.parametrize("call", [DEEP, CONV])
@torch.no_grad()
def test_one_question_is_the_conditional_given_what_is_known(call: str) -> None:
    """Under all orders, of any elements given any others: as an order that draws what is known first has it."""
    spec = ardsl.loads(
        f'observed x[4] : category(3)\norder x by any(orders = 2, train = "all")\n'
        f"p(x[i] | x[<i]) = categorical via {call}\n"
    )
    model = with_random_weights(spec)
    (network,) = model.networks
    assert isinstance(network, AskedNetwork)
    values = {"x": every_value(spec)["x"][::7]}
    for number in range(8):
        known = np.random.default_rng(number).permutation(4)
        count = number % 4
        order = explicit((4,), known)
        mask = torch.zeros(1, 4, dtype=torch.bool)
        mask[0, known[:count]] = True
        inputs = model.inputs(0, values)
        asked = network.ask(inputs, mask.expand(len(inputs), -1)).unflatten(1, (4, -1))
        whole = model.conditional_parameters(0, values, {"x": order})[0]
        torch.testing.assert_close(asked[:, known[count]], whole[:, known[count]])


def test_a_deep_network_starts_where_its_family_does() -> None:
    for call in ("nade(hidden = [50, 50])", "conv_nade(features = 8)", "conv_nade(features = 8, dense = false)"):
        model = ardsl.compile(ardsl.loads(f"observed x[6, 6] : binary\np(x[i] | x[<i]) = bernoulli via {call}\n"))
        nll = -model.log_prob(torch.randint(0, 2, (50, 6, 6))).mean().item()
        assert nll == pytest.approx(36 * np.log(2), rel=0.05)


# Convolutions


@given(
    st.lists(st.integers(1, 12), min_size=1, max_size=3),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
)
@settings(deadline=None, max_examples=50)
def test_convolutions_fit_any_array(shape: list[int], kernels: list[int]) -> None:
    """They end at its own shape, and reach what a search from cell to cell finds."""
    layers = convolutions(Positions(tuple(shape), 1, 1, 1), 2, kernels)
    assert layers[-1].target == layers[0].source == tuple(shape)
    assert [layer.source for layer in layers[1:]] == [layer.target for layer in layers[:-1]]
    assert all(size >= 1 for layer in layers for size in layer.target)
    low, high = receptive_field(layers)
    for axis, size in enumerate(shape):
        for cell in range(size):
            reached = {cell}
            for layer in reversed(layers):
                taps = layer.kernel[axis]
                steps = range(1 - taps, 1) if layer.full else range(taps)
                reached = {at + step for at in reached for step in steps if 0 <= at + step < layer.source[axis]}
            assert reached == set(range(low[axis][cell], high[axis][cell] + 1))


def test_the_paper_s_sizes() -> None:
    spec = ardsl.loads("observed x[28, 28] : binary\np(x[i] | x[<i]) = bernoulli via conv_nade\n")
    (design,) = spec.plan.groups
    shapes = [layer.target[0] for layer in design.convolutions]  # type: ignore[attr-defined]
    assert shapes == [21, 18, 13, 7, 13, 18, 21, 28]
    assert [layer.outputs for layer in design.layers if layer.name.startswith("dense")] == [500, 500, 784]
    assert ardsl.verify(spec).complete


def test_blind_spots_of_convolutions_are_counted() -> None:
    """One axis, kernels of two: each position reads its neighbours alone, of which one is earlier."""
    text = (
        "observed x[10] : binary\np(x[t] | x[<t]) = bernoulli via conv_nade(features = 2, kernels = 2, dense = false)\n"
    )
    spec = ardsl.loads(text)
    report = ardsl.verify(spec)
    (comparison,) = report.comparisons
    assert comparison.realized == 9 and comparison.blind_spots.count == 45 - 9 and report.sound
    assert "leave `dense = false` out, or widen `kernels`" in str(spec.warnings[0].help)
    with pytest.raises(ardsl.SpecError, match="AR422"):
        ardsl.loads(text + "check complete(x)\n")
