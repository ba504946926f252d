"""Prefixes: the start of samples along time, as the command line names it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ardsl.common.wording import listed, shown
from ardsl.compiler.arrays.labels import characters, is_text
from ardsl.data.formats import sounds
from ardsl.data.formats.source import LENGTHS
from ardsl.data.formats.texts import codes
from ardsl.data.sources import open_source
from ardsl.diagnostics.rules.data import NO_SUCH_KEY, OUTSIDE_DOMAIN, WRONG_FORMAT, WRONG_SHAPE
from ardsl.errors import ArdslError, data_error
from ardsl.model.model import Variable
from ardsl.spec import Spec


def read_prefix(spec: Spec, written: str) -> np.ndarray:
    """Reads the first time steps of the only observed variable, [steps, …]: of a text these themselves; else a sound's
    file, or ``PATH#KEY`` of an array."""
    if len(spec.model.observed) != 1:
        raise ArdslError("a beginning is of one variable along time, as `wavenet` draws it")
    variable = spec.model.observed[0]
    if is_text(variable):
        return _characters(variable, written)
    path = Path(written)
    if path.suffix.lower() in sounds.SUFFIXES:
        kind = "int16" if variable.element_domain(0).whole else "float32"
        return sounds.read(path.parent, [path.name], spec.model.data.rate, kind)
    source = open_source(written)
    key = "" if source.only else source.key or variable.name
    if source.is_table:
        raise data_error(WRONG_FORMAT, problem=f"{written} is a table: a beginning is an array, or a sound")
    if key not in ("", *source.keys):
        problem = f"there is no array `{key}`: there are {listed(source.keys)}"
        raise data_error(NO_SUCH_KEY, path=written, problem=problem)
    ends = f"{key}{LENGTHS}" if f"{key}{LENGTHS}" in source.keys else None
    ((block, _),) = source.blocks([name for name in (key, ends) if name])
    prefix = block[key]
    if ends is None or prefix.ndim != 1 + len(variable.shape):
        return prefix
    lengths = np.unique(block[ends])
    if len(lengths) != 1:
        range_given = f"from {lengths.min():,} to {lengths.max():,} places" if len(lengths) else "none"
        raise data_error(
            WRONG_SHAPE, place=written, problem=f"beginnings are all of one length, and these have {range_given}"
        )
    return prefix[:, : int(lengths[0])]


def _characters(variable: Variable, written: str) -> np.ndarray:
    domain = variable.element_domain(0)
    character_codes, strange = codes(np.array([ord(character) for character in written], dtype=np.int64), domain)
    if len(strange):
        place = int(strange[0])
        element, value = f"{variable.name}[{place}]", shown(written[place])
        allowed = f"one of {listed(characters(domain))}"
        details = {"element": element, "allowed": allowed, "domain": domain.name, "value": value}
        raise data_error(OUTSIDE_DOMAIN, place="--prefix", more="", **details)
    return character_codes
