"""The base of the lattice networks as plug-ins: the variables and contexts that they take, their plans and modules."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.model.model import Context
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.lattice.design import design_lattice
from ardsl.networks.lattice.given import given, unreadable
from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.plan import planning_work, spread_reach, spread_relation
from ardsl.networks.lattice.wiring import Limits, Wiring
from ardsl.networks.network import Network

MOST_CHANNELS = 16
MOST_WORK = 1 << 34
"""Steps of a processor that composing the layers may take: some seconds."""
MOST_RANKED = 1 << 14
"""Sites of an order that gives every position masks of its own."""


class LatticePlugin(Network):
    """A network of stencil layers over the first ``axes`` axes of one variable; a further axis has its channels."""

    takes_maps = True
    axes: ClassVar[int]
    spreads: ClassVar[bool] = False
    """True where what is aligned to a position enters every layer, and so reaches others."""
    needs: ClassVar[str]
    """A text for messages: what the axes are."""

    @abstractmethod
    def layers(
        self, lattice: Lattice, features: int, width: int, options: Mapping[str, Any], limits: Limits, aligned: bool
    ) -> Wiring:
        """The layers for ``features`` inputs of each group and families of ``width`` parameters."""

    @abstractmethod
    def completion(self, lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> str | None:
        """The help for a network with blind spots: how it would realize all that is declared."""

    def refusal(self, lattice: Lattice) -> str | None:
        """Why the network cannot run over an array in this order."""
        return None

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what the network cannot realize in the group."""
        for check in (self._shape_problems, self._context_problems):
            problems = list(check(group))
            yield from problems
            if problems:
                return
        yield from self._size_problems(group, options)

    def _shape_problems(self, group: Group) -> Iterator[Diagnostic]:
        """One variable of as many axes, perhaps with channels, under one order."""
        factor, variable = group.factors[0], group.targets[0].variable
        channels, events = variable.shape[self.axes :], factor.event_axes
        reason = None
        if len(group.targets) > 1:
            yield rules.ONE_FAMILY.at(group.call.span, what=f"`{self.name}`")
        elif variable.is_record:
            reason = f"`{variable.name}` is a record"
        elif len(variable.shape) not in (self.axes, self.axes + 1):
            axes = len(variable.shape)
            reason = f"`{variable.name}` has {axes} ax{'is' if axes == 1 else 'es'}"
        elif events not in ((), (self.axes,)):
            reason = f"one draw of `{factor.text}` covers other axes than the channels"
        elif channels and channels[0] > MOST_CHANNELS and not events:
            reason = f"`{variable.name}` has {channels[0]:,} channels, and the most are {MOST_CHANNELS}"
        elif group.mixed is not None:
            yield rules.TABLE_UNDER_ANY.at(group.call.span, what=f"`{self.name}`", variable=variable.name)
        else:
            reason = self.refusal(self._lattice(group))
        if reason is not None:
            yield rules.LATTICE_AXES.at(group.call.span, network=self.name, needs=self.needs, reason=reason)

    def _context_problems(self, group: Group) -> Iterator[Diagnostic]:
        """Reports contexts other than these: what is earlier, all of it or within a distance; of other variables the
        whole, or an aligned element."""
        factor, variable = group.factors[0], group.targets[0].variable
        channels = variable.shape[self.axes :]
        own = [c for c in factor.contexts if c.variable == variable.name]
        if not own:
            reason = f"it does not read `{variable.name}[<]`, so nothing is autoregressive"
            yield rules.LATTICE_CONTEXT.at(factor.target_span, network=self.name, text=factor.text, reason=reason)
        refused = [
            (context_read, why)
            for context_read in own
            if (why := self._refusal(context_read, own, channels)) is not None
        ]
        lattice = self._lattice(group)
        for context, reason in (*refused, *unreadable(group, lattice, self.spreads)):
            yield rules.LATTICE_CONTEXT.at(context.span, network=self.name, text=context.text, reason=reason)
        for context_read in given(group, lattice).through:
            context = next(c for c in factor.contexts if c.variable == context_read.source.variable.name)
            yield from context_read.problems(context)

    def _refusal(self, own: Context, every: list[Context], channels: tuple[int, ...]) -> str | None:
        """Why a context on the variable itself cannot be read."""
        if own.network is not None:
            return f"`{own.variable}` itself goes through this network only"
        if any(context.network is not None for context in every):
            return None  # which is refused for its own sake
        limits = own.selection.earlier_within(self.axes + len(channels))
        if limits is None or len(every) > 1:
            return f"of `{own.variable}` it reads all that is earlier, or that `within` a distance"
        limit = limits[self.axes] if channels else None
        if limit is not None and limit < channels[0] - 1:
            return "it reads all channels of a position that is within the distance: give their axis `*`"
        return None

    def _size_problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        lattice = self._lattice(group)
        if lattice.priority is None and lattice.sites > MOST_RANKED:
            yield rules.TOO_MANY_SITES.at(
                group.call.span, order=lattice.order.name, sites=f"{lattice.sites:,}", limit=f"{MOST_RANKED:,}"
            )
        elif planning_work(self._wiring(group, options)) > MOST_WORK:
            yield rules.TOO_DEEP.at(group.call.span, network=self.name)
        else:
            yield from self._spread_problems(group, options)

    def _spread_problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports sources whose every reader is not declared: what enters at one position reaches others."""
        wiring = self._wiring(group, options)
        for spread in given(group, wiring.lattice).spread:
            if spread_relation(wiring, spread).minus(group.at_draws(spread.part)).count:
                context = next(c for c in group.factors[0].contexts if c.variable == spread.source.variable.name)
                far = spread_reach(wiring)
                reason = f"what enters at one time step reaches the {far:,} after it, and must be declared as far"
                yield rules.LATTICE_CONTEXT.at(context.span, network=self.name, text=context.text, reason=reason)

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        problems = list(self.problems(group, options))
        if problems:
            return problems
        wiring = self._wiring(group, options)
        helps = [self.completion(wiring.lattice, options, self._limits(group))]
        for spread in given(group, wiring.lattice).spread:
            if group.at_draws(spread.part).minus(spread_relation(wiring, spread)).count:
                far, name = spread_reach(wiring), spread.source.variable.name
                helps.insert(0, f"what `{name}` gives reaches {far:,} time steps on: begin its range as far back")
        completion = "; ".join(filter(None, helps)) or None
        return design_lattice(group, self.name, options, wiring, completion)

    def _wiring(self, group: Group, options: Mapping[str, Any]) -> Wiring:
        """The layers that a group gets."""
        lattice = self._lattice(group)
        target = group.targets[0]
        features = target.variable.element_domain(0).features * lattice.elements_per_site
        aligned = bool(given(group, lattice).aligned)
        return self.layers(lattice, features, target.family.width, options, self._limits(group), aligned)

    def _lattice(self, group: Group) -> Lattice:
        variable = group.targets[0].variable
        return Lattice.of(group, group.orders()[variable.name], self.axes)

    def _limits(self, group: Group) -> Limits:
        variable = group.targets[0].variable
        own = next(c.selection for c in group.factors[0].contexts if c.variable == variable.name)
        limits = own.earlier_within(len(variable.shape))
        assert limits is not None  # see problems
        return limits[: self.axes]
