"""``conv_nade``: a convolutional network asked with a mask, beside a dense one.

Uria, Côté, Gregor, Murray & Larochelle 2016. What is known, and which elements are, are the channels of a
map. Convolutions without padding narrow it, and as many with full padding widen it again::

    28 ─ 8 ─▶ 21 ─ 4 ─▶ 18 ─ 6 ─▶ 13 ─ 7 ─▶ 7 ─ 7 ─▶ 13 ─ 6 ─▶ 18 ─ 4 ─▶ 21 ─ 8 ─▶ 28

No weight is masked, so nothing can leak. What the convolutions alone realize is what their receptive field covers; the
dense network reads everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.networks.contexts import distinct_contexts
from ardsl.networks.dense.networks import ACTIVATION, DROPOUT, MAX_PAIRS, too_many_pairs
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.nade.conv_plan import Convolution, Positions, convolutions, layers_beside, reached
from ardsl.networks.network import Network, Option

if TYPE_CHECKING:
    from ardsl.networks.module import NetworkModule
    from ardsl.networks.nade.conv_module import ConvNetwork
    from ardsl.networks.stepper import Run, Stepper


@dataclass(frozen=True, repr=False, kw_only=True)
class ConvDesign(Design):
    """Convolutions asked with a mask, and a dense network beside them."""

    positions: Positions
    convolutions: tuple[Convolution, ...]

    def build(self) -> ConvNetwork:
        from ardsl.networks.nade.conv_module import ConvNetwork

        return ConvNetwork(self, self.positions, self.convolutions)

    def stepper(self, module: NetworkModule, run: Run) -> Stepper:
        from ardsl.networks.asked import AskedStepper

        return AskedStepper(cast("ConvNetwork", module), run)


class ConvNade(Network):
    name = "conv_nade"
    doc = "convolutions over an array, asked with a mask, beside a dense network: any elements given any others"
    paper = "Uria, Côté, Gregor, Murray & Larochelle 2016"
    examples = {
        "rows and columns": (
            "observed x[row: 2, column: 3] : binary\norder x by spiral\n"
            "p(x[i] | x[<i]) = bernoulli via conv_nade(features = 3, kernels = 2, hidden = 5)\ncheck complete(x)\n"
        ),
        "all orders, with a label": (
            'given y : category(3)\nobserved x[2, 2] : category(3)\norder x by any(orders = 3, train = "all")\n'
            "p(x[i] | x[<i], y) = categorical via conv_nade(features = 3, kernels = [2, 2])\ncheck complete(x)\n"
        ),
        "convolutions alone": (
            "observed x[6] : category(3)\n"
            "p(x[t] | x[<t]) = categorical via conv_nade(features = 4, kernels = [2, 3], dense = false)\n"
        ),
        "channels, a weak order": (
            "observed x[2, 2, 2] : binary\norder x by checkerboard\n"
            "p(x[i] | x[<i]) = bernoulli via conv_nade(features = 3, hidden = 4)\ncheck complete(x)\n"
        ),
        "three axes": (
            "observed x[2, 2, 2] : binary\norder x by shuffle(seed = 1)\n"
            "p(x[i] | x[<i]) = bernoulli via conv_nade(features = 3, axes = 3, kernels = 2, dense = false)\n"
        ),
    }
    options = (
        Option("features", "integer", 64, "the features of every convolution but the last", 1, 4096),
        Option(
            "kernels",
            "sizes",
            (8, 4, 6, 7),
            "the widths of the convolutions that narrow the array, at most what is left of it; as many widen it again",
            1,
            1024,
        ),
        Option(
            "axes", "integer", 2, "the first axes that are convolved, as many as there are; others are channels", 1, 3
        ),
        ACTIVATION,
        Option("dense", "boolean", True, "a dense network of all elements beside the convolutions"),
        Option("hidden", "sizes", (500, 500), "the width of each hidden layer of the dense network", 1, 100_000),
        DROPOUT,
    )

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what the network cannot realize in the group."""
        factor, target = group.factors[0], group.targets[0]
        variable, reason = target.variable, None
        if len(group.targets) > 1:
            yield rules.ONE_FAMILY.at(group.call.span, what=f"`{self.name}`")
        elif variable.is_record:
            reason = f"`{variable.name}` is a record"
        elif not variable.shape:
            reason = f"`{variable.name}` has none"
        elif 0 in factor.event_axes:
            reason = f"one draw of `{factor.text}` covers the first"
        elif all(context.variable != variable.name for context in factor.contexts):
            reason = f"it does not read `{variable.name}[<]`, so nothing is autoregressive"
            yield rules.LATTICE_CONTEXT.at(factor.target_span, network=self.name, text=factor.text, reason=reason)
            return
        elif (too_many := too_many_pairs(self.name, group)) is not None:
            yield too_many
        elif not options["dense"] and group.draws * group.elements > MAX_PAIRS:  # compared pair by pair
            pairs, help = f"{group.draws * group.elements:,}", "leave `dense = false` out"
            limit = f"{MAX_PAIRS:,}"
            yield rules.TOO_MANY_PAIRS.at(group.call.span, network=self.name, pairs=pairs, limit=limit, help=help)
        if reason is not None:
            yield rules.LATTICE_AXES.at(group.call.span, network=self.name, needs="an array's axes", reason=reason)

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        problems = list(self.problems(group, options))
        if problems:
            return problems
        positions = Positions.of(group, options["axes"])
        layers = convolutions(positions, options["features"], options["kernels"])
        declared = [group.declared(group.orders(k)) for k in range(group.order_count)]
        contexts = len(distinct_contexts(declared[0]))
        plans = [
            layer.plan(f"convolution {number}", contexts, options["activation"] if number < len(layers) else None)
            for number, layer in enumerate(layers, 1)
        ]
        plans += layers_beside(group, options, contexts)
        realized = declared if options["dense"] else [reached(group, positions, layers, whole) for whole in declared]
        return ConvDesign(
            group,
            self.name,
            dict(options),
            tuple(plans),
            tuple(realized),
            completion="leave `dense = false` out, or widen `kernels`",
            tied_axes={group.targets[0].variable.name: tuple(range(len(positions.shape)))},
            positions=positions,
            convolutions=tuple(layers),
        )
