"""From network calls to checked groups: known networks, legal options, contexts the network can realize."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from ardsl.common.wording import plural, series, shown
from ardsl.diagnostics import Diagnostic, Sink, Span, did_you_mean
from ardsl.diagnostics.reserved import NETWORKS
from ardsl.diagnostics.rules import networks as rules
from ardsl.diagnostics.rules.names import NOT_BUILT_YET
from ardsl.errors import ArdslError
from ardsl.model.model import Context, Factor, Model, NetworkCall, Variable
from ardsl.networks.design import Design
from ardsl.networks.group import Group, make_groups
from ardsl.networks.network import Network
from ardsl.networks.options import check_options
from ardsl.networks.registry import (
    LATER,
    context_network,
    context_network_names,
    faults_of,
    is_network,
    network,
    network_names,
)

MAX_PARAMETERS = 1 << 31
MAX_VALUES = 1 << 16
"""The most values of latent variables that are enumerated."""


def design_networks(model: Model, sink: Sink) -> tuple[Design, ...] | None:
    """The design of every group's network, or None where any has an error; all errors are reported."""
    for diagnostic in _latent_problems(model):
        sink.add(diagnostic)
    refused = _check_contexts(model, sink)
    designs: list[Design] = []
    known: dict[Span, tuple[Network, dict[str, Any]] | None] = {}
    for group in make_groups(model):
        if group.call.span not in known:  # factors that share a net share its call, and its errors
            known[group.call.span] = _call(group.call, model.nets, sink)
        resolved = known[group.call.span]
        if resolved is None or any(c.span in refused for factor in group.factors for c in factor.contexts):
            continue
        chosen, options = resolved
        problems = [*_mixed(group), *_through(group, chosen), *_too_wide(group)]
        try:
            designed = problems or _designed(group, chosen, options)
        except ArdslError as error:
            designed = [rules.BROKEN_NETWORK.at(group.call.span, problem=error)]
        if isinstance(designed, Design):
            designs.append(designed)
        else:
            for diagnostic in designed:
                sink.add(diagnostic)
    return None if sink.errors else tuple(designs)


def _designed(group: Group, chosen: Network, options: dict[str, Any]) -> Design | list[Diagnostic]:
    """The design of a group's network, or what keeps it from one. Raises ``ArdslError`` where a network of another
    package fails."""
    with faults_of(chosen.name):
        designed = chosen.design(group, options)
        refused = isinstance(designed, list) and designed and all(isinstance(d, Diagnostic) for d in designed)
        if not isinstance(designed, Design) and not refused:
            raise TypeError(f"`design` gives {shown(designed)}, neither a `Design` nor diagnostics")
    return designed


def _latent_problems(model: Model) -> Iterator[Diagnostic]:
    """Reports what a model with latent variables cannot have: windows, nets of several variables, too much to sum
    over."""
    if not model.guide:
        return
    if model.train.window is not None:
        yield NOT_BUILT_YET.at(model.guide[0].span, feature="`window` beside latent variables")
    drawn = [factor for factor in model.guide if not factor.exact]
    if model.train.estimator.name == "relaxed":
        for factor in drawn:
            domain, family = model.variables[factor.variable].element_domain(0), factor.families[0].name
            if domain.discrete and family != "bernoulli":
                kind = f"drawn from `{family}`" if domain.family == "bernoulli" else str(domain)
                yield rules.NOT_RELAXED.at(factor.target_span, variable=factor.variable, what=kind)
    serves: dict[str, Factor] = {}
    for factor in (*model.factors, *model.guide):
        if factor.net is not None:
            first = serves.setdefault(factor.net, factor)
            if (first.kind, first.variable) != (factor.kind, factor.variable):
                yield rules.LATENT_NET.at(factor.target_span, net=factor.net, first=first.text, second=factor.text)
    exact = [factor for factor in model.guide if factor.exact]
    logarithm = sum(_log_values(model.variables[factor.variable]) for factor in exact)
    if logarithm > math.log(MAX_VALUES) + 1e-9:
        shown = f"{round(math.exp(logarithm)):,}" if logarithm < 30 else f"about 10^{int(logarithm / math.log(10))}"
        largest = max((model.variables[factor.variable] for factor in exact), key=_log_values)
        family = largest.element_domain(0).family
        help = f"give `{largest.name}` a guide, `q({largest.name} | …) = {family} via mlp(hidden = [64])`"
        fitting = int(math.log(MAX_VALUES) / max(1e-9, _log_values(largest) / largest.size))
        if len(exact) == 1 and largest.size > 1:
            help += f"; of so many values each, up to {plural(fitting, 'element')} can be enumerated"
        yield rules.TOO_MANY_VALUES.at(
            exact[-1].span,
            values=shown,
            variables=series(f"`{factor.variable}`" for factor in exact),
            limit=f"{MAX_VALUES:,}",
            help=help,
        )


