"""Lists in messages: whole where that is no longer, and else counted."""

from __future__ import annotations

import pytest

from ardsl.common.wording import listed, plural, series


@pytest.mark.parametrize(
    ("count", "names", "sentence"),
    [
        (1, "`0`", "0"),
        (2, "`0`, `1`", "0 and 1"),
        (3, "`0`, `1`, `2`", "0, 1 and 2"),
        (4, "`0`, `1` and 2 more", "0, 1 and 2 more"),
        (1002, "`0`, `1` and 1,000 more", "0, 1 and 1,000 more"),
    ],
)
def test_a_list_is_whole_or_counted(count: int, names: str, sentence: str) -> None:
    """One item past the most is written, too: to say that there is one more is no shorter."""
    assert listed(range(count), most=2) == names
    assert series(range(count), most=2) == sentence


def test_a_count_has_its_noun() -> None:
    assert [plural(n, "row") for n in (0, 1, 2000)] == ["0 rows", "1 row", "2,000 rows"]
