"""Exact likelihoods of data: every example counts once, whatever the batches."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.guards import evaluating
from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.values import Values
from ardsl.errors import ArdslError
from ardsl.runtime.data import Examples, count, load_split, take
from ardsl.runtime.processes import Processes

_MEMORY = 1 << 28
_MOST = 1024


@dataclass(frozen=True)
class Evaluation:
    """The mean negative log-likelihood of a data set: ``nll`` ± ``standard_error`` in nats per example.

    ``bits_per_dim`` is nll / (elements · ln 2), of those elements that the examples have. ``seconds`` is the time the
    likelihoods took.
    """

    nll: float
    standard_error: float
    bits_per_dim: float
    examples: int
    seconds: float


def evaluate(
    model: AutoregressiveModel,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
) -> Evaluation:
    """How likely the model finds ``data`` (any form that ``fit`` takes; by default the spec's own ``split``).

    ``batch`` examples are in work at once; by default as many as fit a modest memory. Under ``any(orders = K)`` the
    likelihood is the mixture's.
    """
    return evaluate_examples(model, _examples(model, data, split, data_dir), batch)


def score(
    model: AutoregressiveModel,
    data: Any = None,
    batch: int | None = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
) -> np.ndarray:
    """log p of each example, float64 [examples], in nats and in the data's order."""
    examples = _examples(model, data, split, data_dir)
    return torch.cat(list(log_probs(model, examples, batch))).numpy()


def evaluate_examples(
    model: AutoregressiveModel, examples: Examples, batch: int | None = None, processes: Processes | None = None
) -> Evaluation:
    """:func:`evaluate` for checked examples in memory; of several ``processes`` each has its own, which count together,
    and the figures are the same in all."""
    started = time.perf_counter()
    moments = _Moments()
    with torch.no_grad():
        for _, values in values_in_batches(model, examples, batch or default_batch(model)):
            part = model.log_prob_of(values).double().cpu()
            new = float(part.mean())
            own = _Moments(len(part), new, float(((part - new) ** 2).sum()), _elements(model, values))
            moments = moments.merged(own)
    if processes is not None:
        moments = reduce(_Moments.merged, processes.gather(moments))
    n, mean = moments.count, moments.mean
    error = math.sqrt(moments.squares / (n - 1) / n) if n > 1 else math.nan
    bits = -mean * n / (max(moments.elements, 1) * math.log(2))
    return Evaluation(-mean, error, bits, n, time.perf_counter() - started)


def _elements(model: AutoregressiveModel, values: Values) -> int:
    """The observed elements of all examples: of varying length, those before each one's end."""
    observed = [values[v.name] for v in model.spec.model.observed]
    gone = [values[v.name] for v in model.spec.model.observed if v.varies]
    return sum(value.numel() for value in observed) - sum(int(value.isnan().sum()) for value in gone)


@dataclass(frozen=True)
class _Moments:
    """A count, a mean, and the sum of the squared deviations from it; and of how many elements."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    elements: int = 0

    def merged(self, other: _Moments) -> _Moments:
        """Those of both: merging them so keeps the digits that a plain sum of squares would lose."""
        n, size = self.count, other.count
        if size == 0:
            return self
        apart = other.mean - self.mean
        squares = self.squares + (other.squares + apart**2 * n * size / (n + size))
        elements = self.elements + other.elements
        return _Moments(n + size, self.mean + apart * size / (n + size), squares, elements)


@torch.no_grad()
def log_probs(model: AutoregressiveModel, examples: Examples, batch: int | None = None) -> Iterator[Tensor]:
    """log p of the examples in order, a batch at a time, float64 on the CPU; the last batch may be smaller."""
    for _, values in values_in_batches(model, examples, batch or default_batch(model)):
        yield model.log_prob_of(values).double().cpu()


def values_in_batches(model: AutoregressiveModel, examples: Examples, batch: int) -> Iterator[tuple[int, Values]]:
    """The examples in order and in the model's units, each batch with the number of its first; the model is in
    evaluation mode meanwhile."""
    given = [v.name for v in model.spec.model.given]
    with evaluating(model):
        for first in range(0, count(examples), batch):
            part = take(examples, slice(first, first + batch))
            conditioning = {name: part.pop(name) for name in given} or None
            yield first, model.values(part, conditioning, check=False)


def default_batch(model: AutoregressiveModel) -> int:
    """As many examples as the plan's activations allow in about a quarter of a gigabyte, and never very many."""
    per_example = max(1, 4 * sum(group.activations for group in model.spec.plan.groups))
    return max(1, min(_MOST, _MEMORY // (3 * per_example)))  # each activation with the temporaries beside it


def _examples(model: AutoregressiveModel, data: Any, split: str, data_dir: str | Path | None) -> Examples:
    if not isinstance(model, AutoregressiveModel):
        help = "restore one with `ardsl.restore(DIR)`, or take a run's `.model`"
        raise ArdslError(f"this takes a model, not {type(model).__name__}: {help}")
    return load_split(model.spec, data, split, data_dir=data_dir or model.data_directory, dtype=model.like.dtype)
