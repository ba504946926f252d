"""Queries of tables: a column given the rest, and the likelihood of each cell."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.common.wording import listed
from ardsl.compiler.arrays.values import Values, data_type, value_type
from ardsl.compiler.guards import require_fixed_length_observed
from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.queries.cells import cell_log_probs, each_cell_log_prob, relative_log_probs
from ardsl.data.splits import Examples, count, take
from ardsl.diagnostics.rules.data import UNUSABLE_OPTION
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import ArdslError, data_error
from ardsl.families.domains import Domain
from ardsl.model.columns import column_names
from ardsl.model.model import Variable
from ardsl.queries.evaluate import load_counting, values_in_batches

_EVALUATIONS = 1 << 14
"""Rows times candidate values in work at once."""
FEW = 64
"""Up to so many values, the probability of each is worth a column."""
_ROWS = 1 << 11
"""Rows whose cells are scored at once."""
_SAMPLES = 2_000
_POINTS = 128
_MOST_LEVELS = 4_096
"""Past this many values an integer's distribution is summed over some of them, each standing for its neighbours."""


@dataclass(frozen=True)
class Cell:
    """One element of a variable, and the name of its column."""

    variable: Variable
    element: int
    column: str

    @property
    def domain(self) -> Domain:
        return self.variable.element_domain(self.element)


@dataclass(frozen=True)
class Prediction:
    """The distribution of one column given the rest of each row.

    ``probabilities`` [rows, values] are those of ``values``: every value of a small finite domain; of others, points
    that stand for the stretches around them, ``widths`` wide. ``actual`` [rows] is what the data says, NaN where it
    does not; ``log_prob`` [rows] the log-probability or -density of that, in nats. ``estimated`` [rows] says which rows
    have estimates in place of exact numbers.
    """

    cell: Cell
    values: np.ndarray
    widths: np.ndarray
    probabilities: np.ndarray
    actual: np.ndarray
    log_prob: np.ndarray
    estimated: np.ndarray

    @property
    def starts(self) -> np.ndarray:
        """The start of each value's stretch."""
        return _starts(self.values, self.widths)

    @property
    def finite(self) -> bool:
        """Says whether ``values`` are all there are."""
        return self.cell.domain.levels == len(self.values)

    @property
    def most_likely(self) -> np.ndarray:
        """Of numbers without end, where the density is highest."""
        best: np.ndarray = self.values[(self.probabilities / self.widths).argmax(1)]
        return best

    @property
    def mean(self) -> np.ndarray:
        """The mean of each row, [rows]; of angles its direction. Raises ``ArdslError`` for categories."""
        self._require_order("mean")
        if self.cell.domain.circular:
            direction: np.ndarray = np.angle(self.probabilities @ np.exp(1j * self.values))
            return direction
        mean: np.ndarray = self.probabilities @ self.values
        return mean

    @property
    def median(self) -> np.ndarray:
        """The median of each row, [rows]: a value of the domain. Raises ``ArdslError`` for categories."""
        self._require_order("median")
        return self.quantile(0.5)

    def quantile(self, q: float) -> np.ndarray:
        """The value below which a share ``q`` of each row's probability lies, [rows]. Raises ``ArdslError`` for
        categories."""
        self._require_order("quantiles")
        up_to = self.probabilities.cumsum(1)
        rows = np.arange(len(up_to))
        at = (up_to < q * up_to[:, -1:]).sum(1).clip(max=len(self.values) - 1)
        if self.finite:
            return self.values[at]
        share = self.probabilities[rows, at]
        into = (q - (up_to[rows, at] - share)) / np.maximum(share, np.finfo(share.dtype).tiny)
        quantile = self.starts[at] + self.widths[at] * into.clip(0, 1)
        return np.ceil(quantile - 0.5) if self.cell.domain.discrete else quantile

    def _require_order(self, what: str) -> None:
        if not self.cell.domain.ordered:
            raise ArdslError(f"`{self.cell.column}` is a category, whose values are not in an order: it has no {what}")

    @property
    def accuracy(self) -> float | None:
        """The share of the known values that are the most likely one; None for numbers, or where none is known."""
        known = ~np.isnan(self.actual)
        if not self.finite or not known.any():
            return None
        return float((self.most_likely[known] == self.actual[known]).mean())

    def compared(self, by: str | None = None) -> list[tuple[str, str, str]]:
        """What the prediction comes to beside the known values: figures with their names and what they are of.

        By the most ``likely`` value their share that it meets, by the ``mean`` the root of the mean square error, by
        the ``median`` the mean absolute error; None: the first where there are few values, else the second.
        Raises ``ArdslError`` for a mean or a median of categories, and for a share of numbers without end.
        """
        known = ~np.isnan(self.actual)
        if by is None:
            by = "likely" if not self.cell.domain.ordered or (self.finite and len(self.values) <= FEW) else "mean"
        if by == "likely":
            if self.accuracy is None:
                raise ArdslError(f"`{self.cell.column}` has numbers without end: no value is met exactly")
            return [("accuracy", f"{self.accuracy:.4f}", "the most likely value is the actual one")]
        if by == "mean":
            error = np.sqrt(((self.mean[known] - self.actual[known]) ** 2).mean())
            return [("rms error", f"{error:.4g}", "of the mean")]
        return [
            ("mean error", f"{np.abs(self.median[known] - self.actual[known]).mean():.4g}", "absolute, of the median")
        ]


