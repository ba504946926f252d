"""Choices: the arrays or columns of a source that each variable takes."""

from __future__ import annotations

from dataclasses import dataclass

from ardsl.common.wording import listed
from ardsl.data.formats.folders import LABEL, TABLES, Folder
from ardsl.data.formats.source import Source
from ardsl.diagnostics.rules.data import NO_SUCH_KEY, WRONG_SHAPE
from ardsl.diagnostics.suggest import did_you_mean
from ardsl.errors import data_error
from ardsl.model.columns import column_names
from ardsl.model.model import Variable
from ardsl.spec import Spec


@dataclass(frozen=True)
class Choice:
    """The names of a variable's arrays: ``each`` one for each element, else one for all of it. They need not exist."""

    names: tuple[str, ...]
    each: bool = False


def choose(spec: Spec, variable: Variable, source: Source, split: str) -> Choice:
    """By what the spec says of the variable, by the source's ``#KEY``, or by the names the source has."""
    setting = spec.model.data.columns.get(variable.name)
    every = variables(spec)
    if source.only:
        if len(every) > 1:
            problem = f"is one array, but the model has the variables {listed(v.name for v in every)}"
            raise data_error(NO_SUCH_KEY, path=source.name, problem=problem)
        return Choice(())
    if source.positional:
        if len(source.keys) != len(every):
            names = listed(v.name for v in every)
            problem = f"its examples have {len(source.keys)} parts where {names} need one each"
            raise data_error(WRONG_SHAPE, place=source.name, problem=problem)
        return Choice((source.keys[[v.name for v in every].index(variable.name)],))
    if isinstance(setting, tuple):
        return Choice(column_names(spec.model, variable, split), each=True)
    if setting is not None:
        return Choice((setting.replace("{split}", split),), each=source.is_table)
    if source.key is not None:
        unnamed = [v.name for v in every if v.name not in spec.model.data.columns]
        if len(unnamed) > 1:
            help = "name each one's in the `data` block"
            problem = f"`#{source.key}` is one array, but {listed(unnamed)} need one each: {help}"
            if isinstance(source, Folder):
                tables = " or ".join(f"`{table}`" for table in TABLES)
                problem = f"`#{source.key}` names a split, which takes a column `split` in {tables} beside the files"
            raise data_error(NO_SUCH_KEY, path=source.name, problem=problem)
        return Choice((source.key,), each=source.is_table)
    if source.is_table:
        return Choice(_columns(spec, variable, source, alone=len(every) == 1), each=True)
    if variable.name in source.keys:
        return Choice((variable.name,))
    if (offered := source.offered(variable, alone=len(every) == 1)) is not None:
        return Choice((offered,))
    if variable.is_record and any(f.name in source.keys for f in variable.fields):
        return Choice(column_names(spec.model, variable, split), each=True)
    if len(every) == 1 and split in source.keys and not source.in_memory:
        return Choice((split,))
    if len(every) == 1 and len(source.keys) == 1 and not source.in_memory:
        return Choice(source.keys)
    return Choice((variable.name,))


def _columns(spec: Spec, variable: Variable, source: Source, *, alone: bool) -> tuple[str, ...]:
    """The table's columns for a variable that the spec gives none: by name, or all of them where they are as many."""
    names = column_names(spec.model, variable)
    unnamed = variable.axes and names[0] not in source.keys
    return source.keys if unnamed and alone and len(source.keys) == variable.size else names


def no_such(variable: Variable, name: str, source: Source) -> Exception:
    """The error of a name that a source lacks."""
    kind = "column" if source.is_table else "array"
    there = f"there are {listed(source.keys)}" if source.keys else f"it has no {kind}s"
    hint = did_you_mean(name, source.keys)
    if isinstance(source, Folder) and name == LABEL:
        tables = " or ".join(f"`{table}`" for table in TABLES)
        hint = f"its files are in no folders that would be their labels, and there is no {tables}"
    what = f" for `{variable.name}`" if name != variable.name else ""
    return data_error(NO_SUCH_KEY, path=source.name, problem=f"there is no {kind} `{name}`{what}: {hint or there}")


def variables(spec: Spec) -> tuple[Variable, ...]:
    """The variables that data has."""
    return (*spec.model.observed, *spec.model.given)
