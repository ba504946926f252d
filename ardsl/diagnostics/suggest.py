"""Did you mean: the nearest known name, if it is near enough."""

from __future__ import annotations

from collections.abc import Iterable

LONGEST = 100
"""Names longer than this are nobody's typing mistake."""


def distance(a: str, b: str) -> int:
    """Edits (insert, delete, replace, swap of neighbours) that turn ``a`` into ``b``."""
    before: list[int] = []
    above = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            best = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, above = above, row
    return above[-1]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The closest known name within min(len/2, 5) edits that has something in common with it, or None."""
    if len(name) > LONGEST:
        return None
    limit = min(max(len(name), 2) // 2, 5)
    scored = sorted((distance(name.lower(), k.lower()), k) for k in known if abs(len(k) - len(name)) <= limit)
    if not scored:
        return None
    edits, closest = scored[0]
    return closest if edits <= limit and edits < max(len(name), len(closest)) else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A help line that names the nearest known name, or None."""
    closest = nearest(name, known)
    return None if closest is None else f"did you mean `{closest}`?"
