"""Lattice networks: normalized, realized as planned, sampled alike by both evaluators, and free of leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ardsl
from ardsl.spec import Spec
from ardsl.testing import (
    evaluator_problems,
    normalization_problems,
    oracle_problems,
    probe_problems,
    with_random_weights,
)
from tests.support.lattice_specs import DRAWN_TOGETHER, SPECS, STACKS, colours, picture, window

CONTINUOUS = {f"{stack}, drawn together": DRAWN_TOGETHER.format(option=option) for stack, option in STACKS.items()}
LARGER = {
    f"{stack}, {layers} layers, {name}": text.format(network=f"layers = {layers}, features = 4, first = 3, {option}")
    for stack, option in STACKS.items()
    for layers in (1, 4)
    for name, text in {
        "raster": picture("raster", "{network}", "row: 6, column: 7"),
        "spiral": picture("spiral", "{network}", "row: 6, column: 7"),
        "by column": picture("raster(column, row)", "{network}", "row: 6, column: 7"),
        "colours": colours("raster", "{network}", "row: 3, column: 4, channel: 3"),
        "colours, shuffle": colours("shuffle", "{network}", "row: 3, column: 3, channel: 3"),
        "window": window("3", "{network}", "7, 6"),
    }.items()
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("what", [oracle_problems, normalization_problems, probe_problems, evaluator_problems])
def test_holds(name: str, what) -> None:  # type: ignore[no-untyped-def]
    assert list(what(ardsl.loads(SPECS[name]))) == []


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("what", [probe_problems, evaluator_problems])
def test_holds_for_draws_of_several_channels(name: str, what) -> None:  # type: ignore[no-untyped-def]
    assert list(what(ardsl.loads(CONTINUOUS[name]))) == []


@pytest.mark.parametrize("name", LARGER)
def test_a_plan_is_what_gradients_of_the_module_show(name: str) -> None:
    assert list(probe_problems(ardsl.loads(LARGER[name]))) == []


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("layers", [0, 2, 8])
@pytest.mark.parametrize("order", ["raster", "reverse", "raster(channel, row, column)", "shuffle", "snake"])
def test_a_plan_is_what_gradients_show_on_large_lattices(stack: str, layers: int, order: str) -> None:
    network = f"layers = {layers}, features = 6, {STACKS[stack]}"
    assert list(probe_problems(ardsl.loads(colours(order, network, "row: 9, column: 9, channel: 3")))) == []


@pytest.mark.slow
@pytest.mark.parametrize("stack", STACKS)
def test_colours_of_three_channels_are_normalized(stack: str) -> None:
    network = f"layers = 1, features = 6, first = 3, {STACKS[stack]}"
    assert list(normalization_problems(ardsl.loads(colours("raster", network, "row: 2, column: 2, channel: 3")))) == []


@pytest.mark.parametrize("stack", STACKS)
def test_one_sample_at_a_time(stack: str) -> None:
    """A batch of one takes other calls than a larger one, and groups apart others than together."""
    for order in ("raster", "shuffle"):
        network = f"layers = 2, features = 6, first = 3, {STACKS[stack]}"
        spec = ardsl.loads(colours(order, network, "row: 3, column: 4, channel: 3"))
        assert list(evaluator_problems(spec, 1)) == []


@pytest.mark.parametrize("stack", STACKS)
def test_channels_in_another_order_are_the_same_model(stack: str) -> None:
    """What the axes are called, and how many channels there are, changes no likelihood: one channel is none."""
    network = f"layers = 2, features = 6, first = 3, {STACKS[stack]}"
    flat = with_random_weights(ardsl.loads(picture("raster", network)))
    deep = with_random_weights(ardsl.loads(picture("raster", network, "row: 3, column: 3, channel: 1")))
    x = torch.randint(0, 2, (8, 3, 3), generator=torch.Generator().manual_seed(0))
    assert torch.equal(flat.log_prob(x), deep.log_prob(x[..., None]))


TURNED = {
    "reverse": lambda x: x.flip(1, 2),
    "raster(column, row)": lambda x: x.transpose(1, 2),
}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("order", TURNED)
def test_turned_data_under_the_turned_order_have_the_same_density(stack: str, order: str) -> None:
    network = f"layers = 2, features = 6, first = 3, {STACKS[stack]}"
    one = with_random_weights(ardsl.loads(picture("raster", network)))
    other = with_random_weights(ardsl.loads(picture(order, network)))
    turned = _turned(one, other, order)
    x = torch.randint(0, 2, (16, 3, 3), generator=torch.Generator().manual_seed(0)).double()
    assert torch.allclose(one.log_prob(x), turned.log_prob(TURNED[order](x)), atol=1e-12)


def _turned(one: ardsl.AutoregressiveModel, other: ardsl.AutoregressiveModel, order: str) -> ardsl.AutoregressiveModel:
    """``other`` with the weights of ``one``, each put at the offset that the turned order makes of its own."""
    for mine, theirs in zip(
        one.networks[0].convolutions.values(), other.networks[0].convolutions.values(), strict=True
    ):  # type: ignore[attr-defined,union-attr,operator]
        for name in ("bias", "condition"):
            if getattr(mine, name) is not None:
                getattr(theirs, name).data.copy_(getattr(mine, name))
        for source, target in zip(mine.sources, theirs.sources, strict=True):
            for k, (row, column) in enumerate(source.stencil.offsets):
                moved = (-row, -column) if order == "reverse" else (column, row)
                target.weight.data[..., target.stencil.offsets.index(moved)] = source.weight.data[..., k]
    return other


def blind_share(network: str) -> float:
    """Of what is declared on 28 × 28, the part that no path reaches, in percent."""
    report = ardsl.loads(picture("raster", network, "row: 28, column: 28")).report
    assert report.sound
    return 100 * report.blind_spots.count / report.declared


@pytest.mark.parametrize(
    ("network", "share"),
    [
        ("layers = 15", 34.7),
        ("layers = 40", 18.0),
        ("layers = 15, gated = true", 21.7),
        ("layers = 40, gated = true", 0.0),
    ],
)
def test_blind_spots_of_published_networks(network: str, share: float) -> None:
    assert blind_share(network) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("limits", ["", " within 5", " within (9, 2)", " within (2, *)"])
def test_the_depth_that_the_plan_names_is_the_least_that_sees_everything(limits: str) -> None:
    def spec(layers: int) -> Spec:
        return ardsl.loads(
            f"observed x[9, 12] : binary\np(x[i] | x[<i]{limits}) = bernoulli"
            f" via pixelcnn(layers = {layers}, first = 3, gated = true)\n"
        )

    told = spec(1).plan.groups[0].completion or ""
    needed = int(told.split("`layers = ")[1].split("`")[0])
    assert not spec(needed - 1).report.complete
    assert spec(needed).report.complete and spec(needed + 3).report.complete


@pytest.mark.parametrize("name", ["plain, raster", "gated, colours, raster", "gated, within 1", "plain, snake"])
def test_sampling_takes_as_many_steps_as_the_longest_path(name: str) -> None:
    spec = ardsl.loads(SPECS[name])
    relation = spec.report.comparisons[0].realized_relation.matrix()
    depth = np.zeros(len(relation), dtype=int)
    for target in np.argsort(spec.variables["x"].orders.orders[0].rank):
        read = np.flatnonzero(relation[target])
        depth[target] = depth[read].max() + 1 if len(read) else 0
    assert spec.plan.steps == depth.max() + 1


@pytest.mark.parametrize("stack", STACKS)
def test_the_rest_of_a_picture_follows_its_distribution(stack: str) -> None:
    """Given what comes first; a part that does not come first is refused."""
    model = with_random_weights(
        ardsl.loads(picture("raster", f"layers = 1, features = 6, first = 3, {STACKS[stack]}", "row: 2, column: 3"))
    )
    start = torch.tensor([[1.0, 0.0, 1.0], [0.0, torch.nan, torch.nan]]).double()
    count = 4000
    filled = model.complete(start.expand(count, 2, 3), seed=0)
    assert torch.equal(filled[:, 0], start[0].expand(count, 3).to(filled.dtype))
    ends = torch.tensor([[a, b] for a in (0.0, 1.0) for b in (0.0, 1.0)]).double()
    every = start.repeat(4, 1, 1)
    every[:, 1, 1:] = ends
    expected = model.log_prob(every).softmax(0)
    found = torch.bincount((filled[:, 1, 1] * 2 + filled[:, 1, 2]).long(), minlength=4) / count
    assert (found - expected).abs().max() < 4 * (0.25 / count) ** 0.5
    with pytest.raises(ardsl.ArdslError, match="`x\\[0, 0\\]` is missing and `x\\[1, 2\\]`"):
        model.complete(torch.tensor([[torch.nan, 0, 1], [0, 1, 1]]).double()[None])
