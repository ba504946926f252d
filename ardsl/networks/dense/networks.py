"""The dense networks as plug-ins: ``free``, ``linear``, ``table``, ``mlp`` and ``made``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ardsl.diagnostics import Diagnostic, did_you_mean
from ardsl.diagnostics.rules import factors as rules_of_factors
from ardsl.diagnostics.rules import networks as rules
from ardsl.networks.dense.by import by_problems, design_by
from ardsl.networks.dense.designs import design_dense, design_table, design_tied
from ardsl.networks.dense.slot_plan import element_levels, table_rows
from ardsl.networks.dense.slots import axes_of, tied_slots
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.network import Network, Option

MAX_PAIRS = 1 << 27
"""Pairs of a draw and an element it reads that a dense network may have."""
MAX_LISTED = 1 << 24
"""The same where they are listed one by one, there being too many draws × elements for a matrix."""
MAX_SLOTS = 1 << 22
"""The same of tied ones, which hold a place for each."""
MAX_TABLE_ROWS = 1 << 24

ACTIVATIONS = ("relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "leaky_relu")
ACTIVATION = Option("activation", "choice", "relu", "the nonlinearity of the hidden units", choices=ACTIVATIONS)
RESIDUAL = Option("residual", "boolean", False, "add a hidden layer's input to its output where the widths are equal")
DROPOUT = Option("dropout", "real", 0.0, "the share of hidden units left out at each training step", 0.0, 0.95)
TIED = Option("tied", "axes", False, "the same parameters for every element, or for all along some axes")


class Dense(Network):
    """Masked linear layers; subclasses say which options there are."""

    def fixed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Every option a dense plan reads, with this network's fixed ones filled in."""
        defaults = {
            "hidden": (),
            "activation": "relu",
            "direct": True,
            "residual": False,
            "dropout": 0.0,
            "tied": False,
            "by": None,
        }
        return {**defaults, **options}

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what the network cannot realize in the group."""
        too_many = too_many_pairs(self.name, group)
        if too_many is not None:
            yield too_many
        elif options.get("tied"):
            yield from tied_problems(self.name, group, options["tied"])

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        return list(self.problems(group, options)) or self._designed(group, options)

    def _designed(self, group: Group, options: Mapping[str, Any]) -> Design:
        return (design_tied if options.get("tied") else design_dense)(group, self.name, self.fixed(options))


class Free(Dense):
    name = "free"
    doc = "free parameters: a draw that reads nothing (what a factor without contexts has by default)"
    examples = {
        "categories": "observed x[3] : category(3)\np(x) = categorical via free\n",
        "numbers": "observed x[2, 2] : real\np(x[t, *]) = multivariate_normal via free\n",
    }

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        for factor in group.factors:
            for context in factor.contexts:
                yield rules.READS_NOTHING.at(context.span, text=context.text)


class Linear(Dense):
    name = "linear"
    doc = "logistic autoregression: each draw's raw parameters are linear in its context"
    paper = "Frey, Hinton & Dayan 1996; Frey 1998"
    examples = {
        "all that is earlier": (
            "observed x[4] : category(3)\norder x by shuffle(seed = 2)\np(x[i] | x[<i]) = categorical via linear\n"
        ),
        "tied": "observed x[6] : binary\np(x[t] | x[t-2..t-1]) = bernoulli via linear(tied = true)\n",
        "tied along an axis": (
            "given y[3] : real\nobserved x[time: 3, 3] : binary\n"
            "p(x[t, i] | x[t, ..i-1], x[t-1, *], y[t]) = bernoulli via linear(tied = time)\ncheck complete(x)\n"
        ),
        "tied, under several orders": (
            "observed x[4] : binary\norder x by any(orders = 3)\np(x[i] | x[<i]) = bernoulli via linear(tied = true)\n"
        ),
        "by a category": (
            "observed k : category(3)\nobserved x[3] : binary\np(k) = categorical\n"
            "p(x[i] | x[<i], k) = bernoulli via linear(by = k)\ncheck complete(x)\n"
        ),
        "by an integer, tied": (
            "given k : integer(-1, 1)\nobserved x[5] : binary\n"
            "p(x[t] | k, x[t-2..t-1]) = bernoulli via linear(by = k, tied = true)\ncheck complete(x)\n"
        ),
        "by a bit, under several orders": (
            "given k : binary\nobserved x[4] : category(3)\norder x by any(orders = 3)\n"
            "p(x[i] | x[<i], k) = categorical via linear(by = k)\ncheck complete(x)\n"
        ),
        "by what two factors read": (
            "given k : binary\nobserved a : category(3)\nobserved b[2] : binary\nnet body = linear(by = k)\n"
            "p(a | k) = categorical via body\np(b[i] | b[<i], a, k) = bernoulli via body\n"
        ),
    }
    options = (TIED, Option("by", "variable", None, "weights of their own for each value of this context"))

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        yield from super().problems(group, options)
        if options["by"] is not None:
            yield from by_problems(self.name, group, options["by"])

    def _designed(self, group: Group, options: Mapping[str, Any]) -> Design:
        if options["by"] is None:
            return super()._designed(group, options)
        return design_by(group, options["by"], lambda others: super(Linear, self)._designed(others, options), options)


class Mlp(Dense):
    name = "mlp"
    doc = "one multilayer perceptron from a context that is the same for every draw (or, tied, the same for each)"
    paper = "Bishop 1994 (with a mixture family: a mixture density network)"
    examples = {
        "one context": (
            "given z[3] : real\nobserved x[3] : category(3)\np(x | z) = categorical via mlp(hidden = [6, 6])\n"
        ),
        "a mixture": (
            "given z : real\nobserved x : real\np(x | z) = mixture(normal, components = 2) via mlp(hidden = 6)\n"
        ),
        "tied": "observed x[6] : binary\np(x[t] | x[t-3], x[t-1]) = bernoulli via mlp(hidden = 5, tied = true)\n",
        "tied along an axis": (
            "observed x[time: 4, 2] : category(3)\n"
            "p(x[t, i] | x[t-2..t-1, *]) = categorical via mlp(hidden = 5, tied = time)\ncheck complete(x)\n"
        ),
    }
    options = (
        Option("hidden", "sizes", (128,), "the width of each hidden layer", 1, 100_000),
        ACTIVATION,
        DROPOUT,
        TIED,
    )

    def fixed(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return super().fixed({"direct": False, **options})

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        problems = list(super().problems(group, options))
        yield from problems
        if problems:
            return
        if options["tied"]:
            yield from _unequal_kinds(group, options["tied"])
            return
        for k in range(group.order_count):
            relation = group.declared(group.orders(k))
            first = relation.rows(np.array([0]))[0]
            for draw in range(1, group.draws):
                if not np.array_equal(relation.rows(np.array([draw]))[0], first):
                    yield rules.UNEQUAL_CONTEXTS.at(
                        group.call.span, first=group.draw_name(0), second=group.draw_name(draw)
                    )
                    return


class Made(Dense):
    name = "made"
    doc = "masked autoencoder: any declared acyclic structure, realized exactly at any width"
    paper = "Germain, Gregor, Murray & Larochelle 2015"
    examples = {
        "all that is earlier": (
            "observed x[row: 2, column: 3] : binary\norder x by spiral\n"
            "p(x[i] | x[<i]) = bernoulli via made(hidden = [7, 5])\ncheck complete(x)\n"
        ),
        "residual": (
            "observed x[4] : integer(-1, 1)\np(x[i] | x[<i]) = categorical via "
            'made(hidden = [4, 4, 4], residual = true, activation = "elu", dropout = 0.2)\n'
        ),
        "without a direct path": (
            "observed x[4] : category(3)\norder x by reverse\n"
            "p(x[i] | x[<i]) = categorical via made(hidden = [8], direct = false)\ncheck complete(x)\n"
        ),
        "a record, under several orders": (
            "record r { a : binary  b : category(3)  c : integer(0, 2) }\norder r by any(orders = 3)\n"
            "p(r[i] | r[<i]) = default via made(hidden = [9])\n"
        ),
        "a window, conditioned": (
            "given y : category(3)\nobserved x[2, 3] : binary\n"
            "p(x[i] | x[<i] within (1, *), y) = bernoulli via made(hidden = 9)\n"
        ),
        "several factors": (
            "observed a[2] : binary\nobserved b[3] : binary\nnet body = made(hidden = [8, 8])\norder b by reverse\n"
            "p(a[i] | a[<i]) = bernoulli via body\np(b[j] | b[<j], a) = bernoulli via body\n"
        ),
    }
    options = (
        Option("hidden", "sizes", (500,), "the width of each hidden layer", 1, 100_000),
        ACTIVATION,
        Option("direct", "boolean", True, "a direct masked path from inputs to outputs (complete at any width)"),
        RESIDUAL,
        DROPOUT,
    )


class Table(Network):
    name = "table"
    doc = "a conditional probability table over discrete contexts"
    paper = "Pearl 1988"
    examples = {
        "all that is earlier": "observed x[4] : integer(0, 2)\np(x[i] | x[<i]) = categorical via table\n",
        "two parents": (
            "observed a : category(3)\nobserved b : binary\nobserved c : category(3)\np(a) = categorical\n"
            "p(b | a) = bernoulli via table\np(c | a, b) = categorical via table\n"
        ),
        "tied": "observed x[5] : category(3)\np(x[t] | x[t-1]) = categorical via table(tied = true)\n",
    }
    options = (Option("tied", "boolean", False, "the same parameters for every element"),)

    def problems(self, group: Group, options: Mapping[str, Any]) -> Iterator[Diagnostic]:
        """Reports what a table cannot realize in the group."""
        too_many = too_many_pairs("table", group)
        if too_many is not None:
            yield too_many
            return
        continuous = [i for i, levels in enumerate(element_levels(group)) if levels is None]
        if continuous:
            name = group.element_name(continuous[0])
            spans = {c.variable: c.span for f in group.factors for c in f.contexts}
            yield rules.CONTINUOUS_TABLE.at(spans.get(name.split("[")[0].split(".")[0], group.call.span), name=name)
            return
        if len({t.family.width for t in group.targets}) > 1 or len(group.factors) > 1:
            yield rules.ONE_FAMILY.at(group.call.span, what="a table")
            return
        if group.mixed is not None and not options["tied"]:
            yield rules.TABLE_UNDER_ANY.at(group.call.span, what="a table", variable=group.mixed.name)
            return
        if options["tied"]:
            problems = list(tied_problems("table", group))
            yield from problems
            if problems:
                return
        rows, power = table_rows(group, options)
        if rows is None or rows > MAX_TABLE_ROWS:
            shown = f"about 10^{power}" if rows is None else f"{rows:,}"
            yield rules.TABLE_TOO_LARGE.at(group.call.span, rows=shown, limit=f"{MAX_TABLE_ROWS:,}")

    def design(self, group: Group, options: Mapping[str, Any]) -> Design | list[Diagnostic]:
        return list(self.problems(group, options)) or design_table(group, options)


def too_many_pairs(network: str, group: Group, limit: int = MAX_PAIRS) -> Diagnostic | None:
    """Reports a group that declares more than can be worked on."""
    orders = [group.orders(k) for k in range(group.order_count)]
    if group.draws * group.elements > MAX_PAIRS and any(group.chain(under) is None for under in orders):
        limit = min(limit, MAX_LISTED)
    pairs = max(group.at_most(under) for under in orders)
    if pairs <= limit:
        return None
    help = "read less, as `[<] within 8` or `[<] last 8` do"
    return rules.TOO_MANY_PAIRS.at(group.call.span, network=network, pairs=f"{pairs:,}", limit=f"{limit:,}", help=help)


def tied_problems(network: str, group: Group, tied: bool | tuple[str, ...] = True) -> Iterator[Diagnostic]:
    """Tied parameters need one kind of draw, and few enough slots to list; those tied along some axes, contexts that
    are alike along them."""
    written = "true" if isinstance(tied, bool) else tied[0] if len(tied) == 1 else f"[{', '.join(tied)}]"
    if len(group.targets) > 1:
        yield rules.ONE_FAMILY.at(group.call.span, what=f"`{network}` with `tied = {written}`")
        return
    axes = None if isinstance(tied, bool) else axes_of(group.targets[0], tied)
    problems = [] if isinstance(tied, bool) else list(_axis_problems(network, group, tied, written))
    yield from problems
    if problems:
        return
    if (too_many := too_many_pairs(network, group, MAX_SLOTS)) is not None:
        yield too_many
    elif group.mixed is not None and (axes is not None or _not_by_rank(group)):
        what = f"`{network}` with `tied = {written}`" + ("" if axes else f" on {_not_by_rank(group)}")
        yield rules.TABLE_UNDER_ANY.at(group.call.span, what=what, variable=group.mixed.name)
    elif axes is not None and (pair := _not_alike(group, axes)) is not None:
        target, source = group.draw_name(pair[0]), group.element_name(pair[1])
        reason = f"`{target}` does not read `{source}`, and elsewhere along it such an element is read"
        span, variable = group.call.option_spans["tied"], group.targets[0].variable.name
        yield rules.NOT_TIED.at(span, network=network, variable=variable, axes=written, reason=reason)


def _unequal_kinds(group: Group, tied: bool | tuple[str, ...]) -> Iterator[Diagnostic]:
    """Draws at one place that read different slots, of a network that gives all of them the same."""
    axes = axes_of(group.targets[0], tied)
    slots = tied_slots(group, group.orders(), axes)
    unlike = np.flatnonzero((slots.read[slots.kind] != slots.read[slots.kind[0]]).any(axis=1))
    if len(unlike):
        first, second = group.draw_name(0), group.draw_name(int(unlike[0]))
        yield rules.UNEQUAL_CONTEXTS.at(group.call.span, first=first, second=second)


def _axis_problems(network: str, group: Group, tied: tuple[str, ...], written: str) -> Iterator[Diagnostic]:
    """Names that are of no axis, and axes that one draw covers."""
    target, span = group.targets[0], group.call.option_spans["tied"]
    names = [axis.name for axis in target.variable.axes]
    for name in tied:
        if name not in names:
            known = [known for known in names if known is not None]
            help = did_you_mean(name, known) or "an axis is named where it is declared, `[time: 100, 88]`"
            yield rules_of_factors.UNKNOWN_AXIS.at(span, variable=target.variable.name, name=name, help=help)
        elif names.index(name) in target.factor.event_axes:
            variable, reason = target.variable.name, f"one draw covers all along `{name}`"
            yield rules.NOT_TIED.at(span, network=network, variable=variable, axes=written, reason=reason)


def _not_alike(group: Group, axes: tuple[int, ...]) -> tuple[int, int] | None:
    """A draw and an element that it would read if all draws along some axes read alike, but does not declare."""
    alike = tied_slots(group, group.orders(), axes).relation()
    surplus = alike.only(~group.declared(group.orders()).holds(alike.target, alike.read))
    return (int(surplus.target[0]), int(surplus.read[0])) if surplus.count else None


def _not_by_rank(group: Group) -> str | None:
    """The contexts for which the number of a group's slots differs from order to order."""
    if any(len(factor.elements) < group.targets[0].variable.size for factor in group.factors):
        return "one field"
    axes = len(group.targets[0].variable.shape)
    windows = [context.selection.earlier_within(axes) for factor in group.factors for context in factor.contexts]
    limited = any(limit is not None for window in windows for limit in window or ())
    return "a window" if limited else None