def cells(model: AutoregressiveModel, split: str = "test") -> list[Cell]:
    """Every observed element with its column, in the order of the spec."""
    return [
        Cell(variable, element, column)
        for variable in model.spec.model.observed
        for element, column in enumerate(column_names(model.spec.model, variable, split))
    ]


def find_cell(model: AutoregressiveModel, column: str) -> Cell:
    """The element of a column, by the column's name or the element's own."""
    every = cells(model)
    elements = {cell.variable.element_name(cell.element): cell for cell in every}
    named = elements | {cell.column: cell for cell in every}  # a column's own name goes before
    if column in named:
        return named[column]
    names = [cell.column for cell in every]
    hint = did_you_mean(column, names) or f"there are {listed(names)}"
    raise data_error(UNUSABLE_OPTION, problem=f"the model has no column `{column}`: {hint}")


def predict(
    model: AutoregressiveModel,
    column: str,
    data: Any = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    unknown: str = "missing",
) -> Prediction:
    """The distribution of one column given the rest of each row: of a model trained on all orders by those that draw
    the column last, else by Bayes' rule from the joint density.

    The data may lack the column, or some of its cells. Beside other missing cells the answer is exact where the model
    was trained on all orders, or these can be summed out, else estimated.

    Args:
        column: its name, or that of an element, ``x[3]``.
        data: any form that ``fit`` takes, NaN being a missing cell; by default the spec's own ``split``.
        unknown: ``"missing"`` takes values outside their domains as missing ones, with a warning; ``"error"`` refuses
            them.

    Raises:
        ArdslError: where the model has no such column, and for data that do not fit the spec.

    >>> import ardsl, numpy
    >>> spec = ardsl.loads("observed x[3] : integer(0, 4)\\np(x[i] | x[<i]) = categorical via linear")
    >>> prediction = ardsl.predict(ardsl.compile(spec, seed=0), "x[1]", {"x": numpy.array([[3, 0, 1], [2, 4, 0]])})
    >>> prediction.probabilities.shape, prediction.quantile(0.9).shape
    ((2, 5), (2,))
    """
    require_fixed_length_observed(model)
    cell = find_cell(model, column)
    name = cell.variable.element_name(cell.element)
    return predict_cell(model, cell, load_with_gaps(model, data, split, data_dir, [name], unknown=unknown))


