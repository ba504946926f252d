"""Users' tensors as flat values, none of which is looked at: for the transforms and tracers of torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ardsl.compiler.arrays.lengths import ended
from ardsl.compiler.arrays.users import by_name
from ardsl.compiler.arrays.values import Values, data_type
from ardsl.errors import ArdslError
from ardsl.model.model import Model


def unchecked_values(x: Any, given: Any, model: Model, like: Tensor) -> Values:
    """Tensors [batch, *shape] as [batch, elements] by variable, with NaN after the ``end`` of what has one. Raises
    ``ArdslError`` for what is no tensor of that shape."""
    named = by_name(x, model.observed, "the data") | (by_name(given, model.given, "`given`") if model.given else {})
    values: Values = {}
    for variable in (*model.observed, *model.given):
        value = named[variable.name]
        if not isinstance(value, Tensor) or tuple(value.shape[1:]) != variable.shape:
            shape = ", ".join(map(str, ("batch", *variable.shape)))
            raise ArdslError(f"`{variable.name}` must be a tensor [{shape}] where nothing is validated")
        if variable.end is not None:
            steps = value.to(data_type(variable, like)).reshape(value.shape[0], variable.shape[0], -1)
            value = ended(steps, variable.end)
        values[variable.name] = value.reshape(value.shape[0], variable.size)
    return values
