"""The picture of what elements read: the right colours in the right places, and one line where nothing can be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ardsl
from ardsl.outputs.reach import _KINDS, _kinds, save_reach

PLAIN = "observed x[12, 12] : binary\np(x[i] | x[<i]) = bernoulli via pixelcnn(layers = 1, first = 3)\n"
COLOUR = PLAIN.replace("[12, 12]", "[6, 8, 3]")


def colours(path: Path) -> set[str]:
    with Image.open(path) as image:
        counted = image.convert("RGB").getcolors(maxcolors=1 << 24)
    return {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in counted}


def test_elements_by_kind() -> None:
    declared, realized = np.array([1, 1, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0], bool)
    kinds = _kinds(declared, realized, np.array([4]))
    assert [_KINDS[kind][0] for kind in kinds] == ["read", "declared, never seen", "a leak", "not read", "the element"]


@pytest.mark.thorough
@pytest.mark.parametrize("text", [PLAIN, COLOUR, "observed x[30] : binary\np(x[i] | x[<i]) = bernoulli via made\n"])
def test_a_picture_with_the_colours_of_what_there_is(text: str, tmp_path: Path) -> None:
    spec = ardsl.loads(text)
    names = save_reach(tmp_path / "r.png", spec)
    assert names and len(set(names)) == len(names)
    seen = colours(tmp_path / "r.png")
    assert ("#e8863a" in seen) == (spec.report.blind_spots.count > 0)
    assert {"#4c84bd", "#111111", "#eceff1"} <= seen


@pytest.mark.thorough
def test_chosen_elements(tmp_path: Path) -> None:
    for name in ("x[2, 3, 1]", "x[2,3,1]"):
        assert save_reach(tmp_path / "r.png", ardsl.loads(COLOUR), [name]) == ["x[2, 3, 1]"]


@pytest.mark.parametrize(
    ("text", "elements", "name", "told"),
    [
        (
            PLAIN,
            ["x[12, 0]"],
            "r.png",
            r"`x\[12, 0\]` is none of the elements that are drawn, `x\[0, 0\]` to `x\[11, 11\]`",
        ),
        (PLAIN, ["y[1]"], "r.png", "there is nothing to draw"),
        (PLAIN, [], "r.svg", "what is reached is drawn as .png"),
        ("observed x : binary\np(x) = bernoulli\n", [], "r.png", "there is nothing to draw"),
        (
            "observed x[300, 300] : binary\np(x[i] | x[<i] within 1) = bernoulli via pixelcnn\n",
            [],
            "r.png",
            "256 × 256",
        ),
    ],
)
def test_what_cannot_be_drawn_is_one_line(text: str, elements: list[str], name: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(ardsl.DataError, match=told) as caught:
        save_reach(tmp_path / name, ardsl.loads(text), elements)
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
