"""What every format gives: named arrays."""

from __future__ import annotations

LENGTHS = "_lengths"
"""The ending of the name of an array's lengths: ``train_lengths`` for ``train``."""
