"""Drawing, which takes the extra `plot`."""

from __future__ import annotations

from importlib.util import find_spec


def can_draw() -> bool:
    """Says whether matplotlib is installed."""
    return find_spec("matplotlib") is not None
