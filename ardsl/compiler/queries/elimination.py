"""Exact answers by variable elimination: unobserved cells of finite domains are summed over, or drawn, whatever the
order in which the model draws them.

Each draw of the model is a factor: a table of log-probabilities over those cells, of its own and of its realized
context, that are not observed. Draws that no answer depends on are left out before, so what comes last is marginalized
for nothing, also where it is continuous. Costs are known before any table is made.
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

MOST_ENTRIES = 1 << 24
"""Entries of the largest table that is made for one example."""
MOST_CELLS = 24
"""Unknown cells that one draw may read."""
MOST_WORK = 1 << 40
"""Floating-point operations that an exact answer may take, of networks and of sums, for all examples together."""
MOST_ELEMENTS = 1 << 18
"""Elements of a model whose draws are listed."""
MOST_PAIRS = 1 << 26
"""Pairs of a draw and an element of its context that are listed."""


class TooCostly(Exception):
    """The error of a question that elimination cannot answer, or not at an affordable cost: its text says why."""


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
        self._require_small([self._size(scope) for scope in self._scopes])
        self._path, self._largest, self._sums = self._cheapest_path()

    def require_affordable(self, examples: int) -> None:
        """Raises ``TooCostly`` where the tables, or the arithmetic for so many examples, would be too large."""
        self._require_small([self._largest])
        work = self._sums
        for grid in self._grids:
            place = grid.factors[0].place
            design = self._ordered[place.density][0].spec.plan.groups[place.group]
            work += self._size(grid.cells) * max(design.flops, 1)
        if examples * work > MOST_WORK:
            raise TooCostly(f"{examples * work:.2g} floating-point operations would be needed")

    @staticmethod
    def _require_small(sizes: Sequence[int]) -> None:
        largest = max(sizes, default=1)
        if largest > MOST_ENTRIES:
            raise TooCostly(f"a table of {largest:.2g} entries would be needed")

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
        count, most = len(next(iter(values.values()))), max(1, MOST_ENTRIES // self._largest)
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

    def _grid_tables(self, grid: Grid, values: Values) -> Iterator[Table]:
        """The tables of the factors of a grid. Examples that agree in all that these factors depend on share one."""
        evidence = {cell for f in grid.factors for cell in f.own + f.context if self._is_known(cell)}
        columns = [values[name][:, element].double() for name, element in sorted(evidence)]
        examples = len(next(iter(values.values())))
        distinct = np.zeros(1, dtype=np.int64)
        which = np.zeros(examples, dtype=np.int64)
        if columns:
            together = torch.stack(columns, 1).cpu().numpy()
            _, distinct, which = np.unique(together, axis=0, return_index=True, return_inverse=True)
        points = self._places(grid.cells)
        count = points.shape[1]
        place = grid.factors[0].place
        most = at_once(self._ordered[place.density][0].spec.plan, next(iter(values.values())).device)
        chunk = max(1, min(most, MOST_ENTRIES // max(self._size(f.free) for f in grid.factors)) // count)
        parts: list[list[Tensor]] = []
        for first in range(0, len(distinct), chunk):
            rows = torch.from_numpy(distinct[first : first + chunk])
            expanded = {name: v[rows.to(v.device)].repeat_interleave(count, 0) for name, v in values.items()}
            for cell, place in zip(grid.cells, points, strict=True):
                self._set(expanded, cell, self._values_of(cell, expanded[cell[0]])[place].repeat(len(rows)))
            parts.append(list(self._log_probs(grid, expanded, count)))
        for factor, log_probs in zip(grid.factors, zip(*parts, strict=True), strict=True):
            every = torch.cat(log_probs)
            yield Table(factor.scope, every[which.reshape(-1)] if len(every) > 1 else every)

    def _log_probs(self, grid: Grid, values: Values, count: int) -> Iterator[Tensor]:
        """The log-probabilities of each factor of a grid, [examples, *codes of its scope], from values [examples ·
        points, elements]."""
        place = grid.factors[0].place
        density, orders = self._ordered[place.density]
        own_values = density.units.standardized({name: values[name] for name in density.spec.variables})
        with torch.no_grad():
            parameters = density.conditional_parameters(place.group, own_values, orders[place.group], validate=True)
            for factor in grid.factors:
                table = self._factor_log_probs(factor, density, parameters, own_values)
                sizes = [self._sizes[cell] for cell in grid.cells]
                table = table.unflatten(0, (-1, *sizes)) if sizes else table
                for axis in reversed(range(len(grid.cells))):  # what the factor does not read makes no difference
                    if grid.cells[axis] not in factor.read:
                        table = table.select(axis + 1, 0)
                kept = tuple(cell for cell in grid.cells if cell in factor.read)
                yield Table(kept + factor.free, table.double().cpu()).over(factor.scope)

    def _factor_log_probs(
        self, factor: Factor, density: Density, parameters: Sequence[Tensor], values: Values
    ) -> Tensor:
        """The log-probabilities of a draw, [examples · points, *codes of its free cells]."""
        place, conditional = factor.place, self._conditional(factor)
        raw = parameters[place.block][:, place.draw]
        if factor.confined is not None:
            allowed = truncation(density, conditional, factor.confined, self._allowed[factor.confined])
            return conditional.log_mass(raw, allowed)
        name = factor.own[0][0]
        if factor.free and not conditional.joint and factor.free[0] not in self._points:
            return conditional.log_table(raw)[:, self.codes[factor.free[0]]]
        own = values[name][:, [element for _, element in factor.own]]
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

    @staticmethod
    def _set(values: Values, cell: Cell, column: Tensor) -> None:
        values[cell[0]][:, cell[1]] = column

    # Sums

    def _cheapest_path(self) -> tuple[list[tuple[int, ...]], int, int]:
        """The order in which tables are multiplied, cells being summed out as soon as no other table has them; and the
        size of the largest table on the way, and of all together."""
        scopes = self._scopes
        if not scopes:
            return [], 1, 1
        symbols = {cell: opt_einsum.get_symbol(number) for number, cell in enumerate(self.codes)}
        terms = ",".join("".join(symbols[cell] for cell in scope) for scope in scopes)
        equation = f"{terms}->{''.join(symbols[cell] for cell in self._asked)}"
        shapes = [tuple(self._sizes[cell] for cell in scope) for scope in scopes]
        path, _ = opt_einsum.contract_path(equation, *shapes, shapes=True, optimize="auto")
        sizes = [self._size(together) for together, _ in self._steps(list(path))]
        return list(path), max(sizes), sum(sizes)

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
        """The cells that a step summed out, drawn given those of the steps after it: places among their codes."""
        if not step.summed:
            return {}
        sizes = [self._sizes[cell] for cell in step.summed]
        chunk = max(1, MOST_ENTRIES // prod(sizes))
        uniforms = torch.rand(len(rows), 1, generator=generator, dtype=torch.float64)
        chosen = []
        for first in range(0, len(rows), chunk):
            part = slice(first, first + chunk)
            log_prob = torch.zeros(len(rows[part]), *sizes, dtype=torch.float64)
            for table in step.tables:
                kept = tuple(cell for cell in table.cells if cell in step.summed)
                last = tuple(cell for cell in table.cells if cell not in step.summed)
                moved = table.over(last + kept)
                example = rows[part] if len(moved) > 1 else torch.zeros_like(rows[part])
                index = (example, *(drawn[cell][part] for cell in last))
                own = moved[index]
                log_prob = log_prob + Table(kept, own).over(step.summed)
            shares = log_prob.flatten(1).softmax(1).cumsum(1)
            chosen.append((uniforms[part] >= shares[:, :-1]).sum(1))
        places = np.unravel_index(torch.cat(chosen).numpy(), sizes)
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
