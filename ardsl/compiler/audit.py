"""Audit: leaks and blind spots of torch code that ardsl did not compile, found by probing (evidence, not proof)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.compiler.probe import make_positive
from ardsl.errors import ArdslError
from ardsl.graph.verify import Report, compare
from ardsl.relations import ORDER_NAMES, Earlier, Matrix, Order
from ardsl.relations.order import explicit


def audit(
    function: Callable[[Tensor], Tensor],
    shape: int | Sequence[int],
    order: str | Sequence[int] | Order = "raster",
    *,
    points: int = 8,
    inputs: Tensor | None = None,
    seed: int = 0,
) -> Report:
    """What each output of any torch function really depends on, against full autoregressive context.

    ``function`` maps x [batch, *shape] to one output per element: [batch, *shape] or [batch, *shape, parameters]
    (logits, means …). ``order`` is the order it is meant to respect: a name of the language without arguments, a
    permutation (first drawn first), or an Order. Gradients are taken at ``points`` random inputs (standard normal, or
    the rows of ``inputs``), in float64 where the function is a module; where it has no gradient, inputs are changed one
    at a time. A dependence counts once it shows at any point, so a leak found is real; a blind spot is a pair that
    showed at no point.
    """
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    ranked = _order(order, shape)
    if inputs is not None and tuple(inputs.shape[1:]) != shape:
        raise ArdslError(f"the inputs must be [points, {', '.join(map(str, shape))}], not {list(inputs.shape)}")
    probes = [_call(function)]
    if isinstance(function, nn.Module):
        module = deepcopy(function).double().eval()
        positive = deepcopy(module)
        make_positive(positive, seed)
        probes = [module, positive]
    generator = torch.Generator().manual_seed(seed)
    if inputs is None:
        inputs = torch.randn((points, *shape), generator=generator, dtype=torch.float64)
    size = prod(shape)
    try:
        probes[0](inputs[:1])
    except Exception as error:  # whatever foreign code raises: it is not made for this shape
        taken = list(inputs[:1].shape)
        raise ArdslError(f"the function fails on an input of shape {taken}: {error}") from error
    moved = np.zeros((size, size), dtype=bool)
    for point in inputs:
        moved |= _probe(probes[0], point[None], shape, generator)
    for probe in probes[1:]:
        moved |= _probe(probe, torch.rand((1, *shape), generator=generator, dtype=torch.float64), shape, generator)
    element = lambda i: f"x[{', '.join(map(str, np.unravel_index(i, shape)))}]" if shape else "x"  # noqa: E731
    comparison = compare(
        Earlier().relation(ranked),
        Matrix(moved),
        factor="p(x[i] | x[<i])",
        variable="x",
        order=ranked.name,
        target_name=element,
        source_name=element,
    )
    return Report((comparison,), method="numeric")


def _order(order: str | Sequence[int] | Order, shape: tuple[int, ...]) -> Order:
    if isinstance(order, Order):
        return order
    if not isinstance(order, str):
        return explicit(shape, order)
    form = ORDER_NAMES.get(order)
    if form is None or order == "any" or any(a.required for a in form.arguments):
        raise ArdslError(f'"{order}" is not an order that needs no arguments: give a permutation or an Order')
    return form.factory(shape)  # type: ignore[return-value]


def _call(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function in float64, or, where it is made for float32, in that."""

    def call(x: Tensor) -> Tensor:
        try:
            return function(x)
        except RuntimeError as error:
            if "dtype" not in str(error) and "Float" not in str(error):
                raise
            return function(x.float())

    return call


def _probe(
    function: Callable[[Tensor], Tensor], point: Tensor, shape: tuple[int, ...], generator: torch.Generator
) -> np.ndarray:
    """Dependences that show at one input: bool [elements, elements], output by input."""
    x = point.clone().requires_grad_()
    output = _outputs(function(x), shape)
    if not output.requires_grad:
        return _perturb(function, point, shape, generator)
    mix = torch.rand(output.shape[-1], generator=generator, dtype=torch.float64).to(output) + 0.5
    mixed = output @ mix  # a random mixture: gradients of a draw's parameters do not cancel in it
    found = []
    for value in mixed:
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)
        found.append(np.zeros(prod(shape), bool) if gradient is None else (gradient != 0).flatten().numpy())
    return np.stack(found)


def _outputs(output: Tensor, shape: tuple[int, ...]) -> Tensor:
    """[elements, parameters]"""
    if tuple(output.shape[1 : 1 + len(shape)]) != shape:
        raise ArdslError(f"the function must give [batch, {', '.join(map(str, shape))}, …], not {list(output.shape)}")
    return output[0].reshape(prod(shape), -1)


def _perturb(
    function: Callable[[Tensor], Tensor], point: Tensor, shape: tuple[int, ...], generator: torch.Generator
) -> np.ndarray:
    """The same by changing one input at a time."""
    size = prod(shape)
    before = _outputs(function(point), shape)
    moved = np.zeros((size, size), dtype=bool)
    for source in range(size):
        changed = point.clone().reshape(-1)
        changed[source] += torch.randn((), generator=generator, dtype=point.dtype)
        after = _outputs(function(changed.reshape(point.shape)), shape)
        moved[:, source] = (after != before).any(-1).numpy()
    return moved
