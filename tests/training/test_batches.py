"""What an epoch has: windows as often as an example is long, and batches of one length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback

import ardsl
from ardsl.training.batches import DRAWN, Batches
from ardsl.training.windows import along_time, windows

LENGTHS = np.random.default_rng(0).integers(1, 400, size=2333)
X = {"x": torch.arange(2333)}


def test_examples_come_as_often_as_they_have_windows() -> None:
    found = windows(LENGTHS, 100)
    assert found.times.tolist() == [-(-length // 100) for length in LENGTHS.tolist()]
    batches = Batches(X, 10, seed=3, windows=found)
    assert batches.count == -(-int(found.times.sum()) // 10)
    epochs = [list(batches), list(batches)]
    for epoch in epochs:
        rows = torch.cat([batch["x"] for batch in epoch])
        assert torch.bincount(rows, minlength=2333).tolist() == found.times.tolist()
        assert len(set(torch.cat([batch[DRAWN] for batch in epoch]).tolist())) == len(rows)
    assert not torch.equal(epochs[0][0][DRAWN], epochs[1][0][DRAWN])
    assert batches.rows(1, 4) == epochs[1][4]["x"].tolist()


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_have_the_rows_of_a_batch_between_them(world: int) -> None:
    """What is drawn for all rows of a batch is each process's own; where there is no row for it, the first one's."""
    x = {"x": torch.arange(31)}
    batches = [Batches(x, 10, seed=0, rank=rank, world=world) for rank in range(world)]
    for index, parts in enumerate(zip(*batches, strict=True)):
        whole = np.array(batches[0].rows(0, index))
        for own, process in zip(parts, batches, strict=True):
            rows = process.rows_of(index)
            assert rows.size == len(whole) and whole[rows.own].tolist() == own["x"].tolist()


def test_no_window_is_longer_than_the_longest_example() -> None:
    found = windows(LENGTHS, 10_000)
    assert found.length == LENGTHS.max() and found.times.tolist() == [1] * 2333 and found.visits == 1


@pytest.mark.parametrize("world", [1, 2, 3])
def test_batches_of_about_one_length(world: int) -> None:
    """Every example once, whatever the processes; and with little to pad."""
    parts = [Batches(X, 10, seed=3, rank=rank, world=world, lengths=LENGTHS) for rank in range(world)]
    every = [[batch["x"] for batch in part] for part in parts]
    whole = [torch.cat(each) for each in zip(*every, strict=True)]
    assert sorted(torch.cat(whole[:-1]).tolist() + parts[0].rows(0, 233)) == list(range(2333))
    assert [sorted(batch.tolist()) for batch in whole[:-1]] == [sorted(parts[0].rows(0, n)) for n in range(233)]
    spread = [LENGTHS[batch.numpy()].max() / LENGTHS[batch.numpy()].mean() for batch in whole[:-1]]
    assert (
        np.mean(spread) < 1.15 < np.mean([LENGTHS[n : n + 10].max() / LENGTHS[n : n + 10].mean() for n in range(200)])
    )
    first = [int(LENGTHS[batch.numpy()].max()) for batch in whole[:-1]]
    assert first != sorted(first)  # and not from the shortest to the longest


def test_what_is_trained_in_windows_and_what_by_length() -> None:
    wave = "observed x[time: ..9] : binary\np(x[t] | x[<t] within 3) = bernoulli via wavenet(blocks = 1, layers = 2)\n"
    dense = "observed x[..9] : binary\np(x[i] | x[<i]) = bernoulli via made(hidden = [4])\n"
    x = torch.zeros(3, 9)
    x[1, 4:] = torch.nan
    fixed = "observed x[time: 9] : binary\np(x[t] | x[<t] within 3) = bernoulli via wavenet(blocks = 1, layers = 2)\n"
    for text, value, window, expected in (
        (wave, x, None, (None, [9, 4, 9])),
        (wave, x, 4, ([3, 1, 3], None)),
        (wave, x[::2], None, (None, None)),
        (fixed, x[::2], None, (None, None)),
        (fixed, x[::2], 3, ([3, 3], None)),
        (dense, x, None, (None, None)),
    ):
        found, lengths = along_time(ardsl.compile(ardsl.loads(text)), {"x": value}, window)
        assert expected == (
            None if found is None else found.times.tolist(),
            None if lengths is None else lengths.tolist(),
        )


def test_the_last_batch_is_not_always_that_of_the_longest() -> None:
    """Nor are the batches of a small data set the same ones at every epoch."""
    lengths = np.arange(1, 102)
    batches = Batches({"x": torch.arange(101)}, 20, seed=0, lengths=lengths)
    epochs = [[sorted(batch["x"].tolist()) for batch in batches] for _ in range(8)]
    assert len({tuple(epoch[-1]) for epoch in epochs}) > 4
    assert len({tuple(batch) for epoch in epochs for batch in epoch}) > 30


def test_a_trial_of_windows_is_one_step() -> None:
    text = "observed x[time: 90] : binary\np(x[t] | x[<t] within 3) = bernoulli via wavenet(blocks = 1, layers = 2)\n"
    spec = ardsl.loads(text + "train { window = 10  batch = 4 }\n")
    run = ardsl.fit(spec, torch.zeros(8, 90), fast_dev_run=True, progress=False, device="cpu", callbacks=[Steps()])
    assert len(run.metrics) == 1 and Steps.taken == 1


class Steps(Callback):
    taken = 0

    def on_train_batch_end(self, *_: Any) -> None:
        Steps.taken += 1
