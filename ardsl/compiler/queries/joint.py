"""Joint distributions that are asked, and what users ask of them in any form, as events and values of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.common.wording import plural
from ardsl.compiler.arrays.labels import numbers_of
from ardsl.compiler.arrays.users import flat
from ardsl.compiler.arrays.values import Values, blank, data_type
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.elimination import TooCostly
from ardsl.compiler.queries.events import Allowed, Box, Cell, Event
from ardsl.compiler.queries.exact import Questions, joint_words, mixed_variables, takes_any_order
from ardsl.compiler.queries.particles import Sampler
from ardsl.compiler.queries.where import Cells, read_event, read_question
from ardsl.compiler.steps.evaluator import Lender
from ardsl.errors import ArdslError
from ardsl.families.domains import Domain
from ardsl.model.columns import column_names
from ardsl.model.model import Variable

Masks = dict[str, np.ndarray]
"""Elements by variable, bool [elements]."""


@dataclass(frozen=True, eq=False)
class Joint:
    """A model that is asked as a joint distribution, whose conditionals are ``densities``."""

    model: CompiledModel
    densities: Sequence[Density]
    lenders: Sequence[Lender]
    """The lender of each density's steppers."""

    @property
    def variables(self) -> Mapping[str, Variable]:
        return self.model.spec.variables

    @property
    def observed(self) -> tuple[Variable, ...]:
        return self.model.spec.model.observed

    @property
    def modelled(self) -> tuple[Variable, ...]:
        """The variables that the model has a distribution of: the observed and the latent ones."""
        return tuple(v for v in self.variables.values() if v.kind != "given")

    @property
    def given(self) -> tuple[Variable, ...]:
        return self.model.spec.model.given

    def require_fixed_length(self) -> None:
        """Refuses models in which a value that is missing could as well be beyond the end."""
        varying = next((v.name for v in self.variables.values() if v.varies), None)
        if varying is not None:
            raise ArdslError(f"the length of `{varying}` varies, and this takes variables of a fixed length")

    def elements(self, cells: Iterable[Cell] = ()) -> Masks:
        """Some cells as masks of all modelled variables."""
        masks = {v.name: np.zeros(v.size, dtype=bool) for v in self.modelled}
        for name, element in cells:
            if name in masks:
                masks[name][element] = True
        return masks

    def filled(self, values: Values, count: int) -> Values:
        """Values with legal ones for those that are missing, and for variables that have none."""
        complete = {}
        for name, variable in self.variables.items():
            legal = blank(variable, count, self.model.like).to(data_type(variable, self.model.like))
            value = values.get(name)
            complete[name] = legal if value is None else torch.where(value.isnan(), legal.to(value.dtype), value)
        return complete

    def sampler(self, first: Masks, then: Masks) -> Sampler:
        """The engine of estimates, under orders that draw the cells of ``first`` first and those of ``then`` next."""
        try:
            return Sampler(list(Questions(self.densities, {}, first, then).orders()), self.lenders)
        except TooCostly as error:
            raise ArdslError(f"{error}, which are too many to ask one by one") from None

    @property
    def several(self) -> bool:
        """True where each set of cells that is asked about or given has a joint distribution of its own."""
        return any(takes_any_order(variable) for variable in mixed_variables(self.densities))

    def words(self, first: str) -> str:
        """The words for the joint distribution of answers, ``first`` being those for the cells drawn first."""
        return joint_words(self.densities, first)


# Values


def by_known(joint: Joint, values: Values) -> Iterator[tuple[Masks, Tensor]]:
    """The rows of values that know the same elements, and which these are."""
    variables = [v for v in joint.modelled if v.name in values]
    there = [~values[v.name].isnan().cpu().numpy() for v in variables]
    patterns, which = np.unique(np.concatenate(there, 1), axis=0, return_inverse=True)
    ends = np.cumsum([v.size for v in variables])[:-1]
    for number, pattern in enumerate(patterns):
        masks = dict(zip((v.name for v in variables), np.split(pattern, ends), strict=True))
        yield joint.elements() | masks, torch.from_numpy(np.flatnonzero(which.reshape(-1) == number))


def rows_of(joint: Joint, values: Values, rows: Tensor) -> Values:
    """Some rows of values, with legal ones for those that are missing."""
    return joint.filled({name: value[rows] for name, value in values.items()}, len(rows))


def find_cell(joint: Joint, name: str) -> Cell:
    """The cell of a name. Raises ``ArdslError`` for a name that none has."""
    cells = Cells(joint.model.spec.model)
    found = cells.find(name)
    if found is None:
        raise cells.unknown(name)
    return found


