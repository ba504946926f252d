"""A model's samples as files, as it trains and at the end: images, sounds or text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TypeGuard

from torch import Tensor

from ardsl.compiler.arrays.labels import is_text
from ardsl.compiler.compile import Compiled
from ardsl.compiler.model import AutoregressiveModel
from ardsl.compiler.steps.series import series
from ardsl.data.kinds import is_image, is_wave
from ardsl.data.splits import Examples, Splits, count, take
from ardsl.model.model import Variable
from ardsl.outputs.drawing import can_draw
from ardsl.outputs.images import save_grid
from ardsl.outputs.texts import save_texts
from ardsl.outputs.waves import can_write, save_sounds, save_waveforms

PICTURE, SOUND, TEXT = "samples.png", "samples.wav", "samples.txt"

_PICTURES, _LINES, _SOUNDS = 64, 16, 4
_SECONDS = 1
"""Of each sound, at most."""
_SHARE = 0.02
"""The share of the time that samples may take while a model trains."""


class Samples:
    """Samples drawn for what the data give, of the first variable that is an image, a sound or a text: ``samples.png``
    in ``folder``, ``samples-0.wav`` …, or ``samples.txt``."""

    def __init__(self, folder: Path, splits: Splits, seed: int) -> None:
        self.folder, self.splits, self.seed = folder, splits, seed
        self._drawn, self._cost = time.perf_counter(), 0.0

    def save_if_due(self, model: Compiled) -> None:
        """Saves samples, unless the last ones are recent beside what they took."""
        if time.perf_counter() - self._drawn > self._cost / _SHARE:
            self.save(model)

    def save(self, model: Compiled) -> None:
        rate, started = model.spec.model.data.rate, time.perf_counter()
        every = model.spec.model.observed
        variable = next((v for v in every if is_image(v) or is_text(v)), None)
        if variable is not None and is_image(variable):
            save_grid(self.folder / PICTURE, self._sample(model, variable, _PICTURES), variable)
        elif variable is not None:
            save_texts(self.folder / TEXT, self._sample(model, variable, _LINES), variable, None)
        elif rate is not None and is_wave(every[0]) and can_write() and _streams(model):
            self._save_sounds(model, every[0], rate)
        self._drawn = time.perf_counter()
        self._cost = self._drawn - started

    def _sample(self, model: Compiled, variable: Variable, most: int) -> Tensor:
        given, n = self._given(model, most)
        samples = model.sample(n, given, seed=self.seed)
        return samples[variable.name] if isinstance(samples, dict) else samples

    def _save_sounds(self, model: AutoregressiveModel, variable: Variable, rate: int) -> None:
        given, n = self._given(model, _SOUNDS)
        steps = min(variable.shape[0], _SECONDS * rate)
        sounds = next(model.stream(given, n=n, steps=steps, seed=self.seed))
        save_sounds(self.folder / SOUND, sounds, variable, rate, None)
        if can_draw():
            save_waveforms(self.folder / PICTURE, sounds, variable, rate, None)

    def _given(self, model: Compiled, most: int) -> tuple[Examples | None, int]:
        """Gives what to draw for, the first examples of the data, as many samples."""
        names = [v.name for v in model.spec.model.given]
        if not names:
            return None, most
        there = self.splits.valid or self.splits.train
        n = min(most, count(there))
        first = take(there, slice(0, n))
        return {name: first[name] for name in names}, n


def _streams(model: Compiled) -> TypeGuard[AutoregressiveModel]:
    """Says whether a model draws its only variable along time."""
    return isinstance(model, AutoregressiveModel) and series(model) is not None
