"""Audit: leaks and blind spots of torch code that ardsl did not compile, found by probing (evidence, not proof)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from ardsl.arguments import checked_count, checked_seed
from ardsl.common.wording import shown
from ardsl.compiler.arrays.users import numbers
from ardsl.errors import ArdslError
from ardsl.graph.verify import Report, compare
from ardsl.probing.probe import make_positive
from ardsl.relations import ORDER_NAMES, Earlier, Matrix, Order, OrderError
from ardsl.relations.order import explicit

_CHUNK = 256
"""Inputs changed at once, each in an example of its own."""
_FEW = 256
"""Inputs with at most so many values are taken for codes."""


@dataclass(frozen=True, repr=False)
class Audit(Report):
    """The dependences that probing found of a function, against all that is earlier in ``order``."""

    order: Order = field(kw_only=True, repr=False)

    def element_name(self, element: int) -> str:
        """An element by its indices, ``x[3, 4]``."""
        return _element_name(self.order.shape, element)


def audit(
    function: Callable[[Tensor], Tensor],
    shape: int | Sequence[int],
    order: str | Sequence[int] | Order = "raster",
    *,
    points: int = 8,
    inputs: Tensor | None = None,
    seed: int = 0,
) -> Audit:
    """Finds the inputs that each output of any torch function depends on, against full autoregressive context.

    ``function`` maps x [batch, *shape] to one output per element: [batch, *shape] or [batch, *shape, parameters]
    (logits, means …). ``order`` is the order it is meant to respect: a name of the language without arguments, a
    permutation (first drawn first), or an Order. At each of ``points`` random inputs (standard normal, or the rows of
    ``inputs``: give real examples where the function takes codes) gradients are taken, and inputs are changed one at a
    time, for what has no gradient: modules in float64. A dependence counts once it shows at any point, so a leak found
    is real; a blind spot is a pair that showed at no point.
    """
    if not callable(function):
        raise ArdslError(f"an audit takes a function or module, not {shown(function)}")
    sizes = shape if isinstance(shape, Sequence) and not isinstance(shape, str) else (shape,)
    shape = tuple(checked_count(size, "elements along each axis of the shape", 1) for size in sizes)
    points = checked_count(points, "points", 1)
    ranked = _order(order, shape)
    generator = torch.Generator().manual_seed(checked_seed(seed))
    inputs = _inputs(inputs, shape, points, generator)
    probes = [_call(function)]
    if isinstance(function, nn.Module):
        module = deepcopy(function).double().eval()
        positive = deepcopy(module)
        make_positive(positive, seed)
        probes = [module, positive]
    try:
        probes[0](inputs[:1])
    except Exception as error:  # whatever foreign code raises: it is not made for this shape
        taken = list(inputs[:1].shape)
        raise ArdslError(f"the function fails on an input of shape {taken}: {error}") from error
    _require_steady(probes[0], inputs[:1], shape)
    size = prod(shape)
    moved = np.zeros((size, size), dtype=bool)
    for number, point in enumerate(inputs):
        moved |= _gradients(probes[0], point[None], shape, generator)
        moved |= _changes(probes[0], point, _others(inputs, number, generator), shape)
    for probe in probes[1:]:
        if inputs.is_floating_point():
            moved |= _gradients(probe, torch.rand(1, *shape, generator=generator, dtype=inputs.dtype), shape, generator)
    comparison = compare(
        Earlier().relation(ranked),
        Matrix(moved),
        factor="p(x[i] | x[<i])",
        variable="x",
        order=ranked.name,
        target_name=partial(_element_name, shape),
        source_name=partial(_element_name, shape),
    )
    return Audit((comparison,), method="numeric", order=ranked)


def _element_name(shape: tuple[int, ...], element: int) -> str:
    return f"x[{', '.join(map(str, np.unravel_index(element, shape)))}]" if shape else "x"


def _inputs(inputs: Tensor | None, shape: tuple[int, ...], points: int, generator: torch.Generator) -> Tensor:
    """[points, *shape]: those given, codes as they are and other numbers in float64, or random ones."""
    if inputs is None:
        return torch.randn((points, *shape), generator=generator, dtype=torch.float64)
    inputs = numbers(inputs, "the inputs")
    if tuple(inputs.shape[1:]) != shape or not len(inputs):
        raise ArdslError(f"the inputs must be [points, {', '.join(map(str, shape))}], not {list(inputs.shape)}")
    return inputs.double() if inputs.is_floating_point() else inputs


def _others(inputs: Tensor, number: int, generator: torch.Generator) -> Tensor:
    """Another value for each element of a point: of codes another of those seen, of other numbers one of another sign
    or far away, so that thresholds are crossed."""
    point = inputs[number]
    values = inputs.unique()
    if inputs.is_floating_point() and not 1 < len(values) <= _FEW:
        far = 3 * torch.randn(point.shape, generator=generator, dtype=point.dtype)
        return torch.where(point == 0, far, far if number % 2 else -point)
    if len(values) < 2:
        raise ArdslError("the inputs need at least two different codes, to change one for another")
    places = torch.searchsorted(values, point.contiguous())
    steps = torch.randint(1, len(values), point.shape, generator=generator)
    return values[(places + steps) % len(values)]


def _order(order: str | Sequence[int] | Order, shape: tuple[int, ...]) -> Order:
    if isinstance(order, Order):
        return order
    if not isinstance(order, str):
        try:
            return explicit(shape, order)
        except OrderError as error:
            raise ArdslError(str(error)) from None
        except (TypeError, ValueError, RuntimeError):  # no array at all
            raise ArdslError(f"an order is a name, a permutation or an Order, not {shown(order)}") from None
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
            if not any(word in str(error) for word in ("dtype", "Float", "type (")):
                raise
            return function(x.float())

    return call


def _gradients(
    function: Callable[[Tensor], Tensor], point: Tensor, shape: tuple[int, ...], generator: torch.Generator
) -> np.ndarray:
    """Dependences that show in gradients at one input: bool [elements, elements], output by input."""
    moved = np.zeros((prod(shape), prod(shape)), dtype=bool)
    if not point.is_floating_point():
        return moved
    x = point.clone().requires_grad_()
    output = _outputs(function(x), shape)[0]
    if not output.requires_grad:
        return moved
    mix = torch.rand(output.shape[-1], generator=generator, dtype=torch.float64).to(output) + 0.5
    mixed = output @ mix  # a random mixture: gradients of a draw's parameters do not cancel in it
    for target, value in enumerate(mixed):
        (gradient,) = torch.autograd.grad(value, x, retain_graph=True, allow_unused=True)
        if gradient is not None:
            moved[target] = (gradient != 0).flatten().numpy()
    return moved


@torch.no_grad()
def _changes(function: Callable[[Tensor], Tensor], point: Tensor, others: Tensor, shape: tuple[int, ...]) -> np.ndarray:
    """Dependences that show when one input is changed at a time: also those of thresholds, codes and rounding, which
    have no gradient."""
    size = prod(shape)
    moved = np.zeros((size, size), dtype=bool)
    for start in range(0, size, _CHUNK):
        sources = torch.arange(start, min(start + _CHUNK, size))
        batch = point.reshape(1, size).repeat(len(sources) + 1, 1)  # the unchanged point is the last
        batch[torch.arange(len(sources)), sources] = others.reshape(size)[sources]
        changed = _outputs(function(batch.reshape(-1, *shape)), shape)
        moved[:, sources.numpy()] = (~_same(changed[:-1], changed[-1])).any(-1).T.numpy()
    return moved


@torch.no_grad()
def _require_steady(function: Callable[[Tensor], Tensor], point: Tensor, shape: tuple[int, ...]) -> None:
    """Changes tell nothing of a function that draws random numbers, or whose examples influence each other."""
    outputs = [_outputs(function(point.repeat(2, *[1] * len(shape))), shape) for _ in range(2)]
    if outputs[0].isnan().any():
        raise ArdslError("the function gives NaN, which tells nothing of what it depends on")
    if not all(_same(output, outputs[0][0]).all() for output in outputs):
        help = "put the modules it uses in evaluation mode, and leave out what is random"
        raise ArdslError(f"the function gives the same input different outputs: {help}")


def _same(outputs: Tensor, expected: Tensor) -> Tensor:
    """Equal up to the last bits, in which rows of one product may differ: half of the digits count."""
    bits = torch.finfo(outputs.dtype).eps ** 0.5 if outputs.is_floating_point() else 0.0
    return torch.isclose(outputs, expected.expand_as(outputs), rtol=bits, atol=bits, equal_nan=True)


def _outputs(output: Tensor, shape: tuple[int, ...]) -> Tensor:
    """[batch, elements, parameters]"""
    if not isinstance(output, Tensor):
        raise ArdslError(f"the function must give a tensor, not a {type(output).__name__}")
    if tuple(output.shape[1 : 1 + len(shape)]) != shape:
        raise ArdslError(f"the function must give [batch, {', '.join(map(str, shape))}, …], not {list(output.shape)}")
    return output.reshape(len(output), prod(shape), -1)
