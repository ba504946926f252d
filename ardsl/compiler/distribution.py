"""The compiled model as a torch distribution, so that it can stand in any Pyro program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints

from ardsl.compiler.values import by_name, expand_given, flat
from ardsl.errors import ArdslError

if TYPE_CHECKING:
    from ardsl.compiler.model import AutoregressiveModel


class ModelDistribution(Distribution):
    """p(x | given) over the one observed variable: batch shape () without ``given``, [examples] with it."""

    arg_constraints: dict[str, constraints.Constraint] = {}
    support = constraints.real
    has_rsample = False

    def __init__(self, model: AutoregressiveModel, given: Any = None) -> None:
        observed = model.spec.model.observed
        if len(observed) != 1:
            raise ArdslError(
                "a distribution is over one observed variable; this model has " + ", ".join(v.name for v in observed)
            )
        self.model = model
        self.given: dict[str, Tensor] = {}
        batch = torch.Size()
        if model.spec.model.given:
            variables = model.spec.model.given
            examples = by_name(given, variables, "`given`")
            rows = {v.name: flat(examples[v.name], v, model.like) for v in variables}
            batch = torch.Size([max(map(len, rows.values()))])
            expanded = expand_given(rows, batch[0])
            self.given = {v.name: expanded[v.name].reshape(-1, *v.shape) for v in variables}
        super().__init__(batch, torch.Size(observed[0].shape), validate_args=False)

    def log_prob(self, value: Tensor) -> Tensor:
        """[*sample shape, *batch shape], in nats."""
        if tuple(value.shape[value.ndim - len(self.event_shape) :]) != tuple(self.event_shape):
            raise ArdslError(f"values must end in the shape {list(self.event_shape)}, not {list(value.shape)}")
        batch = value.shape[: value.ndim - len(self.event_shape)]
        flat = value.reshape(-1, *self.event_shape)
        return self.model.log_prob(flat, self._given(len(flat))).reshape(batch)  # type: ignore[union-attr]

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  torch's own default
        shape = self._extended_shape(torch.Size(sample_shape))
        count = shape[: len(shape) - len(self.event_shape)].numel()
        seed = int(torch.randint(1 << 62, ()))  # torch's own random state governs, as for any distribution
        drawn = self.model.sample(count, self._given(count), seed=seed)
        return drawn.reshape(shape)  # type: ignore[union-attr]

    def _given(self, count: int) -> Any:
        """The conditioning repeated for every sample of the batch."""
        if not self.given:
            return None
        times = count // self.batch_shape[0]
        return {name: value.repeat(times, *[1] * (value.ndim - 1)) for name, value in self.given.items()}
