"""The names of a table's columns, by variable and element."""

from __future__ import annotations

from ardsl.model.model import Model, Variable


def column_names(model: Model, variable: Variable, split: str = "train") -> tuple[str, ...]:
    """A table's columns for a variable, one for each element: the ``data`` block's, or the names of the elements."""
    setting = model.data.columns.get(variable.name)
    if isinstance(setting, tuple):
        return tuple(name.replace("{split}", split) for name in setting)
    if setting is not None and variable.size == 1:
        return (setting.replace("{split}", split),)
    if variable.is_record:
        return tuple(f.name for f in variable.fields)
    return tuple(variable.element_name(e) for e in range(variable.size))
