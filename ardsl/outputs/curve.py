"""The training curve as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ardsl.system.files import replacing


def save_curve(path: str | Path, rows: Sequence[Mapping[str, Any]], best_epoch: int) -> None:
    """A PNG of the nats per example by epoch, on the training and the validation data; the best epoch is marked.

    The scale is that of the second half of the training: the first epochs, far above it, would flatten the rest.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(7, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="epoch", ylabel="nats per example")
    epochs = [row["epoch"] for row in rows]
    lines = {name: [row[name] for row in rows] for name in ("train", "valid") if rows[0][name] is not None}
    for name, shade in (("train", "#7b8794"), ("valid", "#2563a8")):
        if name in lines:
            axes.plot(epochs, lines[name], color=shade, label=name, marker="." if len(rows) < 40 else None)
    if "valid" in lines and best_epoch:
        best = lines["valid"][best_epoch - 1]
        axes.plot([best_epoch], [best], "o", color="#2563a8", label=f"best: epoch {best_epoch}, {best:.4g}")
    late = [value for values in lines.values() for value in values[len(rows) // 2 :]]
    early = [values[min(len(rows) // 10, len(rows) - 1)] for values in lines.values()]
    low, high = min(late), max(*late, *early)
    margin = 0.06 * (high - low) or 1.0
    axes.set_ylim(min(low, *(min(values) for values in lines.values())) - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    with replacing(path) as part:
        figure.savefig(part, format="png")
