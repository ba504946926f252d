"""A table's cells to numbers, by pyarrow: text as the numbers it writes, or as the codes of a category's labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ardsl.diagnostics.rules.data import WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.families.domains import Domain

MISSING_MARKS = frozenset({"", "?", "NA", "N/A", "NaN", "nan", "null"})
"""Marks of a missing value in a table, unless a category has that label."""


def column_values(column: Any, domain: Domain, place: str) -> tuple[np.ndarray, Any]:
    """The cells of a pyarrow array [rows] as numbers, NaN where missing, and the text they were, None where they were
    none. As they stand where one is neither number nor missing, for an exact message of it."""
    import pyarrow
    from pyarrow import compute, types

    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if types.is_null(column.type):
        return np.full(len(column), np.nan), None
    labels = domain.labels or ()
    if types.is_boolean(column.type):
        column = truth_values(column) if labels else column.cast(pyarrow.uint8())
    if types.is_decimal(column.type):
        column = column.cast(pyarrow.float64())
    if types.is_integer(column.type) or types.is_floating(column.type):
        if not labels:
            return column.to_numpy(zero_copy_only=False), None
        column = column.cast(pyarrow.string())
    if not any(is_text(column.type) for is_text in (types.is_string, types.is_large_string, types.is_string_view)):
        raise data_error(WRONG_SHAPE, place=place, problem=f"holds {column.type}, where numbers or text are read")
    text = column.cast(pyarrow.string())
    trimmed, missing = trimmed_text(text, place, labels)
    if labels:
        codes = _codes(text, trimmed, labels)
        unknown = compute.and_(compute.is_null(codes), compute.invert(missing))
        if compute.any(unknown).as_py():
            return _as_text(text), text
        return _floats(codes), text
    try:
        return _floats(compute.if_else(missing, pyarrow.scalar(None, pyarrow.string()), trimmed)), text
    except pyarrow.ArrowInvalid:
        return _as_text(text), text


def truth_values(column: Any) -> Any:
    """A pyarrow array of booleans as the text `True` and `False`."""
    from pyarrow import compute

    return compute.if_else(column, "True", "False")


def trimmed_text(text: Any, place: str, labels: Iterable[str] = ()) -> tuple[Any, Any]:
    """A pyarrow array of text without the spaces around each cell, and which cells are missing: empty, or one of the
    marks that stand for that and are no label."""
    import pyarrow
    from pyarrow import compute

    try:
        trimmed = compute.utf8_trim_whitespace(text)
    except pyarrow.ArrowInvalid:
        raise data_error(WRONG_SHAPE, place=place, problem="holds text that is not UTF-8") from None
    marks = pyarrow.array(sorted(MISSING_MARKS - set(labels)))
    return trimmed, compute.or_(compute.is_in(trimmed, marks), compute.is_null(text))


def _codes(text: Any, trimmed: Any, labels: tuple[str, ...]) -> Any:
    """Labels as codes, null for what is none; spaces around a label in the data do not count."""
    import pyarrow
    from pyarrow import compute

    exact = compute.index_in(text, pyarrow.array(labels))
    return compute.coalesce(exact, compute.index_in(trimmed, pyarrow.array([label.strip() for label in labels])))


def _floats(column: Any) -> np.ndarray:
    import pyarrow

    floats: np.ndarray = column.cast(pyarrow.float64()).to_numpy(zero_copy_only=False)
    return floats


def _as_text(column: Any) -> np.ndarray:
    texts = np.empty(len(column), dtype=object)
    texts[:] = column.to_pylist()
    return texts
