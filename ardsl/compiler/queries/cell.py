"""The distribution of one cell, as one of torch's."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

_ONE = torch.Size()


class CellDistribution(Distribution):
    """The distribution of a cell of finitely many values, for each of some rows.

    ``values`` [n] are all that it may take, ascending, in the data's own form (a category's are its codes, and
    ``labels`` names them); ``probs`` [rows, n] are their probabilities. :meth:`icdf` gives quantiles. ``joint`` names
    in words the joint distribution that it is of.
    """

    arg_constraints = {"probs": constraints.simplex}
    has_enumerate_support = True

    def __init__(
        self,
        values: Tensor,
        probs: Tensor,
        labels: tuple[str, ...] | None = None,
        joint: str = "",
        *,
        exact: bool = True,
    ) -> None:
        self.values, self.probs, self.labels, self.joint, self.exact = values, probs, labels, joint, exact
        super().__init__(probs.shape[:-1], validate_args=False)

    def __repr__(self) -> str:
        return f"<distribution over {len(self.values):,} values for {self.probs.shape[0]:,} rows>"

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
        """The most likely value of each row."""
        return self.values[self.probs.argmax(-1)]

    def log_prob(self, value: Tensor) -> Tensor:
        """log p of values [..., rows], in nats; −inf of a number that is none of the values."""
        place = torch.searchsorted(self.values, value.contiguous()).clamp(max=len(self.values) - 1)
        shape = torch.broadcast_shapes(place.shape, self.batch_shape)
        chosen = self.probs.expand(*shape, -1).gather(-1, place.expand(shape).unsqueeze(-1)).squeeze(-1)
        return torch.where(self.values[place] == value, chosen, 0.0).log()

    def cdf(self, value: Tensor) -> Tensor:
        """The probability of values up to ``value``, [..., rows]."""
        below = self.values <= value.unsqueeze(-1)
        return (self.probs * below).sum(-1)

    def icdf(self, value: Tensor) -> Tensor:
        """The quantile of a share ``value`` [..., rows]: the least of the values up to which lies at least so much."""
        reached = self.probs.cumsum(-1) >= torch.as_tensor(value, dtype=self.probs.dtype).unsqueeze(-1)
        last = torch.full_like(self.probs.argmax(-1), len(self.values) - 1)
        return self.values[torch.where(reached.any(-1), reached.long().argmax(-1), last)]

    def sample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = _ONE) -> Tensor:
        """Draws [*sample_shape, rows]."""
        places = torch.distributions.Categorical(probs=self.probs, validate_args=False).sample(torch.Size(sample_shape))
        return self.values[places]

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """All values, [n, rows]."""
        values = self.values.view(-1, *[1] * len(self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values
