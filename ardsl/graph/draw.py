"""The declared graph as a drawing or as text: SVG, PNG, DOT, Mermaid and JSON.

Observed variables are filled boxes, latent ones rounded, conditioning inputs dashed. In DOT and Mermaid dashed arrows
show what the guide infers from what.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from html import escape
from typing import Any

from ardsl.errors import ArdslError
from ardsl.graph.declared import readings
from ardsl.graph.layout import FONT, SMALL, Arrow, Box, box_lines, drawing, edge_label, label_size, line_heights
from ardsl.model.model import Model

_INK, _QUIET, _FILL, _PAPER = "#1f2933", "#52606d", "#dbe4f0", "#ffffff"
_DPI = 144
_MOST_PIXELS = 20_000
"""A side of a png; what is larger few programs open."""
_FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def draw(model: Model, format: str) -> str | bytes:
    """The declared graph in ``format`` (a key of ``FORMATS``): text, or bytes for a PNG."""
    if format not in FORMATS:
        raise ArdslError(f"a graph cannot be drawn as `{format}`: choose from {', '.join(FORMATS)}")
    return FORMATS[format](model)


def to_svg(model: Model) -> str:
    shown = drawing(model)
    width, height = f"{shown.width:.0f}", f"{shown.height:.0f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="{_FONTS}" font-size="{SMALL:g}" text-anchor="middle" dominant-baseline="central">',
        f"<title>{escape(model.name)}: the declared graph</title>",
        '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 1 L9 5 L0 9 z" fill="{_QUIET}"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="{_PAPER}"/>',
    ]
    parts += [_svg_arrow(arrow) for arrow in shown.arrows]
    parts += [_svg_label(arrow) for arrow in shown.arrows if arrow.label]
    parts += [_svg_box(box) for box in shown.boxes]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_arrow(arrow: Arrow) -> str:
    start, *rest = (f"{x:.1f} {y:.1f}" for x, y in arrow.points)
    return f'<path d="M{start} C{" ".join(rest)}" fill="none" stroke="{_QUIET}" marker-end="url(#head)"/>'


def _svg_label(arrow: Arrow) -> str:
    width, height = label_size(arrow.label)
    x, y = arrow.at
    paper = f'<rect x="{x - width / 2 - 3:.1f}" y="{y - height / 2:.1f}" width="{width + 6:.1f}" height="{height:.1f}"'
    lines = [
        f'<text x="{x:.1f}" y="{y - height / 2 + (i + 0.5) * height / len(arrow.label):.1f}" fill="{_QUIET}">'
        f"{escape(line)}</text>"
        for i, line in enumerate(arrow.label)
    ]
    return f'{paper} fill="{_PAPER}"/>' + "".join(lines)


def _svg_box(box: Box) -> str:
    style = f'fill="{_FILL if box.kind == "observed" else _PAPER}" stroke="{_INK}"'
    dashes = ' stroke-dasharray="5 4"' if box.kind == "given" else ""
    left, top = box.x - box.width / 2, box.y - box.height / 2
    text = "".join(
        f'<text x="{box.x:.1f}" y="{box.y + below:.1f}" fill="{_QUIET if i else _INK}"'
        + ("" if i else f' font-size="{FONT:g}" font-weight="bold"')
        + f">{escape(line)}</text>"
        for i, (line, below) in enumerate(zip(box.lines, line_heights(box.lines), strict=True))
    )
    return (
        f'<g><title>{escape(box.kind)} {escape(box.name)}</title><rect x="{left:.1f}" y="{top:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{_corner(box):.1f}" {style}{dashes}/>{text}</g>'
    )


def _corner(box: Box) -> float:
    return box.height / 2 if box.kind == "latent" else 3.0


def to_png(model: Model) -> bytes:
    """The SVG as a PNG, drawn by matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
    from matplotlib.path import Path

    shown = drawing(model)
    pixels = max(shown.width, shown.height) / 72 * _DPI
    if pixels > _MOST_PIXELS:
        wide = f"{pixels:,.0f} pixels {'wide' if shown.width >= shown.height else 'high'}"
        raise ArdslError(f"the image would be {wide}, and a png has at most {_MOST_PIXELS:,}: write an svg")
    figure = Figure(figsize=(shown.width / 72, shown.height / 72), dpi=_DPI, facecolor=_PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, shown.width), ylim=(shown.height, 0))
    axes.set_axis_off()
    fonts: dict[str, Any] = {"family": "monospace", "ha": "center", "va": "center"}
    for arrow in shown.arrows:
        path = Path(arrow.points, [Path.MOVETO, *[Path.CURVE4] * (len(arrow.points) - 1)])
        head = "-|>,head_length=5,head_width=2.5"
        axes.add_patch(FancyArrowPatch(path=path, arrowstyle=head, color=_QUIET, linewidth=1, shrinkA=0, shrinkB=0))
    for arrow in shown.arrows:
        paper = {"facecolor": _PAPER, "edgecolor": "none", "pad": 1.5}
        text = _plain("\n".join(arrow.label))
        if text:
            axes.text(*arrow.at, text, size=SMALL, color=_QUIET, bbox=paper, linespacing=1.35, **fonts)
    for box in shown.boxes:
        axes.add_patch(
            FancyBboxPatch(
                (box.x - box.width / 2, box.y - box.height / 2),
                box.width,
                box.height,
                boxstyle=f"round,pad=0,rounding_size={_corner(box)}",
                facecolor=_FILL if box.kind == "observed" else _PAPER,
                edgecolor=_INK,
                linestyle=(0, (5, 4)) if box.kind == "given" else "solid",
                zorder=3,
            )
        )
        for i, (line, below) in enumerate(zip(box.lines, line_heights(box.lines), strict=True)):
            size, weight, color = (SMALL, "normal", _QUIET) if i else (FONT, "bold", _INK)
            axes.text(box.x, box.y + below, _plain(line), size=size, weight=weight, color=color, zorder=4, **fonts)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _plain(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def to_dot(model: Model) -> str:
    """For Graphviz."""
    declared = readings(model)
    styles = {"observed": 'style=filled, fillcolor="#dbe4f0"', "latent": "style=rounded", "given": "style=dashed"}
    text = [f"digraph {_quoted(model.name)} {{", "  rankdir=LR;", '  node [shape=box, fontname="monospace"];']
    text.append('  edge [fontname="monospace", fontsize=10];')
    for name, variable in model.variables.items():
        label = "\n".join(box_lines(variable, declared.own[name]))
        text.append(f"  {_quoted(name)} [label={_quoted(label)}, {styles[variable.kind]}];")
    for (source, target), read in declared.edges.items():
        label = "\n".join(edge_label(source, read))
        text.append(f"  {_quoted(source)} -> {_quoted(target)}" + (f" [label={_quoted(label)}];" if label else ";"))
    for source, target in _inferred(model):
        text.append(f"  {_quoted(source)} -> {_quoted(target)} [style=dashed, constraint=false];")
    return "\n".join([*text, "}"]) + "\n"


def _inferred(model: Model) -> dict[tuple[str, str], None]:
    """The edges of the guide, (source, target): the target is inferred from the source."""
    return dict.fromkeys((c.variable, factor.variable) for factor in model.guide for c in factor.contexts)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def to_mermaid(model: Model) -> str:
    declared = readings(model)
    number = {name: f"v{i}" for i, name in enumerate(model.variables)}
    brackets = {"observed": ("[", "]"), "latent": ("([", "])"), "given": ("[", "]")}
    text = ["flowchart LR"]
    for name, variable in model.variables.items():
        before, after = brackets[variable.kind]
        label = "<br/>".join(_entities(line) for line in box_lines(variable, declared.own[name]))
        text.append(f'  {number[name]}{before}"{label}"{after}:::{variable.kind}')
    for (source, target), read in declared.edges.items():
        label = "<br/>".join(_entities(line) for line in edge_label(source, read))
        arrow = f'-->|"{label}"|' if label else "-->"
        text.append(f"  {number[source]} {arrow} {number[target]}")
    text += [f"  {number[source]} -.-> {number[target]}" for source, target in _inferred(model)]
    text.append("  classDef observed fill:#dbe4f0,stroke:#1f2933")
    text.append("  classDef latent fill:#ffffff,stroke:#1f2933")
    text.append("  classDef given fill:#ffffff,stroke:#1f2933,stroke-dasharray:5 4")
    return "\n".join(text) + "\n"


def _entities(text: str) -> str:
    """Mermaid's own escapes: a number sign, a number, a semicolon."""
    return "".join(f"#{ord(c)};" if c in '"<>&#;`\\' else c for c in text)


def to_json(model: Model) -> str:
    """``{"name", "variables": [{"name", "kind", "shape", "domain" or "fields", "order", "own"}], "edges": [{"source",
    "target", "contexts"}]}``, contexts as the spec wrote them; with latent variables also ``"guide": [{"target",
    "exact", "contexts"}]``."""
    declared = readings(model)
    variables: list[dict[str, Any]] = []
    for name, variable in model.variables.items():
        domain: dict[str, Any] = {"domain": str(variable.domain)}
        if variable.is_record:
            domain = {"fields": [{"name": f.name, "domain": str(f.domain)} for f in variable.fields]}
        own = [context.text for _, context in declared.own[name]]
        shape = list(variable.shape)
        kind = {"name": name, "kind": variable.kind, "shape": shape}
        variables.append({**kind, **domain, "order": variable.orders.name, "own": own})
    edges = [
        {"source": source, "target": target, "contexts": [context.text for _, context in pairs]}
        for (source, target), pairs in declared.edges.items()
    ]
    content: dict[str, Any] = {"name": model.name, "variables": variables, "edges": edges}
    if model.guide:
        content["guide"] = [
            {"target": f.variable, "exact": f.exact, "contexts": [context.text for context in f.contexts]}
            for f in model.guide
        ]
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


FORMATS: dict[str, Callable[[Model], str | bytes]] = {
    "svg": to_svg,
    "png": to_png,
    "dot": to_dot,
    "mmd": to_mermaid,
    "json": to_json,
}
"""By the suffix of the file."""
