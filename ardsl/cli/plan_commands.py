"""``ardsl plan``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ardsl.cli.output import MOST_ROWS, formula, print_json, print_table, say, spelled
from ardsl.cli.reach import draw_reach, reach_options
from ardsl.cli.specs import json_option, open_spec, set_option, spec_argument
from ardsl.common.wording import plural, size
from ardsl.graph.verify import share_of

if TYPE_CHECKING:
    from ardsl.graph.verify import Comparison
    from ardsl.networks.design import Design
    from ardsl.networks.plan import Plan
    from ardsl.spec import Spec

MOST_GROUPS = 6
"""Groups whose layers are shown to people; more get a line each."""


@click.command("plan")
@spec_argument
@set_option
@json_option
@reach_options
def plan_command(
    file: str, settings: dict[str, str], as_json: bool, output: str | None, elements: tuple[str, ...]
) -> None:
    """Show what a spec would be built as, before anything is allocated.

    Layers with their parameters, the connections that the masks let through, and FLOPs (a multiply-add counts as two);
    then the totals, the memory of one batch's activations, what a draw may read, and the sampling steps.
    """
    spec = open_spec(file, settings, as_json)
    draw_reach(file, spec, output, elements)
    if as_json:
        print_json(plan_json(spec))
        return
    plan = spec.plan
    say(f"{spec.name}: {formula(spec)}")
    if len(plan.every) > MOST_GROUPS:
        _print_groups(plan)
    else:
        for group in plan.every:
            _print_group(group)
    say()
    weights = f"{plan.parameters:,} ({size(4 * plan.parameters)} in float32)"
    memory = f"{size(plan.activation_bytes)} for a batch of {plan.batch:,}, in float32"
    lines = [
        ("parameters", weights),
        ("FLOPs", f"{plan.flops:,} for the likelihood of one example"),
        ("activation memory", memory),
        *(("receptive field", _field_text(field)) for field in _most_telling(receptive_fields(spec))),
        *(("blind spots", text) for text in _blind_spots(spec)),
        ("sampling steps", f"{plan.steps:,}"),
    ]
    for name, text in lines:
        say(f"{name:<18} {text}")


def _print_group(plan: Design) -> None:
    from ardsl.networks.registry import network

    declared = [option.name for option in network(plan.network).options]
    shown = {name: value for name in declared if (value := plan.options.get(name)) is not None}
    options = ", ".join(f"{name} = {spelled(value)}" for name, value in shown.items())
    factors = ", ".join(factor.text for factor in plan.group.factors)
    say()
    say(f"{factors} via {plan.network}{f'({options})' if options else ''}")
    say()
    rows = [
        (
            layer.name + (f" ({layer.activation})" if layer.activation else ""),
            *(f"{n:,}" for n in (layer.inputs, layer.outputs, layer.parameters, layer.connections, layer.flops)),
        )
        for layer in plan.layers
    ]
    totals = (plan.parameters, _connections(plan), plan.flops)
    if len(rows) > 1:
        rows.append(("total", "", "", *(f"{n:,}" for n in totals)))
    print_table(("layer", "inputs", "outputs", "parameters", "connections", "FLOPs"), rows, total=len(rows) > 1)


def _print_groups(plan: Plan) -> None:
    """One line for a group, where the layers of each would be pages."""
    rows = [
        (
            ", ".join(factor.text for factor in design.group.factors),
            design.network,
            *(f"{n:,}" for n in (len(design.layers), design.parameters, _connections(design), design.flops)),
        )
        for design in plan.every[:MOST_ROWS]
    ]
    if len(plan.every) > MOST_ROWS:
        rows.append((f"and {len(plan.every) - MOST_ROWS:,} more", "", "", "", "", ""))
    connections = sum(map(_connections, plan.every))
    rows.append(("total", "", "", *(f"{n:,}" for n in (plan.parameters, connections, plan.flops))))
    say()
    print_table(("factors", "network", "layers", "parameters", "connections", "FLOPs"), rows, left=2, total=True)


def _connections(plan: Design) -> int:
    return sum(layer.connections for layer in plan.layers)


def _most_telling(fields: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All of a few receptive fields; of many, the widest."""
    return fields if len(fields) <= MOST_GROUPS else [max(fields, key=lambda field: field["elements"])]


def receptive_fields(spec: Spec) -> list[dict[str, Any]]:
    """For each factor the most elements one of its draws reads, and how far along each axis it reads its own variable.

    Under ``any(orders = K)``, of the first order.
    """
    from ardsl.networks.reach import realized_reach
    from ardsl.networks.realize import factor_rows

    comparisons: dict[str, Comparison] = {}
    for comparison in spec.report.comparisons:
        comparisons.setdefault(comparison.factor, comparison)
    fields = []
    for plan in spec.plan.every:
        for factor, start, stop in factor_rows(plan.group):
            comparison = comparisons[factor.text]
            if not comparison.realized:
                continue
            axes = spec.variables[factor.variable].axes
            distances = realized_reach(plan, factor, start, stop) if axes else ()
            named = None
            if distances is not None:
                names = (axis.name or f"axis {number}" for number, axis in enumerate(axes))
                named = {name: distance for name, distance in zip(names, distances, strict=True) if distance}
            most = comparison.realized_relation.most
            fields.append({"factor": factor.text, "elements": most, "reach": named})
    return fields


def _blind_spots(spec: Spec) -> list[str]:
    """The lines on blind spots: what is declared and never seen, and how that would change."""
    lost = spec.report.blind_spots.count
    if not lost:
        return []
    help = dict.fromkeys(group.completion for group in spec.plan.every if group.completion)
    share = f"{lost:,}, {share_of(lost, spec.report.declared)} of what is declared"
    return ["; ".join([share, *help])]


def _field_text(field: dict[str, Any]) -> str:
    reach = ", ".join(f"{distance:,} along {axis}" for axis, distance in (field["reach"] or {}).items())
    return f"{field['factor']}: up to {plural(field['elements'], 'element')}" + (f"; reaches {reach}" if reach else "")


def plan_json(spec: Spec) -> dict[str, Any]:
    plan = spec.plan
    return {
        "name": spec.name,
        "formula": plan.formula,
        "parameters": plan.parameters,
        "flops": plan.flops,
        "activation_bytes": plan.activation_bytes,
        "batch": plan.batch,
        "steps": plan.steps,
        "receptive_fields": receptive_fields(spec),
        "groups": [
            {
                "factors": [factor.text for factor in group.group.factors],
                "network": group.network,
                "options": {k: list(v) if isinstance(v, tuple) else v for k, v in group.options.items()},
                "parameters": group.parameters,
                "flops": group.flops,
                "layers": [
                    {
                        "name": layer.name,
                        "inputs": layer.inputs,
                        "outputs": layer.outputs,
                        "parameters": layer.parameters,
                        "connections": layer.connections,
                        "flops": layer.flops,
                        "activation": layer.activation,
                    }
                    for layer in group.layers
                ],
            }
            for group in plan.every
        ],
    }
