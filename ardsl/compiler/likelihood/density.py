"""The density of a spec on flat values: networks, conditionals and standardization together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ardsl.compiler.arrays.encoding import encode
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.guards import same_orders
from ardsl.compiler.likelihood.missing import Pattern, by_pattern, present, with_last
from ardsl.compiler.likelihood.spans import covering_spans
from ardsl.compiler.standardization import Standardization
from ardsl.families.distributions import build_family
from ardsl.model.model import Variable
from ardsl.networks.asked import AskedNetwork
from ardsl.networks.design import Design
from ardsl.networks.module import NetworkModule, Span
from ardsl.networks.registry import faults_of
from ardsl.networks.stepper import Orders
from ardsl.spec import Spec

_FEW = 8
"""Examples that miss the same elements, on average, up to which all patterns are evaluated together."""


class Density(CompiledModel):
    """The conditionals of a spec, group by group: a group's factors share one network.

    Values are [batch, elements] by variable, standardized: see ``units``.
    """

    def __init__(self, spec: Spec) -> None:
        super().__init__(spec)
        self.groups = [plan.group for plan in spec.plan.groups]
        for group in self.groups:  # cached now, since a tracer cannot enter their locks
            _ = group.mixed, group.elements, [t.whole for t in group.targets], [s.runs for s in group.sources]
        self.networks = nn.ModuleList(map(_built, spec.plan.groups))
        self.networks_by_group: tuple[NetworkModule, ...] = tuple(self.networks)  # type: ignore[arg-type]
        """The networks by group, without torch's slow look-up by name."""
        self.conditionals = [
            [build_family(t.family, t.variable.element_domain(int(t.elements[0, 0]))) for t in group.targets]
            for group in self.groups
        ]
        self.units = Standardization(spec.model, spec.plan.groups)
        self.may_miss = spec.model.may_miss
        self._domains = [(v.name, *run) for v in spec.variables.values() for run in v.domain_runs(range(v.size))]
        self.plain = not any(v.varies or v.orders.mixed for v in spec.variables.values())
        """True where no length varies and each variable has one order: each draw has one term in the likelihood."""
        self.asks = any(network.asked for network in self.networks_by_group)
        """True where a network is asked with a mask: training estimates its likelihood."""
        for variable in spec.model.observed:
            # Saved with the weights: a random order is a function of its seed only for one version of numpy.
            ranks = np.stack([order.rank for order in variable.orders.orders]).astype(np.int32)
            self.register_buffer(f"rank_{variable.name}", torch.from_numpy(ranks))
        self.register_load_state_dict_pre_hook(same_orders)
        for plan, net, conditionals in zip(spec.plan.groups, self.networks, self.conditionals, strict=True):
            along_time = plan.receptive_field is not None  # the parameters to start at are of one time step
            starts = [
                conditional.initial_raw().repeat(t.draws // t.variable.shape[0] if along_time else t.draws)
                for t, conditional in zip(plan.group.targets, conditionals, strict=True)
            ]
            net.start_at(torch.cat(starts) if starts else torch.zeros(0))  # type: ignore[operator]

    @property
    def like(self) -> Tensor:
        return self.units.like

    def standardize_by(self, examples: Mapping[str, Tensor]) -> None:
        self.units.measure(examples)

    def all_inside(self, values: Values) -> bool:
        """Says whether every value is there, and inside its domain."""
        return all(
            bool(domain.inside(values[name][:, first:last]).all()) for name, domain, first, last in self._domains
        )

    # Conditionals

    def inputs(self, group: int, values: Values, columns: range | None = None, *, validate: bool = False) -> Tensor:
        """The inputs of a group's network, [batch, columns]: all, or those of some consecutive source elements."""
        reads = self.networks_by_group[group].reads
        return self.as_read(group, encode(self.groups[group], values, reads, columns, validate=validate))

    def as_read(self, group: int, inputs: Tensor) -> Tensor:
        """Inputs in the type that a group's network reads: features in its own, codes in single precision at least."""
        codes, dtype = self.networks_by_group[group].reads == "codes", self.like.dtype
        dtype = torch.promote_types(dtype, torch.float32) if codes else dtype
        return inputs if inputs.dtype == dtype else inputs.to(dtype)

    def conditional_parameters(
        self, group: int, values: Values, orders: Orders = 0, *, validate: bool = False
    ) -> list[Tensor]:
        """The parameters of a group's conditionals, one [batch, draws, width] tensor per target block; with
        ``validate`` also where values that it reads are outside their domains."""
        inputs = self.inputs(group, values, validate=validate)
        return self.split(group, self.networks_by_group[group](inputs, orders))

    def split(self, group: int, rows: Tensor) -> list[Tensor]:
        """A network's output [batch, rows] as one [batch, draws, width] tensor per target block."""
        targets = self.groups[group].targets
        if len(targets) == 1:
            return [rows.unflatten(1, (targets[0].draws, targets[0].family.width))]
        blocks = rows.split([t.draws * t.family.width for t in targets], dim=1)
        return [block.unflatten(1, (t.draws, t.family.width)) for t, block in zip(targets, blocks, strict=True)]

    def draw_log_probs(
        self,
        group: int,
        values: Values,
        orders: Orders = 0,
        *,
        validate: bool = True,
        span: Span | None = None,
        complete: bool = False,
    ) -> list[Tensor]:
        """The log-probability of every draw of a group, one [batch, draws] tensor per target block, in nats; −inf for
        values outside their domains, which ``validate = False`` takes to be absent. Of a group along time also those of
        a ``span`` alone. ``complete``: no example ends early."""
        spans = [span] if span is not None else covering_spans(self.spec.plan.groups[group], values, complete=complete)
        if spans is None:
            parameters = self.conditional_parameters(group, values, orders, validate=validate)
            return self.block_log_probs(group, parameters, values, validate)
        target = self.groups[group].targets[0]
        net, inputs = self.networks_by_group[group], self.inputs(group, values, validate=validate)
        log_probs = []
        for piece in spans:
            parameters = [net(inputs, orders, piece).unflatten(1, (-1, target.family.width))]
            log_probs += self.block_log_probs(group, parameters, values, validate, piece)
        whole = log_probs[0] if len(log_probs) == 1 else torch.cat(log_probs, 1)
        return [whole if span is not None else F.pad(whole, (0, target.draws - whole.shape[1]))]

    def block_log_probs(
        self, group: int, parameters: list[Tensor], values: Values, validate: bool, span: Span | None = None
    ) -> list[Tensor]:
        """The log-probability of every draw given its conditional's parameters, as of :meth:`draw_log_probs`."""
        log_probs = []
        blocks = zip(self.groups[group].targets, self.conditionals[group], parameters, strict=True)
        for block, (target, conditional, own) in enumerate(blocks):
            variable, beyond = target.variable, None
            value = values[variable.name]
            if span is not None:
                value = span.of(value.unflatten(1, (variable.shape[0], -1)), torch.nan).flatten(1)
            if variable.varies or span is not None:
                beyond = value.isnan()
                value = value.masked_fill(beyond, variable.element_domain(0).feasible)
            if not target.whole:
                value = value[:, target.elements.reshape(-1)]
            if conditional.joint:
                value = value.unflatten(1, (-1, target.elements.shape[1]))
            log_prob = conditional.log_prob(own, value, validate=validate)
            log_scale = self.units.log_scale(group, block)
            if log_scale is not None and span is not None:  # it is the same at all time steps
                log_scale = log_scale[: target.draws // variable.shape[0]].repeat(span.length)
            log_prob = log_prob if log_scale is None else log_prob - log_scale
            if beyond is not None:
                draws_beyond = (
                    beyond[:, target.elements[:, 0]] if span is None else beyond[:, :: target.elements.shape[1]]
                )
                log_prob = log_prob.masked_fill(draws_beyond, 0.0)
            log_probs.append(log_prob)
        return log_probs

    # Likelihoods

    def log_prob_of(self, values: Values, order: int | range | None = None, *, complete: bool = False) -> Tensor:
        """log p of each example, [batch], in nats: under ``any(…)`` that of the mixture of all orders, of a range of
        them, or of one ``order``. ``complete``: all values are there and inside their domains, which is not
        checked."""
        if self.plain and complete:  # what the general way gives, in fewer calls, whose time shows in small models
            by_group = [
                self.draw_log_probs(index, values, validate=False, complete=True) for index in range(len(self.groups))
            ]
            log_probs = [
                log_prob.sum(-1) if log_prob.shape[1] > 1 else log_prob.squeeze(-1)
                for blocks in by_group
                for log_prob in blocks
            ]
        else:
            log_probs = list(self.variable_log_probs(values, order, complete=complete).values())
        return log_probs[0] if len(log_probs) == 1 else torch.stack(log_probs).sum(0)

    def variable_log_probs(
        self, values: Values, order: int | range | None = None, *, complete: bool = False
    ) -> dict[str, Tensor]:
        """log p(variable | its parents) of each example, by variable, [batch]: of those elements that are not NaN
        (missing), which the orders place last."""
        patterns: list[Pattern] = [(values, {})]
        restore = None
        if not complete:
            patterns, restore = by_pattern(values, self.may_miss, self.spec.variables)
        # The mixture is over the joint log-probabilities of all its draws, never over logits or single conditionals.
        log_probs = {
            name: under[0] if len(under) == 1 else torch.stack(under).logsumexp(0) - math.log(len(under))
            for name, under in self._by_order(patterns, order, complete).items()
        }
        if restore is None:
            return log_probs
        return {name: log_prob[restore] for name, log_prob in log_probs.items()}

    def order_log_probs(self, patterns: Sequence[Pattern], order: int | range | None = None) -> dict[str, Tensor]:
        """:meth:`variable_log_probs` under each order of the variable by itself, [orders, batch], of the examples of
        all patterns one after the other."""
        return {name: torch.stack(under) for name, under in self._by_order(patterns, order, False).items()}

    def _by_order(
        self, patterns: Sequence[Pattern], order: int | range | None, complete: bool
    ) -> dict[str, list[Tensor]]:
        """log p(variable | its parents) of each example, [batch], under each order of the variable: by variable."""
        under: dict[str, dict[int, Tensor]] = {}
        for index, group in enumerate(self.groups):
            numbers = self.order_numbers(group.mixed, order)
            for k in numbers:
                log_probs = self.present_log_probs(index, patterns, k, not complete, complete)
                for target, log_prob in zip(group.targets, log_probs, strict=True):
                    mixed = target.variable is group.mixed
                    if mixed or k == numbers[0]:  # another variable of the group is the same under every order
                        sums = under.setdefault(target.variable.name, {})
                        place, total = k if mixed else 0, log_prob.sum(-1)
                        sums[place] = sums[place] + total if place in sums else total
        return {name: list(sums.values()) for name, sums in under.items()}

    def present_log_probs(
        self,
        group: int,
        patterns: Sequence[Pattern],
        orders: Orders,
        validate: bool = True,
        complete: bool = False,
    ) -> list[Tensor]:
        """The log-probability of every draw of a group, as of :meth:`draw_log_probs`, with 0 for missing values: of the
        examples of all patterns, one after the other. Only the networks, whose orders differ, are evaluated pattern by
        pattern."""
        own = self.groups[group]
        if len(patterns) == 1:
            ((values, missing),) = patterns
            under = with_last(own, orders, missing)
            log_probs = self.draw_log_probs(group, values, under, validate=validate, complete=complete)
        else:
            values = {name: torch.cat([own_values[name] for own_values, _ in patterns]) for name in patterns[0][0]}
            parameters = self._parameters_of_patterns(group, patterns, values, orders, validate)
            log_probs = self.block_log_probs(group, parameters, values, validate)
        if not any(missing for _, missing in patterns):
            return log_probs
        masks = [present(target, patterns) for target in own.targets]
        return [
            log_prob if mask is None else torch.where(mask.to(log_prob.device), log_prob, 0.0)
            for log_prob, mask in zip(log_probs, masks, strict=True)
        ]

    def _parameters_of_patterns(
        self, group: int, patterns: Sequence[Pattern], values: Values, orders: Orders, validate: bool
    ) -> list[Tensor]:
        """The parameters of the examples of all patterns, which have ``values`` one after the other: one [examples,
        draws, width] tensor per target block. A network asked with a mask evaluates many small patterns together."""
        own, network = self.groups[group], self.networks_by_group[group]
        under = [with_last(own, orders, missing) for _, missing in patterns]
        counts = [len(next(iter(own_values.values()))) for own_values, _ in patterns]
        if not isinstance(network, AskedNetwork) or not network.any_order or sum(counts) > _FEW * len(patterns):
            by_pattern = [
                self.conditional_parameters(group, own_values, pattern_orders, validate=validate)
                for (own_values, _), pattern_orders in zip(patterns, under, strict=True)
            ]
            return [torch.cat(blocks) for blocks in zip(*by_pattern, strict=True)]
        by_variable = [own.orders(chosen) if isinstance(chosen, int) else chosen for chosen in under]
        ranks = np.stack([chosen[own.targets[0].variable.name].rank for chosen in by_variable])
        inputs = self.inputs(group, values, validate=validate)
        rank = torch.from_numpy(np.repeat(ranks, counts, axis=0)).to(inputs.device)
        return self.split(group, torch.cat([network.of_draw(draw, inputs, rank) for draw in range(own.draws)], 1))

    def order_numbers(self, mixed: Variable | None, order: int | range | None) -> Sequence[int]:
        """The numbers of a variable's orders under ``any(…)``, or those asked for."""
        if mixed is None:
            return (0,)
        if isinstance(order, range):
            return order
        return range(len(mixed.orders.orders)) if order is None else (order,)


def _built(design: Design) -> NetworkModule:
    """The module of a design. Raises ``ArdslError`` where a network of another package fails."""
    with faults_of(design.network):
        return design.build()
