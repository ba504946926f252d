"""Groups: the factors that one network serves, flattened to draws (rows) and source elements (columns)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ardsl.families.domains import Domain
from ardsl.families.family import Family
from ardsl.model.model import Factor, Model, NetworkCall, Variable
from ardsl.relations import Beside, Levels, Matrix, Order, Relation, Sparse, Union

SMALL = 1 << 20
"""Up to so many draws × source elements, the declared relation is a matrix in any case."""
LARGE = 1 << 27
"""Past so many draws × source elements, it is never a matrix."""
SPARSE = 32
"""Between the two, pairs are listed where fewer than one in so many is declared."""


@dataclass(frozen=True)
class SourceBlock:
    """The elements of one variable that the group reads, in flat order: a range where it is all of them."""

    variable: Variable
    elements: range | tuple[int, ...]

    @property
    def features(self) -> int:
        """The number of features of all elements together."""
        return sum(domain.features * (last - first) for domain, first, last in self.runs)

    @cached_property
    def index(self) -> slice | np.ndarray:
        """The elements as an index into an array over the variable's elements."""
        if isinstance(self.elements, range):
            return slice(self.elements.start, self.elements.stop, self.elements.step)
        return np.array(self.elements, dtype=np.int64)

    def within(self, relation: Relation) -> Relation:
        """A relation with the variable's elements as one with those of the block."""
        return relation if isinstance(self.elements, range) else relation.columns(self.elements)

    @cached_property
    def element_features(self) -> np.ndarray:
        """The number of features of each element, int64 [elements]."""
        counts = [np.full(last - first, domain.features) for domain, first, last in self.runs]
        return np.concatenate([np.zeros(0, dtype=np.int64), *counts])

    @cached_property
    def runs(self) -> tuple[tuple[Domain, int, int], ...]:
        """The runs of ``elements`` that have one domain: the domain, and the first and last index of the run."""
        return self.variable.domain_runs(self.elements)


@dataclass(frozen=True)
class TargetBlock:
    """Draws of one family: ``elements[d]`` are the elements that draw ``d`` covers, int [draws, event]."""

    factor: Factor
    variable: Variable
    family: Family
    elements: np.ndarray

    @property
    def draws(self) -> int:
        return len(self.elements)

    @cached_property
    def whole(self) -> bool:
        """The block covers its variable's elements in flat order."""
        return np.array_equal(self.elements.reshape(-1), np.arange(self.variable.size))

    def name(self, draw: int) -> str:
        """The draw as a spec would write it: an element, or ``x[3, *]``."""
        first = self.variable.element_name(int(self.elements[draw, 0]))
        if not self.factor.event_axes:
            return first
        indices = first[first.index("[") + 1 : -1].split(", ")
        for axis in self.factor.event_axes:
            indices[axis] = "*"
        return f"{self.variable.name}[{', '.join(indices)}]"


