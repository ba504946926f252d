"""Rows of hidden units evaluated block by block in torch, forwards and backwards, so that all of them are never held.

``h = g(ρ (c + Σ W_i x_i))`` of a row is made, used for the row's outputs, and forgotten; the backward pass makes it
again. What is kept between the two is the sum of each block that another block carries on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ardsl.networks.dense.module import ACTIVATIONS
from ardsl.networks.dense.stepper import IN_PLACE
from ardsl.networks.module import transforming
from ardsl.networks.nade.blocks import Blocks

Places = slice | Tensor
CACHED = 1 << 20
"""Units of one block that are worked on at once on a CPU: as many as its cache holds."""


FROM_OUTPUT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "sigmoid": lambda g, h: torch.ops.aten.sigmoid_backward.grad_input(g, h, grad_input=g),
    "tanh": lambda g, h: torch.ops.aten.tanh_backward.grad_input(g, h, grad_input=g),
    "relu": lambda g, h: torch.ops.aten.threshold_backward.grad_input(g, h, 0, grad_input=g),
}
"""The derivatives of activations that are functions of their values: a gradient and the values to the gradient before
them, in place."""


@dataclass(frozen=True)
class Piece:
    """A block with its places and its mask as tensors."""

    rows: slice
    outputs: slice
    width: int
    carried: bool
    new: Places
    rest: Places
    mask: Tensor
    """[rows, 1, rest]"""


@dataclass(frozen=True)
class Pieces:
    """All blocks; and the feature and the output at each place, the place of each output, and the draw of each row, as
    indices: None where these are in order."""

    features: Tensor | None
    outputs: Tensor | None
    unsorted: Tensor | None
    draw: Tensor
    everywhere: Places
    pieces: tuple[Piece, ...]
    like: Tensor
    """Has the type and the device of the masks."""


class Weights(NamedTuple):
    """``inputs`` [places, H], ``bias`` [H], ``outputs`` [outputs, H]; ``scale`` [rows] and ``kept`` [batch, H] where
    the sums are scaled, and where some units are left out."""

    inputs: Tensor
    bias: Tensor
    outputs: Tensor
    scale: Tensor | None
    kept: Tensor | None


def pieces_of(blocks: Blocks, like: Tensor) -> Pieces:
    """The blocks for weights of this type and on this device."""
    known: dict[bytes, Tensor] = {}

    def mask(values: np.ndarray) -> Tensor:
        key = bytes(str(values.shape), "ascii") + values.tobytes()
        if key not in known:  # all blocks of a total order have the same
            known[key] = torch.as_tensor(values, device=like.device).to(like.dtype)[:, None]
        return known[key]

    pieces, done = [], 0
    for block in blocks.blocks:
        outputs = slice(done, done + (block.last - block.first) * block.width)
        done = outputs.stop
        new, rest = _places(block.new, like), _places(block.rest, like)
        rows = slice(block.first, block.last)
        pieces.append(Piece(rows, outputs, block.width, block.carried, new, rest, mask(block.mask)))
    return Pieces(
        _index(blocks.features, like),
        _index(blocks.outputs, like),
        _index(np.argsort(blocks.outputs), like),
        torch.as_tensor(blocks.draw, device=like.device),
        _places(blocks.everywhere, like),
        tuple(pieces),
        like.new_zeros(0),
    )


def _places(places: np.ndarray, like: Tensor) -> Places:
    if not len(places):
        return slice(0, 0)
    first, last = int(places[0]), int(places[-1])
    if last - first + 1 == len(places) and (np.diff(places) == 1).all():
        return slice(first, last + 1)
    return torch.as_tensor(places, device=like.device)


def _index(order: np.ndarray, like: Tensor) -> Tensor | None:
    if np.array_equal(order, np.arange(len(order))):
        return None
    return torch.as_tensor(order, device=like.device)


def evaluate(inputs: Tensor, weights: Weights, pieces: Pieces, activation: str) -> Tensor:
    """The outputs [batch, outputs] of all rows for ``inputs`` [batch, places], both by place; in the weights' own type
    also where others would be cast to a smaller one."""
    if torch.compiler.is_compiling() or transforming():  # which a backward pass of its own would be in the way of
        return _evaluated(inputs, weights, pieces, activation)
    device = inputs.device.type
    if torch.is_autocast_enabled(device):
        with torch.autocast(device, enabled=False):
            return evaluate(inputs.to(weights.inputs.dtype), weights, pieces, activation)
    hidden = weights.inputs.shape[1]
    most = max((piece.rows.stop - piece.rows.start for piece in pieces.pieces), default=1)
    chunk = max(1, CACHED // (most * hidden)) if device == "cpu" else len(inputs)
    parts = []
    for start in range(0, max(len(inputs), 1), chunk):
        part = slice(start, start + chunk)
        kept = None if weights.kept is None else weights.kept[part]
        inputs_of_chunk = inputs if len(inputs) <= chunk else inputs[part]
        parts.append(
            Blockwise.apply(
                inputs_of_chunk, weights.inputs, weights.bias, weights.outputs, weights.scale, kept, pieces, activation
            )
        )
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _none(places: Places) -> bool:
    return isinstance(places, slice) and places.start == places.stop


def _common(x: Tensor, weights: Weights, piece: Piece, before: Tensor) -> Tensor:
    """The common sum of a block [batch, H], from that which it carries on or from what all rows read."""
    if _none(piece.new):
        return before
    return torch.addmm(before, x[:, piece.new], weights.inputs[piece.new])


def _sums(
    x: Tensor, weights: Weights, piece: Piece, common: Tensor, into: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The sums of a block's rows [rows, batch, H], ``into`` a buffer where there is one, and the inputs that are masked
    row by row [rows, batch, rest]."""
    rows = len(piece.mask)
    masked = piece.mask * x[:, piece.rest]
    sums, rest = common.expand(rows, -1, -1), weights.inputs[piece.rest].expand(rows, -1, -1)
    if into is None:
        return torch.baddbmm(sums, masked, rest), masked
    return torch.baddbmm(sums, masked, rest, out=into[:rows]), masked


