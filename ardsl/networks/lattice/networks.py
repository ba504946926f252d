"""The lattice networks as plug-ins: ``pixelcnn`` and ``wavenet``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ardsl.networks.lattice.lattice import Lattice
from ardsl.networks.lattice.network import LatticePlugin
from ardsl.networks.lattice.pixelcnn import depth_needed, pixelcnn
from ardsl.networks.lattice.wavenet import reach, wavenet
from ardsl.networks.lattice.wiring import Limits, Wiring
from ardsl.networks.network import Option


class PixelCnn(LatticePlugin):
    name = "pixelcnn"
    doc = "masked convolutions over rows and columns, and over channels in turn; gated: two stacks, no blind spot"
    paper = "van den Oord, Kalchbrenner & Kavukcuoglu 2016; van den Oord et al. 2016"
    examples = {
        "two stacks": (
            "observed x[3, 3] : binary\np(x[i] | x[<i]) = bernoulli via "
            "pixelcnn(layers = 2, features = 6, first = 3, gated = true)\ncheck complete(x)\n"
        ),
        "one stack, channels": (
            "observed x[2, 2, 2] : integer(0, 2)\np(x[i] | x[<i]) = categorical via "
            "pixelcnn(layers = 2, features = 6, first = 3, dropout = 0.2)\n"
        ),
        "masks of each position's own": (
            "observed x[row: 3, column: 3] : binary\norder x by spiral\n"
            "p(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 1, features = 6, first = 5)\ncheck complete(x)\n"
        ),
        "conditioned": (
            "given v[2] : real\ngiven low[2, 2] : real\nobserved x[4, 3] : binary\n"
            "p(x[r, c] | x[<] within 2, v, low[r / 2, c / 2]) = bernoulli via "
            "pixelcnn(layers = 2, features = 6, first = 3, gated = true)\n"
        ),
        "a map through a network": (
            "observed low[1, 2] : category(3)\nobserved x[3, 2] : binary\n"
            "p(low[i] | low[<i]) = categorical via made(hidden = [4])\n"
            "p(x[i] | x[<i], low via deconv(hidden = 3)) = bernoulli via "
            "pixelcnn(layers = 1, features = 6, first = 3)\n"
        ),
        "channels together": (
            "observed x[2, 2, 2] : integer(0, 2)\np(x[r, c, *] | x[<]) = color_mixture(components = 2) via "
            "pixelcnn(layers = 2, features = 6, first = 3)\n"
        ),
    }
    options = (
        Option("layers", "integer", 15, "the layers after the first", 0, 1000),
        Option("features", "integer", 64, "the features of a position", 1, 10_000),
        Option("gated", "boolean", False, "gated units, and two stacks where the order goes row by row"),
        Option("first", "integer", 7, "how wide the first layer reads", 3, 63, odd=True),
        Option("kernel", "integer", 3, "how wide every further layer reads", 1, 63, odd=True),
        Option("dropout", "real", 0.0, "the share of features left out at each training step", 0.0, 0.95),
    )
    axes = 2
    needs = "rows and columns, and after them at most an axis of channels"

    def layers(
        self, lattice: Lattice, features: int, width: int, options: Mapping[str, Any], limits: Limits, aligned: bool
    ) -> Wiring:
        return pixelcnn(lattice, features, width, options, limits, aligned)

    def completion(self, lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> str | None:
        needed = depth_needed(lattice, options, limits)
        if needed is not None:
            return f"`layers = {needed}` or more see everything"
        if lattice.stacked and not options["gated"]:
            return "one stack has a blind spot at any depth: `gated = true` has none when it is deep enough"
        if not lattice.stacked:
            way = "a `first` layer that reaches across the array, or `made`, sees everything"
            return f"under {lattice.order.name} there is one stack, gated or not: {way}"
        return None


class WaveNet(LatticePlugin):
    name = "wavenet"
    doc = "dilated causal convolutions along time, and over channels in turn, with gated units and skip connections"
    paper = "van den Oord et al. 2016, WaveNet"
    examples = {
        "all that is earlier": (
            "observed x[time: 7] : binary\n"
            "p(x[t] | x[<t]) = bernoulli via wavenet(blocks = 2, layers = 2, features = 6, skip = 8)\n"
        ),
        "codes, in a window": (
            "observed x[time: 6] : mulaw(4)\np(x[t] | x[<t] within 3) = categorical via "
            "wavenet(blocks = 1, layers = 2, kernel = 3, features = 6, skip = 8, dropout = 0.2)\n"
        ),
        "channels, backwards": (
            "observed x[time: 3, channel: 3] : binary\norder x by reverse\n"
            "p(x[i] | x[<i]) = bernoulli via wavenet(blocks = 2, layers = 2, features = 6, skip = 8)\n"
        ),
        "conditioned": (
            "given label : category(3)\ngiven text[3, 2] : real\nobserved x[6] : binary\n"
            "p(x[t] | x[<t], label, text[..t / 2, *]) = bernoulli via "
            "wavenet(blocks = 2, layers = 2, features = 6, skip = 8)\n"
        ),
    }
    options = (
        Option("blocks", "integer", 3, "how often the dilations 1, 2, 4 … are gone through", 1, 100),
        Option("layers", "integer", 10, "the layers of a block: the last has the dilation 2^(layers − 1)", 1, 24),
        Option("features", "integer", 64, "the features of a time step, in residual and gated layers", 1, 10_000),
        Option("skip", "integer", 256, "the features that the skip connections add up to", 1, 10_000),
        Option("kernel", "integer", 2, "how many time steps each layer reads, a dilation apart", 2, 16),
        Option("dropout", "real", 0.0, "the share of features left out at each training step", 0.0, 0.95),
        Option(
            "upsampling",
            "choice",
            "learned",
            "how what is given at a lower rate reaches every time step",
            choices=("learned", "repeated"),
        ),
    )
    axes = 1
    spreads = True
    needs = "an axis of time, and after it at most one of channels, in the order of time"

    def refusal(self, lattice: Lattice) -> str | None:
        first = lattice.priority[0] if lattice.priority else None
        if first is None or first[0] != 0:
            return f"{lattice.order.name} does not go along time"
        return None

    def layers(
        self, lattice: Lattice, features: int, width: int, options: Mapping[str, Any], limits: Limits, aligned: bool
    ) -> Wiring:
        return wavenet(lattice, features, width, options, limits)

    def completion(self, lattice: Lattice, options: Mapping[str, Any], limits: Limits) -> str | None:
        back, whole = reach(options, limits), reach(options, (None,))
        axes = "" if lattice.groups * lattice.elements_per_site == 1 else ", *"
        if whole > back:
            return (
                f"what would reach beyond the window is left out, and {back:,} time steps are reached; "
                f"`within {f'({whole}{axes})' if axes else whole}` takes all layers in"
            )
        window = f"({back}{axes})" if axes else f"{back}"
        return f"it reaches {back:,} back: declare that with `within {window}`, or give it more `blocks` or `layers`"