@dataclass(frozen=True)
class Group:
    """One network's factors: ``targets`` in the order of its outputs, ``sources`` in the order of its inputs."""

    name: str
    call: NetworkCall
    factors: tuple[Factor, ...]
    sources: tuple[SourceBlock, ...]
    targets: tuple[TargetBlock, ...]
    alternatives: int = 1
    """The number of sets of parameters that the network gives each draw; one of them is chosen."""

    @cached_property
    def draws(self) -> int:
        return sum(t.draws for t in self.targets)

    @cached_property
    def elements(self) -> int:
        return sum(len(s.elements) for s in self.sources)

    @cached_property
    def features(self) -> int:
        return sum(s.features for s in self.sources)

    @cached_property
    def element_features(self) -> np.ndarray:
        """The number of inputs of each source element, int64 [elements]."""
        return np.concatenate([np.zeros(0, dtype=np.int64), *(s.element_features for s in self.sources)])

    @cached_property
    def draw_outputs(self) -> np.ndarray:
        """The number of outputs of each draw, int64 [draws]."""
        widths = [self.alternatives * t.family.width for t in self.targets]
        return np.repeat(widths, [t.draws for t in self.targets])

    @cached_property
    def feature_element(self) -> np.ndarray:
        """The source element (column of the declared relation) of each input feature."""
        return np.repeat(np.arange(self.elements), self.element_features)

    @cached_property
    def output_draw(self) -> np.ndarray:
        """The draw (row of the declared relation) of each output: draw by draw within a block."""
        return np.repeat(np.arange(self.draws), self.draw_outputs)

    @cached_property
    def mixed(self) -> Variable | None:
        """The target variable under ``any(orders = K)``, if there is one."""
        return next((t.variable for t in self.targets if t.variable.orders.mixed), None)

    @property
    def order_count(self) -> int:
        return len(self.mixed.orders.orders) if self.mixed else 1

    def orders(self, k: int = 0) -> dict[str, Order]:
        """The order of each target variable in the group's ``k``-th configuration."""
        return {t.variable.name: t.variable.orders.orders[k if t.variable is self.mixed else 0] for t in self.targets}

    def without(self, variable: str, alternatives: int) -> Group:
        """The group that reads all but one variable, and gives each draw as many sets of parameters."""
        fewer = {
            id(factor): replace(factor, contexts=tuple(c for c in factor.contexts if c.variable != variable))
            for factor in self.factors
        }
        return replace(
            self,
            factors=tuple(fewer.values()),
            sources=tuple(source for source in self.sources if source.variable.name != variable),
            targets=tuple(replace(target, factor=fewer[id(target.factor)]) for target in self.targets),
            alternatives=alternatives,
        )

    def draw_name(self, draw: int) -> str:
        for target in self.targets:
            if draw < target.draws:
                return target.name(draw)
            draw -= target.draws
        raise IndexError(draw)

    def element_name(self, element: int) -> str:
        for source in self.sources:
            if element < len(source.elements):
                return source.variable.element_name(source.elements[element])
            element -= len(source.elements)
        raise IndexError(element)

    def declared(self, orders: Mapping[str, Order]) -> Relation:
        """The relation that the spec declares: draws × source elements."""
        chain = self.chain(orders)
        if chain is not None:
            return chain
        cells = self.draws * self.elements
        if cells > LARGE or (cells > SMALL and SPARSE * self.at_most(orders) < cells):
            return self._sparse(orders)
        return Matrix(self._matrix(orders))

    def at_most(self, orders: Mapping[str, Order]) -> int:
        """A bound on the pairs that are declared, which lists none of them."""
        chain = self.chain(orders)
        if chain is not None:
            return chain.count
        return sum(int(relation.at_most(own).sum()) for _, _, own, relation in self.readings(orders))

    def by_source(self, orders: Mapping[str, Order]) -> Beside:
        """The same, source by source and without listing pairs, for a group of one factor."""
        factor = self.factors[0]
        order = orders[factor.variable]
        by_source: list[Relation] = []
        for source in self.sources:
            read = [source.within(c.relation(order)) for c in factor.contexts if c.variable == source.variable.name]
            parts = tuple(map(self.at_draws, read))
            by_source.append(parts[0] if len(parts) == 1 else Union(self.draws, len(source.elements), parts))
        return Beside(self.draws, tuple(by_source))

    def at_draws(self, relation: Relation) -> Relation:
        """A relation of the elements of the only factor as one of its draws: all elements of a draw, which are
        consecutive, read the same."""
        event = self.targets[0].elements.shape[1]
        return relation if event == 1 else relation.select(range(0, relation.targets, event))

    def chain(self, orders: Mapping[str, Order]) -> Levels | None:
        """The declared relation as a chain where that shows without unrolling: one variable, all of its own past and
        all of every other source."""
        if len({t.variable.name for t in self.targets}) != 1 or len(self.factors) != 1:
            return None
        variable, contexts = self.targets[0].variable, self.factors[0].contexts
        for context in contexts:
            own, selection = context.variable == variable.name, context.selection
            if not (selection.all_earlier if own else selection.all_sources):
                return None
        rank = orders[variable.name].rank
        reads_own = any(c.variable == variable.name for c in contexts)
        source_level = np.concatenate(
            [rank + 1 if s.variable is variable else np.zeros(len(s.elements), np.int64) for s in self.sources]
            or [np.zeros(0, np.int64)]
        )
        first = np.concatenate([t.elements[:, 0] for t in self.targets])
        return Levels(rank[first] if reads_own else np.zeros(len(first), np.int64), source_level)

    def readings(self, orders: Mapping[str, Order]) -> Iterator[tuple[int, SourceBlock, np.ndarray, Relation]]:
        """The readings of each context of each target block: the block's first draw, the source, and of the relation,
        which is of all the factor's elements, the rows that are the block's draws: all elements of a draw read the
        same."""
        sources = {source.variable.name: source for source in self.sources}
        row = 0
        for target in self.targets:
            own = target.elements[:, 0] - target.factor.elements.start
            for context in target.factor.contexts:
                yield row, sources[context.variable], own, context.relation(orders[target.variable.name])
            row += target.draws

    @cached_property
    def first_columns(self) -> dict[str, int]:
        """The column of the first element of each source."""
        ends = np.cumsum([0, *(len(source.elements) for source in self.sources)]).tolist()
        return {source.variable.name: start for source, start in zip(self.sources, ends, strict=False)}

    def columns(self, source: SourceBlock) -> np.ndarray:
        """The column of each element of a source's variable, int64 [elements]; −1 for those that are not read."""
        columns = np.full(source.variable.size, -1)
        columns[source.index] = self.first_columns[source.variable.name] + np.arange(len(source.elements))
        return columns

    def elements_of(self, variable: Variable) -> np.ndarray:
        """The element of a variable that each source element is, int64 [elements]; −1 of those of other variables."""
        elements = [np.zeros(0, dtype=np.int64)]
        for source in self.sources:
            own = source.variable is variable
            elements.append(np.arange(variable.size)[source.index] if own else np.full(len(source.elements), -1))
        return np.concatenate(elements)

    def _matrix(self, orders: Mapping[str, Order]) -> np.ndarray:
        declared = np.zeros((self.draws, self.elements), dtype=bool)
        for row, source, own, relation in self.readings(orders):
            start = self.first_columns[source.variable.name]
            columns = slice(start, start + len(source.elements))
            declared[row : row + len(own), columns] |= relation.rows(own)[:, source.index]
        return declared

    def _sparse(self, orders: Mapping[str, Order]) -> Sparse:
        draws, elements = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for row, source, own, relation in self.readings(orders):
            draw, element = relation.pairs(own)
            draws.append(row + draw)
            elements.append(self.columns(source)[element])
        return Sparse.of_pairs(self.draws, self.elements, np.concatenate(draws), np.concatenate(elements))


