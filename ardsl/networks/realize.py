"""From checked groups to the whole plan: every group planned, the formula echoed, the sampling steps scheduled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from ardsl.common.wording import plural
from ardsl.diagnostics import Diagnostic, Sink
from ardsl.diagnostics.rules import networks as rules
from ardsl.graph.verify import Comparison, Report, compare
from ardsl.model.model import Factor, Model
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.networks.plan import Plan
from ardsl.networks.resolve import MAX_PARAMETERS
from ardsl.relations import Order, Relation, Sparse
from ardsl.relations.arrays import joined
from ardsl.relations.layering import CycleError

MANY_PARAMETERS = 1 << 26
"""Parameters of one network that are warned of (256 MiB, and as much again for each of their gradients and moments)."""
MAX_READINGS = 1 << 27
"""Pairs of a draw and an element that it reads, over all of several networks: their schedule lists them."""


def make_plan(model: Model, designs: Sequence[Design], sink: Sink) -> Plan | None:
    """The plan of a model from the designs of its networks, with the sampling schedule over all of them; None where a
    network is too large."""
    groups = []
    for designed in designs:
        design, span = _reading_for_parameters(designed), designed.group.call.span
        if design.parameters > MAX_PARAMETERS:
            size, limit = f"{design.parameters * 4 / 2**30:,.0f} GiB", f"{MAX_PARAMETERS:,}"
            sink.add(rules.TOO_MANY_PARAMETERS.at(span, parameters=f"{design.parameters:,}", size=size, limit=limit))
            continue
        if design.parameters > MANY_PARAMETERS:
            sink.add(_many_parameters(design))
        groups.append(design)
    pairs = [max(relation.count for relation in plan.realized) for plan in groups]
    if len(groups) > 1 and sum(pairs) > MAX_READINGS:
        largest = groups[pairs.index(max(pairs))].group
        sink.add(rules.TOO_MANY_READINGS.at(largest.call.span, pairs=f"{sum(pairs):,}", limit=f"{MAX_READINGS:,}"))
        return None
    if len(groups) < len(designs):
        return None
    window = model.train.window
    if window is not None and all(plan.receptive_field is None for plan in groups):
        sink.add(rules.WINDOW_WITHOUT_TIME.at(groups[0].group.call.span, network=groups[0].network))
    whole_plan = Plan(tuple(groups), formula(model), 0, model.train.batch, window)
    orders = max((g.group.order_count for g in groups), default=1)
    under = [[min(k, g.group.order_count - 1) for g in groups] for k in range(orders)]
    try:
        return replace(whole_plan, steps=max(_reading(groups, orders_of_groups).depth() for orders_of_groups in under))
    except CycleError:
        if verify_plan(whole_plan).sound:
            raise
        return whole_plan  # leaks that close a circle leave no order to draw in; the report names them


def _many_parameters(plan: Design) -> Diagnostic:
    """The warning that a network is large, and where."""
    layer = max(plan.layers, key=lambda layer: layer.parameters)
    parameters, size = f"{plan.parameters:,}", f"{plan.parameters * 4 / 2**20:,.0f} MiB"
    joined = (
        f"{layer.parameters:,} are in layer `{layer.name}`, from {layer.inputs:,} inputs to {layer.outputs:,} outputs"
    )
    help = "read less, or make hidden layers or the family smaller: a category takes a number for each of its values"
    if layer.direct and plan.layers[0] is not layer:
        help = "leave the layer out, with `direct = false`, or read less"
    span = plan.group.call.span
    return rules.MANY_PARAMETERS.at(span, notes=[joined], help=help, parameters=parameters, size=size)


def _reading_for_parameters(plan: Design) -> Design:
    """The plan, in which draws whose parameters are all fixed read nothing, whatever the network's layers connect."""
    widths = plan.group.draw_outputs
    if widths.all():
        return plan
    hidden = None if plan.hidden is None else tuple(relation.only_for(widths > 0) for relation in plan.hidden)
    helps = ["leave a parameter of the family to the network, or remove the context"]
    helps += [plan.completion] if widths.any() and plan.completion else []
    realized = tuple(relation.only_for(widths > 0) for relation in plan.realized)
    return replace(plan, realized=realized, hidden=hidden, completion="; ".join(helps))


def formula(model: Model) -> str:
    """The factorization, as a paper would write it."""
    left = ", ".join(v.name for v in model.variables.values() if v.kind != "given")
    given = ", ".join(v.name for v in model.given)
    kind = model.factors[0].kind
    return f"{kind}({left}{' | ' + given if given else ''}) = " + " · ".join(_conditionals(model))


def _conditionals(model: Model) -> Iterator[str]:
    """One term for each variable, or for each of its factors; a mixture over orders is one of their product."""
    for name, variable in model.variables.items():
        terms = [_factor(model, factor) for factor in model.factors_of(name)]
        if terms and variable.orders.mixed:
            product = " · ".join(terms)
            yield f"1/{len(variable.orders)} Σ_order {f'({product})' if len(terms) > 1 else product}"
        else:
            yield from terms


def _factor(model: Model, factor: Factor) -> str:
    variable = model.variables[factor.variable]
    several = len(factor.elements) > 1 and len(factor.event_axes) < len(variable.shape)
    return ("∏ " if several else "") + factor.text


