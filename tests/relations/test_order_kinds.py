"""Every kind of order: its ranks by hand on small arrays, and what holds of it on any."""

from __future__ import annotations

from itertools import pairwise
from math import factorial, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.relations import ORDER_NAMES, Order, OrderError, OrderMixture
from ardsl.relations import order as orders
from tests.support.strategies import any_order, shapes, total_orders, weak_orders
from tests.support.unrolled import cells

quick = settings(max_examples=40, deadline=None)


@pytest.mark.parametrize(
    ("order", "ranks"),
    [
        (orders.raster((2, 3)), [[0, 1, 2], [3, 4, 5]]),
        (orders.raster((2, 3), (1,)), [[0, 2, 4], [1, 3, 5]]),
        (orders.reverse((2, 3)), [[5, 4, 3], [2, 1, 0]]),
        (orders.snake((3, 3)), [[0, 1, 2], [5, 4, 3], [6, 7, 8]]),
        (orders.diagonal((3, 3)), [[0, 1, 3], [2, 4, 6], [5, 7, 8]]),
        (orders.spiral((3, 4)), [[0, 1, 2, 3], [9, 10, 11, 4], [8, 7, 6, 5]]),
        (orders.spiral((4, 1)), [[0], [1], [2], [3]]),
        (orders.explicit((2, 2), [3, 0, 2, 1]), [[1, 3], [2, 0]]),
        (orders.checkerboard((2, 3)), [[0, 1, 0], [1, 0, 1]]),
        (orders.blocks((3, 3), (2, 2)), [[0, 0, 1], [0, 0, 1], [2, 2, 3]]),
        (orders.blocks((1, 5), (2,)), [[0, 0, 1, 1, 2]]),
        (orders.multiscale((4, 4), 2), [[0, 4, 1, 4], [5, 6, 5, 6], [2, 4, 3, 4], [5, 6, 5, 6]]),
        (orders.multiscale((1, 8), 4), [[0, 3, 2, 3, 1, 3, 2, 3]]),
        (orders.drawn_together(orders.reverse((2,)), (2, 3), (1,)), [[1, 1, 1], [0, 0, 0]]),
        (orders.drawn_together(orders.raster((2,)), (3, 2), (0,)), [[0, 1], [0, 1], [0, 1]]),
    ],
)
def test_ranks_by_hand(order: Order, ranks: list[list[int]]) -> None:
    assert order.rank.reshape(order.shape).tolist() == ranks


def test_three_axes_snake_along_the_last() -> None:
    assert orders.snake((2, 2, 2)).rank.tolist() == [0, 1, 3, 2, 4, 5, 7, 6]


def test_multiscale_of_an_image() -> None:
    assert orders.multiscale((32, 32), 4).steps == 64 + 2 * 3


