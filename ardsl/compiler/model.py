"""The compiled model: one torch module whose log-density is the product of the spec's conditionals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.arguments import checked_count, checked_name, checked_order
from ardsl.common.wording import shown
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.beginning import start
from ardsl.compiler.conditional import complete, require_plain
from ardsl.compiler.elementwise import by_element
from ardsl.compiler.guards import evaluating, same_orders
from ardsl.compiler.loss import loss
from ardsl.compiler.missing import Pattern, by_pattern, may_miss, present, with_last
from ardsl.compiler.noise import Noise, make_noise
from ardsl.compiler.sampler import Sampler, configurations, sample_whole
from ardsl.compiler.series import SeriesSampler, in_turn
from ardsl.compiler.spans import Window, pieces
from ardsl.compiler.stream import stream
from ardsl.compiler.units import Units
from ardsl.compiler.values import (
    Values,
    by_name,
    conditioning,
    cut,
    encode,
    expand_given,
    flat,
    legal,
    observed_values,
    require_values,
    shaped,
    whole,
)
from ardsl.errors import ArdslError
from ardsl.families.distributions import build_family
from ardsl.model.model import Variable
from ardsl.networks.module import Configuration, NetworkModule, Span
from ardsl.networks.registry import network
from ardsl.spec import Spec

if TYPE_CHECKING:
    from ardsl.compiler.distribution import ModelDistribution

_Evaluator = TypeVar("_Evaluator", Sampler, SeriesSampler)


class AutoregressiveModel(CompiledModel):
    """A density whose conditionals depend on exactly the contexts the spec declares.

    ``log_prob`` is exact, in nats per example. Tensors have the declared axes in the declared order, batch first. With
    one observed variable data is a tensor, with several a dict by name.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.groups = [plan.group for plan in spec.plan.groups]
        self.networks = nn.ModuleList([network(plan.network).build(plan) for plan in spec.plan.groups])
        self.conditionals = [
            [build_family(t.family, t.variable.element_domain(int(t.elements[0, 0]))) for t in group.targets]
            for group in self.groups
        ]
        self.units = Units(spec.model, spec.plan.groups)
        self.may_miss = may_miss(spec.model)
        self._samplers: dict[Any, Any] = {}
        for variable in spec.model.observed:
            # Saved with the weights: a random order is a function of its seed only for one version of numpy.
            ranks = np.stack([order.rank for order in variable.orders.orders]).astype(np.int32)
            self.register_buffer(f"rank_{variable.name}", torch.from_numpy(ranks))
        self.register_load_state_dict_pre_hook(same_orders)
        for plan, net, conditionals in zip(spec.plan.groups, self.networks, self.conditionals, strict=True):
            starts = [
                conditional.initial_raw().repeat(t.draws if plan.back is None else t.draws // t.variable.shape[0])
                for t, conditional in zip(plan.group.targets, conditionals, strict=True)
            ]
            net.start_at(torch.cat(starts) if starts else torch.zeros(0))  # type: ignore[operator]

    def measure(self, examples: Mapping[str, Tensor]) -> None:
        """Take the units of these examples, [examples, *shape] by variable; of others the units stay."""
        self.units.measure(examples)

    # Likelihood

    def raw(
        self, group: int, values: Values, configuration: Configuration = 0, *, validate: bool = False
    ) -> list[Tensor]:
        """A group's raw numbers, one [batch, draws, width] tensor per target block; with ``validate`` also where values
        that it reads are outside their domains."""
        return self.split(group, self.networks[group](self._inputs(group, values, validate), configuration))

    def _inputs(self, group: int, values: Values, validate: bool) -> Tensor:
        net: NetworkModule = self.networks[group]  # type: ignore[assignment]
        return encode(self.groups[group], values, net.reads, validate=validate)

    def split(self, group: int, raw: Tensor) -> list[Tensor]:
        """A network's output [batch, rows] as one [batch, draws, width] tensor per target block."""
        targets = self.groups[group].targets
        parts = raw.split([t.draws * t.family.width for t in targets], dim=1)
        return [part.unflatten(1, (t.draws, t.family.width)) for t, part in zip(targets, parts, strict=True)]

    def draw_log_probs(
        self,
        group: int,
        values: Values,
        configuration: Configuration = 0,
        *,
        validate: bool = True,
        span: Span | None = None,
    ) -> list[Tensor]:
        """The log-probability of every draw of a group, one [batch, draws] tensor per target block; −inf for values
        outside their domains, which ``validate = False`` takes to be absent. Of a group along time also those of a
        ``span`` alone."""
        spans = [span] if span is not None else pieces(self.spec.plan.groups[group], values)
        if spans is None:
            raw = self.raw(group, values, configuration, validate=validate)
            return self._densities(group, raw, values, validate)
        target = self.groups[group].targets[0]
        net, inputs = self.networks[group], self._inputs(group, values, validate)
        found = []
        for each in spans:
            part = net(inputs, configuration, each).unflatten(1, (-1, target.family.width))
            found += self._densities(group, [part], values, validate, each)
        whole = found[0] if len(found) == 1 else torch.cat(found, 1)
        return [whole if span is not None else F.pad(whole, (0, target.draws - whole.shape[1]))]

    def _densities(
        self, group: int, raw: list[Tensor], values: Values, validate: bool, span: Span | None = None
    ) -> list[Tensor]:
        found = []
        for target, conditional, numbers in zip(self.groups[group].targets, self.conditionals[group], raw, strict=True):
            variable, beyond = target.variable, None
            value = values[variable.name]
            if span is not None:
                value = span.of(value.unflatten(1, (variable.shape[0], -1)), torch.nan).flatten(1)
            if variable.varies or span is not None:
                beyond = value.isnan()
                value = value.masked_fill(beyond, legal(variable.element_domain(0)))
            if not target.whole:
                value = value[:, target.elements.reshape(-1)]
            if target.factor.event_axes:
                value = value.unflatten(1, (-1, target.elements.shape[1]))
            log_prob = conditional.log_prob(numbers, value, validate=validate)
            log_scale = self.units.log_scale(target)
            if log_scale is not None and span is not None:  # it is the same at all moments
                log_scale = log_scale[: target.draws // variable.shape[0]].repeat(span.length)
            log_prob = log_prob if log_scale is None else log_prob - log_scale
            if beyond is not None:
                gone = beyond[:, target.elements[:, 0]] if span is None else beyond[:, :: target.elements.shape[1]]
                log_prob = log_prob.masked_fill(gone, 0.0)
            found.append(log_prob)
        return found

    def log_prob(
        self,
        x: Any,
        given: Any = None,
        *,
        lengths: Any = None,
        elementwise: bool = False,
        order: int | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """log p(x | given) of each example, [batch], in nats.

        ``elementwise`` gives the conditionals' own log-probabilities instead, by variable, [batch, *draws]; under
        ``any(orders = K)`` these need ``order = k``. There the density is the uniform mixture
        p(x) = 1/K Σ_k p_k(x) over the K orders, and ``order = k`` gives the k-th. With ``train = "all"`` a NaN is a
        missing value: the density is then that of the others, under the same orders with what is missing placed last.

        Of a variable of varying length, ``lengths`` [batch] (by name where several vary) says where each example ends;
        what is NaN, or not in the array, lies beyond its end, too.
        """
        if torch.is_grad_enabled():
            self.forget()
        order = None if order is None else self._checked_order(order)
        values = self.values(x, given, lengths)
        require_values(values, self.spec.model.observed, self.may_miss)
        return by_element(self, values, order) if elementwise else self.log_prob_of(values, order)

    def log_prob_of(self, values: Values, order: int | None = None) -> Tensor:
        """:meth:`log_prob` of values that :meth:`values` gave."""
        return torch.stack(tuple(self.variable_log_probs(values, order).values())).sum(0)

    def variable_log_probs(self, values: Values, order: int | None = None) -> dict[str, Tensor]:
        """log p(variable | its parents) of each example, by variable, [batch]: of those elements that are not NaN
        (missing), which the orders place last."""
        parts, back = by_pattern(values, self.may_miss, self.spec.variables)
        # The mixture is over the joint log-probabilities of all its draws, never over logits or single conditionals.
        found = {
            name: each.logsumexp(0) - math.log(len(each)) for name, each in self.order_log_probs(parts, order).items()
        }
        return found if back is None else {name: each[back] for name, each in found.items()}

    def order_log_probs(self, parts: Sequence[Pattern], order: int | None = None) -> dict[str, Tensor]:
        """:meth:`variable_log_probs` under each order of the variable by itself, [orders, batch], of the examples of
        all parts one after the other."""
        under: dict[str, dict[int, Tensor]] = {}
        for index, group in enumerate(self.groups):
            orders = self.orders(group.mixed, order)
            for k in orders:
                for target, log_prob in zip(group.targets, self.present_log_probs(index, parts, k), strict=True):
                    mixed = target.variable is group.mixed
                    if mixed or k == orders[0]:  # another variable of the group is the same under every order
                        sums = under.setdefault(target.variable.name, {})
                        place = k if mixed else 0
                        sums[place] = sums.get(place, 0) + log_prob.sum(-1)
        return {name: torch.stack(tuple(sums.values())) for name, sums in under.items()}

    def present_log_probs(
        self, group: int, parts: Sequence[Pattern], configuration: Configuration, validate: bool = True
    ) -> list[Tensor]:
        """:meth:`draw_log_probs` of the examples of all parts one after the other, with 0 for what is missing. Only
        the networks, whose orders differ, are evaluated part by part."""
        each = self.groups[group]
        if len(parts) == 1:
            ((values, missing),) = parts
            found = self.draw_log_probs(group, values, with_last(each, configuration, missing), validate=validate)
        else:
            raw = [
                self.raw(group, here, with_last(each, configuration, missing), validate=validate)
                for here, missing in parts
            ]
            values = {name: torch.cat([here[name] for here, _ in parts]) for name in parts[0][0]}
            found = self._densities(group, [torch.cat(blocks) for blocks in zip(*raw, strict=True)], values, validate)
        masks = [present(target, parts) for target in each.targets]
        return [
            part if mask is None else torch.where(mask.to(part.device), part, 0.0)
            for part, mask in zip(found, masks, strict=True)
        ]

    def orders(self, mixed: Variable | None, order: int | None) -> Sequence[int]:
        """Those of a variable under ``any(…)`` by number, or the one asked for."""
        count = 1 if mixed is None else len(mixed.orders.orders)
        return range(count) if order is None else (order,)

    def _checked_order(self, order: object) -> int:
        """The number of an order of the variables under ``any(…)``, or of the one order that there is without."""
        mixed = [group.mixed for group in self.groups if group.mixed is not None]
        for variable in mixed or self.spec.model.observed[:1]:
            number = checked_order(order, variable.name, len(variable.orders.orders))
        return number

    def loss(
        self, batch: dict[str, Any], generator: np.random.Generator | None = None, window: Window | None = None
    ) -> Tensor:
        """What training minimizes: the mean negative log-likelihood per example, in nats.

        Under ``any(orders = K)`` one order is drawn for the batch (with ``train = "all"`` a fresh one of all D!):
        an unbiased estimate of the mean over orders of −log p_k, which bounds the mixture's. With a ``window`` it is
        estimated from a part of each example.
        """
        self.forget()
        return loss(self, batch, generator, window)

    def values(self, x: Any, given: Any = None, lengths: Any = None, *, check: bool = True) -> Values:
        """The user's arrays, checked for shape, as flat tensors in the model's units; what is given is also checked for
        its domain, unless that has been done."""
        model, like = self.spec.model, self.like
        found = observed_values(x, model.observed, like)
        count = len(next(iter(found.values())))
        found |= expand_given(conditioning(given, model.given, like, check=check), count)
        return self.units.inward(cut(found, lengths, tuple(self.spec.variables.values())))

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
        begin: Any = None,
        seed: int | None = None,
        noise: Noise | None = None,
        evaluator: Literal["step", "whole"] = "step",
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
        values, known = start(self, n, given, lengths, begin)
        in_series = begin is not None or in_turn(self)
        with evaluating(self):
            for configuration, rows in configurations(self.groups, noise):
                part, here = {name: value[rows] for name, value in values.items()}, noise.rows(rows)
                if evaluator == "whole":
                    drawn = sample_whole(self, part, here, configuration, known)
                elif in_series:
                    drawn = self._series_sampler(len(rows)).sample(part, here.draws[0][0], known)
                else:
                    drawn = self._sampler(configuration, len(rows)).run(part, here)
                for variable in self.spec.model.observed:
                    values[variable.name][rows] = drawn[variable.name]
        values = self.units.outward(values)
        found = {v.name: shaped(whole(values[v.name], v), v) for v in self.spec.model.observed}
        return next(iter(found.values())) if len(found) == 1 else found

    def stream(
        self,
        given: Any = None,
        *,
        n: int = 1,
        moments: int = 1024,
        length: int | None = None,
        begin: Any = None,
        seed: int | None = None,
    ) -> Iterator[Tensor]:
        """What :meth:`sample` gives, in chunks [n, moments, …] as they are drawn, of a variable along time. ``length``:
        how many moments in all, where that varies. After a ``begin`` come the moments that follow it. Where the
        variable has an ``end``, nothing follows once all samples have ended, and a chunk may be shorter. A stream goes
        on with the weights that it began with."""
        return stream(self, given, n, moments, length, begin, seed)

    def _sampler(self, configuration: tuple[int, ...], batch: int) -> Sampler:
        return self._kept((configuration, batch), partial(Sampler, self, configuration, batch))

    def _series_sampler(self, batch: int) -> SeriesSampler:
        return self._kept(("series", batch), partial(SeriesSampler, self, batch))

    def _kept(self, key: object, make: Callable[[tuple[Any, ...]], _Evaluator]) -> _Evaluator:
        """A step evaluator, kept while the weights stand: made for their version, and known by its key."""
        version = tuple((p.data_ptr(), p._version, p.dtype) for p in self.parameters())
        kept = self._samplers.get(key)
        if kept is None or kept.version != version:
            if len(self._samplers) >= 8:
                self._samplers.clear()
            kept = self._samplers[key] = make(version)
        return kept

    def forget(self) -> None:
        """Drop what is kept of the weights: a step may be coming, and a fused optimizer's leaves no mark on them."""
        self._samplers.clear()

    def complete(self, x: Any, given: Any = None, *, seed: int | None = None, likely: bool = False) -> Any:
        """``x`` with every NaN filled, by an exact draw of what is missing given the rest of its example.

        ``likely`` fills in the most likely value at each draw instead. Raises ``OrderForbids`` (an ``ArdslError``)
        where the order draws a missing element before one that is there, which only ``any(…, train = "all")`` allows.
        """
        require_plain(self)
        values = self.values(x, given)
        drawn = self.units.outward(complete(self, values, seed, likely))
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

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_samplers": {}}
