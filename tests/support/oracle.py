"""The language read slowly and literally: ranks, and what every element reads. Imports nothing of ardsl."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from tests.support.described import Before, Box, Context, Described, Factor, Field, Order, Variable, Whole

Ranks = Sequence[int]
"""By element, row-major."""


def ranks(variable: Variable) -> list[int]:
    """The rank of each element."""
    by_draw = draw_ranks(variable.order, variable.draw_shape)
    return [by_draw[variable.draw_of(element)] for element in range(variable.size)]


def draw_ranks(order: Order, shape: tuple[int, ...]) -> list[int]:
    """The rank of each draw, in row-major order."""
    places = list(product(*map(range, shape)))
    if order.kind == "raster":
        axes = order.arguments or range(len(shape))
        return _ranks_of(sorted(places, key=lambda at: [at[axis] for axis in axes]), places)
    if order.kind == "reverse":
        return _ranks_of(places[::-1], places)
    if order.kind == "snake":
        lines = sorted({at[:-1] for at in places})
        return _ranks_of(
            [
                at
                for number, line in enumerate(lines)
                for at in sorted((at for at in places if at[:-1] == line), reverse=number % 2 == 1)
            ],
            places,
        )
    if order.kind == "diagonal":
        return _ranks_of(sorted(places, key=lambda at: (sum(at), at)), places)
    if order.kind == "spiral":
        return _ranks_of(_spiral(*shape), places)
    if order.kind == "shuffle":
        drawn = np.random.Generator(np.random.PCG64(order.arguments[0])).permutation(len(places))
        return _ranks_of([places[draw] for draw in drawn], places)
    if order.kind == "explicit":
        return _ranks_of([places[draw] for draw in order.arguments], places)
    if order.kind == "checkerboard":
        return [sum(at) % 2 for at in places]
    if order.kind == "blocks":
        sizes = order.arguments * len(shape) if len(order.arguments) == 1 else order.arguments
        blocks = [tuple(c // size for c, size in zip(at, sizes, strict=True)) for at in places]
        return [sorted(set(blocks)).index(block) for block in blocks]
    if order.kind == "multiscale":
        return _multiscale(order.arguments[0], places)
    raise ValueError(order.kind)


def _ranks_of(drawn: Sequence[tuple[int, ...]], places: Sequence[tuple[int, ...]]) -> list[int]:
    return [list(drawn).index(at) for at in places]


def _spiral(height: int, width: int) -> list[tuple[int, ...]]:
    """Walked: straight on until the edge or a place that was walked, then to the right."""
    at, step, walked = (0, 0), (0, 1), [(0, 0)]
    while len(walked) < height * width:
        ahead = at[0] + step[0], at[1] + step[1]
        if not (0 <= ahead[0] < height and 0 <= ahead[1] < width) or ahead in walked:
            step = step[1], -step[0]
            continue
        at = ahead
        walked.append(at)
    return list(walked)


def _multiscale(base: int, places: Sequence[tuple[int, ...]]) -> list[int]:
    rank: dict[tuple[int, ...], int] = {}
    for at in places:
        if all(c % base == 0 for c in at):
            rank[at] = len(rank)
    following, spacing = len(rank), base // 2
    while spacing >= 1:
        new = [at for at in places if at not in rank and all(c % spacing == 0 for c in at)]
        patterns = {at: tuple(c // spacing % 2 for c in at) for at in new}
        for pattern in sorted(set(patterns.values())):
            rank |= {at: following for at in new if patterns[at] == pattern}
            following += 1
        spacing //= 2
    return [rank[at] for at in places]


def reads(context: Context, target: Variable, element: int, source: Variable, rank: Ranks) -> set[int]:
    """The elements of the source that an element of the target reads; ``rank`` is the target variable's."""
    at = target.coordinates(element)
    return {
        other
        for other in range(source.size)
        if _reads(context, target, element, at, other, source.coordinates(other), rank)
    }


def _reads(
    context: Context,
    target: Variable,
    element: int,
    at: Sequence[int],
    other: int,
    there: Sequence[int],
    rank: Ranks,
) -> bool:
    how = context.how
    if isinstance(how, Whole):
        return True
    if isinstance(how, Field):
        return other == how.number
    if isinstance(how, Box):
        return all(
            (low is None or low.at(at) <= place) and (high is None or place <= high.at(at))
            for (low, high), place in zip(how.ends, there, strict=True)
        )
    behind = rank[element] - rank[other]
    if behind <= 0 or (how.last is not None and behind > how.last):
        return False
    limits = how.limits or (None,) * len(at)
    return all(limit is None or abs(a - b) <= limit for limit, a, b in zip(limits, at, there, strict=True))


def elements(factor: Factor, variable: Variable) -> range:
    """Those that a factor draws."""
    return range(variable.size) if factor.field is None else range(factor.field, factor.field + 1)


