"""The interface of built networks: torch modules that the compiler evaluates whole. Imports torch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import ClassVar, Literal, ParamSpec, TypeVar

import torch
from torch import Tensor, nn
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack

from ardsl.networks.stepper import Orders

_Arguments = ParamSpec("_Arguments")
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Span:
    """A span of time: ``length`` time steps from ``first`` on, a number, or one for each example, [batch].

    Time steps before the first of all and after the last are absent.
    """

    first: int | Tensor
    length: int

    def of(self, value: Tensor, absent: float) -> Tensor:
        """Cuts the span out of a value [batch, time steps, …]; ``absent`` fills time steps that do not exist."""
        if isinstance(self.first, int):
            return value[:, self.first : self.first + self.length]
        index = self.first[:, None] + torch.arange(self.length, device=value.device)
        outside = (index < 0) | (index >= value.shape[1])
        extra = [1] * (value.ndim - 2)
        index, outside = index.view(*index.shape, *extra), outside.view(*outside.shape, *extra)
        index = index.clamp(0, value.shape[1] - 1).expand(-1, -1, *value.shape[2:])
        return value.gather(1, index).masked_fill(outside, absent)

    def widened(self, steps: int) -> Span:
        """Adds so many time steps before the span; where ``first`` is one number, as many of them as exist."""
        if isinstance(self.first, int):
            steps = min(steps, self.first)
        return Span(self.first - steps, self.length + steps)


class NetworkModule(nn.Module, ABC):
    """The torch side of one group.

    Called whole, it maps inputs [batch, columns] to parameters [batch, rows], the columns being the group's input
    features (or, where ``reads`` is ``"codes"``, one code per source element) and the rows the parameters of its
    draws, draw by draw. Along time (where its design has a ``receptive_field``) it also takes a :class:`Span`, and
    gives the rows of those time steps.
    """

    reads: ClassVar[Literal["features", "codes"]] = "features"
    jumps: ClassVar[tuple[int, ...]] = ()
    """The source elements on which outputs depend though their gradients need not show it. All others show, where all
    weights are positive."""
    asked: ClassVar[bool] = False
    """True where the network is asked with a mask (see ``ardsl.networks.asked``), and training with it."""

    @abstractmethod
    def forward(self, inputs: Tensor, orders: Orders = 0) -> Tensor: ...

    @abstractmethod
    def start_at(self, parameters: Tensor) -> None:
        """Sets the biases so that the network gives ``parameters`` [rows] for any input before training, up to its
        random weights.

        Along time they are the parameters of one time step, and all time steps begin with the same.
        """

    def unsaturate(self) -> None:
        """Makes weights smaller that a probe has made positive, (u + ½) / (the product of all sizes but the first) each
        and u + 4 where they have one axis, u in [0, 1], if units would be so large that their activations are flat."""

    @torch.no_grad()
    def tell_apart(self, scale: float) -> None:
        """Adds normal noise of this standard deviation to weights that begin equal for all that they read, as those of
        tables and linear networks do."""
        for weight in self.parameters():
            equal = len(weight) > 1 and bool((weight == weight[:1]).all())
            if weight.ndim > 1 and (equal or not bool(weight.any())):
                weight.add_(scale * torch.randn_like(weight))


def in_order(parameters: nn.ParameterList) -> tuple[Tensor, ...]:
    """The parameters of a list, without a look-up of the name of each. These are the list's own, also where
    ``torch.func.functional_call`` has put others in their place: a slice of the list would make new parameters of
    those, to which no gradient goes."""
    return tuple(parameters._parameters.values())  # type: ignore[arg-type]


def transforming() -> bool:
    """Says whether a transform of ``torch.func`` is at work: inside of one no function with a backward pass of its own
    and no checkpoint can be called, whatever its arguments are."""
    active: bool = torch._C._are_functorch_transforms_active()
    return active


def lasting(make: Callable[_Arguments, _Made]) -> Callable[_Arguments, _Made]:
    """Decorates a function that makes tensors to be kept for later calls: they are plain ones, also where it is called
    under ``torch.inference_mode`` or inside of a transform of ``torch.func``, whose own tensors end with it."""

    @wraps(make)
    @torch.inference_mode(False)
    def made(*arguments: _Arguments.args, **named: _Arguments.kwargs) -> _Made:
        if torch.compiler.is_compiling() or not transforming():
            return make(*arguments, **named)
        with temporarily_clear_interpreter_stack():
            return make(*arguments, **named)

    return made


def linear_(weight: Tensor, bias: Tensor | None) -> None:
    """torch.nn.Linear's own initialization."""
    bound = weight.shape[1] ** -0.5 if weight.shape[1] else 0.0
    with torch.no_grad():
        weight.uniform_(-bound, bound)
        if bias is not None:
            bias.uniform_(-bound, bound)
