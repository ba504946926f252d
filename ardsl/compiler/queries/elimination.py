"""Exact answers by variable elimination: unobserved cells of finite domains are summed over, or drawn, whatever the
order in which the model draws them.

Each draw of the model is a factor: a table of log-probabilities over those cells, of its own and of its realized
context, that are not observed. Draws that no answer depends on are left out before, so what comes last is marginalized
for nothing, also where it is continuous. Costs are known before any table is made: the numbers that are held at once,
and the operations of networks, of families and of sums.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import opt_einsum
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.guards import at_once
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.queries.events import MOST_CODES, Allowed, Cell
from ardsl.compiler.queries.particles import Ordered, truncation
from ardsl.families.distributions import Conditional
from ardsl.model.model import Variable
from ardsl.networks.group import Group
from ardsl.relations import Relation

MOST_ENTRIES = 1 << 25
"""Numbers, float64, that are held at once: of all tables, and of what is in work beside them."""
MOST_CELLS = 24
"""Unknown cells that one draw may read."""
MOST_WORK = 1 << 35
"""Floating-point operations that exact answers may take for all examples together, some seconds of one core, where an
estimate takes fewer."""
PER_NUMBER = 200
"""Floating-point operations that a number takes in a family's log-probabilities, or in a sum of tables."""
MOST_ELEMENTS = 1 << 18
"""Elements of a model whose draws are listed."""
MOST_PAIRS = 1 << 26
"""Pairs of a draw and an element of its context that are listed."""
_IN_WORK = 1 << 20
"""Numbers of a family's log-probabilities that are computed at once."""
_COPIES = 4
"""Tables of the size of a product that there are while it is summed, or drawn from."""
_PER_MASS = 20
"""Numbers that the probability of an interval takes for each parameter."""


class TooCostly(Exception):
    """The error of a question that elimination cannot answer, or not at an affordable cost: its text says why."""


class Budget:
    """The floating-point operations that the exact answers of one question may still take."""

    def __init__(self) -> None:
        self._left: float = MOST_WORK

    def spend(self, work: float, instead: float) -> None:
        """Takes the work of an answer, and nothing for one that takes no more than the estimate ``instead`` of it.
        Raises ``TooCostly`` where not so much is left."""
        if work <= instead:
            return
        if work > self._left:
            raise TooCostly(f"{work:.2g} floating-point operations would be needed")
        self._left -= work


@dataclass(frozen=True)
class Place:
    """The place of a draw: a density, one of its groups, a block of that, and the draw's number in it."""

    density: int
    group: int
    block: int
    draw: int


@dataclass(frozen=True, eq=False)
class Factor:
    """A draw as a factor: the cells that it covers, ``own``, and those that it reads, ``context``; ``free`` and
    ``read`` are those of the two that are summed over."""

    place: Place
    own: tuple[Cell, ...]
    context: tuple[Cell, ...]
    free: tuple[Cell, ...]
    read: tuple[Cell, ...]
    confined: Cell | None = None
    """The cell of the draw, where the factor is the probability that it has an allowed value."""

    @property
    def scope(self) -> tuple[Cell, ...]:
        return self.read + self.free


@dataclass(frozen=True, eq=False)
class Grid:
    """Factors of one group whose parameters are computed together: for all joint codes of some cells, which are all
    that these factors read and sum over."""

    cells: tuple[Cell, ...]
    factors: tuple[Factor, ...]

    @property
    def place(self) -> Place:
        """The place of one of them: all have the same density and group."""
        return self.factors[0].place


@dataclass(frozen=True, eq=False)
class Table:
    """Log-probabilities over cells: float64 [examples, *codes of each cell], or [1, …] where they are the same for
    all."""

    cells: tuple[Cell, ...]
    log_prob: Tensor

    def over(self, cells: Sequence[Cell]) -> Tensor:
        """The same with an axis for each of some cells, which include the table's own."""
        order = sorted(range(len(self.cells)), key=lambda axis: cells.index(self.cells[axis]))
        moved = self.log_prob.permute(0, *(axis + 1 for axis in order))
        shape = [self.log_prob.shape[1 + self.cells.index(cell)] if cell in self.cells else 1 for cell in cells]
        return moved.reshape(-1, *shape)


