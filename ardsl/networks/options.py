"""The options of a call: checked against what a plug-in declares, and completed by its defaults."""

from __future__ import annotations

from typing import Any, Protocol

from ardsl.diagnostics import Sink, did_you_mean
from ardsl.diagnostics.rules import networks as rules
from ardsl.model.model import NetworkCall
from ardsl.model.scope import Word
from ardsl.networks.network import MAX_LAYERS, Option


class Declares(Protocol):
    """A plug-in with options."""

    @property
    def name(self) -> str: ...
    @property
    def options(self) -> tuple[Option, ...]: ...


def check_options(call: NetworkCall, chosen: Declares, sink: Sink) -> dict[str, Any] | None:
    """All options of a call, or None where one is wrong (reported)."""
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
    return None if failed else options


def completed(call: NetworkCall, chosen: Declares) -> dict[str, Any]:
    """All options of a call that has been checked."""
    given = {o.name: _convert(o, call.options[o.name]) for o in chosen.options if o.name in call.options}
    return {option.name: option.default for option in chosen.options} | given


def _convert(option: Option, value: Any) -> Any:
    """The value as the option's kind, or None where it is not legal."""
    if option.kind == "boolean":
        return value if isinstance(value, bool) else None
    if option.kind == "choice":
        return value if value in option.choices else None
    if option.kind == "axes":
        names = value if isinstance(value, tuple) else (value,)
        known = bool(names) and all(isinstance(name, str) for name in names)
        return value if isinstance(value, bool) else tuple(names) if known else None
    if option.kind == "variable":
        return value if isinstance(value, Word) else None
    if option.kind in ("sizes", "widths"):
        items = tuple(value) if isinstance(value, (list, tuple)) else (value,)
        whole = all(isinstance(i, int) and not isinstance(i, bool) and _inside(option, i) for i in items)
        if not whole or not 0 < len(items) <= MAX_LAYERS:
            return None
        return value if option.kind == "widths" and isinstance(value, int) else items
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
    if isinstance(value, Word):
        return f"the name `{value}`"
    return f'"{value}"' if isinstance(value, str) else str(value)
