"""The designs of dense networks: how each is built, and evaluated by steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, cast

from ardsl.networks.dense.plan import plan_dense
from ardsl.networks.dense.slot_plan import plan_table, plan_tied
from ardsl.networks.design import Design
from ardsl.networks.group import Group

if TYPE_CHECKING:
    from ardsl.networks.dense.module import DenseNetwork
    from ardsl.networks.dense.packed import PackedNetwork
    from ardsl.networks.dense.slot_module import TableNetwork, TiedNetwork
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.stepper import Run, Stepper


@dataclass(frozen=True, repr=False)
class DenseDesign(Design):
    """Masked linear layers."""

    def build(self) -> DenseNetwork:
        from ardsl.networks.dense.module import DenseNetwork

        return DenseNetwork(self)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.dense.stepper import dense_stepper

        return dense_stepper(cast("DenseNetwork", module), run)


@dataclass(frozen=True, repr=False)
class PackedDesign(Design):
    """Linear layers that store weights for what is read alone."""

    def build(self) -> PackedNetwork:
        from ardsl.networks.dense.packed import PackedNetwork

        return PackedNetwork(self)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.slot_stepper import SlotStepper

        packed = cast("PackedNetwork", module)
        return SlotStepper(packed.rows, run.element_step[self.group.feature_element], run, next(packed.parameters()))


@dataclass(frozen=True, repr=False)
class TiedDesign(Design):
    """One dense network applied to every draw's slots."""

    def build(self) -> TiedNetwork:
        from ardsl.networks.dense.slot_module import TiedNetwork

        return TiedNetwork(self)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.slot_stepper import SlotStepper

        tied = cast("TiedNetwork", module)
        applied = tied.applied(run.orders)
        return SlotStepper(
            lambda inputs, draws: tied.rows(inputs, applied, draws),
            run.element_step[self.group.feature_element],
            run,
            tied.biases[-1],
        )


@dataclass(frozen=True, repr=False)
class TableDesign(Design):
    """A conditional probability table."""

    def build(self) -> TableNetwork:
        from ardsl.networks.dense.slot_module import TableNetwork

        return TableNetwork(self)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.slot_stepper import SlotStepper

        table = cast("TableNetwork", module)
        address = table.address(run.orders)
        return SlotStepper(
            lambda codes, draws: table.look_up(codes, address, draws), run.element_step, run, table.rows, table.reads
        )


def design_dense(group: Group, network: str, options: Mapping[str, Any]) -> Design:
    """Masked linear layers, packed where little is read."""
    planned = plan_dense(group, network, options)
    return _as(DenseDesign if all(layer.packed is None for layer in planned.layers) else PackedDesign, planned)


def design_tied(group: Group, network: str, options: Mapping[str, Any]) -> Design:
    """One dense network for every draw."""
    return _as(TiedDesign, plan_tied(group, network, options))


def design_table(group: Group, options: Mapping[str, Any]) -> Design:
    """A row of parameters for every value of every draw's context."""
    return _as(TableDesign, plan_table(group, options))


def _as(kind: type[Design], planned: Design) -> Design:
    return kind(**{field.name: getattr(planned, field.name) for field in fields(planned)})
