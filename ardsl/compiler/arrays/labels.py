"""Labels and characters in the user's arrays, as the codes that models compute with."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
from torch import Tensor

from ardsl.common.wording import listed, plural, shown
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import ArdslError
from ardsl.families.domains import Domain
from ardsl.model.model import Variable


def coded(value: object, variable: Variable) -> object:
    """Turns the text in an array of a variable into numbers, float64 with the array's shape; an array without text is
    returned as it is.

    Text stands for a category's label, or for the number that it spells. Where a variable is a text itself, a string
    is a whole example [time steps], of as many characters; in a list of shorter and longer ones NaN fills the rest.
    Missing cells (None) are NaN. Raises ``ArdslError`` for a label that is none.
    """
    if not _has_text(value):
        return value
    try:
        cells = np.array(value, dtype=object)
    except (ValueError, TypeError, RuntimeError):
        cells = np.array(None)
    if cells.shape == () and not isinstance(value, str | bytes) or any(isinstance(c, list | tuple) for c in cells.flat):
        raise ArdslError(f"`{variable.name}` is no array: its rows differ in shape")
    if is_text(variable) and cells.ndim < 2 and not _is_example(cells, variable):
        cells = _characters([str(text) for text in cells.reshape(-1)])
    if not variable.is_record:
        return numbers_of(cells, variable.element_domain(0), variable.name)
    if cells.ndim == 0 or cells.shape[-1] != variable.size:
        raise ArdslError(f"`{variable.name}` has {plural(variable.size, 'field')}, and needs a value for each")
    columns = [
        numbers_of(cells[..., e], variable.element_domain(e), variable.element_name(e)) for e in range(variable.size)
    ]
    return np.stack(columns, axis=-1)


def is_text(variable: Variable) -> bool:
    """Says whether a variable is a text: one axis of labels that are characters, but for one that it may end with."""
    domain = variable.domain
    if domain is None or domain.labels is None or len(variable.shape) != 1:
        return False
    return all(len(label) == 1 for label in characters(domain))


def characters(domain: Domain) -> list[str]:
    """Lists the characters of a text: all but the one that it ends with."""
    return [label for code, label in enumerate(domain.labels or ()) if code != domain.end]


def _has_text(value: object) -> bool:
    if isinstance(value, str | bytes):
        return True
    if isinstance(value, list | tuple):
        return any(map(_has_text, value))
    if isinstance(value, Tensor) or hasattr(value, "columns") or not hasattr(value, "__array__"):
        return False
    array = np.asarray(value)
    return array.dtype.kind in "US" or (array.dtype.kind == "O" and any(isinstance(c, str | bytes) for c in array.flat))


def _is_example(cells: np.ndarray, variable: Variable) -> bool:
    """Says whether strings [time steps] are the labels of one example that is given, not texts [batch]."""
    labels = variable.element_domain(0).labels or ()
    return variable.kind == "given" and cells.shape == variable.shape and all(cell in labels for cell in cells)


def _characters(texts: Sequence[str]) -> np.ndarray:
    """The characters of texts, [texts, characters of the longest], None beyond an end."""
    rows = np.array(list(zip_longest(*texts)), dtype=object)
    return rows.T if rows.size else np.empty((len(texts), 0), dtype=object)


def numbers_of(cells: np.ndarray, domain: Domain, name: str) -> np.ndarray:
    """The numbers that cells stand for, float64 of their shape: labels for codes, texts for the numbers that they
    spell, None for NaN."""
    codes = {label: float(code) for code, label in enumerate(domain.labels or ())}
    numbers = [_number(cell, codes, name) for cell in cells.flat]
    return np.array(numbers, dtype=np.float64).reshape(cells.shape)


def _number(cell: object, codes: dict[str, float], name: str) -> float:
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if cell is None:
        return np.nan
    if isinstance(cell, str) and codes:
        if cell in codes:
            return codes[cell]
        hint = did_you_mean(cell, codes)
        raise ArdslError(f"`{name}` takes one of {listed(codes)}, not {shown(cell)}" + (f": {hint}" if hint else ""))
    try:
        return float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise ArdslError(f"`{name}` must be numbers, not {shown(cell)}") from None
