"""Data for a spec: every variable's examples, checked against its domain, as tensors in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.diagnostics.rules.data import MISSING_VALUES, NO_SOURCE, NO_SUCH_KEY, UNUSABLE_OPTION, WRONG_SHAPE
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.families.domains import Domain
from ardsl.model.model import Variable
from ardsl.runtime.faults import fault, listed
from ardsl.runtime.sources import Source, open_source, split_key
from ardsl.runtime.values import Part, Raw
from ardsl.spec import Spec

Examples = dict[str, Tensor]
"""By variable, [examples, *shape]: uint8, int16, int32 or int64 where the domain is discrete, else floating."""

SPLITS = ("train", "valid", "test")
_MOST_NAMED = 10_000
"""Past this many elements, messages name none: the names would outweigh the data."""


@dataclass(frozen=True)
class Splits:
    """Training data and, where there is any, validation data. ``dropped`` counts rows left out, by split."""

    train: Examples
    valid: Examples | None
    dropped: Mapping[str, int] = field(default_factory=dict)


def count(examples: Mapping[str, Tensor]) -> int:
    """The number of examples."""
    return len(next(iter(examples.values())))


def take(examples: Mapping[str, Tensor], rows: Any) -> Examples:
    """These rows (a slice or indices) of every variable."""
    return {name: value[rows] for name, value in examples.items()}


def load_data(
    spec: Spec, data: Any = None, *, data_dir: str | Path | None = None, dtype: torch.dtype = torch.float32
) -> Splits:
    """What to train and to validate on.

    ``data`` overrides the spec's ``data`` block: a dict with the keys train, valid and test by split (what it leaves
    out stays as in the block), anything else as the training data. That is then validated on a share of itself where
    the block says so, or on the file's own ``valid`` array where it has one.
    """
    sources = _sources(spec, data, data_dir)
    train = _load(spec, sources.get("train"), "train", data_dir, dtype)
    dropped = {"train": train.dropped}
    chosen = sources.get("valid")
    if isinstance(chosen, float):
        kept, held = split_off(train.examples, chosen, spec.model.train.seed)
        return Splits(kept, held, dropped)
    if chosen is None:
        return Splits(train.examples, None, dropped)
    valid = _load(spec, chosen, "valid", data_dir, dtype)
    return Splits(train.examples, valid.examples, dropped | {"valid": valid.dropped})


def load_split(
    spec: Spec,
    data: Any = None,
    split: str = "test",
    *,
    data_dir: str | Path | None = None,
    dtype: torch.dtype = torch.float32,
) -> Examples:
    """One split's examples: of ``data`` where given (a source, or a dict by split), else as the spec's block says."""
    sources = _sources(spec, data, data_dir) if data is None or _by_split(data) else {split: data}
    source = sources.get(split)
    if split != "test" and isinstance(sources.get("valid"), float):  # a share of the training data
        both = load_data(spec, data, data_dir=data_dir, dtype=dtype)
        return both.train if split == "train" else both.valid or {}
    return _load(spec, source, split, data_dir, dtype).examples


def split_off(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """The examples in two parts, ``share`` of them in the second; each keeps the rows' order. At least one in each."""
    total = count(examples)
    held = round(share * total)
    if not 0 < held < total:
        problem = f"`valid = {share}` of {total} rows leaves no rows on one side"
        raise fault(WRONG_SHAPE, place="the training data", problem=problem)
    order = np.random.default_rng(seed).permutation(total)
    rows = [torch.from_numpy(np.sort(part)) for part in (order[held:], order[:held])]
    return take(examples, rows[0]), take(examples, rows[1])


def column_names(spec: Spec, variable: Variable, split: str = "train") -> tuple[str, ...]:
    """A table's columns for a variable, one for each element: the ``data`` block's, or the names of the elements."""
    setting = spec.model.data.columns.get(variable.name)
    if isinstance(setting, tuple):
        return tuple(name.replace("{split}", split) for name in setting)
    if setting is not None and variable.size == 1:
        return (setting.replace("{split}", split),)
    if variable.is_record:
        return tuple(f.name for f in variable.fields)
    return tuple(variable.element_name(e) for e in range(variable.size))


# Which source each split has


def _by_split(data: Any) -> bool:
    """A dict by split: no variable has the name of one."""
    return isinstance(data, Mapping) and bool(data) and all(key in SPLITS for key in data)


def _sources(spec: Spec, data: Any, data_dir: str | Path | None) -> dict[str, Any]:
    block = spec.model.data
    sources = {"train": block.train, "valid": block.valid, "test": block.test}
    if data is None:
        return sources
    if _by_split(data):
        return sources | {split: _share(source) for split, source in data.items()}
    if isinstance(block.valid, float):
        return {"train": data, "valid": block.valid}
    return {"train": data, "valid": data if _has_own_valid(spec, data, data_dir) else None}


