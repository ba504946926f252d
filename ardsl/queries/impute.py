"""Gaps of data filled: by draws, as often as asked for, or by the mean, the median or the most likely value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_count, checked_name
from ardsl.compiler.guards import require_fixed_length_observed
from ardsl.compiler.model import AutoregressiveModel
from ardsl.data.splits import Examples, count, take
from ardsl.errors import ArdslError
from ardsl.families.domains import Domain
from ardsl.queries.conditionals import Cell, Prediction, cells, load_with_gaps, predict_cell

FILLS = ("draw", "mean", "median", "likely")
SAMPLES = 100
"""Draws of a row that stand for the distribution of its missing cells where no single cell's is at hand."""

_ROWS = 1 << 10
"""Rows that are drawn so often at once."""


@dataclass(frozen=True)
class Imputation:
    """Data with every missing value filled: ``draws`` has it as often as was asked for, and ``cells`` missing values in
    ``rows`` rows were filled in each. So many rows are ``estimated``, from weighted samples of which the least are
    worth ``effective_samples``; None where all are exact."""

    draws: tuple[Examples, ...]
    cells: int
    rows: int
    estimated: int = 0
    effective_samples: float | None = None

    @property
    def filled(self) -> Examples:
        """The first of them."""
        return self.draws[0]


def impute(
    model: AutoregressiveModel,
    data: Any = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    fill: str = "draw",
    draws: int = 1,
    seed: int | None = None,
    unknown: str = "missing",
) -> Imputation:
    """The data with every missing value filled.

    ``fill = "draw"`` fills in a draw given the rest of its row, ``draws`` times (multiple imputation); ``likely`` the
    most likely value at each draw, given the draws before it. Draws are exact under a model trained on all orders,
    where the order draws last what is missing, and where few values are to be summed over; else they are chosen among
    weighted samples. ``mean`` and ``median`` are those of each missing cell's own distribution given what is observed
    of its row, the other missing cells being marginalized; whole numbers are rounded, and of categories it is the most
    likely value. That distribution is exact under a model trained on all orders, and where nothing else is missing;
    else it is that of 100 draws of the row.

    Args:
        data: any form that ``fit`` takes, NaN being a missing cell; by default the spec's own ``split``.
        seed: decides the draws; by default they are fresh.
        unknown: ``"missing"`` takes values outside their domains as missing ones, with a warning; ``"error"`` refuses
            them.

    Raises:
        ArdslError: for data that do not fit the spec, several ``draws`` of what is the same every time, and rows that
            have probability 0.

    >>> import ardsl, numpy
    >>> spec = ardsl.loads("observed x[3] : binary\\np(x[i] | x[<i]) = bernoulli via linear")
    >>> gaps = {"x": numpy.array([[1, 0, numpy.nan], [0, numpy.nan, numpy.nan]])}
    >>> imputation = ardsl.impute(ardsl.compile(spec, seed=0), gaps, draws=5, seed=0)
    >>> imputation.cells, len(imputation.draws), imputation.filled["x"].shape
    (3, 5, torch.Size([2, 3]))
    """
    require_fixed_length_observed(model)
    checked_name(fill, "fill", FILLS)
    draws = checked_count(draws, "draws", 1)
    if draws > 1 and fill != "draw":
        raise ArdslError(f'`{fill}` is the same every time: `draws = {draws}` goes with `fill = "draw"`')
    examples = load_with_gaps(model, data, split, data_dir, unknown=unknown)
    gaps = torch.cat([_flat(examples, v.name).isnan() for v in model.spec.model.observed], dim=1)
    if fill in ("mean", "median"):
        filled = [_by_cell(model, examples, fill, seed)]
    else:
        filled = [_completed(model, examples, _seed(seed, number), likely=fill == "likely") for number in range(draws)]
    worth = torch.stack([effective for _, effective in filled]).amin(0)
    estimated = int(worth.isfinite().sum())
    return Imputation(
        tuple(examples | completed for completed, _ in filled),
        int(gaps.sum()),
        int(gaps.any(1).sum()),
        estimated,
        float(worth.min()) if estimated else None,
    )


def _seed(seed: int | None, number: int) -> int | None:
    """The seed of one of several draws: the first has the seed itself."""
    if seed is None or number == 0:
        return seed
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])


def _flat(examples: Examples, name: str) -> Tensor:
    return examples[name].reshape(count(examples), -1)


