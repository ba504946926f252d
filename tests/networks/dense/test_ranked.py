"""Dense networks where each example is under an order of its own, against the network under each order by itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ardsl.networks.dense.module import DenseNetwork
from ardsl.networks.dense.ranked import DenseByRank, levels_of
from ardsl.relations.order import explicit
from tests.support.table_specs import ROWS, Table, tables


@pytest.mark.thorough
@settings(max_examples=25, deadline=None)
@given(tables(any_order=True), st.integers(0, 99), st.booleans(), st.data())
@torch.no_grad()
def test_each_example_is_under_its_own_order(table: Table, seed: int, alike: bool, data: st.DataObject) -> None:
    model, size = table.model, table.whole.shape[1]
    network, group = model.networks[0], model.groups[0]
    assume(isinstance(network, DenseNetwork))
    values = model.values(table.whole, None if table.label is None else {"g": table.label})
    inputs, levels = model.inputs(0, values), levels_of(network)
    assert levels is not None
    generator = torch.Generator().manual_seed(seed)
    rank = torch.stack([torch.randperm(size, generator=generator) for _ in range(1 if alike else ROWS)])
    ranked = DenseByRank.of(network, levels, inputs, rank)
    same = data.draw(st.integers(0, size - 1))
    later = torch.where(rank == same, size - 1, torch.where(rank > same, rank - 1, rank))
    for under, places in ((ranked, rank), (ranked.moved(later, same), later)):
        every = under.together(range(size))
        for row, own in enumerate(places.expand(ROWS, -1)):
            orders = group.orders(0) | {"row": explicit((size,), own.argsort().numpy())}
            example = {name: value[row : row + 1] for name, value in values.items()}
            for draw, block in enumerate(model.conditional_parameters(0, example, orders)):
                for parameters in (every[draw][row], under.parameters(draw, torch.tensor([row]))[0]):
                    torch.testing.assert_close(parameters, block[0, 0], atol=1e-9, rtol=1e-9)