def _out(weights: Weights, piece: Piece) -> Tensor:
    """The output weights of a block, [rows, width, H]."""
    return weights.outputs[piece.outputs].unflatten(0, (len(piece.mask), piece.width))


def _everywhere(x: Tensor, weights: Weights, pieces: Pieces) -> Tensor:
    """The sum that all rows begin with, [batch, H]."""
    read = x[:, pieces.everywhere]
    return torch.addmm(weights.bias, read, weights.inputs[pieces.everywhere])


def _evaluated(x: Tensor, weights: Weights, pieces: Pieces, activation: str) -> Tensor:
    """The same with torch's own derivatives, for which it keeps all units."""
    start = common = _everywhere(x, weights, pieces)
    parts = [x.new_zeros(x.shape[0], 0)]
    for piece in pieces.pieces:
        common = _common(x, weights, piece, common if piece.carried else start)
        units, _ = _sums(x, weights, piece, common)
        if weights.scale is not None:
            units = units * weights.scale[piece.rows, None, None]
        hidden = ACTIVATIONS[activation](units)
        if weights.kept is not None:
            hidden = hidden * weights.kept
        parts.append(torch.bmm(hidden, _out(weights, piece).mT).movedim(0, 1).flatten(1))
    return torch.cat(parts, 1)


