"""A masked autoencoder whose units are dealt evenly is Bengio and Bengio's neural network of conditionals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import ardsl
from ardsl.networks.dense.plan import relations
from ardsl.testing import with_random_weights

SPEC = Path(__file__).parents[3] / "specs" / "neural_conditionals.ar"


def test_units_of_group_j_read_what_is_before_element_j() -> None:
    elements, units = 9, 4
    spec = ardsl.load(SPEC, elements=elements, units=units)
    design = spec.plan.groups[0]
    dense = relations(design.group, design.options, design.group.orders(0))
    group = np.repeat(np.arange(1, elements), units)  # of each unit; before the first element there is nothing
    assert np.array_equal(dense.hidden[0].matrix(), np.arange(elements) < group[:, None])
    assert np.array_equal(dense.hidden[1].matrix(), group <= np.arange(elements)[:, None])
    assert dense.direct is not None
    assert np.array_equal(dense.direct.matrix(), np.tri(elements, k=-1, dtype=bool))


def test_it_is_the_network_of_the_paper() -> None:
    """y_i = b_i + Σ_{j ≤ i} V_ij tanh(c_j + Σ_{k < j} W_jk x_k) + Σ_{k < i} U_ik x_k."""
    elements, units = 7, 3
    torch.manual_seed(0)
    model = with_random_weights(ardsl.load(SPEC, elements=elements, units=units))
    net = model.networks[0]
    columns, rows = net.layout
    x = torch.randint(2, (5, elements)).double()
    (first, last), direct = [weight.detach() for weight in net.weights], net.direct.detach()
    first, direct = first[:, np.argsort(columns)], direct[:, np.argsort(columns)]
    last, direct, bias = (numbers[np.argsort(rows)] for numbers in (last, direct, net.biases[1].detach()))
    logits = []
    for i in range(elements):
        total = bias[i] + direct[i, :i] @ x[:, :i].T
        for j in range(1, i + 1):
            own = slice((j - 1) * units, j * units)
            hidden = torch.tanh(net.biases[0].detach()[own] + x[:, :j] @ first[own, :j].T)
            total = total + hidden @ last[i, own]
        logits.append(total)
    torch.testing.assert_close(net(x).detach(), torch.stack(logits, 1))
