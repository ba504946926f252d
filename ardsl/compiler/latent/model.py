"""Models with latent variables: a chain of conditionals, and another that infers what the data does not show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_count, checked_name, checked_seed
from ardsl.common.wording import plural, shown
from ardsl.compiler.arrays.lengths import lengths_by_name, lengths_of, with_nan_beyond_ends
from ardsl.compiler.arrays.unchecked import unchecked_values
from ardsl.compiler.arrays.users import (
    batch_by_name,
    by_name,
    conditioning,
    expand_given,
    flat,
    numbers,
    shaped,
)
from ardsl.compiler.arrays.values import data_type
from ardsl.compiler.base import Likelihood, Loss, Rows, own_arguments
from ardsl.compiler.guards import evaluating, seeded
from ardsl.compiler.latent.bound import as_data, draw, importance_weighted, negative_bound, table
from ardsl.compiler.latent.conditionals import Data, LatentConditionals
from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.queries.queryable import Queryable
from ardsl.compiler.steps.evaluator import Lender
from ardsl.compiler.steps.noise import Noise
from ardsl.compiler.window import Window
from ardsl.errors import ArdslError


class LatentModel(LatentConditionals, Queryable):
    """A density p(x) = ∫ p(x, z) dz with a guide q(z | x), from the spec's ``p`` and ``q`` factors.

    Latent variables with ``q(z) = exact`` are marginalized by enumeration. Where all are, :meth:`log_prob` is exact;
    else :meth:`elbo` and :meth:`log_prob_bound` bound it from below. Data has the forms that
    :class:`AutoregressiveModel` takes.

    >>> spec = ardsl.loads('''
    ... latent z[2] : real
    ... observed x[4] : binary
    ... p(z) = normal(0, 1)
    ... p(x | z) = bernoulli via mlp(hidden = 8)
    ... q(z | x) = normal via mlp(hidden = 8)
    ... ''')
    >>> model = ardsl.compile(spec, seed=0)
    >>> x = torch.tensor([[0, 1, 1, 0], [1, 1, 0, 0]])
    """

    of_models = "models with latent variables"

    @property
    def factors(self) -> tuple[AutoregressiveModel, ...]:
        if self.guide:
            names = " and ".join(f"`{name}`" for name in self.q)
            raise ArdslError(f"questions are integrals over {names}: models answer whose latent variables are `exact`")
        return tuple(self.p.values())

    @property
    def lenders(self) -> tuple[Lender, ...]:
        return tuple(lender for conditional in self.p.values() for lender in conditional.lenders)

    # Likelihood

    @own_arguments
    def log_prob(self, x: Any, given: Any = None, *, lengths: Any = None, validate: bool = True) -> Tensor:
        """log p(x | given) of each example: [batch], in nats.

        It has no terms of single draws, nor of one order by itself: latent variables are summed out of their product.

        Args:
            x, given, lengths: the data, as :meth:`elbo` takes them.
            validate: False is for tensors that are complete and inside their domains, as in
                :meth:`AutoregressiveModel.log_prob`, with ``torch.vmap``, ``torch.export`` and ``torch.compile``.

        Raises:
            ArdslError: where the guide draws latent variables, over which it is an integral, and for arrays that the
                model cannot take.

        >>> mixture = ardsl.compile(ardsl.loads('''
        ... latent k : category(3)
        ... observed x[4] : binary
        ... p(k) = categorical
        ... p(x | k) = bernoulli via table
        ... q(k) = exact
        ... '''))
        >>> mixture.log_prob(x).shape
        torch.Size([2])
        """
        if self.guide:
            names = " and ".join(f"`{name}`" for name in self.q)
            raise ArdslError(f"log p(x) is an integral over {names}: `log_prob_bound` and `elbo` bound it")
        if validate:
            return draw(self, self._scored(x, given, lengths)).elbo
        if lengths is not None:
            raise ArdslError("`validate = False` takes whole examples: no `lengths`")
        flat_values = unchecked_values(x, given, self.spec.model, self.like)
        return draw(self, self._shaped(flat_values), complete=True).elbo

    def _scored(self, x: Any, given: Any, lengths: Any) -> Data:
        """Values that are to be scored, as :meth:`values` gives them; data far from standardized are warned of,
        once."""
        values = self.values(x, given, lengths)
        for conditional in self.p.values():
            if conditional.units.fresh and not torch.compiler.is_compiling():
                sizes = {name: variable.size for name, variable in self.spec.variables.items()}
                conditional.units.warn_if_far(
                    {name: value.view(len(value), sizes[name]) for name, value in values.items()}
                )
        return values

    def elbo(
        self, x: Any, given: Any = None, *, lengths: Any = None, samples: int = 1, seed: int | None = None
    ) -> Tensor:
        """The evidence lower bound on log p(x | given) of each example: [batch], in nats.

        E_q[log p(x, z) − log q(z | x)], divergences in closed form where there is one (Kingma & Welling 2014, Eq. 10),
        with gradients for both ``p`` and ``q``.

        Args:
            x: the observed variables, [batch, *shape]; a dict of them by name where there are several.
            given: the given variables, in the same form; one example's stands for all.
            lengths: of a variable of varying length, where each example ends: integers [batch].
            samples: the draws of the guide for each example, whose mean the bound is.
            seed: decides the draws; by default torch's own random state does.

        Raises:
            ArdslError: for arguments that the model cannot take.

        >>> model.elbo(x, samples=2, seed=0).shape
        torch.Size([2])
        """
        values, count = self._scored(x, given, lengths), checked_count(samples, "samples", 1)
        with seeded(seed):
            return torch.stack([draw(self, values).differentiable for _ in range(count)]).mean(0)

    def log_prob_bound(
        self, x: Any, given: Any = None, *, lengths: Any = None, samples: int = 1000, seed: int | None = None
    ) -> Tensor:
        """The importance-weighted bound on log p(x | given) of each example: [batch], in nats.

        log 1/K Σ_k p(x, z_k) / q(z_k | x) of K = ``samples`` draws, tighter the more there are (Burda, Grosse &
        Salakhutdinov 2016, Eq. 8). Takes what :meth:`elbo` takes. Under ``torch.no_grad()`` memory does not grow with
        K.

        >>> with torch.no_grad():
        ...     model.log_prob_bound(x, samples=50, seed=0).shape
        torch.Size([2])
        """
        values = self._scored(x, given, lengths)
        with seeded(seed):
            return importance_weighted(self, values, checked_count(samples, "samples", 1))[0]

    def likelihood(
        self,
        values: Mapping[str, Tensor],
        samples: int = 1,
        seed: int | None = None,
        *,
        exact: bool = True,
        rows: Rows | None = None,
    ) -> Likelihood:
        with seeded(seed):
            bound, first = importance_weighted(self, values, samples)
        return Likelihood(bound, first.elbo, first.kl) if self.guide else Likelihood(bound, None, {})

    def objective(
        self,
        batch: Mapping[str, Any],
        generator: np.random.Generator | None = None,
        window: Window | None = None,
        rows: Rows | None = None,
    ) -> Loss:
        """The mean negative bound of a batch, in nats per example, as training minimizes and reports it.

        Under ``any(…)`` the ``generator`` draws an order for the batch; without one fresh random numbers do. A
        ``window`` and ``rows`` are not looked at: latent variables are inferred from whole examples.
        """
        named = batch_by_name(batch, (*self.spec.model.observed, *self.spec.model.given))
        observed = {v.name: named[v.name] for v in self.spec.model.observed}
        given = {v.name: named[v.name] for v in self.spec.model.given} or None
        values = self.values(observed, given, check=False)
        samples = self.spec.model.train.samples
        fresh = np.random.default_rng(int(torch.randint(1 << 62, ())))
        return negative_bound(self, values, samples, generator or fresh)

    # Sampling

    def noise(self, n: int, seed: int | None = None) -> dict[str, Noise]:
        """The random numbers of ``n`` samples by variable, which decide them; opaque, for :meth:`sample`.

        >>> sorted(model.noise(3, seed=0))
        ['x', 'z']
        """
        n, seed = checked_count(n, "samples"), None if seed is None else checked_seed(seed)
        seeds = np.random.SeedSequence(seed).generate_state(len(self.chain), np.uint64) >> np.uint64(1)
        return {
            name: conditional.noise(n, int(own)) for (name, conditional), own in zip(self.p.items(), seeds, strict=True)
        }

    @own_arguments
    @torch.no_grad()
    def sample(
        self,
        n: int = 1,
        given: Any = None,
        *,
        lengths: Any = None,
        fix: Mapping[str, Any] | Sequence[str] = (),
        latent: bool = False,
        seed: int | None = None,
        noise: Mapping[str, Noise] | None = None,
        evaluator: Literal["step", "whole"] = "step",
    ) -> Any:
        """``n`` exact samples in the form of the data, each variable drawn after those that it reads.

        Args:
            n: the number of samples.
            given: the given variables, [n, *shape], or one example's for all samples.
            lengths: of a variable of varying length, where each sample ends.
            fix: values of latent variables to keep, [n, …] or one for all; or names of some, to be drawn once (with all
                that they depend on) and shared by all samples.
            latent: gives samples of the latent variables, too, all by name.
            seed: decides the samples; by default they are fresh.
            noise: the random numbers themselves, of :meth:`noise`.
            evaluator: as in :meth:`AutoregressiveModel.sample`.

        Raises:
            ArdslError: for arguments that the model cannot take.

        >>> {name: tuple(value.shape) for name, value in model.sample(3, latent=True, seed=0).items()}
        {'x': (3, 4), 'z': (3, 2)}
        """
        n = checked_count(n, "samples")
        noise = self.noise(n, seed) if noise is None else noise
        if not isinstance(noise, Mapping) or list(noise) != list(self.p):
            raise ArdslError(f"the noise is what `model.noise({n})` gives, not {shown(noise)}")
        shared = self._shared(fix)
        given = by_name(given, self.spec.model.given, "`given`")
        values: Data = {
            name: value.reshape(-1, *self.spec.variables[name].shape)
            for name, value in expand_given(conditioning(given, self.spec.model.given, self.like), n).items()
        }
        kept = self._kept(fix, n) if isinstance(fix, Mapping) else {}
        ends = lengths_by_name(lengths, [v for v in self.spec.model.observed if v.varies])
        samples: Data = {}
        for name, conditional in self.p.items():
            if name in kept:
                values[name] = kept[name]
                continue
            count = min(n, 1) if name in shared else n
            known = {v.name: values[v.name][:count] for v in conditional.spec.model.given} or None
            own = noise[name].rows(slice(0, count))
            drawn = conditional.sample(count, known, lengths=ends.get(name), noise=own, evaluator=evaluator)
            assert isinstance(drawn, Tensor)  # of the one variable
            samples[name] = drawn.expand(n, *drawn.shape[1:])
            values[name] = self._cut(samples[name], name, ends.get(name))
        names = [v.name for v in self.spec.model.observed] + (list(self.latent) if latent else [])
        samples |= {name: shaped(value, self.spec.variables[name]) for name, value in kept.items()}
        return samples[names[0]] if len(names) == 1 else {name: samples[name] for name in names}

    def _cut(self, drawn: Tensor, name: str, lengths: Any) -> Tensor:
        """Samples as other variables read them: NaN beyond the end of each."""
        variable = self.spec.variables[name]
        if not variable.varies:
            return drawn
        flat = drawn.to(data_type(variable, self.like)).reshape(len(drawn), variable.size)
        return with_nan_beyond_ends({name: flat}, lengths, (variable,))[name].reshape(drawn.shape)

    def between(self, name: str, n: int = 8, given: Any = None, *, lengths: Any = None, seed: int | None = None) -> Any:
        """``n`` samples whose values of a real latent variable lie on the line between two draws of it, both included.

        All other random numbers are the same in all. Raises ``ArdslError`` for a discrete variable, which has no line.

        >>> model.between("z", 5, seed=0).shape
        torch.Size([5, 4])
        """
        (name,) = self._named([name])
        domain = self.spec.variables[name].element_domain(0)
        if domain.discrete:
            raise ArdslError(f"between two values of `{name}`, which is {domain}, there is no line")
        n, noise = checked_count(n, "samples"), self.noise(2, seed)
        rows = expand_given(conditioning(given, self.spec.model.given, self.like), 1)  # one example's stands for all
        one = {key: value.reshape(1, *self.spec.variables[key].shape) for key, value in rows.items()}
        first, last = self.sample(2, one or None, latent=True, noise=noise)[name]
        share = torch.linspace(0, 1, n, dtype=first.dtype, device=first.device).view(n, *[1] * first.ndim)
        same = {key: variable_noise.rows(torch.zeros(n, dtype=torch.long)) for key, variable_noise in noise.items()}
        fix = {name: torch.lerp(first[None], last[None], share)}
        return self.sample(n, one or None, lengths=lengths, fix=fix, noise=same)

    def _shared(self, fix: Mapping[str, Any] | Sequence[str]) -> set[str]:
        """The latent variables of which there is one draw for all samples: the named ones, and all that they are drawn
        from."""
        names = self._named(fix)
        if isinstance(fix, Mapping):
            return set()
        shared: set[str] = set()
        while names:
            name = names.pop()
            shared.add(name)
            names += [v.name for v in self.p[name].spec.model.given if v.name in self.p]
        return shared

    def _named(self, names: object) -> list[str]:
        """Names of latent variables, checked, of one name or of several."""
        if not isinstance(names, str | Iterable) or getattr(names, "ndim", 1) == 0:  # an array without axes
            raise ArdslError(f"latent variables are named by strings, not by {shown(names)}")
        every = [names] if isinstance(names, str) else list(names)
        return [checked_name(name, "latent variable", self.latent) for name in every]

    def _kept(self, fix: Mapping[str, Any], n: int) -> Data:
        kept = {}
        for name, value in fix.items():
            variable = self.spec.variables[name]
            rows = numbers(value, f"`{name}`")
            rows = flat(rows[None] if tuple(rows.shape) == variable.shape else rows, variable, self.like)
            if len(rows) not in (1, n):
                raise ArdslError(f"`{name}` has {plural(len(rows), 'value')} for {plural(n, 'sample')}")
            kept[name] = rows.expand(n, -1).reshape(n, *variable.shape)
        return kept

    @torch.no_grad()
    def infer(self, x: Any, given: Any = None, *, lengths: Any = None, seed: int | None = None) -> Data:
        """Draws of the latent variables from q(z | x, given), one for each example: by name, as ``fix`` of
        :meth:`sample` takes them.

        Enumerated variables are drawn from their exact p(z | x). Takes what :meth:`elbo` takes.

        >>> model.infer(x, seed=0)["z"].shape
        torch.Size([2, 2])
        """
        values = self.values(x, given, lengths)
        batch = torch.Size([self.count(values)])
        with seeded(seed), evaluating(self):
            for name, conditional in self.q.items():
                site = self.site(conditional, values, batch)
                values[name] = as_data(conditional, site, site.sample())
            values |= self._exact(values)
        return {name: shaped(values[name], self.spec.variables[name]) for name in self.latent}

    def reconstruct(
        self,
        x: Any,
        given: Any = None,
        *,
        lengths: Any = None,
        keep: Sequence[str] | None = None,
        seed: int | None = None,
    ) -> Any:
        """Each example drawn anew given latent variables that were inferred from it, in the form of the data.

        Args:
            x, given, lengths: the data, as :meth:`elbo` takes them.
            keep: names of the latent variables to keep, the others being drawn from ``p``; by default all are kept.
            seed: decides the draws; by default they are fresh.

        Raises:
            ArdslError: for arguments that the model cannot take.

        >>> model.reconstruct(x, seed=0).shape
        torch.Size([2, 4])
        """
        chosen = None if keep is None else self._named(keep)
        inferred = self.infer(x, given, lengths=lengths, seed=seed)
        fix = {name: value for name, value in inferred.items() if chosen is None or name in chosen}
        ends = self.lengths(x, given, lengths)
        return self.sample(self.count(inferred), given, lengths=ends or None, fix=fix, seed=seed)

    def lengths(self, x: Any, given: Any = None, lengths: Any = None) -> Data:
        """The length of each example, int64 [batch], by the variables whose length varies and has no ``end`` of its
        own."""
        values = self.values(x, given, lengths)
        varying = [v for v in self.spec.model.observed if v.varies and v.end is None]
        return {v.name: lengths_of(values[v.name].flatten(1), v) for v in varying}

    def _exact(self, values: Data) -> Data:
        """Draws of the enumerated variables from p of them given all others."""
        if not self.summed:
            return {}
        joint = torch.stack(tuple(table(self, values).values())).sum(0)
        chosen = joint.T.softmax(1).multinomial(1)[:, 0]
        return {name: value[chosen] for name, value in self.assignments.items()}

    # Pyro

    def pyro_model(self, x: Any = None, given: Any = None, *, n: int = 1) -> Any:
        """The ``p`` factors as a Pyro program, with a site for each variable in a plate of the examples.

        Sites are observed where ``x`` is given; else there are ``n`` samples. Enumerated variables are for Pyro to
        enumerate, which takes scalars with values from 0 on.

        >>> pyro.poutine.trace(model.pyro_model).get_trace(x).nodes["z"]["value"].shape
        torch.Size([2, 2])
        """
        from ardsl.compiler.latent.programs import run_model

        return run_model(self, x, given, n)

    def pyro_guide(self, x: Any = None, given: Any = None) -> Any:
        """The ``q`` factors as a Pyro guide of :meth:`pyro_model`, given data. Raises ``ArdslError`` without.

        >>> model.pyro_guide(x)["z"].shape
        torch.Size([2, 2])
        """
        from ardsl.compiler.latent.programs import run_guide

        if x is None:
            raise ArdslError("the guide infers from data: `pyro_guide(x, given)`")
        return run_guide(self, x, given)
