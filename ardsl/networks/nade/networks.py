"""Networks that read sets of inputs, as plug-ins: ``nade``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ardsl.diagnostics import Diagnostic
from ardsl.diagnostics.rules import networks as rules
from ardsl.networks.dense.networks import ACTIVATIONS, DROPOUT, RESIDUAL, TIED, tied_problems, too_many_pairs
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.nade.deep import design_deep
from ardsl.networks.nade.designs import design_shallow
from ardsl.networks.nade.plan import shares_weights
from ardsl.networks.network import Network, Option

_OF_A_SUM = ("transposed", "scaled", "tied")
"""Options of one hidden layer for each draw."""
_OF_LAYERS = ("residual",)
"""Options of several layers for all draws."""


class Nade(Network):
    name = "nade"
    doc = "neural autoregressive distribution estimator: one hidden layer over the sum of what each draw reads"
    paper = "Larochelle & Murray 2011; Uria, Murray & Larochelle 2013"
    examples = {
        "all that is earlier": (
            "observed x[row: 2, column: 3] : binary\norder x by spiral\n"
            "p(x[i] | x[<i]) = bernoulli via nade(hidden = 7)\ncheck complete(x)\n"
        ),
        "scaled, categories": (
            "observed x[4] : category(3)\norder x by reverse\n"
            "p(x[i] | x[<i]) = categorical via nade(hidden = 5, scaled = true, activation = relu)\ncheck complete(x)\n"
        ),
        "transposed": (
            "given y : real\nobserved x[5] : binary\n"
            "p(x[i] | x[<i], y) = bernoulli via nade(hidden = 4, transposed = true, activation = tanh)\n"
            "check complete(x)\n"
        ),
        "a mixture": (
            "observed x[3] : real\n"
            "p(x[i] | x[<i]) = mixture(normal, components = 2) via nade(hidden = 6, dropout = 0.2)\n"
        ),
        "more than is evaluated together": (
            "observed x[40] : real\norder x by shuffle(seed = 1)\n"
            "p(x[i] | x[<i]) = normal via nade(hidden = 3)\ncheck complete(x)\n"
        ),
        "a window": (
            "observed x[20] : real\np(x[i] | x[<i] last 3) = normal via nade(hidden = 3)\ncheck complete(x)\n"
        ),
        "a record, under several orders": (
            "record r { a : binary  b : category(3)  c : integer(0, 2) }\norder r by any(orders = 3)\n"
            "p(r[i] | r[<i]) = default via nade(hidden = 9, scaled = true)\ncheck complete(r)\n"
        ),
        "a weak order": (
            "observed x[3, 3] : binary\norder x by checkerboard\n"
            "p(x[i] | x[<i]) = bernoulli via nade(hidden = 6, scaled = true, transposed = true)\ncheck complete(x)\n"
        ),
        "a window, conditioned": (
            "given y : category(3)\nobserved x[2, 3] : binary\n"
            "p(x[i] | x[<i] within (1, *), y) = bernoulli via nade(hidden = 9)\ncheck complete(x)\n"
        ),
        "rectangles": (
            "observed x[3, 3] : binary\n"
            "p(x[r, c] | x[..r-1, ..c]) = bernoulli via nade(hidden = 5)\ncheck complete(x)\n"
        ),
        "tied along an axis": (
            "given y[3] : real\nobserved x[time: 3, 3] : binary\n"
            "p(x[t, i] | x[t, ..i-1], x[t-1, *], y[t]) = bernoulli via nade(hidden = 5, tied = time, scaled = true)\n"
            "check complete(x)\n"
        ),
        "tied, transposed": (
            "observed x[row: 3, column: 3] : binary\norder x by reverse\n"
            "p(x[r, c] | x[<]) = bernoulli via nade(hidden = 4, tied = row, transposed = true)\ncheck complete(x)\n"
        ),
        "tied, under several orders": (
            "observed x[4] : binary\norder x by any(orders = 3)\n"
            "p(x[i] | x[<i]) = bernoulli via nade(hidden = 5, tied = true)\n"
        ),
        "several factors": (
            "observed a[2] : binary\nobserved b[3] : binary\nnet body = nade(hidden = 8)\norder b by reverse\n"
            "p(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = bernoulli via body\n"
        ),
        "deep, all that is earlier": (
            "observed x[row: 2, column: 3] : binary\norder x by spiral\n"
            "p(x[i] | x[<i]) = bernoulli via nade(hidden = [7, 5])\ncheck complete(x)\n"
        ),
        "deep, of one layer": (
            "observed x[4] : category(3)\norder x by reverse\n"
            'p(x[i] | x[<i]) = categorical via nade(hidden = [8], activation = "relu")\ncheck complete(x)\n'
        ),
        "deep, a record under all orders": (
            "given z : real\nrecord r { a : binary  b : category(3)  c : integer(0, 2) }\n"
            'order r by any(orders = 3, train = "all")\n'
            "p(r[i] | r[<i], z) = default via nade(hidden = [9, 9, 9], residual = true, dropout = 0.2)\n"
            "check complete(r)\n"
        ),
        "deep, a window, conditioned": (
            "given y : category(3)\nobserved x[2, 3] : binary\n"
            "p(x[i] | x[<i] within (1, *), y) = bernoulli via nade(hidden = [9])\ncheck complete(x)\n"
        ),
        "deep, a weak order": (
            "observed x[3, 3] : binary\norder x by checkerboard\n"
            "p(x[i] | x[<i]) = bernoulli via nade(hidden = [6])\ncheck complete(x)\n"
        ),
        "deep, several factors": (
            "observed a[2] : binary\nobserved b[3] : category(3)\nnet body = nade(hidden = [8, 8])\n"
            "order b by reverse\np(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = categorical via body\n"
        ),
    }
    options = (
        Option(
            "hidden",
            "widths",
            500,
            "the number of hidden units; a list, of one too: the widths of layers that are asked with a mask",
            1,
            100_000,
        ),
        Option(
            "activation",
            "choice",
            None,
            "the nonlinearity of the hidden units: by default sigmoid, with a list relu",
            choices=ACTIVATIONS,
        ),
        Option("transposed", "boolean", False, "read an element by the weights that its own draw has"),
        Option("scaled", "boolean", False, "a learned factor of each draw's sum"),
        TIED,
        RESIDUAL,
        DROPOUT,
    )

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        hidden = options["hidden"]
        deep = isinstance(hidden, tuple)
        alien = next((name for name in (_OF_A_SUM if deep else _OF_LAYERS) if options[name]), None)
        if alien is not None:
            return [self._of_other_form(group, alien, hidden)]
        options = {**options, "activation": options["activation"] or ("relu" if deep else "sigmoid")}
        return self._deep(group, options) if deep else self._shallow(group, options)

    def _of_other_form(self, group: Group, option: str, hidden: int | tuple[int, ...]) -> Diagnostic:
        """Reports an option of the form that the network does not have here."""
        if isinstance(hidden, tuple):
            form, other, own = "one hidden layer", f"{hidden[0]}", "a list of layers"
        else:
            form, other, own = "a list of layers", f"[{hidden}, {hidden}]", "one hidden layer"
        span = group.call.option_spans[option]
        return rules.OTHER_FORM.at(span, option=option, network=self.name, form=form, hidden=other, own=own)

    def _deep(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        """A network of several layers, asked with a mask."""
        too_many = too_many_pairs(self.name, group)
        own = {name: value for name, value in options.items() if name not in _OF_A_SUM}
        return design_deep(group, self.name, own) if too_many is None else [too_many]

    def _shallow(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        """One hidden layer over sums of what each draw reads."""
        return list(self._problems(group, options)) or design_shallow(group, self.name, options)

    def _problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what the network cannot realize in the group."""
        if options["tied"]:
            problems = list(tied_problems(self.name, group, options["tied"]))
        else:
            chains = all(group.chain(group.orders(k)) is not None for k in range(group.order_count))
            too_many = None if chains else too_many_pairs(self.name, group)
            problems = [] if too_many is None else [too_many]
        yield from problems
        if not problems and options["transposed"] and not shares_weights(group, options):
            yield rules.NOT_TRANSPOSED.at(group.call.option_spans["transposed"])
