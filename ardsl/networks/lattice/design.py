"""The designs of lattice networks: how each is built, and evaluated by steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.lattice.plan import plan_lattice
from ardsl.networks.lattice.wiring import Wiring
from ardsl.relations import Order, Relation

if TYPE_CHECKING:
    from ardsl.networks.lattice.module import LatticeNetwork
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.stepper import Run, Stepper, TimeStepper


@dataclass(frozen=True, repr=False, kw_only=True)
class LatticeDesign(Design):
    """Stencil layers over an array, as ``wiring`` connects them."""

    wiring: Wiring

    def declared(self, orders: Mapping[str, Order]) -> Relation:
        """Source by source, as what is realized."""
        return self.group.by_source(orders)

    def build(self) -> LatticeNetwork:
        from ardsl.networks.lattice.module import LatticeNetwork

        return LatticeNetwork(self, self.wiring)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        """Keeps the features of every site, or along time, where its steps come one after another, those still read."""
        from ardsl.networks.lattice.in_turn import InTurn
        from ardsl.networks.lattice.stepper import LatticeStepper

        network = cast("LatticeNetwork", module)
        return InTurn(network, run) if InTurn.fits(network, run) else LatticeStepper(network, run)

    def time_stepper(self, module: NetworkModule, batch: int) -> TimeStepper:
        from ardsl.networks.lattice.ring import RingStepper

        return RingStepper(cast("LatticeNetwork", module), batch)


def design_lattice(
    group: Group, network: str, options: Mapping[str, Any], wiring: Wiring, completion: str | None
) -> LatticeDesign:
    """Stencil layers; ``completion`` says how the network would realize all that is declared."""
    return LatticeDesign(
        group=group,
        network=network,
        options=dict(options),
        completion=completion,
        wiring=wiring,
        **plan_lattice(group, options, wiring),
    )
