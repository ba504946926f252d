"""What must hold of every compiled spec, each as a function that names what fails. Tests call them; so does the test
that plants faults and expects one of them to object."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

import ardsl
from ardsl.relations import Earlier, Order, Selection
from ardsl.spec import Spec
from tests.support.small_specs import every_value, some_given


def compiled(spec: Spec, seed: int = 1) -> ardsl.AutoregressiveModel:
    """The model in float64 with random weights, biases and direct paths included, so that every dependence matters."""
    model = ardsl.compile(spec, seed=seed, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            random = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.copy_(random * (max(1, parameter.shape[1:].numel()) ** -0.5 if parameter.ndim > 1 else 0.5))
    return model


def only(values: dict[str, torch.Tensor] | torch.Tensor) -> dict[str, torch.Tensor] | torch.Tensor:
    """In the form the model takes: a dict only where there are several variables."""
    if isinstance(values, dict) and len(values) == 1:
        return next(iter(values.values()))
    return values


def plan_problems(spec: Spec) -> Iterator[str]:
    """The plan realizes exactly what is declared."""
    for comparison in spec.report.comparisons:
        if comparison.leaks:
            yield f"plan: {comparison.leaks.count} leaks in {comparison.factor}"
        if comparison.blind_spots:
            yield f"plan: {comparison.blind_spots.count} blind spots in {comparison.factor}"


def oracle_problems(spec: Spec) -> Iterator[str]:
    """What is declared is what the language says, element by element: the slow, obvious reading of every context."""
    for plan in spec.plan.groups:
        for k in range(plan.group.order_count):
            orders = plan.group.orders(k)
            declared = plan.group.declared(orders)
            names = [plan.group.element_name(e) for e in range(plan.group.elements)]
            for draw in range(plan.group.draws):
                expected = reads(spec, plan.group.draw_name(draw), orders)
                found = {names[e] for e in declared.reads(draw)}
                if found != expected:
                    yield f"oracle: {plan.group.draw_name(draw)} reads {sorted(found)}, not {sorted(expected)}"


def reads(spec: Spec, draw: str, orders: dict[str, Order]) -> set[str]:
    """The names of the elements that a draw reads."""
    found = set()
    for factor in spec.model.factors:
        variable = spec.variables[factor.variable]
        order = orders.get(variable.name)
        for position, element in enumerate(factor.elements):
            if variable.element_name(element) != draw.replace("*", "0"):  # all elements of a draw read the same
                continue
            for context in factor.contexts:
                source = spec.variables[context.variable]
                for other in range(source.size):
                    if reads_element(context.selection, order, variable.shape, position, element, other):
                        found.add(source.element_name(other))
    return found


def reads_element(
    selection: Selection, order: Order, shape: tuple[int, ...], position: int, element: int, other: int
) -> bool:
    if not isinstance(selection, Earlier):
        return (position, other) in selection.relation(order)
    rank = {int(e): place for place, e in enumerate(order.permutation)} if order.total else order.rank
    behind = rank[element] - rank[other]
    near = all(
        limit is None or abs(int(a) - int(b)) <= limit
        for limit, a, b in zip(
            selection.limits or [None] * len(shape),
            np.unravel_index(element, shape),
            np.unravel_index(other, shape),
            strict=True,
        )
    )
    return near and behind > 0 and (selection.last is None or behind <= selection.last)


def probe_problems(spec: Spec) -> Iterator[str]:
    """The built module depends on exactly what the plan says, and on nothing undeclared."""
    numeric = ardsl.verify_numeric(spec)
    for planned, probed in zip(spec.report.comparisons, numeric.comparisons, strict=True):
        if probed.leaks:
            yield f"probe: {probed.leaks.count} leaks in {probed.factor}"
        if (planned.realized_relation.matrix() != probed.realized_relation.matrix()).any():
            yield f"probe: {probed.factor} realizes {probed.realized} pairs, the plan {planned.realized}"


def normalization_problems(spec: Spec) -> Iterator[str]:
    """The probabilities of all values sum to one."""
    total = compiled(spec).log_prob(only(every_value(spec)), some_given(spec)).exp().sum().item()
    if abs(total - 1) > 1e-5:
        yield f"normalization: the probabilities sum to {total}"


def evaluator_problems(spec: Spec, count: int = 64) -> Iterator[str]:
    """The step evaluator gives the whole evaluator's samples on the same noise."""
    model = compiled(spec)
    given = some_given(spec)
    noise = model.noise(count, seed=3)
    step = model.sample(count, given, noise=noise)
    whole = model.sample(count, given, noise=noise, evaluator="whole")
    for name, first in (step if isinstance(step, dict) else {"x": step}).items():
        second = whole[name] if isinstance(whole, dict) else whole
        far = ((first.double() - second.double()).abs() / second.double().abs().clamp(min=1)).max().item()
        if far > (1e-9 if first.is_floating_point() else 0):
            yield f"evaluators: `{name}` differs by {far}"


PROBLEMS = {
    "oracle": oracle_problems,
    "plan": plan_problems,
    "probe": probe_problems,
    "normalization": normalization_problems,
    "evaluators": evaluator_problems,
}