@quick
@given(st.data(), shapes())
def test_total_orders_are_permutations(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(total_orders(shape))
    assert sorted(order.rank.tolist()) == list(range(prod(shape)))
    assert (order.rank[order.permutation] == np.arange(order.size)).all()
    assert order.total and not order.weak and order.steps == order.size


@quick
@given(st.data(), shapes())
def test_ranks_are_dense(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(any_order(shape))
    assert set(order.rank.tolist()) == set(range(order.steps))
    assert order.rank.dtype == np.int64 and not order.rank.flags.writeable
    elements, starts = order.by_rank
    groups = np.split(elements, starts[1:-1])
    assert [set(order.rank[group].tolist()) for group in groups] == [{k} for k in range(order.steps)]
    assert sorted(np.concatenate(groups).tolist()) == list(range(order.size))


@quick
@given(st.data(), shapes())
def test_weak_orders_say_so(data: st.DataObject, shape: tuple[int, ...]) -> None:
    order = data.draw(weak_orders(shape))
    assert order.weak
    with pytest.raises(OrderError, match="share ranks"):
        _ = order.permutation


@quick
@given(shapes(), st.sampled_from([2, 4, 8]))
def test_multiscale_goes_from_coarse_to_fine(shape: tuple[int, ...], base: int) -> None:
    order = orders.multiscale(shape, base)
    spacing = [max(s for s in (8, 4, 2, 1) if s <= base and all(c % s == 0 for c in cell)) for cell in cells(shape)]
    for rank in range(order.steps - 1):
        coarser = min(s for s, r in zip(spacing, order.rank, strict=True) if r == rank)
        assert max(s for s, r in zip(spacing, order.rank, strict=True) if r == rank + 1) <= coarser
    on_base = [r for s, r in zip(spacing, order.rank.tolist(), strict=True) if s == base]
    assert on_base == list(range(len(on_base)))


@quick
@given(st.integers(1, 6), st.integers(1, 6))
def test_spiral_moves_to_a_neighbour(height: int, width: int) -> None:
    order = orders.spiral((height, width))
    path = [divmod(element, width) for element in order.permutation.tolist()]
    assert path[0] == (0, 0)
    assert all(abs(a - c) + abs(b - d) == 1 for (a, b), (c, d) in pairwise(path))


def test_shuffle_never_changes() -> None:
    assert orders.shuffle((10,), seed=1).permutation.tolist() == [8, 4, 7, 0, 1, 2, 5, 9, 6, 3]


@pytest.mark.parametrize("size", [1, 3, 4, 9, 70])
def test_any_orders_differ(size: int) -> None:
    count = min(factorial(size), 30)
    mixture = orders.any_orders((size,), count, seed=5)
    assert len({tuple(order.rank.tolist()) for order in mixture}) == count == len(mixture)
    again = orders.any_orders((size,), count, seed=5)
    assert mixture == again
    assert all((a.rank == b.rank).all() for a, b in zip(mixture, again, strict=True))
    assert mixture.mixed and all(order.total for order in mixture)


def test_mixture_of_one() -> None:
    single = OrderMixture((orders.raster((3,)),))
    assert not single.mixed and single.order.name == single.name == "raster"
    assert orders.any_orders((3,), 1).mixed
    with pytest.raises(OrderError, match="say which one"):
        _ = orders.any_orders((3,), 2).order


def test_fresh_orders_keep_draws_together() -> None:
    mixture = orders.any_orders((4,), 2, train_all=True).drawn_together((4, 3), (1,))
    generator = np.random.default_rng(0)
    found = {tuple(mixture.draw(generator).rank.tolist()) for _ in range(20)}
    assert len(found) > 10
    assert all((np.array(ranks).reshape(4, 3) == np.array(ranks).reshape(4, 3)[:, :1]).all() for ranks in found)
    assert mixture.name == 'any(orders = 2, seed = 0, train = "all")'


def test_nothing_is_allocated_before_ranks_are_asked_for() -> None:
    vast = (10**6, 10**6, 10**6)
    for form in ORDER_NAMES.values():
        given_for = {"base": 2, "sizes": (2,), "count": 3}
        arguments = {a.keyword: given_for[a.keyword] for a in form.arguments if a.required}
        shape = vast[:2] if form.name == "spiral" else vast
        made = form.factory(shape, **arguments)
        assert (made.orders[0] if isinstance(made, OrderMixture) else made).size == prod(shape)
    assert orders.drawn_together(orders.raster(vast[:2]), vast, (2,)).steps == 10**12


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: orders.spiral((3,)), "two axes"),
        (lambda: orders.raster((2, 2), (0, 0)), "only once"),
        (lambda: orders.raster((2, 2), (2,)), "2 axes"),
        (lambda: orders.explicit((3,), [0, 1]), "lists 2 elements, and there are 3"),
        (lambda: orders.explicit((3,), [0, 1, 3]), "element 3"),
        (lambda: orders.explicit((3,), [0, 1, 1]), "element 1 more than once"),
        (lambda: orders.explicit((2,), [0.5, 1]), "whole numbers"),
        (lambda: orders.shuffle((3,), -1), "0 or more"),
        (lambda: orders.multiscale((4,), 3), "power of two"),
        (lambda: orders.multiscale((4,), 1), "power of two"),
        (lambda: orders.blocks((4, 4), (1, 2, 3)), "3 sizes"),
        (lambda: orders.blocks((4,), (0,)), "at least 1"),
        (lambda: orders.any_orders((3,), 7), "there are 6 orders of 3 elements"),
        (lambda: orders.any_orders((30,), 0), "at least 1"),
        (lambda: orders.any_orders((30,), 10**9), "at most"),
        (lambda: orders.drawn_together(orders.raster((2,)), (3, 2), (1,)), "shape"),
    ],
)
def test_impossible_orders(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(OrderError, match=message):
        make()


def test_the_first_of_any_may_be_the_natural_order() -> None:
    plain, natural = orders.any_orders((2, 3), 4, seed=7), orders.any_orders((2, 3), 4, seed=7, natural=True)
    assert natural.orders[0].rank.tolist() == list(range(6))
    assert [o.rank.tolist() for o in natural.orders[1:]] == [o.rank.tolist() for o in plain.orders[1:]]
    assert natural.name == "any(orders = 4, seed = 7, natural = true)"
