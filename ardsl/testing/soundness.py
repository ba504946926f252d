"""Functions of a spec that yield its problems, one line each: none of a spec that is compiled as it has to be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ardsl.common.wording import plural
from ardsl.compiler.compile import Compiled, compile_model
from ardsl.probing.probe import verify_numeric
from ardsl.relations import Earlier, Order, Selection
from ardsl.spec import Spec
from ardsl.testing.values import every_value, some_given, value_count

MOST_VALUES = 1 << 20
"""The most joint values whose probabilities are summed."""


def with_random_weights(spec: Spec, seed: int = 1) -> Compiled:
    """The model in float64 with random weights, biases and direct paths included, so that every dependence matters."""
    model = compile_model(spec, seed=seed, dtype=torch.float64).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            random = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.copy_(random * (max(1, parameter.shape[1:].numel()) ** -0.5 if parameter.ndim > 1 else 0.5))
    return model


def plan_problems(spec: Spec) -> Iterator[str]:
    """Yields the leaks and the blind spots of the plan."""
    for comparison in spec.report.comparisons:
        if comparison.leaks:
            yield f"plan: {plural(comparison.leaks.count, 'leak')} in {comparison.factor}"
        if comparison.blind_spots:
            yield f"plan: {plural(comparison.blind_spots.count, 'blind spot')} in {comparison.factor}"


def oracle_problems(spec: Spec) -> Iterator[str]:
    """Yields the draws whose declared contexts are not those of the language, read element by element, slowly and
    obviously."""
    for plan in spec.plan.groups:
        for k in range(plan.group.order_count):
            orders = plan.group.orders(k)
            declared = plan.group.declared(orders)
            names = [plan.group.element_name(element) for element in range(plan.group.elements)]
            for draw in range(plan.group.draws):
                expected = _reads(spec, plan.group.draw_name(draw), orders)
                read = {names[element] for element in declared.reads(draw)}
                if read != expected:
                    yield f"oracle: {plan.group.draw_name(draw)} reads {sorted(read)}, not {sorted(expected)}"


def _reads(spec: Spec, draw: str, orders: dict[str, Order]) -> set[str]:
    """The names of the elements that a draw reads."""
    read = set()
    for factor in spec.model.factors:
        variable = spec.variables[factor.variable]
        for position, element in enumerate(factor.elements):
            if variable.element_name(element) != draw.replace("*", "0"):  # all elements of a draw read the same
                continue
            for context in factor.contexts:
                source = spec.variables[context.variable]
                for other in range(source.size):
                    order = orders[variable.name]
                    if _reads_element(context.selection, order, variable.shape, position, element, other):
                        read.add(source.element_name(other))
    return read


def _reads_element(
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
    return bool(near and behind > 0 and (selection.last is None or behind <= selection.last))


def probe_problems(spec: Spec) -> Iterator[str]:
    """Yields the factors of which the built module depends on something undeclared, or not on exactly what the plan
    says."""
    numeric = verify_numeric(spec)
    for planned, probed in zip(spec.report.comparisons, numeric.comparisons, strict=True):
        if probed.leaks:
            yield f"probe: {plural(probed.leaks.count, 'leak')} in {probed.factor}"
        if (planned.realized_relation.matrix() != probed.realized_relation.matrix()).any():
            yield f"probe: {probed.factor} realizes {plural(probed.realized, 'pair')}, the plan {planned.realized}"


def normalization_problems(spec: Spec) -> Iterator[str]:
    """Yields Σ p(x) where that is not 1, of a spec with finitely many values, and not too many to list."""
    count = value_count(spec)
    if count is None or count > MOST_VALUES:
        return
    total = with_random_weights(spec).log_prob(every_value(spec), some_given(spec)).exp().sum().item()  # type: ignore[union-attr]
    if abs(total - 1) > 1e-5:
        yield f"normalization: the probabilities sum to {total}"


def evaluator_problems(spec: Spec, count: int = 64) -> Iterator[str]:
    """Yields the variables of which the step evaluator draws other samples than the whole evaluator, on the same
    noise."""
    model, given = with_random_weights(spec), some_given(spec)
    noise = model.noise(count, seed=3)
    step, whole = (
        model.sample(count, given, noise=noise, evaluator=evaluator)  # type: ignore[arg-type]
        for evaluator in ("step", "whole")
    )
    for name, first in _by_name(spec, step).items():
        second = _by_name(spec, whole)[name]
        apart = ((first.double() - second.double()).abs() / second.double().abs().clamp(min=1)).max().item()
        if apart > (1e-9 if first.is_floating_point() else 0):
            yield f"evaluators: `{name}` differs by {apart}"


def _by_name(spec: Spec, samples: dict[str, Tensor] | Tensor) -> dict[str, Tensor]:
    """Samples by variable, of one variable, too."""
    return samples if isinstance(samples, dict) else {spec.model.observed[0].name: samples}


PROBLEMS = {
    "oracle": oracle_problems,
    "plan": plan_problems,
    "probe": probe_problems,
    "normalization": normalization_problems,
    "evaluators": evaluator_problems,
}
