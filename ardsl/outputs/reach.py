"""Figures of what chosen elements read: declared, realized, lost, leaked; and of the order of the elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import DataError, data_error
from ardsl.networks.design import Design
from ardsl.networks.group import Group
from ardsl.outputs.drawing import can_draw
from ardsl.probing.audit import Audit
from ardsl.relations import Order, Relation
from ardsl.spec import Spec
from ardsl.system.files import replacing

MOST_CHANNELS = 4
MOST_SIDE = 256
_PANEL, _SWATCH, _LETTER = 2.6, 0.75, 0.075
"""Inches: the longer side of a panel, and what an entry of the legend takes."""
_KINDS = (
    ("not read", "#eceff1"),
    ("read", "#4c84bd"),
    ("declared, never seen", "#e8863a"),
    ("a leak", "#c2185b"),
    ("the element", "#111111"),
    ("the element, which reads itself", "#6a0f30"),
)


def _check(path: str | Path) -> None:
    """Refuses a file that cannot be written, before anything is drawn."""
    if Path(path).suffix.lower() != ".png":
        raise data_error(BAD_OUTPUT, path=path, problem="what is reached is drawn as .png")
    if not can_draw():
        raise data_error(BAD_OUTPUT, path=path, problem="drawing needs matplotlib: `pip install 'ardsl[plot]'`")


def save_reach(path: str | Path, source: Spec | Audit, elements: Sequence[str] = ()) -> list[str]:
    """A PNG with a panel for each of ``elements`` (by default a few of the first variable of one or two axes, and
    channels), and first of all the order: of what a spec's networks realize, or of what an audit found in other code.
    Gives the names of the elements drawn.

    Raises ``DataError`` where there is no such variable or element.
    """
    _check(path)
    subject = _audited(path, source) if isinstance(source, Audit) else _planned(path, source, elements)
    names = list(elements) or _chosen(subject)
    every = {_close(subject.name(draw)): draw for draw in range(subject.draws)}
    unknown = [name for name in names if _close(name) not in every]
    if unknown:
        first, last = subject.name(0), subject.name(subject.draws - 1)
        problem = f"`{unknown[0]}` is none of the elements that are drawn, `{first}` to `{last}`"
        raise data_error(BAD_OUTPUT, path=path, problem=problem)
    chosen = [every[_close(name)] for name in names]
    _draw(Path(path), subject, chosen)
    return [subject.name(draw) for draw in chosen]


@dataclass(frozen=True)
class _Subject:
    """The subject of a figure: the elements of one variable, and of what kind each is to a draw, as numbers of
    ``_KINDS``."""

    order: Order
    draws: int
    name: Callable[[int], str]
    kinds: Callable[[int], np.ndarray]

    @property
    def grid(self) -> tuple[int, int, int]:
        return _grid(self.order.shape) or (1, 1, 1)


def _close(name: str) -> str:
    """A name without spaces."""
    return "".join(name.split())


def _audited(path: str | Path, audit: Audit) -> _Subject:
    comparison = audit.comparisons[0]
    if _grid(audit.order.shape) is None:
        raise _too_large(path)

    def kinds(draw: int) -> np.ndarray:
        relations = (comparison.realized_relation, comparison.leaks.relation, comparison.blind_spots.relation)
        read, leaked, lost = (relation.rows(np.array([draw]))[0] for relation in relations)
        return _kinds((read & ~leaked) | lost, read, np.array([draw]))

    return _Subject(audit.order, audit.order.size, audit.element_name, kinds)


def _planned(path: str | Path, spec: Spec, elements: Sequence[str]) -> _Subject:
    wanted = elements[0].split("[")[0] if elements else None
    for plan in spec.plan.groups:
        variable = plan.group.targets[0].variable
        fits = not variable.is_record and len(plan.group.targets) == 1 and _grid(variable.shape) is not None
        reads = any(source.variable is variable for source in plan.group.sources)
        if fits and reads and wanted in (None, variable.name):
            return _of_group(plan)
    raise _too_large(path)


def _too_large(path: str | Path) -> DataError:
    problem = f"there is nothing to draw: that takes a variable of up to {MOST_SIDE} × {MOST_SIDE} that reads itself"
    return data_error(BAD_OUTPUT, path=path, problem=problem)


def _of_group(plan: Design) -> _Subject:
    group, realized = plan.group, plan.realized[0]
    target, orders = group.targets[0], group.orders()
    declared = plan.declared(orders)

    def kinds(draw: int) -> np.ndarray:
        return _kinds(_own(group, declared, draw), _own(group, realized, draw), target.elements[draw])

    return _Subject(orders[target.variable.name], group.draws, group.draw_name, kinds)


def _grid(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """Rows, columns and channels of a variable; None where it is no image."""
    if len(shape) not in (1, 2, 3):
        return None
    rows, columns, channels = (1, *shape, 1) if len(shape) == 1 else (*shape, 1)[:3]
    small = max(rows, columns) <= MOST_SIDE and channels <= MOST_CHANNELS and rows * columns > 0
    return (rows, columns, channels) if small else None


def _chosen(subject: _Subject) -> list[str]:
    """The middle, and elements at the right, the left and the end."""
    rows, columns, _ = subject.grid
    places = [(rows // 2, columns // 2), (rows // 2, columns - 1), (3 * rows // 4, 0), (rows - 1, columns - 1)]
    draws_of_position = subject.draws // (rows * columns)
    draws = [(row * columns + column) * draws_of_position + draws_of_position - 1 for row, column in places]
    return [subject.name(draw) for draw in dict.fromkeys(draws)]


def _own(group: Group, relation: Relation, draw: int) -> np.ndarray:
    """Finds the elements of its own variable that a draw reads: bool [elements]."""
    row, start = relation.rows(np.array([draw]))[0], 0
    for source in group.sources:
        if source.variable is group.targets[0].variable:
            return row[start : start + len(source.elements)]
        start += len(source.elements)
    raise KeyError(group.name)


def _draw(path: Path, subject: _Subject, chosen: Sequence[int]) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    rows, columns, channels = subject.grid
    across, down = channels, 1 + len(chosen)
    if channels == 1:  # side by side
        across, down = len(chosen) + 1, 1
    wide, high = (_PANEL * side / max(rows, columns) for side in (columns, rows))
    seen = {int(kind) for draw in chosen for kind in np.unique(subject.kinds(draw))}
    shown = [(label, color) for k, (label, color) in enumerate(_KINDS) if k in seen]
    legend = sum(_SWATCH + _LETTER * len(label) for label, _ in shown)
    size = max(legend, wide * across), (max(high, 0.2 * _PANEL) + 0.3) * down + 0.5
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    place = 1
    rank = subject.order.rank.reshape(rows, columns, channels)
    colors = ListedColormap([color for _, color in _KINDS])
    for channel in range(channels):
        axes = figure.add_subplot(down, across, place)
        axes.imshow(rank[:, :, channel], cmap="viridis", aspect="equal", vmin=0, vmax=max(1, int(rank.max())))
        _titled(axes, f"order: {subject.order.name}" + (f", channel {channel}" if channels > 1 else ""))
        place += 1
    for draw in chosen:
        kinds = subject.kinds(draw)
        for channel in range(channels):
            axes = figure.add_subplot(down, across, place)
            part = kinds.reshape(rows, columns, channels)[:, :, channel]
            axes.imshow(part, cmap=colors, vmin=-0.5, vmax=len(_KINDS) - 0.5, aspect="equal", interpolation="nearest")
            _titled(axes, f"{subject.name(draw)} reads" + (f" channel {channel}" if channels > 1 else ""))
            place += 1
    handles = [Patch(color=color, label=label) for label, color in shown]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=8, frameon=False)
    with replacing(path) as part_file:
        figure.savefig(part_file, format="png")


def _kinds(declared: np.ndarray, realized: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Gives each element its kind of ``_KINDS``: int [elements]."""
    kinds = np.where(realized, np.where(declared, 1, 3), np.where(declared, 2, 0))
    kinds[own] = np.where(realized[own] & ~declared[own], 5, 4)
    return kinds


def _titled(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize=8, loc="left", parse_math=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#b0b7bd")
