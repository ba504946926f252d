"""Tables of linear maps: weights of their own for each value of one context, ``linear(by = k)``.

One linear network reads all other contexts and gives each draw a set of parameters for every value of ``k``; the set of
the value that ``k`` has is chosen. So whatever serves linear networks (masks, orders, packed and tied weights, steps)
serves these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast

from ardsl.common.wording import listed
from ardsl.diagnostics import Diagnostic, did_you_mean
from ardsl.diagnostics.rules import networks as rules
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.relations import Beside, Everything, Order, Relation

if TYPE_CHECKING:
    from ardsl.networks.dense.by_module import ByNetwork
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.stepper import Run, Stepper

MAX_VALUES = 1 << 16
"""The most values of what weights are chosen by."""


@dataclass(frozen=True, repr=False)
class ByDesign(Design):
    """A linear network whose draws each get a set of parameters for every value of the first source, which chooses."""

    inner: Design = field(kw_only=True)

    def declared(self, orders: Mapping[str, Order]) -> Relation:
        return _beside(self.inner.declared(orders))

    def build(self) -> ByNetwork:
        from ardsl.networks.dense.by_module import ByNetwork

        return ByNetwork(self, self.inner.build(), self.inner.group.alternatives)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.dense.by_module import ByStepper

        network = cast("ByNetwork", module)
        others = replace(run, element_step=run.element_step[1:])
        return ByStepper(network, self.inner.stepper(network.inner, others), run)


def by_problems(network: str, group: Group, by: str) -> Iterator[Diagnostic]:
    """Why weights cannot be chosen by the variable of this name."""
    for factor in group.factors:
        read = list(dict.fromkeys(context.variable for context in factor.contexts))
        reason = _unfit(group, by) if by in read else f"`{factor.text}` does not read it"
        if reason is not None:
            contexts = f"name one of its contexts: {listed(read)}" if read else None
            help = None if by in read else did_you_mean(by, read) or contexts
            span = group.call.option_spans["by"]
            yield rules.CHOSEN_BY.at(span, network=network, name=by, reason=reason, help=help)
            return


def _unfit(group: Group, by: str) -> str | None:
    """Why a variable that is read cannot choose weights."""
    variable = next(source.variable for source in group.sources if source.variable.name == by)
    if variable.is_record or variable.shape:
        return f"it is {'a record' if variable.is_record else 'an array'}, and one value has to choose"
    levels = variable.element_domain(0).levels
    if levels is None:
        return f"its domain, `{variable.element_domain(0)}`, is not finite"
    return f"it has {levels:,} values, and at most {MAX_VALUES:,} can choose" if levels > MAX_VALUES else None


def design_by(group: Group, by: str, linear: Callable[[Group], Design], options: Mapping[str, Any]) -> Design:
    """A linear network for every value of a variable that all draws read whole; ``linear`` designs one."""
    chooser = next(source for source in group.sources if source.variable.name == by)
    levels = chooser.variable.element_domain(0).levels
    assert levels is not None  # by_problems refuses others
    inner = linear(group.without(by, levels))
    group = replace(group, sources=(chooser, *inner.group.sources))
    realized = tuple(map(_beside, inner.realized))
    (layer,) = inner.layers
    layer = replace(layer, name=f"{layer.name}, by {by}", relation=realized[0])
    return ByDesign(group, inner.network, dict(options), (layer,), realized, tied_axes=inner.tied_axes, inner=inner)


def _beside(others: Relation) -> Relation:
    """The relation to the other sources beside the first, of whose one element every draw reads."""
    return Beside(others.targets, (Everything(others.targets, 1), others))
