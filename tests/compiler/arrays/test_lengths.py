"""Variables of varying length: what lies beyond an example's end does not exist."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

import ardsl

WAVENET = "wavenet(blocks = 1, layers = 2, features = 6, skip = 8)"
MADE = "made(hidden = [8])"
SPECS = {
    "wave": f"observed x[time: ..4] : binary\np(x[t] | x[<t]) = bernoulli via {WAVENET}\n",
    "wave of channels": f"observed x[time: ..2, 2] : binary\np(x[i] | x[<i]) = bernoulli via {WAVENET}\n",
    "wave given a text": (
        "given text[2] : real\nobserved x[time: ..4] : category(3)\n"
        f"p(x[t] | x[<t], text[..t / 2]) = categorical via {WAVENET}\n"
    ),
    "dense": f"observed x[..4] : binary\np(x[i] | x[<i]) = bernoulli via {MADE}\n",
    "dense, backwards": f"observed x[..4] : binary\norder x by reverse\np(x[i] | x[<i]) = bernoulli via {MADE}\n",
    "dense, rows of integers": f"observed x[..3, 2] : integer(-1, 1)\np(x[i] | x[<i]) = categorical via {MADE}\n",
    "drawn together": (
        "observed x[..3, 2] : integer(0, 2)\np(x[t, *] | x[<]) = color_mixture(components = 2) via made(hidden = [8])\n"
    ),
    "under two orders": (
        "observed x[..4] : binary\norder x by any(orders = 2)\np(x[i] | x[<i]) = bernoulli via made(hidden = [8])\n"
    ),
    "pictures of several heights": (
        "observed x[..2, 2] : binary\n"
        "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 2, features = 6, first = 3, gated = true)\n"
    ),
}


def compiled(name: str) -> ardsl.AutoregressiveModel:
    torch.manual_seed(0)
    model = ardsl.compile(ardsl.loads(SPECS[name]), seed=1, dtype=torch.float64).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.5)
    return model


def given(model: ardsl.AutoregressiveModel, count: int) -> dict[str, Tensor] | None:
    return {v.name: torch.tensor([[0.3, -1.2]]).expand(count, 2) for v in model.spec.model.given} or None


def every(model: ardsl.AutoregressiveModel, length: int) -> Tensor:
    """All examples of a length, [examples, length, …]."""
    variable = model.spec.variables["x"]
    rest, domain = variable.shape[1:], variable.element_domain(0)
    low = getattr(domain, "low", 0)
    size = length * torch.Size(rest).numel()
    values = list(itertools.product(range(low, low + (domain.levels or 0)), repeat=size))
    return torch.tensor(values, dtype=torch.float64).reshape(len(values), length, *rest)


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_the_probabilities_of_all_examples_of_a_length_sum_to_one(name: str) -> None:
    model = compiled(name)
    for length in range(model.spec.variables["x"].shape[0] + 1):
        x = every(model, length)
        total = model.log_prob(x, given(model, len(x))).exp().sum()
        assert abs(float(total) - 1) < 1e-9


@pytest.mark.parametrize("name", SPECS)
@torch.no_grad()
def test_what_lies_beyond_an_end_changes_nothing(name: str) -> None:
    model = compiled(name)
    longest = model.spec.variables["x"].shape[0]
    lengths = torch.arange(longest + 1)
    x = every(model, longest)
    x = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[: longest + 1]]
    together = model.log_prob(x, given(model, len(x)), lengths=lengths)
    alone = [model.log_prob(x[i : i + 1, :n], given(model, 1))[0] for i, n in enumerate(lengths.tolist())]
    assert torch.allclose(together, torch.stack(alone), rtol=0, atol=1e-12)
    if "orders" not in name:
        parts = model.log_prob(x, given(model, len(x)), lengths=lengths, elementwise=True)["x"]  # type: ignore[index]
        assert torch.allclose(parts.flatten(1).sum(1), together, rtol=0, atol=1e-12)
        assert not parts[0].any()


@pytest.mark.parametrize("name", SPECS)
def test_samples_end_where_they_are_to(name: str) -> None:
    model = compiled(name)
    longest = model.spec.variables["x"].shape[0]
    lengths = torch.arange(40) % (longest + 1)
    noise = model.noise(40, seed=2)
    step, whole = (
        model.sample(40, given(model, 40), lengths=lengths, noise=noise, evaluator=evaluator)
        for evaluator in ("step", "whole")
    )
    assert torch.equal(step, whole)  # type: ignore[arg-type]
    beyond = torch.arange(longest) >= lengths[:, None]
    assert isinstance(step, Tensor) and not step[beyond].any()
    assert step[~beyond].any()


def test_training_does_not_see_what_lies_beyond() -> None:
    model = compiled("wave")
    first, other = torch.tensor([[1.0, 0, 1, 1]]), torch.tensor([[1.0, 0, 0, 0]])
    nan = torch.tensor([[True, True, False, False]])
    for x in (first, other):
        model.zero_grad()
        model.loss({"x": torch.where(nan, x, torch.nan)}).backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        assert all(g.isfinite().all() for g in gradients)
    model.zero_grad()
    (-model.log_prob(first[:, :2]).mean()).backward()  # type: ignore[union-attr]
    again = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(torch.allclose(a, b) for a, b in zip(gradients, again, strict=True))


@pytest.mark.parametrize(
    ("lengths", "problem"),
    [
        ([1, 2, 3], "are 2 integers, one for each example"),
        ([1.0, 2.0], "are 2 integers"),
        ([1, 5], "are from 0 to 4"),
        ([-1, 2], "are from 0 to 4"),
        ({"y": [1, 2]}, "the length of `y` does not vary; of x it does"),
    ],
)
def test_lengths_that_cannot_be(lengths: object, problem: str) -> None:
    with pytest.raises(ardsl.ArdslError, match=problem):
        compiled("wave").log_prob(torch.zeros(2, 4), lengths=lengths)


def test_gaps_and_lengths_of_what_does_not_vary() -> None:
    with pytest.raises(ardsl.ArdslError, match="`x` has gaps before its end"):
        compiled("wave").log_prob(torch.tensor([[1.0, torch.nan, 1, torch.nan]]))
    fixed = ardsl.compile(ardsl.loads("observed x[2] : binary\np(x) = bernoulli\n"))
    with pytest.raises(ardsl.ArdslError, match="no lengths: that of no variable varies"):
        fixed.log_prob(torch.zeros(1, 2), lengths=[1])
    with pytest.raises(ardsl.ArdslError, match="the length of `x` varies"):
        compiled("wave").complete(torch.tensor([[1.0, torch.nan, 1, 1]]))


ENDING = {
    "wave": f"observed x[time: ..4] : category(3, end = 1)\np(x[t] | x[<t]) = categorical via {WAVENET}\n",
    "dense": f'observed x[..4] : category("a", "b", end = "b")\np(x[i] | x[<i]) = categorical via {MADE}\n',
    "read by another": (
        f"observed x[..3] : category(2, end = 0)\nobserved y : binary\np(x[i] | x[<i]) = categorical via {MADE}\n"
        "p(y | x) = bernoulli via mlp(hidden = [4])\n"
    ),
}


@pytest.mark.parametrize("name", ENDING)
@torch.no_grad()
def test_a_sequence_that_ends_has_a_distribution_over_all_lengths(name: str) -> None:
    model = ardsl.compile(ardsl.loads(ENDING[name]), seed=1, dtype=torch.float64).eval()
    variable = model.spec.variables["x"]
    end, levels, longest = variable.end, variable.element_domain(0).levels or 0, variable.size
    total, known = 0.0, {}
    for length in range(1, longest + 1):
        for codes in itertools.product(range(levels), repeat=length):
            whole = end not in codes[:-1] and (codes[-1] == end or length == longest)
            if not whole:
                continue
            x = torch.tensor([codes], dtype=torch.float64)
            for y in (0, 1) if "y" in model.spec.variables else (None,):
                data = x if y is None else {"x": x, "y": torch.tensor([y])}
                known[codes, y] = float(model.log_prob(data).exp())  # type: ignore[union-attr]
            total += sum(known[codes, y] for y in (0, 1, None) if (codes, y) in known)
    assert abs(total - 1) < 1e-9
    # What stands after an end says nothing, and an end that is lacking is put there.
    codes = next(codes for (codes, _) in known if len(codes) == 2)
    data = {"x": torch.tensor([[*codes, *[1 - codes[-1]] * (longest - 2)]])}
    short = {"x": torch.tensor([[*codes[:1]]])}
    lengths = {"x": [1]}
    if "y" in model.spec.variables:
        data["y"] = short["y"] = torch.tensor([1])
    p = known[codes, 1 if "y" in data else None]
    assert float(model.log_prob(data).exp()) == pytest.approx(p, rel=1e-9)  # type: ignore[union-attr]
    assert float(model.log_prob(short, lengths=lengths).exp()) == pytest.approx(p, rel=1e-9)  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ENDING)
def test_samples_end_with_their_end(name: str) -> None:
    model = ardsl.compile(ardsl.loads(ENDING[name]), seed=1, dtype=torch.float64).eval()
    end = model.spec.variables["x"].end
    noise = model.noise(200, seed=2)
    step, whole = (model.sample(200, noise=noise, evaluator=evaluator) for evaluator in ("step", "whole"))
    pairs = zip(step.values(), whole.values(), strict=True) if isinstance(step, dict) else [(step, whole)]  # type: ignore[union-attr]
    assert all(torch.equal(a, b) for a, b in pairs)  # type: ignore[arg-type]
    x = step["x"] if isinstance(step, dict) else step
    after = (x == end).cummax(1).values
    assert (x[after] == end).all() and 0 < float(after.double().mean()) < 1
    with pytest.raises(ardsl.ArdslError, match="is drawn with it"):
        model.sample(2, lengths=[1, 2])


def test_lengths_beyond_the_array_are_refused() -> None:
    model = ardsl.compile(
        ardsl.loads("observed x[time: ..6] : binary\np(x[t] | x[<t]) = bernoulli via made(hidden = [4])\n")
    )
    x = torch.zeros(2, 3)
    assert model.log_prob(x, lengths=[3, 1]).shape == (2,)
    with pytest.raises(ardsl.ArdslError, match="a length of `x` goes beyond what its array has"):
        model.log_prob(x, lengths=[3, 5])
