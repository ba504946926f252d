"""The parameters that training begins with: locations spread over the domain, unit scales and even odds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.families.constraints import triangle_size, unconstrain
from ardsl.families.entry import Entry
from ardsl.families.family import Slot


@dataclass(frozen=True, slots=True)
class Start:
    """Locations begin in ``center`` ± ``reach``; for positive distributions that is the logarithm of their scale."""

    center: float = 0.0
    reach: float = 2.0
    scale: float = 1.0


def starting_values(entry: Entry, slot: Slot, start: Start, position: float) -> Tensor:
    """Unconstrained parameters [size] of one slot; ``position`` in (0, 1) is the distribution's place in the spread, ½
    for one alone."""
    shift = start.reach * (2 * position - 1)
    if slot.constraint in ("real", "positive"):
        value = _scalar(entry, slot.name, start.center + shift, start.scale, shift, position)
        return torch.tensor([unconstrain(slot.constraint, value, slot.link)])
    if slot.constraint == "ordered_vector":
        cuts = torch.logit(torch.arange(1, slot.size + 1, dtype=torch.float64) / (slot.size + 1)).tolist()
        steps = [unconstrain("positive", high - low) for low, high in zip(cuts, cuts[1:], strict=False)]
        return torch.tensor(cuts[:1] + steps)
    if slot.constraint == "lower_cholesky":
        n = triangle_size(slot.size)
        rows, columns = torch.tril_indices(n, n)
        return torch.where(rows == columns, unconstrain("positive", start.scale), 0.0)
    if entry.joint:
        return torch.full((slot.size,), start.center + shift)
    return shift / 2 * torch.linspace(-1, 1, slot.size)


def _scalar(entry: Entry, name: str, place: float, scale: float, shift: float, position: float) -> float:
    names = [parameter.name for parameter in entry.parameters]
    if name in ("loc", "predictor"):
        return place
    if name == "scale":
        return scale if "loc" in names else math.exp(place)
    if name == "rate":
        grows = entry.discrete and "concentration" not in names
        return math.exp(place if grows else -place)
    if "concentration0" in names and name.startswith("concentration"):
        share = 0.05 + 0.9 * position
        return 4 * (share if name == "concentration1" else 1 - share)
    if name == "logits":
        return -shift if entry.name == "geometric" else shift
    return 0.0 if name == "gate_logits" else 1.0
