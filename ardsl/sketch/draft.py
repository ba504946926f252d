"""``ardsl new``: a spec for a table, ready to train, with the reason of each choice beside it."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from ardsl.common.wording import number, one_line, printable
from ardsl.data.formats import csv, parquet
from ardsl.data.formats.tables import Table
from ardsl.data.sources import open_source
from ardsl.diagnostics import Source
from ardsl.diagnostics.rules.data import BAD_OUTPUT, UNREADABLE, WRONG_FORMAT
from ardsl.errors import data_error
from ardsl.language import format_tree
from ardsl.language.layout import string
from ardsl.sketch.columns import Column, look_at
from ardsl.spec import diagnose

SPLIT = "{split}"
_MOST_LABELS = 256
_MOST_LEVELS = 32
"""Up to this many values an integer has a probability for each; past it, a smooth distribution cut into integers."""
_LARGEST_INTEGER = 1 << 24
"""Up to here single precision holds every integer."""
_LARGEST_REAL = float(np.finfo(np.float32).max)
_ORDERS = 8
_BINS = 12
_MOST_COUNTED = 1 << 29
"""Pairs of columns × rows that are counted for the mutual information."""
_MOST_ORDERED = 1_000
"""Columns that are ordered by it."""
_WORDS = frozenset(["model", "param", "record", "order", "net", "check", "by", "via", "within", "last"])
"""Names that the language does not take."""
_IDENTIFIER = re.compile(r"(^|_|\b)(id|uuid|guid|key|index|row|number|no|nr)$", re.IGNORECASE)


@dataclass(frozen=True)
class _Field:
    """A column as a field of the record: ``domain`` and ``family`` (None: the domain's own) as the spec says them."""

    column: Column
    name: str
    domain: str
    family: str | None
    reason: str


def sketch(path: str | Path, output: str | Path) -> tuple[str, int, list[str]]:
    """Writes a spec for the table at ``path`` that will stand at ``output`` (its paths start there), the number of
    columns in it, and those left out with the reason."""
    source = open_source(Path(path).absolute())
    if not isinstance(source, Table):
        raise data_error(
            WRONG_FORMAT,
            problem=f"{path}: a spec is written for tables: {', '.join((*csv.SUFFIXES, *parquet.SUFFIXES))}",
        )
    columns = look_at(source)
    fields, left_out = _fields(columns)
    if not fields:
        raise data_error(UNREADABLE, path=str(path), problem="no column is left to model: " + "; ".join(left_out))
    rows, gaps = columns[0].rows, any(f.column.missing for f in fields)
    ordered = fields
    if len(fields) <= _MOST_ORDERED:
        ordered = [fields[place] for place in _by_information([_codes(f) for f in fields])]
    text = _text(Path(path), Path(output), rows, ordered, left_out, gaps)
    return _checked(text, Path(output), ordered), len(fields), left_out


def _checked(text: str, output: Path, fields: Sequence[_Field]) -> str:
    """The text in the canonical layout. Raises ``DataError`` where it is no spec of exactly these columns: names and
    labels may hold anything."""
    diagnostics, spec = diagnose(Source(text, str(output), str(output.parent)))
    if spec is None:
        first = next(diagnostic for diagnostic in diagnostics if diagnostic.severity == "error")
        problem = f"no spec can be written for this table: {first.message} ({first.code})"
        raise data_error(BAD_OUTPUT, path=output, problem=problem)
    variable = spec.variables["row"]
    columns = spec.model.data.columns.get("row", tuple(field.name for field in variable.fields))
    written = [(field.name, str(field.domain)) for field in variable.fields]
    if written != [(f.name, f.domain) for f in fields] or list(columns) != [f.column.name for f in fields]:
        raise data_error(
            BAD_OUTPUT, path=output, problem="no spec can be written for this table: its columns would change"
        )
    return format_tree(spec.tree)


# Columns to fields


def _fields(columns: Sequence[Column]) -> tuple[list[_Field], list[str]]:
    fields: list[_Field] = []
    left_out = []
    for column in columns:
        reason = _why_not(column)
        if reason is not None:
            left_out.append(f"{column.name or '(a column without a name)'}: {reason}")
            continue
        domain, family, why = _domain(column)
        if column.missing:
            why += f"; {column.missing:,} of {column.rows:,} missing"
        fields.append(_Field(column, _name(column.name, {f.name for f in fields}), domain, family, why))
    return fields, left_out


def _why_not(column: Column) -> str | None:
    """Why a column is left out, None where it is not."""
    if not column.name:
        return "without a name, such as a row number"
    if SPLIT in column.name:
        return f"`{SPLIT}` in a name stands for the name of a split"
    if column.unread is not None:
        return f"holds {column.unread}, neither numbers nor text"
    if not column.present:
        return "empty"
    if column.numeric and not (math.isfinite(column.least) and math.isfinite(column.most)):
        return "holds infinite numbers"
    if column.numeric and max(-column.least, column.most) > _LARGEST_REAL:
        return f"holds numbers beyond {_LARGEST_REAL:.1e}, which single precision does not hold"
    if not column.many and column.distinct == 1:
        return f"constant, {next(iter(column.counts))!r} in every row"
    if column.numeric and column.least == column.most:
        return f"constant, {number(column.least)} in every row to the 16 digits that numbers are read with"
    unique = column.many or column.distinct == column.present
    numbered = column.numeric and column.whole and unique and column.rows > 2
    if numbered and (column.ascending or _IDENTIFIER.search(column.name)):
        return "looks like an identifier: a different integer in every row"
    if not column.numeric and (column.many or column.distinct > min(_MOST_LABELS, max(8, column.present // 2))):
        what = f"more than {column.distinct - 1:,}" if column.many else f"{column.distinct:,}"
        hint = _number_hint(column)
        return f"looks like an identifier or free text: {what} different values in {column.present:,} rows{hint}"
    return None


def _domain(column: Column) -> tuple[str, str | None, str]:
    """Domain, family and the reason for them."""
    if not column.numeric:
        labels = column.labels()
        return f"category({', '.join(map(string, labels))})", None, f"text, {len(labels)} values{_number_hint(column)}"
    low, high = column.least, column.most
    size = max(abs(low), abs(high))
    span = f"{int(low):,} to {int(high):,}" if column.whole and size < 1e15 else _span(low, high)
    if column.whole and size < _LARGEST_INTEGER / 2:
        return _integer(int(low), int(high), span)
    known = column.sample()
    known = known[~np.isnan(known)]
    if low > 0 and _skewness(np.log(known)) ** 2 < _skewness(known) ** 2 and _skewness(known) > 1.5:
        return "positive", "mixture(log_normal, components = 5)", f"decimal, {span}, skewed"
    kind = "integer, too large to count one by one" if column.whole else "decimal"
    return "real", "mixture(normal, components = 5)", f"{kind}, {span}"


def _span(low: float, high: float) -> str:
    """Writes two ends with as many digits as tell them apart."""
    spread = (high - low) / max(abs(low), abs(high), math.ulp(0))
    digits = 6 + max(0, math.ceil(-math.log10(max(spread, math.ulp(1)))) - 2)
    return f"{low:,.{digits}g} to {high:,.{digits}g}"


def _number_hint(column: Column) -> str:
    """Gives a hint about text that a person would read as numbers."""
    other = re.compile(r"[-+]?\d+(,\d+)?\s*%?|[-+]?\d+(\.\d+)?\s*%")
    if column.counts and all(other.fullmatch(value) for value in column.counts):
        return "; numbers are written as 12.5, without `%`"
    return ""


def _integer(low: int, high: int, span: str) -> tuple[str, str | None, str]:
    if (low, high) == (0, 1):
        return "binary", None, "0 or 1"
    if high - low < _MOST_LEVELS:
        return f"integer({low}, {high})", "categorical", f"integer, {span}"
    margin = (high - low) / 4
    bottom = max(0, _round(low - margin, math.floor)) if low >= 0 else _round(low - margin, math.floor)
    top = _round(high + margin, math.ceil)
    return f"integer({bottom}, {top})", "mixture(discretized(logistic), components = 5)", f"integer, {span}, and room"


def _round(value: float, way: Callable[[float], int]) -> int:
    """To two digits."""
    unit = 10 ** max(0, len(str(int(abs(value)))) - 2)
    return way(value / unit) * unit


def _skewness(values: np.ndarray) -> float:
    spread = values.std()
    return float((((values - values.mean()) / spread) ** 3).mean()) if spread > 0 else 0.0


def _name(column: str, taken: Container[str]) -> str:
    """A name of the language for a column: its own where that is one."""
    name = re.sub(r"\W+", "_", column, flags=re.ASCII).strip("_") or "column"
    if name[0].isdigit() or name in _WORDS:
        name = f"c_{name}"
    numbered = (name if k == 1 else f"{name}_{k}" for k in count(1))
    return next(candidate for candidate in numbered if candidate not in taken)


# The order


def _codes(field: _Field) -> np.ndarray:
    """A column cut into a few bins of equal weight, for counting: int64 [rows], 0 where missing."""
    values = field.column.sample()
    known = ~np.isnan(values) & (values >= 0 if not field.column.numeric else True)
    codes = np.zeros(len(values), dtype=np.int64)
    if field.column.numeric and len(np.unique(values[known])) > _BINS:
        edges = np.unique(np.quantile(values[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
        codes[known] = 1 + np.searchsorted(edges, values[known], side="right")
    else:
        _, codes[known] = np.unique(values[known], return_inverse=True)
        codes[known] = 1 + np.minimum(codes[known], 4 * _BINS)
    return codes


def _by_information(columns: Sequence[np.ndarray]) -> list[int]:
    """First the column that tells most of all others, then always the one that those before it tell most of."""
    shared = _mutual_information(columns)
    order = [int(shared.sum(1).argmax())]
    information = shared[order[0]].copy()
    while len(order) < len(columns):
        information[order] = -np.inf
        order.append(int(information.argmax()))
        information = np.maximum(information, shared[order[-1]])
    return order


def _mutual_information(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Of each pair of columns of codes in nats, from counts, less the bias of counting (Miller & Madow, 1955): float
    [columns, columns]."""
    rows = max(1, min(len(columns[0]), _MOST_COUNTED // len(columns) ** 2))
    sizes = np.array([column.max() + 1 for column in columns])
    first = np.cumsum(sizes) - sizes
    codes = np.stack(columns, axis=1)[:rows] + first  # numbered through all columns
    shared = np.zeros((len(columns), len(columns)))
    for a in range(1, len(columns)):
        total = first[a]
        cells = (codes[:, a, None] - first[a]) * total + codes[:, :a]
        joint = np.bincount(cells.ravel(), minlength=sizes[a] * total).reshape(sizes[a], total) / rows
        outer = joint[:, : sizes[0]].sum(1)[:, None] * joint.sum(0)
        seen = joint > 0
        information = np.where(seen, joint * np.log(np.where(seen, joint / np.where(seen, outer, 1), 1)), 0).sum(0)
        cells_seen, values_seen = seen.sum(0), seen.any(0)
        met = np.add.reduceat(np.stack([information, cells_seen, values_seen]), first[:a], axis=1)
        own = seen[:, : sizes[0]].any(1).sum()
        bias = (met[1] - own - met[2] + 1) / (2 * rows)
        shared[a, :a] = shared[:a, a] = met[0] - bias
    return shared


# The text


def _text(path: Path, output: Path, rows: int, fields: Sequence[_Field], left_out: Sequence[str], gaps: bool) -> str:
    name = _name(path.stem, ())
    width, batch, epochs, share, dropout = _size(rows)
    lines = [f"# Written by `ardsl new` from {printable(path.name)}: {rows:,} rows. Every choice may be changed."]
    lines += [f"model {name}", ""]
    if left_out:
        lines += ["# Left out:", *(f"#   {one_line(field)}" for field in left_out), ""]
    lines.append("record row {")
    for field in fields:
        family = f" ~ {field.family}" if field.family else ""
        lines += [f"  {field.name} : {field.domain}{family}  # {one_line(field.reason)}"]
    lines += ["}", ""]
    if gaps:
        lines += ["# Cells are missing: a model of all orders can leave any of them out."]
        orders = min(_ORDERS, math.factorial(min(len(fields), _ORDERS)))
        lines += [f'order row by any(orders = {orders}, train = "all")']
    else:
        by_information = "# By mutual information: what tells most of the others comes first."
        lines += [by_information if len(fields) <= _MOST_ORDERED else "# As in the table, which has many columns."]
        lines += [f"order row by [{', '.join(f.name for f in fields)}]"]
    kind = "nade" if gaps else "made"  # of all orders: a made's first conditionals are far off there
    network = f"{kind}(hidden = [{width}, {width}], activation = gelu, dropout = {dropout})"
    lines += ["", f"p(row[i] | row[<i]) = default via {network}", "", "data {"]
    where = os.path.relpath(Path(path).absolute(), Path(output).absolute().parent)
    lines += [f"  train = {string(Path(where).as_posix())}", f"  valid = {share}"]
    lines += ["  missing = marginalize"] if gaps else []
    if any(f.name != f.column.name for f in fields):
        lines += [f"  row = [{', '.join(string(f.column.name) for f in fields)}]"]
    lines += ["}", "", "train {", "  optimizer = adam(rate = 0.003)", f"  batch = {batch}", f"  epochs = {epochs}"]
    if rows < 20_000 and gaps:  # one question of each row at a step: training takes longer, and overfits later
        lines += ["  patience = 60", "  clip = 5", "  schedule = cosine", "}"]
    elif rows < 20_000:  # little data overfits: stop soon
        lines += ["  patience = 12", "  clip = 5", "  schedule = plateau(factor = 0.3, patience = 4)", "}"]
    else:
        lines += ["  clip = 5", "  schedule = cosine(warmup = 200)", "}"]
    return "\n".join(lines) + "\n"


def _size(rows: int) -> tuple[int, int, int, float, float]:
    """Width, batch, epochs, the share to validate on, and dropout that suit so many rows."""
    if rows < 2_000:
        return 64, 64, 300, 0.2, 0.1
    if rows < 20_000:
        return 128, 64, 200, 0.1, 0.1
    if rows < 200_000:
        return 384, 256, 60, 0.1, 0.02
    return 512, 1000, 20, 0.05, 0.0