def _log_values(variable: Variable) -> float:
    """The logarithm of how many values an array of a finite domain has."""
    levels = variable.element_domain(0).levels
    assert levels is not None  # only such a variable is enumerated
    return variable.size * math.log(levels)


def _check_contexts(model: Model, sink: Sink) -> set[Span]:
    """The networks that contexts go through: known ones, with legal options, one for each context. Gives the contexts
    where that does not hold (reported)."""
    refused: set[Span] = set()
    shared: set[str] = set()
    for context in (context for factor in model.factors for context in factor.contexts):
        if context.network is not None and not _checked(context, context.network, shared, model.nets, sink):
            refused.add(context.span)
        shared |= {context.net} if context.net else set()
    return refused


def _checked(context: Context, call: NetworkCall, shared: set[str], nets: Collection[str], sink: Sink) -> bool:
    known = context_network_names()
    if call.name in known:
        try:
            chosen = context_network(call.name)
        except ArdslError as error:
            sink.add(rules.BROKEN_NETWORK.at(call.span, problem=error))
            return False
        sound = check_options(call, chosen, sink) is not None
        if context.net in shared:
            reason = f"`{context.net}` serves another context, and each has a network of its own"
            sink.add(rules.CONTEXT_NETWORK.at(context.span, reason=reason))
            return False
        return sound
    if call.name in (*network_names(), *LATER):
        reason = f"`{call.name}` is none for contexts, as {' and '.join(known)} is"
        sink.add(rules.CONTEXT_NETWORK.at(call.span, reason=reason))
    else:
        help = did_you_mean(call.name, (*known, *nets)) or f"networks for contexts: {', '.join(known)}"
        sink.add(rules.UNKNOWN_NETWORK.at(call.span, name=call.name, help=help))
    return False


def _through(group: Group, chosen: Network) -> Iterator[Diagnostic]:
    """Contexts that go through a network of their own, where the network that reads them takes none."""
    for context in (context for factor in group.factors for context in factor.contexts):
        if context.network is not None and not chosen.takes_maps:
            reason = f"`{chosen.name}` takes no map of features, as `pixelcnn` does"
            yield rules.CONTEXT_NETWORK.at(context.network.span, reason=reason)


def _mixed(group: Group) -> Iterator[Diagnostic]:
    mixed = {t.variable.name: t for t in group.targets if t.variable.orders.mixed}
    if len(mixed) > 1:
        first, second = list(mixed.values())[:2]
        yield rules.MIXED_NET.at(
            second.factor.target_span, net=group.name, first=first.variable.name, second=second.variable.name
        )


def _too_wide(group: Group) -> Iterator[Diagnostic]:
    """A family whose parameters for one draw are too many: they could not even be counted layer by layer."""
    width = max(target.family.width for target in group.targets)
    if width > MAX_PARAMETERS:
        size = f"{width * 4 / 2**30:,.0f} GiB"
        shown = f"more than {width:,}"
        yield rules.TOO_MANY_PARAMETERS.at(group.call.span, parameters=shown, size=size, limit=f"{MAX_PARAMETERS:,}")


def _call(call: NetworkCall, nets: Collection[str], sink: Sink) -> tuple[Network, dict[str, Any]] | None:
    if call.name in LATER and not is_network(call.name):
        help = f"today: {NETWORKS[call.name]}"
        sink.add(rules.LATER_NETWORK.at(call.span, name=call.name, what=LATER[call.name], help=help))
        return None
    if not is_network(call.name):
        known = network_names()
        help = did_you_mean(call.name, (*known, *LATER, *nets)) or f"networks: {', '.join(known)}"
        sink.add(rules.UNKNOWN_NETWORK.at(call.span, name=call.name, help=help))
        return None
    try:
        chosen = network(call.name)
    except ArdslError as error:
        sink.add(rules.BROKEN_NETWORK.at(call.span, problem=error))
        return None
    options = check_options(call, chosen, sink)
    return None if options is None else (chosen, options)