def predict_cell(model: AutoregressiveModel, cell: Cell, examples: Examples) -> Prediction:
    """The distribution of one cell given what is there of the rest of each example."""
    points, widths = _candidates(model, cell, examples)
    actual = examples[cell.variable.name].reshape(count(examples), -1)[:, cell.element].double().cpu().numpy()
    values, wide = points.double().cpu().numpy(), widths.double().cpu().numpy()
    shares = np.zeros((len(actual), len(points)))
    log_prob = np.full(len(actual), np.nan)
    estimated = np.zeros(len(actual), dtype=bool)
    others = _lacking_others(model, cell, examples)
    rows = np.flatnonzero(~others)
    first = 0
    if len(rows):
        for joint, own in _joint(model, cell, take(examples, torch.from_numpy(rows)), points, widths):
            batch = rows[first : first + len(own)]
            shares[batch] = joint.double().softmax(1).cpu().numpy()  # their sum is 1 to the last digits
            log_prob[batch] = own
            first += len(own)
    if others.any():
        rows = np.flatnonzero(others)
        lacking = take(examples, torch.from_numpy(rows))
        shares[rows], log_prob[rows], exact = _beside_gaps(model, cell, lacking, actual[rows], values, wide)
        estimated[rows] = not exact
    return Prediction(cell, values, wide, shares, actual, log_prob, estimated)


def score_cells(
    model: AutoregressiveModel,
    data: Any = None,
    *,
    split: str = "test",
    data_dir: str | Path | None = None,
    unknown: str = "missing",
) -> dict[str, np.ndarray]:
    """log p of each cell given the rest of its row, in nats: float64 [rows] by column, NaN where it is missing.

    Of a model trained on all orders by those that draw the cell last, else by Bayes' rule from the joint density.
    Arguments are as of :func:`predict`.

    >>> import ardsl, numpy
    >>> spec = ardsl.loads("observed x[3] : binary\\np(x[i] | x[<i]) = bernoulli via linear")
    >>> scores = ardsl.score_cells(ardsl.compile(spec, seed=0), {"x": numpy.array([[1, 0, 1], [0, 0, 0]])})
    >>> list(scores), scores["x[2]"].shape
    (['x[0]', 'x[1]', 'x[2]'], (2,))
    """
    require_fixed_length_observed(model)
    examples = load_with_gaps(model, data, split, data_dir, unknown=unknown)
    last = {v.name: _last(model, v, examples) for v in model.spec.model.observed if v in model.may_miss}
    scores = {}
    for cell in cells(model, split):
        if cell.variable in model.may_miss:
            scores[cell.column] = last[cell.variable.name][:, cell.element]
        else:
            scores[cell.column] = predict_cell(model, cell, examples).log_prob
    return scores


def load_with_gaps(
    model: AutoregressiveModel,
    data: Any,
    split: str,
    data_dir: str | Path | None,
    absent: Sequence[str] = (),
    *,
    unknown: str = "missing",
) -> Examples:
    """Examples whose missing values are NaN; the columns of ``absent`` elements may be lacking. Values outside their
    domains are missing ones, with a warning, or with ``unknown = "error"`` refused."""
    return load_counting(
        model,
        data,
        split,
        data_dir,
        unknown,
        missing="keep",
        absent=absent,
    )


def _lacking_others(model: AutoregressiveModel, cell: Cell, examples: Examples) -> np.ndarray:
    """The examples that lack other cells than this, of variables that were not trained on all orders: bool
    [examples]."""
    lacking = np.zeros(count(examples), dtype=bool)
    for variable in model.spec.model.observed:
        if variable not in model.may_miss:
            absent = examples[variable.name].reshape(len(lacking), -1).isnan().cpu().numpy()
            lacking |= np.delete(absent, cell.element, axis=1).any(1) if variable is cell.variable else absent.any(1)
    return lacking


