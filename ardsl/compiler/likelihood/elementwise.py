"""The log-probability of every draw by itself, in the form of its variable."""

from __future__ import annotations

from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.errors import ArdslError


def by_element(model: Density, values: Values, order: int | None) -> dict[str, Tensor]:
    """The conditionals' own log-probabilities, by variable: [batch, *draws]. Raises ``ArdslError`` where they need an
    order."""
    log_probs: dict[str, Tensor] = {}
    for index, group in enumerate(model.groups):
        if group.mixed is not None and order is None:
            raise ArdslError(
                f"`{group.mixed.name}` is under any(...): its elements have log-probabilities only in one order; "
                "give order = k"
            )
        by_block = model.draw_log_probs(index, values, model.order_numbers(group.mixed, order)[0])
        for target, log_prob in zip(group.targets, by_block, strict=True):
            variable, events = target.variable, target.factor.event_axes
            kept = [size for axis, size in enumerate(variable.shape) if axis not in events]
            if not variable.is_record:
                log_probs[variable.name] = log_prob.reshape(len(log_prob), *kept)
                continue
            if variable.name not in log_probs:
                log_probs[variable.name] = log_prob.new_zeros(len(log_prob), variable.size)
            row = log_probs[variable.name].clone()
            row[:, target.elements[:, 0]] = log_prob
            log_probs[variable.name] = row
    return log_probs
