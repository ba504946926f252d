"""The check of networks, ours and those of others, on their examples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import ardsl
from ardsl.cli import main
from ardsl.networks import registry
from ardsl.networks.registry import network, network_names, registered
from ardsl.testing import check_network, every_value, normalization_problems
from tests.support.plugins import (
    EXAMPLE,
    Boastful,
    Designless,
    Elsewhere,
    Nothing,
    Raising,
    Squares,
    Straight,
    Unbuilt,
    Unmasked,
    Unshown,
)


@pytest.mark.parametrize("name", network_names())
def test_a_built_in_network_is_sound(name: str) -> None:
    assert check_network(type(network(name))) == []


def test_a_network_of_another_package_is_sound_and_known_for_its_check_alone() -> None:
    assert check_network(Straight) == []
    assert "straight" not in network_names()
    with pytest.raises(ardsl.SpecError, match="straight"):
        ardsl.loads(Straight.examples["bits"])


def test_a_network_that_inherits_nothing_is_checked_trained_and_sampled(tmp_path: Path) -> None:
    assert check_network(Squares) == []
    with registered(Squares):
        text = (
            "observed x[2] : real\np(x[i] | x[<i]) = normal via squares\n"
            "train { optimizer = adam(rate = 3e-2)  epochs = 30  batch = 200 }\n"
        )
        spec = ardsl.loads(text)
        first = torch.randn(1000, 1, generator=torch.Generator().manual_seed(0))
        x = torch.cat([first, first**2 + 0.1 * torch.randn(1000, 1, generator=torch.Generator().manual_seed(1))], 1)
        run = ardsl.fit(spec, x, out=tmp_path / "run", progress=False)
        assert ardsl.verify_numeric(spec).complete
        drawn = run.model.sample(1000, seed=0)
    apart = (drawn[:, 1] - drawn[:, 0] ** 2).std()
    assert apart < 0.4 < drawn[:, 1].std()  # the parabola: no line comes nearer than the second


@pytest.mark.parametrize(
    ("plugin", "problems"),
    [
        (
            Unmasked,
            [
                "bits: probe: 10 leaks in p(x[i] | x[<i])",
                "bits: probe: p(x[i] | x[<i]) realizes 16 pairs, the plan 6",
                "bits: normalization: the probabilities sum to ",
            ],
        ),
        (Boastful, ["bits: <spec>:2:3: error[AR420]: the network of `p(x[i] | x[<i])` leaks: 10 pairs "]),
        (Elsewhere, ["bits: nothing goes through `elsewhere`"]),
    ],
)
def test_problems_are_told(plugin: type[Straight], problems: list[str]) -> None:
    found = check_network(plugin)
    assert [problem[: len(told)] for problem, told in zip(found, problems, strict=True)] == problems


def test_a_network_without_examples_is_not_checked() -> None:
    with pytest.raises(ardsl.ArdslError, match="`Unshown` has no `examples`: small specs, by name, to check it on"):
        check_network(Unshown)


NO_CLASS = "`check_network` takes a class of networks: "
NOT_CHECKED = {
    "a number's class": (int, "<class 'int'> is no subclass of `ardsl.networks.network.Network`"),
    "a number": (3, "3 is no subclass of `ardsl.networks.network.Network`"),
    "without a design": (Designless, "`Designless` has no `design`"),
    "without a name": (
        type("Nameless", (Straight,), {"name": None, "doc": None}),
        "`Nameless` has no `name` and `doc`",
    ),
}


@pytest.mark.parametrize(("plugin", "problem"), NOT_CHECKED.values(), ids=NOT_CHECKED)
def test_what_is_no_class_of_networks_is_not_checked(plugin: type[Straight], problem: str) -> None:
    with pytest.raises(ardsl.ArdslError) as raised:
        check_network(plugin)
    assert str(raised.value) == NO_CLASS + problem


def test_an_instance_is_not_checked() -> None:
    with pytest.raises(
        ardsl.ArdslError, match="^`check_network` takes a class of networks: <.*Straight object at .* is no"
    ):
        check_network(Straight())


@pytest.mark.parametrize("examples", [{"bits": 3}, [Straight.examples["bits"]], {1: Straight.examples["bits"]}])
def test_examples_are_texts_by_name(examples: object) -> None:
    with pytest.raises(ardsl.ArdslError, match="^the `examples` of `Shown` are no dict of specs by name, texts both$"):
        check_network(type("Shown", (Straight,), {"examples": examples}))


def test_a_design_that_fails_is_told() -> None:
    (problem,) = check_network(Raising)
    fails = "error[AR434]: the network `raising` fails: ValueError: no such thing"
    assert problem == f"bits: <spec>:2:33: {fails}"
    (problem,) = check_network(Nothing)
    assert problem.endswith(
        "the network `nothing` fails: TypeError: `design` gives [], neither a `Design` nor diagnostics"
    )
    with pytest.raises(
        ardsl.ArdslError, match="^the network `unbuilt` fails: NotImplementedError: the design of `unbuilt`"
    ):
        check_network(Unbuilt)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package ``weaver`` with networks that fail, each in a way of its own, and one that is sound."""
    about = tmp_path / "weaver-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: weaver\nVersion: 1.0\n")
    ours = "tests.support.plugins"
    points = {
        "ardsl.networks": {
            "absent": "nowhere:Absent",
            "designless": f"{ours}:Designless",
            "other": f"{ours}:Squares",
            "raising": f"{ours}:Raising",
            "squares": f"{ours}:Squares",
        },
        "ardsl.context_networks": {"absent": f"{ours}:Absent", "mapped": f"{ours}:Mapped"},
    }
    lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in own.items()) for group, own in points.items()]
    (about / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    kept = (registry._installed, registry.network, registry.context_network)
    for cached in kept:
        cached.cache_clear()
    yield
    for cached in kept:
        cached.cache_clear()


BROKEN = {
    "absent": "ModuleNotFoundError: No module named 'nowhere'",
    "designless": "TypeError: `Designless` has no `design`",
    "other": "ValueError: its class has the name `squares`",
    "raising": "ValueError: no such thing",
}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("name", "problem"), BROKEN.items(), ids=BROKEN)
def test_a_broken_package_is_named_by_a_diagnostic(name: str, problem: str) -> None:
    with pytest.raises(ardsl.SpecError) as raised:
        ardsl.loads(EXAMPLE.format(name=name))
    told = f"error[AR434]: the network `{name}` of the package `weaver` fails: {problem}"
    assert str(raised.value) == f"<spec>:2:33: {told}"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("absent", "AttributeError: module 'tests.support.plugins' has no attribute 'Absent'"),
        ("mapped", "KeyError: 'map'"),
    ],
)
def test_a_broken_network_of_contexts_is_named_by_a_diagnostic(name: str, problem: str) -> None:
    reading = f"p(x[i] | x[<i], z via {name}) = bernoulli via pixelcnn(layers = 2, features = 4)"
    with pytest.raises(ardsl.SpecError) as raised:
        ardsl.loads(f"given z[4] : real\nobserved x[4, 4] : binary\n{reading}\n")
    assert f"error[AR434]: the network `{name}` of the package `weaver` fails: {problem}" in str(raised.value)


@pytest.mark.usefixtures("installed")
def test_broken_networks_are_listed_beside_the_others() -> None:
    listed = CliRunner().invoke(main, ["networks"])
    assert listed.exit_code == 0
    told = {name: problem for name, problem in BROKEN.items() if name != "raising"}  # which is asked for no design here
    for name, problem in told.items():
        line = f"{name}: cannot be used: the network `{name}` of the package `weaver` fails: {problem}"
        assert line in listed.output.splitlines()
    assert "squares: parameters are linear in each context and its squares" in listed.output
    assert "made: " in listed.output
    ardsl.loads(EXAMPLE.format(name="squares"))


def test_values_that_are_not_finite_are_not_listed() -> None:
    spec = ardsl.loads("observed x : real\np(x) = normal\n")
    assert list(normalization_problems(spec)) == []
    with pytest.raises(TypeError, match="real is not finite"):
        every_value(spec)