def make_groups(model: Model) -> tuple[Group, ...]:
    """The ``p`` factors by the network they share, in the order of the text."""
    shared: dict[str, list[Factor]] = {}
    for number, factor in enumerate(model.factors):
        shared.setdefault(factor.net or f"#{number}", []).append(factor)
    return tuple(_group(model, tuple(factors)) for factors in shared.values())


def _group(model: Model, factors: tuple[Factor, ...]) -> Group:
    name = factors[0].net or _factor_name(model, factors[0])
    targets = tuple(block for factor in factors for block in _targets(model, factor))
    return Group(name, factors[0].network, factors, _sources(model, factors), targets)


def _factor_name(model: Model, factor: Factor) -> str:
    variable = model.variables[factor.variable]
    if variable.is_record and len(factor.elements) < variable.size:
        return variable.element_name(factor.elements.start)
    return variable.name


def _targets(model: Model, factor: Factor) -> list[TargetBlock]:
    variable = model.variables[factor.variable]
    if variable.is_record:
        return [
            TargetBlock(factor, variable, family, np.array([[element]]))
            for element, family in zip(factor.elements, factor.families, strict=True)
        ]
    elements = np.arange(variable.size).reshape(variable.shape)
    kept = [a for a in range(len(variable.shape)) if a not in factor.event_axes]
    draws = int(np.prod([variable.shape[a] for a in kept], dtype=np.int64))
    elements = elements.transpose(*kept, *factor.event_axes).reshape(draws, -1)
    return [TargetBlock(factor, variable, factor.families[0], elements)]


def _sources(model: Model, factors: tuple[Factor, ...]) -> tuple[SourceBlock, ...]:
    """Every variable a context names, whole; of one that is read only by listed elements, those."""
    read: dict[str, set[int] | None] = {}
    for factor in factors:
        for context in factor.contexts:
            named = context.selection.named
            known = read.setdefault(context.variable, set())
            read[context.variable] = None if named is None or known is None else known | set(named)
    return tuple(
        SourceBlock(
            model.variables[name],
            tuple(sorted(elements)) if elements is not None else range(model.variables[name].size),
        )
        for name, elements in read.items()
    )
