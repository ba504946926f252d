"""Types that hold whole numbers without rounding them."""

from __future__ import annotations

import torch

LARGEST_WHOLE = {
    dtype: int(2 / torch.finfo(dtype).eps) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
}
"""By type, the number up to which it holds all whole numbers."""


def exact_type(largest_whole: float, dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """The type for whole numbers up to a size: ``dtype``, but float64 where that rounds some to others, and the device
    has it."""
    held = largest_whole <= LARGEST_WHOLE[dtype]
    return dtype if held or device.type == "mps" else torch.float64
