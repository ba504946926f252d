"""Examples of varying length: beside each other with room to spare, or one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ardsl.common.wording import plural
from ardsl.data.formats.source import LENGTHS
from ardsl.diagnostics.rules.data import WRONG_SHAPE
from ardsl.errors import ArdslError, data_error
from ardsl.model.model import Variable
from ardsl.spec import Spec


def with_lengths(spec: Spec, data: Any, lengths: Any) -> Any:
    """Data with the lengths of the only variable that varies beside it, as ``NAME_lengths``."""
    if lengths is None:
        return data
    varying = [v.name for v in (*spec.model.observed, *spec.model.given) if v.varies]
    if len(varying) != 1:
        raise ArdslError(f"`lengths` are of one variable whose length varies; here there are {len(varying)}")
    alone = not isinstance(data, Mapping) and len(spec.model.observed) + len(spec.model.given) == 1
    if not alone and (not isinstance(data, Mapping) or varying[0] not in data):
        raise ArdslError(f"`lengths` go with arrays by variable: a dict with `{varying[0]}`")
    return ({varying[0]: data} if alone else dict(data)) | {f"{varying[0]}{LENGTHS}": lengths}


def padded(
    values: np.ndarray,
    lengths: np.ndarray | None,
    variable: Variable,
    place: str,
    real: np.dtype,
    row_name: Callable[[int], str] | None = None,
) -> np.ndarray:
    """A variable's examples [rows, *shape] of the type ``real``, NaN beyond each one's end; of text, "".

    ``values`` are [rows, up to length, …], each ended by ``lengths`` [rows], or without them whole; or all examples
    one after the other, [sum of lengths, …]. Raises ``DataError`` where they are neither.
    """
    most, rest = variable.shape[0], variable.shape[1:]
    text = values.dtype.kind in "OUS"
    if not text:
        values = values.astype(real, copy=False)
    beside = values.ndim == 1 + len(variable.shape)
    if lengths is None:
        if not beside:
            return values  # which is refused for its shape
        lengths = np.full(len(values), values.shape[1])
    elif lengths.ndim != 1 or lengths.dtype.kind not in "iu" or (lengths < 0).any():
        raise data_error(
            WRONG_SHAPE, place=f"{place}{LENGTHS}", problem="lengths are integers of at least 0, one a row"
        )
    longest, total = int(lengths.max(initial=0)), int(lengths.sum())
    wrong = lengths > most if variable.varies else lengths != most
    if wrong.any():
        row = int(wrong.argmax())
        bound = f"at most {most:,}" if variable.varies else f"{most:,}: `..{longest}` would let it vary"
        problem = f"has {plural(int(lengths[row]), 'place')}, and `{variable.name}` {bound}"
        if row_name is not None:
            raise data_error(WRONG_SHAPE, place=row_name(row), problem=problem)
        raise data_error(WRONG_SHAPE, place=place, problem=f"row {row} {problem}")
    examples = np.full((len(lengths), most, *rest), "" if text else np.nan, dtype=object if text else real)
    inside = np.arange(most) < lengths[:, None]
    if beside and values.shape[2:] == rest and len(values) == len(lengths) and values.shape[1] >= longest:
        width = min(most, values.shape[1])
        examples[:, :width][inside[:, :width]] = values[:, :width][inside[:, :width]]
    elif values.shape == (total, *rest):
        examples[inside] = values
    else:
        needed = f"{[len(lengths), max(longest, 1), *rest]} or {[total, *rest]}"
        problem = f"{plural(len(lengths), 'length')} need an array of the shape {needed}, not {list(values.shape)}"
        raise data_error(WRONG_SHAPE, place=place, problem=problem)
    if not text and variable.varies and examples.size:
        _check_ends(examples, place)
    return examples


def _check_ends(values: np.ndarray, place: str) -> None:
    """Refuses examples [rows, length, …] in which something that is there comes after something that is not."""
    missing = np.isnan(values.reshape(*values.shape[:2], -1))
    partly_missing = missing.any(2)
    gaps = (partly_missing[:, :-1] & ~partly_missing[:, 1:]).any(1) | (partly_missing != missing.all(2)).any(1)
    if gaps.any():
        problem = f"row {int(gaps.argmax())} has gaps (NaN) before its end"
        raise data_error(WRONG_SHAPE, place=place, problem=problem)
