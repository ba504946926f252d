"""Audits of torch code that ardsl did not compile."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

import ardsl


class Masked(nn.Module):
    """A masked autoencoder as one would write it by hand, with a fault to choose."""

    def __init__(self, size: int, hidden: int, fault: str = "") -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        degree = torch.arange(hidden) % (size - 1) + 1
        rank = torch.arange(size)
        self.first = nn.Parameter(torch.randn(hidden, size, generator=generator))
        self.last = nn.Parameter(torch.randn(size, hidden, generator=generator))
        reads = degree[:, None] > rank[None] if fault != "<=" else degree[:, None] >= rank[None]
        self.register_buffer("into", reads.float())
        self.register_buffer("out", (rank[:, None] >= degree[None]).float())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(x @ (self.first * self.into.to(x)).T)
        return hidden @ (self.last * self.out.to(x)).T


def test_a_sound_network_is_sound_and_complete() -> None:
    report = ardsl.audit(Masked(9, 20), (9,))
    assert report.sound and report.complete
    assert report.realized == 36


def test_a_leak_is_found_and_named() -> None:
    report = ardsl.audit(Masked(9, 20, fault="<="), (9,))
    assert not report.sound
    assert ("x[1]", "x[1]") in list(report.leaks)


def test_a_narrow_network_has_blind_spots() -> None:
    report = ardsl.audit(Masked(9, 4), (9,))
    assert report.sound
    # Degrees 1 … 4 only: what comes after element 3 is never read.
    assert {int(source[2:-1]) for _, source in report.blind_spots} == {4, 5, 6, 7}


def test_the_order_matters() -> None:
    assert not ardsl.audit(Masked(9, 20), (9,), order="reverse").sound
    assert ardsl.audit(Masked(9, 20), (9,), order=list(range(9))).sound


def test_functions_without_gradients_are_probed_by_changes() -> None:
    def counts(x: torch.Tensor) -> torch.Tensor:
        positive = (x > 0).double()
        return positive.cumsum(1) - positive

    report = ardsl.audit(counts, (6,), points=40)
    assert report.sound and report.complete


def test_the_shape_of_the_output_is_checked() -> None:
    with pytest.raises(ardsl.ArdslError, match=r"must give \[batch, 5, …\], not \[2, 4\]"):
        ardsl.audit(lambda x: x[:, :4], (5,))


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ardsl.ArdslError, match="is not an order"):
        ardsl.audit(Masked(9, 20), (9,), order="zigzag")


def test_the_compiled_network_passes_its_own_audit() -> None:
    model = ardsl.compile(ardsl.loads("observed x[3, 4] : real\norder x by snake\np(x[i] | x[<i]) = normal via made\n"))
    network = model.double().eval().networks[0]
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter))
    report = ardsl.audit(lambda x: network(x.flatten(1)).unflatten(1, (3, 4, 2)), (3, 4), order="snake")
    assert report.sound and report.complete


def test_a_shape_the_function_cannot_take_is_one_clear_line() -> None:
    with pytest.raises(ardsl.ArdslError, match=r"the function fails on an input of shape \[1, 2, 4\]: "):
        ardsl.audit(Masked(9, 20), (2, 4))
    with pytest.raises(ardsl.ArdslError, match=r"the inputs must be \[points, 9\], not \[8, 4\]"):
        ardsl.audit(Masked(9, 20), 9, inputs=torch.zeros(8, 4))


def test_a_report_reads_as_its_verdict_and_pairs_as_their_number() -> None:
    report = ardsl.audit(Masked(9, 20, fault="<="), 9)
    assert str(report) == "NOT SOUND: 8 leaks among 44 realized pairs."
    assert repr(report.leaks) == "<8 pairs: ('x[1]', 'x[1]'), ('x[2]', 'x[2]'), ('x[3]', 'x[3]'), …>"
    assert repr(report.blind_spots) == "<no pairs>"
    narrow = ardsl.audit(Masked(9, 4), 9)
    assert str(narrow) == "Sound: nothing leaks. Not complete: 10 blind spots, 27.8 % of what is declared."
    assert str(ardsl.audit(Masked(9, 20), 9)).startswith("Sound and complete: all of the 36 declared pairs")


class Tokens(nn.Module):
    """Codes through an embedding, each of which its own output sees."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.output = nn.Embedding(3, 4), nn.Linear(4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.output(torch.tanh(self.embedding(x.long()).cumsum(1)))[..., 0]


