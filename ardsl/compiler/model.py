"""The compiled model: one torch module whose log-density is the product of the spec's conditionals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_count, checked_name, checked_order, renamed
from ardsl.common.wording import shown
from ardsl.compiler.arrays.lengths import cut, whole
from ardsl.compiler.arrays.users import (
    by_name,
    conditioning,
    expand_given,
    flat,
    observed_values,
    require_values,
    shaped,
)
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.base import Likelihood, Loss
from ardsl.compiler.guards import evaluating, require_plain
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.elementwise import by_element
from ardsl.compiler.likelihood.estimate import estimate
from ardsl.compiler.queries.complete import complete
from ardsl.compiler.steps.evaluator import Lender
from ardsl.compiler.steps.noise import Noise, make_noise
from ardsl.compiler.steps.prefix import initial_values
from ardsl.compiler.steps.sample import sample
from ardsl.compiler.steps.stream import stream
from ardsl.compiler.window import Window
from ardsl.errors import ArdslError
from ardsl.spec import Spec

if TYPE_CHECKING:
    from ardsl.compiler.distribution import ModelDistribution


class AutoregressiveModel(Density):
    """A density whose conditionals depend on exactly the contexts the spec declares.

    ``log_prob`` is exact, in nats per example. Tensors have the declared axes in the declared order, batch first. With
    one observed variable data is a tensor, with several a dict by name. Any number of threads may score, sample and
    stream one model.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        orders = max((group.order_count for group in self.groups), default=1)
        self._lender = Lender(most=max(8, 3 * orders))

    # Likelihood

    def log_prob(
        self,
        x: Any,
        given: Any = None,
        *,
        lengths: Any = None,
        elementwise: bool = False,
        order: int | None = None,
        validate: bool = True,
    ) -> Tensor | dict[str, Tensor]:
        """log p(x | given) of each example, [batch], in nats: −inf for values outside their domains.

        ``elementwise`` gives the conditionals' own log-probabilities instead, by variable, [batch, *draws]; under
        ``any(orders = K)`` these need ``order = k``. There the density is the uniform mixture
        p(x) = 1/K Σ_k p_k(x) over the K orders, and ``order = k`` gives the k-th. With ``train = "all"`` a NaN is a
        missing value: the density is then that of the others, under the same orders with what is missing placed last.

        Of a variable of varying length, ``lengths`` [batch] (by name where several vary) says where each example ends;
        what is NaN, or not in the array, lies beyond its end, too.

        ``validate = False`` is for tensors [batch, *shape] that are complete, of full length and inside their domains:
        no value is looked at and no branch depends on one, so that ``torch.vmap``, ``torch.export`` and
        ``torch.compile(fullgraph = True)`` can take the model.
        """
        order = None if order is None else self._checked_order(order)
        if not validate:
            if lengths is not None or elementwise:
                raise ArdslError("`validate = False` takes whole examples: neither `lengths` nor `elementwise`")
            return self.log_prob_of(self._complete_values(x, given), order, complete=True)
        values = self.values(x, given, lengths)
        require_values(values, self.spec.model.observed, self.may_miss)
        if self.units.fresh and not torch.compiler.is_compiling():
            self.units.warn_if_far(values)
        return by_element(self, values, order) if elementwise else self.log_prob_of(values, order)

    def forward(self, x: Any, given: Any = None, **options: Any) -> Any:
        """:meth:`log_prob`, as what a torch module is called for."""
        return self.log_prob(x, given, **options)

    def _complete_values(self, x: Any, given: Any) -> Values:
        """Tensors as :meth:`values` gives them, of which no value is looked at."""
        observed, conditions = self.spec.model.observed, self.spec.model.given
        named = by_name(x, observed, "the data") | (by_name(given, conditions, "`given`") if conditions else {})
        values: Values = {}
        for variable in (*observed, *conditions):
            value = named[variable.name]
            if not isinstance(value, Tensor) or tuple(value.shape[1:]) != variable.shape:
                shape = ", ".join(map(str, ("batch", *variable.shape)))
                raise ArdslError(f"`{variable.name}` must be a tensor [{shape}] where nothing is validated")
            values[variable.name] = value.reshape(value.shape[0], variable.size)
        return self.units.standardized(values)

    def _checked_order(self, order: object) -> int:
        """The number of an order of the variables under ``any(…)``, or of the one order that there is without."""
        mixed = [group.mixed for group in self.groups if group.mixed is not None]
        for variable in mixed or self.spec.model.observed[:1]:
            number = checked_order(order, variable.name, len(variable.orders.orders))
        return number

    def likelihood(self, values: Mapping[str, Tensor], samples: int = 1, seed: int | None = None) -> Likelihood:
        return Likelihood(self.log_prob_of(dict(values)), None, {})

    def objective(
        self, batch: Mapping[str, Any], generator: np.random.Generator | None = None, window: Window | None = None
    ) -> Loss:
        """The mean negative log-likelihood of a batch per example, in nats, as training minimizes it.

        Under ``any(orders = K)`` one order is drawn for the batch (with ``train = "all"`` a fresh one of all D!):
        an unbiased estimate of the mean over orders of −log p_k, which bounds the mixture's. With a ``window`` it is
        estimated from a part of each example. Raises ``ArdslError`` where there is nothing to train.
        """
        if not self.groups:
            raise ArdslError("the model has nothing to train")
        observed = {v.name: batch[v.name] for v in self.spec.model.observed}
        given = {v.name: batch[v.name] for v in self.spec.model.given}
        value = -estimate(self, self.values(observed, given, check=False), generator, window).mean()
        return Loss(value, value.detach(), {})

    def values(self, x: Any, given: Any = None, lengths: Any = None, *, check: bool = True) -> Values:
        """The user's arrays, checked for shape, as flat tensors in the model's units; what is given is also checked for
        its domain, unless that has been done."""
        model, like = self.spec.model, self.like
        found = observed_values(x, model.observed, like)
        count = len(next(iter(found.values())))
        found |= expand_given(conditioning(given, model.given, like, check=check), count)
        return self.units.standardized(cut(found, lengths, tuple(self.spec.variables.values())))

    # Sampling

    def noise(self, n: int, seed: int | None = None) -> Noise:
        """The randomness of ``n`` samples; opaque, for ``sample``."""
        return make_noise(self.spec.plan.groups, checked_count(n, "samples"), seed, self.like)

    @torch.no_grad()
    def sample(
        self,
        n: int = 1,
        given: Any = None,
        *,
        lengths: Any = None,
        prefix: Any = None,
        seed: int | None = None,
        noise: Noise | None = None,
        evaluator: Literal["step", "whole"] = "step",
        begin: Any = None,
    ) -> Tensor | dict[str, Tensor]:
        """``n`` samples in the form of the data; a function of the noise, and exact.

        Of a variable of varying length they end where ``lengths`` says (as in :meth:`log_prob`), and have legal values
        beyond; without, they are as long as can be. Of a variable along time ``begin`` has the first moments, [moments,
        …] for all samples or [n, moments, …]: what follows is drawn given them, exactly.

        ``step`` computes each activation once, in as many steps as the realized graph's longest path; ``whole`` runs
        the whole network at every step: the slow, obvious reference.
        """
        n = checked_count(n, "samples")
        noise = self.noise(n, seed) if noise is None else noise
        if not isinstance(noise, Noise):
            raise ArdslError(f"the noise is what `model.noise({n})` gives, not {shown(noise)}")
        if noise.count != n:
            raise ArdslError(f"the noise is for {noise.count} samples, not {n}")
        checked_name(evaluator, "evaluator", ("step", "whole"))
        prefix = renamed("begin", begin, "prefix", prefix, frames=2)
        values, known = initial_values(self, n, given, lengths, prefix)
        with evaluating(self):
            sample(self, self._lender, values, noise, known, whole=evaluator == "whole")
        values = self.units.restored(values)
        found = {v.name: shaped(whole(values[v.name], v), v) for v in self.spec.model.observed}
        return next(iter(found.values())) if len(found) == 1 else found

    def stream(
        self,
        given: Any = None,
        *,
        n: int = 1,
        steps: int = 1024,
        length: int | None = None,
        prefix: Any = None,
        seed: int | None = None,
        moments: int | None = None,
        begin: Any = None,
    ) -> Iterator[Tensor]:
        """What :meth:`sample` gives, in chunks [n, moments, …] as they are drawn, of a variable along time. ``length``:
        how many moments in all, where that varies. After a ``begin`` come the moments that follow it. Where the
        variable has an ``end``, nothing follows once all samples have ended, and a chunk may be shorter. A stream goes
        on with the weights that it began with."""
        prefix = renamed("begin", begin, "prefix", prefix)
        steps = renamed("moments", moments, "steps", steps, default=1024)
        return stream(self, given, n, steps, length, prefix, seed)

    def complete(self, x: Any, given: Any = None, *, seed: int | None = None, likely: bool = False) -> Any:
        """``x`` with every NaN filled, by an exact draw of what is missing given the rest of its example.

        ``likely`` fills in the most likely value at each draw instead. Raises ``OrderForbids`` (an ``ArdslError``)
        where the order draws a missing element before one that is there, which only ``any(…, train = "all")`` allows.
        """
        require_plain(self)
        values = self.values(x, given)
        noise = self.noise(len(next(iter(values.values()))), seed)
        drawn = self.units.restored(complete(self, self._lender, values, noise, likely=likely))
        found = {}
        for variable in self.spec.model.observed:
            there = flat(by_name(x, self.spec.model.observed, "the data")[variable.name], variable, self.like)
            new = drawn[variable.name]
            found[variable.name] = shaped(torch.where(there.isnan(), new, there.to(new.dtype)), variable)
        return next(iter(found.values())) if len(found) == 1 else found

    def distribution(self, given: Any = None) -> ModelDistribution:
        """The model as a torch.distributions.Distribution, for any Pyro program. One observed variable only."""
        from ardsl.compiler.distribution import ModelDistribution

        return ModelDistribution(self, given)
