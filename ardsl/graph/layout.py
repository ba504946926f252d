"""The layout of a drawing of the declared graph: layers from left to right, each variable after all it reads.

Layers, then the order within each by barycentres, then places (Sugiyama et al. 1981). An edge that passes over layers
gets a place in each, so that it runs between boxes and not behind them. Lengths are in points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

from ardsl.graph.declared import Reading, Readings, readings
from ardsl.model.model import Model, Variable

FONT = 12.0
SMALL = 10.0
_WIDTH = 0.602  # of a character of a monospaced font, in font sizes
_LINE = 1.35  # of a line, in font sizes
_PAD = 12.0
_MARGIN = 16.0
_BETWEEN = 26.0  # boxes of one layer
_GAP = 56.0  # layers, besides their labels
_LONGEST = 44  # characters of a line

Point = tuple[float, float]
_Place = tuple[str, str, int] | tuple[str]  # the edge and the layer it passes; or the variable


@dataclass(frozen=True)
class Box:
    """A variable: its centre, its size, and its lines of text, the name first."""

    name: str
    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Arrow:
    """An edge as cubic curves: a first point, then three for each curve. ``label`` stands at ``at``, centred."""

    source: str
    target: str
    points: tuple[Point, ...]
    label: tuple[str, ...]
    at: Point


@dataclass(frozen=True)
class Drawing:
    """A drawn graph, before it is rendered."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def drawing(model: Model) -> Drawing:
    """The declared graph of an acyclic model, laid out."""
    declared = readings(model)
    lines = {name: box_lines(variable, declared.own[name]) for name, variable in model.variables.items()}
    sizes: dict[_Place, Point] = {(name,): _box_size(lines[name]) for name in lines}
    layer = _layers(model, declared)
    layers: list[list[_Place]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in lines:
        layers[layer[name]].append((name,))
    routes: dict[tuple[str, str], list[_Place]] = {}
    for source, target in declared.edges:
        passed: list[_Place] = [(source, target, i) for i in range(layer[source] + 1, layer[target])]
        for place in passed:
            sizes[place] = (0.0, SMALL)
            layers[int(place[-1])].append(place)
        routes[source, target] = [(source,), *passed, (target,)]
    links = [pair for route in routes.values() for pair in zip(route, route[1:], strict=False)]
    for places in layers:  # an edge passes a layer level, over its whole width
        width = max(sizes[place][0] for place in places)
        sizes.update((place, (width, SMALL)) for place in places if len(place) == 3)
    _arrange(layers, links)
    heights = _heights(layers, links, sizes)
    labels = {edge: edge_label(edge[0], declared.edges[edge]) for edge in routes}
    columns, gaps = _columns(layers, sizes, {edge: (layer[edge[1]], labels[edge]) for edge in routes})
    centre = {place: (columns[i], heights[place]) for i, places in enumerate(layers) for place in places}
    boxes = tuple(Box(n, model.variables[n].kind, *centre[n,], *sizes[n,], lines[n]) for n in lines)
    arrows = tuple(_arrow(edge, route, centre, sizes, gaps, labels[edge]) for edge, route in routes.items())
    return _moved(boxes, arrows)


def _layers(model: Model, declared: Readings) -> dict[str, int]:
    """The layer of each variable: after all it reads, and just before what reads it first."""
    before: dict[str, list[str]] = {name: [] for name in model.variables}
    after: dict[str, list[str]] = {name: [] for name in model.variables}
    for source, target in declared.edges:
        before[target].append(source)
        after[source].append(target)
    ordered = list(TopologicalSorter(before).static_order())
    layer: dict[str, int] = {}
    for name in ordered:
        layer[name] = max((layer[source] + 1 for source in before[name]), default=0)
    for name in reversed(ordered):
        layer[name] = min((layer[target] - 1 for target in after[name]), default=layer[name])
    return layer


def box_lines(variable: Variable, own: Sequence[Reading]) -> tuple[str, ...]:
    """The text in a variable's box: name, shape and domain, and what it reads of itself in which order."""
    shape = f"[{', '.join(map(str, variable.shape))}] " if variable.shape else ""
    what = f"record of {len(variable.fields)}" if variable.is_record else f"{shape}{variable.domain}"
    texts = dict.fromkeys(context.text for _, context in own)
    reads = (f"{', '.join(texts)} by {variable.orders.name}",) if own else ()
    return tuple(shortened(line) for line in (variable.name, what, *reads))


def edge_label(source: str, read: Sequence[Reading]) -> tuple[str, ...]:
    """The contexts behind an edge, one a line; a context that is just the source variable goes without saying."""
    texts = dict.fromkeys(context.text for _, context in read)
    shown = [shortened(text) for text in texts if text != source]
    return (*shown[:3], f"and {len(shown) - 3} more") if len(shown) > 4 else tuple(shown)


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def label_size(lines: tuple[str, ...]) -> Point:
    return max((len(line) for line in lines), default=0) * _WIDTH * SMALL, len(lines) * _LINE * SMALL


def line_heights(lines: tuple[str, ...]) -> list[float]:
    """The middle of each line of a box below the box's own middle: the name is larger than the rest."""
    sizes = [FONT, *[SMALL] * (len(lines) - 1)]
    below, heights = -sum(sizes) * _LINE / 2, []
    for size in sizes:
        heights.append(below + size * _LINE / 2)
        below += size * _LINE
    return heights


def _box_size(lines: tuple[str, ...]) -> Point:
    width = max(len(lines[0]) * FONT, *(len(line) * SMALL for line in lines[1:]), 6 * FONT) * _WIDTH
    return width + 2 * _PAD, (FONT + SMALL * (len(lines) - 1)) * _LINE + _PAD


def _arrange(layers: list[list[_Place]], links: list[tuple[_Place, _Place]]) -> None:
    """Order each layer by the mean position of its neighbours, forwards and backwards, a few times."""
    before: dict[_Place, list[_Place]] = {}
    after: dict[_Place, list[_Place]] = {}
    for source, target in links:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    for sweep in range(6):
        neighbours, ordered = (before, layers[1:]) if sweep % 2 == 0 else (after, layers[-2::-1])
        position = {place: i - len(places) / 2 for places in layers for i, place in enumerate(places)}
        for places in ordered:
            mean = {
                place: sum(position[n] for n in neighbours[place]) / len(neighbours[place])
                if place in neighbours
                else position[place]
                for place in places
            }
            places.sort(key=mean.__getitem__)
            position.update((place, i - len(places) / 2) for i, place in enumerate(places))


def _heights(
    layers: list[list[_Place]], links: list[tuple[_Place, _Place]], sizes: dict[_Place, Point]
) -> dict[_Place, float]:
    """The middle of each place: near the mean of its neighbours, and clear of those above and below it."""
    neighbours: dict[_Place, list[_Place]] = {}
    for source, target in links:
        neighbours.setdefault(source, []).append(target)
        neighbours.setdefault(target, []).append(source)
    heights = {place: 0.0 for places in layers for place in places}
    for sweep in range(8):
        for places in layers if sweep % 2 == 0 else layers[::-1]:
            wished = []
            for place in places:
                near = [heights[n] for n in neighbours.get(place, ())]
                wished.append(sum(near) / len(near) if near and sweep else heights[place])
            for place, y in zip(places, _spread(wished, [sizes[p][1] for p in places]), strict=True):
                heights[place] = y
    return heights


def _spread(wished: list[float], heights: list[float]) -> list[float]:
    """The nearest middles to those wished for that keep their order and do not overlap: neighbours that would touch are
    moved together, to their mean."""
    offsets = [0.0]
    for above, below in zip(heights, heights[1:], strict=False):
        offsets.append(offsets[-1] + (above + below) / 2 + _BETWEEN)
    groups: list[list[float]] = []  # sum of wishes less offsets, count
    for wish, offset in zip(wished, offsets, strict=True):
        groups.append([wish - offset, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] > groups[-1][0] / groups[-1][1]:
            total, count = groups.pop()
            groups[-1][0] += total
            groups[-1][1] += count
    means = [total / count for total, count in groups for _ in range(int(count))]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _columns(
    layers: list[list[_Place]], sizes: dict[_Place, Point], labelled: dict[tuple[str, str], tuple[int, tuple[str, ...]]]
) -> tuple[list[float], list[float]]:
    """The middle of each layer, and the width of the gap before it, wide enough for the labels in it."""
    widths = [max((sizes[place][0] for place in places), default=0.0) for places in layers]
    gaps = [_GAP] * len(layers)
    for target, label in labelled.values():
        gaps[target] = max(gaps[target], _GAP + label_size(label)[0])
    columns, right = [], 0.0
    for i, width in enumerate(widths):
        right += gaps[i] if i else 0.0
        columns.append(right + width / 2)
        right += width
    return columns, gaps


def _arrow(
    edge: tuple[str, str],
    route: list[_Place],
    centre: dict[_Place, Point],
    sizes: dict[_Place, Point],
    gaps: list[float],
    label: tuple[str, ...],
) -> Arrow:
    """Curves that leave and enter boxes and passages level; the label sits in the middle of the last one."""
    points: list[Point] = []
    for place, after in zip(route, route[1:], strict=False):
        (x, y), (end, end_y) = centre[place], centre[after]
        x, end = x + sizes[place][0] / 2, end - sizes[after][0] / 2
        points += [(x, y)] * (3 if points else 1)  # straight through a passage
        middle = (x + end) / 2
        points += [(middle, y), (middle, end_y), (end, end_y)]
    (x, y), (end, end_y) = points[-4], points[-1]
    return Arrow(*edge, tuple(points), label, ((x + end) / 2, (y + end_y) / 2))


def _moved(boxes: tuple[Box, ...], arrows: tuple[Arrow, ...]) -> Drawing:
    """Everything moved into view, and the size of the view."""
    from dataclasses import replace

    points = [point for arrow in arrows for point in arrow.points]
    points += [(box.x + side * box.width / 2, box.y + side * box.height / 2) for box in boxes for side in (-1, 1)]
    for arrow in arrows:
        width, height = label_size(arrow.label)
        points += [(arrow.at[0] + side * width / 2, arrow.at[1] + side * height / 2) for side in (-1, 1)]
    left, top = (min((point[i] for point in points), default=0.0) - _MARGIN for i in (0, 1))
    right, bottom = (max((point[i] for point in points), default=0.0) + _MARGIN for i in (0, 1))
    return Drawing(
        right - left,
        bottom - top,
        tuple(replace(box, x=box.x - left, y=box.y - top) for box in boxes),
        tuple(
            replace(
                arrow,
                points=tuple((x - left, y - top) for x, y in arrow.points),
                at=(arrow.at[0] - left, arrow.at[1] - top),
            )
            for arrow in arrows
        ),
    )
