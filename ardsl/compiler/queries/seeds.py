"""Seeds of questions' random numbers."""

from __future__ import annotations

import numpy as np
import torch

from ardsl.arguments import checked_seed


def as_number(seed: int | None) -> int:
    """A seed as a number; a fresh one where it is None."""
    return (torch.Generator().seed() if seed is None else checked_seed(seed)) % (1 << 62)


def apart_from_noise(seed: int) -> torch.Generator:
    """A source of random numbers that are independent of the noise of the same seed."""
    words = np.random.SeedSequence([seed, 1]).generate_state(2)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
