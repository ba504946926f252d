"""Streams: the samples of one call, chunk by chunk."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import ardsl

WAVENET = "wavenet(blocks = 1, layers = 3, features = 6, skip = 8)"
SPECS = {
    "codes": f"observed x[time: ..40] : mulaw(16)\np(x[t] | x[<t] within 8) = categorical via {WAVENET}\n",
    "numbers given a text": (
        "given text[10] : real\nobserved x[time: ..40] : real\n"
        f"p(x[t] | x[<t] within 8, text[..t / 4]) = mixture(normal, components = 2) via {WAVENET}\n"
    ),
    "channels alone": f"observed x[time: ..40, 2] : binary\np(x[i] | x[<i] within (0, *)) = bernoulli via {WAVENET}\n",
    "channels": f"observed x[time: ..40, 2] : binary\np(x[i] | x[<i] within (8, *)) = bernoulli via {WAVENET}\n",
    "an end": f"observed x[time: ..40] : category(9, end = 0)\np(x[t] | x[<t] within 8) = categorical via {WAVENET}\n",
}


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("moments", [1, 7, 40])
def test_a_stream_is_the_sample_of_one_call(name: str, moments: int) -> None:
    model = ardsl.compile(ardsl.loads(SPECS[name]), seed=0, dtype=torch.float64)
    given = {"text": torch.randn(1, 10, generator=torch.Generator().manual_seed(0))} if "text" in name else None
    whole = model.sample(3, given, seed=5)
    chunks = list(model.stream(given, n=3, steps=moments, seed=5))
    assert all(chunk.shape[:2] == (3, moments) for chunk in chunks[:-1])
    found = torch.cat(chunks, 1)
    assert isinstance(whole, torch.Tensor) and found.dtype == whole.dtype
    assert torch.equal(found, whole[:, : found.shape[1]])
    assert found.shape[1] == 40 or (name == "an end" and not whole[:, found.shape[1] :].any())


def test_maps_of_what_is_given_are_made_section_by_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the section, with and without a beginning."""
    model = ardsl.compile(ardsl.loads(SPECS["numbers given a text"]), seed=0, dtype=torch.float64)
    given = {"text": torch.randn(2, 10, generator=torch.Generator().manual_seed(0))}
    whole = model.sample(2, given, seed=5, evaluator="whole")
    assert isinstance(whole, torch.Tensor)
    monkeypatch.setattr("ardsl.networks.lattice.ring._SECTION", 7)
    for known in (0, 16):
        found = torch.cat(list(model.stream(given, n=2, prefix=whole[:, :known], steps=9, seed=5)), 1)
        torch.testing.assert_close(found, whole[:, known:], atol=1e-9, rtol=0)


@pytest.mark.thorough
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read where Linux tells it")
@pytest.mark.parametrize("upsampling", ["learned", "repeated"])
def test_a_stream_takes_no_more_memory_the_longer_the_series(upsampling: str) -> None:
    """Of a million moments the first are drawn: four bytes for each would show."""
    text = (
        "given text[12500, 2] : real\nobserved x[time: 1000000] : mulaw(16)\n"
        "p(x[t] | x[<t] within 8, text[..t / 80, *]) = categorical via "
        f'{WAVENET[:-1]}, upsampling = "{upsampling}")\n'
    )
    given = {"text": torch.zeros(1, 12500, 2)}
    model = ardsl.compile(ardsl.loads(text), seed=0)

    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    next(model.stream(given, seed=0, steps=10))  # what torch itself takes the first time
    before = resident()
    stream = model.stream(given, seed=0, steps=10)
    assert next(stream).shape == (1, 10)
    assert resident() - before < 4e6


@pytest.mark.parametrize("name", [name for name in SPECS if name != "an end"])
def test_a_stream_is_as_long_as_it_is_to_be(name: str) -> None:
    """And no longer, whatever is drawn: numbers, codes, or channels that do not wait for time."""
    model = ardsl.compile(ardsl.loads(SPECS[name]), seed=0, dtype=torch.float64)
    given = {"text": torch.zeros(1, 10)} if "text" in name else None
    chunks = list(model.stream(given, steps=8, length=20, seed=1))
    assert [chunk.shape[1] for chunk in chunks] == [8, 8, 4]
    whole = model.sample(1, given, lengths=[20], seed=1)
    assert isinstance(whole, torch.Tensor) and torch.equal(torch.cat(chunks, 1), whole[:, :20])
    assert not list(model.stream(given, steps=8, length=0, seed=1))


