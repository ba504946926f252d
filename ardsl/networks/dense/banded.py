"""Masked products by the mask's real shape.

With rows and columns sorted by label a mask is a staircase. Cut into bands of rows, each band has columns that all of
its rows read (no mask needed), a stretch where the staircase runs (masked), and columns that none reads (left out):
a little over half of the dense product's arithmetic, and a fraction of the mask's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

BANDS = 4


@dataclass(frozen=True)
class Band:
    """Rows ``first`` to ``last``: columns below ``full`` are read by all, from there to ``end`` by the 0/1 ``mask``."""

    first: int
    last: int
    full: int
    end: int
    mask: Tensor


def bands(mask: np.ndarray, like: Tensor) -> list[Band]:
    """The bands of a mask, bool [rows, columns]; its rows and columns should be sorted by label."""
    pieces = []
    for rows in np.array_split(np.arange(len(mask)), BANDS) if len(mask) >= BANDS else [np.arange(len(mask))]:
        first, last = int(rows[0]), int(rows[-1]) + 1
        part = mask[first:last]
        everywhere, anywhere = np.all(part, axis=0), np.flatnonzero(part.any(axis=0))
        full = len(everywhere) if everywhere.all() else int(np.argmin(everywhere))
        end = int(anywhere[-1]) + 1 if len(anywhere) else 0
        inside = torch.from_numpy(part[:, full:end]).to(like.device, like.dtype)
        pieces.append(Band(first, last, full, max(full, end), inside))
    return pieces


class BandedLinear(torch.autograd.Function):
    """``F.linear(x, weight * mask, bias)`` for the mask that the bands make up, gradients included."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, parts: list[Band]) -> Tensor:
        out = x.new_empty(len(x), len(weight))
        heights = [band.last - band.first for band in parts]
        offsets = [None] * len(parts) if bias is None else bias.split(heights)
        masked = []
        for band, rows, band_out, offset in zip(
            parts, weight.split(heights), out.split(heights, 1), offsets, strict=True
        ):
            read, stairs, _ = _cut(rows, band)
            x_read, x_stairs, _ = _cut(x, band)
            stair = stairs * band.mask
            masked.append(stair)
            if offset is None:
                torch.mm(x_read, read.T, out=band_out)
            else:
                torch.addmm(offset, x_read, read.T, out=band_out)
            if band.end > band.full:
                band_out.addmm_(x_stairs, stair.T)
        ctx.save_for_backward(x, weight, *masked)
        ctx.parts, ctx.heights, ctx.has_bias = parts, heights, bias is not None
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, *masked = ctx.saved_tensors
        if torch.is_grad_enabled() or torch._C._functorch.is_legacy_batchedtensor(gradient):
            return _again(ctx, x, weight, gradient)
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight)
        rows = zip(weight.split(ctx.heights), of_weight.split(ctx.heights), gradient.split(ctx.heights, 1), strict=True)
        for band, stair, (row, of_row, here) in zip(ctx.parts, masked, rows, strict=True):
            x_read, x_stairs, _ = _cut(x, band)
            of_read, of_stairs, of_rest = _cut(of_row, band)
            of_rest.zero_()
            if of_x is not None:
                of_x_read, of_x_stairs, _ = _cut(of_x, band)
            if band.full:
                torch.mm(here.T, x_read, out=of_read)
                if of_x is not None:
                    of_x_read.addmm_(here, row[:, : band.full])
            if band.end > band.full:
                torch.mul(here.T @ x_stairs, band.mask, out=of_stairs)
                if of_x is not None:
                    of_x_stairs.addmm_(here, stair)
        return of_x, of_weight, gradient.sum(0) if ctx.has_bias else None, None


def _again(ctx: Any, x: Tensor, weight: Tensor, gradient: Tensor) -> tuple[Tensor | None, ...]:
    """The backward pass by torch's own functions and the whole mask: of gradients that are taken again, or several at
    once."""
    mask = torch.zeros_like(weight, requires_grad=False)
    for band in ctx.parts:
        mask[band.first : band.last, : band.full] = 1
        mask[band.first : band.last, band.full : band.end] = band.mask
    of_x = gradient @ (weight * mask) if ctx.needs_input_grad[0] else None
    return of_x, gradient.T @ x * mask, gradient.sum(0) if ctx.has_bias else None, None


def _cut(columns: Tensor, band: Band) -> tuple[Tensor, ...]:
    """The columns that all rows of a band read, those of its stair, and the rest: one call where slices would be three,
    in a step that is short enough to notice."""
    return columns.tensor_split((band.full, band.end), 1)


def banded_linear(x: Tensor, weight: Tensor, bias: Tensor | None, parts: list[Band]) -> Tensor:
    return BandedLinear.apply(x, weight, bias, parts)
