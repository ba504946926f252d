"""Kinds of variables: which are images, and which are sound."""

from __future__ import annotations

from ardsl.families.domains import Binary, Integer, Positive, Real, UnitInterval
from ardsl.model.model import Variable


def is_image(variable: Variable) -> bool:
    """Says whether a variable is an image: two axes of at least four pixels, and perhaps a third of 1 or 3 channels, of
    a binary, integer or continuous domain."""
    shape = variable.shape
    channels = shape[2] if len(shape) == 3 else 1
    flat = len(shape) in (2, 3) and channels in (1, 3) and min(shape[:2]) >= 4
    return flat and isinstance(variable.domain, (Binary, Integer, UnitInterval, Real, Positive))


def is_wave(variable: Variable) -> bool:
    """Says whether a variable is sound: one axis of mulaw, real, or integers on both sides of 0."""
    domain = variable.domain
    swings = domain is not None and domain.bounds[0] < 0 and not domain.circular
    return swings and len(variable.shape) == 1