class Blockwise(torch.autograd.Function):
    """:func:`evaluate` with a backward pass that makes the units of each block again."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        inputs: Tensor,
        bias: Tensor,
        outputs: Tensor,
        scale: Tensor | None,
        kept: Tensor | None,
        pieces: Pieces,
        activation: str,
    ) -> Tensor:
        weights = Weights(inputs, bias, outputs, scale, kept)
        start = common = _everywhere(x, weights, pieces)
        carried, parameters = [start], x.new_empty(len(x), len(outputs))
        work = _buffers(1, x, pieces, weights)
        for piece in pieces.pieces:
            common = _common(x, weights, piece, common if piece.carried else start)
            if piece.carried:
                carried.append(common)
            units, _ = _sums(x, weights, piece, common, work[0])
            if scale is not None:
                units.mul_(scale[piece.rows, None, None])
            IN_PLACE[activation](units)
            if kept is not None:
                units.mul_(kept)
            into = parameters[:, piece.outputs].unflatten(1, (len(piece.mask), piece.width))
            into.copy_(torch.bmm(units, _out(weights, piece).mT).transpose(0, 1))
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(x, inputs, bias, outputs, scale, kept, *carried)
            ctx.pieces, ctx.activation = pieces, activation
        return parameters

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, inputs, bias, outputs, scale, kept, start, *carried = ctx.saved_tensors
        weights = Weights(inputs, bias, outputs, scale, kept)
        if torch.is_grad_enabled() or torch._C._functorch.is_legacy_batchedtensor(gradient):
            return _again(ctx, x, weights, gradient)
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return Blockwise.backward(ctx, gradient)
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        of_inputs, of_outputs = torch.zeros_like(weights.inputs), torch.empty_like(weights.outputs)
        of_scale = None if scale is None else torch.empty_like(scale)
        of_start = torch.zeros_like(start)
        of_common: Tensor | None = None  # the gradient of a common sum that comes from the block that carries it on
        work = _buffers(2 if scale is None else 3, x, ctx.pieces, weights)
        for piece in reversed(ctx.pieces.pieces):
            common = carried.pop() if piece.carried else _common(x, weights, piece, start)
            sums, masked = _sums(x, weights, piece, common, work[0])
            of_parameters = gradient[:, piece.outputs].unflatten(1, (len(piece.mask), piece.width)).transpose(0, 1)
            units = sums if scale is None else torch.mul(sums, scale[piece.rows, None, None], out=_of(work[2], piece))
            of_units = _through_units(weights, piece, units, of_parameters, ctx.activation, of_outputs, work[1])
            if scale is not None and of_scale is not None:
                torch.sum(units.copy_(sums).mul_(of_units), (1, 2), out=of_scale[piece.rows])
                of_units.mul_(scale[piece.rows, None, None])
            if masked.shape[2]:
                flat = of_units.flatten(0, 1)
                _add(of_inputs, piece.rest, masked.flatten(0, 1).T @ flat)
                if of_x is not None:
                    of_masked = (flat @ weights.inputs[piece.rest].T).view_as(masked)
                    _add(of_x.T, piece.rest, (of_masked * piece.mask).sum(0).T)
            total = of_units.sum(0) if of_common is None else of_units.sum(0).add_(of_common)
            if not _none(piece.new):
                _add(of_inputs, piece.new, x[:, piece.new].T @ total)
                if of_x is not None:
                    _add(of_x.T, piece.new, weights.inputs[piece.new] @ total.T)
            of_common = total if piece.carried else None
            if not piece.carried:
                of_start += total
        everywhere = ctx.pieces.everywhere
        if not _none(everywhere):
            _add(of_inputs, everywhere, x[:, everywhere].T @ of_start)
            if of_x is not None:
                _add(of_x.T, everywhere, weights.inputs[everywhere] @ of_start.T)
        return of_x, of_inputs, of_start.sum(0), of_outputs, of_scale, None, None, None


def _again(ctx: Any, x: Tensor, weights: Weights, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """The backward pass by torch's own derivatives: of gradients that are taken again, or several at once."""
    tensors, needed = (x, *weights[:4]), ctx.needs_input_grad
    wanted = [tensor for tensor, of_it in zip(tensors, needed, strict=False) if tensor is not None and of_it]
    again = torch.is_grad_enabled()
    with torch.enable_grad():
        parameters = _evaluated(x, weights, ctx.pieces, ctx.activation)
    found = iter(torch.autograd.grad(parameters, wanted, gradient, create_graph=again, materialize_grads=True))
    return *(next(found) if of_it else None for of_it in needed[:5]), None, None, None


def _buffers(count: int, x: Tensor, pieces: Pieces, weights: Weights) -> list[Tensor]:
    """Memory for the units of a block, which all blocks use in turn: fresh memory would take longer than what is done
    in it."""
    rows = max((len(piece.mask) for piece in pieces.pieces), default=0)
    return [x.new_empty(rows, len(x), len(weights.bias)) for _ in range(count)]


def _of(buffer: Tensor, piece: Piece) -> Tensor:
    return buffer[: len(piece.mask)]


def _through_units(
    weights: Weights,
    piece: Piece,
    units: Tensor,
    of_parameters: Tensor,
    activation: str,
    of_outputs: Tensor,
    into: Tensor,
) -> Tensor:
    """The gradient of a block's units before their activation, ``into`` a buffer, from that of its parameters [rows,
    batch, width]; that of its output weights is written into ``of_outputs``. Units are overwritten."""
    backward = FROM_OUTPUT.get(activation)
    if backward is not None:
        IN_PLACE[activation](units)
        hidden = made = units
    else:
        with torch.enable_grad():
            hidden = ACTIVATIONS[activation](units.requires_grad_())
        made = hidden.detach()
    out = _out(weights, piece)
    left = made if weights.kept is None else made * weights.kept
    torch.bmm(of_parameters.mT, left, out=of_outputs[piece.outputs].view_as(out))
    of_hidden = torch.bmm(of_parameters, out, out=_of(into, piece))
    if weights.kept is not None:
        of_hidden.mul_(weights.kept)
    if backward is not None:
        return backward(of_hidden, made)
    (of_units,) = torch.autograd.grad(hidden, units, of_hidden)
    return of_units


def _add(total: Tensor, places: Places, part: Tensor) -> None:
    """Adds to the rows at some places, none of them twice."""
    if isinstance(places, slice):
        total[places] += part
    else:
        total.index_add_(0, places, part)
