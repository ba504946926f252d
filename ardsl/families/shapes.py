"""Shapes of tensors."""

from __future__ import annotations

import torch


def common_shape(*shapes: torch.Size) -> torch.Size:
    """The shape that these broadcast to. Where they are equal, as they mostly are, a comparison suffices, without
    torch's function, whose first call imports sympy (0.3 s)."""
    first, *others = shapes
    return torch.Size(first) if all(shape == first for shape in others) else torch.broadcast_shapes(*shapes)