def _beside_gaps(
    model: AutoregressiveModel, cell: Cell, examples: Examples, actual: np.ndarray, values: np.ndarray, wide: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bool]:
    """The probabilities of a cell beside missing ones: of its ``values``, or of the stretches around them, so ``wide``,
    [examples, values]; log p of what it holds, [examples], NaN where that is missing; and whether these are exact, else
    they are estimated."""
    given = {name: value.double() for name, value in examples.items()}
    given[cell.variable.name] = _without(cell, given[cell.variable.name])
    distribution = model.conditional(cell.variable.element_name(cell.element), given, seed=0)
    shares, exact = distribution.probs, distribution.effective_samples is None
    if distribution.values.shape[-1] != len(values) or distribution.widths is not None:
        edges = torch.from_numpy(np.append(_starts(values, wide), _starts(values, wide)[-1] + wide[-1]))
        up_to = torch.stack([distribution.cdf(edge.expand(len(actual))) for edge in edges], 1)
        shares = up_to.diff(dim=1)
        shares = shares / shares.sum(1, keepdim=True)
    log_prob = distribution.log_prob(torch.from_numpy(np.nan_to_num(actual, nan=float(values[0])))).numpy()
    asked = ~np.isnan(actual) & (np.isneginf(log_prob) | (not exact))  # beyond a grid, or in none of the samples
    if asked.any():
        log_prob[asked] = _marginal_ratio(model, cell, take(examples, torch.from_numpy(np.flatnonzero(asked))))
    log_prob = np.maximum(log_prob, math.log(np.finfo(np.float64).tiny))
    return shares.numpy(), np.where(np.isnan(actual), np.nan, log_prob), exact


def _marginal_ratio(model: AutoregressiveModel, cell: Cell, examples: Examples) -> np.ndarray:
    """log p of what each example has less that of all of it but the cell: log p(cell | what is there), float64
    [examples]."""
    given = {v.name: examples[v.name] for v in model.spec.model.given} or None
    x = {v.name: examples[v.name].double() for v in model.spec.model.observed}
    rest = x | {cell.variable.name: _without(cell, x[cell.variable.name])}
    own, others = (model.marginal(each, given, samples=_SAMPLES, seed=0) for each in (x, rest))
    ratio: np.ndarray = (torch.as_tensor(own.value) - torch.as_tensor(others.value)).numpy()
    return ratio.clip(max=0.0) if cell.domain.discrete else ratio


def _without(cell: Cell, value: Tensor) -> Tensor:
    """Values of the cell's variable, [examples, *shape], in which the cell is missing."""
    without = value.reshape(len(value), -1).clone()
    without[:, cell.element] = torch.nan
    return without.reshape(value.shape)