def values_of(joint: Joint, given: Any, what: str) -> Values:
    """Values that are given, by the names of cells or of whole variables, as [rows, elements] by variable in the data's
    own form: NaN for cells that are not. A single value stands for all rows."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(joint.observed) > 1:
            raise ArdslError(f"`{what}` takes a dict of values by the names of columns")
        given = {joint.observed[0].name: given}
    cells = Cells(joint.model.spec.model)
    whole: Values = {}
    columns: dict[Cell, Tensor] = {}
    for name, value in given.items():
        variable = joint.variables.get(name)
        if variable is not None and variable.kind != "latent" and variable.shape:
            whole[name] = flat([value] if isinstance(value, str) else value, variable, joint.model.like)
            continue
        cell = cells.find(str(name))
        if cell is None:
            raise cells.unknown(str(name))
        columns[cell] = _column(cells.domain(*cell), cells.name(cell), value)
    count = max([*map(len, whole.values()), *map(len, columns.values())], default=1)
    for name, column in [*whole.items(), *((cells.name(c), v) for c, v in columns.items())]:
        if len(column) not in (1, count):
            raise ArdslError(f"`{name}` has {plural(len(column), 'row')} where {count} are needed")
    values = {name: value.expand(count, -1).clone() for name, value in whole.items()}
    for (name, element), column in columns.items():
        blank_rows = torch.full((count, joint.variables[name].size), torch.nan, dtype=torch.float64)
        own = values.setdefault(name, blank_rows)
        own[:, element] = column.to(own.dtype)
    return values


def _column(domain: Domain, name: str, value: Any) -> Tensor:
    """The values of the cell of a name, float64 [rows], which are in its domain."""
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value, dtype=object)
    numbers = torch.from_numpy(numbers_of(np.atleast_1d(array).reshape(-1), domain, name))
    strange = numbers[~(domain.inside(numbers) | numbers.isnan())]
    if len(strange):
        raise ArdslError(f"`{name}` takes {domain.words}, not {float(strange[0]):g}")
    return numbers


def require_all_given(joint: Joint, values: Values) -> None:
    """Refuses values that leave a given variable out."""
    for variable in joint.given:
        if variable.name not in values or bool(values[variable.name].isnan().any()):
            raise ArdslError(f"the model needs the values of `{variable.name}`, which is given")


# Events


def events(joint: Joint, event: str | Event, given: Any) -> tuple[Event, Event]:
    """An event and its condition; a text ``EVENT | CONDITION`` has both."""
    model, condition = joint.model.spec.model, None
    if isinstance(event, str):
        event, condition = read_question(event, model)
    elif not isinstance(event, Event):
        raise ArdslError(f"an event is a text such as `age >= 65`, not {type(event).__name__}")
    names = {v.name for v in joint.given}
    named = next((name for name, _ in event.cells if name in names), None)
    if named is not None:
        raise ArdslError(f"`{named}` is given, and has no probability: name it in the condition")
    if given is not None:
        if condition is not None:
            raise ArdslError("the condition stands behind `|`, or in `given`, not in both")
        condition = as_event(joint, given)
    return event, condition if condition is not None else Event((Box(),), "everything")


def as_event(joint: Joint, given: Any) -> Event:
    """A condition in any of its forms: a text, an event, or values by the names of cells."""
    if isinstance(given, Event):
        return given
    if isinstance(given, str):
        return read_event(given, joint.model.spec.model)
    values = values_of(joint, given, "given")
    count = len(next(iter(values.values()))) if values else 1
    if count != 1:
        raise ArdslError(f"the condition has {plural(count, 'row')}, and this takes one")
    known = {
        (name, element): number
        for name, value in values.items()
        for element, number in enumerate(value[0].tolist())
        if not math.isnan(number)
    }
    return Event((Box(known),), " and ".join(f"{name} = {shown}" for name, shown in given.items()))


def require_given(joint: Joint, condition: Event) -> dict[Cell, float]:
    """The values of given variables, all of which a condition must fix, whichever of its boxes holds."""
    names = {v.name for v in joint.given}
    fixed = [{cell: value for cell, value in box.known.items() if cell[0] in names} for box in condition.boxes]
    for variable in joint.given:
        for element in range(variable.size):
            cell = (variable.name, element)
            if any(cell in box.allowed for box in condition.boxes) or any(cell not in known for known in fixed):
                name = column_names(joint.model.spec.model, variable)[element]
                raise ArdslError(f"the model needs the value of `{name}`, which is given: name it in the condition")
            if len({known[cell] for known in fixed}) > 1:
                name = column_names(joint.model.spec.model, variable)[element]
                raise ArdslError(f"the condition leaves `{name}` open, which is given: it has no probability")
    return fixed[0] if fixed else {}


def continuous(joint: Joint, box: Box) -> int:
    """The number of continuous cells that a box fixes at one value."""
    return sum(1 for _ in continuous_cells(joint, box))


def continuous_cells(joint: Joint, box: Box) -> Iterator[Cell]:
    """The continuous cells that a box fixes at one value."""
    for name, element in box.known:
        variable = joint.variables[name]
        if variable.kind != "given" and not variable.element_domain(element).discrete:
            yield name, element


def of_least_dimension(joint: Joint, boxes: Sequence[Box], text: str) -> tuple[int, list[Box]]:
    """The disjoint boxes that fix the fewest continuous cells, beside which others have no probability; and how many
    these cells are."""
    dimensions = min((continuous(joint, box) for box in boxes), default=0)
    chosen = [box for box in boxes if continuous(joint, box) == dimensions]
    if len({frozenset(continuous_cells(joint, box)) for box in chosen}) > 1:
        raise ArdslError(f"`{text}` fixes different continuous columns: it has no probability, and no density")
    return dimensions, chosen


def of_box(joint: Joint, box: Box) -> tuple[Values, dict[Cell, Allowed]]:
    """The values that a box fixes, [1, elements] by variable with legal ones elsewhere, and what else it allows."""
    values = joint.filled({}, 1)
    for (name, element), value in box.known.items():
        values[name][0, element] = value
    return values, dict(box.allowed)
