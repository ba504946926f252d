"""Pictures of a model's samples, as it trains and at the end."""

from __future__ import annotations

import time
from pathlib import Path

from ardsl.compiler.model import AutoregressiveModel
from ardsl.runtime.data import Splits, count, take
from ardsl.runtime.pictures import is_picture, save_grid

_MOST = 64
_SHARE = 0.02
"""The share of the time that samples may take while a model trains."""


class Samples:
    """A grid of samples at ``path``, drawn for what the data give, of the first variable that is a picture."""

    def __init__(self, path: Path, splits: Splits, seed: int) -> None:
        self.path, self.splits, self.seed = path, splits, seed
        self._drawn, self._cost = time.perf_counter(), 0.0

    def save_if_due(self, model: AutoregressiveModel) -> None:
        """Nothing while the last picture is recent beside what it took."""
        if time.perf_counter() - self._drawn > self._cost / _SHARE:
            self.save(model)

    def save(self, model: AutoregressiveModel) -> None:
        variable = next((v for v in model.spec.model.observed if is_picture(v)), None)
        if variable is None:
            return
        started = time.perf_counter()
        given = [v.name for v in model.spec.model.given]
        conditioning = self.splits.valid or self.splits.train
        n = min(_MOST, count(conditioning)) if given else _MOST
        first = take(conditioning, slice(0, n))
        samples = model.sample(n, {name: first[name] for name in given} or None, seed=self.seed)
        save_grid(self.path, samples[variable.name] if isinstance(samples, dict) else samples, variable)
        self._drawn = time.perf_counter()
        self._cost = self._drawn - started