def _completed(
    model: AutoregressiveModel, examples: Examples, seed: int | None, *, draws: int = 1, likely: bool = False
) -> tuple[Examples, Tensor]:
    """The observed variables with what is missing drawn, so often, and how many samples that is worth: [examples], ∞
    where exact."""
    given = [v.name for v in model.spec.model.given]
    conditioning = {name: examples[name] for name in given} or None
    x = {name: value for name, value in examples.items() if name not in given}
    completions = model.completions(x, conditioning, draws=draws, seed=seed, likely=likely)
    filled = completions.values if isinstance(completions.values, dict) else {next(iter(x)): completions.values}
    return filled, completions.effective_samples


def _by_cell(model: AutoregressiveModel, examples: Examples, fill: str, seed: int | None) -> tuple[Examples, Tensor]:
    """The observed variables with the mean or the median of each missing cell's own distribution, and how many samples
    that is worth: [examples], ∞ where exact."""
    missing = {v.name: _flat(examples, v.name).isnan().cpu().numpy() for v in model.spec.model.observed}
    alone = sum(mask.sum(1) for mask in missing.values()) == 1
    any_order = {v.name for v in model.may_miss}
    by_draws = np.zeros(count(examples), dtype=bool)
    filled = {name: _flat(examples, name).clone() for name in missing}
    for cell in _with_gaps(model, missing):
        name, element = cell.variable.name, cell.element
        absent = missing[name][:, element]
        exact = absent if name in any_order else absent & alone
        by_draws |= absent & ~exact
        if exact.any():
            rows = torch.from_numpy(np.flatnonzero(exact))
            prediction = predict_cell(model, cell, take(examples, rows))
            filled[name][rows, element] = torch.from_numpy(_middle(prediction, fill)).to(filled[name].dtype)
    worth = torch.full((count(examples),), torch.inf, dtype=torch.float64)
    drawn_rows = torch.from_numpy(np.flatnonzero(by_draws))
    for number, rows in enumerate(drawn_rows.split(_ROWS) if len(drawn_rows) else ()):
        drawn, effective = _drawn(model, take(examples, rows), _seed(seed, number))
        worth[rows] = effective.clamp(max=SAMPLES)
        for cell in _with_gaps(model, missing):
            name, element = cell.variable.name, cell.element
            own = torch.from_numpy(missing[name][rows.numpy(), element])
            if name not in any_order and bool(own.any()):
                values = drawn[name][:, own, element].double().cpu().numpy()
                middle = _middle_of_draws(values, cell.domain, fill)
                filled[name][rows[own], element] = torch.from_numpy(middle).to(filled[name].dtype)
    return {name: value.reshape(examples[name].shape) for name, value in filled.items()}, worth


def _with_gaps(model: AutoregressiveModel, missing: dict[str, np.ndarray]) -> Iterator[Cell]:
    return (cell for cell in cells(model) if missing[cell.variable.name][:, cell.element].any())


def _middle(prediction: Prediction, fill: str) -> np.ndarray:
    domain = prediction.cell.domain
    if not domain.ordered:
        return prediction.most_likely
    return _as_values(prediction.mean, domain) if fill == "mean" else prediction.median


def _drawn(model: AutoregressiveModel, examples: Examples, seed: int | None) -> tuple[Examples, Tensor]:
    """Draws of rows, [draws, rows, elements] by variable, and how many samples they are worth."""
    completed, effective = _completed(model, examples, seed, draws=SAMPLES)
    shape = (count(examples), SAMPLES, -1)
    return {name: value.reshape(shape).transpose(0, 1) for name, value in completed.items()}, effective


def _middle_of_draws(values: np.ndarray, domain: Domain, fill: str) -> np.ndarray:
    """The mean or the median of draws [draws, rows], of categories the most frequent: [rows]."""
    if not domain.ordered:
        return np.array([np.bincount(column.astype(np.int64)).argmax() for column in values.T], dtype=np.float64)
    if domain.circular and fill == "mean":
        direction: np.ndarray = np.angle(np.exp(1j * values).mean(0))
        return direction
    if fill == "mean":
        return _as_values(values.mean(0), domain)
    median: np.ndarray = np.quantile(values, 0.5, axis=0, method="inverted_cdf")
    return median


def _as_values(means: np.ndarray, domain: Domain) -> np.ndarray:
    """Means as values of the domain: whole numbers are rounded."""
    rounded: np.ndarray = means.round() if domain.whole else np.asarray(domain.quantized(means))
    return rounded
