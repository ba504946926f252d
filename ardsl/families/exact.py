"""Types that hold all whole numbers of a domain."""

from __future__ import annotations

import torch

from ardsl.families.domains import Domain

LARGEST_WHOLE = {
    dtype: int(2 / torch.finfo(dtype).eps) for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64)
}
"""By type, the number up to which it holds all whole numbers."""


def exact_type(domain: Domain, dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """The type for values of a domain: ``dtype``, but float64 where that rounds some whole number to another, and the
    device has it."""
    held = domain.largest_whole <= LARGEST_WHOLE[dtype]
    return dtype if held or device.type == "mps" else torch.float64
