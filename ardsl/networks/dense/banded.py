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
from torch.autograd.function import once_differentiable

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
    found = []
    for rows in np.array_split(np.arange(len(mask)), BANDS) if len(mask) >= BANDS else [np.arange(len(mask))]:
        first, last = int(rows[0]), int(rows[-1]) + 1
        part = mask[first:last]
        everywhere, anywhere = np.all(part, axis=0), np.flatnonzero(part.any(axis=0))
        full = len(everywhere) if everywhere.all() else int(np.argmin(everywhere))
        end = int(anywhere[-1]) + 1 if len(anywhere) else 0
        inside = torch.from_numpy(part[:, full:end]).to(like.device, like.dtype)
        found.append(Band(first, last, full, max(full, end), inside))
    return found


class BandedLinear(torch.autograd.Function):
    """``F.linear(x, weight * mask, bias)`` for the mask that the bands make up, gradients included."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, parts: list[Band]) -> Tensor:
        out = x.new_empty(len(x), len(weight))
        masked = []
        for band in parts:
            rows = out[:, band.first : band.last]
            if bias is None:
                torch.mm(x[:, : band.full], weight[band.first : band.last, : band.full].T, out=rows)
            else:
                here = bias[band.first : band.last]
                torch.addmm(here, x[:, : band.full], weight[band.first : band.last, : band.full].T, out=rows)
            stair = weight[band.first : band.last, band.full : band.end] * band.mask
            masked.append(stair)
            if band.end > band.full:
                rows.addmm_(x[:, band.full : band.end], stair.T)
        ctx.save_for_backward(x, weight, *masked)
        ctx.parts, ctx.has_bias = parts, bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        x, weight, *masked = ctx.saved_tensors
        of_x = torch.zeros_like(x) if ctx.needs_input_grad[0] else None
        of_weight = torch.empty_like(weight)
        for band, stair in zip(ctx.parts, masked, strict=True):
            here = gradient[:, band.first : band.last]
            of_weight[band.first : band.last, band.end :] = 0
            if band.full:
                torch.mm(here.T, x[:, : band.full], out=of_weight[band.first : band.last, : band.full])
                if of_x is not None:
                    of_x[:, : band.full].addmm_(here, weight[band.first : band.last, : band.full])
            if band.end > band.full:
                of_stair = here.T @ x[:, band.full : band.end]
                torch.mul(of_stair, band.mask, out=of_weight[band.first : band.last, band.full : band.end])
                if of_x is not None:
                    of_x[:, band.full : band.end].addmm_(here, stair)
        return of_x, of_weight, gradient.sum(0) if ctx.has_bias else None, None


def banded_linear(x: Tensor, weight: Tensor, bias: Tensor | None, parts: list[Band]) -> Tensor:
    return BandedLinear.apply(x, weight, bias, parts)
