"""Exact answers of joint distributions, under all orders that they mix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import torch
from torch import Tensor

from ardsl.compiler.arrays.values import Values
from ardsl.compiler.likelihood.density import Density
from ardsl.compiler.likelihood.missing import Cells, with_last
from ardsl.compiler.queries.elimination import PER_NUMBER, Budget, Elimination, TooCostly
from ardsl.compiler.queries.events import Allowed, Cell
from ardsl.compiler.queries.particles import Ordered
from ardsl.model.model import Variable
from ardsl.networks.group import Group
from ardsl.networks.stepper import Orders

Points = Mapping[Cell, np.ndarray]
"""Values of cells of infinitely many, in the data's own form: float64 [n]."""

MOST_ORDERS = 1_000
"""Combinations of orders that are asked one by one."""


def takes_any_order(variable: Variable) -> bool:
    """Says whether a variable was trained on all orders, so that its cells may be drawn in any: those that are asked
    about first."""
    one_by_one = not variable.orders.orders[0].event_axes and not variable.varies
    return variable.orders.train_all and one_by_one


def mixed_variables(densities: Sequence[Density]) -> list[Variable]:
    """The variables under ``any(…)``."""
    mixed = (group.mixed for density in densities for group in density.groups if group.mixed is not None)
    return list({variable.name: variable for variable in mixed}.values())


def joint_words(densities: Sequence[Density], first: str) -> str:
    """The words for the joint distribution that answers are of: ``first`` are those for the cells that are drawn
    first under orders that may be any."""
    mixed = mixed_variables(densities)
    orders = math.prod(len(variable.orders) for variable in mixed)
    if any(takes_any_order(variable) for variable in mixed):
        return f"the mean over {orders:,} orders, each of which draws {first} first"
    return f"the mixture over {orders:,} orders" if mixed else "the joint distribution of the spec"


def mixed_log_joint(eliminations: Sequence[Elimination], values: Values) -> Tensor:
    """log p of what is known under the mean over orders, each of which has an elimination: [examples, *codes of each
    cell asked for], float64 in nats."""
    under = [elimination.log_joint(values) for elimination in eliminations]
    return torch.stack(under).logsumexp(0) - math.log(len(under))


def _walk(densities: Sequence[Density]) -> int:
    """The floating-point operations of a particle's walk through all conditionals."""
    designs = [design for density in densities for design in density.spec.plan.groups]
    parameters = sum(target.draws * target.family.width for design in designs for target in design.group.targets)
    return sum(design.flops for design in designs) + PER_NUMBER * parameters


@dataclass(frozen=True, eq=False)
class Questions:
    """Questions of a joint distribution about examples that know the same cells: ``densities`` are its conditionals,
    ``known`` says of which elements the values are known, bool [elements] by variable. Under orders that may be any,
    the cells of ``first`` are drawn first, those of ``then`` next, and all others last. With ``about`` what has no
    bearing on these cells is left out of the joint distribution, which is then divided by a number that is the same for
    all their values. Answers that take more than an estimate from so many ``samples`` of each example are taken from
    the ``budget``."""

    densities: Sequence[Density]
    known: Mapping[str, np.ndarray]
    first: Cells
    then: Cells
    about: frozenset[Cell] | None = None
    samples: int = 0
    budget: Budget = field(default_factory=Budget)

    def log_joint(
        self,
        values: Values,
        box: Mapping[Cell, Allowed] | None = None,
        asked: Sequence[Cell] = (),
        points: Points | None = None,
    ) -> Tensor:
        """log p of what is known and that the cells of a box have allowed values, [examples, *codes of each cell asked
        for], float64 in nats.

        Of ``values`` [examples, elements] by variable in the data's own form, with legal ones where they are not
        known. Cells in ``points`` take these values alone, float64 [n]. Raises ``TooCostly``.
        """
        return mixed_log_joint(self.eliminations(values, box, asked, points), values)

    def eliminations(
        self,
        values: Values,
        box: Mapping[Cell, Allowed] | None = None,
        asked: Sequence[Cell] = (),
        points: Points | None = None,
        draws: int = 0,
    ) -> list[Elimination]:
        """The elimination under each order, all of which are affordable, with so many ``draws``."""
        orders = list(self.orders())
        if self.about is not None and len(orders) > 1:
            raise TooCostly("the orders that are mixed weigh what is left out differently")
        every = [Elimination(ordered, self.known, box, asked, points, self.about) for ordered in orders]
        examples = len(next(iter(values.values())))
        work = sum(elimination.work(values, draws) for elimination in every)
        self.budget.spend(work, examples * self.samples * _walk(self.densities))
        return every

    def orders(self) -> Iterator[Ordered]:
        """The conditionals under every combination of orders that are mixed."""
        mixed = mixed_variables(self.densities)
        count = math.prod(len(variable.orders) for variable in mixed)
        if count > MOST_ORDERS:
            raise TooCostly(f"there are {count:,} orders")
        for numbers in product(*(range(len(variable.orders)) for variable in mixed)):
            number = {variable.name: k for variable, k in zip(mixed, numbers, strict=True)}
            yield [(density, [self._order(group, number) for group in density.groups]) for density in self.densities]

    def _order(self, group: Group, number: Mapping[str, int]) -> Orders:
        if group.mixed is None:
            return 0
        name, k = group.mixed.name, number[group.mixed.name]
        if not takes_any_order(group.mixed):
            return k
        nothing = np.zeros(group.mixed.size, dtype=bool)
        first = self.first.get(name, nothing)
        then = self.then.get(name, nothing) & ~first
        rest = ~(first | then)
        if first.all() or then.all() or rest.all():
            return k
        return with_last(group, k, *({name: cells} for cells in (then, rest) if cells.any()))