def _starts(values: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """The starts of the stretches around values."""
    starts: np.ndarray = np.cumsum(widths) - widths + values[0] - widths[0] / 2
    return starts


@torch.no_grad()
def _joint(
    model: AutoregressiveModel, cell: Cell, examples: Examples, points: Tensor, widths: Tensor
) -> Iterator[tuple[Tensor, np.ndarray]]:
    """Batch by batch: log p(rest, cell about each point), [rows, points], and log p(cell | rest) of what cells hold,
    float64 [rows], in the data's units."""
    scale = model.units.scale(cell.variable, cell.element)
    mixed = cell.variable in model.may_miss
    batch = min(_ROWS, max(1, _EVALUATIONS // (1 if mixed else len(points) + 1)))
    for _, values in values_in_batches(model, examples, batch):
        own, candidate = _cell_values(values, cell)
        every = torch.cat([_standardized(model, cell, points).expand(len(own), -1), candidate], 1)
        ask = cell_log_probs if mixed else relative_log_probs
        log_probs = ask(model, values, cell.variable, cell.element, every)
        joint = log_probs[:, :-1] + (widths / scale).log()
        log_prob = log_probs[:, -1] if mixed else log_probs[:, -1] - joint.logsumexp(1)
        yield joint, _cell_log_probs(own, log_prob, scale)


@torch.no_grad()
def _last(model: AutoregressiveModel, variable: Variable, examples: Examples) -> np.ndarray:
    """log p of what each cell of a variable holds given the rest under the orders that draw it last, float64 [rows,
    elements], in the data's units."""
    scales = [math.log(model.units.scale(variable, element)) for element in range(variable.size)]
    log_probs = [
        each_cell_log_prob(model, values, variable).double().cpu() - torch.tensor(scales, dtype=torch.float64)
        for _, values in values_in_batches(model, examples, _ROWS)
    ]
    together: np.ndarray = torch.cat(log_probs).numpy()
    return together


def _cell_values(values: Values, cell: Cell) -> tuple[Tensor, Tensor]:
    """Gives the values of the cells, [rows], and the same as candidates, [rows, 1], with a legal value for a missing
    one."""
    own = values[cell.variable.name][:, cell.element]
    return own, own.nan_to_num(cell.domain.feasible)[:, None]


def _cell_log_probs(own: Tensor, log_prob: Tensor, scale: float) -> np.ndarray:
    """Log-probabilities of what cells hold, [rows], in the data's units; NaN where a cell is missing."""
    log_probs: np.ndarray = torch.where(own.isnan(), torch.nan, log_prob - math.log(scale)).double().cpu().numpy()
    return log_probs


def _standardized(model: AutoregressiveModel, cell: Cell, points: Tensor) -> Tensor:
    """Values of one element, [points], standardized as the model's values are."""
    whole = points.new_ones(len(points), cell.variable.size)
    whole[:, cell.element] = points
    return model.units.standardized({cell.variable.name: whole})[cell.variable.name][:, cell.element]


@torch.no_grad()
def _candidates(model: AutoregressiveModel, cell: Cell, examples: Examples) -> tuple[Tensor, Tensor]:
    """Values of the cell, ascending, and the width each stands for: every one of a finite domain, with width 1; else
    where the data and the model's own samples lie, and a margin."""
    domain, like = cell.domain, model.like
    if domain.levels is not None and (domain.levels <= _MOST_LEVELS or not domain.whole):
        codes = torch.arange(domain.levels, dtype=value_type(cell.variable, like), device=like.device)
        return domain.value(codes), torch.ones_like(codes)
    known = torch.cat([_drawn(model, cell, examples), _column(examples, cell)]).double().cpu().numpy()
    points = _spread(known[np.isfinite(known)], domain)
    widths = np.gradient(points)
    if domain.discrete:  # an integer stands for those half-way to its neighbours
        edges = np.concatenate([[points[0] - 0.5], np.floor((points[:-1] + points[1:]) / 2) + 0.5, [points[-1] + 0.5]])
        widths = np.diff(edges)
    exact = like.to(data_type(cell.variable, like))
    return torch.from_numpy(points).to(exact), torch.from_numpy(widths).to(exact)


def _drawn(model: AutoregressiveModel, cell: Cell, examples: Examples) -> Tensor:
    given = {v.name: examples[v.name][:_SAMPLES] for v in model.spec.model.given}
    n = min(_SAMPLES, count(examples)) if given else _SAMPLES
    samples = model.sample(n, given or None, seed=0)
    value = samples[cell.variable.name] if isinstance(samples, dict) else samples
    return value.reshape(n, -1)[:, cell.element].double().cpu()


def _column(examples: Examples, cell: Cell) -> Tensor:
    return examples[cell.variable.name].reshape(count(examples), -1)[:, cell.element].double().cpu()


def _spread(known: np.ndarray, domain: Domain) -> np.ndarray:
    """Ascending points: half of them evenly, half as dense as the known values, with a margin on both sides."""
    if domain.circular:
        return np.linspace(*domain.bounds, 2 * _POINTS)
    z = domain.to_line(known)
    margin = 0.15 * (z.max() - z.min()) + 1e-6 * (1 + abs(z).max())
    even = np.linspace(z.min() - margin, z.max() + margin, _POINTS)
    points = domain.from_line(np.union1d(even, np.quantile(z, np.linspace(0, 1, _POINTS))))
    if domain.discrete:
        low, high = domain.bounds
        ends = [low, low + 1, high - 1, high]  # a distribution cut into integers has its tails at the ends
        points = np.concatenate([points.round().clip(low, high), [end for end in ends if np.isfinite(end)]])
    return np.unique(points)