def _share(source: Any) -> Any:
    """A share as a number, also where it was written as text; other sources as they are."""
    try:
        share = float(source) if isinstance(source, (str, float)) else None
    except ValueError:
        return source
    if share is None:
        return source
    if not 0 < share < 1:
        raise fault(UNUSABLE_OPTION, problem=f"a share of the training data is between 0 and 1, not {source}")
    return share


def _has_own_valid(spec: Spec, data: Any, data_dir: str | Path | None) -> bool:
    """Whether a file has arrays for `valid` beside the ones for `train`."""
    if not isinstance(data, (str, Path)) or split_key(str(data))[1] is not None:
        return False
    source = open_source(data, _directory(spec, data_dir))
    if source.only:
        return False
    valid = [_choice(spec, v, source, "valid") for v in _variables(spec)]
    own = all(choice != _choice(spec, v, source, "train") for v, choice in zip(_variables(spec), valid, strict=True))
    return own and all(name in source.keys for choice in valid for name in choice.names)


def _directory(spec: Spec, data_dir: str | Path | None) -> str | Path:
    return spec.source.directory if data_dir is None else data_dir


def _variables(spec: Spec) -> tuple[Variable, ...]:
    return (*spec.model.observed, *spec.model.given)


# One split


@dataclass(frozen=True)
class _Loaded:
    examples: Examples
    dropped: int


def _load(spec: Spec, data: Any, split: str, data_dir: str | Path | None, dtype: torch.dtype) -> _Loaded:
    if data is None:
        help = f'write `data {{ {split} = "PATH" }}` in the spec, or give a source'
        raise fault(NO_SOURCE, split=split, help=help)
    source = open_source(data, _directory(spec, data_dir))
    named = spec.model.data.columns
    if source.key is not None and not source.only and all(v.name in named for v in _variables(spec)):
        problem = f"`#{source.key}` names one array, but the `data` block names those of every variable"
        raise fault(NO_SUCH_KEY, path=source.name, problem=problem)
    parts = {v.name: _parts(spec, v, source, split) for v in _variables(spec)}
    every = [part for each in parts.values() for part in each]
    total = _same_length(every, source)
    rows = _complete_rows(every, spec.model.data.missing, source, total)
    real = np.dtype(np.float64 if dtype == torch.float64 else np.float32)
    examples = {v.name: _tensor(v, parts[v.name], rows, real) for v in _variables(spec)}
    return _Loaded(examples, 0 if rows is None else total - int(rows.sum()))


def _same_length(parts: Sequence[Part], source: Source) -> int:
    lengths = {part.raw.place if part.raw.column is None else part.raw.column: len(part.raw.values) for part in parts}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {length}" for name, length in list(lengths.items())[:6])
        raise fault(WRONG_SHAPE, place=source.name, problem=f"the numbers of examples differ: {told}")
    total = next(iter(lengths.values()))
    if total == 0:
        raise fault(WRONG_SHAPE, place=source.name, problem="there are no examples")
    return total


def _complete_rows(parts: Sequence[Part], policy: str, source: Source, total: int) -> np.ndarray | None:
    """Which rows to keep: bool [rows], or None for all. Missing values are an error unless rows may be dropped."""
    lacking = {(part.raw.column or part.variable): np.zeros(total, dtype=np.int64) for part in parts}
    for part in parts:
        lacking[part.raw.column or part.variable] += part.missing()
    counts = {name: int(each.sum()) for name, each in lacking.items() if each.any()}
    if not counts:
        return None
    incomplete = np.logical_or.reduce([each > 0 for each in lacking.values()])
    if policy == "drop" and not incomplete.all():
        return ~incomplete
    where = sorted(counts.items(), key=lambda item: -item[1])
    told = ", ".join(f"{name} {n:,}" for name, n in where[:6]) + (f", {len(where) - 6} more" if len(where) > 6 else "")
    help = {
        "drop": "no row is complete",
        "marginalize": "`missing = marginalize` is not built yet; `missing = drop` leaves these rows out",
    }.get(policy, "`missing = drop` in the `data` block leaves these rows out")
    raise fault(
        MISSING_VALUES,
        path=source.name,
        count=f"{sum(counts.values()):,}",
        rows=f"{int(incomplete.sum()):,}",
        total=f"{total:,}",
        where=told,
        help=help,
    )


def _tensor(variable: Variable, parts: Sequence[Part], rows: np.ndarray | None, real: np.dtype) -> Tensor:
    arrays = [part.converted(rows, real) for part in parts]
    if len(arrays) == 1 and arrays[0].shape[1:] == variable.shape and not variable.is_record:
        array = arrays[0]
    elif variable.is_record:
        array = np.stack([a.astype(real, copy=False) for a in arrays], axis=1)
    else:
        array = np.stack(arrays, axis=1).reshape(-1, *variable.shape)
    # A copy where torch could not take the array as it is: read-only, strided backwards, or of a foreign byte order.
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    return torch.from_numpy(array if array.flags.writeable else array.copy())


