"""Every rule by its code. A rule's record is both what raises the diagnostic and its ``explain`` page."""

from __future__ import annotations

from ardsl.diagnostics.diagnostic import Rule
from ardsl.diagnostics.rules import (
    contexts,
    data,
    factors,
    families,
    graph,
    names,
    networks,
    orders,
    pedantic,
    settings,
    syntax,
)

RULES: dict[str, Rule] = {}
for _module in (syntax, names, contexts, factors, settings, graph, orders, families, networks, data, pedantic):
    for _value in vars(_module).values():
        if isinstance(_value, Rule):
            if _value.code in RULES:
                raise RuntimeError(f"two rules have the code {_value.code}")
            RULES[_value.code] = _value
