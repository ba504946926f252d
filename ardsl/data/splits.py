"""Data for a spec: every variable's examples, checked against its domain, as tensors in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ardsl.arguments import checked_name
from ardsl.data.choices import choose, variables
from ardsl.data.examples import Examples, Loaded, count, read_examples, take
from ardsl.data.sources import open_source, split_key
from ardsl.data.values import Unknown
from ardsl.diagnostics.rules.data import NO_SOURCE, NO_SUCH_KEY, UNUSABLE_OPTION, WRONG_SHAPE
from ardsl.errors import data_error
from ardsl.spec import Spec

SPLITS = ("train", "valid", "test")
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Splits:
    """Training data and, where there is any, validation data. ``dropped`` counts rows left out, by split."""

    train: Examples
    valid: Examples | None
    dropped: Mapping[str, int] = field(default_factory=dict)


def load_data(
    spec: Spec, data: Any = None, *, data_dir: str | Path | None = None, dtype: torch.dtype = torch.float32
) -> Splits:
    """Loads the data to train and to validate on.

    ``data`` overrides the spec's ``data`` block: a dict with the keys train, valid and test by split (what it leaves
    out stays as in the block), anything else as the training data. That is then validated on a share of itself where
    the block says so, or on the file's own ``valid`` array where it has one.
    """
    sources = _sources(spec, data, data_dir)
    train = _load(spec, sources.get("train"), "train", data_dir, dtype)
    dropped = {"train": train.dropped}
    chosen = sources.get("valid")
    if isinstance(chosen, float):
        kept, held = split_off(train.examples, chosen, spec.model.train.seed, owned=train.owned)
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
    missing: Literal["keep"] | None = None,
    absent: Sequence[str] = (),
    unknown: Unknown | None = None,
) -> Examples:
    """Loads one split's examples: of ``data`` where given (a source, or a dict by split), else as the spec's block
    says.

    With ``missing = "keep"`` missing values are NaN; the columns of ``absent`` elements may be lacking. ``unknown``
    counts values outside their domains, which are then treated as missing ones are, where these are allowed.
    """
    checked_name(split, "split", SPLITS)
    sources = _sources(spec, data, data_dir) if data is None or _by_split(data) else {split: data}
    source = sources.get(split)
    if split != "test" and isinstance(sources.get("valid"), float):  # a share of the training data
        both = load_data(spec, data, data_dir=data_dir, dtype=dtype)
        return both.train if split == "train" else both.valid or {}
    return _load(spec, source, split, data_dir, dtype, missing=missing, absent=absent, unknown=unknown).examples


def split_off(examples: Examples, share: float, seed: int, owned: bool = False) -> tuple[Examples, Examples]:
    """Splits examples in two parts, ``share`` of them in the second; each keeps the rows' order. At least one in each.

    ``owned``: the arrays may be changed.
    """
    total = count(examples)
    held = round(share * total)
    if not 0 < held < total:
        problem = f"`valid = {share}` of {total} rows leaves no rows on one side"
        raise data_error(WRONG_SHAPE, place="the training data", problem=problem)
    is_held = np.zeros(total, dtype=bool)
    is_held[np.random.default_rng(seed).permutation(total)[:held]] = True
    kept, apart = (torch.from_numpy(np.flatnonzero(mask)) for mask in (~is_held, is_held))
    second = take(examples, apart)
    return (_close_up(examples, kept) if owned else take(examples, kept)), second


def _close_up(examples: Examples, rows: torch.Tensor) -> Examples:
    """Ascending rows moved to the front, in place: large data has no room for a copy."""
    for value in examples.values():
        for start in range(0, len(rows), _CHUNK):
            part = rows[start : start + _CHUNK]
            value[start : start + len(part)] = value[part]  # no row moves past one that is still to move
    return take(examples, slice(0, len(rows)))


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
        raise data_error(UNUSABLE_OPTION, problem=f"a share of the training data is between 0 and 1, not {source}")
    return share


def _has_own_valid(spec: Spec, data: Any, data_dir: str | Path | None) -> bool:
    """Says whether a file has arrays for `valid` beside the ones for `train`."""
    if not isinstance(data, (str, Path)) or split_key(str(data))[1] is not None:
        return False
    source = open_source(data, _directory(spec, data_dir), spec.model.data.rate)
    if source.only:
        return False
    valid = [choose(spec, v, source, "valid") for v in variables(spec)]
    own = all(choice != choose(spec, v, source, "train") for v, choice in zip(variables(spec), valid, strict=True))
    return own and all(name in source.keys for choice in valid for name in choice.names)


def _directory(spec: Spec, data_dir: str | Path | None) -> str | Path:
    return spec.source.directory if data_dir is None else data_dir


def _load(spec: Spec, data: Any, split: str, data_dir: str | Path | None, dtype: torch.dtype, **options: Any) -> Loaded:
    if data is None:
        help = f'write `data {{ {split} = "PATH" }}` in the spec, or give a source'
        raise data_error(NO_SOURCE, split=split, help=help)
    source = open_source(data, _directory(spec, data_dir), spec.model.data.rate)
    named = spec.model.data.columns
    if source.key is not None and not source.only and all(v.name in named for v in variables(spec)):
        problem = f"`#{source.key}` names one array, but the `data` block names those of every variable"
        raise data_error(NO_SUCH_KEY, path=source.name, problem=problem)
    return read_examples(spec, source, split, dtype, **options)
