"""Samples as a file, in the form that the suffix of its name says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.labels import is_text
from ardsl.data.formats.source import LENGTHS
from ardsl.data.kinds import is_image, is_wave
from ardsl.diagnostics.rules.data import BAD_OUTPUT
from ardsl.errors import data_error
from ardsl.model.columns import column_names
from ardsl.model.model import Variable
from ardsl.outputs.cells import table_cells, write_table
from ardsl.outputs.images import save_grid
from ardsl.outputs.texts import save_texts
from ardsl.outputs.waves import save_sounds, save_waveforms
from ardsl.spec import Spec
from ardsl.system.files import replacing

Samples = Mapping[str, Tensor]
"""By variable, [samples, *shape]."""
Lengths = Mapping[str, np.ndarray]
"""By variable whose length varies, [samples]."""


def write_samples(
    path: str | Path,
    spec: Spec,
    samples: Tensor | dict[str, Tensor],
    given: Mapping[str, Any] | None = None,
    lengths: Lengths | None = None,
) -> None:
    """Writes what ``model.sample`` gave to ``.npz`` (arrays by variable), ``.csv`` (labels as in the data), ``.png``,
    ``.wav`` or ``.txt``.

    ``lengths`` are those that the samples were drawn with, by variable. ``given`` is what they were drawn for: one
    example of each conditioning variable, or one for each sample. With it, a table or an ``.npz`` so written is data
    for the same spec again.
    """
    form = check_output(path, spec)
    by_variable = dict(samples) if isinstance(samples, dict) else {spec.model.observed[0].name: samples}
    drawn = len(next(iter(by_variable.values())))
    for name, value in (given or {}).items():
        shape = spec.variables[name].shape
        by_variable[name] = torch.as_tensor(value).reshape(-1, *shape).expand(drawn, *shape)
    form.write(Path(path), spec, by_variable, lengths or {})


def check_output(path: str | Path, spec: Spec) -> Form:
    """Finds the form of a file by its suffix. Raises ``DataError`` where there is none, or none for this spec: before
    any sample is drawn."""
    form = FORMS.get(Path(path).suffix.lower())
    if form is None:
        raise data_error(BAD_OUTPUT, path=path, problem=f"samples are written to {', '.join(FORMS)}")
    if problem := form.problem(spec):
        raise data_error(BAD_OUTPUT, path=path, problem=problem)
    return form


@dataclass(frozen=True)
class Form:
    """One form of file: ``write`` writes it; ``problem`` says why a spec's samples cannot have it (None: they can)."""

    write: Callable[[Path, Spec, Samples, Lengths], None]
    problem: Callable[[Spec], str | None] = lambda _: None


# Arrays and tables: every variable


def _write_npz(path: Path, spec: Spec, samples: Samples, lengths: Lengths) -> None:
    arrays: dict[str, Any] = {name: value.cpu().numpy() for name, value in samples.items()}
    arrays |= {f"{name}{LENGTHS}": value for name, value in lengths.items()}
    with replacing(path) as part, part.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _write_csv(path: Path, spec: Spec, samples: Samples, lengths: Lengths) -> None:
    header: list[str] = []
    columns: list[list[Any]] = []
    for variable in (v for v in (*spec.model.given, *spec.model.observed) if v.name in samples):
        value = samples[variable.name].cpu()
        flat = value.reshape(len(value), -1).numpy()
        header += column_names(spec.model, variable)
        columns += [table_cells(flat[:, e], variable.element_domain(e)) for e in range(variable.size)]
        if variable.name in lengths:  # what is beyond an end is an empty cell
            size_of_step = variable.size // variable.shape[0]
            for element, column in enumerate(columns[-variable.size :]):
                ended = lengths[variable.name] <= element // size_of_step
                column[:] = ["" if beyond else cell for cell, beyond in zip(column, ended, strict=True)]
    write_table(path, header, zip(*columns, strict=True))


# Images, sounds and texts: the first variable that is one


def _first(spec: Spec, kind: Callable[[Variable], bool]) -> Variable | None:
    return next(filter(kind, spec.model.observed), None)


def _write_png(path: Path, spec: Spec, samples: Samples, lengths: Lengths) -> None:
    if image := _first(spec, is_image):
        save_grid(path, samples[image.name], image)
    elif wave := _first(spec, is_wave):
        save_waveforms(path, samples[wave.name], wave, spec.model.data.rate or 1, lengths.get(wave.name))


def _no_png(spec: Spec) -> str | None:
    if _first(spec, is_image) or _first(spec, is_wave):
        return None
    return "no variable is an image: that takes two axes of at least 4, and numbers; or a wave, of one axis"


def _write_wav(path: Path, spec: Spec, samples: Samples, lengths: Lengths) -> None:
    if wave := _first(spec, is_wave):
        save_sounds(path, samples[wave.name], wave, spec.model.data.rate or 1, lengths.get(wave.name))


def _no_wav(spec: Spec) -> str | None:
    if _first(spec, is_wave) is None:
        return "no variable is sound: that takes one axis, of `mulaw` or `real`"
    return None if spec.model.data.rate else "sound needs a rate: `data { rate = 16000 }` in the spec"


def _write_txt(path: Path, spec: Spec, samples: Samples, lengths: Lengths) -> None:
    if text := _first(spec, is_text):
        save_texts(path, samples[text.name], text, lengths.get(text.name))


def _no_txt(spec: Spec) -> str | None:
    if _first(spec, is_text):
        return None
    return 'no variable is text: that takes one axis of characters, `category("a", "b", …)`'


FORMS = {
    ".npz": Form(_write_npz),
    ".csv": Form(_write_csv),
    ".png": Form(_write_png, _no_png),
    ".wav": Form(_write_wav, _no_wav),
    ".txt": Form(_write_txt, _no_txt),
}
"""By the suffix of the file."""
