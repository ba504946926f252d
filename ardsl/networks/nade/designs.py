"""The design of shallow networks: how each is built, and evaluated by steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ardsl.networks.dense.slot_plan import tied_axes
from ardsl.networks.dense.slots import axes_of
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.nade.plan import ShallowPlan, layer_plans, reading

if TYPE_CHECKING:
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.nade.module import ShallowNade
    from ardsl.networks.nade.stepper import ShallowStepper
    from ardsl.networks.stepper import Run


@dataclass(frozen=True, repr=False)
class ShallowDesign(ShallowPlan):
    """One hidden layer over sums of what each draw reads."""

    def build(self) -> ShallowNade:
        from ardsl.networks.nade.module import ShallowNade

        return ShallowNade(self)

    def stepper(self, module: NetworkModule, run: Run) -> ShallowStepper:
        from ardsl.networks.nade.stepper import ShallowStepper

        return ShallowStepper(cast("ShallowNade", module), run)


def design_shallow(group: Group, network: str, options: Mapping[str, Any]) -> Design:
    """The design, for each of the group's orders."""
    readings = tuple(reading(group, options, group.orders(k)) for k in range(group.order_count))
    layers, realized = layer_plans(group, options, readings[0]), tuple(read.relation for read in readings)
    axes = tied_axes(group, axes_of(group.targets[0], options["tied"])) if options["tied"] else {}
    return ShallowDesign(group, network, dict(options), layers, realized, tied_axes=axes, readings=readings)
