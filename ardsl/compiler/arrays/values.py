"""Flat values: one [batch, elements] tensor for each variable, and legal ones where there are none."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ardsl.families.exact import exact_type
from ardsl.model.model import Variable
from ardsl.networks.module import lasting

Values = dict[str, Tensor]
"""By variable, [batch, elements], in the model's dtype; data that is not standardized yet, and whole numbers that the
dtype does not hold, may be float64."""


def data_type(variable: Variable, like: Tensor) -> torch.dtype:
    """The type that a variable's data keeps its digits in before it is standardized: float64 where an element
    is continuous, which is to be centered, or a whole number that the model's type does not hold, and where the device
    has it."""
    continuous = variable.is_record or not variable.element_domain(0).discrete
    return torch.float64 if continuous and like.device.type != "mps" else value_type(variable, like)


def value_type(variable: Variable, like: Tensor) -> torch.dtype:
    """The type of a variable's values in the model's units: the model's own, or float64 where some are whole numbers
    that it does not hold."""
    return exact_type(variable.largest_whole, like.dtype, like.device)


@lasting
def as_array(numbers: Tensor) -> np.ndarray:
    """The numbers of a tensor as an array, also inside of a transform of ``torch.func`` that takes gradients."""
    while torch._C._functorch.is_gradtrackingtensor(numbers):
        numbers = torch._C._functorch.get_unwrapped(numbers)
    array: np.ndarray = numbers.cpu().numpy()
    return array


def blank(variable: Variable, count: int, like: Tensor) -> Tensor:
    """Legal values for elements that are not drawn yet, [count, elements]: a mask times a feature that is not finite
    (the logarithm of a positive 0) would not be 0."""
    every = range(variable.size) if variable.is_record else range(min(1, variable.size))
    row = torch.tensor([variable.element_domain(e).feasible for e in every], dtype=like.dtype, device=like.device)
    return row.expand(count, variable.size).clone()
