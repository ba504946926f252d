"""Faults to plant in networks that read sets; and the specs that meet them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import ardsl
from ardsl.networks.nade.networks import Nade
from tests.support.planting import Fault

CHECKED = {name: text for name, text in Nade.examples.items() if not name.startswith("deep")}

CONTEXTS, BLOCKS = "ardsl.networks.contexts", "ardsl.networks.nade.blocks"
PLAN, WISE = "ardsl.networks.nade.plan", "ardsl.networks.nade.blockwise"
NETWORK, STEPPER = "ardsl.networks.nade.module:ShallowNade", "ardsl.networks.nade.stepper"


def contexts_one_on(right: Any, declared: Any) -> Any:
    found = right(declared)
    return replace(found, of_draw=np.minimum(found.of_draw + 1, len(found) - 1))


def masks_one_on(right: Any, *more: Any) -> Any:
    block, chained = right(*more)
    return replace(block, mask=np.concatenate([block.mask[1:], block.mask[-1:]])), chained


def nothing_new(right: Any, *more: Any) -> Any:
    block, chained = right(*more)
    return (replace(block, new=block.new[:0]) if block.carried else block), chained


def common_of_the_first_alone(right: Any, *more: Any) -> Any:
    block, chained = right(*more)
    return replace(block, rest=block.rest[:0], mask=block.mask[:, :0]), chained


def outputs_in_place(right: Any, blocks: Any, like: Tensor) -> Any:
    return replace(right(blocks, like), unsorted=None)


def rows_for_draws(right: Any, *more: Any) -> Any:
    found = right(*more)
    return replace(found, draw=np.arange(len(found.draw)))


def one_forgotten(right: Any, self: Any, place: int, context: int, before: int) -> Any:
    columns, rows = right(self, place, context, before)
    return (columns[1:], rows[1:]) if before >= 0 else (columns, rows)


def always_continued(right: Any, place: Any, chain: Any, context: Any, step: Any) -> Any:
    return right(place, np.zeros_like(chain), context, step)


def output_rows_backwards(right: Any, self: Any) -> None:
    right(self)
    self._outputs.copy_(self._outputs.flip(0))


def gradients() -> str | None:
    """Compares the gradients of the weights with those of torch."""
    torch.manual_seed(0)
    spec = ardsl.loads("observed x[40] : binary\np(x[i] | x[<i]) = bernoulli via nade(hidden = 3, scaled = true)")
    net = ardsl.compile(spec, dtype=torch.float64, init="random").networks[0]
    x = torch.randn(5, 40, dtype=torch.float64)
    own = torch.autograd.grad(net(x).square().sum(), list(net.parameters()))
    vmapped = torch.func.grad(lambda w: torch.func.functional_call(net, w, (x,)).square().sum())
    plain = vmapped(dict(net.named_parameters()))
    wrong = [n for n, g in zip(plain, own, strict=True) if not torch.allclose(g, plain[n])]
    return f"the gradients of {wrong}" if wrong else None


FAULTS = [
    Fault("a context that belongs to another draw", f"{CONTEXTS}:distinct_contexts", contexts_one_on),
    Fault("a row of a block with the mask of the next", f"{BLOCKS}:_block", masks_one_on),
    Fault("a block that adds nothing to the sum it carries on", f"{BLOCKS}:_block", nothing_new),
    Fault("what only some rows of a block read left out", f"{BLOCKS}:_block", common_of_the_first_alone),
    Fault(
        "a block that carries on the sum of all rows, not that of the block before",
        f"{WISE}:_common",
        lambda right, x, weights, piece, before: right(
            x, weights, piece, weights.bias.expand_as(before) if piece.carried else before
        ),
    ),
    Fault("outputs left in the order of the rows", f"{WISE}:pieces_of", outputs_in_place),
    Fault("scales by row, not by draw", f"{BLOCKS}:make_blocks", rows_for_draws),
    Fault(
        "every order of a mixture with the contexts of the first",
        f"{NETWORK}.reading",
        lambda right, self, orders: right(self, 0 if isinstance(orders, int) else orders),
    ),
    Fault("a step that forgets an input", f"{PLAN}:Reading.added", one_forgotten),
    Fault("a step that continues another chain's sum", f"{STEPPER}:_continued", always_continued),
    Fault("a step with the output weights of another draw", f"{STEPPER}:ShallowStepper.refresh", output_rows_backwards),
    Fault(
        "gradients of what a block adds without those of the blocks that carry its sum on",
        f"{WISE}:_add",
        lambda right, total, places, part: right(total, places, part if len(part) > 15 else 0 * part),
        gradients,
    ),
    Fault(
        "gradients past the activation",
        f"{WISE}:FROM_OUTPUT",
        lambda right: dict.fromkeys(right, lambda gradient, hidden: gradient),
        gradients,
    ),
]