# Which arrays each variable has


@dataclass(frozen=True)
class _Choice:
    """The names of a variable's arrays: ``each`` one for each element, else one for all of it. They need not exist."""

    names: tuple[str, ...]
    each: bool = False


def _parts(spec: Spec, variable: Variable, source: Source, split: str) -> list[Part]:
    """The arrays of a variable: one for the whole of it, or one for each element."""
    choice = _choice(spec, variable, source, split)
    known = set(source.keys)
    for name in choice.names:
        if name not in known:
            raise no_such(variable, name, source)
    if not choice.each:
        return _whole(variable, source.read(choice.names[0] if choice.names else ""))
    if len(choice.names) != variable.size:
        problem = f"`{variable.name}` has {variable.size} elements, so it needs a list of that many columns"
        raise fault(NO_SUCH_KEY, path=source.name, problem=problem)
    return [
        _part(variable, source.read(name), variable.element_domain(e), (), (variable.element_name(e),))
        for e, name in enumerate(choice.names)
    ]


def _part(variable: Variable, raw: Raw, domain: Domain, shape: tuple[int, ...], names: tuple[str, ...]) -> Part:
    return Part(raw, domain, variable.name, shape, names).checked_shape()


def _whole(variable: Variable, raw: Raw) -> list[Part]:
    """One array for all elements; a record's columns have domains of their own."""
    names = tuple(variable.element_name(e) for e in range(variable.size)) if variable.size <= _MOST_NAMED else ()
    whole = _part(variable, raw, variable.element_domain(0), variable.shape, names)
    if not variable.is_record:
        return [whole]
    return [
        _part(variable, Raw(raw.values[:, e], raw.place), f.domain, (), (names[e],) if names else ())
        for e, f in enumerate(variable.fields)
    ]


def _choice(spec: Spec, variable: Variable, source: Source, split: str) -> _Choice:
    """By what the spec says of the variable, by the source's ``#KEY``, or by the names the source has."""
    setting = spec.model.data.columns.get(variable.name)
    every = _variables(spec)
    if source.only:
        if len(every) > 1:
            problem = f"is one array, but the model has the variables {listed(v.name for v in every)}"
            raise fault(NO_SUCH_KEY, path=source.name, problem=problem)
        return _Choice(())
    if source.positional:
        if len(source.keys) != len(every):
            names = listed(v.name for v in every)
            problem = f"its examples have {len(source.keys)} parts where {names} need one each"
            raise fault(WRONG_SHAPE, place=source.name, problem=problem)
        return _Choice((source.keys[[v.name for v in every].index(variable.name)],))
    if isinstance(setting, tuple):
        return _Choice(column_names(spec, variable, split), each=True)
    if setting is not None:
        return _Choice((setting.replace("{split}", split),), each=source.is_table)
    if source.key is not None:
        unnamed = [v.name for v in every if v.name not in spec.model.data.columns]
        if len(unnamed) > 1:
            help = "name each one's in the `data` block"
            problem = f"`#{source.key}` is one array, but {listed(unnamed)} need one each: {help}"
            raise fault(NO_SUCH_KEY, path=source.name, problem=problem)
        return _Choice((source.key,), each=source.is_table)
    if source.is_table:
        return _Choice(_columns(spec, variable, source, alone=len(every) == 1), each=True)
    if variable.name in source.keys:
        return _Choice((variable.name,))
    if variable.is_record and any(f.name in source.keys for f in variable.fields):
        return _Choice(column_names(spec, variable, split), each=True)
    if len(every) == 1 and split in source.keys and not source.in_memory:
        return _Choice((split,))
    if len(every) == 1 and len(source.keys) == 1 and not source.in_memory:
        return _Choice(source.keys)
    return _Choice((variable.name,))


def _columns(spec: Spec, variable: Variable, source: Source, *, alone: bool) -> tuple[str, ...]:
    """The table's columns for a variable that the spec gives none: by name, or all of them where they are as many."""
    names = column_names(spec, variable)
    unnamed = variable.axes and names[0] not in source.keys
    return source.keys if unnamed and alone and len(source.keys) == variable.size else names


def no_such(variable: Variable, name: str, source: Source) -> Exception:
    """The error of a name that a source lacks."""
    kind = "column" if source.is_table else "array"
    there = f"there are {listed(source.keys)}" if source.keys else f"it has no {kind}s"
    hint = did_you_mean(name, source.keys)
    what = f" for `{variable.name}`" if name != variable.name else ""
    return fault(NO_SUCH_KEY, path=source.name, problem=f"there is no {kind} `{name}`{what}: {hint or there}")