class Threshold(nn.Module):
    """A leak that no gradient shows beside context that gradients do show."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.cumsum(1) - x + (x > 0).to(x.dtype)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (Tokens(), torch.tensor([[0, 1, 2, 0, 1, 2], [2, 2, 1, 1, 0, 0]])),
        (Tokens(), torch.tensor([[0.0, 1, 2, 0, 1, 2], [2, 2, 1, 1, 0, 0]])),
        (Threshold(), None),
        (lambda x: x.cumsum(1).round(), None),
        (lambda x: (x > 0).double().cumsum(1), None),
    ],
)
def test_leaks_without_gradients_are_found(function: Any, inputs: torch.Tensor | None) -> None:
    report = ardsl.audit(function, 6, inputs=inputs)
    assert list(report.leaks) == [(f"x[{i}]", f"x[{i}]") for i in range(6)]
    assert report.complete


@pytest.mark.parametrize(("shape", "points"), [(-1, 8), ("3", 8), ((2, 0), 8), (6, 0), (6, 2.5)])
def test_what_nothing_can_be_probed_with_is_refused(shape: Any, points: Any) -> None:
    with pytest.raises(ardsl.ArdslError, match="at least 1"):
        ardsl.audit(Threshold(), shape, points=points)


def test_a_function_that_is_not_steady_is_refused() -> None:
    for function in (lambda x: torch.dropout(x, 0.5, True), lambda x: x - x.mean(0) + x.cumsum(0)):
        with pytest.raises(ardsl.ArdslError, match="gives the same input different outputs"):
            ardsl.audit(function, 6)


def test_functions_in_float32_and_of_many_codes_have_no_false_leaks() -> None:
    network = Masked(40, 300).float()
    report = ardsl.audit(lambda x: network(x.float()), 40)
    assert report.sound and report.complete
    embedding = nn.Embedding(1000, 8)
    codes = torch.arange(600).reshape(60, 10)
    shifted = lambda x: torch.nn.functional.pad(torch.tanh(embedding(x)).sum(-1).cumsum(1), (1, 0))[:, :-1]  # noqa: E731
    report = ardsl.audit(shifted, 10, inputs=codes)
    assert report.sound and report.complete
    with pytest.raises(ardsl.ArdslError, match="at least two different codes"):
        ardsl.audit(shifted, 10, inputs=torch.zeros(2, 10, dtype=torch.long))
    assert ardsl.audit(lambda x: x.cumsum(1) - x, 6, inputs=torch.zeros(1, 6)).complete


def test_functions_that_are_made_for_float32_are_called_so() -> None:
    inner = nn.Conv1d(1, 1, 2)
    found = ardsl.audit(lambda x: inner(torch.nn.functional.pad(x[:, None], (2, 0)))[:, 0, :-1], (5,))
    assert found.sound and found.realized == 7


@pytest.mark.parametrize(
    ("function", "order", "problem"),
    [
        (lambda x: (x, x), "raster", "must give a tensor, not a tuple"),
        (lambda x: x * torch.nan, "raster", "gives NaN"),
        (lambda x: x, [0, 1, 2], "4"),
    ],
)
def test_what_tells_nothing_is_refused(function: Any, order: Any, problem: str) -> None:
    with pytest.raises(ardsl.ArdslError, match=problem):
        ardsl.audit(function, (4,), order)
