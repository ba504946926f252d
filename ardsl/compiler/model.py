"""The compiled model: one torch module whose log-density is the product of the spec's conditionals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_count, checked_name, checked_order, renamed
from ardsl.common.wording import plural, shown
from ardsl.compiler.arrays.lengths import padded, with_nan_beyond_ends
from ardsl.compiler.arrays.unchecked import unchecked_values
from ardsl.compiler.arrays.users import (
    batch_by_name,
    by_name,
    conditioning,
    expand_given,
    flat,
    observed_values,
    require_values,
    shaped,
)
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.base import Likelihood, Loss, Rows, own_arguments
from ardsl.compiler.guards import evaluating, require_fixed_length_observed
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.elementwise import by_element
from ardsl.compiler.likelihood.estimate import estimate
from ardsl.compiler.queries.complete import complete
from ardsl.compiler.queries.drawn import Completions, Draws, completions, draw_where, names_cells
from ardsl.compiler.queries.events import Event
from ardsl.compiler.queries.queryable import Queryable
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


class AutoregressiveModel(Density, Queryable):
    """A density whose conditionals depend on exactly the contexts that the spec declares.

    p(x) = Π_i p(x_i | the context of x_i). :meth:`log_prob` is exact, in nats per example, and :meth:`sample` is exact.
    Tensors have the declared axes in the declared order, batch first. With one observed variable data is a tensor, with
    several a dict by name; arrays of numpy, lists and data frames are taken, too. Any number of threads may score,
    sample and stream one model.

    >>> spec = ardsl.loads('''
    ... observed x[4] : binary
    ... p(x[i] | x[<i]) = bernoulli via made(hidden = 8)
    ... ''')
    >>> model = ardsl.compile(spec, seed=0)
    >>> x = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    """

    of_models = "models without latent variables"

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        orders = max((group.order_count for group in self.groups), default=1)
        self._lender = Lender(most=max(8, 3 * orders))

    @property
    def densities(self) -> tuple[AutoregressiveModel, ...]:
        return (self,)

    @property
    def factors(self) -> tuple[AutoregressiveModel, ...]:
        return (self,)

    @property
    def lenders(self) -> tuple[Lender, ...]:
        return (self._lender,)

    # Likelihood

    @own_arguments
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
        """log p(x | given) of each example: [batch], in nats; −inf for values outside their domains.

        Under ``any(orders = K)`` the density is the uniform mixture p(x) = 1/K Σ_k p_k(x) over the K orders. With
        ``train = "all"`` a NaN is a missing value: the density is that of the other values, under the same orders with
        the missing ones placed last (Uria, Murray & Larochelle 2014, section 4).

        Args:
            x: the observed variables, [batch, *shape]; a dict of them by name where there are several.
            given: the given variables, in the same form; one example's, [*shape], stands for all.
            lengths: of a variable of varying length, where each example ends: integers [batch], by name where several
                vary. A value beyond an end is NaN, or not in the array.
            elementwise: gives the conditionals' own log-probabilities, by variable: [batch, *draws].
            order: gives the density under this order of ``any(orders = K)``, p_k; ``elementwise`` needs it there.
            validate: False is for tensors [batch, *shape] that are complete, inside their domains, and of full length
                or ended by their variable's ``end``. No branch depends on a value, so that ``torch.vmap``,
                ``torch.export`` and ``torch.compile(fullgraph = True)`` can take the model.

        Raises:
            ArdslError: for arrays of other shapes, missing values that the order does not marginalize, given values
                outside their domains, and an order that does not exist.

        >>> model.log_prob(x).shape
        torch.Size([2])
        >>> bool(torch.allclose(model.log_prob(x, elementwise=True)["x"].sum(1), model.log_prob(x)))
        True
        """
        order = None if order is None else self._checked_order(order)
        if not validate:
            if lengths is not None or elementwise:
                raise ArdslError("`validate = False` takes whole examples: neither `lengths` nor `elementwise`")
            values = self.units.standardized(unchecked_values(x, given, self.spec.model, self.like))
            return self.log_prob_of(values, order, complete=True)
        values = self.values(x, given, lengths)
        # One check of all the data is faster than guarding each conditional against values outside its domain.
        complete = self.plain and self.all_inside(values)
        if not complete:
            require_values(values, self.spec.model.observed, self.may_miss)
        if self.units.fresh and not torch.compiler.is_compiling():
            self.units.warn_if_far(values)
        return by_element(self, values, order) if elementwise else self.log_prob_of(values, order, complete=complete)

    def _checked_order(self, order: object) -> int:
        """The number of an order of the variables under ``any(…)``, or of the only order without it."""
        mixed = [group.mixed for group in self.groups if group.mixed is not None]
        for variable in mixed or self.spec.model.observed[:1]:
            number = checked_order(order, variable.name, len(variable.orders.orders))
        return number

    def likelihood(
        self,
        values: Mapping[str, Tensor],
        samples: int = 1,
        seed: int | None = None,
        *,
        exact: bool = True,
        rows: Rows | None = None,
    ) -> Likelihood:
        if exact or not self.asks:
            return Likelihood(self.log_prob_of(dict(values)), None, {})
        return Likelihood(estimate(self, dict(values), np.random.default_rng(seed), rows=rows), None, {})

    def objective(
        self,
        batch: Mapping[str, Any],
        generator: np.random.Generator | None = None,
        window: Window | None = None,
        rows: Rows | None = None,
    ) -> Loss:
        """The mean negative log-likelihood of a batch, in nats per example, as training minimizes it.

        Under ``any(orders = K)`` one order is drawn for the batch (with ``train = "all"`` a fresh one of all D!): an
        unbiased estimate of the mean over orders of −log p_k, which bounds the mixture's (Uria, Murray & Larochelle
        2014). A network that is asked with a mask is asked one question for each example: an order and a number of
        known elements, or one context. With a ``window`` the loss is estimated from a part of each example along time.
        Raises ``ArdslError`` where there is nothing to train.
        """
        if not self.groups:
            raise ArdslError("the model has nothing to train")
        named = batch_by_name(batch, (*self.spec.model.observed, *self.spec.model.given))
        observed = {v.name: named[v.name] for v in self.spec.model.observed}
        given = {v.name: named[v.name] for v in self.spec.model.given}
        value = -estimate(self, self.values(observed, given, check=False), generator, window, rows).mean()
        return Loss(value, value.detach(), {})

    def values(self, x: Any, given: Any = None, lengths: Any = None, *, check: bool = True) -> Values:
        """Users' arrays as flat values, standardized: [batch, elements] by variable.

        Shapes are checked, and with ``check`` that given values lie in their domains.
        """
        model, like = self.spec.model, self.like
        users_values = observed_values(x, model.observed, like)
        count = len(next(iter(users_values.values())))
        users_values |= expand_given(conditioning(given, model.given, like, check=check), count)
        if lengths is not None or not self.plain:
            users_values = with_nan_beyond_ends(users_values, lengths, tuple(self.spec.variables.values()))
        return self.units.standardized(users_values)

    # Sampling

    def noise(self, n: int, seed: int | None = None) -> Noise:
        """The random numbers of ``n`` samples, which decide them; opaque, for :meth:`sample`.

        The same ``seed`` gives the same numbers on any device. Raises ``ArdslError`` for no count and no seed.

        >>> noise = model.noise(3, seed=0)
        >>> bool((model.sample(3, noise=noise) == model.sample(3, noise=noise)).all())
        True
        """
        return make_noise(self.spec.plan.groups, checked_count(n, "samples"), seed, self.like)

    @own_arguments
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
        where: str | Event | None = None,
        begin: Any = None,
    ) -> Tensor | dict[str, Tensor]:
        """``n`` exact samples in the form of the data: [n, *shape], a dict of them where there are several variables.

        Each is a function of its noise. Samples are float64 where the model's own type would round them visibly.

        Args:
            n: the number of samples.
            given: the given variables, [n, *shape], or one example's for all samples; and values of any other cells by
                their names, ``{"x[3]": 1}``, which all samples then have.
            where: an event that all samples are in: a text such as ``age >= 65 and sex = "F"``.
            lengths: of a variable of varying length, where each sample ends, as in :meth:`log_prob`; without, samples
                are as long as can be. Beyond their ends they have legal values.
            prefix: of a variable along time, the first time steps, [steps, …] for all samples or [n, steps, …]; the
                continuation is drawn given them, exactly.
            seed: decides the samples; by default they are fresh.
            noise: the random numbers themselves, of :meth:`noise`.
            evaluator: ``"step"`` computes each activation once, in as many steps as the realized graph's longest path;
                ``"whole"`` runs the whole network at every step: the slow, obvious reference.
            begin: the former name of ``prefix``.

        Raises:
            ArdslError: for arguments that the model cannot take.

        >>> model.sample(3, seed=0).shape
        torch.Size([3, 4])
        >>> model.sample(3, given={"x[3]": 1}, where="x[0] = 1 or x[1] = 1", seed=0)[:, 3].tolist()
        [1, 1, 1]
        """
        n = checked_count(n, "samples")
        noise = self.noise(n, seed) if noise is None else noise
        if not isinstance(noise, Noise):
            raise ArdslError(f"the noise is what `model.noise({n})` gives, not {shown(noise)}")
        if noise.count != n:
            raise ArdslError(f"the noise is for {plural(noise.count, 'sample')}, not {n:,}")
        checked_name(evaluator, "evaluator", ("step", "whole"))
        prefix = renamed("begin", begin, "prefix", prefix, frames=3)
        if where is not None or names_cells(self._joint, given):
            if lengths is not None or prefix is not None or evaluator == "whole":
                raise ArdslError(
                    "samples given cells, or where an event holds, take no `lengths`, `prefix` or `evaluator`"
                )
            return self._draws(noise, given, where, seed).values
        values, known = initial_values(self, n, given, lengths, prefix)
        with evaluating(self):
            sample(self, self._lender, values, noise, known, whole=evaluator == "whole")
        return self._users_form(self.units.restored(values))

    def draws(
        self, n: int = 1, given: Any = None, where: str | Event | None = None, *, seed: int | None = None
    ) -> Draws:
        """``n`` samples given values of any cells, and in an event, with how exact they are.

        Exact where that is affordable: see ``docs/queries.md``. Elsewhere they are chosen among weighted particles, of
        which one may be chosen several times: ``distinct`` is the share of different ones.

        Args:
            n: the number of samples.
            given: the given variables, and values of other cells by their names, as in :meth:`sample`.
            where: an event that all samples are in, as in :meth:`sample`.
            seed: decides the samples; by default they are fresh.

        Raises:
            ArdslError: for arguments that the model cannot take, and an event that cannot hold.

        >>> model.draws(3, where="x[2] = 1", seed=0).exact
        True
        """
        return self._draws(self.noise(n, seed), given, where, seed)

    def _draws(self, noise: Noise, given: Any, where: str | Event | None, seed: int | None) -> Draws:
        with evaluating(self):
            draws = draw_where(self._joint, given, where, noise, seed)
        return replace(draws, values=self._users_form(draws.values))

    def _users_form(self, values: Values) -> Tensor | dict[str, Tensor]:
        """Values in the data's own form, [n, elements] by variable, as samples are given: [n, *shape]."""
        samples = {v.name: shaped(padded(values[v.name], v), v) for v in self.spec.model.observed}
        return next(iter(samples.values())) if len(samples) == 1 else samples

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
        """Samples of a variable along time in chunks, [n, steps, …] each, as they are drawn.

        All chunks together are what :meth:`sample` gives for the same seed; after a ``prefix`` they are its
        continuation. Where the variable has an ``end``, nothing follows once all samples have ended, and a chunk may be
        shorter. A stream keeps the weights that it began with, and memory does not grow with its length.

        Args:
            given: the given variables, [n, *shape], or one example's for all samples.
            n: the number of samples.
            steps: the time steps of a chunk.
            length: the time steps in all, where the length varies; by default as many as can be.
            prefix: the first time steps, as in :meth:`sample`.
            seed: decides the samples; by default they are fresh.
            moments, begin: the former names of ``steps`` and ``prefix``.

        Raises:
            ArdslError: where the model has not one variable along time, as `wavenet` draws it, and for arguments that
                it cannot take.

        >>> sound = ardsl.compile(ardsl.loads('''
        ... observed wave[time: 40] : category(8)
        ... p(wave[t] | wave[<t]) = categorical via wavenet(layers = 2, features = 4)
        ... '''))
        >>> [chunk.shape[1] for chunk in sound.stream(steps=16, seed=0)]
        [16, 16, 8]
        """
        prefix = renamed("begin", begin, "prefix", prefix)
        steps = renamed("moments", moments, "steps", steps, default=1024)
        return stream(self, given, n, steps, length, prefix, seed)

    def complete(self, x: Any, given: Any = None, *, seed: int | None = None, likely: bool = False) -> Any:
        """``x`` with every NaN filled by an exact draw of the missing values given the rest of their example.

        Args:
            x: the observed variables, as in :meth:`log_prob`, with NaN for missing values.
            given: the given variables, as in :meth:`log_prob`.
            seed: decides the draws; by default they are fresh.
            likely: fills in the most likely value at each draw instead.

        Raises:
            OrderForbids: (an ``ArdslError``) where the order draws a missing element before one that is there, which
                only ``any(…, train = "all")`` allows.

        >>> gap = torch.tensor([[0, 1, torch.nan, torch.nan]])
        >>> model.complete(gap, seed=0)[:, :2].tolist()
        [[0, 1]]
        """
        require_fixed_length_observed(self)
        values = self.values(x, given)
        noise = self.noise(len(next(iter(values.values()))), seed)
        drawn = self.units.restored(complete(self, self._lender, values, noise, likely=likely))
        completed = {}
        for variable in self.spec.model.observed:
            there = flat(by_name(x, self.spec.model.observed, "the data")[variable.name], variable, self.like)
            new = drawn[variable.name]
            completed[variable.name] = shaped(torch.where(there.isnan(), new, there.to(new.dtype)), variable)
        return next(iter(completed.values())) if len(completed) == 1 else completed

    def completions(
        self, x: Any, given: Any = None, *, draws: int = 1, seed: int | None = None, likely: bool = False
    ) -> Completions:
        """``x`` with every NaN drawn given the rest of its example, as often as asked for, with how exact that is.

        Exact where that is affordable: see ``docs/queries.md``. Elsewhere the draws are chosen among weighted
        particles.

        Args:
            x: the observed variables, as in :meth:`log_prob`, with NaN for missing values.
            given: the given variables, as in :meth:`log_prob`.
            draws: how often each example is completed: one after the other, [batch · draws, *shape].
            seed: decides the draws; by default they are fresh.
            likely: fills in the most likely value of one cell after another instead, each given those before it.

        Raises:
            ArdslError: for arrays that the model cannot take, and examples that have probability 0.

        >>> gap = torch.tensor([[torch.nan, 1, torch.nan, 0]])
        >>> completions = model.completions(gap, draws=5, seed=0)
        >>> completions.values.shape, completions.exact.tolist()
        (torch.Size([5, 4]), [True])
        """
        with evaluating(self):
            completed = completions(self._joint, x, given, checked_count(draws, "draws", 1), seed, likely)
        return replace(completed, values=self._users_form(completed.values))

    def distribution(self, given: Any = None) -> ModelDistribution:
        """The model as a ``torch.distributions.Distribution``, for any program of torch or Pyro.

        Its event shape is that of the one observed variable, its batch shape that of ``given``, () without. Raises
        ``ArdslError`` where several variables are observed.

        >>> model.distribution().sample((5,)).shape
        torch.Size([5, 4])
        """
        from ardsl.compiler.distribution import ModelDistribution

        return ModelDistribution(self, given)
