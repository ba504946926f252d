"""Orders rank the elements of one variable: what is ranked lower is drawn earlier.

Two arrays, never mixed: an *order* gives a rank per element, a *permutation* gives an element per rank.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import factorial, prod
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ardsl.relations import ranks

Shape = tuple[int, ...]

MOST_ORDERS = 10_000
"""The largest K of ``any(orders = K)``: each of the K is verified and saved."""


class OrderError(ValueError):
    """An order that cannot be; its text is one plain sentence."""


@dataclass(frozen=True)
class Order:
    """A rank for each element of an array. Nothing is allocated before ``rank`` is asked for.

    ``name`` is the order as a spec would say it. ``weak``: elements share a rank without being drawn together, so
    they are conditionally independent. Elements that one draw covers (along ``event_axes``) share a rank in any case.
    """

    name: str
    shape: Shape
    recipe: Callable[..., np.ndarray]
    """Called with the shape and ``arguments``, it gives the ranks."""
    arguments: tuple[Any, ...] = ()
    weak: bool = False
    event_axes: Shape = ()

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def draw_shape(self) -> Shape:
        """The shape of draws: the axes that no draw covers."""
        return tuple(size for axis, size in enumerate(self.shape) if axis not in self.event_axes)

    @property
    def total(self) -> bool:
        """Every element has a rank of its own."""
        return not self.weak and self.steps == self.size

    @cached_property
    def rank(self) -> np.ndarray:
        """The rank of each element, int64 [size], flat row-major, dense from 0."""
        rank = np.ascontiguousarray(self.recipe(self.shape, *self.arguments), dtype=np.int64)
        rank.flags.writeable = False
        return rank

    @cached_property
    def steps(self) -> int:
        """The number of ranks."""
        if not self.weak:
            return prod(self.draw_shape)
        return int(self.rank.max()) + 1 if self.size else 0

    @cached_property
    def permutation(self) -> np.ndarray:
        """The element of each rank, int64 [size]. Only a total order has one."""
        if not self.total:
            raise OrderError(f"elements share ranks under {self.name}, so there is no one element per rank")
        permutation = ranks.inverse(self.rank)
        permutation.flags.writeable = False
        return permutation

    @cached_property
    def by_rank(self) -> tuple[np.ndarray, np.ndarray]:
        """All elements, lower ranks first and one rank's ascending; and where each rank starts among them, with the
        end, int64 [steps + 1]."""
        if self.total:
            return self.permutation, np.arange(self.size + 1)
        elements = np.argsort(self.rank, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.rank))])
        return elements, starts

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class OrderMixture:
    """The orders that rank a variable's elements: one, or the K fixed orders of ``any(orders = K)``.

    ``seed`` is that of ``any``, None for a single declared order. ``train_all``: training draws from all D! orders.
    """

    orders: tuple[Order, ...]
    train_all: bool = False
    seed: int | None = None
    natural: bool = False

    @property
    def mixed(self) -> bool:
        """Declared with ``any``: the factor is a mixture over orders, even where K is 1."""
        return self.seed is not None

    @property
    def order(self) -> Order:
        """The single order. A mixture of several has none."""
        if len(self.orders) != 1:
            raise OrderError(f"{self.name} has {len(self.orders)} orders: say which one")
        return self.orders[0]

    @property
    def name(self) -> str:
        """As a spec would say it."""
        if not self.mixed:
            return self.orders[0].name
        return _any_name(len(self.orders), self.seed or 0, self.train_all, self.natural)

    def drawn_together(self, full_shape: Shape, event_axes: Shape) -> OrderMixture:
        """Each order lifted to all elements; see :func:`drawn_together`."""
        lifted = tuple(drawn_together(order, full_shape, event_axes) for order in self.orders)
        return OrderMixture(lifted, self.train_all, self.seed, self.natural)

    def draw(self, generator: np.random.Generator) -> Order:
        """A fresh uniformly random total order of the draws, for training on all D! of them."""
        like = self.orders[0]
        fresh = shuffle(like.draw_shape, int(generator.integers(2**63)))
        return drawn_together(fresh, like.shape, like.event_axes) if like.event_axes else fresh

    def __len__(self) -> int:
        return len(self.orders)

    def __iter__(self) -> Iterator[Order]:
        return iter(self.orders)

    def __str__(self) -> str:
        return self.name


def raster(shape: Shape, priority: Sequence[int] = (), names: Sequence[str] = ()) -> Order:
    """Row by row: lexicographic in the coordinates, the slowest axis first.

    ``priority`` gives axes from the slowest on; those it leaves out follow as declared. ``names`` are what the spec
    calls them.
    """
    if len(set(priority)) != len(priority):
        raise OrderError("an axis is named in raster only once")
    if any(not 0 <= axis < len(shape) for axis in priority):
        raise OrderError(f"the variable has {_count(len(shape), 'axis', 'axes')}, numbered from 0")
    axes = (*priority, *(axis for axis in range(len(shape)) if axis not in priority))
    written = f"raster({', '.join(map(str, names or priority))})" if priority else "raster"
    return Order(written, tuple(shape), ranks.raster, (axes,))


def reverse(shape: Shape) -> Order:
    """Raster, last element first."""
    return Order("reverse", tuple(shape), ranks.reverse)


def snake(shape: Shape) -> Order:
    """Boustrophedon: the lines along the last axis in raster order, every second one (1, 3, …) read backwards."""
    return Order("snake", tuple(shape), ranks.snake)


def diagonal(shape: Shape) -> Order:
    """By the sum of the coordinates, equal sums by raster: one diagonal after the other, a total order."""
    return Order("diagonal", tuple(shape), ranks.diagonal)


def spiral(shape: Shape) -> Order:
    """Two axes, from the outside in: from element [0, 0] along the first row to its end, down the last column, back
    along the last row, up the first column, and so on clockwise (rows counted downwards) to the middle."""
    if len(shape) != 2:
        raise OrderError(f"spiral needs two axes, and here there {_are(len(shape), 'axis', 'axes')}")
    return Order("spiral", tuple(shape), ranks.spiral)


def shuffle(shape: Shape, seed: int = 0) -> Order:
    """A uniformly random total order: ``numpy.random.Generator(PCG64(seed)).permutation(size)`` is its permutation
    (the element drawn at each rank)."""
    return Order(f"shuffle(seed = {_seed(seed)})", tuple(shape), ranks.shuffle, (seed,))


def explicit(shape: Shape, permutation: Sequence[int] | np.ndarray, names: Sequence[str] = ()) -> Order:
    """The elements in the order they are drawn, by flat row-major index: a permutation, not ranks. ``names`` are what
    the spec calls them."""
    listed = np.asarray(permutation)
    size = prod(shape)
    if listed.ndim != 1 or (listed.size and listed.dtype.kind not in "iu"):
        raise OrderError("a permutation is a plain list of whole numbers")
    if len(listed) != size:
        raise OrderError(f"the permutation lists {_count(len(listed), 'element')}, and there {_are(size, 'element')}")
    wrong = listed[(listed < 0) | (listed >= size)]
    if len(wrong):
        raise OrderError(f"the permutation lists element {wrong[0]}, and the elements are 0 to {size - 1}")
    times = np.bincount(listed, minlength=size) if size else np.zeros(0)
    if (times > 1).any():
        raise OrderError(f"the permutation lists element {int(np.argmax(times > 1))} more than once")
    most = 4 if names else 8
    called = (names[element] if names else str(element) for element in listed[:most])
    shown = ", ".join(called) + (", …" if size > most else "")
    return Order(f"[{shown}]", tuple(shape), ranks.explicit, (tuple(listed.tolist()),))


def multiscale(shape: Shape, base: int) -> Order:
    """Coarse to fine, a weak order (Reed et al. 2017, Parallel Multiscale Autoregressive Density Estimation).

    The base grid, the elements whose coordinates are all multiples of ``base``, comes first, one element at a time by
    raster. Then the spacing s is halved until it is 1: the elements new on the grid of spacing s fall into groups by
    which of their coordinates are odd multiples of s, (0, s), (s, 0), (s, s) in two dimensions, and the elements of a
    group share one rank. On 32 × 32 with base 4 that is 64 + 2 · 3 = 70 ranks.
    """
    if base < 2 or base & (base - 1):
        raise OrderError(f"the base of multiscale is a power of two (2, 4, 8, …), not {base}")
    if base >= 2**40 or len(shape) > 20:
        raise OrderError("multiscale takes a base below 2^40 and at most 20 axes")
    return Order(f"multiscale(base = {base})", tuple(shape), ranks.multiscale, (int(base),), weak=True)


def checkerboard(shape: Shape) -> Order:
    """Two ranks, a weak order: first the elements whose coordinates sum to an even number, then the others (the
    red-black colouring; the masks of Dinh et al. 2017, RealNVP)."""
    return Order("checkerboard", tuple(shape), ranks.checkerboard, weak=True)


def blocks(shape: Shape, sizes: Sequence[int]) -> Order:
    """Block by block in raster order, the elements of one block sharing a rank: a weak order (Wang et al. 2018,
    Semi-Autoregressive Neural Machine Translation, in any dimension).

    Blocks start at coordinate 0 and are cut off at the end of an axis. A single size serves all axes.
    """
    sizes = tuple(sizes) * len(shape) if len(sizes) == 1 else tuple(sizes)
    if len(sizes) != len(shape):
        raise OrderError(f"blocks has {_count(len(sizes), 'size')}, and there {_are(len(shape), 'axis', 'axes')}")
    if any(size < 1 for size in sizes):
        raise OrderError(f"the size of a block is at least 1, not {min(sizes)}")
    sizes = tuple(min(size, max(extent, 1)) for size, extent in zip(sizes, shape, strict=True))
    return Order(f"blocks({', '.join(map(str, sizes))})", tuple(shape), ranks.blocks, (sizes,), weak=True)


def drawn_together(order: Order, full_shape: Shape, event_axes: Sequence[int]) -> Order:
    """``order`` ranks draws; this ranks all elements, those of one draw (along ``event_axes``) equally.

    The axes of ``order`` are those of ``full_shape`` without ``event_axes``. Elements of one draw are not conditionally
    independent, so this alone does not make an order weak.
    """
    axes = tuple(sorted(event_axes))
    kept = tuple(size for axis, size in enumerate(full_shape) if axis not in axes)
    if kept != order.shape:
        raise OrderError(f"the order ranks an array of shape {order.shape}, and the draws have shape {kept}")
    return Order(order.name, tuple(full_shape), ranks.drawn_together, (order, axes), order.weak, axes)


def any_orders(shape: Shape, count: int, seed: int = 0, train_all: bool = False, natural: bool = False) -> OrderMixture:
    """``count`` distinct uniformly random total orders, the same for the same seed; with ``natural`` the first of them
    is raster.

    Small arrays draw permutations until enough differ; beyond 64 elements each order is a shuffle with a seed of its
    own, and 64! leaves no room for two to coincide.
    """
    size = prod(shape)
    if count < 1:
        raise OrderError(f"the number of orders is at least 1, not {count}")
    if count > MOST_ORDERS:
        raise OrderError(f"the number of orders is at most {MOST_ORDERS}, not {count}")
    if size < 10 and count > factorial(size):
        possible = _are(factorial(size), "order")
        raise OrderError(f"there {possible} of {_count(size, 'element')}, not {count}")
    generator = np.random.Generator(np.random.PCG64(_seed(seed)))
    recipes: list[tuple[Callable[..., np.ndarray], tuple[Any, ...]]]
    if size <= 64:
        permutations, first = _distinct(generator, size, count), tuple(range(size))
        if natural and first in permutations:  # it takes the first place, and nobody else's
            permutations = [first, *(permutation for permutation in permutations if permutation != first)]
        recipes = [(ranks.explicit, (permutation,)) for permutation in permutations]
    else:
        seeds = dict.fromkeys(generator.integers(2**63, size=2 * count).tolist())
        recipes = [(ranks.shuffle, (order_seed,)) for order_seed in list(seeds)[:count]]
    if natural:
        recipes[0] = (ranks.raster, (tuple(range(len(shape))),))
    whole = _any_name(count, seed, train_all, natural)
    orders = (Order(f"order {k} of {whole}", tuple(shape), *recipe) for k, recipe in enumerate(recipes))
    return OrderMixture(tuple(orders), train_all, seed, natural)


def _distinct(generator: np.random.Generator, size: int, count: int) -> list[tuple[int, ...]]:
    """Distinct random permutations: few possible ones are numbered and chosen from, many are drawn and kept if new."""
    if size <= 8:
        chosen = generator.choice(factorial(size), size=count, replace=False)
        return [_permutation(int(number), size) for number in chosen]
    distinct: dict[tuple[int, ...], None] = {}
    while len(distinct) < count:
        distinct[tuple(generator.permutation(size).tolist())] = None
    return list(distinct)


def _permutation(number: int, size: int) -> tuple[int, ...]:
    """The permutation that stands at ``number`` in the alphabet: its digits in the factorial base say which of the
    elements left comes next."""
    left = list(range(size))
    listed = []
    for position in range(size, 0, -1):
        digit, number = divmod(number, factorial(position - 1))
        listed.append(left.pop(digit))
    return tuple(listed)


def _any_name(count: int, seed: int, train_all: bool, natural: bool) -> str:
    train = ', train = "all"' if train_all else ""
    return f"any(orders = {count}, seed = {seed}{train}{', natural = true' if natural else ''})"


def _seed(seed: int) -> int:
    if seed < 0:
        raise OrderError(f"a seed is 0 or more, not {seed}")
    return seed


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _are(number: int, one: str, many: str | None = None) -> str:
    return f"{'is' if number == 1 else 'are'} {_count(number, one, many)}"


@dataclass(frozen=True)
class OrderArgument:
    """One argument of an order in the language: its ``name`` there, and the ``keyword`` its factory knows it by.

    ``kind``: ``axes`` (any number of axis names, given as a tuple of axis numbers), ``integer``, ``integers`` (any
    number of them, or one list), ``train`` (``"all"``, given as True), ``boolean``. ``required`` where there is no
    default.
    """

    name: str
    keyword: str
    kind: Literal["axes", "integer", "integers", "train", "boolean"]
    default: Any = None
    required: bool = False


@dataclass(frozen=True)
class OrderForm:
    """An order as the language names it: ``factory(shape, **arguments)`` makes it."""

    name: str
    factory: Callable[..., Order | OrderMixture]
    doc: str
    arguments: tuple[OrderArgument, ...] = ()
    weak: bool = False


_SEED = OrderArgument("seed", "seed", "integer", 0)
_FORMS = (
    OrderForm("raster", raster, "row by row, the slowest axis first", (OrderArgument("axes", "priority", "axes", ()),)),
    OrderForm("reverse", reverse, "raster, last element first"),
    OrderForm("snake", snake, "raster, every second line along the last axis backwards"),
    OrderForm("diagonal", diagonal, "by the sum of the coordinates, equal sums by raster"),
    OrderForm("spiral", spiral, "two axes: clockwise from the outside in, starting along the first row"),
    OrderForm("shuffle", shuffle, "a random order, fixed by its seed", (_SEED,)),
    OrderForm(
        "multiscale",
        multiscale,
        "every base-th element by raster, then ever finer grids, each in a few groups",
        (OrderArgument("base", "base", "integer", required=True),),
        weak=True,
    ),
    OrderForm("checkerboard", checkerboard, "elements with an even sum of coordinates, then the others", weak=True),
    OrderForm(
        "blocks",
        blocks,
        "block by block in raster order, each block in one step",
        (OrderArgument("sizes", "sizes", "integers", required=True),),
        weak=True,
    ),
    OrderForm(
        "any",
        any_orders,
        "order-agnostic: the uniform mixture over K random orders",
        (
            OrderArgument("orders", "count", "integer", required=True),
            _SEED,
            OrderArgument("train", "train_all", "train", False),
            OrderArgument("natural", "natural", "boolean", False),
        ),
    ),
)

ORDER_NAMES: Mapping[str, OrderForm] = MappingProxyType({form.name: form for form in _FORMS})
"""Every order that has a name in the language. A list of elements (or an ``.npy`` file) is :func:`explicit`."""
