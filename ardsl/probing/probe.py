"""The second check: what the built module really depends on, found on the module itself, in float64.

A layer's own claim cannot hide a fault from this: it looks only at which inputs move which outputs. Every weight is
first made positive, in a copy: gradients along different paths then cannot cancel and no unit is dead, so a gradient is
zero exactly where no path leads, and one evaluation of an example for each draw settles it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.compiler.arrays.encoding import encode
from ardsl.compiler.arrays.values import Values
from ardsl.compiler.compile import compile_model
from ardsl.compiler.model import AutoregressiveModel
from ardsl.families.domains import Domain
from ardsl.graph.verify import Report, compare
from ardsl.networks.module import NetworkModule
from ardsl.networks.realize import factor_rows
from ardsl.relations import Matrix
from ardsl.spec import Spec

CHUNK = 64
"""Backward passes run at once."""


def verify_numeric(spec: Spec, seed: int = 0) -> Report:
    """Declared against what gradients and perturbations of the built module show, factor by factor."""
    model = compile_model(spec, seed=seed, dtype=torch.float64).eval()
    make_positive(model, seed)
    groups = [(density, index, group) for density in model.densities for index, group in enumerate(density.groups)]
    places = [(group.name, group.factors[0].kind) for group in (plan.group for plan in spec.plan.every)]
    comparisons = []
    for density, index, group in sorted(groups, key=lambda g: places.index((g[2].name, g[2].factors[0].kind))):
        for k in range(group.order_count):
            orders = group.orders(k)
            realized = Matrix(probe_group(density, index, k, seed))
            declared = group.declared(orders)
            for factor, start, stop in factor_rows(group):
                comparisons.append(
                    compare(
                        declared.select(range(start, stop)),
                        realized.select(range(start, stop)),
                        factor=factor.text,
                        variable=factor.variable,
                        order=orders[factor.variable].name,
                        target_name=lambda draw, start=start, group=group: group.draw_name(start + draw),  # type: ignore[misc]
                        source_name=group.element_name,
                    )
                )
    return Report(tuple(comparisons), method="numeric")


def make_positive(model: nn.Module, seed: int) -> None:
    """Positive weights that sum to about one per unit, and biases that keep every rectifier open."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            random = torch.rand(parameter.shape, generator=generator, dtype=parameter.dtype)
            if parameter.ndim > 1:
                parameter.copy_((random + 0.5) / max(1, parameter.shape[1:].numel()))
            else:
                parameter.copy_(random + 4)
    for module in model.modules():
        if isinstance(module, NetworkModule):
            module.unsaturate()


def probe_group(model: AutoregressiveModel, index: int, order: int = 0, seed: int = 0) -> np.ndarray:
    """The source elements that move each draw's parameters: bool [draws, elements]."""
    group = model.groups[index]
    net: NetworkModule = model.networks[index]  # type: ignore[assignment]
    generator = torch.Generator().manual_seed(seed)
    pairs = {
        s.variable.name: [two_values(s.variable.element_domain(e), generator) for e in range(s.variable.size)]
        for s in group.sources
    }
    base = {name: torch.stack([first for first, _ in pair])[None].double() for name, pair in pairs.items()}
    moved = np.zeros((group.draws, group.elements), dtype=bool)
    if not group.elements:
        return moved
    if net.reads == "features":
        jacobian = _jacobian(model, index, base, order)
    column = 0
    for source in group.sources:
        name = source.variable.name
        for element in source.elements:
            changed = base[name].clone()
            changed[0, element] = pairs[name][element][1]
            values = base | {name: changed}
            if net.reads == "features" and column not in net.jumps:
                # The features that do change, wherever they stand, and those that the plan says are this element's.
                features = (encode(group, values, net.reads) != encode(group, base, net.reads))[0].numpy()
                moved[:, column] = jacobian[:, features | (group.feature_element == column)].any(axis=1)
            elif source.variable.element_domain(element).levels == 1:
                moved[:, column] = (
                    model.spec.plan.groups[index].realized[order].matrix()[:, column]
                )  # nothing to change
            else:
                moved[:, column] = _differs(
                    model.conditional_parameters(index, base, order), model.conditional_parameters(index, values, order)
                )
            column += 1
    return moved


def _jacobian(model: AutoregressiveModel, index: int, base: Values, order: int) -> np.ndarray:
    """The features for which a draw's parameters have a gradient: bool [draws, features]. Parameters of one draw are
    summed: all gradients are positive."""
    net: NetworkModule = model.networks[index]  # type: ignore[assignment]
    inputs, draws = encode(model.groups[index], base, net.reads), model.groups[index].draws
    rows_moved = []
    for chosen in torch.arange(draws).split(CHUNK):
        # An example for each draw: not every backward pass takes several gradients of one example.
        examples = inputs.repeat(len(chosen), 1).requires_grad_()
        parameters = torch.cat([raw.sum(-1) for raw in model.split(index, net(examples, order))], 1)
        total = parameters.gather(1, chosen[:, None]).sum() + 0 * examples.sum()  # a window may leave nothing to read
        (gradient,) = torch.autograd.grad(total, examples)
        rows_moved.append((gradient != 0).numpy())
    return np.concatenate(rows_moved)


def _differs(before: list[Tensor], after: list[Tensor]) -> np.ndarray:
    return torch.cat([(a != b).any(-1)[0] for a, b in zip(before, after, strict=True)]).numpy()


def two_values(domain: Domain, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two legal values, different where there are two."""
    first, second = torch.rand(2, generator=generator, dtype=torch.float64)
    if domain.levels is not None:
        codes = torch.randperm(min(domain.levels, 1 << 16), generator=generator)[:2].double()
        codes = codes if len(codes) > 1 else codes.repeat(2)
        first, second = domain.value(codes)
        return first, second
    if domain.whole:
        return torch.floor(first * 5), torch.floor(first * 5) + 1
    if domain.circular:
        return (first - 0.5) * math.pi, (second - 0.5) * math.pi
    return first * 0.8 + 0.1, second * 0.8 + 0.1  # inside real, positive and unit_interval
