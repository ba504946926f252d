"""Maps that grow finer or coarser: resolutions, places, and the layers between them."""

from __future__ import annotations

from math import prod

import pytest
import torch

import ardsl
from ardsl.networks.maps.module import MapNetwork
from ardsl.networks.maps.shapes import coarser, finer


@pytest.mark.parametrize(
    ("steps", "shapes"),
    [
        (finer((7, 7), 3, (28, 28), [8, 8]), [(14, 14), (28, 28)]),
        (finer((4, 4), 3, (28, 28), [8]), [(28, 28)]),
        (finer((2, 3), 3, (12, 18), [8, 8]), [(4, 6), (12, 18)]),
        (finer(None, 5, (28, 28), [8, 8, 8]), [(7, 7), (14, 14), (28, 28)]),
        (finer(None, 5, (9, 4), [8, 8]), [(9, 2), (9, 4)]),
        (coarser((28, 28), 1, (7, 7), [8, 8]), [(14, 14), (7, 7)]),
        (coarser((28, 28), 1, (4, 4), [8, 8]), [(4, 4), (4, 4)]),
        (coarser((28, 28), 1, None, [8, 8, 8]), [(14, 14), (7, 7), (7, 7)]),
        (coarser((12, 18), 1, (2, 3), [8, 8]), [(4, 6), (2, 3)]),
    ],
)
def test_resolutions_are_inferred(steps: list, shapes: list[tuple[int, ...]]) -> None:  # type: ignore[type-arg]
    assert [step.shape for step in steps] == shapes


def near(text: str) -> torch.Tensor:
    """The gradient of each cell with respect to each of the source, without what all cells amount to."""
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    assert isinstance(model, ardsl.AutoregressiveModel)
    net = model.networks[0]
    assert isinstance(net, MapNetwork)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            parameter.zero_() if name.endswith("summary") else parameter.abs_()
            if name.endswith("bias"):
                parameter.fill_(1.0)
    source = model.groups[0].sources[0].variable
    inputs = torch.rand(prod(source.shape), dtype=torch.float64)
    return torch.autograd.functional.jacobian(lambda each: net(each[None])[0], inputs)


def test_a_cell_reads_what_is_near() -> None:
    """Of a map of 12 × 9 to one of 4 × 3 and back, those three strides around it."""
    for text, (rows, columns), (high, wide) in (
        (
            "given y[12, 9] : real\nobserved x[4, 3] : binary\np(x | y) = bernoulli via conv(hidden = [4])\n",
            (4, 3),
            (12, 9),
        ),
        (
            "given y[4, 3] : real\nobserved x[12, 9] : binary\np(x | y) = bernoulli via deconv(hidden = [4])\n",
            (12, 9),
            (4, 3),
        ),
    ):
        jacobian = near(text)
        moved = (jacobian != 0).view(rows, columns, high, wide)
        for row in range(rows):
            for column in range(columns):
                expected = torch.zeros(high, wide, dtype=torch.bool)
                for r in range(high):
                    for c in range(wide):
                        apart = (
                            (abs(r // 3 - row), abs(c // 3 - column))
                            if high > rows
                            else (abs(r - row // 3), abs(c - column // 3))
                        )
                        expected[r, c] = max(apart) <= 1
                assert torch.equal(moved[row, column], expected)


def test_channels_stand_last() -> None:
    """The numbers of a cell follow each other, channel by channel."""
    text = "given y[2, 2] : real\nobserved x[2, 2, 3] : binary\np(x | y) = bernoulli via conv(hidden = [4])\n"
    model = ardsl.compile(ardsl.loads(text), dtype=torch.float64)
    net = model.networks[0]  # type: ignore[union-attr,index]
    with torch.no_grad():
        net.weight.zero_()
        net.bias.copy_(torch.tensor([-9.0, 0.0, 9.0]))
    x = model.sample(50, {"y": torch.zeros(2, 2)}, seed=0)
    assert (x[..., 0] == 0).all() and (x[..., 2] == 1).all() and 0.2 < x[..., 1].double().mean() < 0.8
