"""Samples as text, a line for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from torch import Tensor

from ardsl.model.model import Variable
from ardsl.system.files import replacing


def save_texts(path: Path, samples: Tensor, variable: Variable, lengths: np.ndarray | None) -> None:
    """Writes a line for each sample, up to its end."""
    with replacing(path) as part:
        part.write_text("".join(f"{line}\n" for line in lines(samples, variable, lengths)), encoding="utf-8")


def lines(samples: Tensor, variable: Variable, lengths: np.ndarray | None) -> Iterator[str]:
    """Yields samples [n, characters] as text, each up to its end."""
    domain = variable.element_domain(0)
    labels = domain.labels or ()
    for row, sample in enumerate(samples.tolist()):
        end = len(sample) if lengths is None else int(lengths[row])
        if domain.end is not None and domain.end in sample:
            end = min(end, sample.index(domain.end))
        yield "".join(labels[code] for code in sample[:end])
