"""Pictures of the declared graph: well-formed, complete, and with nothing on top of anything else."""

from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from itertools import combinations

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.errors import ArdslError
from ardsl.graph.draw import FORMATS, draw
from ardsl.graph.layout import drawing
from ardsl.model.model import Model
from tests.support.graph_models import factor, model, model_of, variable

TEXT = """model picture
given label : category("a<b", "c&d")
given text[frame: 4, feature: 2] : real
observed wave[time: 16] : binary
observed last : real
p(wave[t] | wave[<t], label, text[..t / 4, *]) = bernoulli
p(last | wave, label) = normal
"""


@st.composite
def graphs(draw: st.DrawFn) -> Model:
    names = [f"v{i}" for i in range(draw(st.integers(1, 9)))]
    kinds = [draw(st.sampled_from(["observed", "latent", "given"])) for _ in names]
    variables = [variable(name, (), None, kind) for name, kind in zip(names, kinds, strict=True)]
    factors = []
    for i, target in enumerate(variables):
        read = [source for source in variables[:i] if draw(st.booleans())]
        factors.append(factor(target, [(source, None) for source in read]))
    return model(variables, factors)


@settings(max_examples=40, deadline=None)
@given(graphs())
def test_layout(found: Model) -> None:
    shown = drawing(found)
    for a, b in combinations(shown.boxes, 2):
        apart = abs(a.x - b.x) >= (a.width + b.width) / 2 or abs(a.y - b.y) >= (a.height + b.height) / 2
        assert apart, (a, b)
    boxes = {box.name: box for box in shown.boxes}
    for arrow in shown.arrows:
        source, target = boxes[arrow.source], boxes[arrow.target]
        assert arrow.points[0] == pytest.approx((source.x + source.width / 2, source.y))
        assert arrow.points[-1] == pytest.approx((target.x - target.width / 2, target.y))
        for box in shown.boxes:
            assert not any(
                abs(x - box.x) < box.width / 2 - 1e-6 and abs(y - box.y) < box.height / 2 for x, y in arrow.points
            )
    for x, y in [point for arrow in shown.arrows for point in arrow.points]:
        assert 0 <= x <= shown.width and 0 <= y <= shown.height


def test_svg_and_json_hold_everything() -> None:
    found = model_of(TEXT)
    root = xml.fromstring(draw(found, "svg"))
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"wave", "label", "text", "last", "text[..t / 4, *]", "wave[<t] by raster"} <= texts
    data = json.loads(draw(found, "json"))
    graph = networkx.DiGraph((edge["source"], edge["target"]) for edge in data["edges"])
    assert set(graph.edges) == {("label", "wave"), ("text", "wave"), ("wave", "last"), ("label", "last")}
    assert {v["name"]: v["kind"] for v in data["variables"]}["label"] == "given"


def test_dot_and_mermaid_escape_what_they_must() -> None:
    found = model_of(TEXT)
    dot, mermaid = draw(found, "dot"), draw(found, "mmd")
    assert isinstance(dot, str) and isinstance(mermaid, str)
    assert '"wave" -> "last";' in dot and 'label="text[..t / 4, *]"' in dot
    assert "wave[#60;t] by raster" in mermaid and '-->|"text[..t / 4, *]"|' in mermaid


def test_png() -> None:
    found = draw(model_of(TEXT), "png")
    assert isinstance(found, bytes) and found.startswith(b"\x89PNG")


def test_unknown_format() -> None:
    with pytest.raises(ArdslError, match="choose from svg, png, dot, mmd, json"):
        draw(model_of(TEXT), "gif")
    assert list(FORMATS) == ["svg", "png", "dot", "mmd", "json"]