def owners(groups: Sequence[Group]) -> list[np.ndarray]:
    """For each group, the draw (numbered over all groups) that gives each of its source elements; −1 for a
    ``given``."""
    draw_of: dict[str, np.ndarray] = {}
    start = 0
    for group in groups:
        for target in group.targets:
            draws = np.broadcast_to(np.arange(start, start + target.draws)[:, None], target.elements.shape)
            if target.whole:
                draw_of[target.variable.name] = draws.reshape(-1)
            else:
                owner = draw_of.setdefault(target.variable.name, np.full(target.variable.size, -1, dtype=np.int64))
                owner[target.elements] = draws
            start += target.draws
    owned = [
        [
            draw_of[s.variable.name][s.index] if s.variable.name in draw_of else np.full(len(s.elements), -1)
            for s in group.sources
        ]
        for group in groups
    ]
    return [of_group[0] if len(of_group) == 1 else joined(of_group) for of_group in owned]


def sampling_steps(plans: Sequence[Design], orders: Sequence[int | Mapping[str, Order]]) -> np.ndarray:
    """The sampling step of each draw, int64 [draws of all groups]: the longest-path layering of the realized graph.

    ``orders[g]`` are those that group ``g`` is under: some of its declared ones by number, or any by variable.
    """
    return _reading(plans, orders).layers()


def _reading(plans: Sequence[Design], orders: Sequence[int | Mapping[str, Order]]) -> Relation:
    """The draws that each draw reads, numbered over all groups. Under orders that are not planned for, what is
    declared: nothing else is realized."""
    realized = [
        p.realized[k] if isinstance(k, int) else p.group.declared(k) for p, k in zip(plans, orders, strict=True)
    ]
    owner, total = owners([p.group for p in plans]), sum(p.group.draws for p in plans)
    if len(plans) == 1:
        return realized[0].by_owner(owner[0], total)
    targets, sources = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    start = 0
    for plan, relation, columns in zip(plans, realized, owner, strict=True):
        target, element = relation.pairs(np.arange(relation.targets))
        drawn = columns[element] >= 0
        targets.append(start + target[drawn])
        sources.append(columns[element[drawn]])
        start += plan.group.draws
    return Sparse.of_pairs(total, total, np.concatenate(targets), np.concatenate(sources))


def verify_plan(plan: Plan) -> Report:
    """Declared against realized, factor by factor and order by order."""
    return Report(tuple(c for group in plan.every for c in _comparisons(group)))


def _comparisons(plan: Design) -> Iterator[Comparison]:
    group = plan.group
    for k in range(group.order_count):
        orders = group.orders(k)
        realized = plan.realized[k]
        declared = plan.declared(orders)
        hidden = plan.hidden[k] if plan.hidden is not None else None
        for factor, start, stop in factor_rows(group):
            rows = range(start, stop)
            yield compare(
                *(declared, realized) if len(group.factors) == 1 else (declared.select(rows), realized.select(rows)),
                factor=factor.text,
                variable=factor.variable,
                order=orders[factor.variable].name,
                target_name=lambda draw, start=start: group.draw_name(start + draw),  # type: ignore[misc]
                source_name=group.element_name,
                hidden=hidden if hidden is None or len(group.factors) == 1 else hidden.select(rows),
            )


def factor_rows(group: Group) -> Iterator[tuple[Factor, int, int]]:
    """Each factor of a group with the range of its draws."""
    start = 0
    for factor in group.factors:
        stop = start + sum(t.draws for t in group.targets if t.factor is factor)
        yield factor, start, stop
        start = stop


def report_findings(model: Model, plan: Plan, report: Report, sink: Sink) -> None:
    """Leaks as errors; blind spots as warnings, or errors under ``check complete``; per factor, the first order's."""
    claimed = {c.variable: c for c in model.claims if c.kind == "complete"}
    network = {f.text: (g.network, f) for g in plan.every for f in g.group.factors}
    completion = {f.text: g.completion for g in plan.every for f in g.group.factors}
    seen: set[tuple[str, str]] = set()
    for comparison in report.comparisons:
        name, factor = network[comparison.factor]
        if comparison.leaks and (comparison.factor, "leak") not in seen:
            seen.add((comparison.factor, "leak"))
            target, source = comparison.leaks[0]
            sink.add(
                rules.LEAK.at(
                    factor.target_span,
                    factor=comparison.factor,
                    pairs=plural(comparison.leaks.count, "pair"),
                    are="is" if comparison.leaks.count == 1 else "are",
                    target=target,
                    source=source,
                )
            )
        if comparison.blind_spots and (comparison.factor, "blind") not in seen:
            seen.add((comparison.factor, "blind"))
            target, source = comparison.blind_spots[0]
            claim = claimed.get(comparison.variable)
            rule = rules.INCOMPLETE if claim else rules.BLIND_SPOT
            sink.add(
                rule.at(
                    claim.span if claim else factor.network.span,
                    text=claim.text if claim else "",
                    count=f"{comparison.blind_spots.count:,}",
                    declared=f"{comparison.declared:,}",
                    factor=comparison.factor,
                    network=name,
                    target=target,
                    source=source,
                    help=completion.get(comparison.factor),
                )
            )
