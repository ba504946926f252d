"""Questions in users' forms, answered: marginals, conditionals, probabilities of events, draws given anything."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ardsl.arguments import checked_seed
from ardsl.common.wording import plural
from ardsl.compiler.arrays.labels import numbers_of
from ardsl.compiler.arrays.users import conditioning, expand_given, flat, observed_values
from ardsl.compiler.arrays.values import Values, blank, data_type
from ardsl.compiler.base import CompiledModel
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.answer import Answer
from ardsl.compiler.queries.cell import CellDistribution
from ardsl.compiler.queries.complete import draw_unknown
from ardsl.compiler.queries.elimination import Elimination, Ordered, TooCostly
from ardsl.compiler.queries.events import MOST_CODES, Box, Cell, Event, both
from ardsl.compiler.queries.exact import Questions, joint_words
from ardsl.compiler.queries.grid import DRAWN, REFINEMENTS, refine, spread, stretches
from ardsl.compiler.queries.where import Cells, read_event, read_question
from ardsl.compiler.steps.draws import FromNoise
from ardsl.compiler.steps.evaluator import Lender
from ardsl.compiler.steps.noise import Noise
from ardsl.errors import ArdslError
from ardsl.model.model import Variable

Masks = dict[str, np.ndarray]
"""Elements by variable, bool [elements]."""


class NotExact(ArdslError):
    """The error of a question that has no exact answer here, or only at too high a cost."""


@dataclass(frozen=True, eq=False)
class Joint:
    """A model that is asked as a joint distribution, whose conditionals are ``densities``."""

    model: CompiledModel
    densities: Sequence[Density]

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

    def words(self, first: str) -> str:
        """The words for the joint distribution of answers, ``first`` being those for the cells drawn first."""
        return joint_words(self.densities, first)


# Marginals


@torch.no_grad()
def marginal(joint: Joint, x: Any, given: Any) -> Answer:
    """log p of what each example has, NaN being what it lacks: [examples], in nats. Raises ``NotExact``."""
    joint.require_fixed_length()
    values = observed_values(x, joint.observed, joint.model.like)
    count = len(next(iter(values.values())))
    values |= expand_given(conditioning(given, joint.given, joint.model.like), count)
    log_prob = torch.zeros(count, dtype=torch.float64)
    for known, rows in by_known(joint, values):
        chosen = {name: value[rows] for name, value in values.items()}
        questions = Questions(joint.densities, known, known, {})
        log_prob[rows] = exactly(questions.log_joint, joint.filled(chosen, len(rows)))
    return Answer(log_prob, exact=True, joint=joint.words("what is there"))


def by_known(joint: Joint, values: Values) -> Iterator[tuple[Masks, Tensor]]:
    """The rows of values that know the same elements, and which these are."""
    variables = [v for v in joint.modelled if v.name in values]
    there = [~values[v.name].isnan().cpu().numpy() for v in variables]
    patterns, which = np.unique(np.concatenate(there, 1), axis=0, return_inverse=True)
    ends = np.cumsum([v.size for v in variables])[:-1]
    for number, pattern in enumerate(patterns):
        masks = dict(zip((v.name for v in variables), np.split(pattern, ends), strict=True))
        yield joint.elements() | masks, torch.from_numpy(np.flatnonzero(which.reshape(-1) == number))


# Probabilities


@torch.no_grad()
def probability(joint: Joint, event: str | Event, given: Any) -> Answer:
    """The probability of an event given another, or values of cells. Raises ``NotExact``."""
    joint.require_fixed_length()
    asked, condition = events(joint, event, given)
    conditioned = require_given(joint, condition)
    together = both(asked, condition, Cells(joint.model.spec.model).domain)
    first, then = joint.elements(condition.cells), joint.elements(asked.cells)
    words = joint.words("what is asked about" if not condition.cells - conditioned.keys() else "what is given")
    dimensions, whole = log_mass(joint, condition.boxes, first, then, condition.text)
    if whole == -math.inf:
        raise ArdslError(f"`{condition.text}` has probability 0 under the model: nothing can be asked given it")
    possible = [box for box in together.boxes if continuous(joint, box) <= dimensions]
    _, part = log_mass(joint, possible, first, then, condition.text)
    return Answer(min(math.exp(part - whole), 1.0), exact=True, joint=words)


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
            cell, name = (variable.name, element), variable.element_name(element)
            if any(cell in box.allowed for box in condition.boxes) or any(cell not in known for known in fixed):
                raise ArdslError(f"the model needs the value of `{name}`, which is given: name it in the condition")
            if len({known[cell] for known in fixed}) > 1:
                raise ArdslError(f"the condition leaves `{name}` open, which is given: it has no probability")
    return fixed[0] if fixed else {}


def continuous(joint: Joint, box: Box) -> int:
    """The number of continuous cells that a box fixes at one value."""
    modelled = ((joint.variables[name], element) for name, element in box.known)
    return sum(v.kind != "given" and not v.element_domain(element).discrete for v, element in modelled)


def log_mass(joint: Joint, boxes: Sequence[Box], first: Masks, then: Masks, text: str) -> tuple[int, float]:
    """The log-probability of disjoint boxes, in nats, or their log-density: how many continuous cells they fix, and
    log p. Boxes that fix more than others have no probability beside them."""
    dimensions = min((continuous(joint, box) for box in boxes), default=0)
    chosen = [box for box in boxes if continuous(joint, box) == dimensions]
    if dimensions and len({frozenset(_continuous_cells(joint, box)) for box in chosen}) > 1:
        raise ArdslError(f"`{text}` fixes different continuous columns: it has no probability, and no density")
    log_masses = [exactly(_questions(joint, box, first, then).log_joint, *_of_box(joint, box)) for box in chosen]
    return dimensions, float(torch.stack(log_masses).logsumexp(0)) if log_masses else -math.inf


def _continuous_cells(joint: Joint, box: Box) -> Iterator[Cell]:
    for name, element in box.known:
        variable = joint.variables[name]
        if variable.kind != "given" and not variable.element_domain(element).discrete:
            yield name, element


def _questions(joint: Joint, box: Box, first: Masks, then: Masks) -> Questions:
    return Questions(joint.densities, joint.elements(list(box.known)), first, then)


def _of_box(joint: Joint, box: Box) -> tuple[Values, dict[Cell, Any]]:
    """The values that a box fixes, [1, elements] by variable with legal ones elsewhere, and what else it allows."""
    values = joint.filled({}, 1)
    for (name, element), value in box.known.items():
        values[name][0, element] = value
    return values, dict(box.allowed)


# Conditionals


@torch.no_grad()
def conditional(joint: Joint, cell: str, given: Any) -> CellDistribution:
    """The distribution of a cell given values of others, for each row of them. Raises ``NotExact``."""
    joint.require_fixed_length()
    found = find_cell(joint, cell)
    name, element = found
    variable = joint.variables[name]
    if variable.kind == "given":
        raise ArdslError(f"`{cell}` is given, and has no distribution")
    values = values_of(joint, given, "given")
    require_all_given(joint, values)
    count = len(next(iter(values.values()))) if values else 1
    for v in joint.modelled:
        values.setdefault(v.name, torch.full((count, v.size), torch.nan, dtype=torch.float64))
    values[name] = values[name].clone()
    values[name][:, element] = torch.nan
    domain = variable.element_domain(element)
    words = joint.words("what is given")
    if domain.levels is not None and domain.levels <= MOST_CODES:
        codes = torch.arange(domain.levels, dtype=torch.float64)
        probs = _log_table(joint, values, found, None).softmax(1)
        return CellDistribution(domain.value(codes), probs, joint=words, labels=domain.labels)
    points = spread(_drawn(joint, values, found), domain)
    for _ in range(REFINEMENTS):
        widths = stretches(points, domain)
        probs = (_log_table(joint, values, found, points) + torch.from_numpy(widths).log()).softmax(1)
        refined = refine(points, widths, probs.mean(0).numpy(), domain)
        if len(refined) == len(points):
            break
        points = refined
    widths = stretches(points, domain)
    probs = (_log_table(joint, values, found, points) + torch.from_numpy(widths).log()).softmax(1)
    values_and_widths = torch.from_numpy(points), torch.from_numpy(widths)
    return CellDistribution(
        values_and_widths[0], probs, joint=words, widths=values_and_widths[1], whole=domain.discrete
    )


def _log_table(joint: Joint, values: Values, cell: Cell, points: np.ndarray | None) -> Tensor:
    """log p of what each row knows together with each code of a cell, or each of its ``points``: [rows, n]."""
    tables: list[tuple[Tensor, Tensor]] = []
    for known, rows in by_known(joint, values):
        chosen = {other: value[rows] for other, value in values.items()}
        questions = Questions(joint.densities, known, known, joint.elements([cell]))
        limits = None if points is None else {cell: points}
        table = exactly(questions.log_joint, joint.filled(chosen, len(rows)), None, [cell], limits)
        impossible = torch.nonzero((table == -math.inf).all(1)).flatten()
        if len(impossible):
            raise ArdslError(f"row {int(rows[impossible[0]])} has probability 0 under the model: nothing is given it")
        tables.append((rows, table))
    return torch.cat([table for _, table in tables])[torch.cat([rows for rows, _ in tables]).argsort()]


def _drawn(joint: Joint, values: Values, cell: Cell) -> np.ndarray:
    """Draws of a cell given nothing but given variables: where its values may lie."""
    count = len(next(iter(values.values())))
    given = {v.name: values[v.name][torch.arange(DRAWN) % count].reshape(-1, *v.shape) for v in joint.given}
    drawn = joint.model.sample(DRAWN, given or None, seed=0)
    own = drawn[cell[0]] if isinstance(drawn, dict) else drawn
    return own.reshape(DRAWN, -1)[:, cell[1]].double().cpu().numpy()


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
        columns[cell] = _column(joint.variables[cell[0]], cell, value)
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


def _column(variable: Variable, cell: Cell, value: Any) -> Tensor:
    """The values of one cell, float64 [rows], which are in its domain."""
    domain = variable.element_domain(cell[1])
    name = variable.element_name(cell[1])
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


# Draws


def names_cells(joint: Joint, given: Any) -> bool:
    """Says whether values that are given to samples are of other cells than the given variables."""
    return isinstance(given, Mapping) and any(name not in {v.name for v in joint.given} for name in given)


def draw_where(
    joint: Joint, lender: Lender, given: Any, where: str | Event | None, noise: Noise, seed: int | None
) -> Values:
    """Draws given values of any cells, and in an event: [draws, elements] by variable, in the data's own form. Raises
    ``NotExact``."""
    model = joint.model.spec.model
    named = {v.name for v in joint.given}
    if not isinstance(given, Mapping):
        given = {joint.given[0].name: given} if given is not None and len(joint.given) == 1 else given or {}
    conditions = conditioning({n: v for n, v in given.items() if n in named} or None, joint.given, joint.model.like)
    for name, value in conditions.items():
        if len(value) not in (1, noise.count):
            raise ArdslError(f"`{name}` has {len(value)} examples where {noise.count} are needed")
    condition = as_event(joint, {name: value for name, value in given.items() if name not in named})
    if where is not None:
        event = read_event(where, model) if isinstance(where, str) else where
        condition = both(condition, event, Cells(model).domain) if condition.cells else event
    strange = next((name for name, _ in condition.cells if name in named), None)
    if strange is not None:
        raise ArdslError(f"`{strange}` is given, and is not drawn: name its value in `given`")
    return draw_given(joint, lender, condition, conditions, noise, seed)


@torch.no_grad()
def draw_given(joint: Joint, lender: Lender, condition: Event, given: Values, noise: Noise, seed: int | None) -> Values:
    """Draws given an event: the variables' values [draws, elements], in the data's own form.

    ``given`` has those of the given variables, [draws or 1, elements]; the draws are a function of the ``noise`` and of
    the ``seed``. Raises ``NotExact``.
    """
    joint.require_fixed_length()
    count = noise.count
    first = joint.elements(condition.cells)
    generator = _generator(seed)
    same = all(len(value) == 1 for value in given.values())
    rows = torch.zeros(count, dtype=torch.long) if same else torch.arange(count)
    examples = 1 if same else count
    options: list[tuple[Box, Values, Ordered, Elimination]] = []
    log_masses: list[Tensor] = []
    for box in condition.boxes:
        values, allowed = _of_box(joint, box)
        values = {name: value.expand(examples, -1) for name, value in (values | given).items()}
        questions = _questions(joint, box, first, {})
        every = exactly(questions.eliminations, values, allowed)
        for ordered, elimination in zip(questions.orders(), every, strict=True):
            options.append((box, values, ordered, elimination))
            log_masses.append(elimination.log_joint(values).expand(examples))
    require_possible(log_masses, condition)
    shares = torch.stack(log_masses, 1).softmax(1).cumsum(1)[rows]
    uniforms = torch.rand(count, 1, generator=generator, dtype=torch.float64)
    chosen = (uniforms >= shares[:, :-1]).sum(1)
    drawn: Values = {}
    for number, (box, values, ordered, elimination) in enumerate(options):
        index = torch.nonzero(chosen == number).flatten()
        if len(index):
            own = {name: value[rows[index]].clone() for name, value in values.items()}
            known = joint.elements([*box.known, *elimination.codes])
            for (name, element), value in elimination.draw(values, rows[index], generator).items():
                own[name][:, element] = value.to(own[name])
            _draw_rest(ordered, lender, own, known, noise.rows(index))
            for name, value in own.items():
                drawn.setdefault(name, value.new_empty(count, value.shape[1]))[index] = value
    return drawn


def _generator(seed: int | None) -> torch.Generator:
    """A source of random numbers that are independent of the noise of the same seed."""
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        words = np.random.SeedSequence([checked_seed(seed), 1]).generate_state(2)
        generator.manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
    return generator


def _draw_rest(ordered: Ordered, lender: Lender, values: Values, known: Masks, noise: Noise) -> None:
    """Draws all that is not known, on which nothing known depends, into values in the data's own form."""
    ((density, orders),) = ordered
    standardized = density.units.standardized(values)
    count = noise.count
    masks = {name: torch.from_numpy(mask).expand(count, -1) for name, mask in known.items()}
    if not all(mask.all() for mask in known.values()):
        key = tuple(o if isinstance(o, int) else tuple(rank.rank.tobytes() for rank in o.values()) for o in orders)
        draw_unknown(density, lender, standardized, masks, orders, key, FromNoise(noise.draws))
        restored = density.units.restored(standardized)
        values |= {name: torch.where(mask, values[name], restored[name]) for name, mask in masks.items()}


def require_possible(log_masses: list[Tensor], condition: Event) -> None:
    """Refuses a condition that has no probability in one of the examples."""
    if not log_masses or bool((torch.stack(log_masses) == -math.inf).all(0).any()):
        raise ArdslError(f"`{condition.text}` has probability 0 under the model: nothing can be drawn given it")


def exactly(question: Any, *arguments: Any) -> Any:
    """The answer to a question by elimination. Raises ``NotExact`` where it has none."""
    try:
        return question(*arguments)
    except TooCostly as error:
        raise NotExact(str(error)) from None