@dataclass(frozen=True, eq=False)
class Contraction:
    """A step of the elimination: the tables that it multiplied, and the cells that it summed out of them."""

    tables: tuple[Table, ...]
    summed: tuple[Cell, ...]


class Elimination:
    """The elimination of all cells that are neither known nor asked for, for examples that know the same cells.

    ``known`` says which elements have values, bool [elements] by variable; ``allowed`` confines others to some values,
    of those ``asked`` for the joint table is wanted. Cells in ``points`` take these values alone,
    float64 [n], in the data's own form: so may cells of infinitely many. With ``about`` factors that have no bearing on
    these cells, given what is known, are left out: what comes of it is then the joint distribution divided by a number
    that is the same for all their values. Raises ``TooCostly`` where a cell that would have to be summed over has too
    many values.
    """

    def __init__(
        self,
        ordered: Ordered,
        known: Mapping[str, np.ndarray],
        allowed: Mapping[Cell, Allowed] | None = None,
        asked: Sequence[Cell] = (),
        points: Mapping[Cell, np.ndarray] | None = None,
        about: Collection[Cell] | None = None,
    ) -> None:
        self._ordered, self._known, self._asked = ordered, known, tuple(asked)
        self._allowed, self._points = dict(allowed or {}), dict(points or {})
        relevant = self._relevant_factors()
        self._factors = self._confined(relevant if about is None else self._connected(relevant, about))
        self.confined = {f.confined: self._allowed[f.confined] for f in self._factors if f.confined is not None}
        """What cells are allowed that are neither summed over nor drawn: nothing known depends on them."""
        free = dict.fromkeys(cell for factor in self._factors for cell in factor.free)
        self.codes = {cell: self._codes(cell) for cell in free}
        """The codes of each cell that is summed over, drawn or asked for."""
        self._sizes = {cell: len(codes) for cell, codes in self.codes.items()}
        self._grids = list(self._covering_grids())
        self._scopes = [factor.scope for grid in self._grids for factor in grid.factors if factor.scope]
        self._require_room(max(map(self._size, self._scopes), default=1))
        self._path = self._cheapest_path()
        self._sums = [(self._size(together), self._size(left)) for together, left in self._steps(self._path)]
        self._held = self._numbers_held()
        self._require_room(self._held)

    def work(self, values: Values, draws: int = 0) -> float:
        """The floating-point operations of an answer about examples, and of so many ``draws``."""
        examples = len(next(iter(values.values())))
        numbers = examples * sum(together for together, _ in self._sums)
        numbers += sum(min(draws, examples * left) * together // left for together, left in self._sums)
        flops = 0
        for grid in self._grids:
            distinct, _ = self._distinct(grid, values)
            design = self._ordered[grid.place.density][0].spec.plan.groups[grid.place.group]
            flops += len(distinct) * self._size(grid.cells) * design.flops
            numbers += len(distinct) * sum(self._size(f.read) * self._numbers_for_one(f) for f in grid.factors)
        return flops + PER_NUMBER * numbers

    @staticmethod
    def _require_room(numbers: int) -> None:
        if numbers > MOST_ENTRIES:
            raise TooCostly(f"tables of {numbers:.2g} numbers would be needed")

    def _numbers_held(self) -> int:
        """The numbers that are held at once for one example: its tables, by themselves and among those of others; what
        sums leave of them; a product while it is summed; and a family's log-probabilities in work."""
        tables = 2 * sum(map(self._size, self._scopes)) + sum(left for _, left in self._sums)
        product = max((together for together, _ in self._sums), default=1)
        in_work = max((self._numbers_for_one(f) for grid in self._grids for f in grid.factors), default=1)
        return tables + _COPIES * max(product, in_work)

    def _numbers_for_one(self, factor: Factor) -> int:
        """The numbers that a draw's log-probabilities take in work, of all codes of its free cells, for one state of
        what it reads."""
        width = self._width(factor)
        if factor.confined is not None:
            allowed = self._allowed[factor.confined]
            return _PER_MASS * width * (1 if allowed.intervals is None else len(allowed.intervals))
        return width * (1 if self._lists_all(factor) else self._size(factor.free))

    def _width(self, factor: Factor) -> int:
        """The number of a draw's parameters; 1 where it has none."""
        return max(1, self._conditional(factor).family.width)

    def _lists_all(self, factor: Factor) -> bool:
        """Says whether a draw has a parameter for each code of its free cell, or more: its table costs no more than
        they."""
        levels = self._conditional(factor).domain.levels
        one = len(factor.own) == len(factor.free) == 1 and factor.free[0] not in self._points
        return one and levels is not None and self._width(factor) >= levels

    def log_joint(self, values: Values) -> Tensor:
        """log p of what is known, [examples, *codes of each cell asked for], float64 in nats.

        Of ``values`` [examples, elements] by variable, in the data's own form; legal ones where they are not known.
        """
        parts = []
        for examples, rows in self._portions(values):
            log_prob = self._eliminated(rows)[0].log_prob
            parts.append(log_prob.expand(len(examples), *log_prob.shape[1:]))
        return torch.cat(parts)

    def draw(self, values: Values, rows: Tensor, generator: torch.Generator) -> dict[Cell, Tensor]:
        """Draws of every cell of ``codes`` given what is known: values, float64 [draws], one for each of ``rows``,
        int64 [draws], which say whose example it belongs to."""
        like = torch.zeros((), dtype=torch.float64)
        every = {cell: like.new_zeros(len(rows)) for cell in self.codes}
        for examples, own in self._portions(values):
            here = torch.nonzero((rows >= examples.start) & (rows < examples.stop)).flatten()
            _, steps = self._eliminated(own)
            drawn: dict[Cell, Tensor] = {}
            for step in reversed(steps):
                drawn |= self._drawn(step, drawn, rows[here] - examples.start, generator)
            for cell, place in drawn.items():
                every[cell][here] = self._values_of(cell, like)[place]
        return every

    def _portions(self, values: Values) -> Iterator[tuple[range, Values]]:
        """As many examples at once as have room for their tables."""
        count, most = len(next(iter(values.values()))), max(1, MOST_ENTRIES // self._held)
        for start in range(0, count, most):
            examples = range(start, min(start + most, count))
            yield examples, {name: value[examples.start : examples.stop] for name, value in values.items()}

    # What is relevant

    def _relevant_factors(self) -> list[Factor]:
        """The draws that what is known, confined or asked for depends on."""
        reading = _Reading(self._ordered)
        concerned = [cell for cell in reading.places if self._is_known(cell)] + [*self._allowed, *self._asked]
        waiting = [reading.places[cell] for cell in concerned if cell in reading.places]
        factors: dict[Place, Factor] = {}
        while waiting:
            place = waiting.pop()
            if place not in factors:
                own, context = reading.own(place), reading.context(place)
                free = tuple(cell for cell in own if not self._is_known(cell))
                read = tuple(cell for cell in context if not self._is_known(cell))
                if len(read) > MOST_CELLS:
                    raise TooCostly(f"a draw depends on {len(read):,} cells that are not known")
                factors[place] = Factor(place, own, context, free, read)
                waiting += [reading.places[cell] for cell in read]
        return sorted(factors.values(), key=lambda f: (f.place.density, f.place.group, f.place.block, f.place.draw))

    def _connected(self, factors: Sequence[Factor], about: Collection[Cell]) -> list[Factor]:
        """The factors that are connected to some cells by cells that are not known."""
        sharing: dict[Cell, list[Factor]] = defaultdict(list)
        for factor in factors:
            for cell in factor.own + factor.context:
                if cell in about or not self._is_known(cell):
                    sharing[cell].append(factor)
        cells_of: dict[Factor, list[Cell]] = defaultdict(list)
        for cell, readers in sharing.items():
            for factor in readers:
                cells_of[factor].append(cell)
        waiting, reached, connected = list(about), set(about), set()
        while waiting:
            for factor in sharing[waiting.pop()]:
                if factor not in connected:
                    connected.add(factor)
                    new = [cell for cell in cells_of[factor] if cell not in reached]
                    reached.update(new)
                    waiting += new
        return [factor for factor in factors if factor in connected]

    def _confined(self, factors: Sequence[Factor]) -> list[Factor]:
        """The factors, of which those whose only unknown cell has too many values to list, and is read by no other, are
        the probability that it is allowed."""
        read = {cell for factor in factors for cell in factor.read}.union(self._asked)
        confined = []
        for factor in factors:
            cell = factor.free[0] if len(factor.own) == len(factor.free) == 1 else None
            if cell in self._allowed and cell not in read and self._allowed[cell].codes is None:
                conditional = self._conditional(factor)
                if not conditional.by_intervals:
                    name = self._variable(cell[0]).element_name(cell[1])
                    raise TooCostly(f"the family of `{name}` has no distribution function")
                factor = replace(factor, free=(), confined=cell)
            confined.append(factor)
        return confined

    def _conditional(self, factor: Factor) -> Conditional:
        place = factor.place
        return self._ordered[place.density][0].conditionals[place.group][place.block]

    def _is_known(self, cell: Cell) -> bool:
        return cell[0] not in self._known or bool(self._known[cell[0]][cell[1]])

    def _variable(self, name: str) -> Variable:
        return next(density.spec.variables[name] for density, _ in self._ordered if name in density.spec.variables)

    def _codes(self, cell: Cell) -> np.ndarray:
        if cell in self._points:
            return np.arange(len(self._points[cell]))
        variable, allowed = self._variable(cell[0]), self._allowed.get(cell)
        levels = variable.element_domain(cell[1]).levels
        if levels is None or levels > MOST_CODES:
            count = "infinitely many" if levels is None else f"{levels:,}"
            raise TooCostly(f"`{variable.element_name(cell[1])}` has {count} values")
        if allowed is not None and allowed.codes is not None:
            return np.flatnonzero(allowed.codes)
        return np.arange(levels)

    def _size(self, cells: Sequence[Cell]) -> int:
        return prod(self._sizes[cell] for cell in cells)

    # Tables

    def _covering_grids(self) -> Iterator[Grid]:
        """The grids of all factors: each factor is in one of its group that has all cells that it reads, the largest
        first, so that a network is run once for factors that read parts of the same."""
        by_group: dict[tuple[int, int], list[Factor]] = defaultdict(list)
        for factor in self._factors:
            by_group[factor.place.density, factor.place.group].append(factor)
        for factors in by_group.values():
            grids: list[tuple[tuple[Cell, ...], list[Factor]]] = []
            for factor in sorted(factors, key=lambda factor: -len(factor.read)):
                for cells, members in grids:
                    if set(factor.read) <= set(cells):
                        members.append(factor)
                        break
                else:
                    grids.append((factor.read, [factor]))
            yield from (Grid(cells, tuple(members)) for cells, members in grids)

    def _distinct(self, grid: Grid, values: Values) -> tuple[np.ndarray, np.ndarray]:
        """The first example of each of those that agree in all that the factors of a grid depend on, and which of them
        each example agrees with."""
        evidence = {cell for f in grid.factors for cell in f.own + f.context if self._is_known(cell)}
        columns = [values[name][:, element].double() for name, element in sorted(evidence)]
        if not columns:
            return np.zeros(1, dtype=np.int64), np.zeros(len(next(iter(values.values()))), dtype=np.int64)
        together = torch.stack(columns, 1).cpu().numpy()
        _, distinct, which = np.unique(together, axis=0, return_index=True, return_inverse=True)
        return distinct, which.reshape(-1)

    def _grid_tables(self, grid: Grid, values: Values) -> Iterator[Table]:
        """The tables of the factors of a grid. Examples that agree in all that these factors depend on share one."""
        distinct, which = self._distinct(grid, values)
        tables = [
            torch.empty(len(distinct) * self._size(f.read), *map(self._sizes.__getitem__, f.free), dtype=torch.float64)
            for f in grid.factors
        ]
        filled = [0] * len(tables)
        for parts in self._log_probs(grid, values, distinct):
            for number, log_probs in parts:
                tables[number][filled[number] : filled[number] + len(log_probs)] = log_probs
                filled[number] += len(log_probs)
        for factor, every in zip(grid.factors, tables, strict=True):
            kept = tuple(cell for cell in grid.cells if cell in factor.read)
            shaped = every.view(len(distinct), *(self._sizes[cell] for cell in kept + factor.free))
            table = Table(kept + factor.free, shaped).over(factor.scope)
            yield Table(factor.scope, table[which] if len(table) > 1 else table)

    def _log_probs(self, grid: Grid, values: Values, examples: np.ndarray) -> Iterator[Iterator[tuple[int, Tensor]]]:
        """The log-probabilities of the factors of a grid for some examples, as many evaluations of the network at once
        as fit into memory: each factor's number with those of some states of what it reads, [states, *codes of its free
        cells], first by example, then by the codes of the grid's cells."""
        density, orders = self._ordered[grid.place.density]
        device = next(iter(values.values())).device
        sizes = [self._sizes[cell] for cell in grid.cells]
        points, most = prod(sizes), at_once(density.spec.plan, device)
        cell_values = {cell: self._values_of(cell, values[cell[0]]) for cell in grid.cells}
        for first in range(0, len(examples) * points, most):
            states = np.arange(first, min(first + most, len(examples) * points))
            rows = torch.from_numpy(examples[states // points]).to(device)
            expanded = {name: values[name][rows] for name in density.spec.variables}
            codes = dict(zip(grid.cells, np.unravel_index(states % points, sizes) if sizes else (), strict=True))
            for (name, element), code in codes.items():
                expanded[name][:, element] = cell_values[name, element][code]
            own_values = density.units.standardized(expanded)
            with torch.no_grad():
                parameters = density.conditional_parameters(
                    grid.place.group, own_values, orders[grid.place.group], validate=True
                )
            yield self._of_factors(grid, density, parameters, own_values, codes)

    def _of_factors(
        self,
        grid: Grid,
        density: Density,
        parameters: Sequence[Tensor],
        values: Values,
        codes: Mapping[Cell, np.ndarray],
    ) -> Iterator[tuple[int, Tensor]]:
        """The log-probabilities of each factor under the parameters that a network gives for some states, of which one
        alone is needed of those that differ in what the factor does not read."""
        states = np.arange(len(parameters[0]))
        for number, factor in enumerate(grid.factors):
            unread = [codes[cell] for cell in grid.cells if cell not in factor.read]
            needed = torch.from_numpy(states[~np.any(unread, axis=0)] if unread else states)
            raw = parameters[factor.place.block][:, factor.place.draw]
            own = values[factor.own[0][0]]
            for some in needed.split(max(1, _IN_WORK // self._numbers_for_one(factor))) if len(needed) else ():
                some = some.to(raw.device)
                yield number, self._factor_log_probs(factor, density, raw[some], own[some]).double().cpu()

    def _factor_log_probs(self, factor: Factor, density: Density, raw: Tensor, values: Tensor) -> Tensor:
        """The log-probabilities of a draw, [states, *codes of its free cells], under its parameters [states, width];
        values of its variable, [states, elements], are standardized."""
        place, conditional = factor.place, self._conditional(factor)
        if factor.confined is not None:
            allowed = truncation(density, conditional, factor.confined, self._allowed[factor.confined])
            return conditional.log_mass(raw, allowed)
        if factor.free and not conditional.joint and factor.free[0] not in self._points:
            codes = self.codes[factor.free[0]]
            if self._lists_all(factor) or len(codes) == conditional.domain.levels:
                return conditional.log_table(raw)[:, codes]
        own = values[:, [element for _, element in factor.own]]
        log_scale = density.units.log_scale(place.group, place.block)
        if factor.free:
            places = self._places(factor.free)
            own = own.unsqueeze(1).repeat(1, places.shape[1], 1)
            for cell, codes in zip(factor.free, places, strict=True):
                own[..., factor.own.index(cell)] = self._standardized(density, cell, own)[codes]
            raw = raw.unsqueeze(1)
        log_prob = conditional.log_prob(raw, own if conditional.joint else own[..., 0])
        log_prob = log_prob if log_scale is None else log_prob - log_scale[place.draw]
        return log_prob.unflatten(1, [self._sizes[cell] for cell in factor.free]) if factor.free else log_prob

    def _standardized(self, density: Density, cell: Cell, like: Tensor) -> Tensor:
        """The values of a cell's codes, standardized as the density's are."""
        values = self._values_of(cell, like)
        variable = density.spec.variables[cell[0]]
        whole = torch.ones(len(values), variable.size, dtype=torch.float64)
        whole[:, cell[1]] = values.double()
        return density.units.standardized({cell[0]: whole})[cell[0]][:, cell[1]].to(like)

    def _places(self, cells: Sequence[Cell]) -> Tensor:
        """All joint codes of some cells, as places among those of each: int64 [cells, points]."""
        sizes = [self._sizes[cell] for cell in cells]
        return torch.from_numpy(np.indices(sizes).reshape(len(sizes), prod(sizes)))

    def _values_of(self, cell: Cell, like: Tensor) -> Tensor:
        """The values of a cell's codes, in the type of some values."""
        if cell in self._points:
            return torch.from_numpy(self._points[cell]).to(like)
        domain = self._variable(cell[0]).element_domain(cell[1])
        return torch.from_numpy(domain.value(self.codes[cell].astype(np.float64))).to(like)

    # Sums

    def _cheapest_path(self) -> list[tuple[int, ...]]:
        """The order in which tables are multiplied, cells being summed out as soon as no other table has them."""
        scopes = self._scopes
        if not scopes:
            return []
        symbols = {cell: opt_einsum.get_symbol(number) for number, cell in enumerate(self.codes)}
        terms = ",".join("".join(symbols[cell] for cell in scope) for scope in scopes)
        equation = f"{terms}->{''.join(symbols[cell] for cell in self._asked)}"
        shapes = [tuple(self._sizes[cell] for cell in scope) for scope in scopes]
        path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
        return list(path)

    def _steps(self, path: Sequence[tuple[int, ...]]) -> Iterator[tuple[tuple[Cell, ...], tuple[Cell, ...]]]:
        """The cells of the tables that each step multiplies, all together, and those of what it leaves."""
        scopes = list(self._scopes)
        for places in path:
            taken = [scopes.pop(place) for place in sorted(places, reverse=True)]
            together = tuple(dict.fromkeys(cell for scope in taken for cell in scope))
            others = {cell for scope in scopes for cell in scope}.union(self._asked)
            left = tuple(cell for cell in together if cell in others)
            scopes.append(left)
            yield together, left

    def _eliminated(self, values: Values) -> tuple[Table, list[Contraction]]:
        """The table of the cells asked for, and the steps to it."""
        tables: list[Table] = []
        steps: list[Contraction] = []
        constant = torch.zeros(1, dtype=torch.float64)
        for grid in self._grids:
            for table in self._grid_tables(grid, values):
                if table.cells:
                    tables.append(table)
                else:
                    constant = constant + table.log_prob
        for places, (together, left) in zip(self._path, self._steps(self._path), strict=True):
            taken = tuple(tables.pop(place) for place in sorted(places, reverse=True))
            summed = tuple(cell for cell in together if cell not in left)
            product = sum((table.over(left + summed) for table in taken[1:]), taken[0].over(left + summed))
            axes = tuple(range(1 + len(left), 1 + len(together)))
            tables.append(Table(left, product.logsumexp(axes) if axes else product))
            steps.append(Contraction(taken, summed))
        whole = tables[0].over(self._asked) if tables else torch.zeros(1, dtype=torch.float64)
        return Table(self._asked, whole + constant.view(-1, *[1] * len(self._asked))), steps

    def _drawn(
        self, step: Contraction, drawn: Mapping[Cell, Tensor], rows: Tensor, generator: torch.Generator
    ) -> dict[Cell, Tensor]:
        """The cells that a step summed out, drawn given those of the steps after it: places among their codes. Draws
        that these are the same for have one distribution."""
        if not step.summed:
            return {}
        sizes = [self._sizes[cell] for cell in step.summed]
        last = tuple(dict.fromkeys(cell for t in step.tables for cell in t.cells if cell not in step.summed))
        shared = all(len(table.log_prob) == 1 for table in step.tables)
        given = [torch.zeros_like(rows) if shared else rows, *(drawn[cell] for cell in last)]
        distinct, which = torch.stack(given, 1).unique(dim=0, return_inverse=True)
        uniforms = torch.rand(len(rows), generator=generator, dtype=torch.float64)
        chosen = torch.zeros_like(rows)
        for states in torch.arange(len(distinct)).split(max(1, MOST_ENTRIES // (_COPIES * prod(sizes)))):
            example, *codes = distinct[states].unbind(1)
            code = dict(zip(last, codes, strict=True))
            log_prob = torch.zeros(len(states), *sizes, dtype=torch.float64)
            for table in step.tables:
                kept = tuple(cell for cell in table.cells if cell in step.summed)
                others = tuple(cell for cell in table.cells if cell not in step.summed)
                moved = table.over(others + kept)
                index = (example if len(moved) > 1 else torch.zeros_like(example), *(code[cell] for cell in others))
                log_prob += Table(kept, moved[index]).over(step.summed)
            up_to = log_prob.flatten(1).softmax(1).cumsum(1).clamp(max=1)
            here = torch.nonzero((which >= states[0]) & (which <= states[-1])).flatten()
            number = which[here] - states[0]  # the distribution of each, which stands in the line of all after so many
            line = (up_to + torch.arange(len(states)).unsqueeze(1)).flatten()
            place = torch.searchsorted(line, uniforms[here] + number, right=True) - number * prod(sizes)
            chosen[here] = place.clamp(max=prod(sizes) - 1)
        places = np.unravel_index(chosen.numpy(), sizes)
        return {cell: torch.from_numpy(place) for cell, place in zip(step.summed, places, strict=True)}


class _Reading:
    """The draws of a joint distribution, and what each reads. ``places`` are those of the draws of all cells."""

    def __init__(self, ordered: Ordered) -> None:
        self._ordered = ordered
        self.places: dict[Cell, Place] = {}
        self._relations: dict[tuple[int, int], Relation] = {}
        self._columns: dict[tuple[int, int], list[Cell]] = {}
        pairs = 0
        elements = sum(variable.size for density, _ in ordered for variable in density.spec.model.observed)
        if elements > MOST_ELEMENTS:
            raise TooCostly(f"there are {elements:,} elements")
        for number, (density, orders) in enumerate(ordered):
            for index, (design, order) in enumerate(zip(density.spec.plan.groups, orders, strict=True)):
                group = design.group
                relation = design.realized[order] if isinstance(order, int) else group.declared(order)
                self._relations[number, index] = relation
                pairs += relation.count
                self._columns[number, index] = [(s.variable.name, int(e)) for s in group.sources for e in s.elements]
                for block, target in enumerate(group.targets):
                    for draw, elements in enumerate(target.elements.tolist()):
                        place = Place(number, index, block, draw)
                        self.places |= {(target.variable.name, element): place for element in elements}
        if pairs > MOST_PAIRS:
            raise TooCostly(f"its draws read {pairs:,} elements in all")

    def _group(self, place: Place) -> Group:
        return self._ordered[place.density][0].groups[place.group]

    def own(self, place: Place) -> tuple[Cell, ...]:
        """The cells that a draw covers."""
        target = self._group(place).targets[place.block]
        return tuple((target.variable.name, element) for element in target.elements[place.draw].tolist())

    def context(self, place: Place) -> tuple[Cell, ...]:
        """The cells that a draw reads."""
        group = self._group(place)
        row = sum(target.draws for target in group.targets[: place.block]) + place.draw
        key = place.density, place.group
        return tuple(self._columns[key][column] for column in self._relations[key].reads(row).tolist())
