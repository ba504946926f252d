"""From network calls to checked groups: known networks, legal options, contexts the network can realize."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ardsl.diagnostics import Diagnostic, Sink, Span, did_you_mean
from ardsl.diagnostics.rules import networks as rules
from ardsl.model.model import Model, NetworkCall
from ardsl.networks.group import Group, make_groups
from ardsl.networks.network import MAX_LAYERS, Network, Option
from ardsl.networks.registry import LATER, network, network_names


@dataclass(frozen=True)
class Resolved:
    """A group with its network and complete, checked options."""

    group: Group
    network: Network
    options: dict[str, Any]


def resolve_networks(model: Model, sink: Sink) -> tuple[Resolved, ...] | None:
    """Every group with its network, or None where any has an error; all errors are reported."""
    for diagnostic in _not_built(model):
        sink.add(diagnostic)
    resolved: list[Resolved] = []
    known: dict[Span, tuple[Network, dict[str, Any]] | None] = {}
    for group in make_groups(model):
        if group.call.span not in known:  # factors that share a net share its call, and its errors
            known[group.call.span] = _call(group.call, model.nets, sink)
        found = known[group.call.span]
        if found is None:
            continue
        chosen, options = found
        problems = [*_mixed(group), *chosen.problems(group, options)]
        for diagnostic in problems:
            sink.add(diagnostic)
        if not problems:
            resolved.append(Resolved(group, chosen, options))
    return None if sink.errors else tuple(resolved)


def _not_built(model: Model) -> Iterator[Diagnostic]:
    for variable in model.variables.values():
        if variable.kind == "latent":
            yield rules.LATENT.at(variable.span, name=variable.name)
    for factor in model.factors:
        for context in factor.contexts:
            if context.network is not None:
                yield rules.CONTEXT_NETWORK.at(context.network.span, name=context.network.name)


def _mixed(group: Group) -> Iterator[Diagnostic]:
    mixed = {t.variable.name: t for t in group.targets if t.variable.orders.mixed}
    if len(mixed) > 1:
        first, second = list(mixed.values())[:2]
        yield rules.MIXED_NET.at(
            second.factor.target_span, net=group.name, first=first.variable.name, second=second.variable.name
        )


def _call(call: NetworkCall, nets: Collection[str], sink: Sink) -> tuple[Network, dict[str, Any]] | None:
    if call.name in LATER:
        sink.add(rules.LATER_NETWORK.at(call.span, name=call.name, what=LATER[call.name]))
        return None
    if call.name not in network_names():
        known = network_names()
        help = did_you_mean(call.name, (*known, *LATER, *nets)) or f"networks: {', '.join(known)}"
        sink.add(rules.UNKNOWN_NETWORK.at(call.span, name=call.name, help=help))
        return None
    chosen = network(call.name)
    declared = {option.name: option for option in chosen.options}
    options = {option.name: option.default for option in chosen.options}
    failed = False
    for name, value in call.options.items():
        span = call.option_spans.get(name, call.span)
        option = declared.get(name)
        if option is None:
            help = did_you_mean(name, declared) or (
                f"options: {', '.join(declared)}" if declared else f"`{chosen.name}` has no options"
            )
            sink.add(rules.UNKNOWN_OPTION.at(span, network=chosen.name, option=name, help=help))
            failed = True
            continue
        converted = _convert(option, value)
        if converted is None:
            legal = option.range_for(value)
            sink.add(rules.BAD_OPTION.at(span, network=chosen.name, option=name, range=legal, value=_shown(value)))
            failed = True
            continue
        options[name] = converted
    return None if failed else (chosen, options)


def _convert(option: Option, value: Any) -> Any:
    """The value as the option's kind, or None where it is not legal."""
    if option.kind == "boolean":
        return value if isinstance(value, bool) else None
    if option.kind == "choice":
        return value if value in option.choices else None
    if option.kind == "sizes":
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        whole = all(isinstance(i, int) and not isinstance(i, bool) and _inside(option, i) for i in items)
        return items if whole and 0 < len(items) <= MAX_LAYERS else None
    if isinstance(value, bool) or not isinstance(value, int if option.kind == "integer" else (int, float)):
        return None
    return value if _inside(option, value) else None


def _inside(option: Option, value: float) -> bool:
    if option.odd and value % 2 == 0:
        return False
    return (option.low is None or value >= option.low) and (option.high is None or value <= option.high)


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_shown(v) for v in value[:8]) + (", …]" if len(value) > 8 else "]")
    return f'"{value}"' if isinstance(value, str) else str(value)
