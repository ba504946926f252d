"""The distribution of one cell, as one of torch's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from ardsl.common.wording import plural

_ONE = torch.Size()


class CellDistribution(Distribution):
    """The distribution of a cell, for each of some rows.

    ``values`` are ascending, in the data's own form: of a finite domain all that there are, [n] (a category's are its
    codes, which ``labels`` names), and ``probs`` [rows, n] their probabilities. Of other domains they are points of
    each row's own grid, [rows, n], which stand for the stretches around them, ``widths`` [rows, n] wide; ``widths`` is
    None where they are not. ``joint`` names in words the joint distribution that it is of. Where rows are estimated
    from particles, these have their ``effective_samples``, [rows], and others infinitely many; where none is, it is
    None.
    """

    arg_constraints = {"probs": constraints.simplex}

    def __init__(
        self,
        values: Tensor,
        probs: Tensor,
        *,
        joint: str,
        labels: tuple[str, ...] | None = None,
        widths: Tensor | None = None,
        whole: bool = True,
        effective_samples: Tensor | None = None,
    ) -> None:
        self.values, self.probs, self.joint, self.labels, self.widths = values, probs, joint, labels, widths
        self._whole = whole
        self.effective_samples = effective_samples
        super().__init__(probs.shape[:-1], validate_args=False)

    def __repr__(self) -> str:
        over = plural(self.values.shape[-1], "value" if self.widths is None else "point")
        return f"<distribution over {over} for {plural(self.probs.shape[0], 'row')}>"

    @property
    def support(self) -> constraints.Constraint:
        return constraints.interval(self.values[..., 0], self.values[..., -1])

    @property
    def mean(self) -> Tensor:
        return (self.probs * self.values).sum(-1)

    @property
    def variance(self) -> Tensor:
        return (self.probs * (self.values - self.mean.unsqueeze(-1)) ** 2).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most likely value of each row, or where its density is highest."""
        density = (
            self.probs if self.widths is None else self.probs / self.widths.clamp(min=torch.finfo(torch.float64).tiny)
        )
        return self._at(self.values, density.argmax(-1))

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of values [..., rows], in nats: −inf of a number that is none of the values. On a grid it is the
        log-density, or of whole numbers log p, of the nearest point."""
        value = torch.as_tensor(value, dtype=self.values.dtype)
        value = value.expand(torch.broadcast_shapes(value.shape, self.batch_shape))
        edges = self._edges.expand(*self.batch_shape, -1)
        by_row = value.reshape(-1, *self.batch_shape).movedim(0, -1)  # a search is of sorted numbers row by row
        place = torch.searchsorted(edges[..., 1:-1].contiguous(), by_row.contiguous()).movedim(-1, 0).view(value.shape)
        chosen = self._at(self.probs, place)
        if self.widths is None:
            return torch.where(self.values[place] == value, chosen, 0.0).log()
        inside = (value >= edges[..., 0]) & (value <= edges[..., -1])
        return torch.where(inside, chosen / self._at(self.widths, place), 0.0).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``, [..., rows]."""
        value = torch.as_tensor(value, dtype=self.values.dtype).unsqueeze(-1)
        if self.widths is None:
            return (self.probs * (self.values <= value)).sum(-1)
        edges = self._edges
        if self._whole:
            value = value.floor() + 0.5
        share = ((value - edges[..., :-1]) / self.widths).nan_to_num(0.0).clamp(0, 1)
        return (self.probs * share).sum(-1)

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile of a share ``value``, [..., rows]: the least of the values up to which lies at least so much."""
        share = torch.as_tensor(value, dtype=self.probs.dtype).unsqueeze(-1)
        up_to = self.probs.cumsum(-1)
        place = (up_to < share).sum(-1).clamp(max=self.probs.shape[-1] - 1)
        if self.widths is None:
            return self.values[place]
        own = self._at(self.probs, place)
        start = self._at(up_to, place) - own
        into = ((share.squeeze(-1) - start) / own.clamp(min=torch.finfo(own.dtype).tiny)).clamp(0, 1)
        quantile = self._at(self._edges, place) + self._at(self.widths, place) * into
        return (quantile - 0.5).ceil() if self._whole else quantile

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = _ONE) -> Tensor:
        """Draws [*sample_shape, rows]."""
        return self.icdf(torch.rand(*sample_shape, *self.batch_shape, dtype=self.probs.dtype))

    @property
    def _edges(self) -> Tensor:
        """The ends of the stretches that the values stand for, [n + 1] or [rows, n + 1]."""
        if self.widths is None:
            middle = (self.values[1:] + self.values[:-1]) / 2
            return torch.cat([self.values[:1] - 1, middle, self.values[-1:] + 1])
        ends = self.widths.cumsum(-1)
        first = self.values[..., :1] - self.widths[..., :1] / 2
        return torch.cat([first, first + ends], -1)

    def _at(self, numbers: Tensor, place: Tensor) -> Tensor:
        """Each row's own of numbers [n] or [rows, n], at places [..., rows]."""
        numbers = numbers.expand(*place.shape, numbers.shape[-1])
        return numbers.gather(-1, place.unsqueeze(-1)).squeeze(-1)
