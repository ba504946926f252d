"""Faults to plant in what gradients take of the weights that a call is handed."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils.checkpoint import checkpoint

import ardsl
from tests.compiler import test_tracing
from tests.support.planting import Fault, of_test


def answered_by_the_module(right: Any, self: Any, inputs: Tensor, part: Any) -> Any:
    return checkpoint(self.answers, inputs, part, use_reentrant=False)


def gradients_by_a_call_are_those_of_a_backward_pass() -> None:
    text, make = test_tracing.MODELS["tied mlp"]
    model = ardsl.compile(ardsl.loads(text), seed=0, init="random")
    test_tracing.test_gradients_of_each_example((model, make(4)))


FAULTS = [
    Fault(
        "parameters of a list made anew",
        "ardsl.networks.module:in_order",
        lambda right, parameters: tuple(parameters[:]),
        of_test(gradients_by_a_call_are_those_of_a_backward_pass),
    ),
    Fault(
        "computed again with the weights that the module has by then",
        "ardsl.networks.asked:AskedNetwork._answered",
        answered_by_the_module,
        of_test(test_tracing.test_what_is_computed_again_has_the_weights_of_the_call, "asked with a mask"),
    ),
]
