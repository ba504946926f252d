"""Reports of a training, in words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ardsl.common.wording import plural
from ardsl.data.splits import Splits, count
from ardsl.queries.evaluate import Evaluation
from ardsl.spec import Spec
from ardsl.training.progress import Progress, duration

_COLLAPSED = 0.01
"""Nats of divergence below which a latent variable says nothing about its data."""


def announce(progress: Progress, spec: Spec, splits: Splits) -> None:
    for split, dropped in splits.dropped.items():
        if dropped:
            progress.say(
                f"{split}: {plural(dropped, 'row')} with missing values {'is' if dropped == 1 else 'are'} left out"
            )
    held = f"{count(splits.valid):,} to validate on" if splits.valid is not None else "none to validate on"
    parameters, examples = plural(spec.plan.parameters, "parameter"), plural(count(splits.train), "example")
    progress.say(f"{spec.name}: {parameters}, {examples} to train on, {held}")


def conclude(
    progress: Progress,
    spec: Spec,
    epoch: int,
    valid: Evaluation | None,
    seconds: float,
    stopped: str,
    folder: Path | None,
) -> None:
    validation = "" if valid is None else f": valid {valid.nll:.4f} ± {valid.standard_error:.4f} nats"
    validation += " (an estimate: `ardsl eval` is exact)" if valid and valid.estimated else ""
    bits = f", {valid.bits_per_dim:.4f} bits/dim" if valid and spec.model.counts_bits else ""
    best = f"best epoch {epoch}" if epoch else "no epoch was trained"
    why = {"patience": "no better for a while, ", "interrupted": "interrupted, "}.get(stopped, "")
    where = f"; in {folder}" if folder else ""
    progress.say(f"{why}{best}{validation}{bits}, {duration(seconds)}{where}")


def warn_of_collapse(progress: Progress, row: Mapping[str, Any]) -> None:
    """Latent variables that the best epoch did not use."""
    for name, value in row.items():
        if name.startswith("kl ") and value < _COLLAPSED:
            progress.say(
                f"warning: `{name.removeprefix('kl ')}` has collapsed: its guide is its prior (divergence {value:.4f} "
                "nats), so it tells nothing of the data. What helps: `anneal` or `free_bits` in `train { … }`, or a "
                "decoder that sees less, as `x[<i] within 2`"
            )


def figures(
    spec: Spec,
    metrics: Sequence[Mapping[str, Any]],
    best_epoch: int,
    valid: Evaluation | None,
    seconds: float,
    stopped: str,
) -> dict[str, Any]:
    """Gives the figures that ``run.json`` has of a training that is over."""
    of_run: dict[str, Any] = {
        "parameters": spec.plan.parameters,
        "epochs": len(metrics),
        "best_epoch": best_epoch,
        "stopped": stopped,
        "seconds": round(seconds, 3),
    }
    if valid is not None:
        of_run["valid"] = {
            "nll": valid.nll,
            "standard_error": valid.standard_error if valid.examples > 1 else None,
            "bits_per_dim": valid.bits_per_dim,
            "examples": valid.examples,
        }
        if valid.estimated:
            of_run["valid"]["estimated"] = True
        if valid.kl:
            of_run["valid"]["kl"] = dict(valid.kl)
    return of_run