def test_streams_and_samples_between_their_chunks_know_nothing_of_each_other() -> None:
    model = ardsl.compile(ardsl.loads(SPECS["codes"]), seed=0, dtype=torch.float64)
    alone = [torch.cat(list(model.stream(steps=8, seed=seed)), 1) for seed in (1, 2)]
    pair = [model.stream(steps=8, seed=seed) for seed in (1, 2)]
    chunks: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for _ in range(5):
        for own, each in zip(pair, chunks, strict=True):
            each.append(next(own))
            model.sample(1, seed=9)
    assert all(torch.equal(torch.cat(each, 1), whole) for each, whole in zip(chunks, alone, strict=True))


def test_a_stream_goes_on_with_the_weights_that_it_began_with() -> None:
    model = ardsl.compile(ardsl.loads(SPECS["numbers given a text"]), seed=0, dtype=torch.float64)
    given = {"text": torch.ones(1, 10)}
    whole = model.sample(1, given, seed=1)
    stream = model.stream(given, steps=9, seed=1)
    chunks = [next(stream)]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    assert isinstance(whole, torch.Tensor) and torch.equal(torch.cat([*chunks, *stream], 1), whole)


@pytest.mark.parametrize("name", SPECS)
def test_no_samples(name: str) -> None:
    model = ardsl.compile(ardsl.loads(SPECS[name]), seed=0)
    given = {"text": torch.ones(1, 10)} if "text" in name else None
    assert len(model.sample(0, given)) == 0
    assert all(len(chunk) == 0 for chunk in model.stream(given, n=0))


def test_a_series_that_overflows_spoils_no_later_one() -> None:
    text = (
        "observed x[time: 20, 2] : real\n"
        f"p(x[i] | x[<i] within (8, *)) = mixture(normal, components = 2) via {WAVENET}\n"
    )
    model = ardsl.compile(ardsl.loads(text), seed=0)
    sound = model.sample(1, seed=1)
    model.sample(1, prefix=torch.full((3, 2), 3e38), seed=1)
    assert isinstance(sound, torch.Tensor) and torch.equal(model.sample(1, seed=1), sound)


def test_streams_that_cannot_be() -> None:
    model = ardsl.compile(ardsl.loads(SPECS["codes"]), seed=0)
    with pytest.raises(ardsl.ArdslError, match="from 0 to 40"):
        next(model.stream(length=41))
    with pytest.raises(ardsl.ArdslError, match="time steps of a chunk is an integer of at least 1, not 0"):
        model.stream(steps=0)
    with pytest.raises(ardsl.ArdslError, match="samples is an integer of at least 0, not -1"):
        model.stream(n=-1)
    with pytest.raises(ardsl.ArdslError, match="time steps is an integer of at least 0, not 20.0"):
        model.stream(length=20.0)  # type: ignore[arg-type]
    dense = ardsl.compile(ardsl.loads("observed x[4] : binary\np(x[i] | x[<i]) = bernoulli via made\n"))
    with pytest.raises(ardsl.ArdslError, match="of one variable along time"):
        next(dense.stream())


def test_what_is_drawn_may_be_used_for_gradients() -> None:
    """And between two chunks the caller's own gradients are recorded."""
    model = ardsl.compile(ardsl.loads(SPECS["numbers given a text"]), seed=0)
    given = {"text": torch.zeros(1, 10)}
    chunks = []
    for chunk in model.stream(given, steps=20, seed=1):
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        chunks.append(chunk)
    for x in (torch.cat(chunks, 1), model.sample(1, given, seed=1)):
        assert isinstance(x, torch.Tensor)
        log_prob = model.log_prob(x.requires_grad_(), given)
        assert isinstance(log_prob, torch.Tensor)
        log_prob.sum().backward()
        assert x.grad is not None and bool(x.grad.abs().sum() > 0)
