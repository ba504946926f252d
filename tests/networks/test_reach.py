"""The reach that a plan prints is that of the relation which its networks realize."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import ardsl
from ardsl.cli import main
from ardsl.cli.plan_commands import receptive_fields
from ardsl.networks.realize import factor_rows
from ardsl.relations import Labelled, Levels, Matrix
from ardsl.relations.relation import NONE
from tests.support.lattice_specs import SPECS as LATTICES
from tests.support.small_specs import SPECS as SMALL

FAMILIES = {"binary": "bernoulli", "real": "normal", "category(3)": "categorical"}


def brute(spec: ardsl.Spec) -> dict[str, dict[str, int]]:
    """By factor and axis, from every pair of every draw's elements and the elements of the same variable it reads."""
    found: dict[str, dict[str, int]] = {}
    for plan in spec.plan.every:
        matrix, group = plan.realized[0].matrix(), plan.group
        sources = [(source.variable.name, element) for source in group.sources for element in source.elements]
        for factor, start, stop in factor_rows(group):
            drawn = [row for target in group.targets if target.factor is factor for row in target.elements.tolist()]
            variable = spec.variables[factor.variable]
            reach = dict.fromkeys(range(len(variable.shape)), 0)
            for draw, elements in zip(range(start, stop), drawn, strict=True):
                for column in np.flatnonzero(matrix[draw]):
                    name, read = sources[column]
                    for element in elements if name == variable.name else ():
                        pair = (np.unravel_index(e, variable.shape) for e in (element, read))
                        for axis, (own, other) in enumerate(zip(*pair, strict=True)):
                            reach[axis] = max(reach[axis], abs(int(own) - int(other)))
            if matrix[start:stop].any():
                axes = enumerate(variable.axes)
                found[factor.text] = {axis.name or f"axis {k}": reach[k] for k, axis in axes if reach[k]}
    return found


def printed(spec: ardsl.Spec) -> dict[str, dict[str, int] | None]:
    return {field["factor"]: field["reach"] for field in receptive_fields(spec)}


ORDERS = ("raster", "reverse", "snake", "diagonal", "shuffle(seed = 3)", "checkerboard", "spiral", "any(orders = 2)")
NETWORKS = (
    "linear",
    "linear(tied = true)",
    "table",
    "made(hidden = 5)",
    "made(hidden = 2, direct = false)",
    "mlp(hidden = 3)",
    "pixelcnn(layers = 1, features = 2, kernel = 3, first = 3)",
    "pixelcnn(layers = 2, features = 2, kernel = 3, first = 5)",
    "pixelcnn(layers = 1, features = 2, kernel = 3, gated = true)",
    "wavenet(blocks = 1, layers = 2)",
)
CONTEXTS = {
    1: ("x[<]", "x[<] within 2", "x[<] last 2", "x[..t-2]", "x[t-1], x[t-3]"),
    2: ("x[<]", "x[<] within 1", "x[<] within (1, *)", "x[<] last 3", "x[r-1, *], x[r, c-2]", "x[..r-1, *]"),
    3: ("x[<]", "x[<] within (1, 1, *)"),
}
TARGETS = {1: ("x[t]",), 2: ("x[r, c]", "x[r, *]"), 3: ("x[r, c, k]", "x[r, c, *]")}


@st.composite
def specs(draw: st.DrawFn) -> str:
    axes = draw(st.sampled_from([1, 2, 2, 3]))
    shape = [draw(st.integers(1, (7, 5, 3)[axes - 1])) for _ in range(axes)]
    names = [f"{name}: {size}" if draw(st.booleans()) else str(size) for name, size in zip("abc", shape, strict=False)]
    target, context = draw(st.sampled_from(TARGETS[axes])), draw(st.sampled_from(CONTEXTS[axes]))
    if target.endswith("*]"):
        domain, family, context = "real", "multivariate_normal", context if "c" not in context else "x[<]"
    else:
        domain, family = draw(st.sampled_from(sorted(FAMILIES.items())))
    other = draw(st.booleans())
    text = f"observed x[{', '.join(names)}] : {domain}\norder x by {draw(st.sampled_from(ORDERS))}\n"
    text += "given y[3] : binary\n" if other else ""
    return text + f"p({target} | {context}{', y' if other else ''}) = {family} via {draw(st.sampled_from(NETWORKS))}\n"


@pytest.mark.thorough
@settings(max_examples=150, deadline=None)
@given(specs())
def test_the_reach_of_any_spec(text: str) -> None:
    try:
        spec = ardsl.loads(text)
    except ardsl.SpecError:
        assume(False)
    assert printed(spec) == brute(spec)


@pytest.mark.parametrize("text", [*SMALL.values(), *LATTICES.values()])
def test_the_reach_of_small_specs(text: str) -> None:
    spec = ardsl.loads(text)
    assert printed(spec) == brute(spec)


def test_masks_at_every_pixel_reach_as_far_as_their_layers() -> None:
    text = (
        "observed x[row: 28, column: 28] : binary\norder x by snake\n"
        "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 5, features = 16)\n"
    )
    found = CliRunner().invoke(main, ["plan", "-"], input=text)
    assert "up to 144 elements; reaches 8 along row, 8 along column" in found.output
    (field,) = json.loads(CliRunner().invoke(main, ["plan", "-", "--json"], input=text).output)["receptive_fields"]
    assert field["reach"] == {"row": 8, "column": 8}


def test_the_greatest_that_is_read() -> None:
    generator = np.random.default_rng(0)
    for _ in range(100):
        targets, sources = generator.integers(0, 6, 2)
        numbers = generator.integers(-5, 5, sources)
        levels = Levels(generator.integers(-1, 4, targets), generator.integers(0, 4, sources))
        table = generator.random((3, 2)) < 0.5
        labelled = Labelled(generator.integers(0, 3, targets), generator.integers(0, 2, sources), table)
        for relation in (levels, labelled, Matrix(generator.random((targets, sources)) < 0.3)):
            expected = [max(numbers[row], default=NONE) for row in relation.matrix()]
            assert relation.greatest(numbers).tolist() == expected
