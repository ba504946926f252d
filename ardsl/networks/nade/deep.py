"""The deep network asked with a mask, as data: layers of which the first reads what is known, and which elements are.

Uria, Murray & Larochelle 2014. It has no masks in its weights, so it realizes whatever is declared, at any width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ardsl.networks.contexts import distinct_contexts
from ardsl.networks.design import Design, LayerPlan
from ardsl.networks.group import Group
from ardsl.relations import Everything

if TYPE_CHECKING:
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.nade.deep_module import DeepNade
    from ardsl.networks.stepper import Run, Stepper


@dataclass(frozen=True, repr=False)
class DeepDesign(Design):
    """Dense layers asked with a mask."""

    def build(self) -> DeepNade:
        from ardsl.networks.nade.deep_module import DeepNade

        return DeepNade(self)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.nade.deep_module import DeepStepper

        return DeepStepper(cast("DeepNade", module), run)


def design_deep(group: Group, network: str, options: Mapping[str, Any]) -> DeepDesign:
    """Dense layers of the widths ``hidden``, asked once for each distinct context."""
    realized = tuple(group.declared(group.orders(k)) for k in range(group.order_count))
    contexts = len(distinct_contexts(realized[0]))
    layers = dense_layers(group, options, contexts)
    return DeepDesign(group, network, dict(options), tuple(layers), realized)


def dense_layers(
    group: Group, options: Mapping[str, Any], contexts: int, name: str = "", carried: bool = True
) -> list[LayerPlan]:
    """The layers of a likelihood that asks so many times; ``name`` goes before the names of all.

    Where they are ``carried`` from one context to the next the first layer takes about the arithmetic of one
    evaluation, and so does the last, of which only what is asked for is computed.
    """
    widths = [group.features + group.elements, *options["hidden"], len(group.output_draw)]
    layers = []
    for number, (inputs, outputs) in enumerate(zip(widths, widths[1:], strict=False)):
        first, last = number == 0, number == len(widths) - 2
        layers.append(
            LayerPlan(
                name=name + ("output" if last else f"hidden {number + 1}"),
                inputs=inputs,
                outputs=outputs,
                parameters=(inputs + 1) * outputs,
                connections=(inputs + 1) * outputs,
                flops=2 * inputs * outputs * (1 if carried and (first or last) else contexts),
                relation=Everything(outputs, inputs),
                activation=None if last else options["activation"],
            )
        )
    return layers