def declared(described: Described, factor: Factor, rank: Ranks | None = None) -> dict[str, set[str]]:
    """By draw of a factor, the names of the elements that it reads: the union over the elements that it covers.
    ``rank``: that of each element under an order that the language leaves to chance."""
    target = described.variables[factor.variable]
    rank = ranks(target) if rank is None else rank
    found: dict[str, set[str]] = {}
    for element in elements(factor, target):
        read = found.setdefault(target.draw_name(element), set())
        for context in factor.contexts:
            source = described.variables[context.source]
            read |= {source.element_name(other) for other in reads(context, target, element, source, rank)}
    return found


def faults(context: Context, target: Variable, source: Variable, positions: Sequence[int]) -> bool:
    """Whether a context cannot be meant: it reads of its own variable what is not drawn earlier, an index leaves the
    array where the language has it stay inside, or a window would differ between the elements of one draw."""
    if isinstance(context.how, Before):
        limits = context.how.limits or ()
        if len(limits) == 1:  # it is for the axes that no draw covers
            return False
        return any(
            limit is not None and limit < target.shape[axis] - 1
            for axis, limit in enumerate(limits)
            if axis in target.events
        )
    if not isinstance(context.how, Box | Field):
        return False
    if source.name == target.name:
        rank = ranks(target)
        for element in positions:
            if any(rank[other] >= rank[element] for other in reads(context, target, element, source, rank)):
                return True
    return isinstance(context.how, Box) and any(
        _leaves(index, size, target, source)
        for ends, size in zip(context.how.ends, source.shape, strict=True)
        for index in ends
        if index is not None
    )


def _leaves(index, size: int, target: Variable, source: Variable) -> bool:  # type: ignore[no-untyped-def]
    if index.axis is None:
        return not 0 <= index.offset < size
    if source.name == target.name:
        return False
    for coordinate in range(target.shape[index.axis]):
        value = index.at({index.axis: coordinate})
        aligned = value - index.offset if index.multiplier > 0 else value
        if not 0 <= value < size and not 0 <= aligned < size:
            return True
    return False


def longest_path(described: Described, chosen: Mapping[str, Ranks]) -> int:
    """How many draws follow one another on the longest path of what the ``p`` factors declare; ``chosen`` are the ranks
    of variables whose order the language leaves to chance."""
    drawn = {v.element_name(e): v.draw_name(e) for v in described.of("observed", "latent") for e in range(v.size)}
    read: dict[str, set[str]] = {}
    for factor in described.factors:
        if factor.kind == "p":
            by_draw = declared(described, factor, chosen.get(factor.variable))
            read |= {name: {drawn[e] for e in sources if e in drawn} for name, sources in by_draw.items()}
    depth: dict[str, int] = {}

    def deep(name: str) -> int:
        if name not in depth:
            depth[name] = 1 + max((deep(other) for other in read[name]), default=0)
        return depth[name]

    return max(map(deep, read))


def legal(described: Described) -> bool:
    """Whether every context reads only what is drawn earlier, and stays inside its source where it has to."""
    return not any(
        faults(context, target, described.variables[context.source], elements(factor, target))
        for factor in described.factors
        for target in (described.variables[factor.variable],)
        for context in factor.contexts
        # Under `any`, what is drawn earlier is left to chance: only windows can be judged.
        if isinstance(context.how, Before) or not (target.order.mixed and context.source == target.name)
    )


def own_reads(described: Described, variable: Variable, rank: Ranks) -> dict[int, set[int]]:
    """What each element of a variable reads of the variable itself."""
    found: dict[int, set[int]] = {}
    for factor in described.factors:
        if factor.kind != "p" or factor.variable != variable.name:
            continue
        for element in elements(factor, variable):
            found[element] = set()
            for context in factor.contexts:
                if context.source == variable.name:
                    found[element] |= reads(context, variable, element, variable, rank)
    return found


def steps(described: Described, variable: Variable, rank: Ranks) -> int:
    """The draws on the longest path within a variable."""
    read = own_reads(described, variable, rank)
    depth: dict[int, int] = {}
    for element in sorted(read, key=lambda e: rank[e]):
        draw = variable.draw_of(element)
        below = (depth[variable.draw_of(other)] for other in read[element])
        depth[draw] = max(depth.get(draw, 1), 1 + max(below, default=0))
    return max(depth.values())


def reach(described: Described, variable: Variable, axis: int, rank: Ranks) -> int:
    """The farthest along an axis that an element reads another of its variable."""
    pairs = [(e, other) for e, read in own_reads(described, variable, rank).items() for other in read]
    return max((abs(variable.coordinates(e)[axis] - variable.coordinates(o)[axis]) for e, o in pairs), default=0)


def graph(described: Described) -> dict[str, set[str]]:
    """By element that is drawn, those that it reads; the elements of one draw read one another in turn."""
    found: dict[str, set[str]] = {}
    for factor in described.factors:
        if factor.kind != "p":
            continue
        variable = described.variables[factor.variable]
        by_draw = declared(described, factor)
        for element in elements(factor, variable):
            name = variable.element_name(element)
            together = {
                variable.element_name(other)
                for other in range(element)
                if variable.events and variable.draw_of(other) == variable.draw_of(element)
            }
            found[name] = by_draw[variable.draw_name(element)] | together
    return found
