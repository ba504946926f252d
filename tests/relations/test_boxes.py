"""The greatest number inside each of many boxes."""

from __future__ import annotations

from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ardsl.relations.boxes import box_maxima
from tests.support.strategies import seeds

quick = settings(max_examples=40, deadline=None)


@quick
@given(st.data(), st.lists(st.integers(1, 7), min_size=1, max_size=3).map(tuple), seeds)
def test_box_maxima(data: st.DataObject, shape: tuple[int, ...], seed: int) -> None:
    values = np.random.default_rng(seed).permutation(prod(shape)).reshape(shape)
    count = data.draw(st.integers(1, 5))
    boxes = []
    for size in shape:
        pairs = [sorted(data.draw(st.tuples(*[st.integers(0, size - 1)] * 2))) for _ in range(count)]
        boxes.append((np.array([low for low, _ in pairs]), np.array([high for _, high in pairs])))
    expected = [values[tuple(slice(low[k], high[k] + 1) for low, high in boxes)].max() for k in range(count)]
    assert box_maxima(values, boxes).tolist() == expected
