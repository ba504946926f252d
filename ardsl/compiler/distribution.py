"""Compiled models as distributions of torch and Pyro, so that they can stand in any Pyro program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pyro.distributions import Categorical, Independent, TorchDistribution
from torch import Tensor
from torch.distributions import constraints

from ardsl.compiler.arrays.users import by_name, conditioning, expand_given, numbers
from ardsl.compiler.arrays.values import blank, data_type
from ardsl.compiler.likelihood.density import Density
from ardsl.errors import ArdslError
from ardsl.families.shapes import common_shape


class ModelDistribution(TorchDistribution):
    """p(x | given) over the one observed variable: its batch shape is that of what is ``given``, () without."""

    arg_constraints: dict[str, constraints.Constraint] = {}
    has_rsample = False

    def __init__(self, model: Density, given: Any = None) -> None:
        observed = model.spec.model.observed
        if len(observed) != 1:
            raise ArdslError(
                "a distribution is over one observed variable; this model has " + ", ".join(v.name for v in observed)
            )
        self.model = model
        self.given, batch = together(model, given)
        super().__init__(batch, torch.Size(observed[0].shape), validate_args=False)

    @property
    def support(self) -> constraints.Constraint:
        """Of a variable of one continuous domain this; of others the real numbers, within which they lie."""
        (variable,) = self.model.spec.model.observed
        if variable.is_record:
            return constraints.real
        known = {"positive": constraints.positive, "unit_interval": constraints.unit_interval}
        return known.get(variable.element_domain(0).support, constraints.real)

    def expand(self, batch_shape: Any, _instance: Any = None) -> ModelDistribution:
        expanded = self._get_checked_instance(ModelDistribution, _instance)
        batch = torch.Size(batch_shape)
        expanded.model = self.model
        expanded.given = {
            name: value.expand((*batch, *value.shape[len(self.batch_shape) :])) for name, value in self.given.items()
        }
        super(ModelDistribution, expanded).__init__(batch, self.event_shape, validate_args=False)
        return expanded

    def log_prob(self, value: Tensor) -> Tensor:
        """[*sample shape, *batch shape], in nats."""
        event = len(self.event_shape)
        if tuple(value.shape[value.ndim - event :]) != tuple(self.event_shape):
            raise ArdslError(f"values must end in the shape {list(self.event_shape)}, not {list(value.shape)}")
        batch = common_shape(value.shape[: value.ndim - event], self.batch_shape)
        values = value.expand((*batch, *self.event_shape)).reshape(batch.numel(), *self.event_shape)
        log_prob = self.model.log_prob(values, self._flat(batch))
        assert isinstance(log_prob, Tensor)  # of whole examples
        return log_prob.reshape(batch)

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  torch's own default
        shape = self._extended_shape(torch.Size(sample_shape))
        batch = shape[: len(shape) - len(self.event_shape)]
        seed = int(torch.randint(1 << 62, ()))  # torch's own random state governs, as for any distribution
        drawn = self.model.sample(batch.numel(), self._flat(batch), seed=seed)
        assert isinstance(drawn, Tensor)  # of the one variable
        return drawn.reshape(shape)

    def _flat(self, batch: torch.Size) -> dict[str, Tensor] | None:
        """The conditioning of every sample of the batch, [samples, …] by variable."""
        if not self.given:
            return None
        shapes = {v.name: v.shape for v in self.model.spec.model.given}
        return {
            name: value.expand((*batch, *shapes[name])).reshape(batch.numel(), *shapes[name])
            for name, value in self.given.items()
        }


def together(model: Density, given: Any) -> tuple[dict[str, Tensor], torch.Size]:
    """The given values, [*batch, *shape] by variable, and the batch shape that all have together."""
    variables = model.spec.model.given
    named = by_name(given, variables, "`given`")
    values = {v.name: numbers(named[v.name], f"`{v.name}`", model.like.device) for v in variables}
    for variable in variables:
        value = values[variable.name]
        if value.shape == variable.shape:  # one example's
            value = values[variable.name] = value[None]
        conditioning({variable.name: value.reshape(-1, *variable.shape)}, (variable,), model.like)
    shapes = [value.shape[: value.ndim - len(v.shape)] for v, value in zip(variables, values.values(), strict=True)]
    batch = common_shape(*shapes) if shapes else torch.Size()
    return {v.name: values[v.name].expand((*batch, *v.shape)) for v in variables}, batch


def independent(model: Density, given: Mapping[str, Tensor], batch: torch.Size) -> Independent | None:
    """p(x | given) of a variable in units of its own, whose draws do not read each other, as a distribution that the
    libraries know, with its gradients and closed forms; None where there is no such one. Its batch shape is ``batch``,
    as which all that is given has to broadcast."""
    if len(model.groups) != 1 or len(model.groups[0].targets) != 1:
        return None
    group, target, conditional = model.groups[0], model.groups[0].targets[0], model.conditionals[0][0]
    variable, events = target.variable, target.factor.event_axes
    domain = variable.element_domain(0)
    own = any(source.variable is variable for source in group.sources)
    trailing = events == tuple(range(len(variable.shape) - len(events), len(variable.shape)))
    if own or domain.coded or variable.is_record or variable.varies or not trailing:
        return None
    count = batch.numel()
    flat = {v.name: given[v.name].expand((*batch, *v.shape)).reshape(count, *v.shape) for v in model.spec.model.given}
    values = {variable.name: blank(variable, count, model.like.to(data_type(variable, model.like)))}
    values |= expand_given(conditioning(flat or None, model.spec.model.given, model.like, check=False), count)
    (parameters,) = model.conditional_parameters(0, model.units.standardized(values))
    kept = variable.shape[: len(variable.shape) - len(events)]
    parameters = parameters.reshape(*batch, *kept, parameters.shape[-1])
    draws = conditional.distribution(parameters)
    if draws is not None and domain.levels is not None and not draws.has_enumerate_support:  # as mixtures have not
        draws = Categorical(logits=conditional.log_table(parameters), validate_args=False)
    if draws is None or draws.event_shape != variable.shape[len(kept) :]:
        return None
    return Independent(draws, len(kept))
