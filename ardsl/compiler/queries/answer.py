"""Answers to questions of a density, each with how exact it is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ardsl.common.wording import plural

FEW = 10
"""An estimate of a smaller effective size says in words that little stands behind it."""


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer to a question of a density: its value, and whether that is exact or estimated.

    ``value`` is a number, or has one for each row, [rows]; ``joint`` names in words the joint distribution that it is
    of, since numbers of different joints are not to be compared: a model trained on all orders has ``several``, one for
    each set of cells that a question is about or given. An estimate has its ``standard_error`` and the
    ``effective_samples`` that it rests on, of ``samples``; each like ``value``.
    """

    value: float | Tensor
    exact: bool
    joint: str
    standard_error: float | Tensor | None = None
    effective_samples: float | Tensor | None = None
    samples: int | None = None
    several: bool = False

    @property
    def accuracy(self) -> str:
        """How exact the answer is, in words: ``exact``, ``exact (of one joint of several)``, or ``± 0.004 (effective
        samples 812 of 1,000)``. Of several rows it is that of the worst."""
        if self.exact:
            return "exact (of one joint of several)" if self.several else "exact"
        words = "estimated" if self.standard_error is None else f"± {_greatest(self.standard_error):.2g}"
        if self.effective_samples is None:
            return words
        return f"{words} ({worth(-_greatest(-self.effective_samples), self.samples)})"

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        """The value and its accuracy, as the command line prints them."""
        if isinstance(self.value, Tensor) and self.value.ndim > 0:
            return f"{plural(len(self.value), 'value')}, {self.accuracy}"
        value = float(self.value)
        return f"{value:.6g} {self.accuracy}"


def worth(effective: float, samples: int | None = None) -> str:
    """The effective number of samples in words: ``effective samples 812 of 1,000``."""
    of = "" if samples is None else f" of {samples:,}"
    return f"effective samples {effective:,.0f}{of}{': too few to rely on' if effective < FEW else ''}"


def _greatest(number: float | Tensor) -> float:
    return float(number.max()) if torch.is_tensor(number) else float(number)
