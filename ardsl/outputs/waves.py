"""Samples along time as sound, and as figures of it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from torch import Tensor

from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import data_error
from ardsl.model.model import Variable
from ardsl.outputs.drawing import can_draw
from ardsl.system.files import replacing

_MOST_DRAWN = 8
_WINDOW = 256
"""Moments that one column of a spectrogram is of."""


def can_write() -> bool:
    """Says whether sounds can be written: the extra `sound`."""
    return find_spec("soundfile") is not None


def save_sounds(path: Path, samples: Tensor, variable: Variable, rate: int, lengths: np.ndarray | None) -> list[Path]:
    """16-bit mono files of samples [n, time steps]: the path itself for one, else ``NAME-0.wav``, ``NAME-1.wav`` …"""
    try:
        import soundfile
    except ImportError:
        raise data_error(BAD_OUTPUT, path=path, problem="sound takes soundfile: `pip install 'ardsl[sound]'`") from None
    paths = [path] if len(samples) == 1 else [path.with_stem(f"{path.stem}-{row}") for row in range(len(samples))]
    for file, wave in zip(paths, _waves(samples, variable, lengths), strict=True):
        with replacing(file) as part:
            soundfile.write(part, wave, rate, format="WAV", subtype="PCM_16")
    return paths


def save_waveforms(path: Path, samples: Tensor, variable: Variable, rate: int, lengths: np.ndarray | None) -> None:
    """A PNG of the first few samples: each as a waveform, and below it its spectrogram."""
    if not can_draw():
        raise data_error(BAD_OUTPUT, path=path, problem="drawing needs matplotlib: `pip install 'ardsl[plot]'`")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    waves = _waves(samples, variable, lengths)[:_MOST_DRAWN]
    across = min(4, len(waves))
    down = -(-len(waves) // across)
    figure = Figure(figsize=(3.2 * across, 2.8 * down), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    for number, wave in enumerate(waves):
        row, column = divmod(number, across)
        above = figure.add_subplot(2 * down, across, 2 * row * across + column + 1)
        below = figure.add_subplot(2 * down, across, (2 * row + 1) * across + column + 1)
        above.plot(np.arange(len(wave)) / rate, wave, linewidth=0.4, color="#4c84bd")
        above.set_ylim(-1, 1)
        if len(wave) > _WINDOW:
            with np.errstate(divide="ignore"):  # silence has no decibels
                below.specgram(wave + 1e-8, NFFT=_WINDOW, Fs=rate, noverlap=_WINDOW * 3 // 4, cmap="magma", vmin=-140)
        below.set_xlabel("seconds", fontsize=7)
        below.set_ylabel("Hz", fontsize=7)
        for axes in (above, below):  # one below the other, so that a sound stands above its spectrum
            axes.set_xlim(0, max(len(wave), 1) / rate)
            axes.tick_params(labelsize=6)
    with replacing(path) as part:
        figure.savefig(part, format="png")


def _waves(samples: Tensor, variable: Variable, lengths: np.ndarray | None) -> list[np.ndarray]:
    """Each sample from −1 to 1, as long as it is."""
    values = samples.detach().cpu().double().numpy()
    domain = variable.element_domain(0)
    if domain.whole:
        low, high = domain.bounds
        values = values / max(high, -low)
    ends = np.full(len(values), values.shape[1]) if lengths is None else lengths
    return [row[:end].clip(-1, 1) for row, end in zip(values, ends, strict=True)]
