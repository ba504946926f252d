"""Conditionals of a model with latent variables: those of its chain, and those of its guide."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.compiler.arrays.lengths import with_nan_beyond_ends
from ardsl.compiler.arrays.users import conditioning, expand_given, observed_values, require_values
from ardsl.compiler.arrays.values import Values, value_type
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.latent.start import tell_apart
from ardsl.compiler.likelihood.estimate import estimate
from ardsl.compiler.model import AutoregressiveModel
from ardsl.model.parts import enumerated
from ardsl.spec import Spec

if TYPE_CHECKING:
    from pyro.distributions import TorchDistribution

Data = dict[str, Tensor]
"""Values by variable, [batch, *shape], in the data's own form."""


class LatentConditionals(CompiledModel):
    """Holds the conditional of every variable: of ``p``, each after those that it reads, and of the guide ``q``.

    Each is an autoregressive model of one variable, given the variables that it reads. Bounds and Pyro programs are
    made of them.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        # Cached now, since a tracer cannot enter their locks:
        _ = spec.model.observed, spec.model.given, self.enumerated
        self.chain = nn.ModuleList(map(AutoregressiveModel, spec.conditionals.values()))
        self.guide = nn.ModuleList(map(AutoregressiveModel, spec.guide.values()))
        tell_apart(self.p[name] for name in self.summed)
        self.free_nats = spec.model.train.free_bits * float(np.log(2))
        """Nats of each divergence that count for nothing in the objective."""
        estimator = spec.model.train.estimator
        self.temperature = estimator.options.get("temperature", 0.5) if estimator.name == "relaxed" else None
        """The temperature of relaxed draws of binary variables, None where they are not relaxed."""
        self.mark = uuid4().hex
        """A name that no other model has: Pyro's parameter store is shared by all."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.mark = uuid4().hex  # a copy is another model

    @property
    def p(self) -> dict[str, AutoregressiveModel]:
        """The conditionals by variable, each after those that it reads."""
        return dict(zip(self.spec.conditionals, self.chain, strict=True))  # type: ignore[arg-type]

    @property
    def q(self) -> dict[str, AutoregressiveModel]:
        """The conditionals of the guide by variable, each after those that it reads."""
        return dict(zip(self.spec.guide, self.guide, strict=True))  # type: ignore[arg-type]

    @cached_property
    def enumerated(self) -> tuple[str, ...]:
        """The latent variables that are marginalized by enumeration."""
        return enumerated(self.spec.model)

    @cached_property
    def summed(self) -> tuple[str, ...]:
        """The enumerated variables, and the variables that read them."""
        every = set(self.enumerated)
        return tuple(
            name
            for name, conditional in self.spec.conditionals.items()
            if name in every or every & conditional.variables.keys()
        )

    @cached_property
    def closed(self) -> frozenset[str]:
        """The latent variables whose divergence may be taken in closed form, an average over q of it alone: nothing
        that its prior reads was drawn by the guide from its value."""
        drawn_from: dict[str, set[str]] = {}
        for name, conditional in self.spec.guide.items():  # each after those that it reads
            read = {v.name for v in conditional.model.given if v.name in drawn_from}
            drawn_from[name] = read.union(*(drawn_from[other] for other in read))
        priors = {name: self.spec.conditionals[name].model.given for name in drawn_from}
        return frozenset(
            name for name, read in priors.items() if not any(name in drawn_from.get(v.name, ()) for v in read)
        )

    @property
    def assignments(self) -> Data:
        """All assignments of the enumerated variables together, [assignments, *shape] by variable."""
        variables = [self.spec.variables[name] for name in self.enumerated]
        levels = [v.element_domain(0).levels or 0 for v in variables for _ in range(v.size)]
        codes = torch.cartesian_prod(*(torch.arange(n, device=self.like.device) for n in levels))
        by_variable = codes.view(len(codes), -1).split([v.size for v in variables], 1)
        return {
            v.name: v.element_domain(0).value(own, value_type(v, self.like)).view(-1, *v.shape)
            for v, own in zip(variables, by_variable, strict=True)
        }

    @property
    def densities(self) -> tuple[AutoregressiveModel, ...]:
        return (*self.p.values(), *self.q.values())

    def standardize_by(self, examples: Mapping[str, Tensor]) -> None:
        for conditional in self.densities:
            conditional.standardize_by(examples)

    def count(self, values: Mapping[str, Tensor]) -> int:
        return next(iter(values.values())).shape[0]

    def site(
        self, conditional: AutoregressiveModel, values: Mapping[str, Tensor], batch: torch.Size
    ) -> TorchDistribution:
        """The conditional of a variable given the values of those that it reads, as Pyro knows it: with gradients of
        its draws, closed forms and enumeration, where it has them."""
        from ardsl.compiler.distribution import ModelDistribution, independent

        given = {v.name: values[v.name] for v in conditional.spec.model.given}
        (target,) = conditional.spec.model.observed
        as_library = independent(conditional, given, batch) if target.name in self.latent else None
        return ModelDistribution(conditional, given or None).expand(batch) if as_library is None else as_library

    def log_prob_given(
        self,
        conditional: AutoregressiveModel,
        values: Mapping[str, Tensor],
        generator: np.random.Generator | None = None,
        *,
        complete: bool = False,
    ) -> Tensor:
        """log p of a variable's values given those that it reads, [batch]; with a ``generator``, of a variable that has
        several orders, under one that it draws. ``complete``: all are there and inside their domains, which is not
        checked."""
        (target,) = conditional.spec.model.observed
        if complete:
            sizes = {name: variable.size for name, variable in conditional.spec.variables.items()}
            own = {name: values[name].reshape(-1, size) for name, size in sizes.items()}
            return conditional.log_prob_of(conditional.units.standardized(own), complete=True)
        given = {v.name: values[v.name] for v in conditional.spec.model.given} or None
        flat = conditional.values({target.name: values[target.name]}, given, check=False)
        if generator is not None and target.orders.mixed:
            return estimate(conditional, flat, generator, ask=False)
        return conditional.log_prob_of(flat)

    def values(self, x: Any, given: Any = None, lengths: Any = None, *, check: bool = True) -> Data:
        """The user's arrays, checked, by variable."""
        model, like = self.spec.model, self.like
        users_values = observed_values(x, model.observed, like)
        count = self.count(users_values)
        users_values |= expand_given(conditioning(given, model.given, like, check=check), count)
        users_values = with_nan_beyond_ends(users_values, lengths, tuple(self.spec.variables.values()))
        require_values(users_values, model.observed, ())
        return self._shaped(users_values)

    def _shaped(self, values: Values) -> Data:
        return {name: value.reshape(value.shape[0], *self.spec.variables[name].shape) for name, value in values.items()}
