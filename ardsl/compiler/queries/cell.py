"""The distribution of one cell, as one of torch's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from ardsl.common.wording import plural

_ONE = torch.Size()


class CellDistribution(Distribution):
    """The distribution of a cell, for each of some rows.

    ``values`` [n] are ascending, in the data's own form: of a finite domain all that there are (a category's are its
    codes, which ``labels`` names), and ``probs`` [rows, n] their probabilities. Of other domains they are points of a
    grid, which stand for the stretches around them, ``widths`` [n] wide; ``widths`` is None where they are not.
    ``joint`` names in words the joint distribution that it is of. One that is estimated from particles has its
    ``effective_samples``, [rows]; of others they are None.
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
        over = plural(len(self.values), "value" if self.widths is None else "point")
        return f"<distribution over {over} for {plural(self.probs.shape[0], 'row')}>"

    @property
    def support(self) -> constraints.Constraint:
        return constraints.interval(self.values[0], self.values[-1])

    @property
    def mean(self) -> Tensor:
        return (self.probs * self.values).sum(-1)

    @property
    def variance(self) -> Tensor:
        return (self.probs * (self.values - self.mean.unsqueeze(-1)) ** 2).sum(-1)

    @property
    def mode(self) -> Tensor:
        """The most likely value of each row, or where its density is highest."""
        return self.values[(self.probs if self.widths is None else self.probs / self.widths).argmax(-1)]

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of values [..., rows], in nats: −inf of a number that is none of the values. On a grid it is the
        log-density, or of whole numbers log p, of the nearest point."""
        value = torch.as_tensor(value, dtype=self.values.dtype)
        shape = torch.broadcast_shapes(value.shape, self.batch_shape)
        value = value.expand(shape).contiguous()
        edges = self._edges
        place = torch.searchsorted(edges[1:-1].contiguous(), value)
        chosen = self.probs.expand(*shape, -1).gather(-1, place.unsqueeze(-1)).squeeze(-1)
        if self.widths is None:
            return torch.where(self.values[place] == value, chosen, 0.0).log()
        inside = (value >= edges[0]) & (value <= edges[-1])
        return torch.where(inside, chosen / self.widths[place], 0.0).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``, [..., rows]."""
        value = torch.as_tensor(value, dtype=self.values.dtype).unsqueeze(-1)
        if self.widths is None:
            return (self.probs * (self.values <= value)).sum(-1)
        edges = self._edges
        if self._whole:
            value = value.floor() + 0.5
        share = ((value - edges[:-1]) / self.widths).clamp(0, 1)
        return (self.probs * share).sum(-1)

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile of a share ``value``, [..., rows]: the least of the values up to which lies at least so much."""
        share = torch.as_tensor(value, dtype=self.probs.dtype).unsqueeze(-1)
        up_to = self.probs.cumsum(-1)
        place = (up_to < share).sum(-1).clamp(max=len(self.values) - 1)
        if self.widths is None:
            return self.values[place]
        before = torch.cat([torch.zeros_like(up_to[..., :1]), up_to], -1).expand(*place.shape, -1)
        start, own = (
            t.gather(-1, place.unsqueeze(-1)).squeeze(-1) for t in (before, self.probs.expand(*place.shape, -1))
        )
        into = ((share.squeeze(-1) - start) / own.clamp(min=torch.finfo(own.dtype).tiny)).clamp(0, 1)
        quantile = self._edges[place] + self.widths[place] * into
        return (quantile - 0.5).ceil() if self._whole else quantile

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = _ONE) -> Tensor:
        """Draws [*sample_shape, rows]."""
        return self.icdf(torch.rand(*sample_shape, *self.batch_shape, dtype=self.probs.dtype))

    @property
    def _edges(self) -> Tensor:
        """The ends of the stretches that the values stand for, [n + 1]."""
        if self.widths is None:
            middle = (self.values[1:] + self.values[:-1]) / 2
            return torch.cat([self.values[:1] - 1, middle, self.values[-1:] + 1])
        ends = self.widths.cumsum(0)
        return torch.cat([ends.new_zeros(1), ends]) + self.values[0] - self.widths[0] / 2
